//! A loop around `poll_work`, without executor: on a Cortex-M0 with 16 kB of memory. The engine is a `static` from the start, so it never lies on the
//! stack, which has no room for it.
//!
//! Invariant: the processor sleeps only after it has looked, with interrupts held back, that no wake has come since the poll. `wfi` ends for an
//! interrupt that is held back, too; so no wake is slept over.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m::asm::wfi;
use cortex_m::interrupt;
use cortex_m_rt::{entry, exception};
use static_cell::{ConstStaticCell, StaticCell};
use windlass::{Error, Inline, Next, Scheduler, wake_set};
use windlass_firmware::{
    Console, Devkit, Engine, Job, SCENES, Scene, clock, finish, is_interrupt_due, on_interrupt, systick,
};
use windlass_update_job::sim::Cells;
use windlass_update_job::{FLASH_PAGES, NODES, PAGE, Step, Update};

type Tables = Inline<Step, NODES>;

wake_set!(static WAKES: NODES);
static ENGINE: ConstStaticCell<Engine<Tables>> =
    ConstStaticCell::new(Scheduler::observed(Inline::new(), Console::new()));
static UPDATE: StaticCell<Job> = StaticCell::new();
static CELLS: ConstStaticCell<Cells> = ConstStaticCell::new([[0; PAGE]; FLASH_PAGES as usize]);

#[entry]
fn main() -> ! {
    systick::start(16_000_000);
    let engine = ENGINE.take();
    engine.set_wakes(&WAKES);
    let update = UPDATE.init(Update::new(Devkit::new(CELLS.take())));
    finish(SCENES.iter().try_fold(true, |all, scene| Ok(play(scene, engine, update)? && all)))
}

fn play(scene: &Scene, engine: &mut Engine<Tables>, update: &mut Job) -> Result<bool, Error> {
    let nodes = scene.begin(engine, update, clock::now())?;
    loop {
        match engine.poll_work_with(clock::now, update) {
            Next::Now => {}
            Next::At(_) | Next::OnWake => sleep(), // a millisecond at most, until the next tick
            Next::Done => return scene.end(engine, update, nodes),
        }
    }
}

fn sleep() {
    interrupt::free(|_| {
        if WAKES.is_empty() {
            wfi();
        }
    });
}

#[exception]
fn SysTick() {
    clock::on_tick();
    if is_interrupt_due(clock::now()) {
        systick::pend();
    }
}

/// The interrupt of link and button.
#[exception]
fn PendSV() {
    on_interrupt(clock::now());
}

//! Embassy on a RISC-V processor: one task runs the engine, and sleeps until a deadline or a wake.
//!
//! Invariant: the engine is polled when a deadline has come or a wake, and not in between: the adapter arms Embassy's timer, and its
//! bell rings for wakes.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use embassy_executor::Spawner;
use riscv::interrupt::Interrupt;
use riscv_rt::core_interrupt;
use static_cell::{ConstStaticCell, StaticCell};
use windlass::{Error, Inline, Scheduler, wake_set};
use windlass_embassy::{Bell, now, run_with};
use windlass_firmware::{
    Console, Devkit, Engine, Job, SCENES, clint, clock, finish, is_interrupt_due, on_interrupt,
};
use windlass_update_job::sim::Cells;
use windlass_update_job::{FLASH_PAGES, NODES, PAGE, Step, Update};

type Tables = Inline<Step, NODES>;

static BELL: Bell = Bell::new();
wake_set!(static WAKES: NODES, notify = &BELL);
static ENGINE: ConstStaticCell<Engine<Tables>> =
    ConstStaticCell::new(Scheduler::observed(Inline::new(), Console::new()));
static UPDATE: StaticCell<Job> = StaticCell::new();
static CELLS: ConstStaticCell<Cells> = ConstStaticCell::new([[0; PAGE]; FLASH_PAGES as usize]);

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    clint::start();
    let engine = ENGINE.take();
    engine.set_wakes(&WAKES);
    let update = UPDATE.init(Update::new(Devkit::new(CELLS.take())));
    finish(play_all(engine, update).await)
}

async fn play_all(engine: &mut Engine<Tables>, update: &mut Job) -> Result<bool, Error> {
    let mut all = true;
    for scene in &SCENES {
        let nodes = scene.begin(engine, update, now())?;
        run_with(engine, &BELL, update).await;
        all &= scene.end(engine, update, nodes)?;
    }
    Ok(all)
}

#[core_interrupt(Interrupt::MachineTimer)]
fn tick() {
    clint::acknowledge_tick();
    clock::on_tick();
    if is_interrupt_due(now()) {
        clint::pend();
    }
}

/// The interrupt of link and button.
#[core_interrupt(Interrupt::MachineSoft)]
fn link_or_button() {
    clint::unpend();
    on_interrupt(now());
}

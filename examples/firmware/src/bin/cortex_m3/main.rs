//! Embassy on a Cortex-M3: one task runs the engine, and sleeps until a deadline or a wake. Beside the update, in the same tree, an
//! `async fn` blinks.
//!
//! Invariant: the engine is polled when a deadline has come or a wake, and not in between: the adapter arms Embassy's timer, and its
//! bell rings for wakes. Tasks are static, so what this one holds is, too.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod node;

use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m_rt::exception;
use embassy_executor::Spawner;
use embassy_time::Timer;
use static_cell::ConstStaticCell;
use windlass::{AsyncLeaf, Error, Inline, Routine, Scheduler, Spec, WakeCell, wake_set};
use windlass_embassy::{Bell, now, run_with};
use windlass_firmware::{
    Console, Devkit, Engine, Job, SCENES, clock, finish, is_interrupt_due, on_interrupt, systick,
};
use windlass_update_job::sim::Cells;
use windlass_update_job::{FLASH_PAGES, NODES, PAGE, Update};

use crate::node::Node;

/// The update's nodes, and the lamp.
const ALL: usize = NODES + 1;

type Tables<'a> = Inline<Node<'a>, ALL>;

static BELL: Bell = Bell::new();
wake_set!(static WAKES: ALL, notify = &BELL);
static WAKERS: [WakeCell; ALL] = WakeCell::row(&WAKES);
/// How often the lamp went on.
static BLINKS: AtomicU32 = AtomicU32::new(0);
static CELLS: ConstStaticCell<Cells> = ConstStaticCell::new([[0; PAGE]; FLASH_PAGES as usize]);

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    systick::start(12_500_000);
    let lamp = pin!(Routine::new(blink));
    let mut engine = Scheduler::observed(Inline::new(), Console::new());
    engine.set_wakes(&WAKES);
    let mut update = Update::new(Devkit::new(CELLS.take()));
    finish(play_all(&mut engine, &mut update, AsyncLeaf::new(lamp, &WAKERS)).await)
}

/// Shows on the lamp that an update begins.
async fn blink() {
    for _ in 0..3 {
        BLINKS.fetch_add(1, Ordering::Relaxed);
        Timer::after_millis(40).await;
    }
}

async fn play_all<'a>(
    engine: &mut Engine<Tables<'a>>,
    update: &mut Job,
    lamp: AsyncLeaf<'a>,
) -> Result<bool, Error> {
    let lamp = engine.add(Spec::work("lamp", Node::Lamp(lamp)))?;
    let mut all = true;
    for scene in &SCENES {
        let nodes = scene.begin(engine, update, now())?;
        run_with(engine, &BELL, update).await;
        all &= scene.end(engine, update, nodes)?;
        engine.restart(lamp)?; // for the next scene, with a fresh future
    }
    Ok(all)
}

#[exception]
fn SysTick() {
    clock::on_tick();
    if is_interrupt_due(now()) {
        systick::pend();
    }
}

/// The interrupt of link and button.
#[exception]
fn PendSV() {
    on_interrupt(now());
}

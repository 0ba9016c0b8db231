//! Embassy on a Cortex-M3: one task runs the engine, and sleeps until a deadline or a wake.
//!
//! Invariant: the engine is polled when a deadline has come or a wake, and not in between: the adapter arms Embassy's timer, and its bell rings for wakes.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::exception;
use embassy_executor::Spawner;
use static_cell::{ConstStaticCell, StaticCell};
use windlass::{Error, Inline, Scheduler, wake_set};
use windlass_embassy::{Bell, now, run_with};
use windlass_firmware::{
    Console, Devkit, Engine, Job, SCENES, Scene, clock, finish, is_interrupt_due, on_interrupt, systick,
};
use windlass_update_job::sim::Cells;
use windlass_update_job::{FLASH_PAGES, NODES, PAGE, Step, Update};

type Tables = Inline<Step, NODES>;

static BELL: Bell = Bell::new();
wake_set!(static WAKES: NODES, notify = &BELL);
static ENGINE: StaticCell<Engine<Tables>> = StaticCell::new();
static UPDATE: StaticCell<Job> = StaticCell::new();
static CELLS: ConstStaticCell<Cells> = ConstStaticCell::new([[0; PAGE]; FLASH_PAGES as usize]);

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    systick::start(12_500_000);
    let engine = ENGINE.init(Scheduler::new().observed_by(Console::new()));
    engine.set_wakes(&WAKES);
    let update = UPDATE.init(Update::new(Devkit::new(CELLS.take())));
    finish(play_all(engine, update).await)
}

async fn play_all(engine: &mut Engine<Tables>, update: &mut Job) -> Result<bool, Error> {
    let mut all = true;
    for scene in &SCENES {
        all &= play(scene, engine, update).await?;
    }
    Ok(all)
}

async fn play(scene: &Scene, engine: &mut Engine<Tables>, update: &mut Job) -> Result<bool, Error> {
    let nodes = scene.begin(engine, update, now())?;
    run_with(engine, &BELL, update).await;
    scene.end(engine, update, nodes)
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

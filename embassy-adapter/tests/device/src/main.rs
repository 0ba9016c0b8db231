//! The adapter under Embassy's own executor, with a timer interrupt that wakes a node.
//!
//! What must hold: nothing runs before its time, on a clock whose ticks are no whole microseconds; no wake of the
//! interrupt is lost; another task has its turn between polls; a shutdown names who did not finish. A lost wake is a
//! hang, which whoever started QEMU ends. With the feature `doctored` naps expect an hour more than they ask for, which
//! must be found. The exit code is 0 if all held, 3 if not, and 101 after a panic.

#![no_std]
#![no_main]

mod clock;
mod works;

use core::num::NonZeroU32;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use embassy_executor::Spawner;
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant, Timer};
use semihosting::{print, println, process};
use windlass::{
    AsyncLeaf, Error, Inline, Reason, Retry, Routine, Scheduler, Spec, State, WakeCell, wake_set,
};
use windlass_embassy::{Bell, run_with, to_alarm, to_instant};

use crate::works::{BACK_OFF, BUSY_CRANKS, LETTERS, NAPS, NAPS_BESIDE, RETRIES, Report, Step, TIMED_RUNS};

/// The exit code of a test that has found what it looks for.
const FAULT: i32 = 3;

/// Cranks of one poll, so that there are many polls.
const BUDGET: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");

type Table<'a> = Scheduler<Inline<Step<'a>, 16>>;

static BELL: Bell = Bell::new();
wake_set!(static WAKES: 16, notify = &BELL);
static CELLS: [WakeCell; 16] = WakeCell::row(&WAKES);

/// Lets the neighbour want every turn that it can have, until it has had enough.
static EAGER: Signal<CriticalSectionRawMutex, ()> = Signal::new();
static ENOUGH: AtomicBool = AtomicBool::new(false);
/// The turns that it has had.
static TURNS: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    clock::start();
    match neighbour() {
        Ok(task) => spawner.spawn(task),
        Err(_) => process::exit(FAULT),
    }
    let future = pin!(Routine::new(waits));
    let mut scheduler = Scheduler::new();
    let mut report = Report::new();
    let passed = match test(&mut scheduler, AsyncLeaf::new(future, &CELLS), &mut report).await {
        Ok(passed) => passed,
        Err(error) => {
            println!("{error}");
            false
        }
    };
    process::exit(if passed { 0 } else { FAULT });
}

#[embassy_executor::task]
async fn neighbour() {
    EAGER.wait().await;
    while !ENOUGH.load(Ordering::Relaxed) {
        TURNS.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
    }
}

/// A work that is a future: its timers must not go off early either.
async fn waits() -> Result<(), Reason> {
    for ticks in [1, 7, 400] {
        let due = Instant::now() + Duration::from_ticks(ticks);
        Timer::at(due).await;
        if Instant::now() < due {
            return Err(Reason::new("early"));
        }
    }
    Ok(())
}

async fn test<'a>(
    scheduler: &mut Table<'a>,
    future: AsyncLeaf<'a>,
    report: &mut Report,
) -> Result<bool, Error> {
    scheduler.set_wakes(&WAKES);
    scheduler.set_budget(BUDGET);
    let job = scheduler.add(Spec::sequence("job"))?;
    scheduler.add_below(job, Spec::work("naps", Step::naps(NAPS)))?;
    scheduler
        .add_below(job, Spec::work("fetch", Step::fetch(RETRIES)).retry(Retry::A_FEW.constant(BACK_OFF)))?;
    scheduler.add_below(job, Spec::work("busy", Step::Busy { cranks_left: BUSY_CRANKS }))?;
    scheduler.add_below(job, Spec::work("post", Step::Post))?;
    scheduler.add_below(job, Spec::work("future", Step::Future(future)))?;
    scheduler.add_below(job, Spec::work("close", Step::Close))?;
    scheduler.add(Spec::work("beside", Step::naps(NAPS_BESIDE)))?;
    scheduler.add(Spec::work("stubborn", Step::Stubborn))?;

    run_with(scheduler, &BELL, report).await;

    print!("{}", scheduler.tree(scheduler.view().now()));
    println!("{report}");
    let forced = scheduler.view().drain().forced().map(|node| node.name());
    Ok(check("alarms round up and readings round down", rounds())
        & check("the job succeeded", scheduler.state(job)? == State::Success)
        & check("every timed run came, and none early", report.runs() == TIMED_RUNS && report.early() == 0)
        & check("every letter of the interrupt was seen", report.letters() == LETTERS)
        & check(
            "the neighbour had a turn in each poll",
            TURNS.load(Ordering::Relaxed) >= BUSY_CRANKS / BUDGET,
        )
        & check("only the stubborn one was ended by force", forced.eq(["stubborn"])))
}

/// Whether an alarm is the first tick at which its instant has come, at a tick rate that the host's mock clock cannot have.
fn rounds() -> bool {
    (0..200_000).map(windlass::Instant::from_micros).all(|at| {
        let first = to_alarm(at);
        let before = first.as_ticks().checked_sub(1).map(Instant::from_ticks);
        to_instant(first) >= at && before.is_none_or(|before| to_instant(before) < at)
    })
}

/// Says what was checked, and how it went.
fn check(what: &str, holds: bool) -> bool {
    println!("{} {what}", if holds { "ok:" } else { "FAULT, not so:" });
    holds
}

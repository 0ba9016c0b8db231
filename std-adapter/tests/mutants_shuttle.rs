//! Each flaw of a deque that needs no weak memory is found in orders of threads that shuttle draws, and the shipped
//! deque breaks no promise in twenty thousand of them. Only in a build with `--cfg shuttle`.
//!
//! Every seed is fixed, so the same orders are drawn each time.
#![cfg(shuttle)]

mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

use faults::deque::Flaw;
use faults::race::{ALL, CONTROLS, RACERS, Tool, found_by};
use faults::toy::{Fault, on_threads};
use windlass_std::audit::Report;
use windlass_std::pool::Ring;

const SEED: u64 = 0x5eed;
/// Orders drawn to find a flaw, with each of the two ways to draw.
const HUNT: usize = 10_000;
/// The same for a pool, of which an order is longer.
const FEW: usize = 2_000;
/// Orders drawn to find none.
const CONTROL: usize = 20_000;
/// How many switches against the priorities a bug needs at most.
const DEPTH: usize = 3;

/// In how many of the schedules a promise was broken.
fn broken(scheduler: impl Scheduler + 'static, run: impl Fn() -> Report + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    config.failure_persistence = shuttle::FailurePersistence::None;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    Runner::new(scheduler, config).run(move || {
        if !run().is_clean() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    count.load(Ordering::Relaxed)
}

fn random(schedules: usize) -> RandomScheduler {
    RandomScheduler::new_from_seed(SEED, schedules)
}

fn by_priority(schedules: usize) -> PctScheduler {
    PctScheduler::new_from_seed(SEED, DEPTH, schedules)
}

#[test]
fn each_flaw_of_schedules_is_found() {
    for racer in found_by(Tool::Shuttle) {
        let found = [
            broken(random(HUNT), || (racer.run)(racer.race)),
            broken(by_priority(HUNT), || (racer.run)(racer.race)),
        ];
        println!("{:?}: random {} and by priority {} of {HUNT}", racer.flaw, found[0], found[1]);
        assert!(found[0] + found[1] > 0, "a deque in which {} broke no promise", racer.flaw.text());
    }
}

#[test]
fn what_has_no_flaw_breaks_no_promise() {
    for race in ALL {
        for (name, run) in CONTROLS {
            assert_eq!(broken(random(CONTROL), || run(*race)), 0, "{name}, random, {race:?}");
            assert_eq!(broken(by_priority(CONTROL), || run(*race)), 0, "{name}, by priority, {race:?}");
        }
    }
}

/// If it did, loom and Miri would not be needed for it.
#[test]
fn a_flaw_of_memory_orders_is_not_visible_here() {
    for racer in RACERS.iter().filter(|racer| !racer.tools.contains(&Tool::Shuttle)) {
        assert_ne!(racer.flaw, Flaw::Sound);
        assert_eq!(broken(random(HUNT), || (racer.run)(racer.race)), 0, "{:?}", racer.flaw);
    }
}

/// Steps of each worker before the rest is done in turns.
const STEPS: usize = 16;

#[test]
fn a_pool_of_shipped_rings_breaks_no_promise() {
    let pool = |fault| move || on_threads::<Ring<u64>>(fault, STEPS);
    assert_eq!(broken(random(CONTROL), pool(Fault::None)), 0);
    assert_eq!(broken(by_priority(CONTROL), pool(Fault::None)), 0);
    // And if it broke one, that would be seen.
    for fault in [Fault::WakesTwice, Fault::OverflowForgets, Fault::BatchForgetsOne, Fault::FreesRunning] {
        let found = [broken(random(FEW), pool(fault)), broken(by_priority(FEW), pool(fault))];
        assert!(found[0] + found[1] > 0, "{fault:?}");
    }
}

//! Each flaw of a deque's memory orders is found by loom, with the audit as the only judge, and the deque without a
//! flaw breaks no promise in any order of up to three preemptions. Only in a build with `--cfg loom`.
#![cfg(loom)]

mod faults;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use faults::race::{CONTROLS, Race, SMALL, Tool, found_by};
use windlass_std::audit::Report;

/// Tries every order until a promise is broken. Says in which that was, and what was reported; or how many there are.
fn first_broken(race: Race, run: fn(Race) -> Report) -> Result<usize, (usize, String)> {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tried);
    let end = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let report = run(race);
            if !report.is_clean() {
                std::panic::panic_any(report.to_string());
            }
        });
    }));
    let tried = tried.load(Ordering::Relaxed);
    match end {
        Ok(()) => Ok(tried),
        Err(panic) => match panic.downcast::<String>() {
            Ok(report) => Err((tried, *report)),
            Err(panic) => std::panic::resume_unwind(panic),
        },
    }
}

#[test]
fn each_flaw_of_memory_orders_is_found() {
    for racer in found_by(Tool::Loom) {
        match first_broken(racer.race, racer.run) {
            Ok(tried) => panic!("a deque in which {} broke no promise in {tried} orders", racer.flaw.text()),
            Err((tried, report)) => {
                // Loom's own complaint is no report of the audit.
                assert!(report.contains("violation"), "{:?}: {report}", racer.flaw);
                println!("{:?}: order {tried}", racer.flaw);
            }
        }
    }
}

#[test]
fn what_has_no_flaw_breaks_no_promise() {
    for race in SMALL {
        for (name, run) in CONTROLS {
            match first_broken(*race, *run) {
                Ok(tried) => println!("{name}: {tried} orders of {race:?}"),
                Err((tried, report)) => panic!("{name}, order {tried} of {race:?}: {report}"),
            }
        }
    }
}

//! The example `audit_crossbeam`: its pool is clean under a soak, and each fault that it can be given is found.
//!
//! Every fault happens in the pool's opening, where one worker works alone, so no outcome here depends on the order in
//! which threads run.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;
#[path = "../examples/audit_crossbeam/pool.rs"]
mod pool;

use common::bounded;
use pool::{Fault, Outcome, Plan, run};
use windlass_std::audit::{Audit, Exact, Flight, Kind, Ledger, Mode, Off, Seat};

const SOAK: u64 = 300_000;
/// Enough that slots are used again after the opening.
const SHORT: u64 = 40_000;

fn outcome<A: Audit>(activations: u64, workers: u16, mode: Mode, fault: Option<Fault>) -> Outcome {
    bounded();
    run::<A>(&Plan { workers, activations, mode, fault })
}

fn kinds(outcome: &Outcome) -> Vec<Kind> {
    outcome.report.found().map(|(kind, _)| kind).collect()
}

fn soak<A: Audit>(workers: u16) -> Outcome {
    let outcome = outcome::<A>(SOAK, workers, Mode::Observe, None);
    assert!(outcome.report.is_clean(), "{}", outcome.report);
    assert_eq!(outcome.calls, outcome.expected);
    assert!(outcome.calls >= SOAK);
    outcome
}

fn soak_and_count<A: Audit>(workers: u16) {
    let outcome = soak::<A>(workers);
    let totals = outcome.report.totals;
    assert_eq!((totals.started, totals.finished()), (outcome.calls, outcome.calls));
    // What came from outside left the injector by steals; others were stolen as well, and in batches of several.
    let outside = outcome.report.seats.iter().filter(|seat| matches!(seat.seat, Seat::Outside(_)));
    let injected: u64 = outside.map(|seat| seat.counts.enqueued).sum();
    assert_eq!(injected, outcome.injected);
    assert!(injected > 0 && totals.stolen > injected && totals.moved > 0, "{}", outcome.report);
    // Every element that was pushed was taken once, and every task was retired: more of them than there are slots.
    assert_eq!(totals.enqueued + totals.moved, totals.popped + totals.stolen);
    assert_eq!((totals.enqueued, totals.retired), (totals.started, totals.done));
    assert!(totals.pending > 0 && totals.retired > 10 * outcome.slots as u64, "{}", outcome.report);
}

#[test]
fn a_correct_pool_is_clean_under_the_exact_audit() {
    soak_and_count::<Exact>(2);
}

#[test]
fn it_is_clean_with_more_workers_than_processors() {
    soak_and_count::<Flight<64>>(5);
}

#[test]
fn it_is_clean_under_the_other_layers() {
    soak::<Off>(3);
    soak::<Ledger>(3);
}

#[test]
fn each_fault_is_found_for_what_it_is() {
    for fault in Fault::ALL {
        for workers in [2, 4] {
            let exact = outcome::<Exact>(SHORT, workers, Mode::Observe, Some(fault));
            let flight = outcome::<Flight<64>>(SHORT, workers, Mode::Observe, Some(fault));
            for outcome in [exact, flight] {
                let (name, about) = fault.describe();
                assert_eq!(kinds(&outcome), fault.causes(), "{name}: {about}\n{}", outcome.report);
            }
        }
    }
}

#[test]
fn lost_work_is_missing_and_does_not_stop_the_pool() {
    for fault in [Fault::DropClaimed, Fault::DropHeld, Fault::FalseEmpty] {
        let outcome = outcome::<Off>(SHORT, 3, Mode::Observe, Some(fault));
        assert!(outcome.calls < outcome.expected, "{}", fault.describe().0);
    }
}

#[test]
fn the_ledger_finds_what_was_lost_in_a_queue_or_doubled() {
    for (fault, kind) in [(Fault::DropClaimed, Kind::LedgerLost), (Fault::PushTwice, Kind::LedgerDuplicate)] {
        let outcome = outcome::<Ledger>(SHORT, 2, Mode::Observe, Some(fault));
        assert_eq!(kinds(&outcome), [kind], "{}", outcome.report);
    }
}

#[test]
fn what_is_in_a_queue_twice_runs_once_if_the_audit_is_obeyed() {
    let fault = Some(Fault::PushTwice);
    let watched = outcome::<Exact>(SHORT, 3, Mode::Observe, fault);
    assert_eq!(watched.calls, watched.expected + 1, "{}", watched.report);
    let obeyed = outcome::<Exact>(SHORT, 3, Mode::Enforce, fault);
    assert_eq!(obeyed.calls, obeyed.expected, "{}", obeyed.report);
    for outcome in [watched, obeyed] {
        assert_eq!(outcome.report.found().collect::<Vec<_>>(), [(Kind::UseAfterRetire, 1)]);
    }
}

//! Each invariant, and tables of which one field was changed so that it does not hold.
//!
//! The invariant: every mutation has a control, the same without the change, that passes; so it is the change that was noticed.
#![allow(clippy::unwrap_used)]

use core::time::Duration;

use super::{Checked, Invariant};
use crate::cx::Cx;
use crate::deadlines::Timer;
use crate::id::NodeId;
use crate::links::NONE;
use crate::marks::mark;
use crate::next::Next;
use crate::node::ROOT;
use crate::phase::Phase::{Aborting, Retrying, Running, Waiting};
use crate::reason::Reason;
use crate::retry::Retry;
use crate::scheduler::Scheduler;
use crate::spec::Spec;
use crate::store::Boxed;
use crate::time::Instant;
use crate::work::{Outcome, Work};

/// Fails exactly if it is told to doctor the tables.
type Look = fn(bool) -> Checked;

/// The invariant that must not hold any more, and the look.
const MUTATIONS: &[(Invariant, Look)] = &[
    (Invariant::LegalMoves, stays_retrying),
    (Invariant::ChildrenFirst, parent_ends_early),
    (Invariant::AbortReachesAll, abort_leaves_a_child),
    (Invariant::EndedIsQuiet, deadline_of_an_ended_node),
    (Invariant::EndedIsQuiet, place_of_an_ended_node),
    (Invariant::RingIsRunnable, ring),
    (Invariant::WakeSource, sleep_without_deadline),
    (Invariant::WakeSource, shut_gate_that_asks_nobody),
    (Invariant::RetryBudget, retries),
    (Invariant::SequenceOrder, sequence),
    (Invariant::Concurrency, concurrency),
    (Invariant::SlotsConserved, slot_lost),
    (Invariant::TablesAgree, counter),
    (Invariant::TablesAgree, heap),
    (Invariant::Ends, composite_aborts_for_ever),
];

#[test]
fn every_invariant_has_a_mutation() {
    for invariant in Invariant::ALL {
        assert!(MUTATIONS.iter().any(|(other, _)| *other == invariant), "{invariant:?} has none");
    }
}

#[test]
fn every_mutation_is_noticed_by_its_invariant_and_by_no_other() {
    for (nth, (invariant, look)) in MUTATIONS.iter().enumerate() {
        assert_eq!(look(false), Ok(()), "control of mutation {nth}, {invariant:?}");
        let noticed = look(true).map_err(|violation| violation.invariant);
        assert_eq!(noticed, Err(*invariant), "mutation {nth}");
    }
}

type Engine = Scheduler<Boxed<Says>>;

/// A work that says what it is told to.
struct Says(fn() -> Outcome);

impl Work for Says {
    fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
        (self.0)()
    }
}

fn says(outcome: fn() -> Outcome) -> Spec<Says> {
    Spec::work("says", Says(outcome))
}

fn id(index: u32) -> NodeId {
    NodeId::from_bits(1 << 32 | u64::from(index)).unwrap()
}

/// A scheduler after so many cranks.
fn cranked(cranks: usize, build: impl Fn(&mut Engine)) -> Engine {
    let mut s = Scheduler::with_capacity(8);
    build(&mut s);
    for _ in 0..cranks {
        assert_eq!(s.next(), Next::Now);
        let _ = s.crank(Instant::ZERO);
    }
    s
}

fn one(outcome: fn() -> Outcome) -> Engine {
    cranked(1, |s| drop(s.add(says(outcome))))
}

/// A composite at index 0 and two works below it, after so many cranks.
fn pair(cranks: usize, composite: fn() -> Spec<Says>, outcome: fn() -> Outcome) -> Engine {
    cranked(cranks, |s| {
        let top = s.add(composite()).unwrap();
        s.add_below(top, says(outcome)).unwrap();
        s.add_below(top, says(outcome)).unwrap();
    })
}

fn stays_retrying(doctored: bool) -> Checked {
    let mut s = one(|| Outcome::WaitFor(Duration::from_secs(1)));
    if doctored {
        s.table().hot[0].phase = Retrying;
    }
    s.check_invariants()
}

fn parent_ends_early(doctored: bool) -> Checked {
    let mut s = pair(2, || Spec::parallel("pair"), || Outcome::Success);
    if doctored {
        let mut table = s.table();
        table.hot[1].phase = Waiting;
        table.cold[0].live = 1;
        table.cold[0].succeeded = 1;
    }
    s.check_invariants()
}

fn abort_leaves_a_child(doctored: bool) -> Checked {
    let mut s = pair(2, || Spec::parallel("pair"), || Outcome::Waiting);
    s.abort(id(0)).unwrap();
    if doctored {
        s.table().hot[1].phase = Running;
    }
    s.check_invariants()
}

fn deadline_of_an_ended_node(doctored: bool) -> Checked {
    let mut s = one(|| Outcome::Success);
    if doctored {
        let mut table = s.table();
        table.set_time(0, 5, Timer::Wake);
    }
    s.check_invariants()
}

fn place_of_an_ended_node(doctored: bool) -> Checked {
    let mut s = one(|| Outcome::Success);
    if doctored {
        let mut table = s.table();
        table.hot[0].set(mark::ACTIVE);
        table.cold[ROOT].active = 1;
    }
    s.check_invariants()
}

fn ring(doctored: bool) -> Checked {
    let mut s = one(|| Outcome::Running);
    if doctored {
        s.table().hot[0].clear(mark::ACTIVE);
        s.table().cold[ROOT].active = 0;
    }
    s.check_invariants()
}

fn sleep_without_deadline(doctored: bool) -> Checked {
    let mut s = one(|| Outcome::WaitFor(Duration::from_secs(1)));
    if doctored {
        // The heap still has it.
        s.table().hot[0].clear(mark::ARMED);
    }
    s.check_invariants()
}

fn shut_gate_that_asks_nobody(doctored: bool) -> Checked {
    let mut s = cranked(2, |s| {
        let awaited = s.add(says(|| Outcome::Waiting)).unwrap();
        s.add(Spec::after("gate", awaited)).unwrap();
    });
    if doctored {
        s.table().cold[0].watchers = NONE;
    }
    s.check_invariants()
}

fn retries(doctored: bool) -> Checked {
    let mut s = cranked(1, |s| {
        let spec = says(|| Outcome::Failure(Reason::new("test"))).retry(Retry::ONCE);
        s.add(spec).unwrap();
    });
    if doctored {
        s.table().cold[0].retries_used = 1;
    }
    s.check_invariants()
}

fn sequence(doctored: bool) -> Checked {
    let mut s = pair(1, || Spec::sequence("pair"), || Outcome::Waiting);
    if doctored {
        // Started without a place, so that only the order is wrong.
        let mut table = s.table();
        table.hot[2].phase = Running;
    }
    s.check_invariants()
}

fn concurrency(doctored: bool) -> Checked {
    let mut s = pair(2, || Spec::parallel("pair"), || Outcome::Waiting);
    if doctored {
        s.table().cold[0].places = 1;
    }
    s.check_invariants()
}

fn slot_lost(doctored: bool) -> Checked {
    let mut s = one(|| Outcome::Success);
    s.remove(id(0)).unwrap();
    if doctored {
        s.table().globals.slab.lose_free();
    }
    s.check_invariants()
}

fn counter(doctored: bool) -> Checked {
    let mut s = pair(2, || Spec::parallel("pair"), || Outcome::Waiting);
    if doctored {
        s.table().cold[0].live += 1;
    }
    s.check_invariants()
}

fn heap(doctored: bool) -> Checked {
    let mut s = pair(2, || Spec::parallel("pair"), || Outcome::WaitFor(Duration::from_secs(1)));
    if doctored {
        crate::timers::swap(s.table().alarms, 0, 1);
    }
    s.check_invariants()
}

fn composite_aborts_for_ever(doctored: bool) -> Checked {
    let mut s = pair(2, || Spec::parallel("pair"), || Outcome::Success);
    if doctored {
        let mut table = s.table();
        table.hot[0].phase = Aborting;
        table.cold[ROOT].live = 1;
    }
    s.check_invariants()
}

//! Runs in which something is wrong, and tables of which one field was changed.

use core::time::Duration;

use super::Looked;
use super::events::id;
use crate::cx::Cx;
use crate::lab::{Lab, Outside, search};
use crate::node::{ROOT, flag};
use crate::reason::Reason;
use crate::retry::Retry;
use crate::spec::{Spec, UNLIMITED};
use crate::state::State::{Running, Waiting};
use crate::work::{Outcome, Work};

/// A work that says what it is told to.
struct Says(fn() -> Outcome);

/// An application without anything.
#[derive(Default)]
struct Nothing;

impl Outside for Nothing {}

impl Work<Nothing> for Says {
    fn on_run(&mut self, _: &mut Cx<'_, Self, Nothing>) -> Outcome {
        (self.0)()
    }
}

fn says(outcome: fn() -> Outcome) -> Spec<Says> {
    Spec::work("says", Says(outcome))
}

/// A search over one work.
fn ran(outcome: fn() -> Outcome, prepare: fn(&mut Lab<Says, Nothing>)) -> Looked {
    let found = search::run(|lab: &mut Lab<Says, Nothing>| {
        lab.add(says(outcome)).unwrap();
        prepare(lab);
    });
    found.map(drop).map_err(|finding| finding.violation())
}

pub(super) fn no_end(doctored: bool) -> Looked {
    ran(if doctored { || Outcome::Running } else { || Outcome::Success }, |lab| lab.set_limit(50))
}

pub(super) fn waits_for_ever(doctored: bool) -> Looked {
    ran(if doctored { || Outcome::Waiting } else { || Outcome::Success }, |_| {})
}

pub(super) fn chance(doctored: bool) -> Looked {
    use core::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let by_chance = || match CALLS.fetch_add(1, Ordering::Relaxed) {
        0 => Outcome::Success,
        _ => Outcome::Fatal(Reason::new("chance")),
    };
    ran(if doctored { by_chance } else { || Outcome::Success }, |_| {})
}

pub(super) fn own(doctored: bool) -> Looked {
    ran(
        || Outcome::Success,
        if doctored { |lab| lab.at_end("never", |_| false) } else { |lab| lab.at_end("always", |_| true) },
    )
}

// ---- tables ----

/// A lab after so many steps, whose tables can be doctored.
fn lab(steps: usize, build: impl Fn(&mut Lab<Says, Nothing>)) -> Lab<Says, Nothing> {
    let mut lab = Lab::new(Nothing);
    build(&mut lab);
    for _ in 0..steps {
        assert!(lab.step().unwrap());
    }
    lab
}

fn one(outcome: fn() -> Outcome) -> Lab<Says, Nothing> {
    lab(1, |lab| drop(lab.add(says(outcome))))
}

/// A composite at index 0 and two works below it, after so many steps.
fn pair(steps: usize, composite: fn() -> Spec<Says>, outcome: fn() -> Outcome) -> Lab<Says, Nothing> {
    lab(steps, |lab| {
        let top = lab.add(composite()).unwrap();
        lab.add_child(top, says(outcome)).unwrap();
        lab.add_child(top, says(outcome)).unwrap();
    })
}

pub(super) fn table_parent_ends_early(doctored: bool) -> Looked {
    let mut lab = pair(2, || Spec::parallel("pair"), || Outcome::Success);
    if doctored {
        let mut table = lab.s.table();
        table.hot_mut(1).state = Waiting;
        table.cold_mut(0).live = 1;
        table.cold_mut(0).succeeded = 1;
    }
    lab.s.check_invariants()
}

pub(super) fn table_abort_leaves_a_child(doctored: bool) -> Looked {
    let mut lab = pair(2, || Spec::parallel("pair"), || Outcome::Waiting);
    lab.abort(id(0)).unwrap();
    if doctored {
        lab.s.table().hot_mut(1).state = Running;
    }
    lab.s.check_invariants()
}

pub(super) fn table_deadline_of_an_ended_node(doctored: bool) -> Looked {
    let mut lab = one(|| Outcome::Success);
    if doctored {
        let mut table = lab.s.table();
        table.cold_mut(0).wake_at = 5;
        table.rearm(0);
    }
    lab.s.check_invariants()
}

pub(super) fn table_place_of_an_ended_node(doctored: bool) -> Looked {
    let mut lab = one(|| Outcome::Success);
    if doctored {
        let mut table = lab.s.table();
        table.hot_mut(0).set(flag::ACTIVE);
        table.cold_mut(ROOT).active = 1;
    }
    lab.s.check_invariants()
}

pub(super) fn table_ring(doctored: bool) -> Looked {
    let mut lab = one(|| Outcome::Running);
    if doctored {
        lab.s.table().hot_mut(0).clear(flag::ACTIVE);
        lab.s.table().cold_mut(ROOT).active = 0;
    }
    lab.s.check_invariants()
}

pub(super) fn table_sleep_without_deadline(doctored: bool) -> Looked {
    let mut lab = one(|| Outcome::Sleep(Duration::from_secs(1)));
    if doctored {
        // Not disarmed, so that the heap still has it.
        lab.s.table().cold_mut(0).wake_at = UNLIMITED;
    }
    lab.s.check_invariants()
}

pub(super) fn table_shut_gate_that_asks_nobody(doctored: bool) -> Looked {
    let mut lab = lab(2, |lab| {
        let awaited = lab.add(says(|| Outcome::Waiting)).unwrap();
        lab.add(Spec::after("gate", awaited)).unwrap();
    });
    if doctored {
        lab.s.table().cold_mut(0).watchers = ROOT;
    }
    lab.s.check_invariants()
}

pub(super) fn table_retries(doctored: bool) -> Looked {
    let mut lab = lab(1, |lab| {
        let spec = says(|| Outcome::Failure(Reason::new("test"))).retry(Retry::ONCE);
        lab.add(spec).unwrap();
    });
    if doctored {
        lab.s.table().cold_mut(0).retries_used = 1;
    }
    lab.s.check_invariants()
}

pub(super) fn table_sequence(doctored: bool) -> Looked {
    let mut lab = pair(1, || Spec::sequence("pair"), || Outcome::Waiting);
    if doctored {
        // Started without a place, so that only the order is wrong.
        let mut table = lab.s.table();
        table.hot_mut(2).state = Running;
    }
    lab.s.check_invariants()
}

pub(super) fn table_width(doctored: bool) -> Looked {
    let mut lab = pair(2, || Spec::parallel("pair"), || Outcome::Waiting);
    if doctored {
        lab.s.table().cold_mut(0).width = 1;
    }
    lab.s.check_invariants()
}

pub(super) fn idle_poll(doctored: bool) -> Looked {
    let mut lab = if doctored { one(|| Outcome::Running) } else { one(|| Outcome::Waiting) };
    if doctored {
        // The ring is lost, and the cursor is not.
        let root = lab.s.table().root;
        (root.hot.cursor, root.hot.ring) = (0, ROOT);
    }
    lab.poll_idle()
}

pub(super) fn stale_id(doctored: bool) -> Looked {
    let mut lab = one(|| Outcome::Success);
    lab.remove(id(0)).unwrap();
    if doctored {
        let mut table = lab.s.table();
        let hot = table.hot_mut(0);
        hot.generation -= 1;
        hot.set(flag::LIVE);
    }
    lab.try_stale_ids()
}

pub(super) fn table_slot_lost(doctored: bool) -> Looked {
    let mut lab = one(|| Outcome::Success);
    lab.remove(id(0)).unwrap();
    if doctored {
        lab.s.table().root.free = ROOT;
    }
    lab.s.check_invariants()
}

pub(super) fn table_counter(doctored: bool) -> Looked {
    let mut lab = pair(2, || Spec::parallel("pair"), || Outcome::Waiting);
    if doctored {
        lab.s.table().cold_mut(0).live += 1;
    }
    lab.s.check_invariants()
}

pub(super) fn table_heap(doctored: bool) -> Looked {
    let mut lab = pair(2, || Spec::parallel("pair"), || Outcome::Sleep(Duration::from_secs(1)));
    if doctored {
        crate::timers::swap(lab.s.table().alarms, 0, 1);
    }
    lab.s.check_invariants()
}

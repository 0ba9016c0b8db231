//! Runs in which something is wrong.

use windlass::{Cx, Next, Outcome, Reason, Spec, Work};

use super::Looked;
use crate::{Lab, Outside, search};

/// A work that says what it is told to.
struct Says(fn() -> Outcome);

/// An application without anything.
#[derive(Default)]
struct Nothing;

impl Outside for Nothing {}

impl Work<Self, Nothing> for Says {
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

// ---- looks of the lab ----

/// A lab after one step.
fn one(outcome: fn() -> Outcome) -> Lab<Says, Nothing> {
    let mut lab = Lab::new(Nothing);
    lab.add(says(outcome)).unwrap();
    assert!(lab.step().unwrap());
    lab
}

pub(super) fn idle_poll(doctored: bool) -> Looked {
    // Told that there is nothing to do, and that is wrong.
    one(if doctored { || Outcome::Running } else { || Outcome::Waiting }).poll_for_nothing(Next::OnWake)
}

pub(super) fn stale_id(doctored: bool) -> Looked {
    let mut lab = one(|| Outcome::Success);
    let gone = lab.add(says(|| Outcome::Success)).unwrap();
    if !doctored {
        assert!(lab.step().unwrap());
        lab.remove(gone).unwrap();
    }
    lab.stale.push(gone);
    lab.try_stale_ids()
}

//! What the programs of a run reached, and what they must reach: a comparison of programs in which nothing happens proves nothing.

use std::collections::BTreeMap;
use std::fmt;

use windlass::{AbortCause, Error, EventKind, Failure, Kind, Reason, Setting, State};

use crate::script::Line;

/// How often each thing happened.
#[derive(Debug, Default)]
pub(crate) struct Reach(BTreeMap<String, u64>);

impl Reach {
    pub(crate) fn count(&mut self, lines: &[Line]) {
        for line in lines {
            match line {
                Line::Event(event) => self.count_event(&event.kind),
                Line::Called(method, sight) => self.add(format!("{method:?} of a {}", sight.own.kind.name())),
                Line::Answered(Ok(_)) => self.add("done".into()),
                Line::Answered(Err(Error::WrongState(state))) => self.add(format!("refused: {state}")),
                Line::Answered(Err(error)) => self.add(format!("refused: {error}")),
            }
        }
    }

    /// What never happened and should have.
    pub(crate) fn missing(&self) -> Vec<String> {
        must().into_iter().filter(|what| !self.0.contains_key(what)).collect()
    }

    fn count_event(&mut self, what: &EventKind) {
        match what {
            EventKind::Added(None) => self.add("added at the top".into()),
            EventKind::Added(Some(_)) => self.add("added below".into()),
            EventKind::Cranked => self.add("cranked".into()),
            EventKind::Moved(transition) => self.add(format!("transition {}", transition.number)),
            EventKind::Retry { .. } => self.add("retry".into()),
            EventKind::Failed(Failure { reason, .. }) => self.add(format!("failed: {}", reason.text())),
            EventKind::AbortBegan { cause, by } => {
                self.add(format!("abort: {cause}"));
                if by.is_some() {
                    self.add("abort by a node".into());
                }
            }
            EventKind::Forced => self.add("forced".into()),
            EventKind::TimedOut => self.add("timed out".into()),
            EventKind::Opened => self.add("opened".into()),
            EventKind::Paused(paused) => self.add(format!("paused: {paused}")),
            EventKind::Freed => self.add("freed".into()),
            EventKind::Full => self.add("full".into()),
            other => self.add(format!("{other:?}")),
        }
    }

    fn add(&mut self, what: String) {
        *self.0.entry(what).or_default() += 1;
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "{times:>10} {what}"))
    }
}

fn must() -> Vec<String> {
    let mut must: Vec<String> = [
        "added at the top",
        "added below",
        "cranked",
        "retry",
        "abort by a node",
        "forced",
        "timed out",
        "opened",
        "paused: true",
        "paused: false",
        "freed",
        "full",
        "Next of a batch",
        "Check of a when",
        "Check of a callback",
    ]
    .map(String::from)
    .into();
    // Those from a state to itself are no events.
    must.extend(
        (1..=16).filter(|number| ![3, 14].contains(number)).map(|number| format!("transition {number}")),
    );
    for method in ["Run", "Abort", "Reset", "Success", "FailureRetry", "FailureRaise"] {
        must.push(format!("{method} of a work"));
    }
    for cause in AbortCause::ALL {
        must.push(format!("abort: {cause}"));
    }
    for reason in [
        Reason::TIMEOUT,
        Reason::PANICKED,
        Reason::CHILD_FAILED,
        Reason::CHILD_ABORTED,
        Reason::NO_QUORUM,
        Reason::GATE_CLOSED,
        Reason::REFUSED,
        Reason::TABLE_FULL,
        Reason::NOTHING_ADDED,
        Reason::NOT_REWOUND,
    ] {
        must.push(format!("failed: {}", reason.text()));
    }
    for error in [
        Error::UnknownNode,
        Error::Full,
        Error::EdgesFull,
        Error::Aborting,
        Error::Ended,
        Error::ZeroConcurrency,
        Error::WrongKind,
        Error::WouldCycle,
        Error::Duplicate,
        Error::NoUse { setting: Setting::Concurrency, kind: Kind::Sequence },
        Error::NoUse { setting: Setting::OnFailure, kind: Kind::Work },
        Error::NoUse { setting: Setting::Detached, kind: Kind::Work },
    ] {
        must.push(format!("refused: {error}"));
    }
    for state in State::ALL.into_iter().filter(|state| *state != State::Retrying) {
        must.push(format!("refused: {state}"));
    }
    must
}

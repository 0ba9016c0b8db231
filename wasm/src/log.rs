//! What happened, as rows of numbers that JavaScript reads after each call.
//!
//! The invariant: what JavaScript needs to keep its own records right (`Verbosity::Ends`) is always written; all else only while somebody listens.

use std::time::Duration;

use windlass::{Event, EventKind, Instant, NodeId, Observer, Reason, Verbosity};

use crate::inbox::Inbox;
use crate::label;

/// Numbers of one row: what, label, id, time in ms, and three that depend on what.
pub(crate) const ROW: usize = 7;

/// Bits of an id that are the index; the rest is the generation. A float holds both.
const INDEX_BITS: u32 = 21;
/// The most nodes of a table.
pub(crate) const MOST_NODES: u32 = 1 << INDEX_BITS;
/// No node.
pub(crate) const NONE: f64 = -1.0;

/// The reasons that are the engine's own; JavaScript knows them by their place, as -1 and down.
const REASONS: [Reason; 9] = [
    Reason::TIMEOUT,
    Reason::PANICKED,
    Reason::CHILD_FAILED,
    Reason::CHILD_ABORTED,
    Reason::NO_QUORUM,
    Reason::GATE_CLOSED,
    Reason::REFUSED,
    Reason::TABLE_FULL,
    Reason::NOTHING_ADDED,
];

/// The rows since they were last read.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) rows: Inbox<f64>,
    pub(crate) watched: bool,
}

impl Observer for Log {
    fn verbosity(&self) -> Verbosity {
        if self.watched { Verbosity::Steps } else { Verbosity::Ends }
    }

    fn on_event(&mut self, event: &Event) {
        let (what, numbers) = match event.kind {
            EventKind::Added(parent) => (0, [from_option(parent), 0.0, 0.0]),
            EventKind::Cranked => (1, [0.0; 3]),
            EventKind::Moved(moved) => {
                let (from, to) = (moved.from as u8, moved.to as u8);
                (2, [f64::from(from), f64::from(to), f64::from(moved.number)])
            }
            EventKind::Retry { attempt, delay, failure } => {
                (3, [f64::from(attempt), in_millis(delay), from_reason(failure.reason)])
            }
            EventKind::Failed(failure) => (4, [from_reason(failure.reason), from_id(failure.origin), 0.0]),
            EventKind::AbortBegan { cause, by } => (5, [f64::from(cause as u8), from_option(by), 0.0]),
            EventKind::Forced => (6, [0.0; 3]),
            EventKind::TimedOut => (7, [0.0; 3]),
            EventKind::Opened => (8, [0.0; 3]),
            EventKind::Paused(paused) => (9, [f64::from(u8::from(paused)), 0.0, 0.0]),
            EventKind::Freed => (10, [0.0; 3]),
            EventKind::Full => (11, [0.0; 3]),
            _ => return,
        };
        let label = f64::from(label::number_of(event.name));
        self.rows.new.extend([f64::from(what), label, from_id(event.node), from_instant(event.at)]);
        self.rows.new.extend(numbers);
    }
}

/// The id as JavaScript knows it.
pub(crate) fn from_id(id: NodeId) -> f64 {
    f64::from(id.generation()) * f64::from(MOST_NODES) + f64::from(id.index())
}

pub(crate) fn from_option(id: Option<NodeId>) -> f64 {
    id.map_or(NONE, from_id)
}

/// The id behind a number; none for a number that no id has.
pub(crate) fn to_id(number: f64) -> Option<NodeId> {
    // Casts of floats saturate, and a fraction was no id of ours to begin with.
    let bits = number as u64;
    NodeId::from_bits((bits >> INDEX_BITS) << 32 | bits & u64::from(MOST_NODES - 1))
}

/// Positive for an error that JavaScript keeps, negative for one of the engine's own.
pub(crate) fn from_reason(reason: Reason) -> f64 {
    if reason.code() > 0 {
        return f64::from(reason.code());
    }
    let place = REASONS.iter().position(|known| *known == reason);
    place.map_or(0.0, |place| -1.0 - place as f64)
}

/// The reason that stands for an error in JavaScript's keeping. Where it is shown, JavaScript puts the error's message.
pub(crate) const fn to_reason(number: u32) -> Reason {
    Reason::new("\u{2}").with_code(number)
}

pub(crate) fn from_instant(at: Instant) -> f64 {
    at.as_micros() as f64 / 1_000.0
}

/// Clocks round down.
pub(crate) fn to_instant(millis: f64) -> Instant {
    Instant::from_micros((millis * 1_000.0) as u64)
}

pub(crate) fn in_millis(duration: Duration) -> f64 {
    from_instant(Instant::ZERO + duration)
}

/// Durations round up; infinity is no limit.
pub(crate) fn to_duration(millis: f64) -> Duration {
    if millis == f64::INFINITY {
        Duration::MAX
    } else {
        Duration::from_micros((millis * 1_000.0).ceil() as u64)
    }
}

//! What happened, as rows of numbers that JavaScript reads after each call.
//!
//! The invariant: what JavaScript needs to keep its own records right (`Verbosity::Ends`) is always written; all else only while somebody listens.

use std::time::Duration;

use windlass::{Event, EventKind, Instant, NodeId, Observer, Reason, Verbosity};

use crate::inbox::Inbox;
use crate::numbers::{event, event_row, limit};

/// No node.
pub(crate) const NONE: f64 = -1.0;

/// The reasons that are the engine's own; JavaScript knows them by their place, as -1 and down.
pub(crate) static REASONS: [Reason; 9] = [
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
        let (what, [a, b, c]) = match event.kind {
            EventKind::Added(parent) => (event::ADDED, [from_option(parent), 0.0, 0.0]),
            EventKind::Cranked => (event::RUN, [0.0; 3]),
            EventKind::Moved(moved) => {
                let (from, to) = (moved.from as u8, moved.to as u8);
                (event::STATE, [f64::from(from), f64::from(to), 0.0])
            }
            EventKind::Retry { attempt, delay, failure } => {
                (event::RETRY, [f64::from(attempt), in_millis(delay), from_reason(failure.reason)])
            }
            EventKind::Failed(failure) => {
                (event::FAILED, [from_reason(failure.reason), from_id(failure.origin), 0.0])
            }
            EventKind::AbortBegan { cause, by } => {
                (event::ABORT, [f64::from(cause as u8), from_option(by), 0.0])
            }
            EventKind::Forced => (event::FORCED, [0.0; 3]),
            EventKind::TimedOut => (event::TIMEOUT, [0.0; 3]),
            EventKind::Opened => (event::OPENED, [0.0; 3]),
            EventKind::Paused(paused) => (event::PAUSED, [f64::from(u8::from(paused)), 0.0, 0.0]),
            EventKind::Freed => (event::FREED, [0.0; 3]),
            EventKind::Full => (event::FULL, [0.0; 3]),
            _ => return,
        };
        let mut row = [0.0; event_row::LENGTH];
        row[event_row::WHAT] = f64::from(what);
        row[event_row::LABEL] = f64::from(event.tag.unwrap_or_default());
        row[event_row::ID] = from_id(event.node);
        row[event_row::AT] = from_instant(event.at);
        row[event_row::A] = a;
        row[event_row::B] = b;
        row[event_row::C] = c;
        self.rows.new.extend(row);
    }
}

/// The id as JavaScript knows it.
pub(crate) fn from_id(id: NodeId) -> f64 {
    f64::from(id.generation()) * f64::from(limit::NODES) + f64::from(id.index())
}

pub(crate) fn from_option(id: Option<NodeId>) -> f64 {
    id.map_or(NONE, from_id)
}

/// The id behind a number; none for a number that no id has.
pub(crate) fn to_id(number: f64) -> Option<NodeId> {
    // Casts of floats saturate, and a fraction was no id of ours to begin with.
    let (bits, nodes) = (number as u64, u64::from(limit::NODES));
    NodeId::from_bits(((bits / nodes) << 32) | (bits % nodes))
}

/// Positive for an error that JavaScript keeps, negative for one of the engine's own.
pub(crate) fn from_reason(reason: Reason) -> f64 {
    if reason.code() > 0 {
        return f64::from(reason.code());
    }
    let place = REASONS.iter().position(|known| known.text() == reason.text());
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
// Copies in all the places that set a time would make the download larger.
#[inline(never)]
pub(crate) fn to_duration(millis: f64) -> Duration {
    if millis == f64::INFINITY {
        Duration::MAX
    } else {
        Duration::from_micros((millis * 1_000.0).ceil() as u64)
    }
}

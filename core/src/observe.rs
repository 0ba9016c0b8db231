//! What happened, as small values: events, who receives them, and a bounded log.
//!
//! The display of an [`Event`] is one line of a golden trace. Observers get data, not the engine, and cost nothing when they are `()`.

use core::fmt;

use heapless::Deque;

use crate::id::NodeId;
use crate::label::Label;
use crate::reason::{AbortCause, Failure};
use crate::state::Transition;
use crate::time::{Human, Instant};

/// One thing that happened to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The `now` of the call in which it happened.
    pub at: Instant,
    /// The node.
    pub node: NodeId,
    /// The node's name.
    pub name: &'static str,
    /// The node's tag, if it has one.
    pub tag: Option<u32>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It was added below this parent; at the top if none.
    Added(Option<NodeId>),
    /// Its work was called.
    Cranked,
    /// Its state changed.
    Moved(Transition),
    /// Its attempt failed; the next one (counted from 1 for the first) starts after this delay.
    Retry {
        /// Number of the attempt to come.
        attempt: u32,
        /// Time until then.
        delay: core::time::Duration,
        /// Why the last attempt failed.
        failure: Failure,
    },
    /// It failed for good.
    Failed(Failure),
    /// Its abort began.
    AbortBegan {
        /// Why.
        cause: AbortCause,
        /// The node that asked for it; none if that came from outside.
        by: Option<NodeId>,
    },
    /// It did not finish its abort in time and was ended by force.
    Forced,
    /// Its attempt ran out of time.
    TimedOut,
    /// Its gate opened.
    Opened,
    /// It was paused (true) or resumed.
    Paused(bool),
    /// Its slot was freed.
    Freed,
    /// A child of this node was refused because the table is full.
    Full,
}

/// `12.500000 7v2 fetch: running -> waiting`
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: ", self.at, self.node, Label { name: self.name, tag: self.tag })?;
        match self.kind {
            EventKind::Added(None) => f.write_str("added"),
            EventKind::Added(Some(parent)) => write!(f, "added below {parent}"),
            EventKind::Cranked => f.write_str("cranked"),
            EventKind::Moved(transition) => write!(f, "{transition}"),
            EventKind::Retry { attempt, delay, failure } => {
                write!(f, "attempt {attempt} in {}: {}", Human(delay), failure.reason)
            }
            EventKind::Failed(failure) if failure.origin == self.node => {
                write!(f, "failed: {}", failure.reason)
            }
            EventKind::Failed(failure) => write!(f, "failed: {} at {}", failure.reason, failure.origin),
            EventKind::AbortBegan { cause, by: None } => write!(f, "abort: {cause}"),
            EventKind::AbortBegan { cause, by: Some(by) } => write!(f, "abort: {cause}, by {by}"),
            EventKind::Forced => f.write_str("forced to end"),
            EventKind::TimedOut => f.write_str("timed out"),
            EventKind::Opened => f.write_str("gate opened"),
            EventKind::Paused(true) => f.write_str("paused"),
            EventKind::Paused(false) => f.write_str("resumed"),
            EventKind::Freed => f.write_str("freed"),
            EventKind::Full => f.write_str("refused a child: table full"),
        }
    }
}

/// How much an observer wants to see, each with what is before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum Verbosity {
    /// Nothing.
    Nothing,
    /// What becomes of nodes: ends, new lives (a [`EventKind::Moved`] to an end, or back to pending), failures, aborts, freed slots.
    Ends,
    /// Every step on the way.
    #[default]
    Steps,
}

/// Receives the events of a scheduler as they happen.
///
/// Called in the middle of the engine's work: it should be short, and it gets no access to the engine.
pub trait Observer {
    /// Whether events are wanted at all. Where it is false, none is made.
    const ENABLED: bool = true;

    /// How much it wants to see, asked at the beginning of every call that may change something. No other event is made, which saves most of
    /// what they cost.
    fn verbosity(&self) -> Verbosity {
        Verbosity::Steps
    }

    /// Something happened.
    fn on_event(&mut self, event: &Event);
}

/// Nobody looks.
impl Observer for () {
    const ENABLED: bool = false;

    fn on_event(&mut self, _: &Event) {}
}

impl<O: Observer> Observer for &mut O {
    const ENABLED: bool = O::ENABLED;

    fn verbosity(&self) -> Verbosity {
        (**self).verbosity()
    }

    fn on_event(&mut self, event: &Event) {
        (**self).on_event(event);
    }
}

/// What the engine calls: an [`Observer`] whose type is not known.
pub(crate) trait Sink {
    fn event(&mut self, event: &Event);
}

impl<O: Observer> Sink for O {
    fn event(&mut self, event: &Event) {
        self.on_event(event);
    }
}

/// The last `N` events; older ones are dropped and counted. `N` must be at least 1.
///
/// ```
/// use windlass::{Cx, EventLog, Inline, Instant, Outcome, Scheduler, Spec, Work};
///
/// struct Once;
/// impl Work for Once {
///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome { Outcome::Success }
/// }
///
/// let mut s: Scheduler<Inline<Once, 2>> = Scheduler::new();
/// let mut s = s.observed_by(EventLog::<3>::new());
/// s.add(Spec::work("once", Once)).unwrap();
/// let _ = s.poll_work(Instant::ZERO);
/// let lines: Vec<String> = s.observer().iter().map(|event| event.to_string()).collect();
/// assert_eq!(lines, [
///     "0.000000 0v1 once: pending -> running",
///     "0.000000 0v1 once: cranked",
///     "0.000000 0v1 once: running -> success",
/// ]);
/// assert_eq!(s.observer().dropped(), 1); // "added"
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventLog<const N: usize> {
    events: Deque<Event, N>,
    dropped: u64,
}

impl<const N: usize> EventLog<N> {
    /// An empty log.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: Deque::new(), dropped: 0 }
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// How many events were dropped for want of room.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes the oldest event out.
    pub fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Forgets all events; the count of dropped ones stays.
    pub fn clear(&mut self) {
        self.events.clear();
    }
}

impl<const N: usize> Observer for EventLog<N> {
    fn on_event(&mut self, event: &Event) {
        if self.events.is_full() {
            self.dropped = self.dropped.saturating_add(1);
            self.events.pop_front();
        }
        // There is room: the log is not full, or no longer.
        let _ = self.events.push_back(*event);
    }
}

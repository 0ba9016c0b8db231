//! A running 64-bit hash of the events: the certificate of a run.
//!
//! The invariant: the same events give the same hash on every target and in every version that keeps [`HASH_VERSION`]. It is FNV-1a (offset basis
//! `cbf29ce484222325`, prime `100000001b3`) over each event in turn, written as: time in microseconds, node ([`NodeId::to_bits`]), length of the
//! name, name, one byte for what happened, then that event's own numbers. Numbers are little-endian, 8 bytes each; a text is its length and
//! its bytes; a missing node is 0; a duration is its seconds and its nanoseconds. It is no cryptographic hash: it finds accidents, not forgeries.

use alloc::vec::Vec;

use windlass::{Event, EventKind, Failure, NodeId, Observer, Reason};

/// Grows when an event is written differently, so that a hash kept by a test can say what it was made with.
pub const HASH_VERSION: u32 = 1;

/// Hashes the events of a scheduler, anywhere: 8 bytes, no allocation.
///
/// ```
/// use windlass::{Cx, Inline, Instant, Outcome, Scheduler, Spec, Work};
/// use windlass_lab::EventHash;
///
/// struct Once;
/// impl Work for Once {
///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome { Outcome::Success }
/// }
///
/// let run = |name| {
///     let s: Scheduler<Inline<Once, 2>> = Scheduler::new();
///     let mut s = s.observed_by(EventHash::new());
///     s.add(Spec::work(name, Once)).unwrap();
///     let _ = s.poll_work(Instant::ZERO);
///     s.observer().value()
/// };
/// assert_eq!(run("once"), 0x1040_74d5_dce0_803e); // on every target
/// assert_ne!(run("once"), run("twice"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHash(u64);

impl EventHash {
    /// The hash of no events.
    #[must_use]
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// The hash of the events so far.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Takes in one more event.
    pub fn add(&mut self, event: &Event) {
        self.number(event.at.as_micros());
        self.number(event.node.to_bits());
        self.text(event.name);
        match event.kind {
            EventKind::Added(parent) => {
                self.byte(1);
                self.node(parent);
            }
            EventKind::Cranked => self.byte(2),
            EventKind::Moved(transition) => {
                self.byte(3);
                self.byte(transition.number);
            }
            EventKind::Retry { attempt, delay, failure } => {
                self.byte(4);
                self.number(u64::from(attempt));
                self.number(delay.as_secs());
                self.number(u64::from(delay.subsec_nanos()));
                self.failure(failure);
            }
            EventKind::Failed(failure) => {
                self.byte(5);
                self.failure(failure);
            }
            EventKind::AbortBegan { cause, by } => {
                self.byte(6);
                self.byte(cause as u8);
                self.node(by);
            }
            EventKind::Forced => self.byte(7),
            EventKind::TimedOut => self.byte(8),
            EventKind::Opened => self.byte(9),
            EventKind::Paused(paused) => {
                self.byte(10);
                self.byte(u8::from(paused));
            }
            EventKind::Freed => self.byte(11),
            EventKind::Full => self.byte(12),
            // Packages of one version know the same events.
            _ => self.byte(0),
        }
    }

    fn failure(&mut self, Failure { reason, origin }: Failure) {
        self.reason(reason);
        self.node(Some(origin));
    }

    fn reason(&mut self, reason: Reason) {
        self.text(reason.text());
        self.number(u64::from(reason.code()));
    }

    fn node(&mut self, node: Option<NodeId>) {
        self.number(node.map_or(0, NodeId::to_bits));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        text.bytes().for_each(|byte| self.byte(byte));
    }

    fn number(&mut self, number: u64) {
        number.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

impl Default for EventHash {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for EventHash {
    fn on_event(&mut self, event: &Event) {
        self.add(event);
    }
}

/// All events of a run, and the hash after each step of it.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    pub(crate) events: Vec<Event>,
    hash: EventHash,
    /// After what the scenario built, and after each step: how many events there were, and their hash.
    steps: Vec<(usize, u64)>,
}

impl Trail {
    /// All events, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The hash of all events.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash.value()
    }

    /// How many steps there were. A step is one input: a crank, a move of the clock, something from outside.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }

    /// The hash after step `step`, counted from 1; 0 is what the scenario built. None if there were fewer.
    #[must_use]
    pub fn hash_after(&self, step: usize) -> Option<u64> {
        self.steps.get(step).map(|(_, hash)| *hash)
    }

    /// The events of step `step`, counted from 1; 0 is what the scenario built.
    #[must_use]
    pub fn events_of(&self, step: usize) -> &[Event] {
        let end = |step: usize| self.steps.get(step).map_or(self.events.len(), |(end, _)| *end);
        let from = step.checked_sub(1).map_or(0, end);
        self.events.get(from..end(step)).unwrap_or_default()
    }

    /// The first step after which two runs differ; none if they are the same. Cost: a look at each step.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<usize> {
        let steps = self.steps.len().max(other.steps.len());
        (0..steps).find(|step| self.hash_after(*step) != other.hash_after(*step))
    }

    /// Ends the building, or a step.
    pub(crate) fn mark(&mut self) {
        self.steps.push((self.events.len(), self.hash.value()));
    }
}

impl Observer for Trail {
    fn on_event(&mut self, event: &Event) {
        self.hash.add(event);
        self.events.push(*event);
    }
}

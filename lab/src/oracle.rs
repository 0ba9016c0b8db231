//! What must hold in every run, by name, and what it looks like when it does not.
//!
//! The invariant: [`Oracle::ALL`] is the whole list, and for each of them a test knows a mutation that it notices. This file decides nothing;
//! the engine looks at its tables, `watch` at the events, and the laboratory at whole runs.

use core::fmt;

use windlass::NodeId;
use windlass::door::{self, Invariant};

/// One thing that must hold in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Oracle {
    /// Every state change is an arrow of the state machine, and starts where the last one ended.
    LegalMoves,
    /// A parent ends, tries again or cleans up only after its children have ended.
    ChildrenFirst,
    /// Nothing is added, started, run or retried at or below a node that is aborting.
    NothingAfterAbort,
    /// An abort reaches every descendant in the call that asks for it.
    AbortReachesAll,
    /// A node that has ended has no deadline and is in no ring and no queue.
    EndedIsQuiet,
    /// A node is in its parent's ring exactly if it is runnable.
    RingIsRunnable,
    /// Every waiting node has something that will wake it, or else is listed by [`View::stalled`](windlass::View::stalled).
    WakeSource,
    /// No node is retried more often than its policy says.
    RetryBudget,
    /// No node is retried earlier or later than its policy, or its own [`Outcome::RetryAfter`](windlass::Outcome::RetryAfter), says.
    RetryDelay,
    /// A member of a sequence starts only when all before it have ended.
    SequenceOrder,
    /// No more children are active than the concurrency allows.
    Concurrency,
    /// What is behind a gate does not start before the gate opens, and the gate does not open before its condition holds.
    Gate,
    /// A child of a graph starts only when all that it depends on has succeeded.
    GraphOrder,
    /// Neither a paused node nor anything below it is cranked.
    Pause,
    /// A poll with nothing to do cranks nothing and changes nothing.
    IdlePoll,
    /// The id of a node that is gone is refused.
    StaleId,
    /// Free and live slots add up to the capacity, and each live one is a node that was added and not freed.
    SlotsConserved,
    /// The links of the tree, the lists, the counters and the deadline heap agree with each other.
    TablesAgree,
    /// Everything ends within the limit of steps, and what was asked to end does not wait for ever.
    Ends,
    /// Two runs of one log give the same events.
    OneHash,
    /// What the scenario itself says must hold.
    Own,
}

impl Oracle {
    /// All oracles.
    pub const ALL: [Self; 21] = [
        Self::LegalMoves,
        Self::ChildrenFirst,
        Self::NothingAfterAbort,
        Self::AbortReachesAll,
        Self::EndedIsQuiet,
        Self::RingIsRunnable,
        Self::WakeSource,
        Self::RetryBudget,
        Self::RetryDelay,
        Self::SequenceOrder,
        Self::Concurrency,
        Self::Gate,
        Self::GraphOrder,
        Self::Pause,
        Self::IdlePoll,
        Self::StaleId,
        Self::SlotsConserved,
        Self::TablesAgree,
        Self::Ends,
        Self::OneHash,
        Self::Own,
    ];

    /// What it says, in one sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::LegalMoves => Invariant::LegalMoves.text(),
            Self::ChildrenFirst => Invariant::ChildrenFirst.text(),
            Self::NothingAfterAbort => "nothing runs after an abort request",
            Self::AbortReachesAll => Invariant::AbortReachesAll.text(),
            Self::EndedIsQuiet => Invariant::EndedIsQuiet.text(),
            Self::RingIsRunnable => Invariant::RingIsRunnable.text(),
            Self::WakeSource => Invariant::WakeSource.text(),
            Self::RetryBudget => Invariant::RetryBudget.text(),
            Self::RetryDelay => "retry delays stay within the policy",
            Self::SequenceOrder => Invariant::SequenceOrder.text(),
            Self::Concurrency => Invariant::Concurrency.text(),
            Self::Gate => "a gate never opens before its condition",
            Self::GraphOrder => "the order of a graph respects every edge",
            Self::Pause => "what is paused is not cranked",
            Self::IdlePoll => "an idle poll cranks nothing",
            Self::StaleId => "stale ids are refused",
            Self::SlotsConserved => Invariant::SlotsConserved.text(),
            Self::TablesAgree => Invariant::TablesAgree.text(),
            Self::Ends => Invariant::Ends.text(),
            Self::OneHash => "two runs of one log give one hash",
            Self::Own => "the scenario's own condition holds",
        }
    }
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// What an invariant of the tables is called here.
impl From<Invariant> for Oracle {
    fn from(invariant: Invariant) -> Self {
        match invariant {
            Invariant::LegalMoves => Self::LegalMoves,
            Invariant::ChildrenFirst => Self::ChildrenFirst,
            Invariant::AbortReachesAll => Self::AbortReachesAll,
            Invariant::EndedIsQuiet => Self::EndedIsQuiet,
            Invariant::RingIsRunnable => Self::RingIsRunnable,
            Invariant::WakeSource => Self::WakeSource,
            Invariant::RetryBudget => Self::RetryBudget,
            Invariant::SequenceOrder => Self::SequenceOrder,
            Invariant::Concurrency => Self::Concurrency,
            Invariant::SlotsConserved => Self::SlotsConserved,
            Invariant::TablesAgree => Self::TablesAgree,
            Invariant::Ends => Self::Ends,
        }
    }
}

/// An oracle that did not hold: which, at which node, and what was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What should have held.
    pub oracle: Oracle,
    /// Where; none if it is about the whole scheduler.
    pub node: Option<NodeId>,
    /// What was seen instead; for [`Oracle::Own`], the name of the condition.
    pub detail: &'static str,
}

impl Violation {
    pub(crate) fn new(oracle: Oracle, node: impl Into<Option<NodeId>>, detail: &'static str) -> Self {
        Self { oracle, node: node.into(), detail }
    }
}

impl From<door::Violation> for Violation {
    fn from(door::Violation { invariant, node, detail }: door::Violation) -> Self {
        Self { oracle: invariant.into(), node, detail }
    }
}

/// `a sequence keeps its order: 3v1: it started before an earlier member had ended`
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.oracle)?;
        if let Some(node) = self.node {
            write!(f, "{node}: ")?;
        }
        f.write_str(self.detail)
    }
}

impl core::error::Error for Violation {}

/// A violation unless `holds`.
pub(crate) fn ensure(
    holds: bool,
    oracle: Oracle,
    node: impl Into<Option<NodeId>>,
    detail: &'static str,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(oracle, node, detail)) }
}

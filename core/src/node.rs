//! One node of the table, in two halves: what a crank touches, and the rest.
//!
//! All links are indices into the table. [`ROOT`] is the index of the node that stands for the scheduler itself; as it is the largest
//! `u32`, it also serves as "none" in every list, and an index out of range reads the root instead of panicking.

use crate::id::NodeId;
use crate::reason::{Cause, Failure};
use crate::retry::Retry;
use crate::span::Span;
use crate::spec::{OnFailure, UNLIMITED};
use crate::state::State;

/// The scheduler's own node, and the end of every list.
pub(crate) const ROOT: u32 = u32::MAX;

/// What kind of node it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum Kind {
    /// A work of the user's.
    #[default]
    Work,
    /// Children side by side, all must succeed.
    Parallel,
    /// Children side by side, so many must succeed.
    Quorum,
    /// Children side by side, the first to end decides.
    Race,
    /// Children one after the other.
    Sequence,
    /// Children from a generator.
    Batch,
    /// One child behind a predicate.
    When,
    /// One child behind another node's end.
    After,
    /// One child behind another node's success.
    AfterSuccess,
    /// A question asked once.
    Callback,
    /// Children with dependencies.
    Graph,
}

impl Kind {
    /// Whether one child starts only when a condition holds.
    #[must_use]
    pub const fn is_gate(self) -> bool {
        matches!(self, Self::When | Self::After | Self::AfterSuccess)
    }

    /// Whether the children come and go while the node runs, so that their slots are freed when the node has seen their end.
    pub(crate) const fn is_dynamic(self) -> bool {
        matches!(self, Self::Work | Self::Batch)
    }

    /// Whether the node's own turn comes at the end of a pass over its children; otherwise it comes before any child's.
    pub(crate) const fn turn_is_last(self) -> bool {
        self.is_dynamic()
    }

    /// The name as status displays show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Parallel => "parallel",
            Self::Quorum => "quorum",
            Self::Race => "race",
            Self::Sequence => "sequence",
            Self::Batch => "batch",
            Self::When => "when",
            Self::After => "after",
            Self::AfterSuccess => "after success",
            Self::Callback => "callback",
            Self::Graph => "graph",
        }
    }
}

/// The flags of a node.
pub(crate) mod flag {
    /// The slot has a tenant.
    pub(crate) const LIVE: u32 = 1;
    /// The node wants its own turn.
    pub(crate) const TURN: u32 = 1 << 1;
    /// The node is in its parent's ring, that is: it is runnable.
    pub(crate) const IN_RING: u32 = 1 << 2;
    /// The parent lets it run; it holds one of the parent's places.
    pub(crate) const ACTIVE: u32 = 1 << 3;
    /// The node is in its parent's queue for a place.
    pub(crate) const QUEUED: u32 = 1 << 4;
    /// No crank for it and what is below it.
    pub(crate) const PAUSED: u32 = 1 << 5;
    /// The node waits out a retry delay.
    pub(crate) const RETRY: u32 = 1 << 6;
    /// It has been started and not been reset since by a parent that tries again.
    pub(crate) const STARTED: u32 = 1 << 7;
    /// Its verdict is known; its children are draining.
    pub(crate) const SETTLING: u32 = 1 << 8;
    /// A wake came while the node was being called.
    pub(crate) const WOKEN: u32 = 1 << 9;
    /// Its attempt has timed out.
    pub(crate) const TIMED_OUT: u32 = 1 << 10;
    /// The gate is open; the generator is exhausted.
    pub(crate) const OPEN: u32 = 1 << 11;
    /// It was ended by force.
    pub(crate) const FORCED: u32 = 1 << 12;
    /// A wake handle was taken for it.
    pub(crate) const HANDLE: u32 = 1 << 13;
    /// Its slots are freed as soon as it has ended.
    pub(crate) const DETACHED: u32 = 1 << 14;
    /// Children of it have ended that it has not seen.
    pub(crate) const UNSEEN: u32 = 1 << 15;
    /// It has had children.
    pub(crate) const PARENT: u32 = 1 << 16;
    /// Its abort was asked for between two polls, so its drain is counted from the next one.
    pub(crate) const UNTIMED: u32 = 1 << 17;
    /// It has a deadline.
    pub(crate) const ARMED: u32 = 1 << 18;
    /// An abort came while a hook of its end was being called.
    pub(crate) const DOOMED: u32 = 1 << 19;

    // What the cold half holds, so that it need not be looked at for what it does not.

    /// A failure.
    pub(crate) const BLAMED: u32 = 1 << 20;
    /// A time limit for each attempt, or for all retries together.
    pub(crate) const LIMITED: u32 = 1 << 21;
    /// Gates that wait for this node's end; once set, it stays.
    pub(crate) const WATCHED: u32 = 1 << 22;
    /// A limit for the time that an abort takes.
    pub(crate) const DRAINED: u32 = 1 << 23;
    /// The node that asked for the abort, and not one from outside.
    pub(crate) const ABORTER: u32 = 1 << 24;

    /// What is known of the node that this gate waits for, for when that node is gone: it succeeded.
    pub(crate) const AWAITED_SUCCEEDED: u32 = 1 << 27;
    /// The root's alone: who looks wants to see every step.
    pub(crate) const STEPS: u32 = 1 << 26;

    /// No flag: what no node has.
    pub(crate) const NEVER: u32 = 1 << 25;

    /// The cause of the abort, as its place in [`Cause::ALL`](crate::reason::Cause::ALL), from this bit on.
    pub(crate) const CAUSE_SHIFT: u32 = 29;
    pub(crate) const CAUSE: u32 = 7 << CAUSE_SHIFT;
}

/// The half that a crank touches: 32 bytes. Aligned, so that none lies in two cache lines; where there is no cache, it would only cost padding.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_os = "none"), repr(align(32)))]
pub struct Hot {
    pub(crate) parent: u32,
    /// Neighbours in the parent's ring, queue or list of ended children; a node is in one of them at most.
    pub(crate) next: u32,
    pub(crate) prev: u32,
    /// First of this node's runnable children.
    pub(crate) ring: u32,
    /// The child whose turn is next in this pass; none at the end of the pass.
    pub(crate) cursor: u32,
    pub(crate) generation: u32,
    pub(crate) flags: u32,
    /// Counts the passes, wrapping. A child that sat out exactly 256 passes is taken for one that ran in this one, and runs in the next.
    pub(crate) pass: u8,
    /// The parent's pass in which this node last left the ring.
    pub(crate) mark: u8,
    pub(crate) state: State,
    pub(crate) kind: Kind,
}

impl Hot {
    /// A slot that no node has had. All zeros, as the unused others are: a table in a `static` takes no flash.
    pub(crate) const UNUSED: Self = Self {
        parent: 0,
        next: 0,
        prev: 0,
        ring: 0,
        cursor: 0,
        pass: 0,
        mark: 0,
        generation: 0,
        flags: 0,
        state: State::Pending,
        kind: Kind::Work,
    };

    /// What a new node begins with.
    pub(crate) const EMPTY: Self = Self {
        parent: ROOT,
        next: ROOT,
        prev: ROOT,
        ring: ROOT,
        cursor: ROOT,
        pass: 1,
        mark: 0,
        generation: 1,
        flags: 0,
        state: State::Pending,
        kind: Kind::Work,
    };

    pub(crate) const fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    pub(crate) const fn set(&mut self, flags: u32) {
        self.flags |= flags;
    }

    pub(crate) const fn clear(&mut self, flags: u32) {
        self.flags &= !flags;
    }

    /// Why it is being aborted, or was. Meaningless for all others.
    pub(crate) const fn cause(&self) -> Cause {
        Cause::ALL[(self.flags >> flag::CAUSE_SHIFT) as usize % Cause::ALL.len()]
    }

    pub(crate) const fn set_cause(&mut self, cause: Cause) {
        self.flags = self.flags & !flag::CAUSE | (cause as u32) << flag::CAUSE_SHIFT;
    }

    /// Whether it is this node's own turn (`turn` is [`flag::TURN`]), and that means a call of its work and nothing else. Never, if `turn` is
    /// [`flag::NEVER`].
    #[inline]
    pub(crate) const fn has_plain(&self, turn: u32) -> bool {
        // The two bytes as one number: one comparison.
        self.flags & (flag::TURN | flag::PARENT | flag::SETTLING | flag::TIMED_OUT) == turn
            && u16::from_ne_bytes([self.kind as u8, self.state as u8])
                == u16::from_ne_bytes([Kind::Work as u8, State::Running as u8])
    }

    /// Whether a crank may go to this node or below it.
    pub(crate) const fn is_runnable(&self) -> bool {
        self.flags & (flag::ACTIVE | flag::PAUSED | flag::RETRY) == flag::ACTIVE
            && (self.has(flag::TURN) || self.ring != ROOT)
    }
}

/// How a node is about to end once its children are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    #[default]
    Success,
    /// With the failure in the node's `failure`; retried if the budget lasts, after the policy's delay.
    Failure,
    /// As `Failure`, but after the delay that the work has asked for, which is the node's `param`.
    FailureAfter,
    /// With the failure in the node's `failure`; never retried.
    Fatal,
    /// A panic of the node's own: as `Fatal`, and no hook is called.
    Panicked,
    Aborted,
}

impl Verdict {
    pub(crate) const fn is_retryable(self) -> bool {
        matches!(self, Self::Failure | Self::FailureAfter)
    }
}

/// The half that a crank of a busy leaf does not touch. In the order in which things are needed together, a cache line for each group.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[cfg_attr(not(target_os = "none"), repr(align(64)))]
pub struct Cold {
    // The family, 64 bytes.
    pub(crate) first_child: u32,
    pub(crate) last_child: u32,
    pub(crate) next_sibling: u32,
    pub(crate) prev_sibling: u32,
    /// Children of this attempt: not ended, succeeded, failed or aborted, all.
    pub(crate) live: u32,
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) aborted: u32,
    /// Children of earlier attempts.
    pub(crate) earlier: u32,
    /// Children that hold a place, and places.
    pub(crate) active: u32,
    pub(crate) width: u32,
    /// First of the children that wait for a place.
    pub(crate) queue: u32,
    /// First of the children that have ended and that this node has not seen yet.
    pub(crate) ended: u32,
    /// In a graph: dependencies that have not succeeded yet.
    pub(crate) unmet: u32,
    /// Last edge to a dependent, last edge to a dependency; each begins a circle, in the order the edges were added.
    pub(crate) last_out: u32,
    pub(crate) last_in: u32,

    // Times and ends, 64 bytes.
    /// End of a sleep, of a retry delay, or the next question to a gate.
    pub(crate) wake_at: u64,
    /// End of the attempt, or of the drain.
    pub(crate) limit_at: u64,
    /// Start of the first attempt, if the retries are limited in time; from an abort on, when there are no more retries, who asked for it.
    start_or_aborter: u64,
    /// Quorum: how many. Batch: table slots that one item takes. Gate: microseconds between two questions, or the bits of the node waited for. Work:
    /// microseconds that it has asked for before its next attempt.
    pub(crate) param: u64,
    pub(crate) timeout: Span,
    pub(crate) drain: Span,
    /// First gate that waits for this node's end; the next gate that waits for the same node as this one, or this one itself if it is the
    /// last; none if it is in no such list.
    pub(crate) watchers: u32,
    pub(crate) next_watcher: u32,
    pub(crate) retries_used: u16,
    pub(crate) verdict: Verdict,
    pub(crate) on_failure: OnFailure,

    // Texts and failures.
    pub(crate) retry: Retry,
    /// None only in an unused slot.
    pub(crate) name: Option<&'static str>,
    pub(crate) failure: Option<Failure>,
}

impl Cold {
    pub(crate) const UNUSED: Self = Self {
        first_child: 0,
        last_child: 0,
        next_sibling: 0,
        prev_sibling: 0,
        width: 0,
        queue: 0,
        ended: 0,
        last_out: 0,
        last_in: 0,
        wake_at: 0,
        limit_at: 0,
        timeout: Span::ZERO,
        drain: Span::ZERO,
        watchers: 0,
        next_watcher: 0,
        retry: Retry::ZERO,
        name: None,
        ..Self::EMPTY
    };

    /// What a new node begins with.
    pub(crate) const EMPTY: Self = Self {
        first_child: ROOT,
        last_child: ROOT,
        next_sibling: ROOT,
        prev_sibling: ROOT,
        live: 0,
        succeeded: 0,
        failed: 0,
        aborted: 0,
        earlier: 0,
        active: 0,
        width: u32::MAX,
        queue: ROOT,
        ended: ROOT,
        unmet: 0,
        last_out: ROOT,
        last_in: ROOT,
        wake_at: UNLIMITED,
        limit_at: UNLIMITED,
        start_or_aborter: 0,
        param: 0,
        timeout: Span::FOREVER,
        drain: Span::FOREVER,
        watchers: ROOT,
        next_watcher: ROOT,
        retries_used: 0,
        verdict: Verdict::Success,
        on_failure: OnFailure::Stop,
        retry: Retry::NEVER,
        name: Some(""),
        failure: None,
    };

    /// What a new node begins with, to be copied. On bare metal the compiler must not see through it: a copy is a third of the code of writing
    /// each field.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) const fn empty() -> &'static Self {
        &Self::EMPTY
    }

    /// Meaningless once an abort has begun.
    pub(crate) const fn started_at(&self) -> u64 {
        self.start_or_aborter
    }

    pub(crate) const fn set_started_at(&mut self, at: u64) {
        self.start_or_aborter = at;
    }

    /// Who asked for the abort, of the node that this is the half of; none if that came from outside.
    pub(crate) const fn aborted_by(&self, hot: &Hot) -> Option<NodeId> {
        if hot.has(flag::ABORTER) { NodeId::from_bits(self.start_or_aborter) } else { None }
    }

    pub(crate) const fn set_aborted_by(&mut self, by: NodeId) {
        self.start_or_aborter = by.to_bits();
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self.name {
            Some(name) => name,
            None => "",
        }
    }

    /// All children of this attempt.
    pub(crate) const fn total(&self) -> u32 {
        self.live.saturating_add(self.succeeded).saturating_add(self.failed).saturating_add(self.aborted)
    }
}

/// "`dependent` must not start before `dependency` has succeeded."
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub(crate) dependency: u32,
    pub(crate) dependent: u32,
    /// Next edge out of the same dependency; also links the free edges.
    pub(crate) next_out: u32,
    /// Next edge into the same dependent.
    pub(crate) next_in: u32,
}

impl Edge {
    pub(crate) const UNUSED: Self = Self { dependency: 0, dependent: 0, next_out: 0, next_in: 0 };

    const fn next(&self, way: Way) -> u32 {
        match way {
            Way::Out => self.next_out,
            Way::Into => self.next_in,
        }
    }
}

/// Out of a node, to its dependents, or into it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Out,
    Into,
}

/// A walk over the edges of one node, in the order they were added. It holds no borrow, so the table may change between two steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges {
    way: Way,
    last: u32,
    before: u32,
}

impl Edges {
    pub(crate) const fn of(cold: &Cold, way: Way) -> Self {
        let last = match way {
            Way::Out => cold.last_out,
            Way::Into => cold.last_in,
        };
        Self { way, last, before: last }
    }

    pub(crate) fn step(&mut self, edges: &[Edge]) -> Option<Edge> {
        let at = edges.get(self.before as usize)?.next(self.way);
        self.before = if at == self.last { ROOT } else { at };
        edges.get(at as usize).copied()
    }
}

//! One node of the table: what a crank touches, what a start or an end touches, and what people are told.
//!
//! The invariant: each part has its own column, so that a crank over many nodes reads 32 bytes of each and nothing else; unused slots are all zeros, so that a
//! table in a `static` takes no flash. The links, rings and edges of a node are values of the types that keep them in order.

use crate::column::Column;
use crate::deadlines::Timer;
use crate::edges::Ends;
use crate::id::NodeId;
use crate::kind::Kind;
use crate::links::{Link, List, NONE};
use crate::marks::mark;
use crate::phase::Phase;
use crate::reason::{AbortCause, Failure, Reason};
use crate::retry::Retry;
use crate::run_queue::{Passes, Ring};
use crate::siblings::Siblings;
use crate::span::Span;
use crate::spec::OnFailure;
use crate::time::UNLIMITED;

/// The index of the scheduler's own node, which is the parent of those at the top. It is past the end of every table.
pub(crate) const ROOT: u32 = NONE;

/// What a crank touches: 32 bytes. Aligned, so that none lies in two cache lines; where there is no cache, it would only cost padding.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_os = "none"), repr(align(32)))]
pub(crate) struct Hot {
    pub parent: u32,
    /// In the parent's ring, queue or list of ended children; a node is in one of them at most.
    pub link: Link,
    /// This node's runnable children.
    pub ring: Ring,
    pub generation: u32,
    pub marks: u32,
    pub passes: Passes,
    pub phase: Phase,
    pub kind: Kind,
}

impl Hot {
    /// A slot that no node has had. All zeros.
    pub(crate) const UNUSED: Self = Self {
        parent: 0,
        link: Link::UNUSED,
        ring: Ring::UNUSED,
        generation: 0,
        marks: 0,
        passes: Passes::UNUSED,
        phase: Phase::Pending,
        kind: Kind::Work,
    };

    /// What a new node begins with.
    pub(crate) const EMPTY: Self = Self {
        parent: ROOT,
        link: Link::FREE,
        ring: Ring::EMPTY,
        generation: 1,
        marks: 0,
        passes: Passes::NEW,
        phase: Phase::Pending,
        kind: Kind::Work,
    };

    #[inline]
    pub(crate) const fn has(&self, marks: u32) -> bool {
        self.marks & marks != 0
    }

    #[inline]
    pub(crate) const fn set(&mut self, marks: u32) {
        self.marks |= marks;
    }

    #[inline]
    pub(crate) const fn clear(&mut self, marks: u32) {
        self.marks &= !marks;
    }

    /// Why it is being aborted, or was. Meaningless for all others.
    pub(crate) const fn cause(&self) -> AbortCause {
        AbortCause::ALL[(self.marks >> mark::CAUSE_SHIFT) as usize % AbortCause::ALL.len()]
    }

    pub(crate) const fn set_cause(&mut self, cause: AbortCause) {
        self.marks = self.marks & !mark::CAUSE | (cause as u32) << mark::CAUSE_SHIFT;
    }

    /// Whether it is this node's own turn (`turn` is [`mark::TURN`]), and that means a call of its work and nothing else. Never, if `turn` is
    /// [`mark::NEVER`].
    #[inline]
    pub(crate) const fn has_plain(&self, turn: u32) -> bool {
        // The two bytes as one number: one comparison.
        self.marks & (mark::TURN | mark::PARENT | mark::FRESH | mark::LATE) == turn
            && u16::from_ne_bytes([self.phase as u8, self.kind as u8])
                == u16::from_ne_bytes([Phase::Running as u8, Kind::Work as u8])
    }

    /// Whether a crank that has come here is the node's own: it wants one, and its children do not come first.
    #[inline]
    pub(crate) const fn has_own_turn(&self) -> bool {
        self.has(mark::TURN)
            && (self.ring.is_over() || !self.kind.turn_is_last() || matches!(self.phase, Phase::Pending))
    }

    /// Whether a crank may go to this node or below it.
    pub(crate) const fn is_runnable(&self) -> bool {
        self.marks & (mark::ACTIVE | mark::PAUSED) == mark::ACTIVE
            && (self.has(mark::TURN) || !self.ring.is_empty())
            && !matches!(self.phase, Phase::BackingOff)
    }
}

/// How a node is about to end once its children are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    #[default]
    Success,
    /// With the failure in the node's note; retried if the budget lasts, after the policy's delay.
    Failure,
    /// As `Failure`, but after the delay that the work has asked for, which is the node's `param`.
    FailureAfter,
    /// With the failure in the node's note; never retried.
    Fatal,
    /// A panic of the node's own: as `Fatal`, and no hook is called.
    Panicked,
    Aborted,
}

impl Verdict {
    pub(crate) const fn is_failure(self) -> bool {
        !matches!(self, Self::Success | Self::Aborted)
    }
}

/// What a crank of a busy leaf does not touch. In the order in which things are needed together, a cache line for each group.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[cfg_attr(not(target_os = "none"), repr(align(64)))]
pub(crate) struct Cold {
    // The family, 64 bytes.
    pub children: Siblings,
    /// Children of this attempt: not ended, succeeded, failed or aborted, all.
    pub live: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub aborted: u32,
    /// Children of earlier attempts.
    pub earlier: u32,
    /// Children that hold a place, and places.
    pub active: u32,
    pub places: u32,
    /// Children that wait for a place.
    pub queue: List,
    /// Children that have ended and that this node has not seen yet.
    pub ended: List,
    /// In a graph: dependencies that have not succeeded yet.
    pub unmet: u32,
    pub edges: Ends,
    /// First gate that waits for this node's end.
    pub watchers: u32,
    /// The next gate that waits for the same node as this one, or this one itself if it is the last; [`NONE`] if it is in no such list.
    pub next_watcher: u32,

    // Times and policies, 64 bytes.
    /// End of the attempt, or of the drain. The time of the node's timer is in its alarm.
    pub limit_at: u64,
    /// Start of the first attempt, if the retries are limited in time; from an abort on, when there are no more retries, who asked for it.
    start_or_aborter: u64,
    /// Quorum: how many. Batch: table slots that one item takes. Gate: microseconds between two questions, or the bits of the node waited for. Work:
    /// microseconds that it has asked for before its next attempt.
    pub param: u64,
    pub timeout: Span,
    pub drain: Span,
    pub retries_used: u16,
    pub verdict: Verdict,
    pub on_failure: OnFailure,
    /// What the node's timer means, if it has one.
    pub timer: Timer,
    /// Counts the lives of this node, wrapping, so that each has retry delays of its own.
    pub life: u16,
    pub retry: Retry,
}

impl Cold {
    /// All zeros.
    pub(crate) const UNUSED: Self = Self {
        children: Siblings::UNUSED,
        places: 0,
        queue: List::UNUSED,
        ended: List::UNUSED,
        edges: Ends::UNUSED,
        watchers: 0,
        next_watcher: 0,
        limit_at: 0,
        timeout: Span::ZERO,
        drain: Span::ZERO,
        retry: Retry::ZERO,
        ..Self::EMPTY
    };

    /// What a new node begins with.
    pub(crate) const EMPTY: Self = Self {
        children: Siblings::EMPTY,
        live: 0,
        succeeded: 0,
        failed: 0,
        aborted: 0,
        earlier: 0,
        active: 0,
        places: u32::MAX,
        queue: List::EMPTY,
        ended: List::EMPTY,
        unmet: 0,
        edges: Ends::NONE,
        watchers: NONE,
        next_watcher: NONE,
        limit_at: UNLIMITED,
        start_or_aborter: 0,
        param: 0,
        timeout: Span::FOREVER,
        drain: Span::FOREVER,
        retries_used: 0,
        verdict: Verdict::Success,
        on_failure: OnFailure::Stop,
        timer: Timer::Wake,
        life: 0,
        retry: Retry::NEVER,
    };

    /// What a new node begins with, to be copied. On bare metal the compiler must not see through it: a copy is a third of the code of writing
    /// each field.
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
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
        if hot.has(mark::ABORTER) { NodeId::from_bits(self.start_or_aborter) } else { None }
    }

    pub(crate) const fn set_aborted_by(&mut self, by: NodeId) {
        self.start_or_aborter = by.to_bits();
    }

    /// All children of this attempt.
    pub(crate) const fn total(&self) -> u32 {
        self.live.saturating_add(self.succeeded).saturating_add(self.failed).saturating_add(self.aborted)
    }
}

/// What people are told of a node: its name, and why it failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    // Not as a `Failure`, so that the numbers need no padding.
    name: Option<&'static str>,
    text: Option<&'static str>,
    origin: Option<NodeId>,
    code: u32,
    /// Meaningless without [`mark::TAGGED`].
    pub tag: u32,
}

impl Note {
    /// All zeros.
    pub(crate) const UNUSED: Self = Self { name: None, text: None, origin: None, code: 0, tag: 0 };

    pub(crate) const fn new(name: &'static str, tag: u32) -> Self {
        Self { name: Some(name), tag, ..Self::UNUSED }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self.name {
            Some(name) => name,
            None => "",
        }
    }

    pub(crate) const fn failure(&self) -> Option<Failure> {
        match (self.text, self.origin) {
            (Some(text), Some(origin)) => {
                Some(Failure { reason: Reason::new(text).with_code(self.code), origin })
            }
            _ => None,
        }
    }

    pub(crate) const fn set_failure(&mut self, failure: Option<Failure>) {
        match failure {
            Some(Failure { reason, origin }) => {
                (self.text, self.origin, self.code) = (Some(reason.text()), Some(origin), reason.code());
            }
            None => (self.text, self.origin, self.code) = (None, None, 0),
        }
    }
}

/// Whether `index` is `top` or lies below it. Cost: the depth of `index`.
pub(crate) fn is_inside(hot: &Column<'_, Hot>, mut index: u32, top: u32) -> bool {
    while index != ROOT {
        if index == top {
            return true;
        }
        index = hot[index].parent;
    }
    top == ROOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_have_the_sizes_that_their_layout_is_made_for() {
        assert_eq!((size_of::<Hot>(), size_of::<Cold>()), (32, 128));
        if cfg!(target_pointer_width = "64") {
            assert_eq!(size_of::<Note>(), 48);
        }
    }
}

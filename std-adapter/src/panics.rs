//! Panics as values: their message, and which node one came from.
//!
//! The engine finds a node that was left by a panic at its next poll and fails it. It does not say which one that
//! was, so [`Blame`] compares the table before and after that poll. The invariant: a panic that no node was failed
//! for is never swallowed.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use windlass::{Instant, NodeId, Observer, Reason, Scheduler, Store};

/// What a panic leaves.
pub(crate) type Payload = Box<dyn Any + Send>;

/// A panic of a work, caught by its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// The node that failed for it; none if its slot was freed at once or if several nodes failed in the same moment.
    pub node: Option<NodeId>,
    /// The name of that node.
    pub name: Option<&'static str>,
    /// The time of the poll.
    pub at: Instant,
}

/// `2v1 fetch panicked: index out of bounds`
impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.node, self.name) {
            (Some(node), Some(name)) => write!(f, "{node} {name}")?,
            (Some(node), None) => write!(f, "{node}")?,
            _ => f.write_str("a work")?,
        }
        write!(f, " panicked: {}", self.message)
    }
}

/// The message of a panic.
pub(crate) fn message(payload: &Payload) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return (*text).to_owned();
    }
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "not a text".to_owned())
}

/// Drops a value whose drop may panic itself.
pub(crate) fn discard<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Its drop might panic again, without end. What it holds is leaked.
        std::mem::forget(payload);
    }
}

/// Who has failed so far.
pub(crate) struct Blame {
    failures: u64,
    panicked: BTreeSet<NodeId>,
    forced: BTreeSet<NodeId>,
}

impl Blame {
    pub(crate) fn look<W, S: Store<W>, O: Observer>(scheduler: &Scheduler<W, S, O>) -> Self {
        let metrics = scheduler.metrics();
        let failures = scheduler.nodes().filter_map(|node| node.failure());
        Self {
            failures: metrics.failed + metrics.forced,
            panicked: failures.filter(|it| it.reason == Reason::PANICKED).map(|it| it.origin).collect(),
            forced: scheduler.view().drain().forced().map(|node| node.id()).collect(),
        }
    }

    /// Whether a node failed between `earlier` and this look.
    pub(crate) fn grew_since(&self, earlier: &Self) -> bool {
        self.failures > earlier.failures || !self.panicked.is_subset(&earlier.panicked)
    }

    /// The one node that failed for a panic between `earlier` and this look. An aborting node that panics is ended by
    /// force.
    pub(crate) fn culprit_since(&self, earlier: &Self) -> Option<NodeId> {
        only(self.panicked.difference(&earlier.panicked))
            .or_else(|| only(self.forced.difference(&earlier.forced)))
            .copied()
    }
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

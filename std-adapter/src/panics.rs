//! Panics as values: their message, and which node one came from.
//!
//! The engine knows which node a panic has left, and fails it at its next poll. The invariant: a panic that no node is failed for and that did not come from a drop
//! either is never swallowed.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use windlass::{Instant, NodeId};

/// What a panic leaves.
pub(crate) type Payload = Box<dyn Any + Send>;

/// A panic of a work, caught by its driver: of one of its methods, or of its drop when its node was freed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// The node that failed for it: whose work panicked, or which had to free one whose drop panicked. None if no node did, for the work that was
    /// dropped had been at the top.
    pub node: Option<NodeId>,
    /// The name of that node; empty if there is none.
    pub name: &'static str,
    /// The time of the poll.
    pub at: Instant,
}

/// `2v1 fetch panicked: index out of bounds`
impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "{node} {} panicked: {}", self.name, self.message),
            None => write!(f, "the drop of a work panicked: {}", self.message),
        }
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

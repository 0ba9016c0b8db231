//! What any thread may ask of a fleet.
//!
//! The invariant: *what was offered and not taken comes back*, and no call waits for the thread that makes it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use windlass::{Error, Metrics, NodeId, Spec};

use super::core::Core;
use super::report::FleetLook;
use super::tree::{FleetScheduler, Tree, TreeId};

/// Reaches a fleet from any thread, its own works included. A clone reaches the same one.
pub struct FleetHandle<W: 'static> {
    core: Arc<Core<W>>,
}

/// Why a call did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FleetError {
    /// As many roots wait as may.
    Full,
    /// The fleet was shut down.
    Closed,
    /// The caller is a worker of the fleet, which might wait for itself.
    OwnThread,
}

/// A root that was not put in line: why, and what was offered.
pub struct NotQueued<R> {
    /// Why.
    pub error: FleetError,
    /// What was offered.
    pub root: R,
}

impl<W: 'static> FleetHandle<W> {
    pub(super) fn new(core: Arc<Core<W>>) -> Self {
        Self { core }
    }

    /// Puts a root in line: a tree that begins with one node. Never blocks.
    ///
    /// # Errors
    /// [`NotQueued`], with the root, if as many wait as may or the fleet was shut down.
    pub fn add(&self, root: Spec<W>) -> Result<Tree<W>, NotQueued<Spec<W>>>
    where
        W: Send,
    {
        self.offer(root, |root, scheduler| scheduler.add(root).map_err(Error::from))
    }

    /// Puts a tree in line that `plant` builds, on the thread of the worker that takes it; so its works need not be
    /// [`Send`]. It adds one node at the top and what belongs below that, and returns the id of the first.
    ///
    /// If it fails, panics, or adds another number of nodes at the top, what it has added is taken out again, and the tree
    /// has ended: [`TreeEnd::NotPlanted`](super::TreeEnd::NotPlanted). The other trees of the worker are in the same
    /// scheduler: it must leave them, and the scheduler's settings, alone.
    ///
    /// # Errors
    /// As [`FleetHandle::add`].
    pub fn plant<F>(&self, plant: F) -> Result<Tree<W>, NotQueued<F>>
    where
        F: FnOnce(&mut FleetScheduler<W>) -> Result<NodeId, Error> + Send + 'static,
    {
        self.offer(plant, |plant, scheduler| plant(scheduler))
    }

    fn offer<R: Send + 'static>(
        &self,
        root: R,
        plant: fn(R, &mut FleetScheduler<W>) -> Result<NodeId, Error>,
    ) -> Result<Tree<W>, NotQueued<R>> {
        let mut root = Some(root);
        self.core
            .add(|| {
                let root = root.take();
                Box::new(move |scheduler| match root {
                    Some(root) => plant(root, scheduler),
                    None => Err(Error::UnknownNode), // there is one: this is called once
                })
            })
            .map_err(|error| NotQueued { error, root: root.expect("it was not taken") })
    }

    /// The tree with this id, if it has not ended.
    #[must_use]
    pub fn find(&self, id: TreeId) -> Option<Tree<W>> {
        self.core.table.tree(id).map(|entry| Tree::new(entry, Arc::clone(&self.core)))
    }

    /// All trees that have not ended, to look at, abort or wait for.
    #[must_use]
    pub fn trees(&self) -> Vec<Tree<W>> {
        let trees = self.core.table.trees().into_iter();
        trees.map(|entry| Tree::new(entry, Arc::clone(&self.core))).collect()
    }

    /// Blocks until no tree waits or runs.
    ///
    /// # Errors
    /// [`FleetError::OwnThread`].
    pub fn join(&self) -> Result<(), FleetError> {
        if self.core.is_own_thread() {
            return Err(FleetError::OwnThread);
        }
        self.core.table.wait();
        Ok(())
    }

    /// Looks at the whole fleet. Waits for no worker: what a blocked one is at can be seen.
    #[must_use]
    pub fn look(&self) -> FleetLook {
        self.core.look()
    }

    /// The totals of all workers' schedulers together. Waits for each worker to come to it.
    ///
    /// # Errors
    /// [`FleetError::OwnThread`], or [`FleetError::Closed`] if a worker has ended.
    pub fn metrics(&self) -> Result<Metrics, FleetError> {
        self.core.metrics()
    }

    /// Takes no more roots, lets those that wait end without a start, and aborts all trees; what has not finished after
    /// `drain` is ended by force. Does not wait: see [`Fleet::shutdown`](super::Fleet::shutdown). Asking again changes
    /// nothing, except that an earlier end replaces a later one.
    pub fn shutdown(&self, drain: Duration) {
        self.core.close(drain);
    }

    /// Whether the fleet takes roots.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.core.table.is_closed()
    }
}

impl<W: 'static> Clone for FleetHandle<W> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<W: 'static> fmt::Debug for FleetHandle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_open() { "FleetHandle(open)" } else { "FleetHandle(closed)" })
    }
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "as many roots wait as may",
            Self::Closed => "the fleet was shut down",
            Self::OwnThread => "a worker of the fleet cannot wait for the fleet",
        })
    }
}

impl std::error::Error for FleetError {}

impl<R> fmt::Debug for NotQueued<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotQueued({:?})", self.error)
    }
}

impl<R> fmt::Display for NotQueued<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not put in line: {}", self.error)
    }
}

impl<R> std::error::Error for NotQueued<R> {}

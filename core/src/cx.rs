//! What a running work may do: look at the clock and the application, add children, and act on other nodes.

use core::fmt;
use core::time::Duration;

use crate::children::Children;
use crate::error::{Error, Refused};
use crate::id::NodeId;
use crate::node::ROOT;
use crate::ops;
use crate::phase::Phase;
use crate::reason::{AbortCause, Failure};
use crate::slots::Slots;
use crate::spec::Spec;
use crate::state::State;
use crate::table::Table;
use crate::time::Instant;
use crate::view::{NodeView, View};

/// Lends the table to a context without showing its lifetimes in every work's signature.
pub(crate) trait Lend {
    fn table(&mut self) -> Table<'_>;
    fn view(&self) -> View<'_>;
    fn time(&self) -> Instant;
}

impl Lend for Table<'_> {
    fn table(&mut self) -> Table<'_> {
        self.reborrow()
    }

    fn view(&self) -> View<'_> {
        View::of(self)
    }

    fn time(&self) -> Instant {
        Instant::from_micros(Table::time(self))
    }
}

/// The engine and the application, as a work sees them while it is called.
///
/// Every call from user code into the engine goes through here, and none can crank another work: a work that wakes, aborts or adds a node
/// finds it changed at once, and the engine gets to it in its turn.
pub struct Cx<'a, W, A: ?Sized = ()> {
    // Made anew for each crank, so it holds nothing that can be had through `lend`; which node is running, `slots` knows.
    pub(crate) lend: &'a mut (dyn Lend + 'a),
    pub(crate) slots: Slots<'a, W>,
    pub(crate) app: &'a mut A,
}

impl<W, A: ?Sized> Cx<'_, W, A> {
    fn index(&self) -> u32 {
        self.slots.running()
    }

    /// The application, as given to [`Scheduler::poll_work_with`](crate::Scheduler::poll_work_with).
    pub fn app(&mut self) -> &mut A {
        self.app
    }

    /// Adds a child of this node. It runs in the pass that is going on, or in the next.
    ///
    /// # Errors
    /// As [`Scheduler::add_below`](crate::Scheduler::add_below); the spec comes back.
    pub fn add_child(&mut self, spec: Spec<W>) -> Result<NodeId, Refused<W>> {
        let index = self.index();
        ops::add(&mut self.lend.table(), &mut self.slots, index, spec)
    }

    /// Adds a node at the top, beside whatever runs there.
    ///
    /// # Errors
    /// As [`Scheduler::add`](crate::Scheduler::add); the spec comes back.
    pub fn add(&mut self, spec: Spec<W>) -> Result<NodeId, Refused<W>> {
        ops::add(&mut self.lend.table(), &mut self.slots, ROOT, spec)
    }

    /// Adds a node below another one, for instance the members of a sequence that this work has just added.
    ///
    /// # Errors
    /// As [`Scheduler::add_below`](crate::Scheduler::add_below); the spec comes back.
    pub fn add_below(&mut self, parent: NodeId, spec: Spec<W>) -> Result<NodeId, Refused<W>> {
        ops::add_below(&mut self.lend.table(), &mut self.slots, parent, spec)
    }

    /// Adds a child to a graph together with what it depends on: all or nothing.
    ///
    /// # Errors
    /// As [`Scheduler::add_after`](crate::Scheduler::add_after); the spec comes back.
    pub fn add_after(
        &mut self,
        graph: NodeId,
        spec: Spec<W>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Refused<W>> {
        ops::add_after(&mut self.lend.table(), &mut self.slots, graph, spec, dependencies)
    }

    /// Makes `node`, a child of a graph that has not started, wait for the success of `dependency`.
    ///
    /// # Errors
    /// As [`Scheduler::depend`](crate::Scheduler::depend).
    pub fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        ops::depend(&mut self.lend.table(), node, dependency)
    }

    /// Wakes a node. A work that wakes itself and then waits is cranked again.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        ops::wake(&mut self.lend.table(), node)
    }

    /// Aborts a node and all below it; this node too, in which case what the call returns no longer matters.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn abort(&mut self, node: NodeId) -> Result<(), Error> {
        self.abort_by(node, Instant::MAX)
    }

    /// As [`Cx::abort`], and what has not finished by `deadline` is ended by force.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        let by = self.id();
        ops::abort(&mut self.lend.table(), node, Some(by), deadline)
    }

    /// Pauses a node and all below it.
    ///
    /// # Errors
    /// As [`Scheduler::pause`](crate::Scheduler::pause).
    pub fn pause(&mut self, node: NodeId) -> Result<(), Error> {
        ops::pause(&mut self.lend.table(), node, true)
    }

    /// Lets a paused node go on.
    ///
    /// # Errors
    /// As [`Scheduler::resume`](crate::Scheduler::resume).
    pub fn resume(&mut self, node: NodeId) -> Result<(), Error> {
        ops::pause(&mut self.lend.table(), node, false)
    }

    /// Starts an ended node again.
    ///
    /// # Errors
    /// As [`Scheduler::restart`](crate::Scheduler::restart).
    pub fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        ops::restart(&mut self.lend.table(), &mut self.slots, node)
    }

    /// Frees an ended top-level node and everything below it, and gives its work back if it had one.
    ///
    /// # Errors
    /// As [`Scheduler::remove`](crate::Scheduler::remove).
    pub fn remove(&mut self, node: NodeId) -> Result<Option<W>, Error> {
        ops::remove(&mut self.lend.table(), &mut self.slots, node)
    }

    /// Aborts everything, this node too, and refuses what is new from now on; what has not finished by `deadline` is ended by force.
    pub fn shutdown(&mut self, deadline: Instant) {
        self.lend.table().shut_down(deadline.as_micros());
    }

    /// The handle that wakes a node from an interrupt, another thread or a callback.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::NoWakeSet`].
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    pub fn wake_handle(&mut self, node: NodeId) -> Result<crate::wake::WakeHandle, Error> {
        ops::wake_handle(&mut self.lend.table(), node)
    }

    /// As [`Cx::wake_handle`], for this node.
    ///
    /// # Errors
    /// [`Error::NoWakeSet`].
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    pub fn own_wake_handle(&mut self) -> Result<crate::wake::WakeHandle, Error> {
        let id = self.id();
        self.wake_handle(id)
    }

    /// The time at this moment. It stands still while a poll goes on if the poll was given an instant, and does not if it was given a clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.lend.time()
    }

    /// The node of this work.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.lend.view().id(self.index())
    }

    /// The node above; none at the top.
    #[must_use]
    pub fn parent(&self) -> Option<NodeId> {
        let view = self.lend.view();
        let parent = view.hot.at(self.index()).parent;
        (parent != ROOT).then(|| view.id(parent))
    }

    /// The name of this node.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.lend.view().notes.at(self.index()).name()
    }

    /// The tag of this node, if it has one.
    #[must_use]
    pub fn tag(&self) -> Option<u32> {
        self.lend.view().at(self.index()).tag()
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        u32::from(self.lend.view().cold.at(self.index()).retries_used) + 1
    }

    /// Stops the time limit of this attempt until [`Cx::restart_timeout`]: for a work that waits for its turn somewhere else (a thread, a permit), which is no
    /// attempt yet. Does nothing without a timeout, and in an abort.
    pub fn stop_timeout(&mut self) {
        let index = self.index();
        self.lend.table().stop_timeout(index);
    }

    /// Lets the time limit of this attempt count from now on.
    pub fn restart_timeout(&mut self) {
        let index = self.index();
        self.lend.table().restart_timeout(index);
    }

    /// How much longer this attempt may take; none without a timeout, or while it is stopped.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let limit = self.lend.view().cold.at(self.index()).limit_at;
        (limit != Instant::MAX.as_micros()).then(|| Instant::from_micros(limit) - self.now())
    }

    /// How the children are doing.
    #[must_use]
    pub fn children(&self) -> Children {
        self.lend.view().children(self.index())
    }

    /// The children that have ended since this node's last turn; their slots are freed when the turn is over.
    pub fn ended_children(&self) -> impl Iterator<Item = NodeView<'_>> {
        self.lend.view().ended_children(self.index())
    }

    /// The failure that ends this attempt (in a failure hook), or the first one among the children of this attempt.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.lend.view().notes.at(self.index()).failure()
    }

    /// Why this node is being aborted; none if it is not.
    #[must_use]
    pub fn abort_cause(&self) -> Option<AbortCause> {
        let view = self.lend.view();
        let hot = view.hot.at(self.index());
        (hot.phase == Phase::Aborting).then(|| hot.cause())
    }

    /// Whether this node is being aborted.
    #[must_use]
    pub fn is_aborting(&self) -> bool {
        self.abort_cause().is_some()
    }

    /// One node.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn node(&self, id: NodeId) -> Result<NodeView<'_>, Error> {
        self.lend.view().node(id)
    }

    /// The state of a node.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn state(&self, id: NodeId) -> Result<State, Error> {
        Ok(self.node(id)?.state())
    }

    /// Everything there is to see: any node's state, status, children.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        self.lend.view()
    }

    /// Slots that are free.
    #[must_use]
    pub fn free_nodes(&mut self) -> usize {
        self.lend.table().free_slots() as usize
    }
}

impl<W, A: ?Sized> fmt::Debug for Cx<'_, W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("id", &self.id())
            .field("now", &self.lend.view().now())
            .finish_non_exhaustive()
    }
}

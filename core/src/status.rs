//! What can be seen from outside: views of nodes, and walks over the tree.
//!
//! A view reads the tables as they are; it changes nothing, allocates nothing and recurses nowhere.

use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::cx::Children;
use crate::error::Error;
use crate::id::NodeId;
use crate::node::{Cold, Edge, Edges, Hot, Kind, ROOT, Way, flag};
use crate::reason::{Cause, Failure};
use crate::retry::Retry;
use crate::root::Root;
use crate::spec::UNLIMITED;
use crate::state::{State, Status};
use crate::store::Nodes;
use crate::time::Instant;

/// A look at a whole scheduler.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(crate) nodes: Nodes<'a>,
    pub(crate) root: &'a Root,
    now: Instant,
}

impl<'a> View<'a> {
    pub(crate) const fn new(nodes: Nodes<'a>, root: &'a Root) -> Self {
        Self { nodes, root, now: Instant::from_micros(root.now) }
    }

    /// The same look with another idea of the time, which shows in the texts: a display that is drawn between two polls gives the present.
    #[must_use]
    pub const fn as_of(self, now: Instant) -> Self {
        Self { now, ..self }
    }

    pub(crate) fn hot(&self, index: u32) -> &'a Hot {
        self.nodes.hot.get(index as usize).unwrap_or(&self.root.hot)
    }

    pub(crate) fn cold(&self, index: u32) -> &'a Cold {
        self.nodes.cold.get(index as usize).unwrap_or(&self.root.cold)
    }

    pub(crate) fn id(&self, index: u32) -> NodeId {
        NodeId::new(index, NonZeroU32::new(self.hot(index).generation).unwrap_or(NonZeroU32::MIN))
    }

    pub(crate) fn at(&self, index: u32) -> NodeView<'a> {
        NodeView { view: *self, index }
    }

    pub(crate) fn children(&self, index: u32) -> Children {
        let cold = self.cold(index);
        Children {
            live: cold.live,
            succeeded: cold.succeeded,
            failed: cold.failed,
            aborted: cold.aborted,
            earlier: cold.earlier,
            any_running: self.hot(index).ring != ROOT,
        }
    }

    pub(crate) fn ended_children(self, index: u32) -> impl Iterator<Item = NodeView<'a>> {
        let head = self.cold(index).ended;
        let mut next = head;
        core::iter::from_fn(move || {
            let node = (next != ROOT).then(|| self.at(next))?;
            next = self.hot(next).next;
            if next == head {
                next = ROOT;
            }
            Some(node)
        })
    }

    /// The edges into a node.
    pub(crate) fn edges_into(self, index: u32) -> impl Iterator<Item = Edge> {
        let mut walk = Edges::of(self.cold(index), Way::Into);
        core::iter::from_fn(move || walk.step(self.nodes.edges))
    }

    pub(crate) fn siblings(self, first: u32) -> impl Iterator<Item = u32> {
        let mut at = first;
        core::iter::from_fn(move || {
            let index = (at != ROOT).then_some(at)?;
            at = self.cold(index).next_sibling;
            Some(index)
        })
    }

    /// The node with this id.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn node(&self, id: NodeId) -> Result<NodeView<'a>, Error> {
        match self.nodes.hot.get(id.index() as usize) {
            Some(hot) if hot.generation == id.generation() && hot.has(flag::LIVE) => Ok(self.at(id.index())),
            _ => Err(Error::UnknownNode),
        }
    }

    /// All nodes, parents before their children, siblings in the order they were added. O(1) a step.
    pub fn nodes(self) -> impl Iterator<Item = NodeView<'a>> {
        let mut next = self.root.cold.first_child;
        core::iter::from_fn(move || {
            let index = (next != ROOT).then_some(next)?;
            next = self.after(index);
            Some(self.at(index))
        })
    }

    fn after(&self, mut index: u32) -> u32 {
        let child = self.cold(index).first_child;
        if child != ROOT {
            return child;
        }
        while index != ROOT {
            let next = self.cold(index).next_sibling;
            if next != ROOT {
                return next;
            }
            index = self.hot(index).parent;
        }
        ROOT
    }

    /// Nodes that wait, and that nothing the engine knows of will wake: no deadline, no live child, no gate, no wake handle given out. They move
    /// only if somebody calls `wake`. If nothing at all can move, the shut gates are listed too: they wait for each other. Cost: two looks
    /// at each node.
    pub fn stalled(self) -> impl Iterator<Item = NodeView<'a>> {
        let waits_for_outside = |node: NodeView<'_>| {
            node.is_paused() || node.state() == State::Waiting && node.hot().has(flag::HANDLE)
        };
        let still =
            self.root.hot.ring == ROOT && self.root.timers.is_empty() && !self.nodes().any(waits_for_outside);
        let is_shut = |node: &NodeView<'_>| {
            node.kind().is_gate() && node.state() == State::Waiting && !node.hot().has(flag::OPEN)
        };
        self.nodes().filter(move |node| node.is_stalled() || still && is_shut(node))
    }

    /// How the aborts went: who is still at it, and who was ended by force.
    #[must_use]
    pub const fn drain(self) -> Drain<'a> {
        Drain { view: self }
    }

    /// The time of the latest poll, or what [`View::as_of`] said.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }
}

/// How the aborts of a scheduler went. Nodes that are no longer in the table are in the metrics only.
///
/// Displayed: `drained`, `draining: fetch` or `drained, by force: fetch, store`.
#[derive(Clone, Copy)]
pub struct Drain<'a> {
    view: View<'a>,
}

impl<'a> Drain<'a> {
    /// Nodes that did not finish in time and were ended by force.
    pub fn forced(self) -> impl Iterator<Item = NodeView<'a>> {
        self.view.nodes().filter(NodeView::was_forced)
    }

    /// Nodes that are still cleaning up.
    pub fn pending(self) -> impl Iterator<Item = NodeView<'a>> {
        self.view.nodes().filter(|node| node.state() == State::Aborting)
    }

    /// Whether every abort is over and none was forced.
    #[must_use]
    pub fn is_clean(self) -> bool {
        self.pending().next().is_none() && self.forced().next().is_none()
    }
}

impl fmt::Display for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.pending().next().is_some();
        f.write_str(if pending { "draining" } else { "drained" })?;
        write_names(f, ": ", self.pending())?;
        write_names(f, ", by force: ", self.forced())
    }
}

impl fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// All names after `lead`; nothing if there are none.
fn write_names<'a>(
    f: &mut fmt::Formatter<'_>,
    lead: &str,
    nodes: impl Iterator<Item = NodeView<'a>>,
) -> fmt::Result {
    for (position, node) in nodes.enumerate() {
        f.write_str(if position == 0 { lead } else { ", " })?;
        f.write_str(node.name())?;
    }
    Ok(())
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes()).finish()
    }
}

/// A look at one node.
#[derive(Clone, Copy)]
pub struct NodeView<'a> {
    view: View<'a>,
    index: u32,
}

impl<'a> NodeView<'a> {
    pub(crate) fn hot(&self) -> &'a Hot {
        self.view.hot(self.index)
    }

    pub(crate) fn cold(&self) -> &'a Cold {
        self.view.cold(self.index)
    }

    pub(crate) const fn view(&self) -> View<'a> {
        self.view
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.view.id(self.index)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.cold().name()
    }

    /// What kind of node it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.hot().kind
    }

    /// The state of the machine.
    #[must_use]
    pub fn state(&self) -> State {
        self.hot().state
    }

    /// The public status. A composite is waiting when nothing below it can run.
    #[must_use]
    pub fn status(&self) -> Status {
        let hot = self.hot();
        match hot.state {
            State::Aborted if hot.cause() == Cause::Dependency => Status::Blocked,
            State::Running if hot.kind != Kind::Work && !hot.has(flag::IN_RING) => Status::Waiting,
            state => state.status(),
        }
    }

    /// The parent; none at the top.
    #[must_use]
    pub fn parent(&self) -> Option<NodeView<'a>> {
        let parent = self.hot().parent;
        (parent != ROOT).then(|| self.view.at(parent))
    }

    /// How many nodes are above this one. Cost: as many steps.
    #[must_use]
    pub fn depth(&self) -> usize {
        let mut depth = 0;
        let mut index = self.hot().parent;
        while index != ROOT {
            depth += 1;
            index = self.view.hot(index).parent;
        }
        depth
    }

    /// The children, in the order they were added.
    pub fn children(&self) -> impl Iterator<Item = NodeView<'a>> + use<'a> {
        let view = self.view;
        view.siblings(self.cold().first_child).map(move |index| view.at(index))
    }

    /// How the children are doing.
    #[must_use]
    pub fn child_counts(&self) -> Children {
        self.view.children(self.index)
    }

    /// How many children may be active at once; `u32::MAX` is no limit.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.cold().width
    }

    /// The node that this gate waits for, which may be gone; none if it is no gate or asks a predicate.
    #[must_use]
    pub fn awaited(&self) -> Option<NodeId> {
        matches!(self.kind(), Kind::After | Kind::AfterSuccess)
            .then(|| NodeId::from_bits(self.cold().param))?
    }

    /// What this child of a graph depends on, in the order the dependencies were added.
    pub fn dependencies(&self) -> impl Iterator<Item = NodeView<'a>> + use<'a> {
        let view = self.view;
        view.edges_into(self.index).map(move |edge| view.at(edge.dependency))
    }

    /// Which attempt it is in, from 1; during a retry delay, the one that failed.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        u32::from(self.cold().retries_used) + 1
    }

    /// How often, and after what delays, a failed attempt is repeated.
    #[must_use]
    pub fn retry_policy(&self) -> Retry {
        self.cold().retry
    }

    /// How many retries are left.
    #[must_use]
    pub fn retries_left(&self) -> u16 {
        let cold = self.cold();
        cold.retry.budget().saturating_sub(cold.retries_used)
    }

    /// How long until the next attempt; none if the node is not in a retry delay, zero if the delay is over.
    #[must_use]
    pub fn retry_eta(&self, now: Instant) -> Option<Duration> {
        self.hot().has(flag::RETRY).then(|| Instant::from_micros(self.cold().wake_at) - now)
    }

    /// The earliest time at which this node asked to be looked at: a sleep, a retry, a gate's next question, a timeout or the end of the drain.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let at = self.cold().wake_at.min(self.cold().limit_at);
        (at != UNLIMITED).then_some(Instant::from_micros(at))
    }

    /// Why it failed, or why its last attempt did.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.cold().failure
    }

    /// Why it is being aborted or was; none for all others.
    #[must_use]
    pub fn abort_cause(&self) -> Option<Cause> {
        matches!(self.state(), State::Aborting | State::Aborted).then(|| self.hot().cause())
    }

    /// Which node asked for the abort; none if that came from outside.
    #[must_use]
    pub fn aborted_by(&self) -> Option<NodeId> {
        self.abort_cause().and_then(|_| self.cold().aborted_by(self.hot()))
    }

    /// Whether it is paused. Nodes below a paused one are not cranked either.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.hot().has(flag::PAUSED)
    }

    /// Whether a wake handle was taken for it, so that it may be woken from outside.
    #[must_use]
    pub fn has_wake_handle(&self) -> bool {
        self.hot().has(flag::HANDLE)
    }

    /// Whether it did not finish its abort in time.
    #[must_use]
    pub fn was_forced(&self) -> bool {
        self.hot().has(flag::FORCED)
    }

    /// Whether it waits, and nothing the engine knows of will wake it.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        let (hot, cold) = (self.hot(), self.cold());
        let waits = match hot.state {
            State::Waiting => true,
            State::Aborting => !hot.has(flag::TURN),
            _ => false,
        };
        // A retry at the end of time never comes, and no wake ends its delay.
        let may_be_woken = hot.has(flag::HANDLE | flag::QUEUED) || hot.kind.is_gate();
        waits
            && cold.wake_at.min(cold.limit_at) == UNLIMITED
            && (hot.has(flag::RETRY) || cold.live == 0 && !may_be_woken)
    }
}

impl fmt::Debug for NodeView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.id(), self.name(), self.state())
    }
}

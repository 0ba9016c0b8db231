//! What can be seen from outside: views of nodes, and walks over the tree.
//!
//! A view reads the tables as they are; it changes nothing, allocates nothing and recurses nowhere.

use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::children::Children;
use crate::column::Look;
use crate::deadlines::Timer;
use crate::edges::Edge;
use crate::error::Error;
use crate::id::NodeId;
use crate::kind::Kind;
use crate::label::Label;
use crate::links::NONE;
use crate::marks::mark;
use crate::node::{Cold, Hot, Note, ROOT};
use crate::phase::Phase;
use crate::reason::{AbortCause, Failure};
use crate::retry::Retry;
use crate::root::{Globals, Root};
use crate::siblings::{self, Sibling};
use crate::state::{State, Status};
use crate::store::Nodes;
use crate::table::Table;
use crate::time::Instant;
use crate::timers::Alarm;

/// A look at a whole scheduler.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(crate) hot: Look<'a, Hot>,
    pub(crate) cold: Look<'a, Cold>,
    pub(crate) notes: Look<'a, Note>,
    siblings: &'a [Sibling],
    pub(crate) alarms: &'a [Alarm],
    edges: &'a [Edge],
    pub(crate) globals: &'a Globals,
}

impl<'a> View<'a> {
    pub(crate) const fn new(nodes: Nodes<'a>, root: &'a Root) -> Self {
        let Nodes { hot, cold, notes, siblings, alarms, edges } = nodes;
        Self {
            hot: Look::new(hot, &root.hot),
            cold: Look::new(cold, &root.cold),
            notes: Look::new(notes, &root.note),
            siblings,
            alarms,
            edges,
            globals: &root.globals,
        }
    }

    pub(crate) fn of(table: &'a Table<'_>) -> Self {
        Self {
            hot: table.hot.look(),
            cold: table.cold.look(),
            notes: table.notes.look(),
            siblings: table.siblings,
            alarms: table.alarms,
            edges: table.edges,
            globals: table.globals,
        }
    }

    pub(crate) fn id(&self, index: u32) -> NodeId {
        NodeId::new(index, NonZeroU32::new(self.hot.at(index).generation).unwrap_or(NonZeroU32::MIN))
    }

    pub(crate) fn at(&self, index: u32) -> NodeView<'a> {
        NodeView { view: *self, index }
    }

    pub(crate) fn children(&self, index: u32) -> Children {
        let cold = self.cold.at(index);
        Children {
            live: cold.live,
            succeeded: cold.succeeded,
            failed: cold.failed,
            aborted: cold.aborted,
            earlier: cold.earlier,
            any_running: !self.hot.at(index).ring.is_empty(),
        }
    }

    pub(crate) fn ended_children(self, index: u32) -> impl Iterator<Item = NodeView<'a>> {
        let ended = self.cold.at(index).ended;
        let mut next = ended.first();
        core::iter::from_fn(move || {
            let node = (next != NONE).then(|| self.at(next))?;
            next = ended.or_end(self.hot.at(next).link.next());
            Some(node)
        })
    }

    /// The edges into a node.
    pub(crate) fn edges_into(self, index: u32) -> impl Iterator<Item = Edge> {
        self.cold.at(index).edges.into().over(self.edges)
    }

    pub(crate) fn next_sibling(&self, index: u32) -> u32 {
        siblings::next(self.siblings, index)
    }

    /// The gate after this one among those that wait for the same node.
    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) fn next_watcher(&self, gate: u32) -> u32 {
        let next = self.cold.at(gate).next_watcher;
        if next == gate { NONE } else { next }
    }

    /// Slots in the table.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.siblings.len()
    }

    /// The place of a node among its siblings.
    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) fn sibling(&self, index: u32) -> Sibling {
        self.siblings.get(index as usize).copied().unwrap_or(Sibling::UNUSED)
    }

    pub(crate) fn siblings(self, first: u32) -> impl Iterator<Item = u32> {
        let mut at = first;
        core::iter::from_fn(move || {
            let index = (at != ROOT).then_some(at)?;
            at = self.next_sibling(index);
            Some(index)
        })
    }

    /// The node with this id.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn node(&self, id: NodeId) -> Result<NodeView<'a>, Error> {
        match self.hot.get(id.index()) {
            Some(hot) if hot.generation == id.generation() && hot.has(mark::LIVE) => Ok(self.at(id.index())),
            _ => Err(Error::UnknownNode),
        }
    }

    /// All nodes, parents before their children, siblings in the order they were added. O(1) a step.
    pub fn nodes(self) -> impl Iterator<Item = NodeView<'a>> {
        let mut next = self.cold.at(ROOT).children.first();
        core::iter::from_fn(move || {
            let index = (next != ROOT).then_some(next)?;
            next = self.after(index);
            Some(self.at(index))
        })
    }

    fn after(&self, mut index: u32) -> u32 {
        let child = self.cold.at(index).children.first();
        if child != ROOT {
            return child;
        }
        while index != ROOT {
            let next = self.next_sibling(index);
            if next != ROOT {
                return next;
            }
            index = self.hot.at(index).parent;
        }
        ROOT
    }

    /// Nodes that wait, and that nothing the engine knows of will wake: no deadline, no live child, no gate, no wake handle given out. They move
    /// only if somebody calls `wake`. If nothing at all can move, the shut gates are listed too: they wait for each other. Cost: two looks
    /// at each node.
    pub fn stalled(self) -> impl Iterator<Item = NodeView<'a>> {
        let waits_for_outside = |node: NodeView<'_>| {
            node.is_paused() || node.state() == State::Waiting && node.hot().has(mark::HANDLE)
        };
        let still = self.hot.at(ROOT).ring.is_empty()
            && self.globals.timers.is_empty()
            && !self.nodes().any(waits_for_outside);
        let is_shut = |node: &NodeView<'_>| {
            let hungry = node.waits_for_a_slot() && !node.hot().has(mark::TURN);
            match node.state() {
                State::Waiting => node.kind().is_gate() && !node.hot().has(mark::OPEN) || hungry,
                State::Aborting => hungry && node.cold().live == 0,
                _ => false,
            }
        };
        self.nodes().filter(move |node| node.is_stalled() || still && is_shut(node))
    }

    /// How the aborts went: who is still at it, and who was ended by force.
    #[must_use]
    pub const fn drain(self) -> Drain<'a> {
        Drain { view: self }
    }

    /// The time of the latest poll.
    #[must_use]
    pub const fn now(&self) -> Instant {
        Instant::from_micros(self.globals.now)
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
        write!(f, "{}", node.label())?;
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
        self.view.hot.at(self.index)
    }

    pub(crate) fn cold(&self) -> &'a Cold {
        self.view.cold.at(self.index)
    }

    pub(crate) fn note(&self) -> &'a Note {
        self.view.notes.at(self.index)
    }

    /// What the node's timer means, and when it rings.
    pub(crate) fn timer(&self) -> Option<(Timer, Instant)> {
        let at = self.view.globals.timers.time_of(self.view.alarms, self.index)?;
        Some((self.cold().timer, Instant::from_micros(at)))
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
        self.note().name()
    }

    /// The tag, if it has one.
    #[must_use]
    pub fn tag(&self) -> Option<u32> {
        self.hot().has(mark::TAGGED).then_some(self.note().tag)
    }

    /// Displays the name with the tag: `checkpoint #17`.
    pub fn label(&self) -> impl fmt::Display + use<> {
        Label { name: self.name(), tag: self.tag() }
    }

    /// What kind of node it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.hot().kind
    }

    /// The state of the machine.
    #[must_use]
    pub fn state(&self) -> State {
        self.hot().phase.state()
    }

    /// The public status. A composite is waiting when nothing below it can run.
    #[must_use]
    pub fn status(&self) -> Status {
        let hot = self.hot();
        match hot.phase.state() {
            State::Success if hot.has(mark::SKIPPED) => Status::Skipped,
            State::Aborted if hot.cause() == AbortCause::Dependency => Status::Blocked,
            State::Running if hot.kind != Kind::Work && !hot.has(mark::IN_RING) => Status::Waiting,
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
            index = self.view.hot.at(index).parent;
        }
        depth
    }

    /// The children, in the order they were added.
    pub fn children(&self) -> impl Iterator<Item = NodeView<'a>> + use<'a> {
        let view = self.view;
        view.siblings(self.cold().children.first()).map(move |index| view.at(index))
    }

    /// How the children are doing.
    #[must_use]
    pub fn child_counts(&self) -> Children {
        self.view.children(self.index)
    }

    /// How many children may be active at once; `u32::MAX` is no limit.
    #[must_use]
    pub fn concurrency(&self) -> u32 {
        self.cold().places
    }

    /// Whether a child that waits for a retry lends its place to others: see [`Spec::lend_places`](crate::Spec::lend_places). No without a limit.
    #[must_use]
    pub fn lends_places(&self) -> bool {
        self.hot().has(mark::LENDS)
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

    /// Whether it found the table full, and will be woken when a slot is free.
    pub(crate) fn waits_for_a_slot(&self) -> bool {
        self.kind() == Kind::Work && self.cold().next_watcher != NONE
    }

    pub(crate) fn is_backing_off(&self) -> bool {
        self.hot().phase == Phase::BackingOff
    }

    /// How long until the next attempt; none if the node is not in a retry delay, zero if the delay is over.
    #[must_use]
    pub fn retry_eta(&self, now: Instant) -> Option<Duration> {
        let at = || self.timer().map_or(Instant::MAX, |(_, at)| at);
        self.is_backing_off().then(|| at() - now)
    }

    /// The earliest time at which this node asked to be looked at: a sleep, a retry, a gate's next question, a timeout or the end of the drain.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.timer().map(|(_, at)| at)
    }

    /// Why it failed, or why its last attempt did.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.note().failure()
    }

    /// Why it is being aborted or was; none for all others.
    #[must_use]
    pub fn abort_cause(&self) -> Option<AbortCause> {
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
        self.hot().has(mark::PAUSED)
    }

    /// Whether a wake handle was taken for it, so that it may be woken from outside.
    #[must_use]
    pub fn has_wake_handle(&self) -> bool {
        self.hot().has(mark::HANDLE)
    }

    /// Whether it did not finish its abort in time.
    #[must_use]
    pub fn was_forced(&self) -> bool {
        self.hot().has(mark::FORCED)
    }

    /// Whether it waits, and nothing the engine knows of will wake it.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        let hot = self.hot();
        if hot.has(mark::ARMED) {
            return false;
        }
        match hot.phase {
            // At the end of time; and no wake ends a delay or a sleep.
            Phase::BackingOff | Phase::Sleeping => true,
            Phase::Aborting if hot.has(mark::TURN) => false,
            Phase::Waiting | Phase::Aborting => {
                self.cold().live == 0
                    && !hot.has(mark::HANDLE)
                    && !hot.kind.is_gate()
                    && !self.waits_for_a_slot()
            }
            _ => false,
        }
    }
}

impl fmt::Debug for NodeView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.id(), self.label(), self.state())
    }
}

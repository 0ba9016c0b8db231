//! The oracles over events: a second, slow idea of the tree, built from what happened alone.
//!
//! The invariant: it knows a node only by its events and by the facts of its spec, never by the engine's own state; so it disagrees when the engine
//! does something that its tables then agree with. It changes nothing and stops at the first violation.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use windlass::{Event, EventKind, Instant, Kind, NodeId, NodeView, Retry, State, Transition};

use crate::oracle::{Oracle, Violation, ensure};

type Checked = Result<(), Violation>;

/// What the spec of a node said.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub kind: Kind,
    pub width: u32,
    /// A child that waits for a retry lends its place.
    pub lends: bool,
    pub retry: Retry,
    pub paused: bool,
    /// The node that a gate waits for.
    pub awaited: Option<NodeId>,
    /// What a child of a graph depends on.
    pub depends: Vec<NodeId>,
}

impl Facts {
    pub(crate) fn of(node: &NodeView<'_>) -> Self {
        Self {
            kind: node.kind(),
            width: node.concurrency(),
            lends: node.lends_places(),
            retry: node.retry_policy(),
            paused: node.is_paused(),
            awaited: node.awaited(),
            depends: node.dependencies().map(|dependency| dependency.id()).collect(),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Node {
    added: bool,
    parent: Option<NodeId>,
    children: Vec<NodeId>,
    state: State,
    /// None if it was gone before anybody could look.
    facts: Option<Facts>,
    paused: bool,
    /// Its predicate has said yes, and it has not opened yet.
    yes: bool,
    open: bool,
    attempt: u32,
    started: Instant,
    /// The delay that it asked for itself.
    asked: Option<Duration>,
    /// When the next attempt may start.
    retry_at: Option<Instant>,
}

impl Node {
    fn kind(&self) -> Option<Kind> {
        self.facts.as_ref().map(|facts| facts.kind)
    }
}

/// The tree as its events tell it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    nodes: BTreeMap<NodeId, Node>,
    /// How nodes that are gone had ended.
    ends: BTreeMap<NodeId, State>,
}

impl Watch {
    /// Takes note of what the spec of a node says. Before the events in which it matters.
    pub(crate) fn learn(&mut self, id: NodeId, facts: Facts) {
        let node = self.nodes.entry(id).or_default();
        if node.facts.is_none() {
            node.paused = facts.paused;
        }
        node.facts = Some(facts);
    }

    /// Takes note that a work asked for this delay when it failed.
    pub(crate) fn asked(&mut self, id: NodeId, delay: Duration) {
        self.node_mut(id).asked = Some((Instant::ZERO + delay) - Instant::ZERO);
    }

    /// Takes note that a gate's predicate said yes.
    pub(crate) fn said_yes(&mut self, id: NodeId) {
        self.node_mut(id).yes = true;
    }

    /// Takes note that a node panicked, which lifts its pause.
    pub(crate) fn panicked(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.paused = false;
        }
    }

    /// Takes in one event.
    pub(crate) fn event(&mut self, event: &Event) -> Checked {
        let id = event.node;
        match event.kind {
            EventKind::Added(parent) => self.added(id, parent),
            EventKind::Cranked => self.cranked(id),
            EventKind::Moved(transition) => self.moved(event, transition),
            EventKind::Retry { attempt, delay, .. } => self.retry(event, attempt, delay),
            EventKind::AbortBegan { .. } => self.abort_began(id),
            EventKind::Opened => self.opened(id),
            EventKind::Paused(paused) => {
                self.node_mut(id).paused = paused;
                Ok(())
            }
            EventKind::Freed => self.freed(id),
            // Failures, ends by force, timeouts, refusals: what follows from them has events of its own.
            _ => Ok(()),
        }
    }

    /// What must hold when a step is over: an abort has reached everything below it.
    pub(crate) fn step_is_over(&self) -> Checked {
        for node in self.nodes.values().filter(|node| node.state == State::Aborting) {
            for child in &node.children {
                let state = self.state(*child);
                let reached = state.is_done() || state == State::Aborting;
                ensure(reached, Oracle::AbortReachesAll, *child, "its parent is aborting and it is not")?;
            }
        }
        Ok(())
    }

    /// The table has as many nodes as were added and not freed.
    pub(crate) fn count(&self, nodes: usize) -> Checked {
        let same = self.nodes.len() == nodes;
        ensure(same, Oracle::SlotsConserved, None, "more or fewer nodes than were added and not freed")
    }

    fn state(&self, id: NodeId) -> State {
        self.nodes.get(&id).map(|node| node.state).or_else(|| self.ends.get(&id).copied()).unwrap_or_default()
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.entry(id).or_default()
    }

    /// The nodes above, from the parent to the top.
    fn above(&self, id: NodeId) -> impl Iterator<Item = &Node> {
        let up = |node: &&Node| self.nodes.get(&node.parent?);
        core::iter::successors(self.nodes.get(&id).as_ref().and_then(up), up)
    }

    fn live_children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let children = self.nodes.get(&id).map_or(&[][..], |node| node.children.as_slice());
        children.iter().copied().filter(|child| !self.state(*child).is_done())
    }

    fn added(&mut self, id: NodeId, parent: Option<NodeId>) -> Checked {
        let node = self.node_mut(id);
        let twice = core::mem::replace(&mut node.added, true);
        node.parent = parent;
        ensure(!twice, Oracle::SlotsConserved, id, "it was added twice")?;
        let Some(parent) = parent else { return Ok(()) };
        let state = self.state(parent);
        self.node_mut(parent).children.push(id);
        ensure(!state.is_done(), Oracle::ChildrenFirst, id, "it was added below a node that had ended")?;
        self.may_begin(id, "it was added below a node that aborts")
    }

    /// Nothing at or above it is aborting.
    fn may_begin(&self, id: NodeId, detail: &'static str) -> Checked {
        let aborting = self.above(id).any(|node| node.state == State::Aborting);
        ensure(!aborting, Oracle::NothingAfterAbort, id, detail)
    }

    fn cranked(&self, id: NodeId) -> Checked {
        let paused = self.nodes.get(&id).into_iter().chain(self.above(id)).any(|node| node.paused);
        ensure(!paused, Oracle::Pause, id, "it was cranked while it, or a node above it, was paused")?;
        match self.state(id) {
            State::Running => self.may_begin(id, "it was cranked below a node that aborts"),
            State::Aborting => {
                let alone = self.live_children(id).next().is_none();
                ensure(alone, Oracle::ChildrenFirst, id, "it cleaned up before its children had ended")
            }
            State::Aborted => ensure(false, Oracle::NothingAfterAbort, id, "it was cranked after its abort"),
            _ => ensure(false, Oracle::LegalMoves, id, "it was cranked and was not running"),
        }
    }

    fn moved(&mut self, event: &Event, transition: Transition) -> Checked {
        let Transition { from, to, .. } = transition;
        let id = event.node;
        let legal = Transition::between(from, to) == Ok(transition) && self.state(id) == from;
        ensure(legal, Oracle::LegalMoves, id, "a state change that the state machine does not have")?;
        match to {
            State::Running => self.runs(event, from)?,
            // The members of a composite are made new before it tries again.
            State::Success | State::Failure | State::Aborted | State::Retrying => {
                let new = |child| to == State::Retrying && self.state(child) == State::Pending;
                let over = self.live_children(id).all(new);
                ensure(over, Oracle::ChildrenFirst, id, "it settled before its children")?;
            }
            _ => {}
        }
        let node = self.node_mut(id);
        node.state = to;
        match to {
            State::Pending => node.attempt = 0,
            State::Running if from == State::Pending => (node.attempt, node.started) = (1, event.at),
            State::Retrying => node.open = false,
            State::Aborting | State::Aborted => node.paused = false,
            _ => {}
        }
        if from == State::Pending {
            node.open = false;
        }
        if to.is_done() {
            (node.paused, node.retry_at, node.asked) = (false, None, None);
        }
        Ok(())
    }

    /// Whether a node may run now: start, be woken or try again.
    fn runs(&mut self, event: &Event, from: State) -> Checked {
        let id = event.node;
        // A gate may be told of an end in the middle of the abort that is about to reach it; that means nothing.
        if from == State::Pending || self.nodes.get(&id).is_some_and(|node| node.retry_at.is_some()) {
            self.may_begin(id, "it began to run below a node that aborts")?;
        }
        let node = self.node_mut(id);
        if let Some(at) = node.retry_at.take() {
            ensure(event.at >= at, Oracle::RetryDelay, id, "it was retried before its delay was over")?;
            node.attempt += 1;
        }
        if from == State::Pending {
            self.depends(id)?;
        }
        let Some(parent) = self.nodes.get(&id).and_then(|node| node.parent) else { return Ok(()) };
        let Some(above) = self.nodes.get(&parent) else { return Ok(()) };
        let Some(facts) = &above.facts else { return Ok(()) };
        if facts.kind.is_gate() {
            ensure(above.open, Oracle::Gate, id, "it started behind a gate that was not open")?;
        }
        if facts.kind == Kind::Sequence {
            let mut before = above.children.iter().take_while(|child| **child != id);
            let order = before.all(|child| self.state(*child).is_done());
            ensure(order, Oracle::SequenceOrder, id, "it started before an earlier member had ended")?;
        }
        let active =
            above.children.iter().filter(|child| **child != id && self.is_active(**child, facts.lends));
        let width = active.count() < facts.width as usize;
        ensure(
            width,
            Oracle::Concurrency,
            id,
            "it runs beside as many others as its parent's concurrency allows",
        )
    }

    /// Whether a child holds one of its parent's places; one that waits for a retry may have lent it.
    fn is_active(&self, id: NodeId, lends: bool) -> bool {
        let retrying = self.nodes.get(&id).is_some_and(|node| node.retry_at.is_some());
        matches!(self.state(id), State::Running | State::Waiting) && !(lends && retrying)
    }

    fn depends(&self, id: NodeId) -> Checked {
        let depends = self.nodes.get(&id).and_then(|node| node.facts.as_ref()).map(|facts| &facts.depends);
        let met = depends.into_iter().flatten().all(|other| self.state(*other) == State::Success);
        ensure(met, Oracle::GraphOrder, id, "it started before a dependency had succeeded")
    }

    fn retry(&mut self, event: &Event, attempt: u32, delay: Duration) -> Checked {
        let id = event.node;
        self.may_begin(id, "it is to be retried below a node that aborts")?;
        let node = self.node_mut(id);
        let aborting = node.state == State::Aborting;
        ensure(!aborting, Oracle::NothingAfterAbort, id, "it is to be retried while it aborts")?;
        let (used, asked) = (node.attempt.saturating_sub(1), node.asked.take());
        node.retry_at = Some(event.at + delay);
        ensure(attempt == node.attempt + 1, Oracle::RetryBudget, id, "an attempt was left out or repeated")?;
        let Some(facts) = &node.facts else { return Ok(()) };
        let retry = facts.retry;
        ensure(used < u32::from(retry.budget()), Oracle::RetryBudget, id, "its retries were used up")?;
        let (least, most) = retry.bounds(u16::try_from(used).unwrap_or(u16::MAX));
        let told = asked.map_or(least <= delay && delay <= most, |asked| asked == delay);
        ensure(told, Oracle::RetryDelay, id, "its delay is not what its policy, or itself, said")?;
        let elapsed = (event.at - node.started).saturating_add(delay);
        let within = retry.elapsed_limit().is_none_or(|limit| elapsed <= limit);
        ensure(within, Oracle::RetryDelay, id, "its policy allows no retry that late")
    }

    fn abort_began(&self, id: NodeId) -> Checked {
        let state = self.state(id);
        let first = !state.is_done() && state != State::Aborting;
        ensure(first, Oracle::LegalMoves, id, "its abort began twice, or after its end")
    }

    fn opened(&mut self, id: NodeId) -> Checked {
        let awaited =
            self.nodes.get(&id).and_then(|node| node.facts.as_ref()).and_then(|facts| facts.awaited);
        let node = self.node_mut(id);
        node.open = true;
        let (kind, yes) = (node.kind(), core::mem::take(&mut node.yes));
        ensure(
            yes || kind != Some(Kind::When),
            Oracle::Gate,
            id,
            "it opened and its predicate had not said yes",
        )?;
        let success = kind == Some(Kind::AfterSuccess);
        let Some(awaited) = awaited else { return Ok(()) };
        let state = self.state(awaited);
        let holds = if success { state == State::Success } else { state.is_done() };
        ensure(holds, Oracle::Gate, id, "it opened before the node that it waits for had ended as it should")
    }

    fn freed(&mut self, id: NodeId) -> Checked {
        let Some(node) = self.nodes.remove(&id) else {
            return ensure(false, Oracle::SlotsConserved, id, "it was freed and never added");
        };
        self.ends.insert(id, node.state);
        if let Some(parent) = node.parent.and_then(|parent| self.nodes.get_mut(&parent)) {
            parent.children.retain(|child| *child != id);
        }
        let over = node.state.is_done() && node.children.is_empty();
        ensure(over, Oracle::SlotsConserved, id, "it was freed before it and all below it had ended")
    }
}

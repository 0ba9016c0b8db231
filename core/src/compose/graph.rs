//! Dependencies between the children of a graph, and the gates that wait for another node's end.
//!
//! An edge says "the dependent must not start before the dependency has succeeded". Edges are checked when they are added: an unknown node, a
//! duplicate and a cycle are refused, so a graph cannot wait for itself. When a child succeeds, each of its dependents has one
//! unmet dependency less, and those with none left join the queue in the order of their edges: first come, first served. When a
//! child fails or is aborted, all that depends on it is blocked, transitively and at once.

use crate::error::Error;
use crate::id::NodeId;
use crate::node::{Edge, Edges, Kind, ROOT, Way, flag};
use crate::reason::Cause;
use crate::state::State;
use crate::table::Table;

impl Table<'_> {
    /// The edges out of a node or into it.
    fn edges_of(&self, node: u32, way: Way) -> impl Iterator<Item = Edge> {
        let mut walk = Edges::of(self.cold(node), way);
        core::iter::from_fn(move || walk.step(self.edges))
    }

    /// Adds an edge. Cost: the smaller of the two nodes' degrees, and, unless the dependent is new (nothing depends on it) or the
    /// dependency depends on nothing, a walk over all that depends on `dependent`.
    pub(crate) fn depend(&mut self, dependent: u32, dependency: u32) -> Result<(), Error> {
        let parent = self.hot(dependent).parent;
        if parent != self.hot(dependency).parent || self.hot(parent).kind != Kind::Graph {
            return Err(Error::WrongKind);
        }
        self.accepts(parent)?;
        let hot = self.hot(dependent);
        // In the hook of its start, the start has begun.
        if hot.state != State::Pending || self.root.running == dependent {
            return Err(Error::WrongState(hot.state));
        }
        if dependent == dependency {
            return Err(Error::WouldCycle);
        }
        // Both ends of an edge list it, so reading the shorter list to its end is enough.
        let mut pairs = self.edges_of(dependency, Way::Out).zip(self.edges_of(dependent, Way::Into));
        if pairs.any(|(out, into)| out.dependent == dependent || into.dependency == dependency) {
            return Err(Error::Duplicate);
        }
        drop(pairs);
        if self.cold(dependency).unmet > 0 && self.depends_on(dependency, dependent) {
            return Err(Error::WouldCycle);
        }

        if self.free_edges() == 0 {
            return Err(Error::EdgesFull);
        }
        self.link_dependency(dependent, dependency);
        match self.hot(dependency).state {
            State::Success => {}
            state if state.is_done() => self.block_new(parent, dependent),
            _ => {
                self.leave_queue(parent, dependent);
                self.give_place_back(dependent);
                self.fill_places(parent);
            }
        }
        Ok(())
    }

    /// Adds an edge that has been found good, and for which there is room.
    pub(crate) fn link_dependency(&mut self, dependent: u32, dependency: u32) {
        let Some(edge) = self.take_edge() else { return };
        self.link_edge(edge, Edge { dependency, dependent, next_out: edge, next_in: edge });
        if self.hot(dependency).state != State::Success {
            self.cold_mut(dependent).unmet += 1;
        }
    }

    /// Blocks a node that has just been given a dependency that has failed.
    pub(crate) fn block_new(&mut self, parent: u32, dependent: u32) {
        self.block(dependent);
        self.tell_parent(parent);
    }

    fn take_edge(&mut self) -> Option<u32> {
        let edge = self.root.free_edges;
        if let Some(free) = self.edges.get(edge as usize) {
            self.root.free_edges = free.next_out;
        } else if (self.root.fresh_edges as usize) < self.edges.len() {
            self.root.fresh_edges += 1;
        } else {
            return None;
        }
        self.root.used_edges += 1;
        Some(if edge == ROOT { self.root.fresh_edges - 1 } else { edge })
    }

    /// Puts an edge last into the circles of both its ends.
    fn link_edge(&mut self, index: u32, mut edge: Edge) {
        let last_out = core::mem::replace(&mut self.cold_mut(edge.dependency).last_out, index);
        if let Some(last) = self.edges.get_mut(last_out as usize) {
            edge.next_out = core::mem::replace(&mut last.next_out, index);
        }
        let last_in = core::mem::replace(&mut self.cold_mut(edge.dependent).last_in, index);
        if let Some(last) = self.edges.get_mut(last_in as usize) {
            edge.next_in = core::mem::replace(&mut last.next_in, index);
        }
        if let Some(slot) = self.edges.get_mut(index as usize) {
            *slot = edge;
        }
    }

    /// Whether `node` depends on `other`, however far. Walks over what depends on `other`.
    ///
    /// Everything below `other` waits for it or has ended without a run, so it is neither in a ring nor in a queue: its links are free to hold
    /// the walk's stack (`next`) and the mark of what was seen (`prev`). What has ended counts: it will run in the next attempt.
    fn depends_on(&mut self, node: u32, other: u32) -> bool {
        let mut found = false;
        let mut stack = ROOT;
        let mut seen = ROOT;
        let mut from = other;
        loop {
            let mut walk = Edges::of(self.cold(from), Way::Out);
            while let Some(edge) = walk.step(self.edges).filter(|_| !found) {
                let below = edge.dependent;
                found = below == node;
                if self.hot(below).prev == ROOT {
                    let hot = self.hot_mut(below);
                    (hot.prev, hot.next) = (below, stack);
                    stack = below;
                }
            }
            if stack == ROOT || found {
                break;
            }
            from = stack;
            stack = self.hot(from).next;
            self.hot_mut(from).next = core::mem::replace(&mut seen, from);
        }
        for mut list in [stack, seen] {
            while list != ROOT {
                let hot = self.hot_mut(list);
                list = hot.next;
                (hot.next, hot.prev) = (ROOT, ROOT);
            }
        }
        found
    }

    /// A child of a graph has ended: its dependents are released, or blocked.
    pub(crate) fn settle_edges(&mut self, index: u32) {
        let (parent, success) = (self.hot(index).parent, self.hot(index).state == State::Success);
        let mut walk = Edges::of(self.cold(index), Way::Out);
        while let Some(edge) = walk.step(self.edges) {
            if !success {
                self.block(edge.dependent);
                continue;
            }
            let cold = self.cold_mut(edge.dependent);
            cold.unmet = cold.unmet.saturating_sub(1);
            if cold.unmet == 0 && self.hot(edge.dependent).state == State::Pending {
                self.offer(parent, edge.dependent);
            }
        }
    }

    /// Ends a child that can never start, and all that depends on it. The stack of those still to be ended is made of their links, which
    /// are free: what waits for a dependency is in no ring and no queue.
    fn block(&mut self, index: u32) {
        let mut stack = ROOT;
        let mut node = index;
        loop {
            if self.hot(node).state == State::Pending {
                self.abort_pending(node, Cause::Dependency, None);
                let mut walk = Edges::of(self.cold(node), Way::Out);
                while let Some(edge) = walk.step(self.edges) {
                    let below = self.hot_mut(edge.dependent);
                    if below.state == State::Pending && below.prev == ROOT {
                        (below.prev, below.next) = (edge.dependent, stack);
                        stack = edge.dependent;
                    }
                }
            }
            if stack == ROOT {
                return;
            }
            node = stack;
            stack = self.hot(node).next;
            let hot = self.hot_mut(node);
            (hot.next, hot.prev) = (ROOT, ROOT);
        }
    }

    /// Sets the unmet dependencies of all children of a graph as they are before any has started.
    pub(crate) fn count_unmet(&mut self, graph: u32) {
        let mut child = self.cold(graph).first_child;
        while child != ROOT {
            let unmet = self.edges_of(child, Way::Into).count();
            let cold = self.cold_mut(child);
            cold.unmet = u32::try_from(unmet).unwrap_or(u32::MAX);
            child = cold.next_sibling;
        }
    }

    /// Gives back the edges out of a node. Those into it go with the nodes at their other end: the children of a graph are freed together.
    pub(crate) fn free_edges_of(&mut self, index: u32) {
        let freed = self.edges_of(index, Way::Out).count();
        let cold = self.cold_mut(index);
        let last = core::mem::replace(&mut cold.last_out, ROOT);
        cold.last_in = ROOT;
        if let Some(edge) = self.edges.get_mut(last as usize) {
            // The whole circle at once, cut open after its last edge.
            let first = core::mem::replace(&mut edge.next_out, self.root.free_edges);
            self.root.free_edges = first;
            self.root.used_edges -= u32::try_from(freed).unwrap_or(0);
        }
    }

    // ---- gates ----

    /// Lets a gate know of the ends of `awaited` from now on, and of the last one if there was one. O(1).
    pub(crate) fn await_end(&mut self, gate: u32, awaited: u32) {
        let state = self.hot(awaited).state;
        if state.is_done() {
            self.note_awaited(gate, state);
        }
        if self.cold(gate).next_watcher == ROOT {
            self.hot_mut(awaited).set(flag::WATCHED);
            let first = core::mem::replace(&mut self.cold_mut(awaited).watchers, gate);
            self.cold_mut(gate).next_watcher = if first == ROOT { gate } else { first };
        }
    }

    fn note_awaited(&mut self, gate: u32, state: State) {
        let hot = self.hot_mut(gate);
        hot.clear(flag::AWAITED_SUCCEEDED);
        if state == State::Success {
            hot.set(flag::AWAITED_SUCCEEDED);
        }
    }

    /// The gate after `gate` among those that wait for the same node.
    pub(crate) fn next_watcher(&self, gate: u32) -> u32 {
        let next = self.cold(gate).next_watcher;
        if next == gate { ROOT } else { next }
    }

    /// Takes a gate off the list of the node that it waits for. Cost: the length of that list.
    pub(crate) fn unwatch(&mut self, gate: u32) {
        if self.cold(gate).next_watcher == ROOT {
            return;
        }
        let Some(awaited) = self.awaited(gate) else { return };
        let next = self.next_watcher(gate);
        self.cold_mut(gate).next_watcher = ROOT;
        let mut at = self.cold(awaited).watchers;
        if at == gate {
            self.cold_mut(awaited).watchers = next;
        }
        while at != ROOT && at != gate {
            let following = self.next_watcher(at);
            if following == gate {
                self.cold_mut(at).next_watcher = if next == ROOT { at } else { next };
            }
            at = following;
        }
    }

    /// The node that a gate waits for; none if it is gone, or if this is no such gate.
    pub(crate) fn awaited(&self, gate: u32) -> Option<u32> {
        if !matches!(self.hot(gate).kind, Kind::After | Kind::AfterSuccess) {
            return None;
        }
        self.resolve(NodeId::from_bits(self.cold(gate).param)?).ok()
    }

    /// A node has ended: every gate that waits for it notes how, and looks again.
    pub(crate) fn open_watchers(&mut self, index: u32) {
        let state = self.hot(index).state;
        let mut gate = self.cold(index).watchers;
        while gate != ROOT {
            self.note_awaited(gate, state);
            self.wake(gate);
            gate = self.next_watcher(gate);
        }
    }

    /// A node is going: the gates that waited for it know of its last end, and will hear of no other.
    pub(crate) fn dismiss_watchers(&mut self, index: u32) {
        let mut gate = core::mem::replace(&mut self.cold_mut(index).watchers, ROOT);
        while gate != ROOT {
            let next = self.next_watcher(gate);
            self.cold_mut(gate).next_watcher = ROOT;
            gate = next;
        }
    }
}

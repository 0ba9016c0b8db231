//! Graphs: children with dependencies between them.
//!
//! An edge says "the dependent must not start before the dependency has succeeded". Edges are checked when they are added: an unknown node, a
//! duplicate and a cycle are refused, so a graph cannot wait for itself. When a child succeeds, each of its dependents has one
//! unmet dependency less, and those with none left join the queue in the order of their edges: first come, first served. When a
//! child fails or is aborted, all that depends on it is blocked, transitively and at once.

use crate::error::Error;
use crate::kind::Kind;
use crate::links::Stack;
use crate::node::ROOT;
use crate::phase::Phase;
use crate::reason::AbortCause;
use crate::table::Table;

impl Table<'_> {
    /// Adds an edge. Cost: the smaller of the two nodes' degrees, and, unless the dependent is new (nothing depends on it) or the
    /// dependency depends on nothing, a walk over all that depends on `dependent`.
    pub(crate) fn depend(&mut self, dependent: u32, dependency: u32) -> Result<(), Error> {
        let parent = self.hot[dependent].parent;
        if parent != self.hot[dependency].parent || self.hot[parent].kind != Kind::Graph {
            return Err(Error::WrongKind);
        }
        self.accepts(parent)?;
        let phase = self.hot[dependent].phase;
        // In the hook of its start, the start has begun.
        if phase != Phase::Pending || self.globals.call.running == dependent {
            return Err(Error::WrongState(phase.state()));
        }
        if dependent == dependency {
            return Err(Error::WouldCycle);
        }
        // Both ends of an edge list it, so reading the shorter list to its end is enough.
        let out = self.cold[dependency].edges.out().over(self.edges);
        let mut pairs = out.zip(self.cold[dependent].edges.into().over(self.edges));
        if pairs.any(|(out, into)| out.dependent == dependent || into.dependency == dependency) {
            return Err(Error::Duplicate);
        }
        drop(pairs);
        if self.cold[dependency].unmet > 0 && self.depends_on(dependency, dependent) {
            return Err(Error::WouldCycle);
        }
        if self.globals.edges.free(self.edges) == 0 {
            return Err(Error::EdgesFull);
        }
        self.link_dependency(dependent, dependency);
        match self.hot[dependency].phase {
            Phase::Success => {}
            phase if phase.is_done() => self.block_new(dependent),
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
        self.globals.edges.link(self.edges, &mut self.cold, dependency, dependent);
        if self.hot[dependency].phase != Phase::Success {
            self.cold[dependent].unmet += 1;
        }
    }

    /// Blocks a node that has just been given a dependency that has failed, and all that depends on it.
    pub(crate) fn block_new(&mut self, dependent: u32) {
        let ended = self.abort_pending(dependent, AbortCause::Dependency, None);
        self.tell(ended);
    }

    /// Whether `node` depends on `other`, however far. Walks over what depends on `other`.
    ///
    /// Everything below `other` waits for it or has ended without a run, so it is neither in a ring nor in a queue: its links are free to hold
    /// the walk's stack and what was seen. What has ended counts: it will run in the next attempt.
    fn depends_on(&mut self, node: u32, other: u32) -> bool {
        let (mut found, mut from) = (false, other);
        let (mut stack, mut seen) = (Stack::EMPTY, Stack::EMPTY);
        loop {
            let mut walk = self.cold[from].edges.out();
            while let Some(edge) = walk.step(self.edges).filter(|_| !found) {
                found = edge.dependent == node;
                stack.push(&mut self.hot, edge.dependent);
            }
            match stack.pop(&mut self.hot) {
                Some(next) => from = next,
                None => break,
            }
            seen.push(&mut self.hot, from);
            if found {
                break;
            }
        }
        while stack.pop(&mut self.hot).or_else(|| seen.pop(&mut self.hot)).is_some() {}
        found
    }

    /// A child of a graph has ended: its dependents are released, or blocked.
    pub(crate) fn settle_edges(&mut self, index: u32) {
        let hot = &self.hot[index];
        let parent = hot.parent;
        if hot.phase != Phase::Success {
            self.block_dependents(index);
            return;
        }
        let mut walk = self.cold[index].edges.out();
        while let Some(edge) = walk.step(self.edges) {
            let cold = &mut self.cold[edge.dependent];
            cold.unmet = cold.unmet.saturating_sub(1);
            if cold.unmet == 0 && self.hot[edge.dependent].phase == Phase::Pending {
                self.offer(parent, edge.dependent);
            }
        }
    }

    /// Ends the children that can never start because `failed` has not succeeded, however far they are from it. The stack of those that are
    /// still to be ended is made of their links, which are free: what waits for a dependency is in no ring and no queue.
    fn block_dependents(&mut self, failed: u32) {
        let mut of_failed = self.cold[failed].edges.out();
        while let Some(edge) = of_failed.step(self.edges) {
            let (mut stack, mut node) = (Stack::EMPTY, edge.dependent);
            loop {
                if self.hot[node].phase == Phase::Pending {
                    // The graph hears of it with the first that has not succeeded.
                    self.abort_pending(node, AbortCause::Dependency, None).already_known();
                    let mut walk = self.cold[node].edges.out();
                    while let Some(edge) = walk.step(self.edges) {
                        if self.hot[edge.dependent].phase == Phase::Pending {
                            stack.push(&mut self.hot, edge.dependent);
                        }
                    }
                }
                match stack.pop(&mut self.hot) {
                    Some(next) => node = next,
                    None => break,
                }
            }
        }
    }

    /// Sets the unmet dependencies of all children of a graph as they are before any has started.
    pub(crate) fn count_unmet(&mut self, graph: u32) {
        let mut child = self.cold[graph].children.first();
        while child != ROOT {
            let unmet = self.cold[child].edges.into().over(self.edges).count();
            self.cold[child].unmet = u32::try_from(unmet).unwrap_or(u32::MAX);
            child = self.next_sibling(child);
        }
    }
}

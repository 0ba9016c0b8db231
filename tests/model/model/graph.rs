//! Dependencies between the children of a graph.

use windlass::{AbortCause, Error, Instant, Kind, NodeId, State};

use super::abort::Request;
use super::{Key, Model};
use crate::script::Newcomer;

impl Model {
    /// Dependencies that have not succeeded.
    pub(super) fn unmet(&self, key: Key) -> usize {
        let dependencies = self.nodes[key].dependencies.iter();
        dependencies.filter(|on| self.nodes[**on].state != State::Success).count()
    }

    fn depends_on(&self, key: Key, other: Key) -> bool {
        self.nodes[key].dependencies.iter().any(|on| *on == other || self.depends_on(*on, other))
    }

    pub(super) fn add_dependency(&mut self, key: Key, dependency: Key) -> Result<(), Error> {
        let parent = self.nodes[key].parent;
        if self.nodes[dependency].parent != parent || self.nodes[parent].kind != Kind::Graph {
            return Err(Error::WrongKind);
        }
        self.accepts(parent)?;
        // In its first hook it is still pending, but has begun to start.
        if self.nodes[key].state != State::Pending || self.running == Some(key) {
            return Err(Error::WrongState(self.nodes[key].state));
        }
        if self.nodes[key].dependencies.contains(&dependency) {
            return Err(Error::Duplicate);
        }
        if key == dependency || self.depends_on(dependency, key) {
            return Err(Error::WouldCycle);
        }
        if self.used_edges() == self.edges {
            return Err(Error::EdgesFull);
        }
        self.nodes[key].dependencies.push(dependency);
        self.nodes[dependency].dependents.push(key);
        match self.nodes[dependency].state {
            State::Success => {}
            State::Failure | State::Aborted => {
                self.block(key);
                self.tell_parent(parent);
            }
            // It may have had a place already.
            _ => {
                self.leave_queue(key);
                self.give_place_back(key);
                self.fill_places(parent);
            }
        }
        Ok(())
    }

    pub(super) fn add_with_dependencies(
        &mut self,
        graph: NodeId,
        newcomer: Newcomer<'_>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Error> {
        let graph = self.find(graph)?;
        if self.nodes[graph].kind != Kind::Graph {
            return Err(Error::WrongKind);
        }
        let mut keys = vec![];
        for dependency in dependencies {
            let key = self.find(*dependency)?;
            if self.nodes[key].parent != graph {
                return Err(Error::WrongKind);
            }
            if keys.contains(&key) {
                return Err(Error::Duplicate);
            }
            keys.push(key);
        }
        if self.edges - self.used_edges() < keys.len() {
            return Err(Error::EdgesFull);
        }
        let key = self.insert(graph, newcomer)?;
        for dependency in &keys {
            self.nodes[key].dependencies.push(*dependency);
            self.nodes[*dependency].dependents.push(key);
        }
        // One that has failed blocks the new node at once.
        if keys.iter().any(|key| matches!(self.nodes[*key].state, State::Failure | State::Aborted)) {
            self.block(key);
            self.tell_parent(graph);
        } else {
            self.offer_new(key);
        }
        Ok(self.nodes[key].id)
    }

    /// A child has ended: if it is one of a graph that goes on, its dependents are released, or blocked, in the order of the edges.
    pub(super) fn release_dependents(&mut self, key: Key) {
        let parent = self.nodes[key].parent;
        if self.nodes[parent].kind != Kind::Graph || self.nodes[parent].is_ending() {
            return;
        }
        let success = self.nodes[key].state == State::Success;
        for dependent in self.nodes[key].dependents.clone() {
            if !success {
                self.block(dependent);
            } else if self.nodes[dependent].state == State::Pending && self.unmet(dependent) == 0 {
                self.offer(dependent);
            }
        }
    }

    /// Ends a child that can never start, and all that depends on it. The last one found is the next to be ended.
    fn block(&mut self, key: Key) {
        let mut found = vec![key];
        while let Some(key) = found.pop() {
            // In its first hook it is still pending, but has begun to start.
            if self.nodes[key].state != State::Pending || self.running == Some(key) {
                continue;
            }
            let request = Request { cause: AbortCause::Dependency, by: None, deadline: Instant::MAX };
            self.end_unstarted(key, request);
            for dependent in self.nodes[key].dependents.clone() {
                if self.nodes[dependent].state == State::Pending && !found.contains(&dependent) {
                    found.push(dependent);
                }
            }
        }
    }
}

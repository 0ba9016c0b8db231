//! The model as programs see it: the same hands from outside and from inside, and everything there is to see.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use windlass::{AbortCause, Children, Error, Instant, Kind, Metrics, Next, NodeId, State, Status};

use super::abort::Request;
use super::{Key, Model, Node, ROOT};
use crate::script::{Hands, Inside, Me, Newcomer, Place, Seen, Side, Sight, World};

impl Model {
    fn add_at(&mut self, parent: Key, newcomer: Newcomer<'_>) -> Result<NodeId, Error> {
        let key = self.insert(parent, newcomer)?;
        self.offer_new(key);
        Ok(self.nodes[key].id)
    }

    fn abort_id(&mut self, id: NodeId, by: Option<NodeId>, deadline: Instant) -> Result<(), Error> {
        let key = self.find(id)?;
        self.abort(key, Request { cause: AbortCause::User, by, deadline });
        Ok(())
    }

    fn seen(&self, key: Key) -> Seen {
        let node = &self.nodes[key];
        let aborted = matches!(node.state, State::Aborting | State::Aborted);
        let (live, deadline) = (self.live(key), node.wake_at.min(node.limit_at));
        let waits = match node.state {
            State::Waiting => true,
            State::Aborting => !node.turn,
            _ => false,
        };
        Seen {
            id: node.id,
            name: node.plan.name(),
            kind: node.kind,
            state: node.state,
            status: self.status(key),
            parent: self.id_of(node.parent),
            children: Children {
                live,
                succeeded: node.succeeded,
                failed: node.failed,
                aborted: node.aborted,
                earlier: node.earlier,
                any_running: !node.order.is_empty(),
            },
            dependencies: node.dependencies.iter().map(|on| self.nodes[*on].id).collect(),
            attempt: u32::from(node.retries_used) + 1,
            retries_left: node.retry.budget() - node.retries_used,
            retry_eta: node.delayed.then(|| node.wake_at - self.now),
            deadline: (deadline != Instant::MAX).then_some(deadline),
            failure: node.failure,
            abort_cause: aborted.then_some(node.cause),
            aborted_by: if aborted { node.aborted_by } else { None },
            paused: node.paused,
            forced: node.forced,
            stalled: waits
                && deadline == Instant::MAX
                && (node.delayed
                    || node.asleep
                    || live == 0
                        && !node.handle
                        && !self.is_queued(key)
                        && !node.is_gate()
                        && !self.hungry.contains(&key)),
        }
    }

    fn status(&self, key: Key) -> Status {
        let node = &self.nodes[key];
        match node.state {
            State::Aborted if node.cause == AbortCause::Dependency => Status::Blocked,
            State::Aborted => Status::Aborted,
            State::Success if node.skipped => Status::Skipped,
            State::Success => Status::Success,
            State::Failure => Status::Failure,
            State::Waiting | State::Retrying => Status::Waiting,
            // A composite runs while something below it can.
            State::Running if node.kind != Kind::Work => {
                let may = self.nodes[node.parent].order.contains(&key);
                if may { Status::Running } else { Status::Waiting }
            }
            State::Pending | State::Running | State::Aborting => Status::Running,
        }
    }

    /// All nodes below this one, parents first.
    fn below(&self, key: Key) -> Vec<Key> {
        let children = self.nodes[key].children.iter();
        children.flat_map(|child| std::iter::once(*child).chain(self.below(*child))).collect()
    }

    pub(crate) fn tree(&self) -> String {
        let mut text = String::new();
        for key in self.below(ROOT) {
            let mut depth = 0;
            let mut at = self.nodes[key].parent;
            while at != ROOT {
                at = self.nodes[at].parent;
                depth += 1;
            }
            let node = &self.nodes[key];
            let (id, name, state) = (node.id, node.plan.name(), node.state);
            text += &format!("{:indent$}{id} {name}: {state}\n", "", indent = depth * 2);
        }
        text
    }
}

impl Hands for Model {
    fn world(&mut self) -> &mut World {
        &mut self.world
    }

    fn own(&self) -> Option<NodeId> {
        None
    }

    fn add(&mut self, place: Place, newcomer: Newcomer<'_>) -> Result<NodeId, Error> {
        let parent = match place {
            Place::Top | Place::Here => ROOT,
            Place::Below(parent) => self.find(parent)?,
        };
        self.add_at(parent, newcomer)
    }

    fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        let (key, dependency) = (self.find(node)?, self.find(dependency)?);
        self.add_dependency(key, dependency)
    }

    fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        let key = self.find(node)?;
        Model::wake(self, key);
        Ok(())
    }

    fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        self.abort_id(node, None, deadline)
    }

    fn pause(&mut self, node: NodeId, paused: bool) -> Result<(), Error> {
        let key = self.find(node)?;
        self.set_paused(key, paused)
    }

    fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        let key = self.find(node)?;
        Model::restart(self, key)
    }

    fn take_handle(&mut self, node: NodeId) -> Result<(), Error> {
        let key = self.find(node)?;
        self.nodes[key].handle = true;
        Ok(())
    }

    fn raise(&mut self, node: NodeId) {
        self.woken.insert(node.index());
        self.raised = true;
    }
}

impl Side for Model {
    fn add_after(
        &mut self,
        graph: NodeId,
        newcomer: Newcomer<'_>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Error> {
        self.add_with_dependencies(graph, newcomer, dependencies)
    }

    fn remove(&mut self, node: NodeId) -> Result<Option<Me>, Error> {
        let key = self.find(node)?;
        let node = &self.nodes[key];
        if node.parent != ROOT {
            return Err(Error::WrongKind);
        }
        if !node.state.is_done() {
            return Err(Error::WrongState(node.state));
        }
        let work = node.plan.has_work().then_some(node.me);
        self.nodes[ROOT].ended.retain(|other| *other != key);
        self.free(key);
        Ok(work)
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.shut_down(deadline);
    }

    fn poll(&mut self, now: Instant, one_crank: bool) -> Next {
        let cranks = if one_crank { 1 } else { self.budget };
        self.polling = true;
        let polled = catch_unwind(AssertUnwindSafe(|| self.poll_with(now, cranks)));
        // A panic ends the poll too.
        self.polling = false;
        polled.unwrap_or_else(|thrown| resume_unwind(thrown))
    }

    fn next(&self) -> Next {
        self.next_poll()
    }

    fn next_deadline(&self) -> Option<(Instant, NodeId)> {
        self.first_alarm().map(|(at, key)| (at, self.nodes[key].id))
    }

    fn nodes(&self) -> Vec<Seen> {
        self.below(ROOT).into_iter().map(|key| self.seen(key)).collect()
    }

    fn stalled(&self) -> Vec<NodeId> {
        let all = || self.below(ROOT).into_iter().map(|key| &self.nodes[key]);
        // Where nothing at all can move, gates wait for each other.
        let for_outside = |node: &Node| node.paused || node.state == State::Waiting && node.handle;
        let still =
            self.nodes[ROOT].order.is_empty() && self.first_alarm().is_none() && !all().any(for_outside);
        let shut = |key: Key| {
            let node = &self.nodes[key];
            let hungry = self.hungry.contains(&key) && !node.turn;
            still
                && match node.state {
                    State::Waiting => node.is_gate() && !node.open || hungry,
                    State::Aborting => hungry && self.live(key) == 0,
                    _ => false,
                }
        };
        let keys = self.below(ROOT).into_iter();
        keys.filter(|key| self.seen(*key).stalled || shut(*key)).map(|key| self.nodes[key].id).collect()
    }

    fn metrics(&self) -> Metrics {
        let mut metrics = self.metrics;
        metrics.capacity = self.capacity;
        metrics.nodes = self.used_slots();
        metrics.edges = self.used_edges();
        for node in self.nodes.iter().skip(1).filter(|node| !node.gone) {
            metrics.states[node.state as usize] += 1;
            metrics.retries_left += u64::from(node.retry.budget() - node.retries_used);
        }
        metrics
    }
}

/// A running work's hands.
pub(super) struct Running<'a> {
    pub(super) model: &'a mut Model,
    pub(super) own: Key,
}

impl Hands for Running<'_> {
    fn world(&mut self) -> &mut World {
        &mut self.model.world
    }

    fn own(&self) -> Option<NodeId> {
        Some(self.model.nodes[self.own].id)
    }

    fn add(&mut self, place: Place, newcomer: Newcomer<'_>) -> Result<NodeId, Error> {
        match place {
            Place::Here => self.model.add_at(self.own, newcomer),
            Place::Top | Place::Below(_) => self.model.add(place, newcomer),
        }
    }

    fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        self.model.depend(node, dependency)
    }

    fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        Hands::wake(self.model, node)
    }

    fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        let by = self.own();
        self.model.abort_id(node, by, deadline)
    }

    fn pause(&mut self, node: NodeId, paused: bool) -> Result<(), Error> {
        self.model.pause(node, paused)
    }

    fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        Hands::restart(self.model, node)
    }

    fn take_handle(&mut self, node: NodeId) -> Result<(), Error> {
        self.model.take_handle(node)
    }

    fn raise(&mut self, node: NodeId) {
        self.model.raise(node);
    }
}

impl Inside for Running<'_> {
    fn sight(&mut self) -> Sight {
        let model = &*self.model;
        let node = &model.nodes[self.own];
        let limit = node.limit_at;
        Sight {
            now: model.now,
            own: model.seen(self.own),
            ended: node.ended.iter().map(|child| model.nodes[*child].id).collect(),
            time_left: (limit != Instant::MAX).then(|| limit - model.now),
            free_nodes: model.capacity - model.used_slots(),
        }
    }
}

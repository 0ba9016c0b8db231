//! Abort: request, drain, force.

use std::time::Duration;

use windlass::{AbortCause, EventKind, Instant, NodeId, State};

use super::{Key, Model, ROOT};

/// Why, who asked, and until when.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) cause: AbortCause,
    pub(super) by: Option<NodeId>,
    pub(super) deadline: Instant,
}

impl Model {
    pub(super) fn abort(&mut self, key: Key, request: Request) {
        if self.nodes[key].state.is_done() {
            return;
        }
        self.reach(key, request);
        if self.nodes[key].state.is_done() {
            self.release_dependents(key);
            self.tell_parent(self.nodes[key].parent);
        }
    }

    pub(super) fn abort_children(&mut self, parent: Key, cause: AbortCause) {
        let by = self.id_of(parent);
        for child in self.nodes[parent].children.clone() {
            self.reach(child, Request { cause, by, deadline: Instant::MAX });
        }
    }

    pub(super) fn shut_down(&mut self, deadline: Instant) {
        self.closed = true;
        for child in self.nodes[ROOT].children.clone() {
            self.abort(child, Request { cause: AbortCause::Shutdown, by: None, deadline });
        }
    }

    /// A request reaches a node and all below it at once, parents first.
    fn reach(&mut self, key: Key, request: Request) {
        match self.nodes[key].state {
            State::Pending => self.end_unstarted(key, request),
            State::Running | State::Waiting | State::Retrying => {
                self.begin(key, request);
                for child in self.nodes[key].children.clone() {
                    let pending = self.nodes[child].state == State::Pending;
                    self.reach(child, Request { deadline: Instant::MAX, ..request });
                    if pending {
                        self.tell_parent(key);
                    }
                }
            }
            State::Aborting => {
                let node = &mut self.nodes[key];
                node.limit_at = node.limit_at.min(request.deadline);
                self.rearm(key);
            }
            State::Success | State::Failure | State::Aborted => {}
        }
    }

    fn begin(&mut self, key: Key, request: Request) {
        let node = &mut self.nodes[key];
        node.cause = request.cause;
        node.aborted_by = request.by;
        let drain = node.plan.drain.map_or(Instant::MAX, |drain| self.now + drain);
        let deadline = if self.polling { request.deadline.min(drain) } else { request.deadline };
        if node.in_hook {
            // It is ending at this very moment. The end wins, a retry does not.
            node.abort_asked = true;
            node.limit_at = node.limit_at.min(deadline);
            self.rearm(key);
            return;
        }
        node.delayed = false;
        node.paused = false;
        node.settling = None;
        node.timed_out = false;
        (node.fresh, node.late) = (false, false);
        node.asleep = false;
        node.woken = false;
        node.turn = false;
        node.place = true;
        // Nobody knows what time it is between two polls: an alarm that is due makes the next poll begin the drain.
        node.untimed = !self.polling && node.plan.drain.is_some_and(|drain| drain != Duration::MAX);
        node.wake_at = if node.untimed { self.now } else { Instant::MAX };
        node.limit_at = deadline;
        self.leave_queue(key);
        self.rearm(key);
        self.emit(key, EventKind::AbortBegan { cause: request.cause, by: request.by });
        self.go(key, State::Aborting);
        self.nodes[key].turn = self.live(key) == 0;
        self.refresh(key);
    }

    /// The first poll after an abort from outside.
    pub(super) fn begin_drain(&mut self, key: Key) {
        let node = &mut self.nodes[key];
        node.untimed = false;
        let drain = node.plan.drain.map_or(Instant::MAX, |drain| self.now + drain);
        node.limit_at = node.limit_at.min(drain);
        self.rearm(key);
    }

    /// Ends a node that never started, and all below it, children first.
    pub(super) fn end_unstarted(&mut self, key: Key, request: Request) {
        for child in self.nodes[key].children.clone() {
            if !self.nodes[child].state.is_done() {
                self.end_unstarted(child, request);
            }
        }
        let node = &mut self.nodes[key];
        node.cause = request.cause;
        node.aborted_by = request.by;
        self.emit(key, EventKind::AbortBegan { cause: request.cause, by: request.by });
        self.go(key, State::Aborting);
        self.end(key, State::Aborted);
    }

    /// The drain deadline has passed.
    pub(super) fn force(&mut self, key: Key) {
        self.force_below(key);
        self.release_dependents(key);
        self.tell_parent(self.nodes[key].parent);
    }

    /// The clean-up below a node that ends has taken too long.
    pub(super) fn force_children(&mut self, key: Key) {
        for child in self.nodes[key].children.clone() {
            if !self.nodes[child].state.is_done() {
                self.force(child);
            }
        }
    }

    fn force_below(&mut self, key: Key) {
        for child in self.nodes[key].children.clone() {
            if !self.nodes[child].state.is_done() {
                self.force_below(child);
            }
        }
        self.nodes[key].forced = true;
        self.metrics.totals.forced += 1;
        self.emit(key, EventKind::Forced);
        self.end(key, State::Aborted);
    }
}

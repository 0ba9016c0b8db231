//! Abort is a phase: request, drain, finish.
//!
//! A request reaches a node and all its descendants in the same call: sleepers are woken, timers cancelled, pauses lifted, and nodes
//! that never started are ended without a run. From then on nothing starts below. Each node's `on_abort` is cranked, children before
//! parents, until it says done; a drain deadline ends by force what is not done in time. Asking again changes nothing, except that
//! an earlier drain deadline replaces a later one.
//!
//! Nothing here calls user code; the cranks of `on_abort` are the engine's.

use crate::error::Error;
use crate::id::NodeId;
use crate::node::{Hot, ROOT, flag};
use crate::observe::What;
use crate::reason::Cause;
use crate::spec::UNLIMITED;
use crate::state::State;
use crate::table::Table;

impl Table<'_> {
    /// Aborts `top` and everything below it. Does nothing to what has ended. Cost: the size of the subtree.
    pub(crate) fn abort(&mut self, top: u32, cause: Cause, by: Option<NodeId>, deadline: u64) {
        if self.hot(top).state.is_done() {
            return;
        }
        self.abort_below(top, cause, by, deadline);
        if self.hot(top).state.is_done() {
            self.release_dependents(top);
            self.tell_parent(self.hot(top).parent);
        }
    }

    /// Aborts all children of `parent` that have not ended.
    pub(crate) fn abort_children(&mut self, parent: u32, cause: Cause, by: Option<NodeId>) {
        let mut child = self.cold(parent).first_child;
        while child != ROOT {
            self.abort_below(child, cause, by, UNLIMITED);
            child = self.cold(child).next_sibling;
        }
    }

    fn abort_below(&mut self, top: u32, cause: Cause, by: Option<NodeId>, deadline: u64) {
        let mut index = top;
        while index != ROOT {
            let limit = if index == top { deadline } else { UNLIMITED };
            let descend = match self.hot(index).state {
                State::Running | State::Waiting | State::Retrying => {
                    self.begin_abort(index, cause, by, limit);
                    true
                }
                State::Aborting => {
                    self.limit_drain(index, limit);
                    false
                }
                State::Pending => {
                    self.abort_pending(index, cause, by);
                    if index != top {
                        self.tell_parent(self.hot(index).parent);
                    }
                    false
                }
                _ => false,
            };
            index = self.next_in_tree(top, index, descend);
        }
    }

    pub(crate) fn begin_abort(&mut self, index: u32, cause: Cause, by: Option<NodeId>, deadline: u64) {
        self.note_abort(index, cause, by);
        let (now, polling) = (self.root.now, self.root.polling);
        let Hot { flags, parent, .. } = *self.hot(index);
        let limited = flags & flag::DRAINED != 0;
        let untimed = limited && !polling;
        let deadline =
            if limited && polling { deadline.min(self.cold(index).drain.after(now)) } else { deadline };
        if self.root.hook == index {
            // It is ending at this very moment: the end wins, but a retry does not.
            self.hot_mut(index).set(flag::DOOMED);
            let cold = self.cold_mut(index);
            cold.limit_at = cold.limit_at.min(deadline);
            self.rearm(index);
            return;
        }
        self.leave_queue(parent, index);
        if flags & flag::ACTIVE == 0 {
            self.cold_mut(parent).active += 1;
        }
        let childless = flags & flag::PARENT == 0 || self.cold(index).live == 0;
        let hot = self.hot_mut(index);
        hot.clear(flag::RETRY | flag::PAUSED | flag::SETTLING | flag::TIMED_OUT | flag::TURN | flag::WOKEN);
        hot.set(flag::ACTIVE);
        if untimed {
            hot.set(flag::UNTIMED);
        }
        if childless {
            hot.set(flag::TURN);
        }
        if flags & flag::ARMED != 0 || untimed || deadline != UNLIMITED {
            let cold = self.cold_mut(index);
            (cold.wake_at, cold.limit_at) = (if untimed { now } else { UNLIMITED }, deadline);
            self.rearm(index);
        }
        self.emit(index, What::AbortBegan { cause, by });
        self.go(index, State::Aborting);
        self.refresh(index);
    }

    fn note_abort(&mut self, index: u32, cause: Cause, by: Option<NodeId>) {
        let hot = self.hot_mut(index);
        hot.set_cause(cause);
        hot.clear(flag::ABORTER);
        if let Some(by) = by {
            hot.set(flag::ABORTER);
            self.cold_mut(index).set_aborted_by(by);
        }
    }

    /// The first poll after an abort from outside: its drain begins.
    pub(crate) fn begin_drain(&mut self, index: u32) {
        self.hot_mut(index).clear(flag::UNTIMED);
        let deadline = self.cold(index).drain.after(self.root.now);
        self.limit_drain(index, deadline);
    }

    fn limit_drain(&mut self, index: u32, deadline: u64) {
        let cold = self.cold_mut(index);
        if deadline < cold.limit_at {
            cold.limit_at = deadline;
            self.rearm(index);
        }
    }

    /// Ends a node that has not started, and everything below it, without a run. Children first.
    pub(crate) fn abort_pending(&mut self, top: u32, cause: Cause, by: Option<NodeId>) {
        self.end_subtree(top, |table, index| {
            table.note_abort(index, cause, by);
            table.emit(index, What::AbortBegan { cause, by });
            table.go(index, State::Aborting);
        });
    }

    /// The drain deadline of `top` has passed: ends it and everything below it.
    pub(crate) fn force(&mut self, top: u32) {
        self.end_subtree(top, |table, index| {
            if table.hot(index).state == State::Aborting {
                table.hot_mut(index).set(flag::FORCED);
                table.root.counts.forced += 1;
                table.emit_step(index, What::Forced);
            } else {
                // Not reachable: everything below an aborting node is aborting or has ended.
                table.go(index, State::Aborting);
            }
        });
        self.release_dependents(top);
        self.tell_parent(self.hot(top).parent);
    }

    /// Ends what has not ended at and below `top`, children first, after `prepare` has made it `Aborting`.
    fn end_subtree(&mut self, top: u32, prepare: impl Fn(&mut Self, u32)) {
        let mut index = self.first_leaf(top);
        loop {
            if !self.hot(index).state.is_done() {
                prepare(self, index);
                self.end(index, State::Aborted);
            }
            if index == top {
                return;
            }
            let cold = self.cold(index);
            index = if cold.next_sibling == ROOT {
                self.hot(index).parent
            } else {
                self.first_leaf(cold.next_sibling)
            };
        }
    }

    fn first_leaf(&self, mut index: u32) -> u32 {
        loop {
            let child = self.cold(index).first_child;
            if child == ROOT || self.hot(index).state.is_done() {
                return index;
            }
            index = child;
        }
    }

    /// Aborts everything and refuses what is new.
    pub(crate) fn shut_down(&mut self, deadline: u64) {
        self.root.closed = true;
        let mut child = self.root.cold.first_child;
        while child != ROOT {
            self.abort(child, Cause::Shutdown, None, deadline);
            child = self.cold(child).next_sibling;
        }
    }

    /// An abort asked for by a user, from outside or by the work `by`.
    pub(crate) fn abort_id(&mut self, id: NodeId, by: Option<NodeId>, deadline: u64) -> Result<(), Error> {
        let index = self.resolve(id)?;
        self.abort(index, Cause::User, by, deadline);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::{Abort, Cx, Inline, Instant, Next, Outcome, Scheduler, Spec, State, Work};

    /// Waits, and when it is aborted needs one crank more than it is given time for.
    struct Slow {
        steps: u32,
    }

    impl Work for Slow {
        fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
            Outcome::Waiting
        }

        fn on_abort(&mut self, _: &mut Cx<'_, Self>) -> Abort {
            if self.steps == 0 {
                return Abort::Done;
            }
            self.steps -= 1;
            Abort::Sleep(Duration::from_secs(1))
        }
    }

    #[test]
    fn the_drain_of_an_abort_from_outside_begins_with_the_next_poll() {
        for (steps, forced) in [(4, 0), (6, 1)] {
            let mut s: Scheduler<Slow, Inline<Slow, 2>> = Scheduler::new();
            let id = s.add(Spec::work("slow", Slow { steps }).drain(Duration::from_secs(5))).expect("room");
            assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
            s.abort(id).expect("known");
            assert_eq!(s.next(), Next::Now);
            let mut now = Instant::from_secs(3_600);
            while let Next::At(at) = s.poll_work(now) {
                now = at;
            }
            assert_eq!(s.state(id), Ok(State::Aborted));
            assert_eq!(s.metrics().forced, forced, "with {steps} steps");
        }
    }
}

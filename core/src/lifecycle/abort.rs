//! Abort is a phase: request, drain, finish.
//!
//! A request reaches a node and all its descendants in the same call: sleepers are woken, timers cancelled, pauses lifted, and nodes
//! that never started are ended without a run. From then on nothing starts below. Each node's `on_abort` is cranked, children before
//! parents, until it says done; a drain deadline ends by force what is not done in time. Asking again changes nothing, except that
//! an earlier drain deadline replaces a later one.
//!
//! Nothing here calls user code; the cranks of `on_abort` are the engine's.

use super::end::Ended;
use crate::deadlines::Timer;
use crate::id::NodeId;
use crate::marks::mark;
use crate::node::ROOT;
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::reason::AbortCause;
use crate::table::Table;
use crate::time::UNLIMITED;

impl Table<'_> {
    /// Aborts `top` and everything below it. Does nothing to what has ended. Cost: the size of the subtree.
    pub(crate) fn abort(&mut self, top: u32, cause: AbortCause, by: Option<NodeId>, deadline: u64) {
        if let Some(ended) = self.abort_below(top, cause, by, deadline) {
            self.tell(ended);
        }
    }

    /// Aborts all children of `parent` that have not ended. What their ends mean for the parent is for the caller to see.
    pub(crate) fn abort_children(&mut self, parent: u32, cause: AbortCause, by: Option<NodeId>) {
        let mut child = self.cold[parent].children.first();
        while child != ROOT {
            if let Some(ended) = self.abort_below(child, cause, by, UNLIMITED) {
                ended.already_known();
            }
            child = self.next_sibling(child);
        }
    }

    /// Gives `top` if that has ended in this call.
    fn abort_below(
        &mut self,
        top: u32,
        cause: AbortCause,
        by: Option<NodeId>,
        deadline: u64,
    ) -> Option<Ended> {
        let mut index = top;
        while index != ROOT {
            let limit = if index == top { deadline } else { UNLIMITED };
            let descend = match self.hot[index].phase {
                phase if phase.is_done() => false,
                Phase::Pending => {
                    let ended = self.abort_pending(index, cause, by);
                    if index == top {
                        return Some(ended);
                    }
                    self.tell(ended);
                    false
                }
                Phase::Aborting => {
                    self.limit_drain(index, limit);
                    false
                }
                _ => {
                    self.begin_abort(index, cause, by, limit);
                    true
                }
            };
            index = self.next_in_tree(top, index, descend);
        }
        None
    }

    fn begin_abort(&mut self, index: u32, cause: AbortCause, by: Option<NodeId>, deadline: u64) {
        self.note_abort(index, cause, by);
        let marks = self.hot[index].marks;
        let polling = self.clock.is_some();
        let limited = marks & mark::DRAINED != 0;
        let deadline = if limited && polling {
            let now = self.ask_time();
            deadline.min(self.cold[index].drain.after(now))
        } else {
            deadline
        };
        if self.globals.call.hook == index {
            // It is ending at this very moment: the end wins, but a retry does not.
            self.hot[index].set(mark::DOOMED);
            let limit = self.cold[index].limit_at.min(deadline);
            self.set_limit(index, limit);
            return;
        }
        let parent = self.hot[index].parent;
        self.leave_queue(parent, index);
        if marks & mark::ACTIVE == 0 {
            // For its clean-up.
            self.cold[parent].active += 1;
        }
        let childless = marks & mark::PARENT == 0 || self.cold[index].live == 0;
        let hot = &mut self.hot[index];
        hot.clear(mark::UNTIL_ABORT);
        hot.set(if childless { mark::ACTIVE | mark::TURN } else { mark::ACTIVE });
        self.emit(index, EventKind::AbortBegan { cause, by });
        self.go(index, Phase::Aborting);
        let untimed = limited && !polling;
        if marks & mark::ARMED != 0 || untimed || deadline != UNLIMITED {
            self.cold[index].limit_at = deadline;
            if untimed {
                self.set_time(index, self.globals.now, Timer::DrainBegin);
            } else {
                self.forget_time(index);
            }
        }
        if !childless {
            self.refresh(index);
        } else if marks & mark::IN_RING == 0 {
            self.enter_or_leave_ring(index, true);
        }
    }

    fn note_abort(&mut self, index: u32, cause: AbortCause, by: Option<NodeId>) {
        let hot = &mut self.hot[index];
        hot.set_cause(cause);
        hot.clear(mark::ABORTER);
        if let Some(by) = by {
            hot.set(mark::ABORTER);
            self.cold[index].set_aborted_by(by);
        }
    }

    /// The first poll after an abort from outside: its drain begins.
    pub(crate) fn begin_drain(&mut self, index: u32) {
        let now = self.ask_time();
        let deadline = self.cold[index].drain.after(now);
        self.limit_drain(index, deadline);
    }

    fn limit_drain(&mut self, index: u32, deadline: u64) {
        if deadline < self.cold[index].limit_at {
            self.set_limit(index, deadline);
        }
    }

    /// Ends a node that has not started, and everything below it, without a run. Children first.
    pub(crate) fn abort_pending(&mut self, top: u32, cause: AbortCause, by: Option<NodeId>) -> Ended {
        self.end_subtree(top, |table, index| {
            table.note_abort(index, cause, by);
            table.emit(index, EventKind::AbortBegan { cause, by });
            table.go(index, Phase::Aborting);
        })
    }

    /// The drain deadline of `top` has passed: ends it and everything below it.
    pub(crate) fn force(&mut self, top: u32) {
        let ended = self.end_subtree(top, |table, index| {
            if table.hot[index].phase == Phase::Aborting {
                table.hot[index].set(mark::FORCED);
                table.globals.totals.forced += 1;
                table.emit_step(index, EventKind::Forced);
            } else {
                // Not reachable: everything below an aborting node is aborting or has ended.
                table.go(index, Phase::Aborting);
            }
        });
        self.tell(ended);
    }

    /// A node is ending, and its children have just been asked to: they have as long as its clean-up may take.
    pub(crate) fn limit_settling(&mut self, index: u32) {
        if self.hot[index].has(mark::DRAINED) {
            let now = self.ask_time();
            let limit = self.cold[index].drain.after(now);
            self.set_limit(index, limit);
        }
    }

    /// The clean-up below a node that is ending has taken too long: ends its children and everything below them.
    pub(crate) fn force_children(&mut self, parent: u32) {
        let mut child = self.cold[parent].children.first();
        while child != ROOT {
            if !self.hot[child].phase.is_done() {
                self.force(child);
            }
            child = self.next_sibling(child);
        }
    }

    /// Ends what has not ended at and below `top`, children first, after `prepare` has made it `Aborting`.
    fn end_subtree(&mut self, top: u32, prepare: impl Fn(&mut Self, u32)) -> Ended {
        let mut index = self.first_leaf(top);
        loop {
            if index == top {
                prepare(self, index);
                return self.end(index, Phase::Aborted);
            }
            if !self.hot[index].phase.is_done() {
                prepare(self, index);
                // Its parent ends next.
                self.end(index, Phase::Aborted).already_known();
            }
            let next = self.next_sibling(index);
            index = if next == ROOT { self.hot[index].parent } else { self.first_leaf(next) };
        }
    }

    fn first_leaf(&self, mut index: u32) -> u32 {
        loop {
            let child = self.cold[index].children.first();
            if child == ROOT || self.hot[index].phase.is_done() {
                return index;
            }
            index = child;
        }
    }

    /// Aborts everything and refuses what is new.
    pub(crate) fn shut_down(&mut self, deadline: u64) {
        self.globals.closed = true;
        let mut child = self.cold.root_mut().children.first();
        while child != ROOT {
            self.abort(child, AbortCause::Shutdown, None, deadline);
            child = self.next_sibling(child);
        }
    }
}
#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::{AbortStep, Cx, Inline, Instant, Next, Outcome, Scheduler, Spec, State, Work};

    /// Waits, and when it is aborted needs one crank more than it is given time for.
    struct Slow {
        steps: u32,
    }

    impl Work for Slow {
        fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
            Outcome::Waiting
        }

        fn on_abort(&mut self, _: &mut Cx<'_, Self>) -> AbortStep {
            if self.steps == 0 {
                return AbortStep::Done;
            }
            self.steps -= 1;
            AbortStep::WaitFor(Duration::from_secs(1))
        }
    }

    #[test]
    fn the_drain_of_an_abort_from_outside_begins_with_the_next_poll() {
        for (steps, forced) in [(4, 0), (6, 1)] {
            let mut s: Scheduler<Inline<Slow, 2>> = Scheduler::new();
            let id = s
                .add(Spec::work("slow", Slow { steps }).cleanup_timeout(Duration::from_secs(5)))
                .expect("room");
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

//! A node's own turn: it is started, its work is called, or it looks after its children.

use core::time::Duration;

use super::Engine;
use crate::deadlines::Timer;
use crate::kind::Kind;
use crate::marks::mark;
use crate::node::Verdict;
use crate::phase::Phase;
use crate::reason::{AbortCause, Reason};
use crate::run_queue;
use crate::time::{UNLIMITED, micros_ceil};
use crate::work::{AbortStep, Outcome, Work};

impl<W: Work<W, A>, A: ?Sized> Engine<'_, W, A> {
    /// Starts a node, or gives it its own turn. True if the crank may go on from it.
    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    pub(super) fn own_turn(&mut self, index: u32) -> bool {
        self.table.globals.call.disturbed = false;
        if self.table.hot[index].phase == Phase::Pending {
            self.first_turn(index)
        } else {
            self.later_turn(index)
        }
    }

    #[cfg_attr(not(small), inline(never))]
    fn first_turn(&mut self, index: u32) -> bool {
        self.start(index);
        self.is_reachable(index)
    }

    #[cfg_attr(not(small), inline(never))]
    fn later_turn(&mut self, index: u32) -> bool {
        if self.table.hot[index].ring.is_over() {
            run_queue::begin_pass(&mut self.table.hot, index);
        }
        self.turn(index) && self.is_reachable(index) && !self.table.hot[index].ring.is_empty()
    }

    fn start(&mut self, index: u32) {
        self.call_work(index, (), W::on_reset);
        // It may have been aborted in there.
        if self.table.hot[index].phase != Phase::Pending {
            return;
        }
        self.table.go(index, Phase::Running);
        let hot = &mut self.table.hot[index];
        hot.set(mark::TURN);
        hot.clear(mark::WOKEN);
        if hot.has(mark::LIMITED) {
            let now = self.table.ask_time();
            self.table.cold[index].set_started_at(now);
        }
        self.table.begin_attempt(index);
        let earlier = self.table.cold[index].earlier;
        if earlier > 0 && self.table.hot[index].kind == Kind::Batch && !self.rewinds(index) {
            self.fail(index, Reason::NOT_REWOUND, Verdict::Fatal, AbortCause::ParentFailed);
        }
    }

    /// The node's own turn. True if the crank may go on to a child of it.
    fn turn(&mut self, index: u32) -> bool {
        if !self.table.hot[index].has(mark::FRESH | mark::LATE) {
            return self.turn_in_time(index);
        }
        let hot = &mut self.table.hot[index];
        let late = hot.has(mark::LATE);
        hot.clear(mark::FRESH | mark::LATE);
        let goes_on = self.turn_in_time(index);
        if late && matches!(self.table.hot[index].phase, Phase::Running | Phase::Waiting | Phase::Sleeping) {
            // It has not ended in the turn that its wake has given it.
            self.table.time_out(index);
            self.fail(index, Reason::TIMEOUT, Verdict::Failure, AbortCause::Timeout);
            return false;
        }
        goes_on
    }

    fn turn_in_time(&mut self, index: u32) -> bool {
        let hot = &self.table.hot[index];
        let (kind, open) = (hot.kind, hot.has(mark::OPEN));
        match hot.phase {
            Phase::Aborting => {
                self.abort_turn(index);
                return false;
            }
            Phase::Settling => {
                let verdict = self.table.cold[index].verdict;
                self.conclude(index, verdict);
                return false;
            }
            Phase::TimedOut => {
                self.fail(index, Reason::TIMEOUT, Verdict::Failure, AbortCause::Timeout);
                return false;
            }
            _ => {}
        }
        match kind {
            Kind::Work => {
                // It may have had children that have ended since its last turn.
                self.table.globals.call.stirred = true;
                self.run(index);
            }
            Kind::Batch => self.ask_generator(index),
            Kind::Callback => self.ask_callback(index),
            Kind::When if !open => return self.ask_predicate(index),
            Kind::After | Kind::AfterSuccess if !open => return self.look_at_awaited(index),
            _ => return self.attend(index),
        }
        false
    }

    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    pub(super) fn run(&mut self, index: u32) {
        let outcome = self.call(index, Outcome::Waiting, W::on_run);
        if !matches!(outcome, Outcome::Running) || self.table.globals.call.stirred {
            self.ran(index, outcome);
        }
    }

    /// What follows from a step that was not just one of many.
    #[inline(never)]
    pub(super) fn ran(&mut self, index: u32, outcome: Outcome) {
        self.table.globals.call.stirred = false;
        let hot = &mut self.table.hot[index];
        let (mut woken, unseen) = (hot.has(mark::WOKEN), hot.has(mark::UNSEEN));
        hot.clear(mark::WOKEN);
        // A work that aborted itself is not asked what it thinks of that.
        if hot.phase != Phase::Running {
            return;
        }
        // A failed work keeps its last children, so that they can be looked at.
        let failed = matches!(outcome, Outcome::Failure(_) | Outcome::Fatal(_) | Outcome::RetryAfter(..));
        if unseen && !failed {
            self.sweep(index);
            // It may have found the table full, and waits for just such a slot.
            let hot = &mut self.table.hot[index];
            woken |= hot.has(mark::WOKEN);
            hot.clear(mark::WOKEN);
            self.table.globals.call.stirred = false;
        }
        match outcome {
            Outcome::Running => {}
            Outcome::Waiting | Outcome::WaitFor(_) if woken => {}
            Outcome::Waiting => self.wait(index, UNLIMITED),
            Outcome::WaitFor(time) => {
                let until = self.after(time);
                self.wait(index, until);
            }
            Outcome::Sleep(time) => {
                let until = self.after(time);
                self.sleep(index, until);
            }
            Outcome::SleepUntil(time) => self.sleep(index, time.as_micros()),
            Outcome::Success => self.settle(index, Verdict::Success, AbortCause::ParentDone),
            Outcome::Skipped => {
                self.table.hot[index].set(mark::SKIPPED);
                self.settle(index, Verdict::Success, AbortCause::ParentDone);
            }
            Outcome::Failure(reason) => self.fail(index, reason, Verdict::Failure, AbortCause::ParentFailed),
            Outcome::Fatal(reason) => self.fail(index, reason, Verdict::Fatal, AbortCause::ParentFailed),
            Outcome::RetryAfter(delay, reason) => {
                self.table.cold[index].param = micros_ceil(delay);
                self.fail(index, reason, Verdict::FailureAfter, AbortCause::ParentFailed);
            }
        }
    }

    #[cfg_attr(small, inline(never))]
    fn after(&mut self, time: Duration) -> u64 {
        self.table.ask_time().saturating_add(micros_ceil(time))
    }

    /// No turn before a wake or `until`.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn wait(&mut self, index: u32, until: u64) {
        self.table.go(index, Phase::Waiting);
        self.rest(index, until, Timer::Wake);
    }

    /// No turn before `until`, whatever wakes it.
    #[cfg_attr(small, inline(never))]
    fn sleep(&mut self, index: u32, until: u64) {
        if until > self.table.ask_time() {
            self.table.go(index, Phase::Sleeping);
            self.rest(index, until, Timer::Wake);
        }
    }

    #[cfg_attr(small, inline(never))]
    fn rest(&mut self, index: u32, until: u64, timer: Timer) {
        if until != UNLIMITED {
            self.table.set_time(index, until, timer);
        }
        self.table.end_turn(index);
    }

    fn abort_turn(&mut self, index: u32) {
        if self.table.hot[index].kind != Kind::Work {
            self.conclude(index, Verdict::Aborted);
            return;
        }
        let answer = self.call(index, AbortStep::Done, W::on_abort);
        let hot = &mut self.table.hot[index];
        let woken = hot.has(mark::WOKEN);
        hot.clear(mark::WOKEN);
        if hot.phase != Phase::Aborting {
            return;
        }
        match answer {
            AbortStep::Done => self.conclude(index, Verdict::Aborted),
            AbortStep::Running => {}
            AbortStep::Waiting | AbortStep::WaitFor(_) if woken => {}
            AbortStep::Waiting => self.rest(index, UNLIMITED, Timer::CleanUp),
            AbortStep::WaitFor(time) => {
                let until = self.after(time);
                self.rest(index, until, Timer::CleanUp);
            }
        }
    }

    /// A composite's turn without user code: it may end now; if not, its queue moves up.
    pub(crate) fn attend(&mut self, index: u32) -> bool {
        if let Some((verdict, cause)) = self.decide(index) {
            self.settle(index, verdict, cause);
            return false;
        }
        self.table.fill_places(index);
        self.table.end_turn(index);
        true
    }
}

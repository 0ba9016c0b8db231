//! Attempts: how one begins, what lies between two of them, and a new life.

use crate::deadlines::Timer;
use crate::error::Error;
use crate::kind::Kind;
use crate::marks::mark;
use crate::node::ROOT;
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::reason::Failure;
use crate::table::Table;
use crate::time::{UNLIMITED, micros};

impl Table<'_> {
    /// What begins an attempt, after the phase has become `Running`.
    pub(crate) fn begin_attempt(&mut self, index: u32) {
        self.globals.totals.attempts += 1;
        let hot = &self.hot[index];
        let (blamed, limited) = (hot.has(mark::BLAMED), hot.has(mark::LIMITED));
        if blamed && self.cold[index].failed == 0 && self.cold[index].aborted == 0 {
            // The last attempt's; a child of this one may have been aborted already.
            self.hot[index].clear(mark::FATAL);
            self.clear_failure(index);
        }
        if limited {
            self.restart_timeout(index);
        }
    }

    /// The limit of the attempt that is going on is off.
    pub(crate) fn stop_timeout(&mut self, index: u32) {
        if self.has_limited_attempt(index) {
            self.set_limit(index, UNLIMITED);
        }
    }

    /// The limit of the attempt that is going on counts from now.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn restart_timeout(&mut self, index: u32) {
        if self.has_limited_attempt(index) {
            let now = self.ask_time();
            let limit = self.cold[index].timeout.after(now);
            self.set_limit(index, limit);
        }
    }

    fn has_limited_attempt(&self, index: u32) -> bool {
        let hot = &self.hot[index];
        hot.has(mark::LIMITED) && hot.phase == Phase::Running && self.globals.call.hook != index
    }

    #[cfg_attr(small, inline(never))]
    pub(crate) fn set_failure(&mut self, index: u32, failure: Failure) {
        self.notes[index].set_failure(Some(failure));
        self.hot[index].set(mark::BLAMED);
    }

    #[cfg_attr(small, inline(never))]
    pub(crate) fn clear_failure(&mut self, index: u32) {
        let hot = &mut self.hot[index];
        if hot.has(mark::BLAMED) {
            hot.clear(mark::BLAMED);
            self.notes[index].set_failure(None);
        }
    }

    /// The attempt has taken too long.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn time_out(&mut self, index: u32) {
        self.emit_step(index, EventKind::TimedOut);
        self.wake_up(index);
        self.go(index, Phase::TimedOut);
    }

    /// From the end of a failed attempt to the delay before the next one.
    pub(crate) fn back_off(&mut self, index: u32, delay: u64) {
        self.go(index, Phase::Retrying);
        let used = self.cold[index].retries_used;
        if let Some(failure) = self.notes[index].failure() {
            let delay = micros(delay);
            self.emit_step(index, EventKind::Retry { attempt: u32::from(used) + 2, delay, failure });
        }
        self.go(index, Phase::BackingOff);
        self.hot[index].clear(mark::TURN | mark::WOKEN);
        let at = self.ask_time().saturating_add(delay);
        self.set_time(index, at, Timer::Retry);
        self.refresh(index);
        self.lend_place(index);
    }

    /// The delay is over.
    pub(crate) fn retry_now(&mut self, index: u32) {
        self.globals.totals.retries += 1;
        let cold = &mut self.cold[index];
        cold.retries_used = cold.retries_used.saturating_add(1);
        if self.hot[index].has(mark::ACTIVE) {
            self.begin_next_attempt(index);
            self.refresh(index);
        } else {
            self.go(index, Phase::Requeued);
            self.queue_first(index);
        }
    }

    /// Begins another attempt of a node that has a place. It is not in the parent's ring yet.
    pub(crate) fn begin_next_attempt(&mut self, index: u32) {
        self.go(index, Phase::Running);
        self.begin_attempt(index);
        self.hot[index].set(mark::TURN);
    }

    pub(crate) fn restart(&mut self, index: u32) -> Result<(), Error> {
        let hot = &self.hot[index];
        let (phase, parent) = (hot.phase, hot.parent);
        if !phase.is_done() {
            return Err(Error::WrongState(phase.state()));
        }
        self.accepts(parent)?;
        if parent != ROOT && self.hot[parent].kind != Kind::Work {
            return Err(Error::WrongKind);
        }
        self.leave_ended(parent, index);
        let above = &mut self.cold[parent];
        above.live += 1;
        match phase {
            Phase::Success => above.succeeded = above.succeeded.saturating_sub(1),
            Phase::Failure => above.failed = above.failed.saturating_sub(1),
            _ => above.aborted = above.aborted.saturating_sub(1),
        }
        self.make_new(index);
        self.offer(parent, index);
        if self.globals.call.running != parent {
            self.wake(parent);
        }
        Ok(())
    }

    /// Takes an ended node back to `Pending`, with a fresh retry budget.
    pub(crate) fn make_new(&mut self, index: u32) {
        self.go(index, Phase::Pending);
        let hot = &mut self.hot[index];
        hot.marks &= mark::INTO_A_NEW_LIFE;
        hot.set(mark::TURN);
        let cold = &mut self.cold[index];
        cold.retries_used = 0;
        cold.life = cold.life.wrapping_add(1);
        self.clear_failure(index);
    }
}

//! What happens to a node between its start and its end, as far as no user code is needed: wakes, pauses, attempts, restarts, and all that
//! follows from an end.
//!
//! A call from outside the crank loop can do this much and no more; what needs user code is left to the node's, or its parent's, next turn.

use crate::error::Error;
use crate::node::{Kind, ROOT, flag};
use crate::observe::What;
use crate::reason::{Cause, Failure, Reason};
use crate::spec::UNLIMITED;
use crate::state::State;
use crate::table::Table;
use crate::time::micros;

impl Table<'_> {
    // ---- wake, pause ----

    /// Makes a waiting node look again. A node that is not waiting loses nothing: it has a turn anyway, or it has ended.
    pub(crate) fn wake(&mut self, index: u32) {
        let Some(hot) = self.hot.get_mut(index as usize) else { return };
        let (flags, state) = (hot.flags, hot.state);
        if flags & flag::LIVE == 0 {
            return;
        }
        if self.root.running == index {
            hot.set(flag::WOKEN);
            self.root.stirred = true;
            return;
        }
        match state {
            State::Waiting if flags & (flag::RETRY | flag::QUEUED) == 0 => self.go(index, State::Running),
            State::Aborting if flags & flag::TURN == 0 && self.cold(index).live == 0 => {}
            _ => return,
        }
        self.root.counts.wakes += 1;
        if flags & flag::ARMED != 0 {
            self.cold_mut(index).wake_at = UNLIMITED;
            self.rearm(index);
        }
        self.ask_turn(index);
    }

    /// Gives the node its own turn.
    #[inline]
    pub(crate) fn ask_turn(&mut self, index: u32) {
        self.hot_mut(index).set(flag::TURN);
        self.refresh(index);
    }

    pub(crate) fn pause(&mut self, index: u32, paused: bool) -> Result<(), Error> {
        let hot = self.hot_mut(index);
        if hot.state.is_done() || hot.state == State::Aborting {
            return Err(Error::WrongState(hot.state));
        }
        if hot.has(flag::SETTLING) {
            return Err(Error::Ended);
        }
        if hot.has(flag::PAUSED) != paused {
            hot.flags ^= flag::PAUSED;
            self.emit_step(index, What::Paused(paused));
            self.refresh(index);
        }
        Ok(())
    }

    // ---- start, attempt, restart ----

    /// What begins an attempt, after the state has become `Running`.
    pub(crate) fn begin_attempt(&mut self, index: u32) {
        self.root.counts.attempts += 1;
        let now = self.root.now;
        let hot = self.hot(index);
        let (blamed, limited) = (hot.has(flag::BLAMED), hot.has(flag::LIMITED));
        if blamed && self.cold(index).failed == 0 && self.cold(index).aborted == 0 {
            // The last attempt's; a child of this one may have been aborted already.
            self.clear_failure(index);
        }
        if limited {
            let cold = self.cold_mut(index);
            cold.limit_at = cold.timeout.after(now);
            self.rearm(index);
        }
    }

    pub(crate) fn set_failure(&mut self, index: u32, failure: Failure) {
        self.cold_mut(index).failure = Some(failure);
        self.hot_mut(index).set(flag::BLAMED);
    }

    pub(crate) fn clear_failure(&mut self, index: u32) {
        let hot = self.hot_mut(index);
        if hot.has(flag::BLAMED) {
            hot.clear(flag::BLAMED);
            self.cold_mut(index).failure = None;
        }
    }

    /// Arms the delay before the next attempt; the state is `Retrying` on entry and `Waiting` on return.
    pub(crate) fn wait_for_retry(&mut self, index: u32, delay: u64) {
        let used = self.cold(index).retries_used;
        if let Some(failure) = self.cold(index).failure {
            let delay = micros(delay);
            self.emit_step(index, What::Retry { attempt: u32::from(used) + 2, delay, failure });
        }
        self.cold_mut(index).wake_at = self.root.now.saturating_add(delay);
        self.go(index, State::Waiting);
        let hot = self.hot_mut(index);
        hot.set(flag::RETRY);
        hot.clear(flag::TURN | flag::WOKEN | flag::TIMED_OUT);
        self.rearm(index);
        self.refresh(index);
        self.lend_place(index);
    }

    /// The delay is over.
    pub(crate) fn retry_now(&mut self, index: u32) {
        self.root.counts.retries += 1;
        let cold = self.cold_mut(index);
        cold.retries_used = cold.retries_used.saturating_add(1);
        self.hot_mut(index).clear(flag::RETRY);
        if self.hot(index).has(flag::ACTIVE) {
            self.go(index, State::Running);
            self.begin_attempt(index);
            self.ask_turn(index);
        } else {
            self.queue_first(index);
        }
    }

    pub(crate) fn restart(&mut self, index: u32) -> Result<(), Error> {
        let hot = self.hot(index);
        let (state, parent) = (hot.state, hot.parent);
        if !state.is_done() {
            return Err(Error::WrongState(state));
        }
        self.accepts(parent)?;
        if parent != ROOT && self.hot(parent).kind != Kind::Work {
            return Err(Error::WrongKind);
        }
        self.leave_ended(parent, index);
        let above = self.cold_mut(parent);
        above.live += 1;
        match state {
            State::Success => above.succeeded = above.succeeded.saturating_sub(1),
            State::Failure => above.failed = above.failed.saturating_sub(1),
            _ => above.aborted = above.aborted.saturating_sub(1),
        }
        self.make_new(index);
        self.offer(parent, index);
        if self.root.running != parent {
            self.wake(parent);
        }
        Ok(())
    }

    /// Takes an ended node back to `Pending`, with a fresh retry budget. It keeps the mark of having been started until it has been reset.
    pub(crate) fn make_new(&mut self, index: u32) {
        if self.hot(index).state != State::Pending {
            self.go(index, State::Pending);
        }
        let hot = self.hot_mut(index);
        hot.flags &= flag::LIVE
            | flag::STARTED
            | flag::PAUSED
            | flag::HANDLE
            | flag::DETACHED
            | flag::UNSEEN
            | flag::PARENT
            | flag::BLAMED
            | flag::LIMITED
            | flag::DRAINED
            | flag::WATCHED
            | flag::AWAITED_SUCCEEDED;
        hot.set(flag::TURN);
        self.cold_mut(index).retries_used = 0;
        self.clear_failure(index);
    }

    // ---- the end of a node ----

    /// Everything that follows from an end, except what needs user code. The state is still the one before.
    ///
    /// The parent is told only through its counters and the list of ended children; see [`Table::tell_parent`].
    pub(crate) fn end(&mut self, index: u32, to: State) {
        const OVER: u32 = flag::TURN
            | flag::ACTIVE
            | flag::QUEUED
            | flag::SETTLING
            | flag::WOKEN
            | flag::DOOMED
            | flag::TIMED_OUT
            | flag::RETRY
            | flag::PAUSED
            | flag::UNTIMED;

        self.go(index, to);
        let hot = self.hot(index);
        let (parent, flags) = (hot.parent, hot.flags);
        self.cancel_deadlines(index);
        self.leave_queue(parent, index);
        self.hot_mut(index).clear(OVER);
        if flags & flag::IN_RING != 0 {
            self.refresh(index);
        }

        let blocked = to == State::Aborted && self.hot(index).cause() == Cause::Dependency;
        let counts = &mut self.root.counts;
        let above = if parent == ROOT {
            &mut self.root.cold
        } else {
            self.cold.get_mut(parent as usize).unwrap_or(&mut self.root.cold)
        };
        above.live = above.live.saturating_sub(1);
        above.active = above.active.saturating_sub(u32::from(flags & flag::ACTIVE != 0));
        match to {
            State::Success => {
                above.succeeded = above.succeeded.saturating_add(1);
                counts.succeeded += 1;
            }
            State::Failure => {
                above.failed = above.failed.saturating_add(1);
                counts.failed += 1;
            }
            _ => {
                above.aborted = above.aborted.saturating_add(1);
                if blocked {
                    counts.blocked += 1;
                } else {
                    counts.aborted += 1;
                }
            }
        }
        if to != State::Success {
            self.remember_failure(parent, index);
        }
        if self.hot(parent).kind.is_dynamic() && (parent != ROOT || self.hot(index).has(flag::DETACHED)) {
            self.join_ended(parent, index);
        }
        if flags & flag::WATCHED != 0 {
            self.open_watchers(index);
        }
    }

    /// What an end means for a node's dependents, if it is a child of a graph that goes on.
    pub(crate) fn release_dependents(&mut self, index: u32) {
        let above = self.hot(self.hot(index).parent);
        if above.kind == Kind::Graph && above.state != State::Aborting && !above.has(flag::SETTLING) {
            self.settle_edges(index);
        }
    }

    /// Keeps the first failure among the children of an attempt as the parent's, unless the parent is ending anyway.
    fn remember_failure(&mut self, parent: u32, child: u32) {
        let (hot, cold) = (self.hot(parent), self.cold(parent));
        let ending = hot.state == State::Aborting || hot.has(flag::SETTLING);
        let first = cold.failed.saturating_add(cold.aborted) == 1;
        if parent == ROOT || ending || !first && hot.has(flag::BLAMED) {
            return;
        }
        let failure = match self.cold(child).failure {
            Some(failure) if self.hot(child).state == State::Failure => failure,
            _ => Failure { reason: Reason::CHILD_ABORTED, origin: self.id(child) },
        };
        self.set_failure(parent, failure);
    }

    /// Lets the parent of a node that ended outside the crank loop look at it in its next turn, and gives the place to the next child.
    pub(crate) fn tell_parent(&mut self, parent: u32) {
        if parent == ROOT {
            return;
        }
        let (hot, live) = (self.hot(parent), self.cold(parent).live);
        let draining = hot.state == State::Aborting || hot.has(flag::SETTLING);
        match hot.state {
            // Its own turn comes when the last child is done.
            _ if draining => {
                if live == 0 {
                    self.ask_turn(parent);
                }
                return;
            }
            State::Running => self.ask_turn(parent),
            State::Waiting => self.wake(parent),
            _ => {}
        }
        self.fill_places(parent);
    }
}

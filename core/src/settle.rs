//! From a verdict to an end: hooks, consequences above, retries, and what becomes of the nodes below.
//!
//! A child's end may decide its parent, whose end may decide the next one; that goes on level by level, without recursion. The order of hooks and
//! state changes is that of the reference: see [`state`](crate::state).

use crate::engine::Engine;
use crate::node::{Kind, ROOT, Verdict, flag};
use crate::observe::What;
use crate::reason::{Cause, Failure, Reason};
use crate::slots::Slots;
use crate::state::State;
use crate::work::Work;

impl<W: Work<A, W>, A: ?Sized> Engine<'_, W, A> {
    /// Notes why a node fails. A work that only says that a child failed keeps that child's reason and origin.
    pub(crate) fn blame(&mut self, index: u32, reason: Reason) {
        let origin = self.table.id(index);
        if reason != Reason::CHILD_FAILED || !self.table.hot(index).has(flag::BLAMED) {
            self.table.set_failure(index, Failure { reason, origin });
        }
    }

    pub(crate) fn fail(&mut self, index: u32, reason: Reason, verdict: Verdict) {
        self.blame(index, reason);
        self.settle(index, verdict, Cause::ParentFailed);
    }

    /// Ends a node whose verdict is known: aborts what still lives below it, and concludes when that has drained.
    pub(crate) fn settle(&mut self, index: u32, verdict: Verdict, cause: Cause) {
        if !self.table.hot(index).has(flag::ARMED | flag::PARENT) || self.drain(index, verdict, cause) {
            self.conclude(index, verdict);
        }
    }

    /// Aborts what lives below a node that is about to end. True if nothing lives (any more).
    #[inline(never)]
    fn drain(&mut self, index: u32, verdict: Verdict, cause: Cause) -> bool {
        self.table.cancel_deadlines(index);
        if self.table.cold(index).live == 0 {
            return true;
        }
        self.table.cold_mut(index).verdict = verdict;
        let hot = self.table.hot_mut(index);
        hot.clear(flag::TURN | flag::TIMED_OUT);
        hot.set(flag::SETTLING);
        let by = self.table.id(index);
        self.table.abort_children(index, cause, Some(by));
        self.table.refresh(index);
        self.table.cold(index).live == 0
    }

    /// Ends a node, and whatever its end decides above it.
    pub(crate) fn conclude(&mut self, mut index: u32, mut verdict: Verdict) {
        while self.finish(index, verdict) {
            let parent = self.table.hot(index).parent;
            if parent == ROOT {
                if self.table.root.hot.has(flag::UNSEEN) {
                    self.sweep(ROOT);
                }
                return;
            }
            self.table.release_dependents(index);
            match self.child_ended(parent) {
                Some(next) => (index, verdict) = (parent, next),
                None => return,
            }
        }
    }

    /// A child has ended: what its parent makes of that, as the verdict if the parent ends now too.
    fn child_ended(&mut self, parent: u32) -> Option<Verdict> {
        let hot = *self.table.hot(parent);
        let live = self.table.cold(parent).live;
        match hot.state {
            State::Aborting if live == 0 && hot.kind != Kind::Work => Some(Verdict::Aborted),
            State::Running if hot.has(flag::SETTLING) => (live == 0).then(|| self.table.cold(parent).verdict),
            State::Running if hot.kind != Kind::Work => {
                let decision = self.decide(parent);
                if hot.kind == Kind::Batch && !decision.is_some_and(|(verdict, _)| verdict.is_retryable()) {
                    self.sweep(parent);
                    self.table.ask_turn(parent);
                }
                if let Some((verdict, cause)) = decision {
                    return self.drain(parent, verdict, cause).then_some(verdict);
                }
                self.table.fill_places(parent);
                None
            }
            _ => {
                self.table.tell_parent(parent);
                None
            }
        }
    }

    /// The hooks and state changes of an end or a retry. True if the node has ended.
    fn finish(&mut self, index: u32, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Success => {
                self.table.clear_failure(index);
                self.hook(index, W::on_success);
                self.table.end(index, State::Success);
            }
            Verdict::Aborted => {
                self.hook(index, W::on_reset);
                self.table.end(index, State::Aborted);
            }
            Verdict::Failure | Verdict::FailureAfter => {
                if let Some(delay) = self.next_delay(index, verdict == Verdict::FailureAfter) {
                    self.retry(index, delay);
                    return false;
                }
                self.raise(index, true);
            }
            Verdict::Fatal => self.raise(index, true),
            Verdict::Panicked => self.raise(index, false),
        }
        true
    }

    fn raise(&mut self, index: u32, hooks: bool) {
        if hooks {
            self.hook(index, W::on_failure_raise);
            self.hook(index, W::on_reset);
        }
        if let Some(failure) = self.table.cold(index).failure {
            self.table.emit(index, What::Failed(failure));
        }
        self.table.end(index, State::Failure);
    }

    /// The delay before the next attempt, if there is one: what the work asked for, or what the policy says.
    fn next_delay(&self, index: u32, asked: bool) -> Option<u64> {
        let cold = self.table.cold(index);
        let used = cold.retries_used;
        if used >= cold.retry.budget() {
            return None;
        }
        let delay = if asked {
            cold.param
        } else {
            cold.retry.delay_micros(self.table.root.seed, self.table.id(index).to_bits(), used)
        };
        let elapsed = self.table.root.now.saturating_sub(cold.started_at());
        cold.retry.lasts(elapsed.saturating_add(delay)).then_some(delay)
    }

    fn retry(&mut self, index: u32, delay: u64) {
        self.hook(index, W::on_failure_retry);
        self.hook(index, W::on_reset);
        self.table.root.hook = index;
        self.reset_below(index);
        self.table.root.hook = ROOT;
        let hot = self.table.hot_mut(index);
        let aborted = hot.has(flag::DOOMED);
        hot.clear(flag::SETTLING | flag::DOOMED);
        if aborted {
            // One of the hooks asked for it; an end would have won, a retry does not.
            let (hot, cold) = (self.table.hot(index), self.table.cold(index));
            let (cause, by, deadline) = (hot.cause(), cold.aborted_by(hot), cold.limit_at);
            self.table.abort(index, cause, by, deadline);
            return;
        }
        Slots::all(self.works).renew_below(&mut self.table, index);
        self.table.go(index, State::Retrying);
        self.table.wait_for_retry(index, delay);
    }

    // ---- another attempt or life ----

    /// Resets every descendant that ran in the attempt, or the life, that is over.
    pub(crate) fn reset_below(&mut self, top: u32) {
        let mut index = self.table.next_in_tree(top, top, true);
        while index != ROOT {
            let hot = self.table.hot_mut(index);
            if hot.has(flag::STARTED) && (hot.state.is_done() || hot.state == State::Pending) {
                hot.clear(flag::STARTED);
                // In the name of `top`: a panic here fails the node that tries again.
                self.call_for(top, index, (), W::on_reset);
            }
            index = self.table.next_in_tree(top, index, true);
        }
    }

    /// Frees the ended children that `parent` has seen.
    pub(crate) fn sweep(&mut self, parent: u32) {
        loop {
            let child = self.table.cold(parent).ended;
            if child == ROOT {
                return;
            }
            self.table.leave_ended(parent, child);
            Slots::all(self.works).free(&mut self.table, child);
        }
    }
}

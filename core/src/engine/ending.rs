//! From a verdict to an end or to another attempt: hooks, consequences above, and what becomes of the nodes below.
//!
//! A child's end may decide its parent, whose end may decide the next one; that goes on level by level, without recursion. The order of hooks and
//! state changes is that of the reference: see [`state`](crate::state).

use super::Engine;
use crate::kind::Kind;
use crate::lifecycle::end::{Ended, Reaction};
use crate::marks::mark;
use crate::node::{ROOT, Verdict};
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::reason::{AbortCause, Failure, Reason};
use crate::slots::Slots;
use crate::work::Work;

impl<W: Work<W, A>, A: ?Sized> Engine<'_, W, A> {
    /// Notes why a node fails. A work that only says that a child failed keeps that child's reason and origin.
    #[cfg_attr(small, inline(never))]
    pub(super) fn blame(&mut self, index: u32, reason: Reason) {
        let origin = self.table.id(index);
        if reason != Reason::CHILD_FAILED || !self.table.hot[index].has(mark::BLAMED) {
            self.table.set_failure(index, Failure { reason, origin });
        }
    }

    #[cfg_attr(not(small), inline(never))]
    pub(crate) fn fail(&mut self, index: u32, reason: Reason, verdict: Verdict, cause: AbortCause) {
        self.blame(index, reason);
        self.settle(index, verdict, cause);
    }

    /// Ends a node whose verdict is known: aborts what still lives below it, and concludes when that has drained.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn settle(&mut self, index: u32, verdict: Verdict, cause: AbortCause) {
        if !self.table.hot[index].has(mark::ARMED | mark::PARENT) || self.drain(index, verdict, cause) {
            self.conclude(index, verdict);
        }
    }

    /// Aborts what lives below a node that is about to end. True if nothing lives (any more).
    #[inline(never)]
    fn drain(&mut self, index: u32, verdict: Verdict, cause: AbortCause) -> bool {
        self.table.stop_timer(index);
        if self.table.cold[index].live == 0 {
            return true;
        }
        self.table.cold[index].verdict = verdict;
        self.table.hot[index].clear(mark::TURN);
        if self.table.hot[index].phase != Phase::Settling {
            self.table.go(index, Phase::Settling);
        }
        self.table.limit_settling(index);
        let by = self.table.id(index);
        self.table.abort_children(index, cause, Some(by));
        self.table.refresh(index);
        self.table.cold[index].live == 0
    }

    /// Ends a node, and whatever its end decides above it, level by level.
    pub(super) fn conclude(&mut self, mut index: u32, mut verdict: Verdict) {
        loop {
            let Some(ended) = self.finish(index, verdict) else { return };
            let Some((parent, reaction)) = self.table.follow(ended) else { break };
            let decided = match reaction {
                Reaction::Nothing => None,
                Reaction::End(verdict) => Some(verdict),
                Reaction::Decide => self.decide_anew(parent),
            };
            match decided {
                Some(decided) => (index, verdict) = (parent, decided),
                None => return,
            }
        }
        if self.table.hot.root_mut().has(mark::UNSEEN) {
            self.sweep(ROOT);
        }
    }

    /// A child of a composite has ended: its verdict, if it ends now too.
    #[cfg_attr(small, inline(never))]
    fn decide_anew(&mut self, parent: u32) -> Option<Verdict> {
        let decision = self.decide(parent);
        // A batch that has failed keeps its last children, so that they can be looked at.
        let failed = decision.is_some_and(|(verdict, _)| verdict.is_failure());
        if self.table.hot[parent].kind == Kind::Batch && !failed {
            self.sweep(parent);
            self.table.ask_turn(parent);
        }
        if let Some((verdict, cause)) = decision {
            return self.drain(parent, verdict, cause).then_some(verdict);
        }
        self.table.fill_places(parent);
        None
    }

    /// The hooks and the change of state of an end or a retry. None if the node goes on with another attempt.
    fn finish(&mut self, index: u32, verdict: Verdict) -> Option<Ended> {
        match verdict {
            Verdict::Success => {
                self.table.clear_failure(index);
                self.hook(index, W::on_success);
                Some(self.table.end(index, Phase::Success))
            }
            Verdict::Aborted => {
                self.hook(index, W::on_reset);
                Some(self.table.end(index, Phase::Aborted))
            }
            Verdict::Failure | Verdict::FailureAfter => {
                match self.next_delay(index, verdict == Verdict::FailureAfter) {
                    Some(delay) => {
                        self.retry(index, delay);
                        None
                    }
                    None => Some(self.raise(index, true)),
                }
            }
            Verdict::Fatal | Verdict::Panicked => {
                self.table.hot[index].set(mark::FATAL);
                Some(self.raise(index, verdict == Verdict::Fatal))
            }
        }
    }

    #[cfg_attr(small, inline(never))]
    fn raise(&mut self, index: u32, hooks: bool) -> Ended {
        if hooks {
            self.hook(index, W::on_failure_raise);
            self.hook(index, W::on_reset);
        }
        if let Some(failure) = self.table.notes[index].failure() {
            self.table.emit(index, EventKind::Failed(failure));
        }
        self.table.end(index, Phase::Failure)
    }

    /// The delay before the next attempt, if there is one: what the work asked for, or what the policy says.
    #[cfg_attr(small, inline(never))]
    fn next_delay(&mut self, index: u32, asked: bool) -> Option<u64> {
        let cold = &self.table.cold[index];
        if cold.retries_used >= cold.retry.budget() {
            return None;
        }
        if self.table.hot[index].kind == Kind::Batch && !self.rewinds(index) {
            return None;
        }
        let cold = &self.table.cold[index];
        let used = cold.retries_used;
        let delay = if asked {
            cold.param
        } else {
            // Another life of the node draws other delays.
            let key = self.table.id(index).to_bits() ^ u64::from(cold.life).rotate_right(16);
            cold.retry.delay_micros(self.table.globals.seed, key, used)
        };
        if cold.retry.elapsed_limit().is_none() {
            return Some(delay);
        }
        let (retry, started_at) = (cold.retry, cold.started_at());
        let elapsed = self.table.ask_time().saturating_sub(started_at);
        retry.lasts(elapsed.saturating_add(delay)).then_some(delay)
    }

    #[cfg_attr(small, inline(never))]
    fn retry(&mut self, index: u32, delay: u64) {
        self.table.stop_timer(index);
        self.hook(index, W::on_failure_retry);
        self.hook(index, W::on_reset);
        let hot = &mut self.table.hot[index];
        let aborted = hot.has(mark::DOOMED);
        hot.clear(mark::DOOMED);
        if aborted {
            // One of the hooks asked for it; an end would have won, a retry does not.
            let (hot, cold) = (&self.table.hot[index], &self.table.cold[index]);
            let (cause, by, deadline) = (hot.cause(), cold.aborted_by(hot), cold.limit_at);
            self.table.abort(index, cause, by, deadline);
            return;
        }
        Slots::all(self.works).renew_below(&mut self.table, index, false);
        self.table.back_off(index, delay);
    }

    /// Frees the ended children that `parent` has seen.
    pub(crate) fn sweep(&mut self, parent: u32) {
        // A slot that is freed wakes those who wait for one: this node too, and then it is in its turn.
        self.table.globals.call.running = parent;
        Slots::all(self.works).sweep(&mut self.table, parent);
        self.table.globals.call.running = ROOT;
    }
}

//! The crank loop: the only place from which user code is called.
//!
//! One crank walks one path from the root to a node whose own turn it is. On the way it starts nodes that have not run yet, and at its
//! end it carries the consequences upwards, level by level, without recursion: a child's end may decide its parent, whose end may decide
//! the next one. The order of hooks and state changes is that of the reference: see [`state`](crate::state).

use crate::cx::Cx;
use crate::node::{Kind, ROOT, Verdict, flag};
use crate::observe::What;
use crate::reason::{Cause, Reason};
use crate::slots::Slots;
use crate::spec::UNLIMITED;
use crate::state::State;
use crate::table::Table;
use crate::time::micros_ceil;
use crate::work::{Abort, Outcome, Work};

/// The tables, the works and the application, for one call.
pub(crate) struct Engine<'a, W, A: ?Sized> {
    pub table: Table<'a>,
    pub works: &'a mut [Option<W>],
    pub app: &'a mut A,
}

impl<W: Work<A, W>, A: ?Sized> Engine<'_, W, A> {
    /// What comes before the cranks of a poll: a panic's aftermath, and the deadlines that are due.
    pub(crate) fn prepare(&mut self) {
        self.recover();
        if self.table.root.hot.has(flag::UNSEEN) {
            self.sweep(ROOT);
        }
        self.expire();
    }

    /// Cranks so many times, or until nothing is runnable.
    ///
    /// Plain leaves at the top are cranked right here, for they are what there are many of; whatever needs more, an observer's event
    /// included, is left to [`Engine::crank_below`].
    pub(crate) fn crank_up_to(&mut self, cranks: u32) {
        // On bare metal, where flash counts for more, too.
        let detour = cfg!(target_os = "none") || self.table.sink.is_some();
        let plain_turn = if detour { flag::NEVER } else { flag::TURN };
        let mut left = cranks;
        while left > 0 {
            let Table { hot, root, .. } = &mut self.table;
            let above = &mut root.hot;
            let child = above.cursor;
            let Some(node) = hot.get(child as usize) else {
                if hot.get(above.ring as usize).is_none() {
                    break;
                }
                // The pass is over, and the next one begins.
                above.pass = above.pass.wrapping_add(1);
                above.cursor = above.ring;
                continue;
            };
            left -= 1;
            above.cursor = if node.next == above.ring { ROOT } else { node.next };
            if node.has_plain(plain_turn) {
                self.run_plain(child);
                continue;
            }
            self.table.root.running = ROOT;
            if !self.crank_below(child) {
                break;
            }
        }
        self.table.root.running = ROOT;
    }

    /// A crank of a plain leaf that nobody observes: [`Engine::run`] without its detours. Leaves the leaf marked as running.
    #[inline(always)]
    fn run_plain(&mut self, index: u32) {
        let Some((work, slots)) = Slots::around(self.works, index) else { return };
        self.table.root.counts.cranks += 1;
        self.table.root.running = index;
        let mut cx = Cx { lend: &mut self.table, slots, app: &mut *self.app };
        let outcome = work.on_run(&mut cx);
        if !matches!(outcome, Outcome::Running) || self.table.root.stirred {
            // The mark says who it was, so that nothing has to be kept across the call.
            let index = core::mem::replace(&mut self.table.root.running, ROOT);
            self.ran(index, outcome);
        }
    }

    /// A crank from a node at the top on: down to the next node whose own turn it is.
    #[inline(never)]
    fn crank_below(&mut self, top: u32) -> bool {
        let mut at = top;
        loop {
            let Some(hot) = self.table.hot.get_mut(at as usize) else { return false };
            if hot.has(flag::TURN) {
                if hot.has_plain(flag::TURN) {
                    self.run(at);
                    return true;
                }
                if hot.cursor == ROOT || !hot.kind.turn_is_last() || hot.state == State::Pending {
                    if !self.own_turn(at) {
                        return true;
                    }
                    continue;
                }
            }
            let (mut child, ring) = (hot.cursor, hot.ring);
            if child == ROOT {
                if ring == ROOT {
                    return false;
                }
                hot.pass = hot.pass.wrapping_add(1);
                child = ring;
            }
            let Some(below) = self.table.hot.get(child as usize) else { return false };
            let next = below.next;
            if let Some(hot) = self.table.hot.get_mut(at as usize) {
                hot.cursor = if next == ring { ROOT } else { next };
            }
            at = child;
        }
    }

    /// Starts a node, or gives it its own turn. True if the crank may go on from it.
    #[inline(never)]
    fn own_turn(&mut self, index: u32) -> bool {
        self.table.root.disturbed = false;
        let hot = self.table.hot_mut(index);
        if hot.state == State::Pending {
            self.start(index);
            return self.is_reachable(index);
        }
        if hot.cursor == ROOT {
            hot.pass = hot.pass.wrapping_add(1);
            hot.cursor = hot.ring;
        }
        self.turn(index) && self.is_reachable(index) && self.table.hot(index).ring != ROOT
    }

    /// Whether a crank could still come to this node: user code on the way may have paused or aborted it or a node above.
    pub(crate) fn is_reachable(&self, mut at: u32) -> bool {
        while self.table.root.disturbed && at != ROOT {
            if !self.table.hot(at).has(flag::IN_RING) {
                return false;
            }
            at = self.table.hot(at).parent;
        }
        true
    }

    // ---- user code ----

    /// Calls the work at `index`, if there is one; else gives `none`. While it runs, `running` is marked, so that a panic is laid at its door.
    #[inline]
    pub(crate) fn call_for<R>(
        &mut self,
        running: u32,
        index: u32,
        none: R,
        call: impl FnOnce(&mut W, &mut Cx<'_, W, A>) -> R,
    ) -> R {
        let Some((work, slots)) = Slots::around(self.works, index) else { return none };
        self.table.root.running = running;
        let mut cx = Cx { lend: &mut self.table, slots, app: &mut *self.app };
        let result = call(work, &mut cx);
        self.table.root.running = ROOT;
        result
    }

    /// A crank of the work at `index`.
    #[inline]
    pub(crate) fn call<R>(
        &mut self,
        index: u32,
        none: R,
        call: impl FnOnce(&mut W, &mut Cx<'_, W, A>) -> R,
    ) -> R {
        self.table.root.counts.cranks += 1;
        if self.table.sink.is_some() {
            self.table.emit_step(index, What::Cranked);
        }
        self.call_for(index, index, none, call)
    }

    /// Calls a hook of a node that is ending.
    pub(crate) fn hook(&mut self, index: u32, call: impl FnOnce(&mut W, &mut Cx<'_, W, A>)) {
        self.table.root.hook = index;
        self.call_for(index, index, (), call);
        self.table.root.hook = ROOT;
    }

    /// A node that user code left by a panic has failed, and no more of its hooks are called.
    fn recover(&mut self) {
        self.table.root.hook = ROOT;
        let index = core::mem::replace(&mut self.table.root.running, ROOT);
        if index == ROOT {
            return;
        }
        self.table.hot_mut(index).clear(flag::WOKEN | flag::DOOMED | flag::PAUSED);
        match self.table.hot(index).state {
            State::Pending => self.table.go(index, State::Running),
            State::Waiting => self.table.wake(index),
            State::Aborting => {
                self.table.force(index);
                return;
            }
            _ => {}
        }
        if self.table.hot(index).state == State::Running {
            self.blame(index, Reason::PANICKED);
            self.settle(index, Verdict::Panicked, Cause::ParentFailed);
        }
    }

    // ---- time ----

    fn expire(&mut self) {
        while let Some(index) = self.table.due() {
            self.table.root.counts.expired += 1;
            let hot = *self.table.hot(index);
            let now = self.table.root.now;
            let cold = self.table.cold_mut(index);
            let limit = cold.limit_at <= now && cold.limit_at != UNLIMITED;
            if limit {
                cold.limit_at = UNLIMITED;
            } else {
                cold.wake_at = UNLIMITED;
            }
            self.table.rearm(index);
            match hot.state {
                State::Aborting if limit => self.table.force(index),
                State::Aborting if hot.has(flag::UNTIMED) => self.table.begin_drain(index),
                State::Aborting => self.table.ask_turn(index),
                _ if limit => {
                    self.table.emit_step(index, What::TimedOut);
                    self.table.hot_mut(index).set(flag::TIMED_OUT);
                    self.table.wake(index);
                    self.table.ask_turn(index);
                }
                _ if hot.has(flag::RETRY) => self.table.retry_now(index),
                _ => self.table.wake(index),
            }
        }
    }

    // ---- start and turn ----

    fn start(&mut self, index: u32) {
        if self.table.hot(index).has(flag::STARTED) {
            self.reset_below(index);
        }
        self.call_for(index, index, (), W::on_reset);
        // One of the hooks may have aborted it.
        if self.table.hot(index).state != State::Pending {
            return;
        }
        self.table.go(index, State::Running);
        let hot = self.table.hot_mut(index);
        hot.set(flag::STARTED | flag::TURN);
        hot.clear(flag::WOKEN);
        if hot.has(flag::LIMITED) {
            let now = self.table.root.now;
            self.table.cold_mut(index).set_started_at(now);
        }
        self.table.begin_attempt(index);
    }

    /// The node's own turn. True if the crank may go on to a child of it.
    fn turn(&mut self, index: u32) -> bool {
        let hot = self.table.hot(index);
        let (kind, open) = (hot.kind, hot.has(flag::OPEN));
        if hot.state == State::Aborting {
            self.abort_turn(index);
            return false;
        }
        if hot.has(flag::SETTLING | flag::TIMED_OUT) {
            self.end_turn(index);
            return false;
        }
        match kind {
            Kind::Work => {
                // It may have had children that have ended since its last turn.
                self.table.root.stirred = true;
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

    /// The last turn of a node whose children have drained, or whose attempt has timed out.
    fn end_turn(&mut self, index: u32) {
        if self.table.hot(index).has(flag::SETTLING) {
            let verdict = self.table.cold(index).verdict;
            self.conclude(index, verdict);
        } else {
            self.blame(index, Reason::TIMEOUT);
            self.settle(index, Verdict::Failure, Cause::Timeout);
        }
    }

    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline(never))]
    fn run(&mut self, index: u32) {
        let outcome = self.call(index, Outcome::Waiting, W::on_run);
        if !matches!(outcome, Outcome::Running) || self.table.root.stirred {
            self.ran(index, outcome);
        }
    }

    /// What follows from a step that was not just one of many.
    #[inline(never)]
    fn ran(&mut self, index: u32, outcome: Outcome) {
        self.table.root.stirred = false;
        let hot = self.table.hot_mut(index);
        let (woken, unseen) = (hot.has(flag::WOKEN), hot.has(flag::UNSEEN));
        hot.clear(flag::WOKEN);
        // A work that aborted itself is not asked what it thinks of that.
        if hot.state != State::Running {
            return;
        }
        // A failed work keeps its last children, so that they can be looked at.
        let failed = matches!(outcome, Outcome::Failure(_) | Outcome::Fatal(_) | Outcome::RetryAfter(..));
        if unseen && !failed {
            self.sweep(index);
        }
        match outcome {
            Outcome::Running => {}
            Outcome::Waiting | Outcome::Sleep(_) if woken => {}
            Outcome::Waiting => self.wait(index, UNLIMITED),
            Outcome::Sleep(time) => self.wait(index, (self.table.now() + time).as_micros()),
            Outcome::Success => self.settle(index, Verdict::Success, Cause::ParentDone),
            Outcome::Failure(reason) => self.fail(index, reason, Verdict::Failure),
            Outcome::Fatal(reason) => self.fail(index, reason, Verdict::Fatal),
            Outcome::RetryAfter(delay, reason) => {
                self.table.cold_mut(index).param = micros_ceil(delay);
                self.fail(index, reason, Verdict::FailureAfter);
            }
        }
    }

    /// No turn before a wake or `until`.
    pub(crate) fn wait(&mut self, index: u32, until: u64) {
        self.table.go(index, State::Waiting);
        if until != UNLIMITED {
            self.table.cold_mut(index).wake_at = until;
            self.table.rearm(index);
        }
        self.table.hot_mut(index).clear(flag::TURN);
        self.table.refresh(index);
    }

    fn abort_turn(&mut self, index: u32) {
        if self.table.hot(index).kind != Kind::Work {
            self.conclude(index, Verdict::Aborted);
            return;
        }
        let answer = self.call(index, Abort::Done, W::on_abort);
        let hot = self.table.hot_mut(index);
        let woken = hot.has(flag::WOKEN);
        hot.clear(flag::WOKEN);
        if hot.state != State::Aborting {
            return;
        }
        let until = match answer {
            Abort::Done => {
                self.conclude(index, Verdict::Aborted);
                return;
            }
            Abort::Again => return,
            Abort::Wake | Abort::Sleep(_) if woken => return,
            Abort::Wake => UNLIMITED,
            Abort::Sleep(time) => (self.table.now() + time).as_micros(),
        };
        self.table.cold_mut(index).wake_at = until;
        self.table.rearm(index);
        self.table.hot_mut(index).clear(flag::TURN);
        self.table.refresh(index);
    }

    /// A composite's turn without user code: it may end now; if not, its queue moves up.
    pub(crate) fn attend(&mut self, index: u32) -> bool {
        if let Some((verdict, cause)) = self.decide(index) {
            self.settle(index, verdict, cause);
            return false;
        }
        self.table.fill_places(index);
        self.table.hot_mut(index).clear(flag::TURN);
        self.table.refresh(index);
        true
    }
}

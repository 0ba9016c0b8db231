//! The crank loop: the only place from which user code is called.
//!
//! One crank walks one path from the root to a node whose own turn it is. On the way it starts nodes that have not run yet, and at its
//! end it carries the consequences upwards, level by level, without recursion: a child's end may decide its parent, whose end may decide
//! the next one. The order of hooks and state changes is that of the reference: see [`state`](crate::state).

mod ending;
mod turn;

use crate::cx::Cx;
use crate::deadlines::Timer;
use crate::marks::mark;
use crate::node::{ROOT, Verdict};
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::reason::{AbortCause, Reason};
use crate::run_queue;
use crate::slots::Slots;
use crate::table::Table;
use crate::work::{Outcome, Work};

/// The tables, the works and the application, for one call.
pub(crate) struct Engine<'a, W, A: ?Sized> {
    pub table: Table<'a>,
    pub works: &'a mut [Option<W>],
    pub app: &'a mut A,
}

impl<W: Work<W, A>, A: ?Sized> Engine<'_, W, A> {
    /// What comes before the cranks of a poll: a panic's aftermath, and what has come meanwhile.
    pub(crate) fn prepare(&mut self) {
        self.hear_wakes();
        self.recover();
        self.hear_timers();
    }

    #[inline]
    fn hear_wakes(&mut self) {
        if let Some(wakes) = self.table.globals.wakes.filter(|wakes| !wakes.is_empty()) {
            wakes.drain(|index| self.table.wake(index));
        }
    }

    fn hear_timers(&mut self) {
        if self.table.hot.root_mut().has(mark::UNSEEN) {
            self.sweep(ROOT);
        }
        while cfg!(small) || self.table.is_timer_due() {
            let Some((index, timer)) = self.table.ring_next() else { break };
            self.table.globals.totals.expired += 1;
            self.expire(index, timer);
        }
    }

    // ---- cranks ----

    /// Cranks up to `cranks` times, until nothing is runnable, or until `end`; hears wakes and deadlines in between.
    ///
    /// The clock is looked at after each crank if cranks take long, after 64 if they do not: so often that the looks are a small part of the time.
    pub(crate) fn crank_until(&mut self, cranks: u32, end: u64) {
        const LONGEST_SLICE: u32 = 64;
        let mut left = cranks;
        let mut before = self.table.globals.now;
        loop {
            let slice = self.table.globals.slice.min(left);
            let made = slice - self.crank_up_to(slice);
            left -= made;
            let now = self.table.ask_time();
            if left == 0 || made < slice || now >= end {
                return;
            }
            // An eighth of the time that is left, or less, for each slice.
            let took = now - before;
            self.table.globals.slice =
                if took <= (end - now) / 8 { (slice * 2).min(LONGEST_SLICE) } else { (slice / 2).max(1) };
            before = now;
            self.hear_wakes();
            self.hear_timers();
        }
    }

    /// Cranks up to `cranks` times, or until nothing is runnable; says how many cranks are left.
    ///
    /// Plain leaves at the top are cranked by a loop of their own, for they are what there are many of; whatever needs more, an observer's event
    /// included, is left to [`Engine::crank_below_top`].
    pub(crate) fn crank_up_to(&mut self, cranks: u32) -> u32 {
        // Where code has to be small, not.
        let detour = cfg!(small) || self.table.sink.is_some();
        let plain_turn = if detour { mark::NEVER } else { mark::TURN };
        let mut left = cranks;
        while left > 0 {
            let ring = self.table.hot.root_mut().ring;
            let leaf = ring.cursor();
            let next =
                run_queue::advance_at_top_if(&mut self.table.hot, leaf, |hot| hot.has_plain(plain_turn));
            if let Some(next) = next {
                left = self.crank_plain_leaves(leaf, next, left);
            } else if ring.is_empty() || !self.crank_below_top() {
                break;
            } else {
                left -= 1;
            }
        }
        left
    }

    /// Cranks a plain leaf at the top, whose turn has been taken, and then the `next` and all that follow, as long as they are plain. How many of the
    /// `left` cranks are left then.
    #[inline(always)]
    fn crank_plain_leaves(&mut self, mut leaf: u32, mut next: u32, left: u32) -> u32 {
        let mut run = PlainRun { left, first: left, engine: self };
        loop {
            run.left -= 1;
            run.engine.run_plain(leaf);
            if run.left == 0 {
                break;
            }
            let hot = &mut run.engine.table.hot;
            let after = run_queue::advance_at_top_if(hot, next, |hot| hot.has_plain(mark::TURN));
            let Some(after) = after else { break };
            leaf = core::mem::replace(&mut next, after);
        }
        run.engine.table.globals.call.running = ROOT;
        run.left
    }

    /// A crank of a plain leaf that nobody observes: [`Engine::run`] without its detours. Leaves the leaf marked as running, and is not counted.
    #[inline(always)]
    fn run_plain(&mut self, index: u32) {
        let Some((work, slots)) = Slots::around(self.works, index) else { return };
        self.table.globals.call.running = index;
        let mut cx = Cx { lend: &mut self.table, slots, app: &mut *self.app };
        let outcome = work.on_run(&mut cx);
        if !matches!(outcome, Outcome::Running) || self.table.globals.call.stirred {
            // The mark says who it was, so that nothing has to be kept across the call.
            let index = core::mem::replace(&mut self.table.globals.call.running, ROOT);
            self.ran(index, outcome);
        }
    }

    /// A crank: from the top down to the next node whose own turn it is. False if nothing is runnable.
    #[inline(never)]
    fn crank_below_top(&mut self) -> bool {
        let mut at = ROOT;
        loop {
            let hot = &mut self.table.hot.local();
            loop {
                let Some(child) = run_queue::advance(hot, at) else { return false };
                at = child;
                if hot[at].has_own_turn() {
                    break;
                }
            }
            while self.table.hot[at].has_own_turn() {
                if self.table.hot[at].has_plain(mark::TURN) {
                    self.run(at);
                    return true;
                }
                if !self.own_turn(at) {
                    return true;
                }
            }
        }
    }

    /// Whether a crank could still come to this node: user code on the way may have paused or aborted it or a node above.
    pub(crate) fn is_reachable(&self, mut at: u32) -> bool {
        while self.table.globals.call.disturbed && at != ROOT {
            if !self.table.hot[at].has(mark::IN_RING) {
                return false;
            }
            at = self.table.hot[at].parent;
        }
        true
    }

    // ---- user code ----

    /// Calls the work at `index`, if there is one; else gives `none`. While it runs, `running` is marked, so that a panic is laid at its door.
    #[inline]
    pub(crate) fn call_work<R>(
        &mut self,
        index: u32,
        none: R,
        call: impl FnOnce(&mut W, &mut Cx<'_, W, A>) -> R,
    ) -> R {
        let Some((work, slots)) = Slots::around(self.works, index) else { return none };
        self.table.globals.call.running = index;
        let mut cx = Cx { lend: &mut self.table, slots, app: &mut *self.app };
        let result = call(work, &mut cx);
        self.table.globals.call.running = ROOT;
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
        self.table.globals.totals.cranks += 1;
        if self.table.sink.is_some() {
            self.table.emit_step(index, EventKind::Cranked);
        }
        self.call_work(index, none, call)
    }

    /// Whether a batch's generator can begin again.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn rewinds(&mut self, index: u32) -> bool {
        let Some(Some(work)) = self.works.get(index as usize) else { return true };
        self.table.globals.call.running = index;
        let rewinds = work.rewinds();
        self.table.globals.call.running = ROOT;
        rewinds
    }

    /// Calls a hook of a node that is ending.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn hook(&mut self, index: u32, call: impl FnOnce(&mut W, &mut Cx<'_, W, A>)) {
        self.table.globals.call.hook = index;
        self.call_work(index, (), call);
        self.table.globals.call.hook = ROOT;
    }

    /// A node that user code left by a panic has failed, and no more of its hooks are called.
    fn recover(&mut self) {
        let call = &mut self.table.globals.call;
        call.dropping = false;
        let index = call.running;
        if index == ROOT {
            return;
        }
        (call.running, call.hook) = (ROOT, ROOT);
        self.table.hot[index].clear(mark::WOKEN | mark::DOOMED | mark::PAUSED);
        match self.table.hot[index].phase {
            Phase::Pending => self.table.go(index, Phase::Running),
            Phase::Waiting | Phase::Sleeping => self.table.wake_up(index),
            Phase::Aborting => {
                self.table.force(index);
                return;
            }
            _ => {}
        }
        if matches!(self.table.hot[index].phase, Phase::Running | Phase::TimedOut | Phase::Settling) {
            self.blame(index, Reason::PANICKED);
            self.settle(index, Verdict::Panicked, AbortCause::ParentFailed);
        }
    }

    // ---- time ----

    fn expire(&mut self, index: u32, timer: Timer) {
        match timer {
            Timer::Wake => self.table.wake_up(index),
            Timer::Retry => self.table.retry_now(index),
            // What has come in time counts, though nobody has looked yet.
            Timer::AttemptLimit if self.table.hot[index].has(mark::FRESH) => {
                self.table.hot[index].set(mark::LATE);
            }
            Timer::AttemptLimit => {
                self.table.time_out(index);
                self.table.ask_turn(index);
            }
            Timer::CleanUp => self.table.ask_turn(index),
            Timer::DrainBegin => self.table.begin_drain(index),
            Timer::DrainLimit if self.table.hot[index].phase == Phase::Settling => {
                self.table.force_children(index);
            }
            Timer::DrainLimit => self.table.force(index),
        }
    }
}

/// Cranks of plain leaves, counted together when there are no more, or by the panic that ends them.
struct PlainRun<'e, 'a, W, A: ?Sized> {
    /// Cranks that are left, and that were at first.
    left: u32,
    first: u32,
    engine: &'e mut Engine<'a, W, A>,
}

impl<W, A: ?Sized> Drop for PlainRun<'_, '_, W, A> {
    #[inline]
    fn drop(&mut self) {
        self.engine.table.globals.totals.cranks += u64::from(self.first - self.left);
    }
}

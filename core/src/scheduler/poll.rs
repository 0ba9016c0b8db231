//! The poll: wakes, deadlines, cranks, and when the next one is due.
//!
//! The invariant: what a poll answers is what [`Scheduler::next`] says, and costs no look at a node that has nothing to do.

use core::cell::RefCell;

use super::Scheduler;
use crate::engine::Engine;
use crate::id::NodeId;
use crate::marks::mark;
use crate::next::Next;
use crate::node::ROOT;
use crate::observe::Observer;
use crate::store::Store;
use crate::time::{Clock, Instant, Tell, UNLIMITED};
use crate::work::Work;

/// Polling.
impl<S: Store, O: Observer> Scheduler<S, O> {
    /// Takes wakes and expired deadlines, then cranks what is runnable, within the budget. `now` is the time, or a [`Clock`], which is asked again where
    /// time counts: where a wait, a sleep, a retry delay or a limit begins, and, with a [time budget](Scheduler::set_time_budget), between cranks. It must
    /// not be earlier than before; if it is, the latest time counts.
    ///
    /// Cost: O(1) when there is nothing to do, however many nodes wait; else the wakes, the deadlines (O(log n) each) and at most `budget`
    /// cranks, each of the depth of the tree. Not for interrupts.
    pub fn poll_work(&mut self, now: impl Clock) -> Next
    where
        S::Work: Work,
    {
        self.turn(&RefCell::new(now), &mut (), u32::MAX)
    }

    /// As [`Scheduler::poll_work`], for works that reach the application through [`Cx::app`](crate::Cx::app).
    pub fn poll_work_with<A: ?Sized>(&mut self, now: impl Clock, app: &mut A) -> Next
    where
        S::Work: Work<S::Work, A>,
    {
        self.turn(&RefCell::new(now), app, u32::MAX)
    }

    /// As [`Scheduler::poll_work`], but with one crank at most.
    pub fn crank(&mut self, now: impl Clock) -> Next
    where
        S::Work: Work,
    {
        self.turn(&RefCell::new(now), &mut (), 1)
    }

    /// As [`Scheduler::poll_work_with`], but with one crank at most.
    pub fn crank_with<A: ?Sized>(&mut self, now: impl Clock, app: &mut A) -> Next
    where
        S::Work: Work<S::Work, A>,
    {
        self.turn(&RefCell::new(now), app, 1)
    }

    /// Polls on virtual time, which jumps to each deadline: until nothing is left to do before `end`, or everything waits for a wake. Says when that
    /// was. For tests and first steps; it does not come back from a work that always wants to run.
    pub fn fast_forward(&mut self, start: Instant, end: Instant) -> Instant
    where
        S::Work: Work,
    {
        self.fast_forward_with(start, end, &mut ())
    }

    /// As [`Scheduler::fast_forward`], for works that reach the application.
    pub fn fast_forward_with<A: ?Sized>(&mut self, start: Instant, end: Instant, app: &mut A) -> Instant
    where
        S::Work: Work<S::Work, A>,
    {
        let mut now = start;
        loop {
            match self.poll_work_with(now, app) {
                Next::Now => {}
                Next::At(at) if at <= end => now = at,
                Next::At(_) | Next::OnWake | Next::Done => return now,
            }
        }
    }

    fn turn<A: ?Sized>(&mut self, clock: &dyn Tell, app: &mut A, cranks: u32) -> Next
    where
        S::Work: Work<S::Work, A>,
    {
        let now = clock.tell();
        // Without a table: to put one together costs more than all else in an idle poll. Where code has to be small, not.
        if cfg!(not(small)) && self.is_idle_at(now) {
            return self.next();
        }
        self.busy_turn(now, clock, app, cranks)
    }

    #[cfg_attr(not(small), inline(never))]
    fn busy_turn<A: ?Sized>(&mut self, now: Instant, clock: &dyn Tell, app: &mut A, cranks: u32) -> Next
    where
        S::Work: Work<S::Work, A>,
    {
        let (mut table, works) = self.parts();
        table.globals.now = table.globals.now.max(now.as_micros());
        table.clock = Some(clock);
        let (cranks, limit) = (cranks.min(table.globals.budget), table.globals.time_budget);
        let mut engine = Engine { table, works, app };
        engine.prepare();
        if limit == UNLIMITED {
            engine.crank_up_to(cranks);
        } else {
            engine.crank_until(cranks, now.as_micros().saturating_add(limit));
        }
        self.next()
    }

    /// When the scheduler wants to be polled next, without polling it. O(1). Ask again after anything that may have changed it: a wake, an
    /// addition, an abort.
    pub fn next(&self) -> Next {
        // One that has not begun has no nodes.
        if self.root.cold.live == 0 {
            return Next::Done;
        }
        if !self.root.hot.ring.is_empty() || self.root.globals.call.running != ROOT || self.has_wakes() {
            return Next::Now;
        }
        match self.first_timer().map(|(at, _)| at) {
            Some(at) if at <= self.root.globals.now => Next::Now,
            Some(at) => Next::At(Instant::from_micros(at)),
            None => Next::OnWake,
        }
    }

    /// Goes on to `now`; says whether there is nothing to do then.
    fn is_idle_at(&mut self, now: Instant) -> bool {
        self.root.globals.now = self.root.globals.now.max(now.as_micros());
        // What is most often so comes first. With no node left, `next` asks for nothing more, and still there may be something to tidy up.
        let (hot, call) = (&self.root.hot, &self.root.globals.call);
        let tidy = hot.ring.is_empty() && !self.has_wakes() && !hot.has(mark::UNSEEN) && call.running == ROOT;
        tidy && self.next() != Next::Now
    }

    fn has_wakes(&self) -> bool {
        self.root.globals.wakes.is_some_and(|wakes| !wakes.is_empty())
    }

    /// The node whose work a panic has left (or the drop of a work below it), if one has left the last poll: the next poll fails it.
    #[must_use]
    pub fn interrupted(&self) -> Option<NodeId> {
        let running = self.view().globals.call.running;
        (running != ROOT).then(|| self.view().id(running))
    }

    /// Whether the panic that has left the last poll was of the drop of a work. Its node has ended, and was freed before. If somebody above it was
    /// [interrupted](Scheduler::interrupted) by that, the next poll fails it; if not, the next poll goes on with what is left.
    #[must_use]
    pub const fn was_dropping(&self) -> bool {
        self.root.globals.call.dropping
    }

    /// The node with the earliest deadline, and that deadline: who asked for [`Next::At`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, NodeId)> {
        let (at, index) = self.first_timer()?;
        Some((Instant::from_micros(at), self.view().id(index)))
    }

    fn first_timer(&self) -> Option<(u64, u32)> {
        self.root.globals.timers.first(self.store.nodes().alarms)
    }
}

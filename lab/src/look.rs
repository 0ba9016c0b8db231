//! What is looked at: by every oracle after each step, by people at any time.
//!
//! The invariant: looking changes nothing, but for the idle poll and the stale ids, which must not change anything either and are looked at for that.

use core::fmt;

use windlass::{Error, EventKind, Instant, Metrics, Next, NodeId, State, Transition, View, Work};

use crate::hash::Trail;
use crate::log::Log;
use crate::oracle::{Oracle, Violation, ensure};
use crate::order::Outside;
use crate::run::{Condition, Lab};
use crate::watch::Facts;

/// How many ids of nodes that are gone are tried after each step.
const STALE: usize = 8;

/// Oracles.
impl<W, A> Lab<W, A>
where
    W: Work<W, A>,
    A: Outside,
{
    /// The end of a step: the script's wakes, an idle poll if there is nothing to do, and every oracle.
    pub(crate) fn close(&mut self, panicked: Option<NodeId>) {
        for node in core::mem::take(&mut self.world.wakes) {
            // A node that ended in this very step is not woken.
            let _ = self.s.wake(node);
        }
        let idle = self.poll_idle();
        let looked = self.look(panicked).and(idle);
        self.s.observer_mut().mark();
        self.failed = self.failed.or(looked.err());
    }

    pub(crate) fn poll_idle(&mut self) -> Result<(), Violation> {
        let next = self.next();
        if next == Next::Now { Ok(()) } else { self.poll_for_nothing(next) }
    }

    /// A poll that has nothing to do before `next`.
    pub(crate) fn poll_for_nothing(&mut self, next: Next) -> Result<(), Violation> {
        let (cranks, before) = (self.s.metrics().cranks, self.trail().events().len());
        let after = self.s.crank_with(self.now, &mut self.world);
        let events = self.trail().events().get(before..).unwrap_or_default();
        // What is detached may be freed.
        let quiet = events.iter().all(|event| event.kind == EventKind::Freed);
        let same = after == next && quiet && self.s.metrics().cranks == cranks;
        ensure(same, Oracle::IdlePoll, None, "a poll with nothing to do did something")
    }

    fn look(&mut self, panicked: Option<NodeId>) -> Result<(), Violation> {
        self.show_watch(panicked)?;
        if panicked.is_none() {
            self.watch.step_is_over()?;
        }
        self.s.check_invariants()?;
        let view = self.s.view();
        self.watch.count(self.s.metrics().nodes)?;
        look_for_wakers(view, self.next())?;
        self.try_stale_ids()?;
        self.ask(&self.always)?;
        let steps = self.trail().steps();
        ensure(steps < self.limit, Oracle::Ends, None, "there is no end in sight")
    }

    pub(crate) fn try_stale_ids(&mut self) -> Result<(), Violation> {
        for stale in &self.stale {
            let refused =
                self.s.view().node(*stale).is_err() && self.s.wake(*stale) == Err(Error::UnknownNode);
            ensure(refused, Oracle::StaleId, *stale, "the node is gone and its id was taken")?;
        }
        Ok(())
    }

    /// Shows the oracles over events what has happened since they looked.
    fn show_watch(&mut self, panicked: Option<NodeId>) -> Result<(), Violation> {
        let view = self.s.view();
        if let Some(node) = panicked {
            self.watch.panicked(node);
        }
        for (node, delay) in self.world.asked.drain(..) {
            self.watch.asked(node, delay);
        }
        for node in self.world.yes.drain(..) {
            self.watch.said_yes(node);
        }
        let events = self.s.observer().events().get(self.seen..).unwrap_or_default();
        self.seen += events.len();
        for event in events {
            let tells = match event.kind {
                EventKind::Added(_) => true,
                EventKind::Moved(Transition { from, .. }) => from == State::Pending,
                _ => false,
            };
            if let (true, Ok(node)) = (tells, view.node(event.node)) {
                let mut facts = Facts::of(&node);
                // What was paused since was not paused when it was added.
                let paused = events.iter().find_map(|other| match other.kind {
                    EventKind::Paused(paused) if other.node == event.node => Some(!paused),
                    _ => None,
                });
                facts.paused = paused.unwrap_or(facts.paused);
                self.watch.learn(event.node, facts);
            }
            if event.kind == EventKind::Freed {
                self.stale.push(event.node);
            }
        }
        let old = self.stale.len().saturating_sub(STALE);
        self.stale.drain(..old);
        events.iter().try_for_each(|event| self.watch.event(event))
    }

    pub(crate) fn look_at_end(&self) -> Result<(), Violation> {
        if self.next() == Next::Done {
            let quiet = self.s.next_deadline().is_none();
            ensure(quiet, Oracle::EndedIsQuiet, None, "all has ended, and there is a deadline left")?;
        }
        self.ask(&self.at_end)
    }

    fn ask(&self, conditions: &[Condition<W, A>]) -> Result<(), Violation> {
        let broken = conditions.iter().find(|(_, holds)| !holds(self));
        broken.map_or(Ok(()), |(name, _)| Err(Violation::new(Oracle::Own, None, name)))
    }
}

/// A scheduler that waits for a wake waits for somebody who can be named.
fn look_for_wakers(view: View<'_>, next: Next) -> Result<(), Violation> {
    if next != Next::OnWake {
        return Ok(());
    }
    let named = view.nodes().any(|node| {
        let gate = node.kind().is_gate() && node.state() == State::Waiting;
        gate || node.is_paused() || node.has_wake_handle()
    });
    let named = named || view.stalled().next().is_some();
    ensure(named, Oracle::WakeSource, None, "all wait for a wake, and no node is stalled or paused")
}

/// Looking.
impl<W, A> Lab<W, A> {
    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The application.
    #[must_use]
    pub const fn app(&self) -> &A {
        &self.world.app
    }

    /// The application, to prepare it.
    pub const fn app_mut(&mut self) -> &mut A {
        &mut self.world.app
    }

    /// Everything there is to see of the scheduler.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        self.s.view()
    }

    /// As [`Scheduler::state`](windlass::Scheduler::state).
    ///
    /// # Errors
    /// As there.
    pub fn state(&self, node: NodeId) -> Result<State, Error> {
        self.s.state(node)
    }

    /// As [`Scheduler::work`](windlass::Scheduler::work).
    ///
    /// # Errors
    /// As there.
    pub fn work(&self, node: NodeId) -> Result<Option<&W>, Error> {
        Ok(self.s.work(node)?.map(|guest| &guest.work))
    }

    /// As [`Scheduler::metrics`](windlass::Scheduler::metrics).
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.s.metrics()
    }

    /// As [`Scheduler::tree`](windlass::Scheduler::tree).
    pub fn tree(&self) -> impl fmt::Display {
        self.s.tree(self.now)
    }

    /// As [`Scheduler::next`](windlass::Scheduler::next), at the virtual time.
    pub fn next(&self) -> Next {
        match self.s.next() {
            Next::At(at) if at <= self.now => Next::Now,
            next => next,
        }
    }

    /// The inputs so far.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The events so far, and their hash after each step.
    #[must_use]
    pub const fn trail(&self) -> &Trail {
        self.s.observer()
    }
}

impl<W, A> fmt::Debug for Lab<W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("now", &self.now)
            .field("next", &self.s.next())
            .field("steps", &self.trail().steps())
            .field("nodes", &self.view())
            .finish_non_exhaustive()
    }
}

//! What a pool reports, and to whom: the events, their order, and what the audit answers.
//!
//! The invariant: *an event is reported by the thread that makes it true*, through a [`Probe`] of that thread's own.
//! This file judges nothing; the layers do.

use crate::sync::{AtomicU64, Ordering};

use super::{Layout, Report, Settings};

/// A layer of the audit: makes the probes of one pool, and sums up what they saw.
pub trait Audit: Clone + Send + Sync + 'static {
    /// What is stored beside each queue element: `()` for layers that need nothing.
    type Tag: Tag;
    /// What one thread reports to.
    type Probe: Probe<Tag = Self::Tag>;

    /// An audit of a pool of this layout.
    fn new(layout: &Layout, settings: &Settings) -> Self;

    /// The probe of a worker, or of a producer outside the pool. Two threads must not share one.
    ///
    /// A worker that the layout does not have is counted as a stranger and owns nothing. A worker's next probe takes
    /// over what its last knew, if that was dropped; if not, the order in its queues is no longer judged.
    fn probe(&self, seat: Seat) -> Self::Probe;

    /// Looks at everything, and says what is wrong.
    fn report(&self, moment: Moment) -> Report;

    /// Forgets all counts and violations. The states of ids, which are facts about the pool, stay.
    fn reset(&self);

    /// How many slots of ids it can tell apart; none if it does not care.
    fn slots(&self) -> Option<usize> {
        None
    }
}

/// Takes the reports of one thread.
///
/// Ids: the low 32 bits are the slot in the pool's table, the high 32 bits its generation.
///
/// # The order
///
/// | event | when |
/// | --- | --- |
/// | [`enqueue`](Self::enqueue) | *before* the push is visible to others: a thief may take it, and report that, before the push returns |
/// | [`rejected`](Self::rejected) | after a push that found the queue full |
/// | [`popped`](Self::popped) | after the owner's pop, whatever it found |
/// | [`steal_begin`](Self::steal_begin) | *before* the first load of the steal: what was stolen by others until then is older |
/// | [`stolen`](Self::stolen), [`steal_missed`](Self::steal_missed) | after the steal. A thief does not know what it will get before the claim has succeeded, and another thread cannot report the id before this one has started it |
/// | [`moved`](Self::moved) | after this thread took an id (popped or stolen), *before* it is visible in another queue |
/// | [`started`](Self::started) | before the task is called |
/// | [`finished`](Self::finished) | after the task has returned or panicked, *before* the id is queued again and before anybody who waits for it is told |
/// | [`finished_for_good`](Self::finished_for_good) | instead of `finished` and, at once, `retired` |
/// | [`finished_again`](Self::finished_again) | instead of `finished` and, at once, `enqueue` |
/// | [`waked`](Self::waked) | before a wake of an id that may be running is noted by the pool |
/// | [`released`](Self::released) | instead of `started`, if an id that was taken will not run |
/// | [`retired`](Self::retired) | before the slot may be given to another id |
/// | [`safe_point`](Self::safe_point) | between two tasks, never inside a steal |
pub trait Probe: Send {
    /// As [`Audit::Tag`].
    type Tag: Tag;
    /// What an attempt to steal remembers from its beginning.
    type Ticket;

    /// The id will be pushed into the queue; the tag goes beside it.
    fn enqueue(&mut self, id: u64, queue: QueueId) -> Self::Tag;
    /// The queue was full: the id is not in it, and nobody's.
    fn rejected(&mut self, id: u64, queue: QueueId, tag: Self::Tag);
    /// The queue's owner popped this, or was told that there is nothing. A pop that could not look (a lock that was
    /// taken) is not reported.
    fn popped(&mut self, queue: QueueId, found: Option<(u64, Self::Tag)>) -> Verdict;
    /// An attempt to take from a queue of somebody else's, or of everybody's, begins.
    fn steal_begin(&mut self, victim: QueueId) -> Self::Ticket;
    /// The steal got this element.
    fn stolen(&mut self, ticket: Self::Ticket, id: u64, tag: Self::Tag) -> Verdict;
    /// It got this, and the same claim has more. The attempt goes on: it ends with [`stolen`](Self::stolen) for the
    /// last element, or with [`steal_missed`](Self::steal_missed), which then counts nothing. A batch is reported
    /// oldest element first. A layer that does not care for single elements need not override it.
    fn stolen_part(&mut self, ticket: &mut Self::Ticket, id: u64, tag: Self::Tag) -> Verdict {
        let _ = (ticket, id, tag);
        Verdict::Run
    }
    /// The steal got nothing.
    fn steal_missed(&mut self, ticket: Self::Ticket, why: Missed);
    /// This thread holds the id and will push it into another queue: the rest of a batch, or what was displaced. It is
    /// no new activation.
    fn moved(&mut self, id: u64, to: QueueId) -> Self::Tag;
    /// The task is about to be called. If the pool keeps a state of its own for wakes, it says "running" *before* this
    /// is reported: otherwise a wake that the pool takes for served is expected once more.
    fn started(&mut self, id: u64) -> Verdict;
    /// The task has returned.
    fn finished(&mut self, id: u64, end: Finish);
    /// The task has returned, and its id is no longer used: as [`finished`](Self::finished) and then
    /// [`retired`](Self::retired), with nothing in between. A layer overrides it if it can do both at once for less.
    #[inline]
    fn finished_for_good(&mut self, id: u64, end: Finish) {
        self.finished(id, end);
        self.retired(id);
    }
    /// The task has returned and wants to run again, and its id will be pushed into the queue: as
    /// [`finished`](Self::finished) with [`Finish::Pending`] and then [`enqueue`](Self::enqueue), with nothing in
    /// between. A layer overrides it if it can do both at once for less.
    #[inline]
    fn finished_again(&mut self, id: u64, queue: QueueId) -> Self::Tag {
        self.finished(id, Finish::Pending);
        self.enqueue(id, queue)
    }
    /// Somebody asks for another activation. If the id is running, one must follow; otherwise this does nothing.
    /// Reported *before* the pool notes the wake: afterwards the activation that serves it may already run.
    fn waked(&mut self, id: u64);
    /// The id was taken and will not run: its activation is over.
    fn released(&mut self, id: u64);
    /// The id is no longer used; its slot may get another generation.
    fn retired(&mut self, id: u64);
    /// This thread is between two tasks.
    fn safe_point(&mut self);

    /// A guard for an attempt to steal; if it is dropped, the attempt counts as missed.
    fn attempt(&mut self, victim: QueueId) -> Attempt<'_, Self>
    where
        Self: Sized,
    {
        let ticket = self.steal_begin(victim);
        Attempt { probe: self, ticket: Some(ticket) }
    }
}

/// An attempt to steal that is under way.
#[must_use = "dropped, the attempt counts as missed"]
#[derive(Debug)]
pub struct Attempt<'a, P: Probe> {
    probe: &'a mut P,
    ticket: Option<P::Ticket>,
}

impl<P: Probe> Attempt<'_, P> {
    /// It got this.
    pub fn got(mut self, id: u64, tag: P::Tag) -> Verdict {
        match self.ticket.take() {
            Some(ticket) => self.probe.stolen(ticket, id, tag),
            None => Verdict::Run,
        }
    }

    /// It got this, and the same claim has more: see [`Probe::stolen_part`].
    pub fn part(&mut self, id: u64, tag: P::Tag) -> Verdict {
        match &mut self.ticket {
            Some(ticket) => self.probe.stolen_part(ticket, id, tag),
            None => Verdict::Run,
        }
    }

    /// It got nothing, or nothing more.
    pub fn missed(mut self, why: Missed) {
        if let Some(ticket) = self.ticket.take() {
            self.probe.steal_missed(ticket, why);
        }
    }
}

impl<P: Probe> Drop for Attempt<'_, P> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.probe.steal_missed(ticket, Missed::Dropped);
        }
    }
}

/// What the audit says of an id that was taken.
#[must_use = "in enforce mode, what is refused must not run"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Run it.
    Run,
    /// Do not run it: it is somebody else's. Only in [`Mode::Enforce`](super::Mode::Enforce).
    Refuse,
}

/// Why a steal got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missed {
    /// The queue was empty.
    Empty,
    /// Somebody else was faster.
    Contended,
    /// The attempt was given up, or its thread panicked.
    Dropped,
}

/// How an activation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finish {
    /// The task is over.
    Done,
    /// It wants to be run again, now or after a wake.
    Pending,
    /// It panicked.
    Panicked,
}

/// Whose probe it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seat {
    /// The worker with this number, from 0.
    Worker(u16),
    /// A producer or canceller outside the pool, with a number of its own, from 0.
    Outside(u16),
}

/// A queue of the pool, by its place in [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(pub u16);

/// Whether the pool stands still while it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Workers go on: what is queued, held or running is under way.
    Live,
    /// No worker holds an id, and none will take one until something new is submitted. The caller must be sure of it:
    /// whatever is still queued is reported as lost.
    Quiescent,
}

/// What is stored beside an id in a queue.
pub trait Tag: Copy + Default + Send + Sync + 'static {
    /// Where it is stored, shared with thieves.
    type Cell: Default + Send + Sync + 'static;
    /// Reads it. May be torn from its id; the claim of the element decides whether both are valid.
    fn load(cell: &Self::Cell) -> Self;
    /// Writes it.
    fn store(self, cell: &Self::Cell);
}

impl Tag for () {
    type Cell = ();
    #[inline]
    fn load((): &()) {}
    #[inline]
    fn store(self, (): &()) {}
}

impl Tag for u64 {
    type Cell = AtomicU64;
    #[inline]
    fn load(cell: &AtomicU64) -> Self {
        cell.load(Ordering::Relaxed)
    }
    #[inline]
    fn store(self, cell: &AtomicU64) {
        cell.store(self, Ordering::Relaxed);
    }
}

impl<A: Tag, B: Tag> Tag for (A, B) {
    type Cell = (A::Cell, B::Cell);
    #[inline]
    fn load(cell: &Self::Cell) -> Self {
        (A::load(&cell.0), B::load(&cell.1))
    }
    #[inline]
    fn store(self, cell: &Self::Cell) {
        self.0.store(&cell.0);
        self.1.store(&cell.1);
    }
}

//! One worker's side of the pool: what it takes next, and where it puts what is new.
//!
//! The invariant: *each id that it takes is handed out once, or put where others find it*. Everything here is called
//! by the worker's own thread alone; the type is not `Sync`.
//!
//! | where from | when | which |
//! | --- | --- | --- |
//! | the own slot | first, 16 times in a row at most | the one that was put there |
//! | the own deque | then; the oldest instead of the newest after a task that wants to run again | newest |
//! | the injector | when these are empty, and every 64th time before them | oldest, a batch |
//! | another's deque | when all of that is empty, from a random one on | oldest, up to half |
//! | another's slot | when its deque is empty, too | |
//!
//! A thief runs the oldest of what it stole and puts the rest into its own deque, so that it takes the newest of them
//! next, and others the oldest.
//!
//! This file knows ids, not tasks.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use super::deque::{Deque, Ring, Steal};
use super::hub::{Hub, Lane, NOTHING, Options};
use crate::audit::{Audit, Finish, Missed, Off, Probe, Seat, Verdict};
use crate::sync::{Ordering, thread};

/// A worker of a pool, for the tasks that it runs.
pub struct Worker<A: Audit = Off, D = Ring<<A as Audit>::Tag>> {
    hub: Arc<Hub<A, D>>,
    /// Its own in the hub.
    lane: Arc<Lane<A, D>>,
    number: usize,
    probe: RefCell<A::Probe>,
    /// Takes so far.
    ticks: Cell<u32>,
    /// Takes from the slot in a row.
    streak: Cell<u32>,
    /// The next take is of the oldest.
    oldest: Cell<bool>,
    random: Cell<u64>,
}

/// Every so many takes, the injector and the oldest come first, so that no one waits for ever.
const FAIR: u32 = 64;
/// So many takes from the slot in a row.
const STREAK: u32 = 16;
/// How often an idle worker looks everywhere before it sleeps; in between it lets others run. To be put to sleep and
/// woken costs more than that. Once in a model, which tries every order anyway.
const ROUNDS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 20 };

impl<A: Audit, D: Deque<A::Tag>> Worker<A, D> {
    /// The worker `number` of the pool. It must be the only one.
    pub(crate) fn new(hub: Arc<Hub<A, D>>, number: usize) -> Self {
        let probe = RefCell::new(hub.audit().probe(Seat::Worker(number as u16)));
        // Any numbers do that differ and are not zero.
        let random = Cell::new((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let lane = Arc::clone(&hub.lanes[number]);
        Self {
            hub,
            lane,
            number,
            probe,
            ticks: Cell::new(0),
            streak: Cell::new(0),
            oldest: Cell::new(false),
            random,
        }
    }

    /// Which worker it is, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Puts an id into the worker's own deque: it is the next that this worker takes, if nobody steals it.
    ///
    /// If the deque is full, its older half goes to the injector together with the id.
    ///
    /// The id must not be in any queue, nor run.
    pub fn put(&self, id: u64) {
        let lane = self.lane();
        let probe = &mut *self.probe.borrow_mut();
        let tag = probe.enqueue(id, lane.deque_id);
        self.push(id, tag, probe);
        self.added();
    }

    /// As [`Worker::put`], before everything else: for an id that goes on with what the running task has made ready.
    ///
    /// An id that was put there before, and not taken, goes to the deque.
    pub fn put_next(&self, id: u64) {
        let lane = self.lane();
        let probe = &mut *self.probe.borrow_mut();
        if let Some(older) = self.own_slot(probe) {
            self.push_moved(older, probe);
        }
        let tag = probe.enqueue(id, lane.slot_id);
        lane.slot.put(id, tag);
        self.added();
    }

    /// Puts an id at the end of the line of everybody.
    pub fn put_last(&self, id: u64) {
        self.hub.injector.put_displaced(&[], id, &mut self.probe.borrow_mut());
        self.added();
    }

    fn added(&self) {
        // A lone worker has nobody to wake.
        if self.hub.lanes.len() > 1 {
            // If the pool is closed, this worker drains it when it ends.
            let _ = self.hub.idle.added();
        }
    }

    fn lane(&self) -> &Lane<A, D> {
        &self.lane
    }

    /// Moves the older half of the full deque, and then `id`, to the injector.
    #[cold]
    fn overflow(&self, id: u64, probe: &mut A::Probe) {
        let lane = self.lane();
        let mut displaced = [0; Options::BATCH];
        let most = (lane.deque.capacity() / 2).min(Options::BATCH);
        let count = self.steal_from(lane, &mut displaced[..most], probe);
        self.hub.injector.put_displaced(&displaced[..count], id, probe);
    }

    /// Puts an id that this worker holds into its deque.
    fn push_moved(&self, id: u64, probe: &mut A::Probe) {
        let lane = self.lane();
        let tag = probe.moved(id, lane.deque_id);
        self.push(id, tag, probe);
    }

    /// Pushes an id into the deque, for which the audit has given this tag.
    #[inline(always)]
    fn push(&self, id: u64, tag: A::Tag, probe: &mut A::Probe) {
        let lane = self.lane();
        if lane.deque.push(id, tag).is_err() {
            probe.rejected(id, lane.deque_id, tag);
            self.overflow(id, probe);
        }
    }

    /// Takes the next id, from wherever there is one; none if there seems to be nothing. Never blocks.
    pub(crate) fn next(&self) -> Option<u64> {
        let probe = &mut *self.probe.borrow_mut();
        self.next_own(probe).or_else(|| self.next_of_others(probe))
    }

    /// Takes the next id. Sleeps while there is none, at most for `limit`. None if there was none until then, the
    /// worker was notified, or the pool is closed.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> Option<u64> {
        let hub = &*self.hub;
        let take = || {
            for round in 0..ROUNDS {
                if round > 0 {
                    thread::yield_now();
                }
                let taken = self.next();
                if taken.is_some() {
                    hub.idle.found(|| hub.has_work());
                    return taken;
                }
            }
            None
        };
        hub.idle.search();
        let mut taken = take();
        if taken.is_none() && !hub.is_closed() {
            hub.idle.sleep(self.number, limit, || hub.has_work());
            taken = take();
        }
        if taken.is_none() {
            // Whoever added something meanwhile relied on this search, and its owner may not come back for long.
            hub.idle.found(|| hub.has_work());
        }
        taken
    }

    /// The next that is taken out of the worker's own deque is its oldest.
    pub(crate) fn oldest_first(&self) {
        self.oldest.set(true);
    }

    fn next_own(&self, probe: &mut A::Probe) -> Option<u64> {
        let lane = self.lane();
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        if ticks.is_multiple_of(FAIR) {
            let taken = self.take_injected(1, probe).or_else(|| self.own_oldest(probe));
            if taken.is_some() {
                return taken;
            }
        }
        let oldest = if self.oldest.take() { self.own_oldest(probe) } else { None };
        if oldest.is_some() {
            return oldest;
        }
        if self.streak.get() < STREAK {
            let next = self.own_slot(probe);
            if next.is_some() {
                self.streak.set(self.streak.get() + 1);
                return next;
            }
        }
        self.streak.set(0);
        loop {
            let found = lane.deque.pop();
            if probe.popped(lane.deque_id, found) == Verdict::Run {
                match found {
                    Some((id, _)) => return Some(id),
                    None => break,
                }
            }
        }
        self.own_slot(probe)
    }

    fn own_slot(&self, probe: &mut A::Probe) -> Option<u64> {
        let lane = self.lane();
        if lane.slot.is_empty() {
            return None;
        }
        // None: a thief was faster, so it is empty now.
        let found = lane.slot.take()?;
        (probe.popped(lane.slot_id, Some(found)) == Verdict::Run).then_some(found.0)
    }

    fn own_oldest(&self, probe: &mut A::Probe) -> Option<u64> {
        let lane = self.lane();
        while !lane.deque.is_empty() {
            // No guard: an attempt at one's own deque that is never closed costs the audit nothing but its count.
            let ticket = probe.steal_begin(lane.deque_id);
            match lane.deque.take_oldest() {
                Steal::Taken(id, tag) => {
                    if probe.stolen(ticket, id, tag) == Verdict::Run {
                        return Some(id);
                    }
                }
                Steal::Empty => probe.steal_missed(ticket, Missed::Empty),
                Steal::Contended => probe.steal_missed(ticket, Missed::Contended),
            }
        }
        None
    }

    fn take_injected(&self, most: usize, probe: &mut A::Probe) -> Option<u64> {
        let mut taken = [0; Options::BATCH];
        let count = self.hub.injector.take(&mut taken[..most], probe);
        self.keep(&taken[..count], probe)
    }

    fn next_of_others(&self, probe: &mut A::Probe) -> Option<u64> {
        let lanes = &self.hub.lanes;
        let share = (self.hub.injector.len() / lanes.len() + 1).min(self.hub.batch);
        if let Some(id) = self.take_injected(share.min(self.lane().deque.capacity()), probe) {
            return Some(id);
        }
        let first = self.random() as usize % lanes.len();
        let (before, from) = lanes.split_at(first);
        for victim in from.iter().chain(before) {
            if victim.deque_id == self.lane().deque_id {
                continue;
            }
            if let Some(id) = self.steal(victim, probe) {
                return Some(id);
            }
        }
        None
    }

    /// Steals up to half of what another worker has, or what is in its slot.
    fn steal(&self, victim: &Lane<A, D>, probe: &mut A::Probe) -> Option<u64> {
        let mut stolen = [0; Options::BATCH];
        let half = victim.deque.len().div_ceil(2);
        if half > 0 {
            let most = half.min(Options::BATCH).min(self.lane().deque.capacity());
            let count = self.steal_from(victim, &mut stolen[..most], probe);
            if count > 0 {
                return self.keep(&stolen[..count], probe);
            }
        }
        if victim.slot.is_empty() {
            return None;
        }
        let attempt = probe.attempt(victim.slot_id);
        let Some((id, tag)) = victim.slot.take() else {
            attempt.missed(Missed::Contended);
            return None;
        };
        (attempt.got(id, tag) == Verdict::Run).then_some(id)
    }

    /// Steals element by element: the owner pops at the other end meanwhile, so that one claim for several could take
    /// what it has just popped.
    fn steal_from(&self, victim: &Lane<A, D>, stolen: &mut [u64], probe: &mut A::Probe) -> usize {
        let mut attempt = probe.attempt(victim.deque_id);
        let mut count = 0;
        let why = loop {
            if count == stolen.len() {
                break Missed::Empty; // counts nothing, as it got something
            }
            match victim.deque.steal() {
                Steal::Taken(id, tag) => {
                    if attempt.part(id, tag) == Verdict::Run {
                        stolen[count] = id;
                        count += 1;
                    }
                }
                Steal::Empty => break Missed::Empty,
                Steal::Contended => break Missed::Contended,
            }
        };
        attempt.missed(why);
        count
    }

    /// Keeps the first of what was taken, and puts the others into the deque.
    fn keep(&self, taken: &[u64], probe: &mut A::Probe) -> Option<u64> {
        let (first, rest) = taken.split_first()?;
        for id in rest {
            self.push_moved(*id, probe);
        }
        if !rest.is_empty() {
            // Whoever looked for them meanwhile saw them nowhere.
            self.added();
        }
        Some(*first)
    }

    fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        x
    }

    /// The task of this id is about to be called; false if it must not be.
    pub(crate) fn start(&self, id: u64) -> bool {
        let run = self.probe.borrow_mut().started(id) == Verdict::Run;
        if run {
            self.lane().running.store(id, Ordering::Relaxed);
        }
        run
    }

    /// Notes that the task that runs is over: its thread is free, and its slot may be given to a later generation.
    ///
    /// For a task that tells others of its end; otherwise its return does this. What it still does afterwards is not
    /// followed, and it does not run [`Again`](super::Ran::Again). Does nothing for any other task.
    pub fn end(&self, id: u64) {
        self.finish(id, Finish::Done);
    }

    /// The task has ended for good, unless it has said so itself.
    pub(crate) fn finish(&self, id: u64, end: Finish) {
        if self.stops(id) {
            let probe = &mut *self.probe.borrow_mut();
            probe.finished_for_good(id, end);
            probe.safe_point();
        }
    }

    /// The task has ended for now, and goes behind those that wait; unless it has said that it has ended.
    pub(crate) fn put_again(&self, id: u64) {
        if self.stops(id) {
            let lane = self.lane();
            self.oldest.set(true);
            let probe = &mut *self.probe.borrow_mut();
            let tag = probe.finished_again(id, lane.deque_id);
            self.push(id, tag, probe);
            probe.safe_point();
            self.added();
        }
    }

    /// The thread is free of this task; false if it was before.
    fn stops(&self, id: u64) -> bool {
        let running = &self.lane().running;
        let runs = running.load(Ordering::Relaxed) == id;
        if runs {
            running.store(NOTHING, Ordering::Relaxed);
        }
        runs
    }

    /// An id was taken, and will never run.
    pub(crate) fn release(&self, id: u64) {
        let probe = &mut *self.probe.borrow_mut();
        probe.released(id);
        probe.retired(id);
    }
}

impl<A: Audit, D: Deque<A::Tag>> std::fmt::Debug for Worker<A, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.number)
    }
}

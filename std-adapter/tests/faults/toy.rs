//! A small work-stealing pool, written against the public audit as anybody would write one, with a fault to choose.
//!
//! The invariant: *[`Fault::None`] is a correct pool*: every other fault changes the lines that name it. One call of
//! [`Worker::step`] is one move (take, start or end), so a script can play any order of workers on one thread; threads
//! may call it as well. Tasks are lists of [`Act`]s, one for each activation. It has no sleep and no clock.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, PoisonError};

use windlass_std::audit::{
    Attempt, Audit, Exact, Finish, Layout, Missed, Moment, Order, Probe, QueueId, Report, Seat, Settings,
    Verdict,
};
use windlass_std::pool::{Deque, Steal};

use super::sync::{AtomicU64, Mutex, Ordering, thread};

/// What one activation of a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It is over.
    Done,
    /// It waits for a wake.
    Wait,
    /// It wakes itself.
    Again,
    /// It panics.
    Panic,
    /// It submits so many tasks that are over at once, and is over.
    Spawn(usize),
}

macro_rules! faults {
    ($($(#[$meta:meta])* $name:ident $text:literal,)+) => {
        /// What is wrong with a pool.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($(#[$meta])* $name,)+
        }

        impl Fault {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As in "a pool in which ...".
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

faults! {
    /// The control.
    None "nothing is wrong",
    WakesTwice "a second wake queues an id that is queued already",
    QueuesWhileRunning "a wake queues an id that is running",
    DropsWake "a wake of a running id is dropped",
    MarksWithoutQueueing "an id is marked as queued, and not queued",
    KeepsGeneration "the generation is not increased when a slot is freed",
    FreesSilently "a slot is freed and nobody is told",
    SearchesBySlot "a wake looks at the slot alone",
    GrowsTable "the table has more slots than the audit was told",
    MixesVictims "a thief takes from another queue than it says",
    PushesTwice "a push into the injector is repeated although it had succeeded",
    SwapsDisplaced "what the slot displaces and what displaces it are swapped",
    RunsDirectly "what lies in the slot is run without being taken",
    HandsOverHeld "an id that one worker took is started by another",
    HandsOverRunning "an id that one worker runs is ended by another",
    EndsTwice "the panic path reports the end again",
    EndsUnstarted "what was aborted before its start is reported as ended",
    ForgetsPanic "a panic ends the activation, and nobody is told",
    FreesQueued "an abort frees an id and leaves its queue element",
    FreesRunning "an abort frees an id without waiting for its end",
    OverflowForgets "a push into a full queue is forgotten",
    BatchForgetsOne "a batch moves all of its elements but one",
    BatchReversed "a batch comes out newest first",
}

type Element<A> = (u64, <A as Audit>::Tag);

/// The pool: what all share.
pub(crate) struct Toy<A: Audit, D> {
    shared: Arc<Shared<A, D>>,
}

struct Shared<A: Audit, D> {
    fault: Fault,
    audit: A,
    /// One per worker; worker `n` owns queue `n`, and its slot is queue `n + workers`.
    rings: Box<[D]>,
    injector: Mutex<VecDeque<Element<A>>>,
    table: Box<[Entry]>,
    free: Mutex<VecDeque<usize>>,
    /// What one worker leaves to another, with the faults that do.
    handed: Mutex<Option<(usize, Doing)>>,
}

struct Entry {
    /// Generation 32 | flag ABORTED | state.
    word: AtomicU64,
    acts: Mutex<VecDeque<Act>>,
}

const FREE: u64 = 0;
const IDLE: u64 = 1;
const QUEUED: u64 = 2;
const RUNNING: u64 = 3;
/// Running, and woken meanwhile.
const NOTIFIED: u64 = 4;
const ABORTED: u64 = 8;

/// What a worker is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Holds(u64),
    Runs(u64),
}

/// A worker: to be used by one thread at a time.
pub(crate) struct Worker<A: Audit, D> {
    shared: Arc<Shared<A, D>>,
    probe: A::Probe,
    me: usize,
    slot: Option<Element<A>>,
    doing: Doing,
    /// The victim to begin with.
    next: usize,
}

/// Who submits, wakes and aborts from outside.
pub(crate) struct Outside<A: Audit, D> {
    shared: Arc<Shared<A, D>>,
    probe: A::Probe,
}

impl<A: Audit, D: Deque<A::Tag>> Toy<A, D> {
    /// A pool whose queues hold `capacity` elements each.
    pub(crate) fn new(
        fault: Fault,
        workers: usize,
        capacity: usize,
        slots: usize,
        settings: &Settings,
    ) -> Self {
        let told = if fault == Fault::GrowsTable { slots - 1 } else { slots };
        let mut layout = Layout::new(workers, told);
        let rings: Box<[D]> = (0..workers).map(|_| D::with_capacity(capacity)).collect();
        for (worker, ring) in (0..).zip(&rings) {
            layout.queue(Order::LifoOwner, Some(worker), ring.capacity());
        }
        for (worker, _) in (0..).zip(&rings) {
            layout.queue(Order::Slot, Some(worker), 1);
        }
        layout.queue(Order::Injector, None, slots);
        let entry = |_| Entry { word: AtomicU64::new(FREE), acts: Mutex::new(VecDeque::new()) };
        let shared = Shared {
            fault,
            audit: A::new(&layout, settings),
            rings,
            injector: Mutex::new(VecDeque::new()),
            table: (0..slots).map(entry).collect(),
            free: Mutex::new((0..slots).collect()),
            handed: Mutex::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn workers(&self) -> Vec<Worker<A, D>> {
        (0..self.shared.rings.len())
            .map(|me| Worker {
                shared: Arc::clone(&self.shared),
                probe: self.shared.audit.probe(Seat::Worker(number(me))),
                me,
                slot: None,
                doing: Doing::Nothing,
                next: me + 1,
            })
            .collect()
    }

    pub(crate) fn outside(&self, number: u16) -> Outside<A, D> {
        Outside { shared: Arc::clone(&self.shared), probe: self.shared.audit.probe(Seat::Outside(number)) }
    }

    /// Of a pool that stands still.
    pub(crate) fn report(&self) -> Report {
        self.shared.audit.report(Moment::Quiescent)
    }
}

impl<A: Audit, D: Deque<A::Tag>> Outside<A, D> {
    /// A new task; none if the table is full.
    pub(crate) fn submit(&mut self, acts: &[Act]) -> Option<u64> {
        let id = self.shared.admit(acts)?;
        self.shared.inject(&mut self.probe, id);
        Some(id)
    }

    pub(crate) fn wake(&mut self, id: u64) {
        self.shared.wake(&mut self.probe, id);
    }

    pub(crate) fn abort(&mut self, id: u64) {
        self.shared.abort(&mut self.probe, id);
    }
}

impl<A: Audit, D: Deque<A::Tag>> Shared<A, D> {
    fn ring(&self, worker: usize) -> QueueId {
        QueueId(number(worker))
    }

    fn slot(&self, worker: usize) -> QueueId {
        QueueId(number(self.rings.len() + worker))
    }

    fn injector(&self) -> QueueId {
        QueueId(number(self.rings.len() * 2))
    }

    fn entry(&self, id: u64) -> &Entry {
        &self.table[id as u32 as usize]
    }

    /// Puts a task into the table, as queued.
    fn admit(&self, acts: &[Act]) -> Option<u64> {
        let slot = lock(&self.free).pop_front()?;
        let entry = &self.table[slot];
        *lock(&entry.acts) = acts.iter().copied().collect();
        let generation = entry.word.load(Ordering::Acquire) >> 32;
        entry.word.store(generation << 32 | QUEUED, Ordering::Release);
        Some(generation << 32 | slot as u64)
    }

    /// Changes the state of an id if `to` says how, and returns the old one. An id whose generation is over has none.
    fn change(&self, id: u64, by_slot: bool, to: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let word = &self.entry(id).word;
        let mut now = word.load(Ordering::Acquire);
        loop {
            if now >> 32 != id >> 32 && !by_slot {
                return None;
            }
            let state = now & 0xffff_ffff;
            let next = now >> 32 << 32 | to(state)?;
            match word.compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(state),
                Err(other) => now = other,
            }
        }
    }

    fn inject(&self, probe: &mut A::Probe, id: u64) {
        let mut injector = lock(&self.injector);
        let tag = probe.enqueue(id, self.injector());
        injector.push_back((id, tag));
        if self.fault == Fault::PushesTwice {
            injector.push_back((id, tag));
        }
    }

    fn wake(&self, probe: &mut A::Probe, id: u64) {
        probe.waked(id);
        let fault = self.fault;
        let was = self.change(id, fault == Fault::SearchesBySlot, |state| match state {
            IDLE => Some(QUEUED),
            QUEUED if fault == Fault::WakesTwice => Some(QUEUED),
            RUNNING if fault == Fault::QueuesWhileRunning => Some(RUNNING),
            RUNNING if fault != Fault::DropsWake => Some(NOTIFIED),
            _ => None,
        });
        let queue = match was {
            Some(IDLE | QUEUED) => true,
            Some(RUNNING) => fault == Fault::QueuesWhileRunning,
            _ => false,
        };
        if queue {
            self.inject(probe, id);
        }
    }

    /// The task shall not run again. What is queued or running is freed by who has it.
    fn abort(&self, probe: &mut A::Probe, id: u64) {
        let fault = self.fault;
        let was = self.change(id, false, |state| match state {
            IDLE => Some(FREE),
            QUEUED if fault == Fault::FreesQueued => Some(FREE),
            RUNNING if fault == Fault::FreesRunning => Some(FREE),
            QUEUED | RUNNING | NOTIFIED => Some(state | ABORTED),
            _ => None,
        });
        let now = match was {
            Some(IDLE) => true,
            Some(QUEUED) => fault == Fault::FreesQueued,
            Some(RUNNING) => fault == Fault::FreesRunning,
            _ => false,
        };
        if now {
            self.free(probe, id);
        }
    }

    /// Nobody has the id any more: its slot may be used again.
    fn free(&self, probe: &mut A::Probe, id: u64) {
        if self.fault != Fault::FreesSilently {
            probe.retired(id);
        }
        let generation = if self.fault == Fault::KeepsGeneration { id >> 32 } else { (id >> 32) + 1 };
        self.entry(id).word.store(generation << 32 | FREE, Ordering::Release);
        lock(&self.free).push_back(id as u32 as usize);
    }
}

impl<A: Audit, D: Deque<A::Tag>> Worker<A, D> {
    /// One move: takes an id, starts it, or ends it. Returns whether there was anything to do.
    pub(crate) fn step(&mut self) -> bool {
        let doing = match self.doing {
            Doing::Nothing => self.take_over(),
            doing => doing,
        };
        self.doing = match doing {
            Doing::Nothing => {
                self.probe.safe_point();
                let taken = self.take();
                if taken == Doing::Nothing {
                    return false;
                }
                self.hand_over(Fault::HandsOverHeld, taken)
            }
            Doing::Holds(id) => {
                let started = self.start(id);
                self.hand_over(Fault::HandsOverRunning, started)
            }
            Doing::Runs(id) => {
                self.end(id);
                Doing::Nothing
            }
        };
        true
    }

    /// The pool stops: what is in this worker's own queues is given up. To be called between two tasks.
    pub(crate) fn shut_down(&mut self) {
        while self.doing != Doing::Nothing {
            self.step();
        }
        while let Some(id) = self.take_own() {
            self.give_up(id);
        }
    }

    /// Takes an element of its own queues.
    fn take_own(&mut self) -> Option<u64> {
        let shared = Arc::clone(&self.shared);
        let found = self.slot.take();
        if let Some((id, _)) = found {
            if shared.fault == Fault::RunsDirectly {
                return Some(id);
            }
        }
        if self.probe.popped(shared.slot(self.me), found) == Verdict::Run {
            if let Some((id, _)) = found {
                return Some(id);
            }
        }
        let found = shared.rings[self.me].pop();
        let verdict = self.probe.popped(shared.ring(self.me), found);
        found.filter(|_| verdict == Verdict::Run).map(|(id, _)| id)
    }

    /// Takes from its own queues, then from everybody's, then from others'.
    fn take(&mut self) -> Doing {
        let taken = self.take_own().or_else(|| self.take_injected()).or_else(|| self.steal_batch());
        taken.map_or(Doing::Nothing, Doing::Holds)
    }

    fn take_injected(&mut self) -> Option<u64> {
        let attempt = self.probe.attempt(self.shared.injector());
        let Some((id, tag)) = lock(&self.shared.injector).pop_front() else {
            attempt.missed(Missed::Empty);
            return None;
        };
        (attempt.got(id, tag) == Verdict::Run).then_some(id)
    }

    /// Takes the older half of another's queue: runs the oldest, and keeps the rest in its own.
    fn steal_batch(&mut self) -> Option<u64> {
        let shared = Arc::clone(&self.shared);
        let workers = shared.rings.len();
        for turn in 0..workers {
            let victim = (self.next + turn) % workers;
            if victim == self.me {
                continue;
            }
            let from = match shared.fault {
                Fault::MixesVictims if (victim + 1) % workers == self.me => (victim + 2) % workers,
                Fault::MixesVictims => (victim + 1) % workers,
                _ => victim,
            };
            let attempt = self.probe.attempt(shared.ring(victim));
            let mut batch = half(&shared.rings[from], attempt, shared.fault == Fault::BatchReversed);
            if batch.is_empty() {
                continue;
            }
            self.next = victim;
            let first = batch.remove(0);
            if shared.fault == Fault::BatchForgetsOne {
                batch.pop();
            }
            for id in batch {
                self.keep(id);
            }
            return Some(first);
        }
        None
    }

    /// Puts an id that it holds into its own queue.
    fn keep(&mut self, id: u64) {
        let shared = Arc::clone(&self.shared);
        self.make_room();
        let queue = shared.ring(self.me);
        let tag = self.probe.moved(id, queue);
        if shared.rings[self.me].push(id, tag).is_err() && shared.fault != Fault::OverflowForgets {
            self.probe.rejected(id, queue, tag);
            shared.inject(&mut self.probe, id);
        }
    }

    /// Moves the older half of its own queue into everybody's, if it is full.
    fn make_room(&mut self) {
        let shared = Arc::clone(&self.shared);
        let ring = &shared.rings[self.me];
        if ring.len() < ring.capacity() || shared.fault == Fault::OverflowForgets {
            return;
        }
        for _ in 0..ring.capacity() / 2 {
            let attempt = self.probe.attempt(shared.ring(self.me));
            match ring.steal() {
                Steal::Taken(id, tag) => {
                    if attempt.got(id, tag) == Verdict::Run {
                        let mut injector = lock(&shared.injector);
                        injector.push_back((id, self.probe.moved(id, shared.injector())));
                    }
                }
                Steal::Empty => attempt.missed(Missed::Empty),
                Steal::Contended => attempt.missed(Missed::Contended),
            }
        }
    }

    /// Queues an id that nobody has, to be run next by this worker.
    fn schedule(&mut self, id: u64) {
        let shared = Arc::clone(&self.shared);
        let displaced = self.slot.take();
        if let Some((old, tag)) = displaced {
            let verdict = self.probe.popped(shared.slot(self.me), Some((old, tag)));
            if verdict == Verdict::Run && shared.fault == Fault::SwapsDisplaced {
                let moved = self.probe.moved(old, shared.ring(self.me));
                let tag = self.probe.enqueue(id, shared.slot(self.me));
                self.slot = Some((old, moved));
                let pushed = shared.rings[self.me].push(id, tag);
                assert!(pushed.is_ok(), "the script leaves room");
                return;
            }
            if verdict == Verdict::Run {
                self.keep(old);
            }
        }
        self.slot = Some((id, self.probe.enqueue(id, shared.slot(self.me))));
    }

    fn start(&mut self, id: u64) -> Doing {
        if self.shared.change(id, false, |state| (state == QUEUED).then_some(RUNNING)).is_none() {
            self.give_up(id);
            return Doing::Nothing;
        }
        match self.probe.started(id) {
            Verdict::Run => Doing::Runs(id),
            Verdict::Refuse => Doing::Nothing,
        }
    }

    /// What was taken will not run: it was aborted, or the pool stops.
    fn give_up(&mut self, id: u64) {
        if self.shared.fault == Fault::EndsUnstarted {
            self.probe.finished(id, Finish::Done);
        } else {
            self.probe.released(id);
        }
        if self.shared.change(id, false, |_| Some(FREE)).is_some() {
            self.shared.free(&mut self.probe, id);
        }
    }

    fn end(&mut self, id: u64) {
        let shared = Arc::clone(&self.shared);
        let act = lock(&shared.entry(id).acts).pop_front().unwrap_or(Act::Done);
        let panicked = catch_unwind(AssertUnwindSafe(|| self.call(id, act))).is_err();
        let end = match act {
            _ if panicked => Finish::Panicked,
            Act::Wait | Act::Again => Finish::Pending,
            _ => Finish::Done,
        };
        if panicked && shared.fault == Fault::ForgetsPanic {
            return;
        }
        self.probe.finished(id, end);
        if panicked && shared.fault == Fault::EndsTwice {
            self.probe.finished(id, end);
        }
        let over = end != Finish::Pending;
        let was = shared.change(id, false, |state| match state {
            _ if over || state & ABORTED != 0 => Some(FREE),
            RUNNING => Some(IDLE),
            NOTIFIED => Some(QUEUED),
            // A fault has queued it meanwhile.
            state => Some(state),
        });
        match was {
            Some(state) if over || state & ABORTED != 0 => shared.free(&mut self.probe, id),
            Some(NOTIFIED) if shared.fault != Fault::MarksWithoutQueueing => self.schedule(id),
            _ => {}
        }
    }

    /// The task itself.
    fn call(&mut self, id: u64, act: Act) {
        match act {
            Act::Done | Act::Wait => {}
            Act::Again => {
                let shared = Arc::clone(&self.shared);
                shared.wake(&mut self.probe, id);
            }
            // Without a message on the terminal: it is meant.
            Act::Panic => resume_unwind(Box::new("a task panics")),
            Act::Spawn(children) => {
                for _ in 0..children {
                    if let Some(child) = self.shared.admit(&[Act::Done]) {
                        self.schedule(child);
                    }
                }
            }
        }
    }

    /// With the fault, leaves what it is doing to another worker.
    fn hand_over(&self, fault: Fault, doing: Doing) -> Doing {
        if self.shared.fault != fault || doing == Doing::Nothing {
            return doing;
        }
        *lock(&self.shared.handed) = Some((self.me, doing));
        Doing::Nothing
    }

    fn take_over(&self) -> Doing {
        let mut handed = lock(&self.shared.handed);
        match *handed {
            Some((from, doing)) if from != self.me => {
                *handed = None;
                doing
            }
            _ => Doing::Nothing,
        }
    }
}

/// A pool of two workers on threads of their own, while this thread submits, wakes and aborts. When they have gone so
/// many steps, they are let finish on this thread.
pub(crate) fn on_threads<D: Deque<u64>>(fault: Fault, steps: usize) -> Report {
    let toy = Toy::<Exact, D>::new(fault, 2, 4, 16, &Settings::default());
    let mut outside = toy.outside(0);
    let first = outside.submit(&[Act::Spawn(4)]);
    let threads: Vec<_> = toy
        .workers()
        .into_iter()
        .map(|mut worker| {
            thread::spawn(move || {
                (0..steps).for_each(|_| _ = worker.step());
                worker
            })
        })
        .collect();
    let more =
        [&[Act::Wait, Act::Wait][..], &[Act::Panic], &[Act::Again, Act::Done], &[Act::Wait, Act::Spawn(7)]]
            .map(|acts| outside.submit(acts));
    for id in first.into_iter().chain(more.into_iter().flatten()) {
        outside.wake(id);
        outside.wake(id);
    }
    more[0].into_iter().for_each(|id| outside.abort(id));
    let mut workers: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        .collect();
    settle(&mut workers);
    toy.report()
}

/// Takes the older half of a queue, one claim for each element, and reports it as one attempt.
fn half<P: Probe, D: Deque<P::Tag>>(ring: &D, mut attempt: Attempt<'_, P>, reversed: bool) -> Vec<u64> {
    let mut claimed = Vec::new();
    let mut why = Missed::Empty;
    for _ in 0..ring.len().div_ceil(2) {
        match ring.steal() {
            Steal::Taken(id, tag) => claimed.push((id, tag)),
            Steal::Empty => break,
            Steal::Contended => {
                why = Missed::Contended;
                break;
            }
        }
    }
    if reversed {
        claimed.reverse();
    }
    claimed.retain(|(id, tag)| attempt.part(*id, *tag) == Verdict::Run);
    attempt.missed(why);
    claimed.into_iter().map(|(id, _)| id).collect()
}

/// Lets all workers take turns until none has anything to do. A fault might keep them busy for ever.
pub(crate) fn settle<A: Audit, D: Deque<A::Tag>>(workers: &mut [Worker<A, D>]) {
    for _ in 0..1_000 {
        let mut busy = false;
        for worker in &mut *workers {
            busy |= worker.step();
        }
        if !busy {
            break;
        }
    }
}

fn number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> impl std::ops::DerefMut<Target = T> + '_ {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A small work-stealing pool around `crossbeam-deque`, written so that any [`Audit`] can watch it.
//!
//! The invariant: *every event is reported by the thread that makes it true, in the order that [`Probe`] asks for*.
//! The parts that a wrapper of your own needs are [`Member::push`], [`Member::pop`], [`Member::steal`] and
//! [`Member::run`]; the rest is a load to try them on. An element is an id and the audit's tag, which for
//! [`Off`](windlass_std::audit::Off) takes no space.
//!
//! Crossbeam's batch calls put what they steal into a deque and name none of it, and other thieves could take it from
//! there before the audit has heard of it. So a thief steals a batch into a deque that nobody else sees, reports each
//! element, and only then moves them into its own.
//!
//! It has one fault if you ask for it: see [`Fault`]. It has no wakes and no sleep: a worker without work yields.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};
use windlass_std::audit::{
    Audit, Finish, Kind, Layout, Missed, Mode, Moment, Order, Probe, QueueId, Report, Seat, Settings, Verdict,
};

/// What to run.
pub(crate) struct Plan {
    /// At least 2: a worker does not steal from itself.
    pub(crate) workers: u16,
    /// About how many activations: whole trees, and at least those of the opening.
    pub(crate) activations: u64,
    pub(crate) mode: Mode,
    pub(crate) fault: Option<Fault>,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// How often the pool called a task, by its own count.
    pub(crate) calls: u64,
    /// How often it should have.
    pub(crate) expected: u64,
    /// Tasks that came from outside.
    pub(crate) injected: u64,
    /// How many slots they all shared.
    pub(crate) slots: usize,
}

/// A mistake that such a wrapper could have. It happens once, in the part of the run that is the same every time:
/// see [`Member::work`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    DropClaimed,
    DropHeld,
    PushTwice,
    NewestFirst,
    FalseEmpty,
    FinishTwice,
    RetireQueued,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::DropClaimed,
        Self::DropHeld,
        Self::PushTwice,
        Self::NewestFirst,
        Self::FalseEmpty,
        Self::FinishTwice,
        Self::RetireQueued,
    ];

    /// Its name on the command line, and what goes wrong.
    pub(crate) const fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::DropClaimed => {
                ("drop-claimed", "a thief claims a batch and forgets its last element unreported")
            }
            Self::DropHeld => {
                ("drop-held", "a thief moves all of its batch to its own deque but the last element")
            }
            Self::PushTwice => ("push-twice", "a thief pushes the last element of its batch twice"),
            Self::NewestFirst => ("newest-first", "a thief takes the elements of a batch newest first"),
            Self::FalseEmpty => {
                ("false-empty", "a pop forgets what it got, and says that the deque is empty")
            }
            Self::FinishTwice => ("finish-twice", "an activation is ended twice"),
            Self::RetireQueued => ("retire-queued", "a task is retired, but its element stays in the queue"),
        }
    }

    /// The kinds of violations that it causes, in the order of [`Kind::ALL`].
    pub(crate) const fn causes(self) -> &'static [Kind] {
        match self {
            Self::DropClaimed | Self::FalseEmpty => &[Kind::LostInQueue],
            Self::DropHeld => &[Kind::LostInTransfer],
            // The first copy has run to its end when the second comes out.
            Self::PushTwice => &[Kind::UseAfterRetire],
            Self::NewestFirst => &[Kind::FifoOrder],
            Self::FinishTwice => &[Kind::DoubleCompletion],
            // The element still runs, and asks to run again.
            Self::RetireQueued => &[Kind::UseAfterRetire, Kind::RetiredWhileQueued],
        }
    }
}

/// Runs the plan to its end, and reports on it. With a fault, too, it ends: nobody waits for work that was lost.
pub(crate) fn run<A: Audit>(plan: &Plan) -> Outcome {
    assert!(plan.workers >= 2, "a pool of thieves has two workers at least");
    let slots = tasks(DEPTH) * (LIVE + usize::from(PRODUCERS));
    let mut layout = Layout::new(usize::from(plan.workers), slots);
    let queues = (0..plan.workers).map(|n| layout.queue(Order::LifoOwner, Some(n), slots)).collect();
    let inbox = layout.queue(Order::Injector, None, slots);
    let audit = A::new(&layout, &Settings { mode: plan.mode, ..Settings::default() });

    let roots = plan.activations.div_ceil(activations(DEPTH)).max(OPENING);
    let injected = roots - OPENING;
    let deques: Vec<_> = (0..plan.workers).map(|_| Deque::new_lifo()).collect();
    let shared = Shared::<A> {
        stealers: deques.iter().map(Deque::stealer).collect(),
        queues,
        injector: Injector::new(),
        inbox,
        table: Table::new(slots),
        idle: AtomicUsize::new(0),
        producing: AtomicUsize::new(usize::from(PRODUCERS)),
        opening: Barrier::new(usize::from(plan.workers) + usize::from(PRODUCERS)),
        fault: plan.fault,
        struck: AtomicBool::new(false),
    };
    let calls = std::thread::scope(|scope| {
        let (audit, shared) = (&audit, &shared);
        for n in 0..PRODUCERS {
            let share = (injected + u64::from(n)) / u64::from(PRODUCERS);
            scope.spawn(move || shared.produce(audit.probe(Seat::Outside(n)), share));
        }
        let workers: Vec<_> = (0..plan.workers)
            .zip(deques)
            .map(|(n, deque)| scope.spawn(move || Member::new(n, deque, audit, shared).work()))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).sum()
    });
    // All threads have ended, so nobody holds anything.
    let report = audit.report(Moment::Quiescent);
    Outcome { report, calls, expected: roots * activations(DEPTH), injected, slots }
}

/// A queue element.
type Element<A> = (u64, <A as Audit>::Tag);

/// What the threads of a pool share.
struct Shared<A: Audit> {
    stealers: Vec<Stealer<Element<A>>>,
    /// What the audit calls the workers' deques.
    queues: Vec<QueueId>,
    injector: Injector<Element<A>>,
    /// What it calls the injector.
    inbox: QueueId,
    table: Table,
    /// Workers that have found nothing anywhere.
    idle: AtomicUsize,
    /// Producers that have not ended.
    producing: AtomicUsize,
    opening: Barrier,
    fault: Option<Fault>,
    struck: AtomicBool,
}

impl<A: Audit> Shared<A> {
    /// Whether the fault happens now.
    fn strikes(&self, fault: Fault) -> bool {
        self.fault == Some(fault) && !self.struck.swap(true, Ordering::Relaxed)
    }

    /// Submits this many trees from outside the pool.
    fn produce(&self, mut probe: A::Probe, share: u64) {
        self.opening.wait();
        self.opening.wait();
        for _ in 0..share {
            let id = loop {
                match self.table.has_room().then(|| self.table.allocate(DEPTH)).flatten() {
                    Some(id) => break id,
                    None => std::thread::yield_now(),
                }
            };
            let tag = probe.enqueue(id, self.inbox);
            self.injector.push((id, tag));
        }
        self.producing.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until there is something to do; false if there never will be.
    ///
    /// A worker is counted as idle only after it has found its own deque and the injector empty, and until before it
    /// takes something. So when all are idle at once after the last producer, nobody holds and nothing is left. That
    /// does not depend on how many tasks have ended, so it holds for tasks that were lost as well.
    fn wait_for_work(&self) -> bool {
        self.idle.fetch_add(1, Ordering::SeqCst);
        loop {
            let over = self.producing.load(Ordering::SeqCst) == 0;
            if !self.injector.is_empty() || !self.stealers.iter().all(Stealer::is_empty) {
                self.idle.fetch_sub(1, Ordering::SeqCst);
                return true;
            }
            if over && self.idle.load(Ordering::SeqCst) == self.stealers.len() {
                return false;
            }
            std::thread::yield_now();
        }
    }
}

/// One worker.
struct Member<'a, A: Audit> {
    number: usize,
    queue: QueueId,
    deque: Deque<Element<A>>,
    /// What was stolen and not reported yet: nobody steals from here.
    staging: Deque<Element<A>>,
    batch: Vec<Element<A>>,
    probe: A::Probe,
    shared: &'a Shared<A>,
    calls: u64,
}

impl<'a, A: Audit> Member<'a, A> {
    fn new(number: u16, deque: Deque<Element<A>>, audit: &A, shared: &'a Shared<A>) -> Self {
        Self {
            number: usize::from(number),
            queue: shared.queues[usize::from(number)],
            deque,
            staging: Deque::new_fifo(),
            batch: Vec::new(),
            probe: audit.probe(Seat::Worker(number)),
            shared,
            calls: 0,
        }
    }

    /// All that this worker does; returns how often it called a task.
    ///
    /// It begins with an opening, which is the same every time: worker 0 fills its deque, then worker 1 works alone, so
    /// that it steals a batch, runs it and pops from its own deque, whatever threads the system prefers.
    fn work(mut self) -> u64 {
        if self.number == 0 {
            for _ in 0..OPENING {
                let root = self.shared.table.allocate(DEPTH).expect("the table is larger than the opening");
                self.push(root);
            }
        }
        self.shared.opening.wait();
        if self.number == 1 {
            for _ in 0..OPENING_TURNS {
                self.turn();
            }
        }
        self.shared.opening.wait();
        loop {
            while self.turn() {}
            if !self.shared.wait_for_work() {
                return self.calls;
            }
        }
    }

    /// Runs one activation, if there is any.
    fn turn(&mut self) -> bool {
        let found = self.find();
        if let Some(id) = found {
            self.run(id);
        }
        self.probe.safe_point();
        found.is_some()
    }

    /// Looks at its own deque, at those of the others, and only then at the injector: so there are more steals to audit.
    fn find(&mut self) -> Option<u64> {
        let (me, workers) = (self.number, self.shared.stealers.len());
        let others = (1..workers).map(|n| Some((me + n) % workers));
        self.pop().or_else(|| others.chain([None]).find_map(|victim| self.steal(victim)))
    }

    /// Pushes a new activation: reported before the push, as a thief may have it before the push returns.
    fn push(&mut self, id: u64) {
        let tag = self.probe.enqueue(id, self.queue);
        if self.shared.strikes(Fault::RetireQueued) {
            self.retire(id);
        }
        self.deque.push((id, tag));
    }

    /// Pops from this worker's deque, and reports whatever that gave.
    fn pop(&mut self) -> Option<u64> {
        loop {
            let mut found = self.deque.pop();
            if found.is_some() && self.shared.strikes(Fault::FalseEmpty) {
                found = None;
            }
            let verdict = self.probe.popped(self.queue, found);
            let (id, _) = found?;
            if verdict == Verdict::Run {
                return Some(id);
            }
            // Refused: it is not ours, so it is not even released.
        }
    }

    /// Steals a batch from another worker, or from the injector. Returns its oldest element, and moves the others into
    /// this worker's deque.
    fn steal(&mut self, victim: Option<usize>) -> Option<u64> {
        let shared = self.shared;
        let queue = victim.map_or(shared.inbox, |victim| shared.queues[victim]);
        let mut attempt = self.probe.attempt(queue);
        let stolen = match victim {
            Some(victim) => shared.stealers[victim].steal_batch(&self.staging),
            None => shared.injector.steal_batch(&self.staging),
        };
        match stolen {
            Steal::Success(()) => {}
            Steal::Empty => {
                attempt.missed(Missed::Empty);
                return None;
            }
            Steal::Retry => {
                attempt.missed(Missed::Contended);
                return None;
            }
        }
        self.batch.extend(std::iter::from_fn(|| self.staging.pop()));
        let can_fail = victim.is_some() && self.batch.len() > 1;
        // From a LIFO deque into a FIFO one, crossbeam reverses the batch, so that the newest comes out first. It
        // does not reverse a batch of the injector.
        if victim.is_some() && !(can_fail && shared.strikes(Fault::NewestFirst)) {
            self.batch.reverse();
        }
        if can_fail && shared.strikes(Fault::DropClaimed) {
            self.batch.pop();
        }
        self.batch.retain(|(id, tag)| attempt.part(*id, *tag) == Verdict::Run);
        // Nothing more of this claim.
        attempt.missed(Missed::Empty);
        if can_fail && shared.strikes(Fault::DropHeld) {
            self.batch.pop();
        }
        let mut batch = self.batch.drain(..);
        let first = batch.next();
        let mut last = None;
        for (id, _) in batch {
            // A new tag, as it is in another queue; no new activation.
            let element = (id, self.probe.moved(id, self.queue));
            self.deque.push(element);
            last = Some(element);
        }
        if let Some(element) = last.filter(|_| can_fail && shared.strikes(Fault::PushTwice)) {
            self.deque.push(element);
        }
        first.map(|(id, _)| id)
    }

    /// Runs an activation of what this worker took.
    fn run(&mut self, id: u64) {
        if self.probe.started(id) == Verdict::Refuse {
            return;
        }
        let end = self.call(id);
        self.probe.finished(id, end);
        if self.shared.strikes(Fault::FinishTwice) {
            self.probe.finished(id, end);
        }
        if end == Finish::Pending {
            self.push(id);
        } else {
            self.retire(id);
        }
    }

    /// The task itself: an activation spawns one child and asks for another, or is the last.
    fn call(&mut self, id: u64) -> Finish {
        self.calls += 1;
        let Some(depth) = self.shared.table.next_child(id) else { return Finish::Done };
        // Without a fault there is always room.
        if let Some(child) = self.shared.table.allocate(depth) {
            self.push(child);
        }
        Finish::Pending
    }

    /// Gives the task's slot back: reported before another can get it.
    fn retire(&mut self, id: u64) {
        if self.shared.table.end(id) {
            self.probe.retired(id);
            self.shared.table.free(id);
        }
    }
}

/// Levels of children below a root.
const DEPTH: u32 = 3;
/// Children of each task that is not on the last level.
const CHILDREN: u32 = 3;
/// Threads that submit roots.
const PRODUCERS: u16 = 2;
/// They wait while this many tasks are alive. Each of these has less than a tree of descendants, so the table has room
/// for all of them.
const LIVE: usize = 256;
/// Roots that worker 0 has from the beginning.
const OPENING: u64 = 16;
/// Activations that worker 1 runs alone: enough for the trees on both sides of a fault.
const OPENING_TURNS: u64 = 3 * activations(DEPTH);

/// Tasks in a tree.
const fn tasks(depth: u32) -> usize {
    if depth == 0 { 1 } else { 1 + CHILDREN as usize * tasks(depth - 1) }
}

/// Activations of all tasks in a tree: one for each child and a last one.
const fn activations(depth: u32) -> u64 {
    if depth == 0 { 1 } else { CHILDREN as u64 * (1 + activations(depth - 1)) + 1 }
}

/// The tasks. An id is a slot (low 32 bits) and its generation.
///
/// The slot that was free for longest is used first. A task is looked up by its slot alone: what comes out of a correct
/// queue is valid, and whether the queue is correct is what we want to know.
struct Table {
    slots: Vec<Slot>,
    /// Free slots, oldest first.
    free: Injector<u32>,
    live: AtomicUsize,
}

/// A task: only who runs it looks at it.
#[derive(Default)]
struct Slot {
    generation: AtomicU32,
    depth: AtomicU32,
    /// Children to be spawned.
    children: AtomicU32,
}

impl Table {
    fn new(slots: usize) -> Self {
        let free = Injector::new();
        (0..).take(slots).for_each(|number| free.push(number));
        Self { slots: (0..slots).map(|_| Slot::default()).collect(), free, live: AtomicUsize::new(0) }
    }

    fn has_room(&self) -> bool {
        self.live.load(Ordering::Relaxed) < LIVE
    }

    fn slot(&self, id: u64) -> &Slot {
        &self.slots[id as u32 as usize]
    }

    /// A new task.
    fn allocate(&self, depth: u32) -> Option<u64> {
        let number = loop {
            match self.free.steal() {
                Steal::Success(number) => break number,
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        };
        self.live.fetch_add(1, Ordering::Relaxed);
        let slot = self.slot(u64::from(number));
        slot.depth.store(depth, Ordering::Relaxed);
        slot.children.store(if depth == 0 { 0 } else { CHILDREN }, Ordering::Relaxed);
        Some(u64::from(number) | u64::from(slot.generation.load(Ordering::Relaxed)) << 32)
    }

    /// The depth of the child to spawn now.
    fn next_child(&self, id: u64) -> Option<u32> {
        let slot = self.slot(id);
        let left = slot.children.load(Ordering::Relaxed).checked_sub(1)?;
        slot.children.store(left, Ordering::Relaxed);
        Some(slot.depth.load(Ordering::Relaxed).saturating_sub(1))
    }

    /// Ends the id; false if that was done before, which only a fault can cause.
    fn end(&self, id: u64) -> bool {
        let generation = (id >> 32) as u32;
        let next = generation.wrapping_add(1);
        self.slot(id)
            .generation
            .compare_exchange(generation, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Lets the slot be used again.
    fn free(&self, id: u64) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        self.free.push(id as u32);
    }
}

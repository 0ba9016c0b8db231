//! Schedules written by hand, each with the fault that it shows, and the kind of violation that must be the first.
//!
//! The invariant: *a script is a function of the fault alone*. It runs on one thread, so it gives the same report each
//! time; with nothing wrong, it gives a clean one. A pause inside a steal stands for another thread.

use std::cell::Cell;
use std::time::Duration;

use windlass_std::audit::{
    Audit, Exact, Finish, Kind, Layout, Ledger, Missed, Moment, Order, Probe, QueueId, Report, Seat, Settings,
};
use windlass_std::pool::{Ring, Steal};

use super::deque::*;
use super::toy::{Act, Fault, Outside, Toy, Worker, settle};

/// A kind, and a fault that is reported as this kind first of all.
pub(crate) struct Killer {
    pub(crate) kind: Kind,
    pub(crate) subject: &'static str,
    pub(crate) fault: &'static str,
    /// The name of the script.
    pub(crate) script: &'static str,
    /// The script, with the fault.
    pub(crate) broken: fn() -> Report,
    /// The same script, and nothing wrong.
    pub(crate) sound: &'static [fn() -> Report],
}

/// A deque with a flaw in a script, under a layer of the audit; the controls are the shipped ring and the deque
/// without a flaw.
macro_rules! deque {
    ($layer:ident: $kind:ident, $flaw:ident, $script:ident) => {
        Killer {
            kind: Kind::$kind,
            subject: "deque",
            fault: Flaw::$flaw.text(),
            script: stringify!($script),
            broken: $script::<Flawed<$flaw>, $layer>,
            sound: &[$script::<Ring<u64>, $layer>, $script::<Flawed<Sound>, $layer>],
        }
    };
}

/// A pool of shipped rings with a fault in a script; the control is the pool without one.
macro_rules! pool {
    ($kind:ident, $fault:ident, $script:ident) => {
        Killer {
            kind: Kind::$kind,
            subject: "pool",
            fault: Fault::$fault.text(),
            script: stringify!($script),
            broken: || $script(Fault::$fault),
            sound: &[|| $script(Fault::None)],
        }
    };
}

/// What kills what, in the order of [`Kind::ALL`]. A kind may have several.
pub(crate) const KILLERS: &[Killer] = &[
    pool!(MultipleOwners, WakesTwice, two_wakes),
    pool!(QueuedWhileRunning, QueuesWhileRunning, wake_in_a_run),
    pool!(UseAfterRetire, KeepsGeneration, one_slot_twice),
    pool!(ReuseWithoutRetire, FreesSilently, one_slot_twice),
    pool!(StaleId, SearchesBySlot, late_wake),
    pool!(UnknownId, GrowsTable, full_table),
    deque!(Exact: Phantom, StealReadsUnwritten, steal_from_an_empty_deque),
    pool!(WrongQueue, MixesVictims, batch),
    pool!(WrongQueue, SwapsDisplaced, displacement),
    deque!(Exact: DoubleTake, LastWithoutClaim, last_taken_by_two),
    deque!(Exact: DoubleTake, StealWithoutClaim, last_taken_by_two),
    deque!(Exact: DoubleTake, StealHalfByOneClaim, half_while_the_owner_pops),
    pool!(DoubleTake, PushesTwice, taken_by_two),
    deque!(Exact: DoubleExecution, LastWithoutClaim, last_taken_in_a_run),
    pool!(DoubleExecution, PushesTwice, taken_in_a_run),
    deque!(Exact: StaleEntry, StealReturnsStale, two_thieves),
    deque!(Exact: StaleEntry, NarrowPositions, thief_that_sleeps),
    pool!(StaleEntry, PushesTwice, taken_after_a_run),
    pool!(NotOwner, HandsOverHeld, one_task_two_workers),
    pool!(StartWithoutTake, RunsDirectly, batch),
    pool!(DoubleCompletion, EndsTwice, panic),
    pool!(CompletionWithoutStart, EndsUnstarted, abort_before_the_start),
    pool!(ForeignCompletion, HandsOverRunning, one_task_two_workers),
    pool!(RetiredWhileQueued, FreesQueued, abort_in_the_queue),
    pool!(RetiredWhileRunning, FreesRunning, abort_in_a_run),
    deque!(Exact: LostInQueue, StealDrops, one_steal),
    deque!(Exact: LostInQueue, OverwritesWhenFull, full_deque),
    pool!(LostInQueue, OverflowForgets, overflow),
    pool!(LostInTransfer, BatchForgetsOne, batch),
    pool!(NeverFinished, ForgetsPanic, panic),
    pool!(LostWake, DropsWake, wake_in_a_run),
    pool!(LostWake, MarksWithoutQueueing, wake_in_a_run),
    deque!(Exact: LifoOrder, PopTakesOldest, two_pops),
    deque!(Exact: FifoOrder, StealTakesNewest, two_steals),
    deque!(Exact: FifoOrder, StealSkipsOldest, two_steals),
    pool!(FifoOrder, BatchReversed, batch),
    deque!(Exact: EmptyWitness, PopOverlooksLast, last_for_a_thief),
    deque!(Ledger: LedgerLost, StealDrops, one_steal),
    deque!(Ledger: LedgerDuplicate, StealWithoutClaim, last_taken_by_two),
    deque!(Ledger: Unbalanced, StealReturnsStale, two_thieves),
];

const QUEUE: QueueId = QueueId(0);
// Id 0 is what a cell holds that was never written.
const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 3;
const D: u64 = 4;

/// A deque of two elements, its owner and two thieves.
struct Bench<Q, L: Audit> {
    audit: L,
    deque: Q,
    owner: L::Probe,
    thief: L::Probe,
    other: L::Probe,
}

impl<Q: Paused, L: Audit<Tag = u64>> Bench<Q, L> {
    fn new(capacity: usize) -> Self {
        Self::with(capacity, &Settings::default())
    }

    fn with(capacity: usize, settings: &Settings) -> Self {
        let mut layout = Layout::new(3, 8);
        layout.queue(Order::LifoOwner, Some(0), capacity);
        let audit = L::new(&layout, settings);
        let [owner, thief, other] = [0, 1, 2].map(|worker| audit.probe(Seat::Worker(worker)));
        Self { audit, deque: Q::with_capacity(capacity), owner, thief, other }
    }

    fn pushed(ids: &[u64], capacity: usize) -> Self {
        let mut bench = Self::new(capacity);
        ids.iter().for_each(|id| push(&bench.deque, &mut bench.owner, *id));
        bench
    }

    /// Empties the deque as its owner, and looks at everything.
    fn end(mut self) -> Report {
        for _ in 0..8 {
            match pop(&self.deque, &mut self.owner) {
                Some(id) => run(&mut self.owner, id),
                None => break,
            }
        }
        self.owner.safe_point();
        self.audit.report(Moment::Quiescent)
    }
}

fn push<P: Probe<Tag = u64>>(deque: &impl Paused, owner: &mut P, id: u64) {
    let tag = owner.enqueue(id, QUEUE);
    if deque.push(id, tag).is_err() {
        owner.rejected(id, QUEUE, tag);
    }
}

fn pop<P: Probe<Tag = u64>>(deque: &impl Paused, owner: &mut P) -> Option<u64> {
    let found = deque.pop();
    let _ = owner.popped(QUEUE, found);
    found.map(|(id, _)| id)
}

/// A steal, and what others do between what it reads and its claim.
fn steal<P: Probe<Tag = u64>>(deque: &impl Paused, thief: &mut P, between: impl FnOnce()) -> Option<u64> {
    let attempt = thief.attempt(QUEUE);
    match deque.steal_paused(between) {
        Steal::Taken(id, tag) => {
            let _ = attempt.got(id, tag);
            Some(id)
        }
        Steal::Empty => {
            attempt.missed(Missed::Empty);
            None
        }
        Steal::Contended => {
            attempt.missed(Missed::Contended);
            None
        }
    }
}

fn run(probe: &mut impl Probe, id: u64) {
    let _ = probe.started(id);
    probe.finished(id, Finish::Done);
}

fn run_if(probe: &mut impl Probe, id: Option<u64>) {
    id.into_iter().for_each(|id| run(probe, id));
}

fn steal_from_an_empty_deque<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::new(2);
    let stolen = steal(&bench.deque, &mut bench.thief, || {});
    run_if(&mut bench.thief, stolen);
    bench.end()
}

/// The owner takes the last element, while a thief has read it and not claimed it.
fn last_taken_by_two<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A], 2);
    let mut popped = None;
    let stolen = steal(&bench.deque, &mut bench.thief, || popped = pop(&bench.deque, &mut bench.owner));
    run_if(&mut bench.owner, popped);
    run_if(&mut bench.thief, stolen);
    bench.end()
}

/// The same, and the owner has started it before the thief is back.
fn last_taken_in_a_run<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A], 2);
    let mut popped = None;
    let stolen = steal(&bench.deque, &mut bench.thief, || {
        popped = pop(&bench.deque, &mut bench.owner);
        popped.into_iter().for_each(|id| _ = bench.owner.started(id));
    });
    run_if(&mut bench.thief, stolen);
    popped.into_iter().for_each(|id| bench.owner.finished(id, Finish::Done));
    bench.end()
}

fn half_while_the_owner_pops<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A, B, C, D], 4);
    let mut popped = Vec::new();
    let mut attempt = bench.thief.attempt(QUEUE);
    let half = bench.deque.steal_half_paused(|| {
        popped.extend((0..3).filter_map(|_| pop(&bench.deque, &mut bench.owner)));
    });
    for (id, tag) in &half {
        let _ = attempt.part(*id, *tag);
    }
    attempt.missed(Missed::Empty);
    popped.into_iter().for_each(|id| run(&mut bench.owner, id));
    half.into_iter().for_each(|(id, _)| run(&mut bench.thief, id));
    bench.end()
}

/// A thief has read the oldest, when another takes and runs it. There is one more.
fn two_thieves<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A, B], 2);
    let stolen = steal(&bench.deque, &mut bench.thief, || {
        let stolen = steal(&bench.deque, &mut bench.other, || {});
        run_if(&mut bench.other, stolen);
    });
    run_if(&mut bench.thief, stolen);
    bench.end()
}

/// A thief has read the oldest, when its owner takes that, and seven others after it.
fn thief_that_sleeps<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A], 2);
    let stolen = steal(&bench.deque, &mut bench.thief, || {
        for _ in 0..8 {
            let popped = pop(&bench.deque, &mut bench.owner);
            run_if(&mut bench.owner, popped);
            push(&bench.deque, &mut bench.owner, B);
        }
    });
    run_if(&mut bench.thief, stolen);
    bench.end()
}

fn one_steal<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A, B], 2);
    let stolen = steal(&bench.deque, &mut bench.thief, || {});
    run_if(&mut bench.thief, stolen);
    bench.end()
}

fn full_deque<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    Bench::<Q, L>::pushed(&[A, B, C], 2).end()
}

fn two_pops<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    Bench::<Q, L>::pushed(&[A, B], 2).end()
}

fn two_steals<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A, B], 2);
    for _ in 0..2 {
        let stolen = steal(&bench.deque, &mut bench.thief, || {});
        run_if(&mut bench.thief, stolen);
    }
    bench.end()
}

/// The owner finds nothing, whereupon a thief finds something.
fn last_for_a_thief<Q: Paused, L: Audit<Tag = u64>>() -> Report {
    let mut bench = Bench::<Q, L>::pushed(&[A], 2);
    let popped = pop(&bench.deque, &mut bench.owner);
    run_if(&mut bench.owner, popped);
    let stolen = steal(&bench.deque, &mut bench.thief, || {});
    run_if(&mut bench.thief, stolen);
    bench.end()
}

/// The pool of the scripts: three workers with the shipped ring, the shipped audit, and somebody outside.
struct Pool {
    toy: Toy<Exact, Ring<u64>>,
    workers: Vec<Worker<Exact, Ring<u64>>>,
    outside: Outside<Exact, Ring<u64>>,
}

impl Pool {
    fn new(fault: Fault, slots: usize) -> Self {
        let toy = Toy::new(fault, 3, 4, slots, &Settings::default());
        Self { workers: toy.workers(), outside: toy.outside(0), toy }
    }

    /// A task that is to be taken next; 0 if there was no room.
    fn submit(&mut self, acts: &[Act]) -> u64 {
        self.outside.submit(acts).unwrap_or_default()
    }

    fn steps(&mut self, worker: usize, steps: usize) {
        (0..steps).for_each(|_| _ = self.workers[worker].step());
    }

    /// Lets everybody finish, and looks at everything.
    fn end(mut self) -> Report {
        settle(&mut self.workers);
        self.toy.report()
    }
}

/// Take, start, end.
const WHOLE: usize = 3;

fn two_wakes(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 4);
    let task = pool.submit(&[Act::Wait, Act::Wait]);
    pool.steps(0, WHOLE);
    let mut other = pool.toy.outside(1);
    pool.outside.wake(task);
    other.wake(task);
    pool.end()
}

fn wake_in_a_run(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 4);
    let task = pool.submit(&[Act::Wait, Act::Wait]);
    pool.steps(0, 2);
    pool.outside.wake(task);
    pool.end()
}

fn one_slot_twice(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 1);
    pool.submit(&[Act::Done]);
    pool.steps(0, WHOLE);
    pool.submit(&[Act::Done]);
    pool.end()
}

/// A wake of a task that is over; its slot has another, which waits.
fn late_wake(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 1);
    let old = pool.submit(&[Act::Done]);
    pool.steps(0, WHOLE);
    pool.submit(&[Act::Wait]);
    pool.steps(0, WHOLE);
    pool.outside.wake(old);
    pool.end()
}

fn full_table(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 2);
    pool.submit(&[Act::Done]);
    pool.submit(&[Act::Done]);
    pool.end()
}

/// A worker gets five tasks, of which another steals a batch.
fn batch(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 8);
    pool.submit(&[Act::Spawn(5)]);
    pool.steps(0, WHOLE);
    pool.steps(1, WHOLE);
    pool.end()
}

fn displacement(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 8);
    pool.submit(&[Act::Spawn(2)]);
    pool.steps(0, WHOLE);
    pool.end()
}

/// A worker gets more tasks than its queue holds. Others steal what there is, before it looks for more itself.
fn overflow(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 16);
    pool.submit(&[Act::Spawn(7)]);
    pool.steps(0, WHOLE);
    settle(&mut pool.workers[1..]);
    pool.end()
}

fn taken_by_two(fault: Fault) -> Report {
    taken_after(fault, 1)
}

fn taken_in_a_run(fault: Fault) -> Report {
    taken_after(fault, 2)
}

fn taken_after_a_run(fault: Fault) -> Report {
    taken_after(fault, WHOLE)
}

/// A worker has taken a task and gone so far, when another looks into the same queue.
fn taken_after(fault: Fault, steps: usize) -> Report {
    let mut pool = Pool::new(fault, 4);
    pool.submit(&[Act::Wait]);
    pool.steps(0, steps);
    pool.steps(1, 1);
    pool.end()
}

fn one_task_two_workers(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 4);
    pool.submit(&[Act::Done]);
    pool.steps(0, 2);
    pool.steps(1, 2);
    pool.end()
}

fn panic(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 4);
    pool.submit(&[Act::Panic]);
    pool.end()
}

fn abort_before_the_start(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 4);
    let task = pool.submit(&[Act::Done]);
    pool.steps(0, 1);
    pool.outside.abort(task);
    pool.end()
}

fn abort_in_the_queue(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 4);
    let task = pool.submit(&[Act::Done]);
    pool.outside.abort(task);
    pool.end()
}

fn abort_in_a_run(fault: Fault) -> Report {
    let mut pool = Pool::new(fault, 4);
    let task = pool.submit(&[Act::Wait]);
    pool.steps(0, 2);
    pool.outside.abort(task);
    pool.end()
}

/// A steal that takes a thousand times the limit, by a clock that stands still but for that.
pub(crate) fn slow_steal() -> Report {
    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(0) };
    }
    let settings = Settings {
        clock: Some(|| NOW.get()),
        slow_steal: Some(Duration::from_micros(1)),
        ..Settings::default()
    };
    let mut bench = Bench::<Ring<u64>, Exact>::with(2, &settings);
    for id in [A, B] {
        push(&bench.deque, &mut bench.owner, id);
    }
    for late in [1_000, 1_000_000] {
        let stolen = steal(&bench.deque, &mut bench.thief, || NOW.set(NOW.get() + late));
        run_if(&mut bench.thief, stolen);
    }
    bench.end()
}

/// A task that is woken again and again, before, while and after it runs, and once when it is over.
pub(crate) fn needless_wakes() -> Report {
    let mut pool = Pool::new(Fault::None, 4);
    let task = pool.submit(&[Act::Wait, Act::Again, Act::Wait]);
    for step in 0..4 * WHOLE {
        (0..3).for_each(|_| pool.outside.wake(task));
        pool.steps(step % 3, 1);
    }
    settle(&mut pool.workers);
    (0..3).for_each(|_| pool.outside.wake(task));
    pool.end()
}

/// Tasks that panic: at once, after a wake, and one that is woken while it does.
pub(crate) fn panics() -> Report {
    let mut pool = Pool::new(Fault::None, 8);
    let tasks = [&[Act::Panic][..], &[Act::Again, Act::Panic], &[Act::Panic]].map(|acts| pool.submit(acts));
    pool.steps(0, 2);
    pool.outside.wake(tasks[0]);
    pool.end()
}

/// The owner gives up all that is in its queue, while a thief has read the oldest and not claimed it.
pub(crate) fn shutdown_in_a_steal<Q: Paused>() -> Report {
    let mut bench = Bench::<Q, Exact>::pushed(&[A, B], 2);
    let stolen = steal(&bench.deque, &mut bench.thief, || {
        while let Some(id) = pop(&bench.deque, &mut bench.owner) {
            bench.owner.released(id);
        }
    });
    run_if(&mut bench.thief, stolen);
    bench.end()
}

/// A pool stops with tasks in every queue, and somebody between two steps.
pub(crate) fn shutdown_of_a_pool() -> Report {
    let mut pool = Pool::new(Fault::None, 16);
    pool.submit(&[Act::Spawn(7)]);
    pool.steps(0, WHOLE);
    pool.steps(1, 2);
    pool.steps(2, 1);
    // Nothing is left in the injector, which would be nobody's to give up.
    pool.workers.iter_mut().for_each(Worker::shut_down);
    pool.end()
}

//! The jobs of a pool of closures: those in line, and those at work.
//!
//! The invariant: *never more jobs than the bound*, but for leaves, which the node table bounds. Each job has a permit, which
//! it gives back before anybody is told of its end. Where the bound is wide, a worker keeps a few permits of jobs that
//! nobody owns for those that it puts in itself, so that workers seldom meet here; none while it looks for work.
//!
//! A job that is cancelled in line leaves its id in a queue, where nothing can be taken out of the middle. When enough of
//! them are there, the injector is swept, so they never outnumber the jobs that wait by more than a few.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use super::crew::{Core, Ran, Tasks};
use super::deque::Ring;
use super::job::{CancelToken, Flag};
use super::padded::Padded;
use super::spawner::Rejected;
use super::table::{Held, Kept, Slot, Table};
use super::task::{Task, Turn};
use super::worker::Worker;
use crate::audit::Audit;
use crate::panics::discard;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

pub(crate) struct Jobs {
    table: Table<Task>,
    /// Permits in use, or kept by workers.
    permits: Padded<AtomicU64>,
    /// Whether there are so many permits that workers may keep some.
    wide: bool,
    /// The jobs of each worker; the last is of all other threads.
    tallies: Box<[Arc<Padded<Tally>>]>,
    /// Cancelled in line since the last sweep.
    withdrawn: AtomicU64,
    /// How many threads wait for a job of this pool.
    waiting: Arc<AtomicU64>,
    threads: u64,
    /// All are asked to stop.
    closed: AtomicBool,
}

/// How many jobs one worker has put in, and how many it has ended, wherever they came from. Only it writes them, but for
/// those of the threads that are no workers.
#[derive(Default)]
struct Tally {
    put: AtomicU64,
    ended: AtomicU64,
}

/// The queues and the threads of a pool, whatever watches them.
pub(crate) trait Line: Send + Sync {
    fn jobs(&self) -> &Arc<Jobs>;
    /// Puts an id in line, for a thread that is none of the pool's.
    fn put(&self, id: u64);
    /// Gives back what was put in after the end.
    fn drain(&self);
    /// How many ids stand in the line of everybody.
    fn injected(&self) -> usize;
    /// Takes the withdrawn ones out of it.
    fn sweep(&self);
    /// How many threads are at work.
    fn running(&self) -> usize;
}

/// How many permits a worker fetches or gives back at once.
const HANDFUL: u64 = 32;
/// So many permits for each worker are plenty: what it keeps is at most a sixteenth.
const PLENTY: u64 = 32 * HANDFUL;
/// A sweep is due after so many jobs were cancelled, at least.
const SWEEP: u64 = 32;

impl Jobs {
    /// For so many threads, and at most `limit` jobs, leaves included; `most` without.
    pub(crate) fn new(threads: usize, limit: u32, most: u64) -> Self {
        Self {
            table: Table::new(threads, limit),
            permits: Padded::default(),
            wide: most / PLENTY >= threads as u64,
            tallies: (0..=threads).map(|_| Arc::default()).collect(),
            withdrawn: AtomicU64::new(0),
            waiting: Arc::new(AtomicU64::new(0)),
            threads: threads as u64,
            closed: AtomicBool::new(false),
        }
    }

    /// Takes up to `wanted` permits, if fewer than `most` are taken, and says how many.
    fn take_permits(&self, wanted: u64, most: u64) -> u64 {
        let left = |taken: u64| most.saturating_sub(taken).min(wanted);
        let more = |taken| (left(taken) > 0).then(|| taken + left(taken));
        self.permits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_or(0, left)
    }

    fn return_permits(&self, count: u64) {
        self.permits.fetch_sub(count, Ordering::Relaxed);
    }

    /// A job that a worker did not run is gone.
    pub(crate) fn one_less(&self) {
        self.others().ended.fetch_add(1, Ordering::Release);
        self.return_permits(1);
    }

    /// How many jobs are in line or at work. It was zero at some moment if this says so.
    pub(crate) fn count(&self) -> u64 {
        // Whatever has put a job in that is counted as ended is counted, too, as those are read later.
        let ended: u64 = self.tallies.iter().map(|tally| tally.ended.load(Ordering::Acquire)).sum();
        let put: u64 = self.tallies.iter().map(|tally| tally.put.load(Ordering::Acquire)).sum();
        put.wrapping_sub(ended)
    }

    fn others(&self) -> &Tally {
        &self.tallies[self.threads as usize]
    }

    pub(crate) const fn waiting(&self) -> &Arc<AtomicU64> {
        &self.waiting
    }

    pub(crate) const fn threads(&self) -> u64 {
        self.threads
    }

    /// Takes no more jobs, and asks those that run to stop. Before the queues are closed: whoever sees them closed has
    /// been seen by their drain.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// A job was cancelled in line.
    pub(crate) fn withdrawn(&self, line: &dyn Line) {
        let withdrawn = self.withdrawn.fetch_add(1, Ordering::Relaxed) + 1;
        if withdrawn >= SWEEP.max(line.injected() as u64 / 2) {
            self.withdrawn.store(0, Ordering::Relaxed);
            line.sweep();
        }
    }

    /// A free place for a job, if there are fewer than `most`, and the pool is not closed.
    ///
    /// What puts a job in is in two halves that do not know its type, so that the part between them is small enough to be
    /// compiled into the caller: the job is moved once, from where it is made to where it stays.
    #[inline(never)]
    pub(crate) fn open(self: &Arc<Self>, most: u64) -> Option<Held<'_, Task>> {
        if self.is_closed() {
            return None;
        }
        let slot = here(self, |desk| match desk {
            Some(desk) => desk.admit(most),
            None => self.admit(most),
        });
        Some(self.table.free_place(slot?))
    }

    /// Why a job found no place.
    #[cold]
    pub(crate) fn reject<J>(&self, job: J) -> Rejected<J> {
        if self.is_closed() { Rejected::Closed(job) } else { Rejected::Full(job) }
    }

    /// Puts the job that is in this place in line.
    #[inline(never)]
    pub(crate) fn enqueue(self: &Arc<Self>, line: &dyn Line, place: Held<'_, Task>) {
        let id = place.publish();
        here(self, |desk| match desk {
            None => line.put(id),
            Some(desk) => {
                desk.worker.put(id);
                if self.is_closed() {
                    line.drain();
                }
            }
        });
    }

    /// Room for one more, from a thread that is no worker, if there are fewer than `most`.
    #[inline(never)]
    fn admit(&self, most: u64) -> Option<Slot> {
        if self.take_permits(1, most) == 0 {
            return None;
        }
        let slot = self.table.allot(None);
        match slot {
            Some(_) => _ = self.others().put.fetch_add(1, Ordering::Release),
            None => self.return_permits(1),
        }
        slot
    }

    fn is_withdrawn(&self, id: u64) -> bool {
        let Some(mut held) = self.table.hold(id) else { return true };
        matches!(held.content(), Task::Owned(job) if job.is_withdrawn())
    }

    /// Takes a task that will not run out of the table.
    fn forget(&self, id: u64) -> Task {
        let Some(mut held) = self.table.hold(id) else { return Task::None };
        let task = std::mem::take(held.content());
        held.leave().into_iter().for_each(|slot| self.table.give_back(None, slot));
        task
    }
}

/// Adds to a counter that only this thread writes.
#[inline]
fn add(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
}

/// Shows that the pool was shut down.
impl Flag for Jobs {
    fn is_raised(&self) -> bool {
        self.is_closed()
    }
}

/// What the pool's threads run.
pub(crate) struct Runner(pub(crate) Arc<Jobs>);

impl<A: Audit> Tasks<A> for Runner {
    fn run(&self, id: u64, worker: &Worker<A>) -> Ran {
        let Self(jobs) = self;
        here(jobs, |desk| {
            let Some(mut held) = jobs.table.hold(id) else { return Ran::Done };
            match (held.content(), desk) {
                (Task::Detached(_), Some(desk)) => AtWork { jobs, desk, worker, id, held: Some(held) }.run(),
                (Task::Owned(_), Some(desk)) => run_owned(jobs, desk, worker, id, held),
                _ => Ran::Done, // cannot be: every thread enters, and an id has a task
            }
        })
    }

    fn dropped(&self, id: u64) {
        let Self(jobs) = self;
        match jobs.forget(id) {
            Task::Owned(job) => job.refuse(&|| jobs.one_less()),
            Task::Detached(job) => {
                jobs.one_less();
                discard(job);
            }
            Task::None => {}
        }
    }

    fn idle(&self) {
        here(&self.0, |desk| desk.into_iter().for_each(Desk::return_all));
    }

    fn enter(&self, worker: &Rc<Worker<A>>) {
        let desk = Desk {
            jobs: Arc::clone(&self.0),
            tally: Arc::clone(&self.0.tallies[worker.number()]),
            held: Cell::new(0),
            worker: Rc::clone(worker) as Rc<dyn Local>,
            kept: Kept::default(),
            token: CancelToken(Arc::clone(&self.0) as Arc<dyn Flag>),
        };
        // It is the thread's first and only.
        HERE.with(|here| drop(here.set(desk)));
    }
}

#[inline(never)]
fn run_owned<A: Audit>(
    jobs: &Jobs,
    desk: &Desk,
    worker: &Worker<A>,
    id: u64,
    mut held: Held<'_, Task>,
) -> Ran {
    let task = std::mem::take(held.content());
    let slot = Cell::new(held.leave());
    let leave = || {
        worker.end(id);
        slot.take().into_iter().for_each(|slot| jobs.table.give_back(Some(&desk.kept), slot));
    };
    let end = || {
        leave();
        desk.ended_at_once();
    };
    if let Task::Owned(job) = task {
        if !job.run(&end) {
            leave();
        }
    }
    Ran::Done
}

/// A job that nobody owns, while it runs. However it ends, its thread, its slot and its permit are free afterwards.
struct AtWork<'a, A: Audit> {
    jobs: &'a Jobs,
    desk: &'a Desk,
    worker: &'a Worker<A>,
    id: u64,
    /// None if it goes on later.
    held: Option<Held<'a, Task>>,
}

impl<A: Audit> AtWork<'_, A> {
    #[inline]
    fn run(mut self) -> Ran {
        let turn = match self.held.as_mut().map(Held::content) {
            Some(Task::Detached(job)) => job.run(&self.desk.token),
            _ => Turn::Over,
        };
        match turn {
            Turn::Again => {
                self.held = None;
                return Ran::Again;
            }
            Turn::Spent => {
                self.end();
                // Its drop would find nothing to do.
                std::mem::forget(self);
            }
            Turn::Over => {}
        }
        Ran::Done
    }

    #[inline(always)]
    fn end(&mut self) {
        let Some(held) = self.held.take() else { return };
        let slot = held.leave();
        self.worker.end(self.id);
        if let Some(slot) = slot {
            self.jobs.table.give_back(Some(&self.desk.kept), slot);
        }
        self.desk.ended();
    }

    /// It has panicked, or what is left of it is not worth being kept.
    #[cold]
    fn clear(&mut self) {
        if let Some(held) = &mut self.held {
            discard(std::mem::take(held.content()));
            self.end();
        }
    }
}

impl<A: Audit> Drop for AtWork<'_, A> {
    #[inline]
    fn drop(&mut self) {
        if self.held.is_some() {
            self.clear();
        }
    }
}

/// A line, and who watches it.
pub(crate) struct Watched<A: Audit> {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) core: Arc<Core<A, Ring<A::Tag>>>,
}

impl<A: Audit> Line for Watched<A> {
    fn jobs(&self) -> &Arc<Jobs> {
        &self.jobs
    }

    fn put(&self, id: u64) {
        self.core.put(id);
    }

    fn drain(&self) {
        self.core.drain();
    }

    fn injected(&self) -> usize {
        self.core.hub().injected()
    }

    fn sweep(&self) {
        let keep = |id| !self.jobs.is_withdrawn(id);
        self.core.hub().sweep(keep, |id| drop(self.jobs.forget(id)));
    }

    fn running(&self) -> usize {
        let hub = self.core.hub();
        (0..self.jobs.threads as usize).filter(|worker| hub.running(*worker).is_some()).count()
    }
}

/// What a thread of a pool has for itself.
pub(crate) struct Desk {
    jobs: Arc<Jobs>,
    worker: Rc<dyn Local>,
    kept: Kept,
    tally: Arc<Padded<Tally>>,
    /// Permits that it has fetched, less those that it has given back. So it keeps those, less the jobs that it has put
    /// in, and those of the jobs that it has ended.
    held: Cell<u64>,
    /// What detached jobs are shown.
    token: CancelToken,
}

impl Desk {
    /// How many permits it keeps.
    #[inline]
    fn permits(&self) -> u64 {
        let (put, ended) = (&self.tally.put, &self.tally.ended);
        let used = put.load(Ordering::Relaxed).wrapping_sub(ended.load(Ordering::Relaxed));
        self.held.get().wrapping_sub(used)
    }

    /// Room for one more, if there are fewer than `most`.
    #[inline]
    fn admit(&self, most: u64) -> Option<Slot> {
        if self.permits() == 0 && !self.fetch_permits(most) {
            return None;
        }
        let slot = self.jobs.table.allot(Some(&self.kept));
        match slot {
            Some(_) => add(&self.tally.put),
            None => self.return_all(),
        }
        slot
    }

    #[cold]
    fn fetch_permits(&self, most: u64) -> bool {
        let fetched = self.jobs.take_permits(if self.jobs.wide { HANDFUL } else { 1 }, most);
        self.held.set(self.held.get().wrapping_add(fetched));
        fetched > 0
    }

    #[inline(never)]
    fn return_some(&self, count: u64) {
        self.held.set(self.held.get().wrapping_sub(count));
        self.jobs.return_permits(count);
    }

    /// A job has ended, of which nobody is told.
    #[inline]
    fn ended(&self) {
        add(&self.tally.ended);
        let most = if self.jobs.wide { 2 * HANDFUL } else { 1 };
        if self.permits() >= most {
            self.return_some(most.div_ceil(2));
        }
    }

    fn ended_at_once(&self) {
        add(&self.tally.ended);
        self.return_some(1);
    }

    /// Keeps no permits.
    fn return_all(&self) {
        let kept = self.permits();
        if kept > 0 {
            self.return_some(kept);
        }
    }
}

/// The worker of a thread.
trait Local {
    fn put(&self, id: u64);
}

impl<A: Audit> Local for Worker<A> {
    fn put(&self, id: u64) {
        self.put(id);
    }
}

thread_local! {
    static HERE: OnceCell<Desk> = const { OnceCell::new() };
}

/// Calls `call` once, with the desk of the calling thread, if it is one that runs these jobs.
#[inline]
pub(crate) fn here<R>(jobs: &Arc<Jobs>, call: impl Fn(Option<&Desk>) -> R) -> R {
    HERE.try_with(|here| call(here.get().filter(|desk| Arc::ptr_eq(&desk.jobs, jobs))))
        // The thread is about to end, and its desk is gone.
        .unwrap_or_else(|_| call(None))
}

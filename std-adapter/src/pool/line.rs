//! The jobs of a pool of closures: those in line, and those at work.
//!
//! The invariant: *never more jobs than the bound*, but for leaves, which the node table bounds. The count is exact: a job
//! leaves it before anybody is told of its end.
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
use super::table::{Kept, Table};
use super::task::Task;
use super::worker::Worker;
use crate::audit::Audit;
use crate::panics::discard;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

pub(crate) struct Jobs {
    table: Table<Task>,
    /// In line or at work.
    count: Padded<AtomicU64>,
    /// Cancelled in line since the last sweep.
    withdrawn: AtomicU64,
    /// How many threads wait for a job of this pool.
    waiting: Arc<AtomicU64>,
    threads: u64,
    /// All are asked to stop.
    closed: AtomicBool,
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

/// A sweep is due after so many jobs were cancelled, at least.
const SWEEP: u64 = 32;

impl Jobs {
    pub(crate) fn new(threads: usize, limit: u32) -> Self {
        Self {
            table: Table::new(threads, limit),
            count: Padded::default(),
            withdrawn: AtomicU64::new(0),
            waiting: Arc::new(AtomicU64::new(0)),
            threads: threads as u64,
            closed: AtomicBool::new(false),
        }
    }

    /// Makes room for one more, if there are fewer than `most`.
    fn one_more(&self, most: u64) -> bool {
        let more = |count| (count < most).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(crate) fn one_less(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
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

    /// Puts a job in line, as the task that `make` makes of it, if there are fewer than `most`.
    pub(crate) fn put<J, R>(
        self: &Arc<Self>,
        line: &dyn Line,
        most: u64,
        job: J,
        make: impl FnOnce(J) -> (Task, R),
    ) -> Result<R, Rejected<J>> {
        if self.is_closed() {
            return Err(Rejected::Closed(job));
        }
        if !self.one_more(most) {
            return Err(Rejected::Full(job));
        }
        here(self, |desk| {
            let Some(slot) = self.table.allot(desk.map(|desk| &desk.kept)) else {
                self.one_less();
                return Err(Rejected::Full(job));
            };
            let (task, owner) = make(job);
            let id = self.table.fill(slot, task);
            match desk {
                None => line.put(id),
                Some(desk) => {
                    desk.worker.put(id);
                    if self.is_closed() {
                        line.drain();
                    }
                }
            }
            Ok(owner)
        })
    }

    fn is_withdrawn(&self, id: u64) -> bool {
        let look = |task: &Task| matches!(task, Task::Owned(job) if job.is_withdrawn());
        self.table.look(id, look).unwrap_or(true)
    }

    /// Takes a task that will not run out of the table.
    fn forget(&self, id: u64) -> Option<Task> {
        let (task, slot) = self.table.take(id)?;
        slot.into_iter().for_each(|slot| self.table.give_back(None, slot));
        Some(task)
    }
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
        let Some((task, slot)) = jobs.table.take(id) else { return Ran::Done };
        here(jobs, |desk| {
            let slot = Cell::new(slot);
            let leave = || {
                worker.end(id);
                if let Some(slot) = slot.take() {
                    jobs.table.give_back(desk.map(|desk| &desk.kept), slot);
                }
            };
            let end = || {
                leave();
                jobs.one_less();
            };
            match (task, desk) {
                (Task::Detached(job), Some(desk)) => {
                    // Its slot and its place are free however it ends.
                    let _end = OnDrop(end);
                    job(&desk.token);
                }
                (Task::Detached(job), None) => drop(job), // cannot be: every thread enters
                (Task::Owned(job), _) => {
                    if !job.run(&end) {
                        leave();
                    }
                }
            }
        });
        Ran::Done
    }

    fn dropped(&self, id: u64) {
        let Self(jobs) = self;
        match jobs.forget(id) {
            Some(Task::Detached(job)) => {
                jobs.one_less();
                discard(job);
            }
            Some(Task::Owned(job)) => job.refuse(&|| jobs.one_less()),
            None => {}
        }
    }

    fn enter(&self, worker: &Rc<Worker<A>>) {
        let desk = Desk {
            jobs: Arc::clone(&self.0),
            worker: Rc::clone(worker) as Rc<dyn Local>,
            kept: Kept::default(),
            token: CancelToken(Arc::clone(&self.0) as Arc<dyn Flag>),
        };
        // It is the thread's first and only.
        HERE.with(|here| drop(here.set(desk)));
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
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
    /// What detached jobs are shown.
    token: CancelToken,
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

/// Calls `call` with the desk of the calling thread, if it is one that runs these jobs.
pub(crate) fn here<R>(jobs: &Arc<Jobs>, call: impl FnOnce(Option<&Desk>) -> R) -> R {
    let mut call = Some(call);
    let found = HERE.try_with(|here| {
        let desk = here.get().filter(|desk| Arc::ptr_eq(&desk.jobs, jobs));
        call.take().map(|call| call(desk))
    });
    match (found, call) {
        (Ok(Some(value)), _) => value,
        // The thread is about to end, and its desk is gone.
        (_, Some(call)) => call(None),
        _ => unreachable!("it was called, or it is still here"),
    }
}

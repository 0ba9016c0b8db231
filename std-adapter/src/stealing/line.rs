//! The jobs of a pool of closures: those in line, and those at work.
//!
//! The invariant: *never more jobs than the bound*, but for leaves, which the node table bounds. The count is exact: a job
//! leaves it before anybody is told of its end.
//!
//! A job that is cancelled in line leaves its id in a queue, where nothing can be taken out of the middle. When enough of
//! them are there, the injector is swept, so they never outnumber the jobs that wait by more than a few.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::crew::{Core, Ran, Tasks};
use super::deque::Ring;
use super::table::Table;
use super::task::Task;
use super::worker::Worker;
use crate::audit::Audit;
use crate::sync::{AtomicU64, Ordering};

pub(crate) struct Jobs {
    table: Table<Arc<dyn Task>>,
    /// In line or at work.
    count: AtomicU64,
    /// Cancelled in line since the last sweep.
    withdrawn: AtomicU64,
    /// How many threads wait for a job of this pool.
    waiting: Arc<AtomicU64>,
    threads: u64,
}

/// The jobs and the threads that run them, whatever watches them.
pub(crate) trait Line: Send + Sync {
    fn jobs(&self) -> &Arc<Jobs>;
    /// Puts an id in line, for a thread that is none of the pool's.
    fn put(&self, id: u64);
    fn is_closed(&self) -> bool;
    /// Gives back what was put in after the end.
    fn drain(&self);
    /// How many ids stand in the line of everybody.
    fn injected(&self) -> usize;
    /// Takes the withdrawn ones out of it.
    fn sweep(&self);
    /// How many threads are at work.
    fn running(&self) -> usize;
}

/// There are as many tasks as the audit can tell apart.
pub(crate) struct Refused;

/// A sweep is due after so many jobs were cancelled, at least.
const SWEEP: u64 = 32;

impl Jobs {
    pub(crate) fn new(threads: usize, limit: u32) -> Self {
        Self {
            table: Table::new(threads, limit),
            count: AtomicU64::new(0),
            withdrawn: AtomicU64::new(0),
            waiting: Arc::new(AtomicU64::new(0)),
            threads: threads as u64,
        }
    }

    /// Makes room for one more, if there are fewer than `most`.
    pub(crate) fn one_more(&self, most: u64) -> bool {
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

    /// A job was cancelled in line.
    pub(crate) fn withdrawn(&self, line: &dyn Line) {
        let withdrawn = self.withdrawn.fetch_add(1, Ordering::Relaxed) + 1;
        if withdrawn >= SWEEP.max(line.injected() as u64 / 2) {
            self.withdrawn.store(0, Ordering::Relaxed);
            line.sweep();
        }
    }

    /// Puts a task in line, for which there is room.
    pub(crate) fn put(self: &Arc<Self>, task: Arc<dyn Task>, line: &dyn Line) -> Result<(), Refused> {
        let here = here(self);
        let number = here.as_ref().map(|worker| worker.number());
        let id = self.table.insert(number, task).map_err(|_| Refused)?;
        match here {
            Some(worker) => {
                worker.put(id);
                if line.is_closed() {
                    line.drain();
                }
            }
            None => line.put(id),
        }
        Ok(())
    }

    /// Asks all that run to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.table.each(|task| task.ask_to_stop());
    }

    fn is_withdrawn(&self, id: u64) -> bool {
        self.table.get(id).is_none_or(|task| task.is_withdrawn())
    }
}

/// What the pool's threads run.
pub(crate) struct Runner(pub(crate) Arc<Jobs>);

impl<A: Audit> Tasks<A> for Runner {
    fn run(&self, id: u64, worker: &Worker<A>) -> Ran {
        let Self(jobs) = self;
        let leave = || {
            worker.end(id);
            jobs.table.remove(Some(worker.number()), id)
        };
        if let Some(task) = jobs.table.get(id) {
            let ran = task.run(&|| {
                drop(leave());
                jobs.one_less();
            });
            if !ran {
                drop(leave());
            }
        }
        Ran::Done
    }

    fn dropped(&self, id: u64) {
        if let Some(task) = self.0.table.remove(None, id) {
            task.refuse(&|| self.0.one_less());
        }
    }

    fn enter(&self, worker: &Rc<Worker<A>>) {
        let worker = Rc::clone(worker) as Rc<dyn Local>;
        HERE.with_borrow_mut(|here| *here = Some((Arc::clone(&self.0), worker)));
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

    fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    fn drain(&self) {
        self.core.drain();
    }

    fn injected(&self) -> usize {
        self.core.hub().injected()
    }

    fn sweep(&self) {
        let keep = |id| !self.jobs.is_withdrawn(id);
        self.core.hub().sweep(keep, |id| drop(self.jobs.table.remove(None, id)));
    }

    fn running(&self) -> usize {
        let hub = self.core.hub();
        (0..self.jobs.threads as usize).filter(|worker| hub.running(*worker).is_some()).count()
    }
}

/// The worker of the calling thread.
pub(crate) trait Local {
    fn number(&self) -> usize;
    fn put(&self, id: u64);
}

impl<A: Audit> Local for Worker<A> {
    fn number(&self) -> usize {
        self.number()
    }

    fn put(&self, id: u64) {
        self.put(id);
    }
}

/// Whose thread this is, and which of them.
type Here = (Arc<Jobs>, Rc<dyn Local>);

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// The worker of the calling thread, if it is one that runs these jobs.
pub(crate) fn here(jobs: &Arc<Jobs>) -> Option<Rc<dyn Local>> {
    // A job that is dropped while its thread ends finds none.
    let look = HERE.try_with(|here| {
        let here = here.borrow();
        let (own, worker) = here.as_ref()?;
        Arc::ptr_eq(own, jobs).then(|| Rc::clone(worker))
    });
    look.ok().flatten()
}

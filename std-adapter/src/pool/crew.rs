//! A pool of threads that run tasks by their ids.
//!
//! The invariant: *every id that was put in is run to its end, or given back to [`Tasks::dropped`]*, once. What a task
//! is, and where it is kept, is its owner's matter.
//!
//! ```text
//!   look for an id -> started -> Tasks::run -> finished -+- Done, or a panic
//!        |    ^                                          +- Again -> behind those that wait
//!      sleep -+
//! ```

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::deque::{Deque, Ring};
use super::hub::{Hub, Options};
use super::threads::Threads;
use super::worker::Worker;
use crate::audit::{Audit, Finish, Moment, Off, Report};
use crate::panics::discard;

/// What a [`Crew`] runs.
///
/// A closure that takes an id and a worker is enough, if you need nothing else.
pub trait Tasks<A: Audit = Off, D = Ring<<A as Audit>::Tag>>: Send + Sync + 'static {
    /// Runs the task. A panic ends the task, not the thread.
    ///
    /// A task that tells others that it has ended must call [`Worker::end`] first.
    fn run(&self, id: u64, worker: &Worker<A, D>) -> Ran;

    /// The pool is closed, and this one did not start.
    fn dropped(&self, id: u64) {
        let _ = id;
    }

    /// Called by each worker's thread before its first task.
    fn enter(&self, worker: &Rc<Worker<A, D>>) {
        let _ = worker;
    }

    /// Called by a worker's thread that has found nothing to run, before it searches on and sleeps.
    fn idle(&self) {}
}

impl<A, D, F> Tasks<A, D> for F
where
    A: Audit,
    D: Deque<A::Tag>,
    F: Fn(u64, &Worker<A, D>) -> Ran + Send + Sync + 'static,
{
    fn run(&self, id: u64, worker: &Worker<A, D>) -> Ran {
        self(id, worker)
    }
}

/// What a run of a task has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// The task is over.
    Done,
    /// Run it again, after those that this worker has in line.
    Again,
}

/// Threads that run tasks by their ids and steal them from each other.
///
/// The low 32 bits of an id are its slot, the high 32 bits the generation of that slot. When a task has ended or was
/// dropped, its id is dead, and the slot may be used again in a later generation. Only an audit looks at that.
///
/// Dropped, it is closed as by [`Crew::shutdown`] with ten seconds, if it has not been before; threads that have not
/// returned then go on alone.
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use windlass_std::audit::{Exact, Moment};
/// use windlass_std::pool::{Crew, Options, Ran, Worker};
///
/// let (tell, told) = mpsc::channel();
/// // Each task but the last few puts two more into its worker's deque.
/// let crew = Crew::start(&Options::new(2), move |id, worker: &Worker<Exact>| {
///     if id < 1_000 {
///         worker.put(2 * id);
///         worker.put(2 * id + 1);
///     }
///     tell.send(id).ok();
///     Ran::Done
/// })?;
/// crew.put(1);
/// assert_eq!(told.iter().take(1_999).map(|id| id as u32).max(), Some(1_999));
/// let ended = crew.shutdown(Duration::from_secs(10));
/// assert!(ended.unreturned.is_empty());
/// assert!(crew.report(Moment::Quiescent).is_clean());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Crew<A: Audit = Off, D: Deque<A::Tag> = Ring<<A as Audit>::Tag>> {
    core: Arc<Core<A, D>>,
    threads: Threads,
}

/// How a pool ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Who had not returned when the time was up. They go on alone until their task returns.
    pub unreturned: Vec<Unreturned>,
}

/// A worker that has not returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreturned {
    /// The worker.
    pub worker: usize,
    /// The name of its thread.
    pub thread: String,
    /// What it runs; none if it is between two tasks.
    pub id: Option<u64>,
}

/// What outlives the threads' owner: a thread that does not return, and whoever puts ids in.
pub(crate) struct Core<A: Audit, D> {
    hub: Arc<Hub<A, D>>,
    dropped: Box<dyn Fn(u64) + Send + Sync>,
    name: &'static str,
}

/// How long a drop waits.
pub(crate) const DROP_LIMIT: Duration = Duration::from_secs(10);

impl<A: Audit, D: Deque<A::Tag>> Crew<A, D> {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for sizes that are impossible, and those of the operating system when it starts
    /// threads.
    pub fn start<T: Tasks<A, D>>(options: &Options, tasks: T) -> io::Result<Self> {
        Ok(Self::start_with(options, |_| tasks)?.0)
    }

    /// As [`Crew::start`], for tasks that depend on what the audit can do.
    pub(crate) fn start_with<T: Tasks<A, D>>(
        options: &Options,
        tasks: impl FnOnce(&A) -> T,
    ) -> io::Result<(Self, Arc<T>)> {
        let hub = Arc::new(Hub::new(options)?);
        let tasks = Arc::new(tasks(hub.audit()));
        let all = Arc::clone(&tasks);
        let dropped = Box::new(move |id| all.dropped(id));
        let core = Arc::new(Core { hub, dropped, name: options.name });
        // Made first: if a thread cannot be started, its drop ends those that were.
        let crew = Self { core, threads: Threads::default() };
        for number in 0..options.workers {
            let (core, tasks) = (Arc::clone(&crew.core), Arc::clone(&tasks));
            crew.threads.start(crew.core.thread(number), number, move || core.serve(&*tasks, number))?;
        }
        Ok((crew, tasks))
    }

    /// Puts an id in line. In a closed pool, it goes to [`Tasks::dropped`] at once.
    ///
    /// From any thread. The id must not be in any queue, nor run.
    pub fn put(&self, id: u64) {
        self.core.put(id);
    }

    pub(crate) const fn core(&self) -> &Arc<Core<A, D>> {
        &self.core
    }

    /// How often workers have gone to sleep so far.
    #[must_use]
    pub fn parks(&self) -> u64 {
        self.core.hub.parks()
    }

    /// How many ids wait to be taken; exact if nobody is at it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.core.hub.waiting()
    }

    /// The audit's view. [`Moment::Quiescent`] is for the caller to be sure of: all tasks have ended, or the pool was
    /// shut down and everybody has returned.
    #[must_use]
    pub fn report(&self, moment: Moment) -> Report {
        self.core.hub.report(moment)
    }

    /// What a worker runs right now.
    #[must_use]
    pub fn running(&self, worker: usize) -> Option<u64> {
        self.core.hub.running(worker)
    }

    /// Closes the pool: what has not started never will, and goes to [`Tasks::dropped`].
    ///
    /// Then waits for the threads, at most for `limit`, and names those that have not returned. May be called again,
    /// to wait longer. A task that calls it does not wait for its own thread, which is named.
    pub fn shutdown(&self, limit: Duration) -> Ended {
        self.core.hub.close();
        self.core.drain();
        let unreturned = self
            .threads
            .wait(limit)
            .into_iter()
            .map(|worker| Unreturned {
                worker,
                thread: self.core.thread(worker),
                id: self.core.hub.running(worker),
            })
            .collect();
        Ended { unreturned }
    }
}

impl<A: Audit, D: Deque<A::Tag>> Drop for Crew<A, D> {
    fn drop(&mut self) {
        if !self.core.is_closed() {
            self.shutdown(DROP_LIMIT);
        }
    }
}

impl<A: Audit, D: Deque<A::Tag>> Core<A, D> {
    fn serve<T: Tasks<A, D>>(&self, tasks: &T, number: usize) {
        let worker = Rc::new(Worker::new(Arc::clone(&self.hub), number));
        tasks.enter(&worker);
        while !self.hub.is_closed() {
            let wait = || {
                tasks.idle();
                worker.wait(None)
            };
            let Some(id) = worker.next().or_else(wait) else { continue };
            if self.hub.is_closed() {
                worker.release(id);
                self.drop_one(id);
            } else if worker.start(id) {
                run(tasks, id, &worker);
            }
        }
        // What it put in itself after the pool was closed.
        self.drain();
    }

    /// Puts an id in line; in a closed pool, it goes to [`Tasks::dropped`].
    pub(crate) fn put(&self, id: u64) {
        if self.hub.put(id) {
            self.drain();
        }
    }

    pub(crate) fn hub(&self) -> &Hub<A, D> {
        &self.hub
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.hub.is_closed()
    }

    pub(crate) fn drain(&self) {
        self.hub.drain(|id| self.drop_one(id));
    }

    fn drop_one(&self, id: u64) {
        discard(catch_unwind(AssertUnwindSafe(|| (self.dropped)(id))));
    }

    fn thread(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }
}

fn run<A: Audit, D: Deque<A::Tag>, T: Tasks<A, D>>(tasks: &T, id: u64, worker: &Worker<A, D>) {
    match catch_unwind(AssertUnwindSafe(|| tasks.run(id, worker))) {
        Ok(Ran::Again) => worker.put_again(id),
        Ok(Ran::Done) => worker.end(id),
        Err(payload) => {
            worker.finish(id, Finish::Panicked);
            discard(payload);
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = &self.unreturned[..] else {
            return f.write_str("all threads have returned");
        };
        f.write_str(&first.thread)?;
        rest.iter().try_for_each(|other| write!(f, ", {}", other.thread))?;
        f.write_str(if rest.is_empty() { " has not returned" } else { " have not returned" })
    }
}

impl<A: Audit, D: Deque<A::Tag>> fmt::Debug for Crew<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("workers", &self.core.hub.lanes.len())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

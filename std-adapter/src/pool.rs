//! A bounded pool of threads for what blocks: files, sockets, long computations.
//!
//! The invariant: *never more jobs at work than threads, and never more in line than the bound*; a job too many is
//! given back. A job that is cancelled while it is in line never starts. A panic of a job is its result, and its
//! thread lives on. This file knows nothing of nodes: a job may carry a wake handle, which is used when its result is
//! there. [`Blocking`](crate::Blocking) makes a leaf of it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use windlass::WakeHandle;

use crate::clock::lock;
use crate::job::{Job, JobError};
use crate::panics::{discard, message};
use crate::reply;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{AtomicBool, Condvar, Mutex, Ordering};

/// A pool of threads. When it is dropped, jobs in line are cancelled, jobs at work are asked to stop and waited for.
///
/// ```
/// use std::sync::mpsc;
/// use windlass_std::{JobError, Pool, Rejected};
///
/// let pool = Pool::new(1, 1)?;
/// let (go, wait) = mpsc::channel::<()>();
/// let mut first = pool.spawn(None, move |_| wait.recv().is_ok())?;
/// let mut second = pool.spawn(None, |_| panic!("out of paper"))?;
/// let third = pool.spawn(None, |_| "too much");
/// assert!(matches!(third, Err(Rejected::Full(_))));
/// assert_eq!(first.poll(), None);
/// go.send(())?;
/// assert_eq!(first.wait(), Ok(true));
/// let result: Result<(), _> = second.wait();
/// assert_eq!(result, Err(JobError::Panicked("out of paper".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool {
    spawner: Spawner,
    threads: Vec<JoinHandle<()>>,
}

/// Hands jobs to a [`Pool`]. A clone serves the same pool; it may outlive it, and is then refused.
#[derive(Clone)]
pub struct Spawner {
    line: Arc<Line>,
}

/// Whether somebody has lost interest in a job. A clone shows the same.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

/// A job that a pool did not take, given back.
pub enum Rejected<F> {
    /// As many jobs as the bound allows are in line.
    Full(F),
    /// The pool is shut down.
    Closed(F),
}

/// The jobs of a pool.
pub(crate) struct Line {
    state: Mutex<State>,
    arrived: Condvar,
    threads: usize,
    bound: usize,
}

struct State {
    waiting: VecDeque<Waiting>,
    running: Vec<(u64, CancelToken)>,
    next_key: u64,
    open: bool,
}

struct Waiting {
    key: u64,
    token: CancelToken,
    wake: Option<WakeHandle>,
    run: Run,
}

/// Runs the job, calls what it is given when the thread is free again, and only then shows the result.
type Run = Box<dyn FnOnce(&dyn Fn()) + Send>;

impl CancelToken {
    /// Whether the job was cancelled: its result will not be looked at.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of `threads` threads, where `bound` jobs may wait besides those at work.
    ///
    /// # Errors
    /// Those of the operating system when it starts threads; [`io::ErrorKind::InvalidInput`] for no threads at all.
    pub fn new(threads: usize, bound: usize) -> io::Result<Self> {
        if threads == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a pool without threads would never run a job",
            ));
        }
        let state = State { waiting: VecDeque::new(), running: Vec::new(), next_key: 0, open: true };
        let line = Arc::new(Line { state: Mutex::new(state), arrived: Condvar::new(), threads, bound });
        // Made first: if a thread cannot be started, its drop ends those that were.
        let mut pool = Self { spawner: Spawner { line }, threads: Vec::new() };
        for number in 0..threads {
            let line = Arc::clone(&pool.spawner.line);
            let thread = thread::Builder::new().name(format!("windlass-pool-{number}"));
            pool.threads.push(thread.spawn(move || line.serve())?);
        }
        Ok(pool)
    }

    /// What hands jobs to this pool, for leaves and other threads.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// As [`Spawner::spawn`].
    ///
    /// # Errors
    /// [`Rejected`], with the job.
    pub fn spawn<T, F>(&self, wake: Option<WakeHandle>, job: F) -> Result<Job<T>, Rejected<F>>
    where
        T: Send + 'static,
        F: FnOnce(&CancelToken) -> T + Send + 'static,
    {
        self.spawner.spawn(wake, job)
    }

    /// Cancels the jobs in line, asks those at work to stop, and waits for them; as a drop does.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.spawner.line.close();
        for thread in self.threads.drain(..) {
            // A job may own its pool; its thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                // The thread lets no panic out.
                let _ = thread.join();
            }
        }
    }
}

impl Spawner {
    /// Puts a job in line. `wake` is used when its result is there; `None` for jobs that are waited for otherwise.
    ///
    /// # Errors
    /// [`Rejected::Full`] if `bound` jobs are in line already, [`Rejected::Closed`] if the pool is shut down; the job
    /// comes back.
    pub fn spawn<T, F>(&self, wake: Option<WakeHandle>, job: F) -> Result<Job<T>, Rejected<F>>
    where
        T: Send + 'static,
        F: FnOnce(&CancelToken) -> T + Send + 'static,
    {
        self.enqueue(wake, job, self.line.threads.saturating_add(self.line.bound))
    }

    /// As [`Spawner::spawn`], past the bound: for leaves, which the node table bounds.
    pub(crate) fn spawn_leaf<T, F>(&self, wake: WakeHandle, job: F) -> Result<Job<T>, Rejected<F>>
    where
        T: Send + 'static,
        F: FnOnce(&CancelToken) -> T + Send + 'static,
    {
        self.enqueue(Some(wake), job, usize::MAX)
    }

    fn enqueue<T, F>(&self, wake: Option<WakeHandle>, job: F, most: usize) -> Result<Job<T>, Rejected<F>>
    where
        T: Send + 'static,
        F: FnOnce(&CancelToken) -> T + Send + 'static,
    {
        let mut state = lock(&self.line.state);
        if !state.open {
            return Err(Rejected::Closed(job));
        }
        if state.waiting.len() + state.running.len() >= most {
            return Err(Rejected::Full(job));
        }
        let (promise, answer) = reply::pair();
        let token = CancelToken::default();
        let shown = token.clone();
        let run = move |free: &dyn Fn()| {
            let result = catch_unwind(AssertUnwindSafe(|| job(&shown)));
            free();
            promise.fulfil(match result {
                Ok(value) => Ok(value),
                Err(payload) => {
                    let message = message(&payload);
                    discard(payload);
                    Err(JobError::Panicked(message))
                }
            });
            if let Some(wake) = wake {
                wake.wake();
            }
        };
        let key = state.next_key;
        state.next_key += 1;
        state.waiting.push_back(Waiting { key, token: token.clone(), wake, run: Box::new(run) });
        drop(state);
        self.line.arrived.notify_one();
        Ok(Job::new(answer, token, key, Arc::clone(&self.line)))
    }

    /// How many jobs are in line and how many at work.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let state = lock(&self.line.state);
        (state.waiting.len(), state.running.len())
    }
}

impl Line {
    /// What a thread of the pool does.
    fn serve(&self) {
        loop {
            let job = {
                let mut state = lock(&self.state);
                loop {
                    if let Some(job) = state.waiting.pop_front() {
                        state.running.push((job.key, job.token.clone()));
                        break job;
                    }
                    if !state.open {
                        return;
                    }
                    state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            };
            let Waiting { key, run, .. } = job;
            let free = || lock(&self.state).running.retain(|(other, _)| *other != key);
            // The job's own panic is its result; this is for a result that nobody wanted and whose drop panics.
            discard(catch_unwind(AssertUnwindSafe(|| run(&free))));
        }
    }

    /// Takes a job out of the line. False if it is not there (any more).
    pub(crate) fn remove(&self, key: u64) -> bool {
        let mut state = lock(&self.state);
        let place = state.waiting.iter().position(|job| job.key == key);
        let job = place.and_then(|place| state.waiting.remove(place));
        drop(state);
        // The job itself is dropped without the lock.
        job.is_some()
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.open = false;
        let waiting = std::mem::take(&mut state.waiting);
        state.running.iter().for_each(|(_, token)| token.cancel());
        drop(state);
        self.arrived.notify_all();
        for Waiting { token, wake, run, .. } in waiting {
            token.cancel();
            discard(run);
            if let Some(wake) = wake {
                wake.wake();
            }
        }
    }
}

impl<F> Rejected<F> {
    /// The job.
    pub fn into_inner(self) -> F {
        match self {
            Self::Full(job) | Self::Closed(job) => job,
        }
    }
}

impl<F> fmt::Debug for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Full(_)) { "Full" } else { "Closed" })
    }
}

impl<F> fmt::Display for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the pool's line is full",
            Self::Closed(_) => "the pool is shut down",
        })
    }
}

impl<F> std::error::Error for Rejected<F> {}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, running) = self.load();
        write!(f, "Spawner({running} of {} at work, {waiting} in line)", self.line.threads)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.spawner).finish()
    }
}

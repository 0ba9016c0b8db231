//! A bounded pool of threads for what blocks or computes for long: files, sockets, hashes.
//!
//! The invariant: *never more jobs at work than threads, and never more in line than the bound*; a job too many is
//! given back. A job that is cancelled while it is in line never starts. A panic of a job is its result, and its
//! thread lives on. This file knows nothing of nodes: a job may carry a wake handle, which is used when its result is
//! there. [`Blocking`](crate::Blocking) makes a leaf of it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use windlass::WakeHandle;

use super::crew::{Crew, DROP_LIMIT, Ended, Ran};
use super::hub::Options;
use super::job::{CancelToken, Job};
use super::line::{Jobs, Line, Runner, Watched};
use super::task::{Closure, Owned, Task};
use crate::audit::{Audit, Moment, Off, Report};

/// A pool of threads.
///
/// Jobs from outside start in the order in which they came. A job that spawns others puts them before these, onto its own
/// thread, from which idle threads steal the oldest.
///
/// When it is dropped, jobs in line are cancelled, jobs at work are asked to stop and waited for, ten seconds at most;
/// [`Pool::shutdown_timeout`] waits as long as you like, and says who has not returned. A thread whose job never returns
/// goes on alone.
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
///
/// Every promise of the queues below can be watched while the pool runs, with an [`audit`](crate::audit) as type
/// parameter: see [`Pool::with_options`].
pub struct Pool<A: Audit = Off> {
    spawner: Spawner,
    crew: Crew<A>,
}

/// Hands jobs to a [`Pool`]. A clone serves the same pool; it may outlive it, and is then refused.
#[derive(Clone)]
pub struct Spawner {
    jobs: Arc<Jobs>,
    line: Arc<dyn Line>,
    /// How many jobs there may be, in line and at work.
    most: u64,
}

/// A job that a pool did not take, given back.
pub enum Rejected<F> {
    /// As many jobs as the bound allows are in line.
    Full(F),
    /// The pool is shut down.
    Closed(F),
}

impl Pool {
    /// A pool of `threads` threads, where `bound` jobs may wait besides those at work.
    ///
    /// If that comes to 1,024 jobs or more for each thread, a thread at work keeps up to 64 free places for the jobs that
    /// its own jobs put in; others are refused that much sooner then. A thread that has nothing to do keeps none.
    ///
    /// # Errors
    /// Those of the operating system when it starts threads; [`io::ErrorKind::InvalidInput`] for no threads at all.
    pub fn new(threads: usize, bound: usize) -> io::Result<Self> {
        Self::with_options(&Options::new(threads), bound)
    }
}

impl<A: Audit> Pool<A> {
    /// As [`Pool::new`], of other sizes than the usual, or watched by an audit.
    ///
    /// ```
    /// use windlass_std::Pool;
    /// use windlass_std::audit::{Exact, Moment};
    /// use windlass_std::pool::Options;
    ///
    /// let pool: Pool<Exact> = Pool::with_options(&Options::new(2), 100)?;
    /// let mut jobs = Vec::new();
    /// for n in 0..100 {
    ///     jobs.push(pool.spawn(None, move |_| n * n)?);
    /// }
    /// let squares: Result<Vec<u64>, _> = jobs.iter_mut().map(|job| job.wait()).collect();
    /// assert_eq!(squares?.iter().sum::<u64>(), 328_350);
    /// // Nobody is at work: what was put in was taken once, in order, and nothing is left.
    /// let report = pool.report(Moment::Quiescent);
    /// assert!(report.is_clean(), "{report}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Pool::new`], and [`io::ErrorKind::InvalidInput`] for other sizes that are impossible.
    pub fn with_options(options: &Options, bound: usize) -> io::Result<Self> {
        let most = (options.workers as u64).saturating_add(bound as u64);
        let (crew, runner) = Crew::start_with(options, |audit: &A| {
            // An audit that tells ids apart knows so many.
            let limit = audit.slots().map_or(u32::MAX, |slots| u32::try_from(slots).unwrap_or(u32::MAX));
            Runner(Arc::new(Jobs::new(options.workers, limit, most)))
        })?;
        let jobs = Arc::clone(&runner.0);
        let line = Arc::new(Watched { jobs: Arc::clone(&jobs), core: Arc::clone(crew.core()) });
        Ok(Self { spawner: Spawner { jobs, line, most }, crew })
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

    /// What the audit has seen. [`Moment::Quiescent`] is for the caller to be sure of.
    #[must_use]
    pub fn report(&self, moment: Moment) -> Report {
        self.crew.report(moment)
    }

    /// How often threads have gone to sleep so far. An idle pool adds nothing.
    #[must_use]
    pub fn parks(&self) -> u64 {
        self.crew.parks()
    }

    /// Cancels the jobs in line, asks those at work to stop, and waits for them, as a drop does.
    pub fn shutdown(self) {
        drop(self);
    }

    /// As [`Pool::shutdown`], but waits for `limit` at most, and names the threads that have not returned by then. They
    /// go on alone; their jobs' results can still be had.
    ///
    /// Called by a job of this pool, it does not wait for that job's own thread, which is named.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use windlass_std::Pool;
    ///
    /// let pool = Pool::new(2, 0)?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// let (started, has_started) = mpsc::channel();
    /// let mut stubborn = pool.spawn(None, move |_| {
    ///     started.send(()).ok();
    ///     wait.recv().is_err()
    /// })?;
    /// has_started.recv()?;
    /// let ended = pool.shutdown_timeout(Duration::from_millis(1));
    /// assert!(ended.to_string().ends_with(" not returned")); // "windlass-pool-0 has not returned"
    /// drop(go);
    /// assert!(stubborn.wait()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_timeout(self, limit: Duration) -> Ended {
        self.end(limit)
    }

    fn end(&self, limit: Duration) -> Ended {
        self.spawner.jobs.close();
        self.crew.shutdown(limit)
    }
}

impl<A: Audit> Drop for Pool<A> {
    fn drop(&mut self) {
        if !self.spawner.jobs.is_closed() {
            self.end(DROP_LIMIT);
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
        self.own(wake, job, self.most)
    }

    /// As [`Spawner::spawn`], for a job whose result nobody wants. It is not cancelled, unless the pool is shut down, which
    /// its token then shows. Cheaper than a job that somebody waits for.
    ///
    /// Its panic ends the job alone; only the panic hook hears of it.
    ///
    /// # Errors
    /// As [`Spawner::spawn`].
    #[inline]
    pub fn detach<F>(&self, job: F) -> Result<(), Rejected<F>>
    where
        F: FnOnce(&CancelToken) + Send + 'static,
    {
        match self.jobs.open(self.most) {
            Some(mut place) => {
                place.content().set_once(job);
                self.jobs.enqueue(&*self.line, place);
                Ok(())
            }
            None => Err(self.jobs.reject(job)),
        }
    }

    /// As [`Spawner::detach`], for a job that runs in several turns: after [`Ran::Again`] it runs again, when those
    /// have had a turn that its thread has in line; one from outside is let in every 64th time. It stays the same job
    /// until it says [`Ran::Done`]: it takes one place of the bound, and a turn costs much less than a new job.
    ///
    /// Its next turn may be on another thread. A panic ends it. Once the pool is shut down it has no more turns, and is
    /// dropped.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use windlass_std::Pool;
    /// use windlass_std::pool::Ran;
    ///
    /// let pool = Pool::new(1, 10)?;
    /// let (tell, told) = mpsc::channel();
    /// for name in ["a", "b"] {
    ///     let (tell, mut left) = (tell.clone(), 2);
    ///     pool.spawner().detach_turns(move |_| {
    ///         tell.send(name).ok();
    ///         left -= 1;
    ///         if left > 0 { Ran::Again } else { Ran::Done }
    ///     })?;
    /// }
    /// drop(tell);
    /// assert_eq!(told.iter().count(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Spawner::spawn`].
    #[inline]
    pub fn detach_turns<F>(&self, job: F) -> Result<(), Rejected<F>>
    where
        F: FnMut(&CancelToken) -> Ran + Send + 'static,
    {
        match self.jobs.open(self.most) {
            Some(mut place) => {
                place.content().set_turns(job);
                self.jobs.enqueue(&*self.line, place);
                Ok(())
            }
            None => Err(self.jobs.reject(job)),
        }
    }

    /// As [`Spawner::spawn`], past the bound: for leaves, which the node table bounds.
    pub(crate) fn spawn_leaf<T, F>(&self, wake: WakeHandle, job: F) -> Result<Job<T>, Rejected<F>>
    where
        T: Send + 'static,
        F: FnOnce(&CancelToken) -> T + Send + 'static,
    {
        self.own(Some(wake), job, u64::MAX)
    }

    fn own<T, F>(&self, wake: Option<WakeHandle>, job: F, most: u64) -> Result<Job<T>, Rejected<F>>
    where
        T: Send + 'static,
        F: FnOnce(&CancelToken) -> T + Send + 'static,
    {
        match self.jobs.open(most) {
            Some(mut place) => {
                let cell = Arc::new(Closure::new(job, wake, Arc::clone(&self.line)));
                *place.content() = Task::Owned(Arc::clone(&cell) as Arc<dyn Owned>);
                self.jobs.enqueue(&*self.line, place);
                Ok(Job::new(cell))
            }
            None => Err(self.jobs.reject(job)),
        }
    }

    /// How many jobs are in line and how many at work.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let (count, running) = (self.jobs.count() as usize, self.line.running());
        (count.saturating_sub(running), running)
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
        write!(f, "Spawner({running} of {} at work, {waiting} in line)", self.jobs.threads())
    }
}

impl<A: Audit> fmt::Debug for Pool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.spawner).finish()
    }
}

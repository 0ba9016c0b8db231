//! A job in a pool, seen from the side that wants its result.
//!
//! The invariant: *a job nobody wants is cancelled*: dropping a [`Job`] takes it out of the line, or tells it that it
//! may stop.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::line::here;
use super::task::Awaited;
use crate::reply::NoThreadLeft;

/// A job that a [`Pool`](crate::Pool) has taken. Look at it ([`Job::poll`]), block for it ([`Job::wait`]) or await
/// it.
///
/// Dropping it cancels the job. The result is given out once; after that it counts as cancelled.
///
/// ```
/// use windlass_std::{JobError, Pool};
///
/// let pool = Pool::new(1, 1)?;
/// let (started, has_started) = std::sync::mpsc::channel();
/// // A long job asks now and then whether anybody still wants it.
/// let mut endless = pool.spawn(None, move |token| {
///     started.send(()).ok();
///     let mut rounds = 0_u64;
///     while !token.is_cancelled() {
///         rounds += 1;
///     }
///     rounds
/// })?;
/// has_started.recv()?;
/// let mut in_line = pool.spawn(None, |_| "never runs")?;
/// in_line.cancel();
/// assert_eq!(in_line.poll(), Some(Err(JobError::Cancelled)));
/// assert_eq!(endless.poll(), None);
/// endless.cancel();
/// endless.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it cancels the job"]
pub struct Job<T> {
    cell: Arc<dyn Awaited<T>>,
}

/// Whether somebody has lost interest in a job. A clone shows the same.
#[derive(Clone)]
pub struct CancelToken(pub(crate) Arc<dyn Flag>);

/// What a token shows.
pub(crate) trait Flag: Send + Sync {
    fn is_raised(&self) -> bool;
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError {
    /// It panicked, and this is what it said.
    Panicked(String),
    /// It was cancelled, or its pool was shut down, before it started; or its result was taken before.
    Cancelled,
    /// It was waited for by a job of its own pool, while every other thread of that pool waited for a job, too: none
    /// is left to run it. It is still in line, and may be waited for again.
    NoThreadLeft,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "the job panicked: {message}"),
            Self::Cancelled => f.write_str("the job was cancelled"),
            Self::NoThreadLeft => {
                f.write_str("every thread of the pool would wait for a job, and none run this one")
            }
        }
    }
}

impl std::error::Error for JobError {}

impl CancelToken {
    /// Whether the job was cancelled: its result will not be looked at.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_raised()
    }
}

/// Never cancelled.
impl Default for CancelToken {
    fn default() -> Self {
        struct Never;
        impl Flag for Never {
            fn is_raised(&self) -> bool {
                false
            }
        }
        Self(Arc::new(Never))
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_cancelled() { "CancelToken(cancelled)" } else { "CancelToken(wanted)" })
    }
}

impl<T> Job<T> {
    pub(crate) fn new(cell: Arc<dyn Awaited<T>>) -> Self {
        Self { cell }
    }

    /// The result, if the job has ended. Never blocks for the job.
    ///
    /// # Errors
    /// [`JobError`], inside.
    pub fn poll(&mut self) -> Option<Result<T, JobError>> {
        match self.cell.answer().take() {
            Poll::Ready(value) => Some(value.unwrap_or(Err(JobError::Cancelled))),
            Poll::Pending => None,
        }
    }

    /// Blocks until the job has ended. Not for works: it would hold up the whole scheduler.
    ///
    /// A job may wait for another of its own pool, as long as a thread is left that can run it.
    ///
    /// ```
    /// use windlass_std::{JobError, Pool};
    ///
    /// let pool = Pool::new(1, 4)?;
    /// let spawner = pool.spawner();
    /// let mut outer = pool.spawn(None, move |_| {
    ///     let mut inner = spawner.spawn(None, |_| 7).expect("there is room");
    ///     inner.wait() // who should run it?
    /// })?;
    /// assert_eq!(outer.wait()?, Err(JobError::NoThreadLeft));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`JobError`].
    pub fn wait(&mut self) -> Result<T, JobError> {
        let answer = self.cell.answer();
        let jobs = self.cell.line().jobs();
        let value = if here(jobs, |desk| desk.is_some()) {
            match answer.wait_counted(jobs.waiting(), jobs.threads()) {
                Ok(value) => value,
                Err(NoThreadLeft) => return Err(JobError::NoThreadLeft),
            }
        } else {
            answer.wait()
        };
        value.unwrap_or(Err(JobError::Cancelled))
    }

    /// Takes the job out of the line, or tells it through its token that it may stop. What it returns all the same
    /// can still be had.
    pub fn cancel(&mut self) {
        self.cell.ask_to_stop();
        let line = &**self.cell.line();
        if !self.is_ended() && self.cell.withdraw(&|| line.jobs().one_less()) {
            line.jobs().withdrawn(line);
        }
    }

    /// Whether the job has ended or will never start.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.cell.answer().is_settled()
    }

    /// Whether it has neither started nor been withdrawn.
    pub(crate) fn is_in_line(&self) -> bool {
        !self.cell.is_withdrawn()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(self.cell.answer().poll(cx));
        Poll::Ready(value.unwrap_or(Err(JobError::Cancelled)))
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.is_ended(), self.cell.is_asked()) {
            (true, _) => "ended",
            (false, true) => "cancelled",
            (false, false) => "pending",
        };
        write!(f, "Job({state})")
    }
}

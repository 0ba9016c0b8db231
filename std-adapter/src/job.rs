//! A job in a pool, seen from the side that wants its result.
//!
//! The invariant: *a job nobody wants is cancelled*: dropping a [`Job`] takes it out of the line, or tells it that it
//! may stop.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::pool::{CancelToken, Line};
use crate::reply::Answer;

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
    answer: Answer<Result<T, JobError>>,
    token: CancelToken,
    key: u64,
    line: Arc<Line>,
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError {
    /// It panicked, and this is what it said.
    Panicked(String),
    /// It was cancelled, or its pool was shut down, before it started; or its result was taken before.
    Cancelled,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "the job panicked: {message}"),
            Self::Cancelled => f.write_str("the job was cancelled"),
        }
    }
}

impl std::error::Error for JobError {}

impl<T> Job<T> {
    pub(crate) fn new(
        answer: Answer<Result<T, JobError>>,
        token: CancelToken,
        key: u64,
        line: Arc<Line>,
    ) -> Self {
        Self { answer, token, key, line }
    }

    /// The result, if the job has ended. Never blocks for the job.
    ///
    /// # Errors
    /// [`JobError`], inside.
    pub fn poll(&mut self) -> Option<Result<T, JobError>> {
        match self.answer.take() {
            Poll::Ready(value) => Some(value.unwrap_or(Err(JobError::Cancelled))),
            Poll::Pending => None,
        }
    }

    /// Blocks until the job has ended. Not for works: it would hold up the whole scheduler.
    ///
    /// # Errors
    /// [`JobError`].
    pub fn wait(&mut self) -> Result<T, JobError> {
        self.answer.wait().unwrap_or(Err(JobError::Cancelled))
    }

    /// Takes the job out of the line, or tells it through its token that it may stop. What it returns all the same
    /// can still be had.
    pub fn cancel(&mut self) {
        self.token.cancel();
        if !self.is_ended() {
            self.line.remove(self.key);
        }
    }

    /// Whether the job has ended or will never start.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.answer.is_settled()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(Pin::new(&mut self.answer).poll(cx));
        Poll::Ready(value.unwrap_or(Err(JobError::Cancelled)))
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.is_ended(), self.token.is_cancelled()) {
            (true, _) => "ended",
            (false, true) => "cancelled",
            (false, false) => "pending",
        };
        write!(f, "Job({state})")
    }
}

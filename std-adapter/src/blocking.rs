//! A leaf whose step blocks: it runs in a pool, and the scheduler goes on meanwhile.
//!
//! The invariant: *at most one run of its closure at a time*. A retry after a timeout waits until the run before has
//! really ended, so two attempts never write to the same file. The leaf is cranked when it starts and when its job
//! has ended, and not in between, except once if it has a timeout: when its job starts, so that the timeout counts
//! from then.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use windlass::{AbortStep, Cx, Outcome, Reason, Work};

use crate::pool::{CancelToken, Job, JobError, Rejected, Spawner};

/// A work that runs a closure in a [`Pool`](crate::Pool), once per attempt.
///
/// * While all threads are busy it waits in the pool's queue. The queue's bound does not count these works: each has at
///   most one job, so the node table bounds them. [`Spec::concurrency`](windlass::Spec::concurrency) of a composite keeps
///   the queue short.
/// * A [`Spec::timeout`](windlass::Spec::timeout) counts from when the closure starts on a thread. While the leaf waits for
///   a thread, or for the run before to end, the timeout is stopped: waiting is not an attempt.
///   [`Scheduler::described_tree`](windlass::Scheduler::described_tree) shows what it waits for.
/// * What the closure returns becomes the outcome: a value is success (and goes to [`Blocking::deliver`]'s closure),
///   a [`Reason`] is a failure that is retried within the node's budget, [`Failed`] says more. A panic is a failure
///   for good with [`Reason::PANICKED`]; its message shows in
///   [`Scheduler::described_tree`](windlass::Scheduler::described_tree).
/// * An abort takes the job out of the queue, or tells it through its [`CancelToken`] and waits until it has ended,
///   however long that takes: if the closure may not ask, give the node a
///   [`Spec::cleanup_timeout`](windlass::Spec::cleanup_timeout).
///   A job may still start between the request and the leaf's crank. After a forced end the closure goes on unseen,
///   and its thread is busy until it returns. What an aborted job returns is dropped.
///
/// ```
/// use std::time::Duration;
/// use windlass::{DynWork, Reason, Retry, Scheduler, Spec};
/// use windlass_std::{Blocking, Driver, Pool};
///
/// let pool = Pool::new(2, 0)?;
/// let read = Blocking::new(pool.spawner(), |_cancelled| {
///     std::fs::read_to_string("Cargo.toml").map_err(|_| Reason::new("cannot read"))
/// })
/// .deliver(|sizes: &mut Vec<usize>, text: String| sizes.push(text.len()));
///
/// let mut scheduler: Scheduler<_> = Scheduler::with_capacity(4);
/// let spec = Spec::work("read", DynWork::new(read)).retry(Retry::ONCE).timeout(Duration::from_secs(60));
/// scheduler.add(spec)?;
/// let mut sizes = Vec::new();
/// assert!(Driver::new(scheduler).run_until_done_with(&mut sizes).is_success());
/// assert!(sizes[0] > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Blocking<T = (), D = Discard> {
    spawner: Spawner,
    closure: Closure<T>,
    deliver: D,
    stage: Stage<T>,
    /// Whether this attempt has a timeout.
    limited: bool,
    panicked: Option<String>,
}

type Closure<T> = Arc<dyn Fn(&CancelToken) -> Result<T, Failed> + Send + Sync>;

/// How a closure of a [`Blocking`] leaf failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failed {
    /// Tried again while the node's retry budget lasts.
    Retry(Reason),
    /// As `Retry`, but with exactly this delay.
    RetryAfter(Duration, Reason),
    /// Not tried again.
    Fatal(Reason),
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self::Retry(reason)
    }
}

/// Takes the value of a [`Blocking`] leaf on the scheduler's thread. Every `FnMut(&mut A, T)` does.
pub trait Deliver<T, A: ?Sized> {
    /// Takes the value.
    fn deliver(&mut self, app: &mut A, value: T);
}

/// Drops the value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl<T, A: ?Sized> Deliver<T, A> for Discard {
    fn deliver(&mut self, _: &mut A, _: T) {}
}

impl<T, A: ?Sized, F: FnMut(&mut A, T)> Deliver<T, A> for F {
    fn deliver(&mut self, app: &mut A, value: T) {
        self(app, value);
    }
}

enum Stage<T> {
    Idle,
    /// The job of this attempt, not known to have started: the timeout is stopped.
    InLine(Job<Result<T, Failed>>),
    /// The job of this attempt.
    Working(Job<Result<T, Failed>>),
    /// The job of an attempt that is over, which has not ended yet.
    Leaving(Job<Result<T, Failed>>),
}

impl<T: Send + 'static> Blocking<T> {
    /// A leaf that runs `closure` in the pool of `spawner`, again for each attempt. A long closure should look at its
    /// token now and then.
    pub fn new<E: Into<Failed>>(
        spawner: Spawner,
        closure: impl Fn(&CancelToken) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        let closure = Arc::new(move |token: &CancelToken| closure(token).map_err(Into::into));
        Self { spawner, closure, deliver: Discard, stage: Stage::Idle, limited: false, panicked: None }
    }

    /// Passes the value to `deliver`, together with the application, just before the node succeeds.
    pub fn deliver<D>(self, deliver: D) -> Blocking<T, D> {
        let Self { spawner, closure, stage, limited, panicked, .. } = self;
        Blocking { spawner, closure, deliver, stage, limited, panicked }
    }
}

impl<T: Send + 'static, D> Blocking<T, D> {
    fn start<W, A: ?Sized>(&mut self, cx: &mut Cx<'_, W, A>) -> Outcome {
        let Ok(wake) = cx.own_wake_handle() else {
            return Outcome::Fatal(Reason::new("no wake set, so a job could not be waited for"));
        };
        let (closure, limited) = (Arc::clone(&self.closure), self.limited);
        let job = move |token: &CancelToken| {
            if limited {
                wake.wake();
            }
            closure(token)
        };
        match self.spawner.spawn_leaf(wake, job) {
            Ok(job) => self.stage = if limited { Stage::InLine(job) } else { Stage::Working(job) },
            Err(Rejected::Closed(_)) => return Outcome::Fatal(Reason::new("the pool is shut down")),
            Err(Rejected::Full(_)) => {
                return Outcome::Failure(Reason::new("the pool's audit tells no more jobs apart"));
            }
        }
        self.panicked = None;
        Outcome::Waiting
    }

    /// Until the closure runs, no time of this attempt passes.
    fn stop_timeout<W, A: ?Sized>(&mut self, cx: &mut Cx<'_, W, A>) {
        self.limited |= cx.time_left().is_some();
        cx.stop_timeout();
    }

    /// From when the closure runs, the timeout counts.
    fn note_start<W, A: ?Sized>(&mut self, cx: &mut Cx<'_, W, A>) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::InLine(job) if !job.is_in_line() => {
                cx.restart_timeout();
                Stage::Working(job)
            }
            stage => stage,
        };
    }
}

impl<T, D, A, W> Work<W, A> for Blocking<T, D>
where
    T: Send + 'static,
    D: Deliver<T, A>,
    A: ?Sized,
{
    fn on_run(&mut self, cx: &mut Cx<'_, W, A>) -> Outcome {
        if matches!(self.stage, Stage::Idle | Stage::Leaving(_)) {
            self.stop_timeout(cx);
        }
        let result = match &mut self.stage {
            Stage::Leaving(job) if !job.is_ended() => return Outcome::Waiting,
            Stage::Idle | Stage::Leaving(_) => return self.start(cx),
            Stage::InLine(job) | Stage::Working(job) => job.poll(),
        };
        let Some(result) = result else {
            self.note_start(cx);
            return Outcome::Waiting;
        };
        self.stage = Stage::Idle;
        match result {
            Ok(Ok(value)) => {
                self.deliver.deliver(cx.app(), value);
                Outcome::Success
            }
            Ok(Err(Failed::Retry(reason))) => Outcome::Failure(reason),
            Ok(Err(Failed::RetryAfter(delay, reason))) => Outcome::RetryAfter(delay, reason),
            Ok(Err(Failed::Fatal(reason))) => Outcome::Fatal(reason),
            Err(JobError::Panicked(message)) => {
                self.panicked = Some(message);
                Outcome::Fatal(Reason::PANICKED)
            }
            // A leaf polls its job, so it never waits for a thread.
            Err(JobError::Cancelled | JobError::NoThreadLeft) => {
                Outcome::Fatal(Reason::new("the pool is shut down"))
            }
        }
    }

    fn on_abort(&mut self, _: &mut Cx<'_, W, A>) -> AbortStep {
        let (Stage::InLine(job) | Stage::Working(job) | Stage::Leaving(job)) = &mut self.stage else {
            return AbortStep::Done;
        };
        job.cancel();
        if job.is_ended() { AbortStep::Done } else { AbortStep::Waiting }
    }

    fn on_reset(&mut self, _: &mut Cx<'_, W, A>) {
        self.limited = false;
        if let Stage::InLine(mut job) | Stage::Working(mut job) | Stage::Leaving(mut job) =
            std::mem::replace(&mut self.stage, Stage::Idle)
        {
            job.cancel();
            if !job.is_ended() {
                self.stage = Stage::Leaving(job);
            }
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.panicked, &self.stage) {
            (Some(message), _) => write!(f, "panicked: {message}"),
            (None, Stage::InLine(job) | Stage::Working(job)) if job.is_in_line() => {
                f.write_str("waiting for a thread")
            }
            (None, Stage::InLine(_) | Stage::Working(_)) => f.write_str("in the pool"),
            (None, Stage::Leaving(_)) => f.write_str("the run before is still in the pool"),
            (None, Stage::Idle) => Ok(()),
        }
    }
}

impl<T, D> fmt::Debug for Blocking<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Idle => "Blocking(idle)",
            Stage::InLine(_) | Stage::Working(_) => "Blocking(working)",
            Stage::Leaving(_) => "Blocking(leaving)",
        })
    }
}

//! A job, from its pool's side.
//!
//! The invariant: *a job is run or withdrawn, once*: whoever takes the closure out decides. Its result is shown after
//! the pool was told that the thread is free again. All of a job is one allocation, which its pool and whoever wants
//! its result share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use windlass::WakeHandle;

use super::job::{CancelToken, Flag, JobError};
use crate::clock::lock;
use crate::panics::{discard, message};
use crate::reply::Slot;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// What the pool knows of a job.
pub(crate) trait Task: Send + Sync {
    /// Runs it, calls `end` when its closure has returned, and then shows the result. False, without a call of `end`,
    /// if it was withdrawn.
    fn run(self: Arc<Self>, end: &dyn Fn()) -> bool;

    /// Takes care that it never starts: drops its closure, after a call of `end`. False if it has started, or was
    /// withdrawn before.
    fn withdraw(&self, end: &dyn Fn()) -> bool;

    /// As `withdraw`, by the pool: whoever waits for the job is woken.
    fn refuse(&self, end: &dyn Fn());

    /// Whether there is nothing to run.
    fn is_withdrawn(&self) -> bool;

    /// Tells it that nobody wants its result.
    fn ask_to_stop(&self);
}

/// What the owner of a [`Job`](super::Job) knows of it.
pub(crate) trait Awaited<T>: Task {
    fn answer(&self) -> &Slot<Result<T, JobError>>;
    fn is_cancelled(&self) -> bool;
}

pub(crate) struct Closure<T, F> {
    /// Until it starts.
    line: Mutex<Option<(F, Option<WakeHandle>)>>,
    cancelled: AtomicBool,
    answer: Slot<Result<T, JobError>>,
}

impl<T, F> Closure<T, F> {
    pub(crate) fn new(job: F, wake: Option<WakeHandle>) -> Self {
        Self { line: Mutex::new(Some((job, wake))), cancelled: AtomicBool::new(false), answer: Slot::new() }
    }

    /// Takes the closure out; then it is whoever has it that answers.
    pub(crate) fn take(&self) -> Option<(F, Option<WakeHandle>)> {
        lock(&self.line).take()
    }

    /// Drops the closure and says that there will be no result; what to wake for that.
    fn give_up(&self, end: &dyn Fn()) -> Option<Option<WakeHandle>> {
        let (job, wake) = self.take()?;
        end();
        discard(job);
        self.answer.settle(None);
        Some(wake)
    }
}

impl<T, F> Task for Closure<T, F>
where
    T: Send + 'static,
    F: FnOnce(&CancelToken) -> T + Send + 'static,
{
    fn run(self: Arc<Self>, end: &dyn Fn()) -> bool {
        let Some((job, wake)) = self.take() else { return false };
        let token = CancelToken(Arc::clone(&self) as Arc<dyn Flag>);
        let result = catch_unwind(AssertUnwindSafe(|| job(&token)));
        drop(token);
        end();
        self.answer.settle(Some(result.map_err(|payload| {
            let message = message(&payload);
            discard(payload);
            JobError::Panicked(message)
        })));
        if let Some(wake) = wake {
            wake.wake();
        }
        true
    }

    fn withdraw(&self, end: &dyn Fn()) -> bool {
        self.give_up(end).is_some()
    }

    fn refuse(&self, end: &dyn Fn()) {
        self.ask_to_stop();
        if let Some(Some(wake)) = self.give_up(end) {
            wake.wake();
        }
    }

    fn is_withdrawn(&self) -> bool {
        lock(&self.line).is_none()
    }

    fn ask_to_stop(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

impl<T, F> Awaited<T> for Closure<T, F>
where
    T: Send + 'static,
    F: FnOnce(&CancelToken) -> T + Send + 'static,
{
    fn answer(&self) -> &Slot<Result<T, JobError>> {
        &self.answer
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl<T: Send, F: Send> Flag for Closure<T, F> {
    fn is_raised(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

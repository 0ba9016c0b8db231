//! A job, from its pool's side.
//!
//! The invariant: *a job is run or withdrawn, once*: whoever takes the closure out decides. Its result is shown after
//! the pool was told that the thread is free again. All of a job is one allocation, which its pool and whoever wants
//! its result share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use windlass::WakeHandle;

use super::job::{CancelToken, Flag, JobError};
use super::line::Line;
use crate::clock::lock;
use crate::panics::{discard, message};
use crate::reply::Slot;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// What is in line.
pub(crate) enum Task {
    /// Nobody waits for it, so nobody can cancel it.
    Detached(Box<dyn FnOnce(&CancelToken) + Send>),
    /// Its owner may cancel it at any time.
    Owned(Arc<dyn Owned>),
}

/// What the pool knows of a job that somebody owns.
pub(crate) trait Owned: Send + Sync {
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
}

/// What the owner of a [`Job`](super::Job) knows of it.
pub(crate) trait Awaited<T>: Owned {
    fn answer(&self) -> &Slot<Result<T, JobError>>;
    fn line(&self) -> &Arc<dyn Line>;
    /// Tells it that nobody wants its result.
    fn ask_to_stop(&self);
    fn is_asked(&self) -> bool;
}

pub(crate) struct Closure<T, F> {
    /// Until it starts.
    waits: Mutex<Option<(F, Option<WakeHandle>)>>,
    asked: AtomicBool,
    answer: Slot<Result<T, JobError>>,
    line: Arc<dyn Line>,
}

impl<T, F> Closure<T, F> {
    pub(crate) fn new(job: F, wake: Option<WakeHandle>, line: Arc<dyn Line>) -> Self {
        let waits = Mutex::new(Some((job, wake)));
        Self { waits, asked: AtomicBool::new(false), answer: Slot::new(), line }
    }

    /// Takes the closure out; then it is whoever has it that answers.
    fn take(&self) -> Option<(F, Option<WakeHandle>)> {
        lock(&self.waits).take()
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

impl<T, F> Owned for Closure<T, F>
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
        if let Some(Some(wake)) = self.give_up(end) {
            wake.wake();
        }
    }

    fn is_withdrawn(&self) -> bool {
        lock(&self.waits).is_none()
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

    fn line(&self) -> &Arc<dyn Line> {
        &self.line
    }

    fn ask_to_stop(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    fn is_asked(&self) -> bool {
        self.is_raised()
    }
}

impl<T: Send, F: Send> Flag for Closure<T, F> {
    fn is_raised(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.line.jobs().is_closed()
    }
}

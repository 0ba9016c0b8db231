//! A job, from its pool's side.
//!
//! The invariant: *a job is run or withdrawn, once*: whoever takes the closure out decides. Its result is shown after
//! the pool was told that the thread is free again. All of a job that somebody owns is one allocation, which its pool
//! and its owner share. One that nobody owns is kept by the pool alone, and leaves its memory to the next of its type.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use windlass::WakeHandle;

use super::crew::Ran;
use super::job::{CancelToken, Flag, JobError};
use super::line::Line;
use crate::clock::lock;
use crate::panics::{discard, message};
use crate::reply::Slot;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// What is in line.
#[derive(Default)]
pub(crate) enum Task {
    #[default]
    None,
    /// Nobody waits for it, so nobody can cancel it. It may be spent.
    Detached(Box<dyn Detached>),
    /// Its owner may cancel it at any time.
    Owned(Arc<dyn Owned>),
}

/// What the pool knows of a job that nobody owns.
pub(crate) trait Detached: Any + Send {
    /// Runs it. After a panic its closure may still be there.
    fn run(&mut self, token: &CancelToken) -> Turn;
}

/// What has become of a job that nobody owns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It wants to run again.
    Again,
    /// Its closure is gone, and what is left may take another.
    Spent,
    /// It is over.
    Over,
}

/// A closure that runs once.
struct Once<F>(Option<F>);

/// A closure that runs until it says that it is done.
struct Turns<F>(Option<F>);

/// What is left of a larger job is not kept.
const KEPT: usize = 128;

const fn over<S>() -> Turn {
    if size_of::<S>() <= KEPT { Turn::Spent } else { Turn::Over }
}

impl Task {
    /// Puts a closure in, to run once.
    #[inline]
    pub(crate) fn set_once<F: FnOnce(&CancelToken) + Send + 'static>(&mut self, job: F) {
        match self.spent() {
            Some(Once(spent)) => *spent = Some(job),
            None => self.replace(Box::new(Once(Some(job)))),
        }
    }

    /// Puts a closure in, to run until it is done.
    #[inline]
    pub(crate) fn set_turns<F: FnMut(&CancelToken) -> Ran + Send + 'static>(&mut self, job: F) {
        match self.spent() {
            Some(Turns(spent)) => *spent = Some(job),
            None => self.replace(Box::new(Turns(Some(job)))),
        }
    }

    #[inline(never)]
    fn replace(&mut self, job: Box<dyn Detached>) {
        *self = Self::Detached(job);
    }

    #[inline]
    fn spent<S: Detached>(&mut self) -> Option<&mut S> {
        let Self::Detached(job) = self else { return None };
        (&mut **job as &mut dyn Any).downcast_mut()
    }
}

impl<F: FnOnce(&CancelToken) + Send + 'static> Detached for Once<F> {
    fn run(&mut self, token: &CancelToken) -> Turn {
        if let Some(job) = self.0.take() {
            job(token);
        }
        over::<Self>()
    }
}

impl<F: FnMut(&CancelToken) -> Ran + Send + 'static> Detached for Turns<F> {
    fn run(&mut self, token: &CancelToken) -> Turn {
        if let Some(job) = &mut self.0 {
            if job(token) == Ran::Again {
                return Turn::Again;
            }
        }
        self.0 = None;
        over::<Self>()
    }
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use allocation_counter::measure;

    use super::*;

    fn run(task: &mut Task) -> Turn {
        match task {
            Task::Detached(job) => job.run(&CancelToken::default()),
            _ => Turn::Over,
        }
    }

    /// Puts in a closure of one and the same type, however often it is called.
    fn set(task: &mut Task, n: u64) {
        task.set_once(move |_| assert!(n > 0));
    }

    #[test]
    fn a_job_that_is_over_leaves_its_memory_to_the_next_of_its_type() {
        let mut task = Task::None;
        set(&mut task, 1);
        assert!(run(&mut task) == Turn::Spent);
        assert_eq!(measure(|| set(&mut task, 2)).count_total, 0);
        assert!(run(&mut task) == Turn::Spent);
        // Another type cannot have it.
        let (mut left, fresh) = (2, [0_u8; 24]);
        let turns = move |_: &CancelToken| {
            left -= 1 + u32::from(fresh[0]);
            if left > 0 { Ran::Again } else { Ran::Done }
        };
        assert_eq!(measure(|| task.set_turns(turns)).count_total, 1);
        assert!(run(&mut task) == Turn::Again && run(&mut task) == Turn::Spent);
        assert_eq!(measure(|| task.set_turns(turns)).count_total, 0);
    }

    #[test]
    fn a_large_job_leaves_nothing() {
        let mut task = Task::None;
        let large = [1_u8; KEPT];
        task.set_once(move |_| assert_eq!(large[0], 1));
        assert!(run(&mut task) == Turn::Over);
    }

    #[test]
    fn what_a_job_owns_is_gone_when_it_is_over() {
        let owned = Arc::new(());
        let mut task = Task::None;
        let inner = Arc::clone(&owned);
        task.set_turns(move |_| {
            let _ = &inner;
            Ran::Done
        });
        assert_eq!(Arc::strong_count(&owned), 2);
        assert!(run(&mut task) == Turn::Spent);
        assert_eq!(Arc::strong_count(&owned), 1);
    }
}

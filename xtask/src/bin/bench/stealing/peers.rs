//! The peers: pools of threads that programs use, each by its plainest call.
//!
//! Where there are no tasks that run again (rayon), a task spawns its successor; a future wakes itself.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use async_executor::Executor;
use futures_util::future::{AbortHandle, abortable, pending};

use super::load::{Host, Load, Task};
use crate::clock::{Contender, Who, timed};

/// `rayon::spawn`.
pub(super) fn rayon<L: Load>(workers: usize, load: L) -> Contender {
    let pool = threads(workers);
    Contender::new(Who::Rayon, move || {
        load.prepare();
        let (took, ()) = timed(|| load.drive(|task| pool.spawn(move || task.run(&Rayon))));
        load.check();
        took
    })
}

/// The same through a scope, which counts its tasks as well.
pub(super) fn rayon_scope<L: Load>(workers: usize, load: L) -> Contender {
    let pool = threads(workers);
    Contender::new(Who::RayonScope, move || {
        load.prepare();
        let (took, ()) = timed(|| {
            pool.in_place_scope(|scope| {
                load.drive(|task| scope.spawn(move |scope| task.run(&Scope(scope))));
            });
        });
        load.check();
        took
    })
}

fn threads(workers: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("threads can be started")
}

struct Rayon;

impl<T: Task> Host<T> for Rayon {
    fn put(&self, task: T) {
        rayon::spawn(move || task.run(&Rayon));
    }
}

struct Scope<'a, 's>(&'a rayon::Scope<'s>);

impl<T: Task> Host<T> for Scope<'_, '_> {
    fn put(&self, task: T) {
        self.0.spawn(move |scope| task.run(&Scope(scope)));
    }
}

/// Its runtime of several threads.
pub(super) fn tokio<L: Load>(workers: usize, load: L) -> Contender {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(workers).build().expect("threads can be started");
    Contender::new(Who::Tokio, move || {
        load.prepare();
        let (took, ()) = timed(|| load.drive(|task| drop(runtime.spawn(Polled { task, to: Tokio }))));
        load.check();
        took
    })
}

#[derive(Clone, Copy)]
struct Tokio;

impl<T: Task> Spawn<T> for Tokio {
    fn spawn(self, task: T) {
        drop(tokio::spawn(Polled { task, to: self }));
    }
}

/// One executor, run by several threads.
pub(super) fn async_executor<L: Load>(workers: usize, load: L) -> Contender {
    // Borrowed by every task, and by threads that `Running` joins.
    let executor: &'static Executor<'static> = Box::leak(Box::new(Executor::new()));
    let running = Running((0..workers).map(|_| run(executor)).collect());
    Contender::new(Who::AsyncExecutor, move || {
        assert_eq!(running.0.len(), workers);
        load.prepare();
        let (took, ()) = timed(|| load.drive(|task| Shared(executor).spawn(task)));
        load.check();
        took
    })
}

fn run(executor: &'static Executor<'static>) -> (AbortHandle, Option<JoinHandle<()>>) {
    let (endless, end) = abortable(executor.run(pending::<()>()));
    let thread = thread::spawn(|| {
        // It ends when it is told to.
        assert!(futures_lite::future::block_on(endless).is_err());
    });
    (end, Some(thread))
}

/// Threads that run an executor until they are dropped.
struct Running(Vec<(AbortHandle, Option<JoinHandle<()>>)>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter().for_each(|(end, _)| end.abort());
        for thread in self.0.iter_mut().filter_map(|(_, thread)| thread.take()) {
            // Its panic, if any, was reported when it happened.
            let _ = thread.join();
        }
    }
}

#[derive(Clone, Copy)]
struct Shared(&'static Executor<'static>);

impl<T: Task> Spawn<T> for Shared {
    fn spawn(self, task: T) {
        self.0.spawn(Polled { task, to: self }).detach();
    }
}

/// Where a future puts others.
trait Spawn<T>: Copy + Send + Unpin + 'static {
    fn spawn(self, task: T);
}

/// A task as a future. One that runs again wakes itself.
struct Polled<T, S> {
    task: T,
    to: S,
}

impl<T: Task, S: Spawn<T>> Future for Polled<T, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polling = Polling { to: self.to, again: Cell::new(None) };
        self.task.run(&polling);
        let Some(task) = polling.again.get() else { return Poll::Ready(()) };
        self.task = task;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

struct Polling<T, S> {
    to: S,
    again: Cell<Option<T>>,
}

impl<T: Task, S: Spawn<T>> Host<T> for Polling<T, S> {
    fn put(&self, task: T) {
        if T::AGAIN {
            self.again.set(Some(task));
        } else {
            self.to.spawn(task);
        }
    }
}

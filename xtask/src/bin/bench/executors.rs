//! How the executors among the peers are started and driven to their end; the same for every workload.
//!
//! A tokio runtime is the one of a single thread. Handles of tasks outlive the clock, so that nobody pays there for freeing them.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// Futures of different types in one set, as our works are of different types in one scheduler.
pub(crate) type BoxedFutures = FuturesUnordered<Pin<Box<dyn Future<Output = ()>>>>;

/// A runtime on the calling thread, without timers: where nobody needs them, they would only cost.
pub(crate) fn tokio() -> tokio::runtime::Runtime {
    built(&mut tokio::runtime::Builder::new_current_thread())
}

/// The same with timers.
pub(crate) fn tokio_with_timers() -> tokio::runtime::Runtime {
    built(tokio::runtime::Builder::new_current_thread().enable_time())
}

/// The same with timers and a clock that jumps to the next deadline when nothing else is left to do.
pub(crate) fn tokio_paused() -> tokio::runtime::Runtime {
    built(tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true))
}

fn built(builder: &mut tokio::runtime::Builder) -> tokio::runtime::Runtime {
    builder.build().expect("a runtime of one thread needs nothing that could be missing")
}

/// Runs until these tasks have ended, asleep while they all sleep.
pub(crate) fn finish_tokio(runtime: &tokio::runtime::Runtime, tasks: &mut [tokio::task::JoinHandle<()>]) {
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("a task of a workload does not panic");
        }
    });
}

/// Runs until no task is runnable.
pub(crate) fn finish_async_executor(executor: &async_executor::LocalExecutor<'_>) {
    while executor.try_tick() {}
}

/// Polls until the set is empty.
pub(crate) fn finish_futures(futures: &mut BoxedFutures) {
    let mut cx = Context::from_waker(Waker::noop());
    while futures.poll_next_unpin(&mut cx) != Poll::Ready(None) {}
}

//! Workload: abort many live leaves at once, from the request until the last of them has cleaned up.
//!
//! Inside the clock: the request, the clean-up of each leaf, the end of their parent. Outside: adding the leaves and running
//! each once, after which it waits. A peer's task is cleaned up by dropping its future, which the clock includes; so is one
//! crank of `on_abort` for each of ours. The set of futures has no request: it is cleared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use windlass::{Cx, DynWork, Instant, Next, Outcome, Spec, State, Work};

use crate::clock::{Contender, Who, timed};
use crate::executors::{self, BoxedFutures};
use crate::leaf::{self, Engine};
use crate::memory;

pub(crate) fn contenders(leaves: u32) -> Vec<Contender> {
    vec![
        Contender::new(Who::Ours, move || engine(leaves)),
        Contender::new(Who::Tokio, move || tokio(leaves)),
        Contender::new(Who::AsyncExecutor, move || async_executor(leaves)),
        Contender::new(Who::FuturesUnordered, move || futures(leaves)),
        memory::of_abort(leaves),
    ]
}

struct Waits;

impl<W> Work<W, ()> for Waits {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        Outcome::Waiting
    }
}

fn engine(leaves: u32) -> Duration {
    let mut scheduler = Engine::with_capacity(leaves as usize + 1);
    let job = scheduler.add(Spec::parallel("job")).expect("made for so many");
    for _ in 0..leaves {
        scheduler.add_below(job, Spec::work("leaf", DynWork::new(Waits))).expect("made for so many");
    }
    while scheduler.poll_work(Instant::ZERO) != Next::OnWake {}
    let before = scheduler.metrics();
    let (took, ()) = timed(|| {
        scheduler.abort(job).expect("it lives");
        leaf::finish(&mut scheduler);
    });
    let after = scheduler.metrics();
    assert_eq!(after.aborted - before.aborted, u64::from(leaves) + 1);
    assert_eq!(scheduler.state(job), Ok(State::Aborted));
    took
}

fn tokio(leaves: u32) -> Duration {
    let runtime = executors::tokio();
    let mut tasks = tokio::task::JoinSet::new();
    let live = Arc::new(AtomicU32::new(0));
    for _ in 0..leaves {
        let live = live.clone();
        let task = async move {
            live.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        tasks.spawn_on(task, runtime.handle());
    }
    runtime.block_on(async {
        while live.load(Ordering::Relaxed) < leaves {
            tokio::task::yield_now().await;
        }
    });
    let drain = async {
        tasks.abort_all();
        let mut drained = 0;
        while let Some(ended) = tasks.join_next().await {
            drained += u32::from(ended.is_err_and(|error| error.is_cancelled()));
        }
        drained
    };
    let (took, drained) = timed(|| runtime.block_on(drain));
    assert_eq!(drained, leaves);
    took
}

fn async_executor(leaves: u32) -> Duration {
    let executor = async_executor::LocalExecutor::new();
    let tasks: Vec<_> = (0..leaves).map(|_| executor.spawn(std::future::pending::<()>())).collect();
    executors::finish_async_executor(&executor);
    let (took, ()) = timed(|| {
        drop(tasks);
        executors::finish_async_executor(&executor);
    });
    assert!(executor.is_empty());
    took
}

fn futures(leaves: u32) -> Duration {
    let mut futures: BoxedFutures = (0..leaves).map(|_| Box::pin(std::future::pending()) as _).collect();
    let mut cx = Context::from_waker(Waker::noop());
    // A set that has much to poll lets others have a turn in between.
    for _ in 0..leaves {
        assert_eq!(futures.poll_next_unpin(&mut cx), Poll::Pending);
    }
    timed(|| futures.clear()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_is_drained() {
        for mut contender in contenders(50) {
            assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
        }
    }
}

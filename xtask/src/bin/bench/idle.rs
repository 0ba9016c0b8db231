//! Workload: a poll that finds nothing to do, while many sleep until a far deadline.
//!
//! Inside the clock: the polls. Outside: making the sleepers and sending them to sleep, done once for all rounds. Our
//! sleepers and tokio's have deadlines; the other peers have no timers, so theirs sleep for ever, which is less to look
//! at. A poll of tokio is one turn of its loop, through `yield_now`.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use windlass::{Cx, DynWork, Instant, Next, Outcome, Spec, Work};

use crate::clock::{Contender, Who, timed};
use crate::executors::{self, BoxedFutures};
use crate::leaf::Engine;
use crate::wake::lasting;

/// Polls in one round.
pub(crate) const POLLS: u32 = 10_000;
const NAP: Duration = Duration::from_secs(3_600);

pub(crate) fn contenders(sleepers: u32) -> Vec<Contender> {
    vec![
        Contender::new(Who::Ours, lasting(move || engine(sleepers), engine_round)),
        Contender::new(Who::Tokio, lasting(move || tokio(sleepers), tokio_round)),
        Contender::new(Who::AsyncExecutor, lasting(move || async_executor(sleepers), async_executor_round)),
        Contender::new(Who::FuturesUnordered, lasting(move || futures(sleepers), futures_round)),
    ]
}

struct Sleeper;

impl<W> Work<W, ()> for Sleeper {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        Outcome::WaitFor(NAP)
    }
}

fn engine(sleepers: u32) -> Engine {
    let mut scheduler = Engine::with_capacity(sleepers as usize);
    for _ in 0..sleepers {
        scheduler.add(Spec::work("sleeper", DynWork::new(Sleeper))).expect("made for so many");
    }
    while scheduler.poll_work(Instant::ZERO) == Next::Now {}
    scheduler
}

fn engine_round(scheduler: &mut Engine) -> Duration {
    let before = scheduler.metrics().cranks;
    let (took, ()) = timed(|| {
        for micros in 0..u64::from(POLLS) {
            let next = scheduler.poll_work(Instant::from_micros(micros));
            assert_eq!(next, Next::At(Instant::from_elapsed(NAP)));
        }
    });
    assert_eq!(scheduler.metrics().cranks, before, "an idle poll cranks nothing");
    took
}

fn tokio(sleepers: u32) -> tokio::runtime::Runtime {
    let runtime = executors::tokio_with_timers();
    let asleep = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    for _ in 0..sleepers {
        let asleep = asleep.clone();
        drop(runtime.spawn(async move {
            asleep.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::time::sleep(NAP).await;
        }));
    }
    runtime.block_on(async {
        while asleep.load(std::sync::atomic::Ordering::Relaxed) < sleepers {
            tokio::task::yield_now().await;
        }
    });
    runtime
}

fn tokio_round(runtime: &mut tokio::runtime::Runtime) -> Duration {
    let turns = async {
        for _ in 0..POLLS {
            tokio::task::yield_now().await;
        }
    };
    timed(|| runtime.block_on(turns)).0
}

fn async_executor(sleepers: u32) -> async_executor::LocalExecutor<'static> {
    let executor = async_executor::LocalExecutor::new();
    (0..sleepers).for_each(|_| executor.spawn(std::future::pending::<()>()).detach());
    executors::finish_async_executor(&executor);
    executor
}

fn async_executor_round(executor: &mut async_executor::LocalExecutor<'static>) -> Duration {
    timed(|| (0..POLLS).for_each(|_| assert!(!executor.try_tick()))).0
}

fn futures(sleepers: u32) -> BoxedFutures {
    let mut futures: BoxedFutures = (0..sleepers).map(|_| Box::pin(std::future::pending()) as _).collect();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(futures.poll_next_unpin(&mut cx), Poll::Pending);
    futures
}

fn futures_round(futures: &mut BoxedFutures) -> Duration {
    let mut cx = Context::from_waker(Waker::noop());
    timed(|| (0..POLLS).for_each(|_| assert_eq!(futures.poll_next_unpin(&mut cx), Poll::Pending))).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_stays_idle_in_every_round() {
        for mut contender in contenders(100) {
            for _ in 0..2 {
                assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
            }
        }
    }
}

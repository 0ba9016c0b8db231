//! Workload: many sleepers; wake one of them, let it be cranked once, and so on with others in random order.
//!
//! Inside the clock: the wakes, and for each the poll that cranks the woken sleeper, which goes back to sleep. Outside:
//! making the sleepers, done once for all rounds. Our side comes in two ways: `by_id`, through the scheduler, as a driver or
//! a work wakes, and `by_handle`, through a [`WakeHandle`](windlass::WakeHandle), as an interrupt or another thread
//! wakes. A `Waker` of the peers may always be used from another thread, so it compares with both.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use windlass::{Cx, DynWork, Next, NodeId, Outcome, Spec, WakeHandle, WakeSet, Work};

use crate::clock::{Contender, Who, timed};
use crate::executors::{self, BoxedFutures};
use crate::leaf::Engine;
use crate::random::Random;

/// Wakes in one round.
pub(crate) const WAKES: u32 = 10_000;

pub(crate) fn by_id(sleepers: u32) -> Vec<Contender> {
    let mut all = peers(sleepers);
    all.insert(0, Contender::new(Who::Ours, lasting(move || ById::new(sleepers), ById::round)));
    all
}

pub(crate) fn by_handle(sleepers: u32) -> Vec<Contender> {
    let mut all = peers(sleepers);
    all.insert(0, Contender::new(Who::Ours, lasting(move || ByHandle::new(sleepers), ByHandle::round)));
    all
}

fn peers(sleepers: u32) -> Vec<Contender> {
    vec![
        Contender::new(Who::Tokio, lasting(move || Tokio::new(sleepers), Tokio::round)),
        Contender::new(Who::AsyncExecutor, lasting(move || Async::new(sleepers), Async::round)),
        Contender::new(Who::FuturesUnordered, lasting(move || Futures::new(sleepers), Futures::round)),
    ]
}

/// Sets up in the first round and keeps what it made for the others.
pub(crate) fn lasting<T>(
    new: impl Fn() -> T,
    mut round: impl FnMut(&mut T) -> Duration,
) -> impl FnMut() -> Duration {
    let mut made = None;
    move || round(made.get_or_insert_with(&new))
}

struct Sleeper;

impl<W> Work<(), W> for Sleeper {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        Outcome::Waiting
    }
}

/// An engine full of sleepers, all asleep, and who will be woken.
fn asleep(sleepers: u32, scheduler: &mut Engine) -> Vec<NodeId> {
    let add = |_| scheduler.add(Spec::work("sleeper", DynWork::new(Sleeper))).expect("made for so many");
    let ids: Vec<_> = (0..sleepers).map(add).collect();
    while scheduler.poll_work(windlass::Instant::ZERO) != Next::OnWake {}
    assert_eq!(scheduler.metrics().cranks, u64::from(sleepers));
    chosen(sleepers).map(|which| ids[which]).collect()
}

fn chosen(sleepers: u32) -> impl Iterator<Item = usize> {
    let mut random = Random::new();
    (0..WAKES).map(move |_| random.below(sleepers) as usize)
}

struct ById {
    scheduler: Engine,
    woken: Vec<NodeId>,
}

impl ById {
    fn new(sleepers: u32) -> Self {
        let mut scheduler = Engine::with_capacity(sleepers as usize);
        let woken = asleep(sleepers, &mut scheduler);
        Self { scheduler, woken }
    }

    fn round(&mut self) -> Duration {
        let before = self.scheduler.metrics().cranks;
        let (took, ()) = timed(|| {
            for &id in &self.woken {
                self.scheduler.wake(id).expect("it sleeps for ever");
                assert_eq!(self.scheduler.poll_work(windlass::Instant::ZERO), Next::OnWake);
            }
        });
        assert_eq!(self.scheduler.metrics().cranks - before, u64::from(WAKES));
        took
    }
}

struct ByHandle {
    scheduler: Engine,
    woken: Vec<WakeHandle>,
}

impl ByHandle {
    fn new(sleepers: u32) -> Self {
        let wakes = WakeSet::leaked(sleepers as usize, None);
        let mut scheduler = Engine::with_capacity(sleepers as usize);
        scheduler.set_wakes(wakes);
        let woken = asleep(sleepers, &mut scheduler);
        let woken = woken.into_iter().map(|id| wakes.handle(id).expect("made for so many")).collect();
        Self { scheduler, woken }
    }

    fn round(&mut self) -> Duration {
        let before = self.scheduler.metrics().cranks;
        let (took, ()) = timed(|| {
            for handle in &self.woken {
                handle.wake();
                assert_eq!(self.scheduler.poll_work(windlass::Instant::ZERO), Next::OnWake);
            }
        });
        assert_eq!(self.scheduler.metrics().cranks - before, u64::from(WAKES));
        took
    }
}

type Wakers = Arc<Mutex<Vec<Waker>>>;

thread_local! {
    static POLLS: Cell<u64> = const { Cell::new(0) };
}

/// Leaves its waker behind when first polled, and never ends.
struct Pending(Option<Wakers>);

impl Future for Pending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        POLLS.set(POLLS.get() + 1);
        if let Some(wakers) = self.0.take() {
            wakers.lock().expect("nobody panics").push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Those of all wakers that will be used.
fn used(wakers: &Wakers, sleepers: u32) -> Vec<Waker> {
    let wakers = std::mem::take(&mut *wakers.lock().expect("nobody panics"));
    assert_eq!(wakers.len(), sleepers as usize);
    chosen(sleepers).map(|which| wakers[which].clone()).collect()
}

/// Checks that each wake led to one poll.
fn checked(round: impl FnOnce() -> Duration) -> Duration {
    let before = POLLS.get();
    let took = round();
    assert_eq!(POLLS.get() - before, u64::from(WAKES));
    took
}

struct Tokio {
    runtime: tokio::runtime::Runtime,
    woken: Vec<Waker>,
}

impl Tokio {
    fn new(sleepers: u32) -> Self {
        let (runtime, wakers) = (executors::tokio(), Wakers::default());
        for _ in 0..sleepers {
            drop(runtime.spawn(Pending(Some(wakers.clone()))));
        }
        runtime.block_on(async {
            while wakers.lock().expect("nobody panics").len() < sleepers as usize {
                tokio::task::yield_now().await;
            }
        });
        Self { woken: used(&wakers, sleepers), runtime }
    }

    fn round(&mut self) -> Duration {
        checked(|| {
            let wake_all = async {
                for waker in &self.woken {
                    waker.wake_by_ref();
                    // Comes back when the tasks that are runnable now have run.
                    tokio::task::yield_now().await;
                }
            };
            timed(|| self.runtime.block_on(wake_all)).0
        })
    }
}

struct Async {
    executor: async_executor::LocalExecutor<'static>,
    woken: Vec<Waker>,
}

impl Async {
    fn new(sleepers: u32) -> Self {
        let (executor, wakers) = (async_executor::LocalExecutor::new(), Wakers::default());
        (0..sleepers).for_each(|_| executor.spawn(Pending(Some(wakers.clone()))).detach());
        executors::finish_async_executor(&executor);
        Self { woken: used(&wakers, sleepers), executor }
    }

    fn round(&mut self) -> Duration {
        let wake_all = || {
            for waker in &self.woken {
                waker.wake_by_ref();
                assert!(self.executor.try_tick());
            }
        };
        checked(|| timed(wake_all).0)
    }
}

struct Futures {
    futures: BoxedFutures,
    woken: Vec<Waker>,
}

impl Futures {
    fn new(sleepers: u32) -> Self {
        let wakers = Wakers::default();
        let mut futures: BoxedFutures =
            (0..sleepers).map(|_| Box::pin(Pending(Some(wakers.clone()))) as _).collect();
        let mut cx = Context::from_waker(Waker::noop());
        while wakers.lock().expect("nobody panics").len() < sleepers as usize {
            assert_eq!(futures.poll_next_unpin(&mut cx), Poll::Pending);
        }
        Self { woken: used(&wakers, sleepers), futures }
    }

    fn round(&mut self) -> Duration {
        let mut cx = Context::from_waker(Waker::noop());
        let wake_all = || {
            for waker in &self.woken {
                waker.wake_by_ref();
                assert_eq!(self.futures.poll_next_unpin(&mut cx), Poll::Pending);
            }
        };
        checked(|| timed(wake_all).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wake_leads_to_one_crank_of_every_contender_in_every_round() {
        for mut contender in by_id(100).into_iter().chain(by_handle(100)) {
            for _ in 0..2 {
                assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
            }
        }
    }
}

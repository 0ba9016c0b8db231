//! Workload: many sleepers; wake one of them, let it be cranked once, and so on with the others in random order.
//!
//! Inside the clock: the wakes, and for each the poll that cranks the woken sleeper, which goes back to sleep. Outside:
//! making the sleepers, done once for all rounds; a round goes on where the one before has stopped, so that no sleeper's
//! turn comes again before everybody's has come, however many there are. Our side comes in two ways: `by_id`, through the scheduler, as a driver or
//! a work wakes, and `by_handle`, through a [`WakeHandle`], as an interrupt or another thread
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
use crate::memory;
use crate::random;

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
        memory::of_wakes(sleepers),
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

impl<W> Work<W, ()> for Sleeper {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        CRANKS.set(CRANKS.get() + 1);
        Outcome::Waiting
    }
}

thread_local! {
    /// Cranks of sleepers, whosever they are.
    static CRANKS: Cell<u64> = const { Cell::new(0) };
}

/// What wakes the sleepers, in the order in which it is used, and where the next round begins.
struct Order<T> {
    all: Vec<T>,
    next: usize,
}

impl<T: Clone> Order<T> {
    /// In random order.
    fn new(sleepers: &[T]) -> Self {
        Self { all: random::shuffled(sleepers), next: 0 }
    }

    /// Wakes one after the other, each with `wake`, which also polls, and checks that each was cranked once.
    fn round(&mut self, mut wake: impl FnMut(&T)) -> Duration {
        let ready = self.take();
        let before = CRANKS.get();
        let (took, ()) = timed(|| ready.into_iter().for_each(&mut wake));
        assert_eq!(CRANKS.get() - before, u64::from(WAKES));
        took
    }

    fn take(&mut self) -> Vec<&T> {
        let from = self.next;
        self.next = (from + WAKES as usize) % self.all.len();
        (from..from + WAKES as usize).map(|index| &self.all[index % self.all.len()]).collect()
    }
}

/// An engine full of sleepers, all asleep.
fn asleep(sleepers: u32, scheduler: &mut Engine) -> Vec<NodeId> {
    let add = |_| scheduler.add(Spec::work("sleeper", DynWork::new(Sleeper))).expect("made for so many");
    let ids = (0..sleepers).map(add).collect();
    while scheduler.poll_work(windlass::Instant::ZERO) != Next::OnWake {}
    assert_eq!(scheduler.metrics().cranks, u64::from(sleepers));
    ids
}

struct ById {
    scheduler: Engine,
    order: Order<NodeId>,
}

impl ById {
    fn new(sleepers: u32) -> Self {
        let mut scheduler = Engine::with_capacity(sleepers as usize);
        let order = Order::new(&asleep(sleepers, &mut scheduler));
        Self { scheduler, order }
    }

    fn round(&mut self) -> Duration {
        self.order.round(|&id| {
            self.scheduler.wake(id).expect("it sleeps for ever");
            assert_eq!(self.scheduler.poll_work(windlass::Instant::ZERO), Next::OnWake);
        })
    }
}

struct ByHandle {
    scheduler: Engine,
    order: Order<WakeHandle>,
}

impl ByHandle {
    fn new(sleepers: u32) -> Self {
        let wakes = WakeSet::leaked(sleepers as usize, None);
        let mut scheduler = Engine::with_capacity(sleepers as usize);
        scheduler.set_wakes(wakes);
        let ids = asleep(sleepers, &mut scheduler);
        let handles: Vec<_> = ids.iter().map(|&id| wakes.handle(id).expect("made for so many")).collect();
        Self { scheduler, order: Order::new(&handles) }
    }

    fn round(&mut self) -> Duration {
        self.order.round(|handle| {
            handle.wake();
            assert_eq!(self.scheduler.poll_work(windlass::Instant::ZERO), Next::OnWake);
        })
    }
}

type Wakers = Arc<Mutex<Vec<Waker>>>;

/// Leaves its waker behind when first polled, and never ends.
struct Pending(Option<Wakers>);

impl Future for Pending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        CRANKS.set(CRANKS.get() + 1);
        if let Some(wakers) = self.0.take() {
            wakers.lock().expect("nobody panics").push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// All of them, once every sleeper has been polled.
fn order(wakers: &Wakers, sleepers: u32) -> Order<Waker> {
    let wakers = std::mem::take(&mut *wakers.lock().expect("nobody panics"));
    assert_eq!(wakers.len(), sleepers as usize);
    Order::new(&wakers)
}

struct Tokio {
    runtime: tokio::runtime::Runtime,
    order: Order<Waker>,
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
        Self { order: order(&wakers, sleepers), runtime }
    }

    /// All within one `block_on`, which costs more than a wake.
    fn round(&mut self) -> Duration {
        let before = CRANKS.get();
        let ready = self.order.take();
        let wake_all = async {
            for waker in ready {
                waker.wake_by_ref();
                // Comes back when the tasks that are runnable now have run.
                tokio::task::yield_now().await;
            }
        };
        let (took, ()) = timed(|| self.runtime.block_on(wake_all));
        assert_eq!(CRANKS.get() - before, u64::from(WAKES));
        took
    }
}

struct Async {
    executor: async_executor::LocalExecutor<'static>,
    order: Order<Waker>,
}

impl Async {
    fn new(sleepers: u32) -> Self {
        let (executor, wakers) = (async_executor::LocalExecutor::new(), Wakers::default());
        (0..sleepers).for_each(|_| executor.spawn(Pending(Some(wakers.clone()))).detach());
        executors::finish_async_executor(&executor);
        Self { order: order(&wakers, sleepers), executor }
    }

    fn round(&mut self) -> Duration {
        self.order.round(|waker| {
            waker.wake_by_ref();
            assert!(self.executor.try_tick());
        })
    }
}

struct Futures {
    futures: BoxedFutures,
    order: Order<Waker>,
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
        Self { order: order(&wakers, sleepers), futures }
    }

    fn round(&mut self) -> Duration {
        let mut cx = Context::from_waker(Waker::noop());
        self.order.round(|waker| {
            waker.wake_by_ref();
            assert_eq!(self.futures.poll_next_unpin(&mut cx), Poll::Pending);
        })
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

    #[test]
    fn everybody_is_woken_before_anybody_is_woken_again() {
        let sleepers: Vec<u32> = (0..WAKES * 2 + 1).collect();
        let mut order = Order::new(&sleepers);
        let mut woken: Vec<u32> =
            (0..2).flat_map(|_| order.take().into_iter().copied().collect::<Vec<_>>()).collect();
        assert!(woken.windows(2).any(|pair| pair[0] > pair[1]), "not in the order of their making");
        woken.sort_unstable();
        woken.dedup();
        assert_eq!(woken.len(), 2 * WAKES as usize);
        let last = sleepers.iter().find(|one| woken.binary_search(one).is_err());
        assert_eq!(order.take().first().copied(), last);
    }
}

//! Who is woken by which waker, and when.

use super::*;
use crate::{AbortStep, Cx, Error, Outcome, Retry, Spec, wake_set};
use core::mem::size_of;
use core::pin::pin;
use core::time::Duration;
use std::cell::Cell;
use std::sync::mpsc;
use std::{format, thread};

use futures_lite::future::{yield_now, zip};

#[test]
fn a_future_that_wakes_itself_is_polled_again_but_not_by_the_same_poll() {
    let polls = Cell::new(0);
    let routine = pin!(Routine::new(|| async {
        for _ in 0..3 {
            polls.set(polls.get() + 1);
            yield_now().await;
        }
    }));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let id = s.add(Spec::work("yields", AsyncLeaf::new(routine, cells))).unwrap();
    for poll in 1..=3 {
        assert_eq!(s.poll_work(Instant::ZERO), Next::Now);
        assert_eq!((polls.get(), s.state(id).unwrap()), (poll, State::Waiting));
    }
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    assert_eq!((s.state(id).unwrap(), s.metrics().cranks), (State::Success, 4));
}

#[test]
fn a_wake_reaches_the_node_of_its_waker_alone() {
    let signals = [Signal::default(), Signal::default()];
    let (one, two) = (pin!(Routine::new(|| signals[0].wait())), pin!(Routine::new(|| signals[1].wait())));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let one = s.add(Spec::work("one", AsyncLeaf::new(one, cells))).unwrap();
    let two = s.add(Spec::work("two", AsyncLeaf::new(two, cells))).unwrap();
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks), (Next::OnWake, 2));
    assert!(!signals[0].waker().will_wake(&signals[1].waker()));

    signals[1].ring();
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks), (Next::OnWake, 3));
    assert_eq!([one, two].map(|id| s.state(id).unwrap()), [State::Waiting, State::Success]);

    signals[0].ring();
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks), (Next::Done, 4));
}

#[test]
fn a_waker_may_outlive_its_clones_the_future_the_node_and_the_scheduler() {
    let signal = Signal::default();
    let routine = pin!(Routine::new(|| signal.wait()));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let id = s.add(Spec::work("waits", AsyncLeaf::new(routine, cells))).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
    let late = signal.waker();
    assert!(late.will_wake(&late.clone()));
    let clone = late.clone();
    drop(late.clone());
    clone.wake();
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks), (Next::OnWake, 2));

    signal.ring();
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks), (Next::Done, 3));
    late.wake_by_ref();
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    drop(s.remove(id).unwrap());
    late.wake_by_ref();
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks), (Next::Done, 3));
    drop(s);
    late.wake_by_ref();
    late.wake();
}

#[test]
fn the_slots_next_tenant_is_at_worst_looked_at_once() {
    let (first, second) = (Signal::default(), Signal::default());
    let leaf = |signal: &Signal, cells| {
        let signal = signal.clone();
        AsyncWork::new(Box::pin(Routine::new(move || signal.wait())) as Pin<Box<dyn Rerun>>, cells)
    };
    let (mut s, cells) = scheduler();
    let id = s.add(Spec::work("first", leaf(&first, cells))).unwrap();
    let _ = s.poll_work(Instant::ZERO);
    let late = first.waker();
    s.abort(id).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    late.wake_by_ref();
    drop(s.remove(id).unwrap());

    let next = s.add(Spec::work("second", leaf(&second, cells))).unwrap();
    assert_eq!(next.index(), id.index());
    let before = s.metrics().cranks;
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks - before), (Next::OnWake, 1));
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks - before), (Next::OnWake, 1), "forgotten");
    late.wake();
    assert_eq!((s.poll_work(Instant::ZERO), s.metrics().cranks - before), (Next::OnWake, 2));
    second.ring();
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
}

#[test]
fn a_late_wake_does_not_cut_a_retry_delay_short() {
    let signal = Signal::default();
    let tries = Cell::new(0);
    let routine = pin!(Routine::new(|| {
        tries.set(tries.get() + 1);
        async { signal.wait().await }
    }));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let second = Duration::from_secs(1);
    let retry = Retry::ONCE.constant(second);
    s.add(Spec::work("waits", AsyncLeaf::new(routine, cells)).timeout(second).retry(retry)).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::At(Instant::from_secs(1)));
    let late = signal.waker();
    assert_eq!(s.poll_work(Instant::from_secs(1)), Next::At(Instant::from_secs(2)));
    late.wake();
    assert_eq!(settle(&mut s, Instant::from_millis(1_500)), Next::At(Instant::from_secs(2)));
    assert_eq!(tries.get(), 1);
    assert_eq!(s.poll_work(Instant::from_secs(2)), Next::At(Instant::from_secs(3)));
    assert_eq!(tries.get(), 2);
}

/// Two futures in each of four leaves, each rung by a thread of its own; the driver sleeps until it is told.
#[test]
fn threads_wake_a_driver_that_sleeps() {
    struct Bell(mpsc::Sender<()>);
    impl Notify for Bell {
        fn notify(&self) {
            self.0.send(()).unwrap();
        }
    }

    let (bell, rung) = mpsc::channel();
    let set = set(Some(Box::leak(Box::new(Bell(bell)))));
    let cells = row(set);
    let signals: [[Signal; 2]; 4] = Default::default();
    let mut s: Scheduler<Table<_>> = Scheduler::new();
    s.set_wakes(set);
    let both = s.add(Spec::parallel("all")).unwrap();
    for [one, two] in signals.clone() {
        let routine = Routine::new(move || {
            let (one, two) = (one.wait(), two.wait());
            async {
                zip(one, two).await;
            }
        });
        s.add_below(both, Spec::work("both", AsyncWork::new(Box::pin(routine), cells))).unwrap();
    }
    thread::scope(|scope| {
        let mut next = s.poll_work(Instant::ZERO);
        let ringers: Vec<_> = signals.iter().flatten().map(|signal| scope.spawn(|| signal.ring())).collect();
        while next != Next::Done {
            let silent = next == Next::OnWake && rung.recv_timeout(Duration::from_millis(1)).is_err();
            if silent && ringers.iter().all(thread::ScopedJoinHandle::is_finished) {
                rung.try_recv().expect("a wake is lost");
            }
            next = s.poll_work(Instant::ZERO);
        }
    });
    assert_eq!(s.state(both).unwrap(), State::Success);
}

/// A work that polls a future of its own.
struct ByHand<F>(F, &'static [WakeCell]);

impl<F: Future<Output = ()> + Unpin> Work for ByHand<F> {
    fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
        let waker = cx.waker(self.1).unwrap();
        match Pin::new(&mut self.0).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => Outcome::Success,
            Poll::Pending => Outcome::Waiting,
        }
    }

    /// Not before the future is ready.
    fn on_abort(&mut self, cx: &mut Cx<'_, Self>) -> AbortStep {
        if self.on_run(cx) == Outcome::Success { AbortStep::Done } else { AbortStep::Waiting }
    }
}

#[test]
fn a_work_may_poll_futures_of_its_own_and_abort_by_them() {
    let signal = Signal::default();
    let (mut s, cells) = scheduler();
    let id = s.add(Spec::work("by hand", ByHand(signal.wait(), cells))).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
    s.abort(id).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
    assert_eq!(s.state(id).unwrap(), State::Aborting);
    signal.ring();
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    assert_eq!(s.state(id).unwrap(), State::Aborted);
}

#[test]
fn a_node_without_a_waker_fails_at_once_and_for_good() {
    let polled = Cell::new(false);
    let try_with = |wakes: Option<&'static WakeSet>, cells: &'static [WakeCell]| {
        let routine = pin!(Routine::new(|| async { polled.set(true) }));
        let filler = pin!(Routine::new(pending::<()>));
        let mut s: Leaves<'_> = Scheduler::new();
        if let Some(set) = wakes {
            s.set_wakes(set);
        }
        s.add(Spec::work("slot 0", AsyncLeaf::new(filler, cells))).unwrap();
        let id = s.add(Spec::work("slot 1", AsyncLeaf::new(routine, cells)).retry(Retry::A_FEW)).unwrap();
        let _ = settle(&mut s, Instant::ZERO);
        (s.state(id).unwrap() == State::Failure).then(|| failure(&s, id))
    };
    let (own, other) = (set(None), set(None));
    let cells = row(own);
    assert_eq!(try_with(None, cells), Some(Reason::NO_WAKER), "the scheduler has no set");
    assert_eq!(try_with(Some(other), cells), Some(Reason::NO_WAKER), "another set's cells");
    assert_eq!(try_with(Some(own), &cells[..1]), Some(Reason::NO_WAKER), "a row too short");
    assert_eq!(try_with(Some(own), &cells[1..]), Some(Reason::NO_WAKER), "a row from the middle");
    assert_eq!(try_with(Some(own), &[]), Some(Reason::NO_WAKER), "no row at all");
    assert!(!polled.get());
    assert_eq!(try_with(Some(own), &cells[..2]), None);
    assert!(polled.get());
}

#[test]
fn what_a_work_is_told_about_its_waker() {
    struct Asks(&'static [WakeCell], Option<Error>);
    impl Work for Asks {
        fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
            assert_eq!(cx.waker(self.0).err(), self.1);
            Outcome::Success
        }
    }
    let (mut s, cells) = scheduler();
    let ids = [(cells, None), (&cells[..1], Some(Error::NoWakeSet))]
        .map(|(cells, error)| s.add(Spec::work("asks", Asks(cells, error))).unwrap());
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    assert!(ids.iter().all(|id| s.state(*id).unwrap() == State::Success));
}

#[test]
fn rows_are_constants_and_wakers_cost_nothing() {
    wake_set!(static WAKES: 40);
    static CELLS: [WakeCell; 40] = WakeCell::row(&WAKES);
    static WAKER: Waker = CELLS[39].waker();
    static NONE: [WakeCell; 0] = WakeCell::row(&WAKES);

    WAKER.wake_by_ref();
    CELLS[7].waker().wake();
    let mut woken = Vec::new();
    WAKES.drain(|index| woken.push(index));
    assert_eq!(woken, [7, 39]);
    assert!(NONE.is_empty());
    assert_eq!(size_of::<WakeCell>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<AsyncLeaf<'_>>(), 4 * size_of::<usize>());
    assert_eq!(format!("{:?}", CELLS[7]), "WakeCell(7)");
}

#[cfg(feature = "alloc")]
#[test]
fn a_leaked_row_has_a_cell_for_each_bit() {
    let cells = WakeCell::leaked(set(None));
    assert_eq!(cells.len(), 32);
    assert!(cells.iter().enumerate().all(|(at, cell)| cell.index as usize == at));
}

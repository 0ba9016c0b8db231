//! What becomes of a future's output, and in what shapes a routine may come.

use super::*;
use crate::{Cx, Outcome, Retry, Spec};
use core::future::ready;
use core::pin::pin;
use core::time::Duration;
use std::cell::Cell;
use std::format;

use futures_lite::future::{or, poll_once};

/// One node with this routine, until there is nothing to do at 0.
fn run<'a>(routine: Pin<&'a mut (dyn Rerun + 'a)>) -> (Leaves<'a>, NodeId, Next) {
    let (mut s, cells): (Leaves<'a>, _) = scheduler();
    let retry = Retry::ONCE.constant(Duration::from_secs(1));
    let id = s.add(Spec::work("async", AsyncLeaf::new(routine, cells)).retry(retry)).unwrap();
    let next = settle(&mut s, Instant::ZERO);
    (s, id, next)
}

#[test]
fn a_result_is_a_success_or_a_failure_that_may_be_retried() {
    let reason = Reason::new("no answer").with_code(7);
    assert_eq!(Outcome::from(()), Outcome::Success);
    assert_eq!(Outcome::from(Ok::<(), Reason>(())), Outcome::Success);
    assert_eq!(Outcome::from(Err::<(), _>(reason)), Outcome::Failure(reason));

    let tries = Cell::new(0);
    let routine = pin!(Routine::new(|| {
        tries.set(tries.get() + 1);
        ready(Err::<(), _>(reason))
    }));
    let (mut s, id, next) = run(routine);
    assert_eq!((next, tries.get()), (Next::At(Instant::from_secs(1)), 1));
    assert_eq!(settle(&mut s, Instant::from_secs(1)), Next::Done);
    assert_eq!((failure(&s, id), tries.get()), (reason, 2));
}

#[test]
fn an_outcome_is_taken_as_it_is() {
    let reason = Reason::new("wrong key");
    let routine = pin!(Routine::new(|| async { Outcome::Fatal(reason) }));
    let (s, id, next) = run(routine);
    assert_eq!((next, failure(&s, id), s.metrics().retries), (Next::Done, reason, 0));
}

#[test]
fn an_output_that_does_not_end_the_attempt_begins_another_future() {
    let rounds = Cell::new(0);
    let routine = pin!(Routine::new(|| {
        rounds.set(rounds.get() + 1);
        let last = rounds.get() == 3;
        async move { if last { Outcome::Success } else { Outcome::WaitFor(Duration::from_secs(5)) } }
    }));
    let (mut s, id, next) = run(routine);
    assert_eq!((next, rounds.get()), (Next::At(Instant::from_secs(5)), 1));
    assert_eq!(settle(&mut s, Instant::from_secs(5)), Next::At(Instant::from_secs(10)));
    assert_eq!(settle(&mut s, Instant::from_secs(10)), Next::Done);
    assert_eq!((s.state(id).unwrap(), rounds.get(), s.metrics().attempts), (State::Success, 3, 1));
}

#[test]
fn a_finished_future_is_gone_before_anything_else_happens() {
    let alive = Alive::default();
    let mut routine = pin!(Routine::new(|| {
        let clone = alive.clone();
        async move { drop(clone) }
    }));
    let waker = Waker::noop();
    for _ in 0..2 {
        // A future of an `async` block would panic if it were polled after its end.
        let output = routine.as_mut().poll(&mut Context::from_waker(waker));
        assert_eq!((output, alive.count()), (Poll::Ready(Outcome::Success), 0));
    }
    assert_eq!(format!("{routine:?}"), "Routine(idle)");
    routine.as_mut().cancel();
    routine.cancel();
}

#[test]
fn futures_combine_as_they_do_elsewhere() {
    let alive = Alive::default();
    let routine = pin!(Routine::new(|| {
        let held = async {
            alive.hold().await;
            Ok(())
        };
        or(held, ready(Err(Reason::new("gave up"))))
    }));
    let (s, id, next) = run(routine);
    assert_eq!(next, Next::At(Instant::from_secs(1)));
    assert_eq!((s.state(id).unwrap(), alive.count()), (State::Waiting, 0));
    drop(s);

    let routine = pin!(Routine::new(|| async {
        assert_eq!(poll_once(alive.hold()).await, None);
    }));
    let (s, id, _) = run(routine);
    assert_eq!((s.state(id).unwrap(), alive.count()), (State::Success, 0));
}

/// The same type in every node: no dynamic call, and the future is where the borrow points.
#[test]
fn one_type_of_future_needs_no_dynamic_calls() {
    let signal = Signal::default();
    let make = || signal.wait();
    let (one, two) = (pin!(Routine::new(make)), pin!(Routine::new(make)));
    let (mut s, cells) = scheduler();
    let parallel = s.add(Spec::parallel("both")).unwrap();
    for routine in [one, two] {
        s.add_below(parallel, Spec::work("typed", AsyncLeaf::new(routine, cells))).unwrap();
    }
    assert_eq!(settle(&mut s, Instant::ZERO), Next::OnWake);
    // The signal keeps one waker, the second's; it rings for the first by hand.
    cells[1].waker().wake();
    signal.ring();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    assert_eq!(s.state(parallel).unwrap(), State::Success);
}

/// A scheduler for an application, of boxed works that may go to another thread.
#[test]
fn a_leaf_is_a_work_for_any_application_and_any_thread() {
    struct Turns(AsyncWork<Box<dyn Rerun + Send>>);
    impl Work<Self, u32> for Turns {
        fn on_run(&mut self, cx: &mut Cx<'_, Self, u32>) -> Outcome {
            *cx.app() += 1;
            self.0.on_run(cx)
        }
    }
    let (mut s, cells) = scheduler();
    let signal = Signal::default();
    let routine = Routine::new({
        let signal = signal.clone();
        move || signal.wait()
    });
    s.add(Spec::work("turns", Turns(AsyncWork::new(Box::pin(routine), cells)))).unwrap();
    let mut turns = 0;
    assert_eq!(s.poll_work_with(Instant::ZERO, &mut turns), Next::OnWake);
    let (next, turns) = std::thread::spawn(move || {
        signal.ring();
        (s.poll_work_with(Instant::ZERO, &mut turns), turns)
    })
    .join()
    .unwrap();
    assert_eq!((next, turns), (Next::Done, 2));
}

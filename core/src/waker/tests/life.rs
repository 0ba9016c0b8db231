//! When a future is made, and when it is dropped.

use super::*;
use crate::{AbortCause, AbortStep, Cx, Outcome, Retry, Spec, State};
use core::pin::pin;
use core::time::Duration;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use futures_lite::future::yield_now;

const SECOND: Duration = Duration::from_secs(1);

/// Started, and pending.
fn begun<'a>(routine: Pin<&'a mut (dyn Rerun + 'a)>, alive: &Alive) -> (Leaves<'a>, NodeId) {
    let (mut s, cells): (Leaves<'a>, _) = scheduler();
    let id = s.add(Spec::work("holds", AsyncLeaf::new(routine, cells))).unwrap();
    assert_eq!(alive.count(), 0);
    assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
    assert_eq!((alive.count(), s.state(id).unwrap()), (1, State::Waiting));
    (s, id)
}

#[test]
fn an_abort_drops_the_future_and_a_restart_makes_another() {
    let alive = Alive::default();
    let routine = pin!(Routine::new(|| alive.hold()));
    let (mut s, id) = begun(routine, &alive);
    s.abort(id).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    assert_eq!((alive.count(), s.state(id).unwrap()), (0, State::Aborted));
    s.restart(id).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
    assert_eq!((alive.count(), s.state(id).unwrap()), (1, State::Waiting));
}

#[test]
fn a_future_that_never_began_is_not_made_to_be_aborted() {
    let routine = pin!(Routine::new(|| -> core::future::Ready<()> { unreachable!("it was never polled") }));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let id = s.add(Spec::work("never", AsyncLeaf::new(routine, cells))).unwrap();
    s.abort(id).unwrap();
    assert_eq!((s.poll_work(Instant::ZERO), s.state(id).unwrap()), (Next::Done, State::Aborted));
}

#[test]
fn a_scheduler_that_is_dropped_drops_the_futures() {
    let alive = Alive::default();
    let mut routine = pin!(Routine::new(|| alive.hold()));
    let (s, _) = begun(routine.as_mut(), &alive);
    drop(s);
    assert_eq!(alive.count(), 0);
    // The routine is still there, and can be lent to another one.
    begun(routine, &alive);
}

#[test]
fn a_timeout_drops_the_future_and_a_retry_makes_another() {
    let (alive, tries) = (Alive::default(), Cell::new(0));
    let routine = pin!(Routine::new(|| {
        tries.set(tries.get() + 1);
        alive.hold()
    }));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let spec = Spec::work("holds", AsyncLeaf::new(routine, cells));
    let id = s.add(spec.timeout(SECOND).retry(Retry::ONCE.constant(SECOND))).unwrap();
    for (now, next, live) in [
        (0, Next::At(Instant::from_secs(1)), 1),
        (1, Next::At(Instant::from_secs(2)), 0), // while it waits to try again
        (2, Next::At(Instant::from_secs(3)), 1),
        (3, Next::Done, 0),
    ] {
        assert_eq!((s.poll_work(Instant::from_secs(now)), alive.count()), (next, live), "at {now} s");
    }
    assert_eq!((tries.get(), failure(&s, id)), (2, Reason::TIMEOUT));
}

#[test]
fn a_race_drops_the_losers_and_a_sequence_begins_one_at_a_time() {
    let (alive, signal) = (Alive::default(), Signal::default());
    let loser = pin!(Routine::new(|| alive.hold()));
    let winner = pin!(Routine::new(|| signal.wait()));
    let last = pin!(Routine::new(|| async {
        assert_eq!(alive.count(), 0);
        yield_now().await;
    }));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let job = s.add(Spec::sequence("job")).unwrap();
    let race = s.add_below(job, Spec::race("race")).unwrap();
    let loser = s.add_below(race, Spec::work("loser", AsyncLeaf::new(loser, cells))).unwrap();
    s.add_below(race, Spec::work("winner", AsyncLeaf::new(winner, cells))).unwrap();
    let last = s.add_below(job, Spec::work("last", AsyncLeaf::new(last, cells))).unwrap();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::OnWake);
    assert_eq!((alive.count(), s.state(last).unwrap()), (1, State::Pending));
    signal.ring();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    assert_eq!((s.state(loser).unwrap(), s.state(job).unwrap()), (State::Aborted, State::Success));
    assert_eq!(s.node(loser).unwrap().abort_cause(), Some(AbortCause::SiblingWon));
}

#[test]
fn futures_in_parallel_are_pending_together() {
    let alive = Alive::default();
    let mut routines: [_; 3] = core::array::from_fn(|_| Box::pin(Routine::new(|| alive.hold())));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let all = s.add(Spec::parallel("all")).unwrap();
    for routine in &mut routines {
        s.add_below(all, Spec::work("holds", AsyncLeaf::new(routine.as_mut(), cells))).unwrap();
    }
    assert_eq!(settle(&mut s, Instant::ZERO), Next::OnWake);
    assert_eq!(alive.count(), 3);
    s.abort(all).unwrap();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    assert_eq!((alive.count(), s.state(all).unwrap()), (0, State::Aborted));
}

/// One arm of a work type.
enum Job<'a> {
    Async(AsyncLeaf<'a>),
    /// Does not get its abort done, whatever becomes of the future.
    Stubborn(AsyncLeaf<'a>),
    Plain,
}

impl Work for Job<'_> {
    fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
        match self {
            Self::Async(leaf) | Self::Stubborn(leaf) => leaf.on_run(cx),
            Self::Plain => Outcome::Success,
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self>) -> AbortStep {
        match self {
            Self::Async(leaf) => leaf.on_abort(cx),
            Self::Stubborn(_) => AbortStep::Waiting,
            Self::Plain => AbortStep::Done,
        }
    }

    fn on_reset(&mut self, cx: &mut Cx<'_, Self>) {
        if let Self::Async(leaf) | Self::Stubborn(leaf) = self {
            leaf.on_reset(cx);
        }
    }
}

#[test]
fn a_leaf_may_be_an_arm_of_the_users_work() {
    let alive = Alive::default();
    let (quick, held) = (pin!(Routine::new(yield_now)), pin!(Routine::new(|| alive.hold())));
    let (mut s, cells) = scheduler();
    let quick = s.add(Spec::work("quick", Job::Async(AsyncLeaf::new(quick, cells)))).unwrap();
    let held = s.add(Spec::work("held", Job::Async(AsyncLeaf::new(held, cells)))).unwrap();
    let plain = s.add(Spec::work("plain", Job::Plain)).unwrap();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::OnWake);
    s.abort(held).unwrap();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    let states = [quick, held, plain].map(|id| s.state(id).unwrap());
    assert_eq!((states, alive.count()), ([State::Success, State::Aborted, State::Success], 0));
}

#[test]
fn a_forced_end_drops_the_future_with_the_work() {
    let alive = Alive::default();
    let routine = pin!(Routine::new(|| alive.hold()));
    let (mut s, cells) = scheduler();
    let id = s.add(Spec::work("stubborn", Job::Stubborn(AsyncLeaf::new(routine, cells)))).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
    s.abort_by(id, Instant::from_secs(1)).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::At(Instant::from_secs(1)));
    assert_eq!(s.poll_work(Instant::from_secs(1)), Next::Done);
    assert_eq!((s.metrics().forced, alive.count()), (1, 1));
    drop(s.remove(id).unwrap());
    assert_eq!(alive.count(), 0);
}

#[test]
fn a_future_that_panics_fails_its_node_and_is_never_polled_again() {
    let (alive, tries) = (Alive::default(), Cell::new(0));
    let routine = pin!(Routine::new(|| {
        let try_number = tries.get() + 1;
        tries.set(try_number);
        let alive = &alive;
        async move {
            let _clone = alive.clone();
            yield_now().await;
            assert!(try_number > 1, "the first try panics");
        }
    }));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let spec = Spec::work("panics", AsyncLeaf::new(routine, cells));
    let id = s.add(spec.retry(Retry::times(3).constant(Duration::ZERO))).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::Now);
    assert!(catch_unwind(AssertUnwindSafe(|| s.poll_work(Instant::ZERO))).is_err());
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    assert_eq!((failure(&s, id), tries.get()), (Reason::PANICKED, 1), "no retry after a panic");

    s.restart(id).unwrap();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    assert_eq!((s.state(id).unwrap(), tries.get(), alive.count()), (State::Success, 2, 0));
}

#[test]
fn a_destructor_that_panics_leaves_no_future_behind() {
    struct Bomb<'a>(&'a Cell<bool>);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            assert!(!self.0.replace(false) || thread::panicking(), "armed");
        }
    }
    let armed = Cell::new(true);
    let routine = pin!(Routine::new(|| {
        let bomb = Bomb(&armed);
        async move {
            pending::<()>().await;
            drop(bomb);
        }
    }));
    let (mut s, cells): (Leaves<'_>, _) = scheduler();
    let id = s.add(Spec::work("bomb", AsyncLeaf::new(routine, cells))).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::OnWake);
    s.abort(id).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| s.poll_work(Instant::ZERO))).is_err());
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    assert_eq!(s.state(id).unwrap(), State::Aborted);
    armed.set(true);
    drop(s); // would panic again, were it still there
    assert!(armed.get());
}

#[test]
fn a_routine_that_is_borrowed_for_ever_needs_no_other_pin() {
    let (mut s, cells) = scheduler::<AsyncLeaf<'static>>();
    let signal = Signal::default();
    let heard = signal.clone();
    // It borrows from itself across an `await`, so it would notice if it were moved.
    let routine = Box::leak(Box::new(Routine::new(move || {
        let heard = heard.clone();
        async move {
            let numbers = [1, 2, 3];
            let last = &numbers[2];
            heard.wait().await;
            if *last == 3 { Ok(()) } else { Err(Reason::new("moved")) }
        }
    })));
    let id = s.add(Spec::work("static", AsyncLeaf::new(routine.pin_static(), cells))).unwrap();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::OnWake);
    signal.ring();
    assert_eq!(settle(&mut s, Instant::ZERO), Next::Done);
    assert_eq!(s.state(id), Ok(State::Success));
}

//! Async leaves, and threads that wake them, in every order in which they can run.
//!
//! The invariant is that of the wake set's models: a model that passes has been seen to fail, on atomics that are weakened. The scheduler, the
//! leaves and the wakers are the shipped ones. Each model ends by itself in every order; a wake that were lost would be a deadlock.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::task::Waker;
use std::sync::Arc;

use loom::sync::atomic::AtomicU32 as Datum;
use loom::thread;

use super::*;
use crate::sync::Ordering;
use crate::sync::modelled::{Weakness, weaken};
use crate::wake::models::Bell;
use crate::{Boxed, Instant, Next, NodeId, Scheduler, Spec, State};

type Leaf = AsyncWork<Box<dyn Rerun>>;
type Leaves = Scheduler<Boxed<Leaf>>;

/// A scheduler of so many leaves that each run what `thread` says on a thread of its own, and are done when its datum is not zero.
fn started(leaves: usize, thread: fn(&Datum, Waker)) -> (Leaves, Vec<NodeId>, &'static Bell) {
    let bell = Bell::leaked();
    let set = WakeSet::leaked(leaves, Some(bell));
    let cells = WakeCell::leaked(set);
    let mut s = Leaves::with_capacity(leaves);
    s.set_wakes(set);
    let ids = (0..leaves).map(|_| s.add(Spec::work("leaf", leaf(cells, thread))).unwrap()).collect();
    (s, ids, bell)
}

fn leaf(cells: &'static [WakeCell], run: fn(&Datum, Waker)) -> Leaf {
    let routine = Routine::new(move || {
        let mut shared: Option<Arc<Datum>> = None;
        poll_fn(move |cx| match &shared {
            Some(datum) => {
                assert_eq!(datum.load(Ordering::Relaxed), 1, "what was written before the wake is seen");
                Poll::Ready(())
            }
            None => {
                let datum = shared.insert(Arc::new(Datum::new(0)));
                let (datum, waker) = (Arc::clone(datum), cx.waker().clone());
                thread::spawn(move || run(&datum, waker));
                Poll::Pending
            }
        })
    });
    AsyncWork::new(Box::pin(routine), cells)
}

fn write_and_wake(datum: &Datum, waker: Waker) {
    datum.store(1, Ordering::Relaxed);
    waker.wake();
}

/// Polls, and sleeps until told, until all is done.
fn drive(s: &mut Leaves, bell: &Bell) {
    loop {
        match s.poll_work(Instant::ZERO) {
            Next::Done => return,
            Next::OnWake => bell.wait(),
            _ => {}
        }
    }
}

fn a_pending_leaf_is_polled_again_and_ends(leaves: usize) {
    let (mut s, ids, bell) = started(leaves, write_and_wake);
    drive(&mut s, bell);
    assert!(ids.iter().all(|id| s.state(*id).unwrap() == State::Success));
}

/// Nothing but the wake itself orders what the future sees; if the wake comes too late for these polls, it sees nothing.
fn a_poll_that_takes_the_wake_sees_what_was_written_before() {
    let (mut s, ids, _) = started(1, write_and_wake);
    let _ = (s.poll_work(Instant::ZERO), s.poll_work(Instant::ZERO));
    assert!(matches!(s.state(ids[0]).unwrap(), State::Waiting | State::Success));
}

/// The waker's thread may come before the abort, after it, and after the end; the other leaf is as it was.
fn a_wake_at_any_moment_of_an_abort_does_no_harm() {
    let (mut s, ids, bell) = started(2, write_and_wake);
    let _ = s.poll_work(Instant::ZERO);
    s.abort(ids[0]).unwrap();
    drive(&mut s, bell);
    assert!(s.state(ids[0]).unwrap().is_done());
    assert_eq!(s.state(ids[1]).unwrap(), State::Success);
}

/// A wake before the write, which finds nothing yet, must not swallow the one after it.
fn a_waker_may_be_called_more_than_once() {
    let bell = Bell::leaked();
    let set = WakeSet::leaked(1, Some(bell));
    let mut s = Leaves::with_capacity(1);
    s.set_wakes(set);
    let routine = Routine::new(|| {
        let mut shared: Option<Arc<Datum>> = None;
        poll_fn(move |cx| {
            let (datum, waker) = match &shared {
                Some(datum) if datum.load(Ordering::Relaxed) == 1 => return Poll::Ready(()),
                Some(_) => return Poll::Pending,
                None => (Arc::clone(shared.insert(Arc::new(Datum::new(0)))), cx.waker().clone()),
            };
            thread::spawn(move || {
                waker.wake_by_ref();
                write_and_wake(&datum, waker);
            });
            Poll::Pending
        })
    });
    s.add(Spec::work(
        "leaf",
        AsyncWork::new(Box::pin(routine) as Pin<Box<dyn Rerun>>, WakeCell::leaked(set)),
    ))
    .unwrap();
    drive(&mut s, bell);
}

#[test]
fn pending_leaves() {
    loom::model(|| a_pending_leaf_is_polled_again_and_ends(1));
    loom::model(|| a_pending_leaf_is_polled_again_and_ends(2));
}

#[test]
fn poll_among_wakes() {
    loom::model(a_poll_that_takes_the_wake_sees_what_was_written_before);
}

#[test]
fn abort_among_wakes() {
    loom::model(a_wake_at_any_moment_of_an_abort_does_no_harm);
}

#[test]
fn repeated_wakes() {
    loom::model(a_waker_may_be_called_more_than_once);
}

#[test]
#[should_panic(expected = "what was written before the wake is seen")]
fn without_orderings_a_future_overlooks_what_was_written() {
    weaken(Weakness::Unordered);
    loom::model(a_poll_that_takes_the_wake_sees_what_was_written_before);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_orderings_a_pending_leaf_sleeps_for_ever() {
    weaken(Weakness::Unordered);
    loom::model(|| a_pending_leaf_is_polled_again_and_ends(2));
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_torn_exchanges_a_pending_leaf_sleeps_for_ever() {
    weaken(Weakness::Torn);
    loom::model(|| a_pending_leaf_is_polled_again_and_ends(2));
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_torn_exchanges_the_second_wake_is_lost() {
    weaken(Weakness::Torn);
    loom::model(a_waker_may_be_called_more_than_once);
}

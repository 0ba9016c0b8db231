//! The rest between two polls: what it arms, what ends it, and what it leaves behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use embassy_time::MockDriver;
use windlass::{Instant, Next};
use windlass_embassy::{Bell, LONGEST_SLEEP, rest};

use crate::rig::{Flag, Rig};

const FAR: Next = Next::At(Instant::from_secs(1_000_000));

/// Wakers that somebody holds, besides the two of the test itself.
fn held(flag: &Arc<Flag>) -> usize {
    Arc::strong_count(flag) - 2
}

#[test]
fn without_a_deadline_no_timer_is_armed_and_nothing_wakes_the_task() {
    let _rig = Rig::new();
    for next in [Next::OnWake, Next::Done] {
        let bell = Bell::new();
        let (flag, waker) = Flag::waker();
        let cx = &mut Context::from_waker(&waker);
        let mut resting = pin!(rest(next, &bell));
        assert_eq!(resting.as_mut().poll(cx), Poll::Pending);
        assert_eq!(held(&flag), 1, "the bell has the waker, and the timer queue has not");
        MockDriver::get().advance(LONGEST_SLEEP * 1_000);
        assert_eq!(flag.wakes(), 0);
        bell.ring();
        assert_eq!(flag.wakes(), 1);
        assert_eq!(resting.as_mut().poll(cx), Poll::Ready(()));
        assert_eq!(held(&flag), 0);
    }
    // At the end of time even an alarm for "never" would have gone off.
    let bell = Bell::new();
    let (flag, waker) = Flag::waker();
    let mut resting = pin!(rest(Next::OnWake, &bell));
    assert_eq!(resting.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
    let left = u64::MAX - embassy_time::Instant::now().as_ticks();
    MockDriver::get().advance(embassy_time::Duration::from_ticks(left));
    assert_eq!(flag.wakes(), 0);
}

#[test]
fn with_a_deadline_one_timer_is_armed() {
    let _rig = Rig::new();
    let bell = Bell::new();
    let (flag, waker) = Flag::waker();
    let cx = &mut Context::from_waker(&waker);
    let mut resting = pin!(rest(Next::At(Instant::from_micros(9)), &bell));
    assert_eq!(resting.as_mut().poll(cx), Poll::Pending);
    assert_eq!(held(&flag), 2, "the bell and the timer queue");
    MockDriver::get().advance(embassy_time::Duration::from_ticks(8));
    assert_eq!(flag.wakes(), 0);
    MockDriver::get().advance(embassy_time::Duration::from_ticks(1));
    assert_eq!(flag.wakes(), 1);
    assert_eq!(resting.as_mut().poll(cx), Poll::Ready(()));
}

#[test]
fn a_ring_before_the_rest_ends_it_after_one_turn_of_the_others() {
    let _rig = Rig::new();
    for next in [Next::Now, FAR, Next::OnWake, Next::Done] {
        let bell = Bell::new();
        bell.ring();
        let (flag, waker) = Flag::waker();
        let cx = &mut Context::from_waker(&waker);
        let mut resting = pin!(rest(next, &bell));
        assert_eq!(resting.as_mut().poll(cx), Poll::Pending, "{next:?}");
        assert_eq!(
            (flag.wakes(), held(&flag)),
            (1, 0),
            "{next:?}: it is in the executor's queue, and nowhere else"
        );
        assert_eq!(resting.as_mut().poll(cx), Poll::Ready(()));
        assert_eq!(format!("{bell:?}"), "Bell(silent)", "the poll that follows answers it");
    }
}

#[test]
fn what_rings_during_the_yield_is_answered_by_the_poll_that_follows() {
    let _rig = Rig::new();
    let bell = Bell::new();
    let (_flag, waker) = Flag::waker();
    let cx = &mut Context::from_waker(&waker);
    let mut resting = pin!(rest(Next::Now, &bell));
    assert_eq!(resting.as_mut().poll(cx), Poll::Pending);
    bell.ring();
    assert_eq!(resting.as_mut().poll(cx), Poll::Ready(()));
    assert_eq!(format!("{bell:?}"), "Bell(silent)");
}

#[test]
fn a_wake_of_the_task_for_nothing_does_not_end_the_rest() {
    let _rig = Rig::new();
    for next in [FAR, Next::OnWake, Next::Done] {
        let bell = Bell::new();
        let (_flag, waker) = Flag::waker();
        let cx = &mut Context::from_waker(&waker);
        let mut resting = pin!(rest(next, &bell));
        for _ in 0..3 {
            assert_eq!(resting.as_mut().poll(cx), Poll::Pending);
        }
    }
}

#[test]
fn a_ring_that_comes_when_the_rest_was_dropped_ends_the_next() {
    let _rig = Rig::new();
    let bell = Bell::new();
    let (flag, waker) = Flag::waker();
    let cx = &mut Context::from_waker(&waker);
    {
        let mut resting = pin!(rest(FAR, &bell));
        assert_eq!(resting.as_mut().poll(cx), Poll::Pending);
    }
    bell.ring();
    assert_eq!(flag.wakes(), 1, "the waker of the last who rested");
    let mut resting = pin!(rest(FAR, &bell));
    assert_eq!(resting.as_mut().poll(cx), Poll::Pending);
    assert_eq!(resting.as_mut().poll(cx), Poll::Ready(()));
}

//! Time that passes inside a poll: a slow crank delays its neighbours, and falsifies nothing of theirs.
//!
//! The clock is a cell that slow works move; a poll gets a function that reads it.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use windlass::{AbortStep, Check, Instant, Next, NodeId, Outcome, Retry, Spec, State};
use windlass_tests::{Any, Rig, Script, WRONG, millis, secs};

/// A rig and its clock.
struct Real {
    rig: Rig,
    clock: Rc<Cell<Instant>>,
}

impl Real {
    fn new() -> Self {
        Self { rig: Rig::new(128), clock: Rc::default() }
    }

    fn now(&self) -> Instant {
        self.clock.get()
    }

    fn pass(&self, time: Duration) {
        self.clock.set(self.now() + time);
    }

    fn poll(&mut self) -> Next {
        let clock = Rc::clone(&self.clock);
        let next = self.rig.s.poll_work_with(move || clock.get(), &mut self.rig.world);
        self.rig.check();
        next
    }

    /// A work whose first crank takes `time`, and which succeeds with it.
    fn slow(&self, time: Duration) -> Spec<Any> {
        let clock = Rc::clone(&self.clock);
        Script::new(move |_| {
            clock.set(clock.get() + time);
            Outcome::Success
        })
        .spec("slow")
    }

    fn deadline(&self, id: NodeId) -> Option<Instant> {
        self.rig.node(id).deadline()
    }
}

const SLOW: Duration = millis(300);

/// What is said after a neighbour has taken 300 ms counts from then: a sleep, a wait, a retry delay, a limit, a gate's next question, and the clean-up of an abort.
#[test]
fn whatever_is_set_counts_from_when_it_was_said() {
    let at = |millis: u64| Some(Instant::from_millis(millis));
    let mut real = Real::new();
    real.rig.s.set_wakes(windlass::WakeSet::leaked(128, None));
    let slow = real.slow(SLOW);
    real.rig.add(slow);
    let sleeper = real.rig.add(Script::says(Outcome::Sleep(millis(200))).spec("sleeper"));
    let waiter = real.rig.add(Script::says(Outcome::WaitFor(millis(200))).spec("waiter"));
    let retry = Retry::times(3).constant(millis(200));
    let failing = real.rig.add(Script::says(Outcome::Failure(WRONG)).spec("failing").retry(retry));
    let limited = real.rig.add(Script::waits().spec("limited").timeout(millis(200)));
    let gate = real.rig.add(Script::asks(|_| Check::No).gate("gate").poll_every(millis(200)));
    real.rig.add_below(gate, Script::steps(1).spec("guarded"));
    let tidy = Script::waits().aborts(&[AbortStep::Waiting; 9]).spec("tidy").cleanup_timeout(millis(200));
    let tidy = real.rig.add(tidy);
    real.rig.add(
        Script::new(move |cx| {
            cx.abort(tidy).unwrap();
            Outcome::Success
        })
        .spec("janitor"),
    );
    while real.poll() == Next::Now {}
    for id in [sleeper, waiter, failing, limited, gate, tidy] {
        assert_eq!(real.deadline(id), at(500), "{}", real.rig.node(id).name());
    }
}

/// An instant stands still while a poll goes on, as it always did: for tests, and for runs that are repeated.
#[test]
fn an_instant_stands_still() {
    let mut real = Real::new();
    let slow = real.slow(SLOW);
    real.rig.add(slow);
    let sleeper = real.rig.add(Script::says(Outcome::Sleep(millis(200))).spec("sleeper"));
    let _ = real.rig.s.poll_work_with(Instant::ZERO, &mut real.rig.world);
    assert_eq!(real.deadline(sleeper), Some(Instant::from_millis(200)));
}

/// A plain crank does not ask the clock, however many there are.
#[test]
fn a_plain_crank_does_not_ask_the_clock() {
    let mut rig = Rig::new(64);
    for _ in 0..64 {
        rig.add(Script::says(Outcome::Running).spec("plain"));
    }
    let asked = Cell::new(0);
    for polls in 1..=10 {
        let clock = || {
            asked.set(asked.get() + 1);
            Instant::ZERO
        };
        assert_eq!(rig.s.poll_work_with(clock, &mut rig.world), Next::Now);
        assert_eq!(asked.get(), polls);
    }
    assert_eq!(rig.cranks(), 2_560);
}

/// With a time budget of 1 ms, 50 works of 4 ms a crank let a poll go after one of them, so that whoever polls can hear a request to stop.
#[test]
fn a_time_budget_ends_a_poll_after_a_slow_crank() {
    let mut real = Real::new();
    real.rig.s.set_time_budget(millis(1));
    for _ in 0..50 {
        let clock = Rc::clone(&real.clock);
        real.rig.add(
            Script::new(move |_| {
                clock.set(clock.get() + millis(4));
                Outcome::Running
            })
            .spec("busy"),
        );
    }
    for polls in 1..=20 {
        assert_eq!(real.poll(), Next::Now);
        assert_eq!(real.rig.cranks(), polls);
    }
}

/// Cheap cranks are many to a look at the clock, and one that becomes slow is noticed within the slice that it is in.
#[test]
fn cheap_cranks_share_a_look_at_the_clock() {
    let mut rig = Rig::new(64);
    rig.s.set_time_budget(millis(1));
    rig.s.set_budget(NonZeroU32::new(10_000).unwrap());
    for _ in 0..64 {
        rig.add(Script::says(Outcome::Running).spec("cheap"));
    }
    let (asked, world) = (Cell::new(0_u32), &mut rig.world);
    // The clock moves by one microsecond for each look.
    let clock = || {
        asked.set(asked.get() + 1);
        Instant::from_micros(u64::from(asked.get()))
    };
    assert_eq!(rig.s.poll_work_with(clock, world), Next::Now);
    assert_eq!(rig.cranks(), 10_000);
    assert!(asked.get() < 10_000 / 64 + 64 + 10, "{} looks", asked.get());
}

/// What becomes due while slow works are cranked is heard between two cranks, not after all of them.
#[test]
fn a_deadline_is_heard_between_slow_cranks() {
    let mut real = Real::new();
    real.rig.s.set_time_budget(secs(10));
    let late = real.rig.add(Script::waits().spec("late").timeout(millis(10)));
    assert_eq!(real.poll(), Next::At(Instant::from_millis(10)));
    let order: Rc<Cell<u32>> = Rc::default();
    for _ in 0..50 {
        let (clock, order) = (Rc::clone(&real.clock), Rc::clone(&order));
        real.rig.add(
            Script::new(move |cx| {
                clock.set(clock.get() + millis(4));
                if !cx.state(late).unwrap().is_done() {
                    order.set(order.get() + 1);
                }
                Outcome::Success
            })
            .spec("busy"),
        );
    }
    while real.poll() == Next::Now {}
    assert_eq!(real.rig.state(late), State::Failure);
    // Three of them take 12 ms; then its end has its turn behind those that are in the ring, once.
    assert!(order.get() <= 50, "{}", order.get());
    assert_eq!(real.rig.node(late).failure().unwrap().reason, windlass::Reason::TIMEOUT);
}

/// A call has answered 20 ms into its 100 ms, and the poll comes at 300 ms: that is a success, for the wake was there first. One turn is all it gets.
#[test]
fn what_has_come_before_the_limit_was_seen_counts() {
    for (outcome, state) in [(Outcome::Success, State::Success), (Outcome::Waiting, State::Failure)] {
        let mut real = Real::new();
        real.rig.s.set_wakes(windlass::WakeSet::leaked(128, None));
        let call = Script::lines(&[Outcome::Waiting, outcome]).spec("call").timeout(millis(100));
        let call = real.rig.add(call);
        assert_eq!(real.poll(), Next::At(Instant::from_millis(100)));
        let handle = real.rig.s.wake_handle(call).unwrap();
        real.pass(millis(20));
        handle.wake();
        real.pass(millis(280));
        while real.poll() == Next::Now {}
        assert_eq!(real.rig.state(call), state);
        assert_eq!(real.rig.cranks(), 2);
        if state == State::Failure {
            assert_eq!(real.rig.node(call).failure().unwrap().reason, windlass::Reason::TIMEOUT);
        }
    }
}

/// No wake has come: the limit counts, however late the poll.
#[test]
fn without_a_wake_a_late_poll_finds_a_timeout() {
    let mut real = Real::new();
    let call =
        real.rig.add(Script::lines(&[Outcome::Waiting, Outcome::Success]).spec("call").timeout(millis(100)));
    let _ = real.poll();
    real.pass(millis(300));
    assert_eq!(real.poll(), Next::Done);
    assert_eq!((real.rig.state(call), real.rig.cranks()), (State::Failure, 1));
}

/// A work that measures time sees it pass.
#[test]
fn a_work_sees_the_time_of_the_clock() {
    let mut real = Real::new();
    let clock = Rc::clone(&real.clock);
    real.rig.add(
        Script::new(move |cx| {
            let before = cx.now();
            clock.set(clock.get() + SLOW);
            assert_eq!(cx.now() - before, SLOW);
            Outcome::Success
        })
        .spec("measures"),
    );
    assert_eq!(real.poll(), Next::Done);
}

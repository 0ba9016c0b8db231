//! Times that nobody should give: clocks that go back or stand at the end of time, limits of nothing, delays without end.

use std::time::Duration;

use windlass::{AbortStep, Check, Instant, Jitter, Next, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Rig, Script, WRONG};

const END: Instant = Instant::MAX;

/// Polls at this time until there is nothing to do at it.
fn poll(rig: &mut Rig, now: Instant) -> Next {
    for _ in 0..1_000 {
        match rig.s.poll_work_with(now, &mut rig.world) {
            Next::Now => {}
            next => return next,
        }
    }
    panic!("no end at {now}:\n{}", rig.tree())
}

/// A clock that goes back: the latest time counts.
#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut rig = Rig::new(2);
    let act = Script::new(|cx| {
        assert_eq!(cx.now(), Instant::from_secs(100));
        Outcome::WaitFor(Duration::from_secs(10))
    });
    let a = rig.add(act.spec("a"));
    assert_eq!(poll(&mut rig, Instant::from_secs(100)), Next::At(Instant::from_secs(110)));
    for now in [Instant::ZERO, Instant::from_secs(50), Instant::from_secs(99)] {
        assert_eq!(poll(&mut rig, now), Next::At(Instant::from_secs(110)));
        assert_eq!(rig.s.view().now(), Instant::from_secs(100));
    }
    rig.s.wake(a).unwrap();
    assert_eq!(poll(&mut rig, Instant::ZERO), Next::At(Instant::from_secs(110)));
    assert_eq!(rig.world.of("a").runs, 2);
}

/// Everything that was armed earlier is due at the end of time, and is what it was meant to be.
#[test]
fn all_that_was_armed_is_due_at_the_end_of_time() {
    let mut rig = Rig::new(16);
    let sleeper =
        rig.add(Script::lines(&[Outcome::WaitFor(Duration::from_secs(5)), Outcome::Success]).spec("sleeper"));
    let retrier = rig
        .add(Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("retrier").retry(Retry::ONCE));
    let timer = rig.add(Script::says(Outcome::Waiting).spec("timer").timeout(Duration::from_secs(5)));
    let mut asked = 0;
    let gate = rig.add(
        Script::asks(move |_| {
            asked += 1;
            Check::from(asked == 2)
        })
        .gate("gate"),
    );
    rig.add_below(gate, Script::steps(1).spec("inner"));
    let cleaner =
        rig.add(Script::waits().aborts(&[AbortStep::WaitFor(Duration::from_secs(5))]).spec("cleaner"));
    let forced = rig.add(Script::waits().on_abort(|_| AbortStep::Waiting).spec("forced"));
    rig.run_until_idle();
    rig.s.abort(cleaner).unwrap();
    rig.s.abort_by(forced, Instant::from_secs(5)).unwrap();
    rig.run_until_idle();
    assert_eq!(poll(&mut rig, END), Next::Done, "{}", rig.tree());
    for id in [sleeper, retrier, gate] {
        assert_eq!(rig.state(id), State::Success, "{}", rig.tree());
    }
    assert_eq!(rig.node(timer).failure().unwrap().reason, Reason::TIMEOUT);
    assert!(!rig.node(cleaner).was_forced());
    assert!(rig.node(forced).was_forced());
}

/// What is armed at the end of time never comes: it is a wait.
#[test]
fn what_is_armed_at_the_end_of_time_never_comes() {
    let mut rig = Rig::new(8);
    let sleeper =
        rig.add(Script::lines(&[Outcome::WaitFor(Duration::from_secs(5)), Outcome::Success]).spec("sleeper"));
    let timer = rig.add(Script::waits().spec("timer").timeout(Duration::from_secs(5)));
    let cleaner = rig.add(
        Script::waits()
            .aborts(&[AbortStep::WaitFor(Duration::from_secs(5))])
            .spec("cleaner")
            .cleanup_timeout(Duration::from_secs(1)),
    );
    assert_eq!(poll(&mut rig, END), Next::OnWake);
    rig.s.abort(cleaner).unwrap();
    assert_eq!(poll(&mut rig, END), Next::OnWake);
    for id in [sleeper, timer, cleaner] {
        assert_eq!(rig.node(id).deadline(), None);
        rig.s.wake(id).unwrap();
    }
    assert_eq!(poll(&mut rig, END), Next::Done);
    assert_eq!(
        [sleeper, timer, cleaner].map(|id| rig.state(id)),
        [State::Success, State::Success, State::Aborted]
    );
}

/// The last microsecond but one: sums saturate.
#[test]
fn sums_of_times_saturate() {
    let mut rig = Rig::new(4);
    let almost = Instant::from_micros(u64::MAX - 1);
    let a = rig.add(
        Script::lines(&[
            Outcome::WaitFor(Duration::ZERO),
            Outcome::WaitFor(Duration::from_secs(1)),
            Outcome::Success,
        ])
        .spec("a"),
    );
    let b = rig.add(Script::fails().spec("b").retry(Retry::A_FEW.constant(Duration::ZERO)));
    assert_eq!(poll(&mut rig, almost), Next::OnWake);
    assert_eq!((rig.world.of("a").runs, rig.state(b), rig.world.of("b").runs), (2, State::Failure, 6));
    rig.s.wake(a).unwrap();
    assert_eq!(poll(&mut rig, END), Next::Done);
}

/// No time at all: a work that is done in its first poll is in time, one that is not has timed out at the next.
#[test]
fn a_timeout_of_nothing_allows_one_poll() {
    let mut rig = Rig::new(8);
    let quick = rig.add(Script::steps(3).spec("quick").timeout(Duration::ZERO));
    let slow =
        rig.add(Script::says(Outcome::Waiting).spec("slow").timeout(Duration::ZERO).retry(Retry::ONCE));
    let q = rig.add(Spec::sequence("q").timeout(Duration::ZERO));
    rig.add_below(q, Script::says(Outcome::Waiting).spec("inner"));
    let endless = rig.add(Script::says(Outcome::Running).spec("endless").timeout(Duration::ZERO));
    assert_eq!(rig.s.poll_work_with(Instant::ZERO, &mut rig.world), Next::Now);
    assert_eq!(poll(&mut rig, Instant::ZERO), Next::At(Instant::from_secs(1)));
    assert_eq!(poll(&mut rig, Instant::from_secs(1)), Next::Done);
    assert_eq!(rig.state(quick), State::Success);
    for id in [slow, q, endless] {
        assert_eq!(rig.node(id).failure().unwrap().reason, Reason::TIMEOUT);
    }
}

/// A predicate asked without a pause: once in each poll, so the driver is told to come back at once and others have their turns.
#[test]
fn a_poll_interval_of_nothing_asks_once_in_each_poll() {
    let mut rig = Rig::new(4);
    let mut asked = 0;
    let g = rig.add(
        Script::asks(move |_| {
            asked += 1;
            Check::from(asked == 10)
        })
        .gate("g")
        .poll_every(Duration::ZERO),
    );
    rig.add_below(g, Script::steps(1).spec("inner"));
    for polls in 1..10 {
        assert_eq!(rig.s.poll_work_with(Instant::ZERO, &mut rig.world), Next::Now);
        assert_eq!(rig.world.of("g").asked, polls);
    }
    assert_eq!(rig.s.poll_work_with(Instant::ZERO, &mut rig.world), Next::Done);
}

/// Retry delays of nothing and without end, from the policy and from the work.
#[test]
fn a_retry_delay_may_be_nothing_or_without_end() {
    let mut rig = Rig::new(8);
    let zero = rig.add(Script::fails().spec("zero").retry(Retry::times(100).constant(Duration::ZERO)));
    assert_eq!(poll(&mut rig, Instant::ZERO), Next::Done);
    assert_eq!((rig.state(zero), rig.world.of("zero").runs), (State::Failure, 101));

    let long = Retry::A_LOT
        .exponential(Duration::MAX, u16::MAX, Duration::MAX)
        .jitter(Jitter::PlusMinus(255))
        .floor(Duration::MAX);
    let policy = rig.add(Script::fails().spec("policy").retry(long));
    let work =
        rig.add(Script::says(Outcome::RetryAfter(Duration::MAX, WRONG)).spec("work").retry(Retry::ONCE));
    let next = poll(&mut rig, Instant::ZERO);
    assert!(matches!(next, Next::At(_) | Next::OnWake));
    for id in [policy, work] {
        assert_eq!(rig.state(id), State::Waiting);
        assert!(
            rig.node(id).retry_eta(Instant::ZERO).is_some_and(|eta| eta > Duration::from_secs(1_000_000_000))
        );
        assert!(!rig.node(id).explain(rig.now()).to_string().is_empty());
        assert!(rig.node(id).text(rig.now()).to_string().starts_with("Retrying in"));
    }
    rig.s.shutdown(Instant::ZERO);
    assert_eq!(poll(&mut rig, Instant::ZERO), Next::Done);
}

/// Drain deadlines of nothing: the abort is over in the next poll, and was not asked for its opinion.
#[test]
fn a_drain_of_nothing_ends_an_abort_in_the_next_poll() {
    let mut rig = Rig::new(4);
    let a =
        rig.add(Script::waits().on_abort(|_| AbortStep::Running).spec("a").cleanup_timeout(Duration::ZERO));
    rig.run_until_idle();
    rig.s.abort(a).unwrap();
    assert_eq!(rig.s.next(), Next::Now);
    assert_eq!(poll(&mut rig, Instant::ZERO), Next::Done);
    assert!(rig.node(a).was_forced());
    assert_eq!(rig.world.of("a").aborts, 0);
}

/// `Next` as a driver reads it.
#[test]
fn next_says_how_long_a_driver_may_sleep() {
    let at = Next::At(Instant::from_secs(5));
    assert_eq!(at.delay(Instant::from_secs(3)), Some(Duration::from_secs(2)));
    assert_eq!(at.delay(END), Some(Duration::ZERO));
    assert_eq!(Next::Now.delay(END), Some(Duration::ZERO));
    assert_eq!((Next::OnWake.delay(END), Next::Done.delay(Instant::ZERO)), (None, None));
    assert!(
        Next::Now < at && at < Next::At(END) && Next::At(END) < Next::OnWake && Next::OnWake < Next::Done
    );
}

//! Timeouts, delays that the work asks for, failures for good, and a limit on all attempts together.

use std::time::Duration;

use windlass::{Abort, Cause, Instant, Next, Outcome, Reason, Retry, Spec, State, What};
use windlass_tests::{Rig, Script, WRONG, parent};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A leaf that takes too long fails with that reason, whether it waits, sleeps or runs, and is not asked again.
#[test]
fn a_leaf_times_out() {
    for outcome in [Outcome::Waiting, Outcome::Sleep(secs(100)), Outcome::Sleep(secs(1)), Outcome::Running] {
        let mut rig = Rig::new(1);
        let act = Script::new(move |cx| {
            assert!(cx.time_left().is_some_and(|left| left > Duration::ZERO && left <= secs(10)));
            if outcome == Outcome::Running {
                cx.app().pass(secs(1));
            }
            outcome
        });
        let a = rig.add(act.spec("a").timeout(secs(10)));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(a), rig.elapsed()), (State::Failure, secs(10)));
        let failure = rig.node(a).failure().unwrap();
        assert_eq!((failure.reason, failure.origin), (Reason::TIMEOUT, a));
        assert!(rig.s.observer().events.iter().any(|event| event.what == What::TimedOut));
        assert_eq!((rig.world.of("a").aborts, rig.world.of("a").failures), (0, 1));
    }
}

/// Each attempt has the whole time; the retry delays do not count.
#[test]
fn a_timeout_is_for_one_attempt() {
    let mut rig = Rig::new(1);
    let a = rig.add(
        Script::says(Outcome::Waiting).spec("a").timeout(secs(10)).retry(Retry::times(2).constant(secs(60))),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.elapsed()), (State::Failure, secs(10 + 60 + 10 + 60 + 10)));
    assert_eq!(rig.world.of("a").runs, 3);
}

/// A leaf that is done in time is not touched by its timeout, and the timer is gone.
#[test]
fn done_in_time() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::lines(&[Outcome::Sleep(secs(9)), Outcome::Success]).spec("a").timeout(secs(10)));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.elapsed(), rig.node(a).deadline()), (State::Success, secs(9), None));
}

/// Sleep and timeout at the same instant: the timeout is the earlier promise.
#[test]
fn a_sleep_until_the_timeout() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::lines(&[Outcome::Sleep(secs(10)), Outcome::Success]).spec("a").timeout(secs(10)));
    assert_eq!((rig.run(), rig.state(a)), (Next::Done, State::Failure));
    assert_eq!(rig.world.of("a").runs, 1);
}

/// A composite that takes too long aborts its children with that cause, waits for them, fails, and tries again.
#[test]
fn a_composite_times_out() {
    for spec in [Spec::sequence("p"), Spec::parallel("p"), Spec::race("p"), Spec::graph("p"), parent("p")] {
        let mut rig = Rig::new(8);
        let composite = spec.timeout(secs(10)).retry(Retry::ONCE);
        let p = rig.add(composite);
        let child = Script::says(Outcome::Waiting).aborts(&[Abort::Sleep(secs(3)), Abort::Again]);
        rig.add_child(p, child.spec("child"));
        rig.run_until(|rig| rig.find("child").is_some_and(|node| node.state() == State::Aborting));
        assert_eq!(rig.find("child").unwrap().abort_cause(), Some(Cause::Timeout));
        assert_eq!(rig.find("child").unwrap().aborted_by(), Some(p));
        let _ = rig.run();
        let node = rig.node(p);
        let dynamic = node.kind() == windlass::Kind::Work;
        if dynamic {
            // Its child went with the first attempt, and a parent without children succeeds.
            assert_eq!((node.state(), rig.elapsed()), (State::Success, secs(10 + 3 + 1)));
        } else {
            assert_eq!(node.state(), State::Failure);
            assert_eq!(rig.node(p).failure().unwrap().reason, Reason::TIMEOUT);
            // The second abort of the child says done at once.
            assert_eq!((rig.world.of("child").runs, rig.elapsed()), (2, secs(10 + 3 + 1 + 10)));
        }
    }
}

/// A shut gate times out, and so does a batch.
#[test]
fn a_gate_times_out() {
    let mut rig = Rig::new(8);
    let g = rig.add(Script::asks(|_| windlass::Check::No).gate("g").timeout(secs(1)));
    rig.add_child(g, Script::steps(1).spec("inner"));
    let other = rig.add(Script::waits().spec("other"));
    let after = rig.add(Spec::after("after", other).timeout(secs(2)));
    rig.add_child(after, Script::steps(1).spec("inner"));
    assert_eq!(rig.run(), Next::OnWake);
    for id in [g, after] {
        assert_eq!(
            (rig.state(id), rig.node(id).failure().unwrap().reason),
            (State::Failure, Reason::TIMEOUT)
        );
    }
    assert_eq!(rig.world.of("inner").runs, 0);
    // The gate that gave up is no longer told.
    rig.s.wake(other).unwrap();
    assert_eq!((rig.run(), rig.state(after)), (Next::Done, State::Failure));
}

/// A timeout of an inner node under one of an outer node: the earlier decides.
#[test]
fn nested_timeouts() {
    for (outer, inner, origin) in [(10, 5, "inner"), (5, 10, "outer"), (5, 5, "outer")] {
        let mut rig = Rig::new(8);
        let p = rig.add(Spec::sequence("outer").timeout(secs(outer)));
        rig.add_child(p, Script::says(Outcome::Waiting).spec("inner").timeout(secs(inner)));
        assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Failure));
        let failure = rig.node(p).failure().unwrap();
        assert_eq!(failure.reason, Reason::TIMEOUT);
        assert_eq!((rig.node(failure.origin).name(), rig.elapsed()), (origin, secs(5)));
    }
}

/// `RetryAfter`: exactly that delay instead of the policy's, out of the same budget.
#[test]
fn a_delay_that_the_work_asks_for() {
    let mut rig = Rig::new(2);
    let script = [
        Outcome::RetryAfter(secs(42), WRONG),
        Outcome::Failure(WRONG),
        Outcome::RetryAfter(Duration::ZERO, WRONG),
    ];
    let a = rig.add(Script::lines(&script).spec("a").retry(Retry::times(3).constant(secs(100))));
    let delays = |rig: &Rig| -> Vec<_> {
        let whats = rig.s.observer().events.iter().map(|event| event.what);
        whats
            .filter_map(|what| if let What::Retry { delay, .. } = what { Some(delay) } else { None })
            .collect()
    };
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(delays(&rig), [secs(42), secs(100), Duration::ZERO]);
    assert_eq!((rig.state(a), rig.world.of("a").runs, rig.elapsed()), (State::Failure, 4, secs(142)));
    // Without a budget it is a failure.
    let b = rig.add(Script::says(Outcome::RetryAfter(secs(1), WRONG)).spec("b"));
    assert_eq!((rig.run(), rig.state(b), rig.world.of("b").runs), (Next::Done, State::Failure, 1));
}

/// `Fatal` is not retried whatever the budget; the parent's own budget goes on.
#[test]
fn a_failure_for_good() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q").retry(Retry::ONCE));
    let a = rig.add_child(q, Script::says(Outcome::Fatal(WRONG)).spec("a").retry(Retry::A_LOT));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.state(q)), (State::Failure, State::Failure));
    let c = rig.world.of("a");
    assert_eq!((c.runs, c.retries, c.failures), (2, 0, 2));
    assert_eq!(rig.elapsed(), secs(1), "only the sequence has waited");
}

/// A limit on all attempts together: a retry that could start only later is not waited for.
#[test]
fn a_limit_on_the_elapsed_time() {
    for (limit, runs, elapsed) in
        [(0, 1, 0), (9, 1, 0), (10, 2, 10), (29, 3, 20), (30, 4, 30), (1_000, 6, 50)]
    {
        let mut rig = Rig::new(1);
        let retry = Retry::times(5).constant(secs(10)).within(secs(limit));
        let a = rig.add(Script::fails().spec("a").retry(retry));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(
            (rig.state(a), rig.world.of("a").runs, rig.elapsed()),
            (State::Failure, runs, secs(elapsed)),
            "{limit}"
        );
    }
}

/// The time that the attempts take counts, and it counts from the first start of this life.
#[test]
fn the_attempts_count_towards_the_limit() {
    let mut rig = Rig::new(2);
    let a = rig.add(
        Script::lines(&[
            Outcome::Sleep(secs(6)),
            Outcome::Failure(WRONG),
            Outcome::Sleep(secs(6)),
            Outcome::Failure(WRONG),
        ])
        .spec("a")
        .retry(Retry::A_LOT.constant(secs(2)).within(secs(12))),
    );
    assert_eq!(rig.run(), Next::Done);
    // 6, fails at 6, retried at 8 <= 12; then the script fails at once at 14, and 16 > 12.
    assert_eq!((rig.state(a), rig.elapsed(), rig.node(a).attempt()), (State::Failure, secs(14), 2));
    // Another life has 12 seconds of its own.
    rig.s.restart(a).unwrap();
    rig.step();
    assert_eq!(rig.node(a).retry_eta(Instant::from_secs(14)), Some(secs(2)));
}

/// A timeout ends with its attempt: it strikes neither during the retry delay nor in the attempt after it.
#[test]
fn a_timeout_ends_with_its_attempt() {
    let mut rig = Rig::new(1);
    let script =
        [Outcome::Sleep(secs(3)), Outcome::Failure(WRONG), Outcome::Sleep(secs(8)), Outcome::Success];
    let a = rig.add(Script::lines(&script).spec("a").timeout(secs(10)).retry(Retry::ONCE.constant(secs(60))));
    assert_eq!((rig.run(), rig.state(a)), (Next::Done, State::Success));
    assert_eq!((rig.elapsed(), rig.s.metrics().expired), (secs(3 + 60 + 8), 3));
}

/// What is decided stays decided while the losers drain, however long that takes.
#[test]
fn a_timeout_does_not_strike_a_node_that_is_ending() {
    for (spec, state) in [(Spec::race("p"), State::Success), (Spec::quorum("p", 2), State::Failure)] {
        let mut rig = Rig::new(4);
        let p = rig.add(spec.timeout(secs(5)));
        let fails = state == State::Failure;
        let first = if fails { Outcome::Failure(WRONG) } else { Outcome::Success };
        rig.add_child(p, Script::lines(&[Outcome::Running, first]).spec("first"));
        rig.add_child(p, Script::says(Outcome::Waiting).aborts(&[Abort::Sleep(secs(20))]).spec("slow"));
        assert_eq!((rig.run(), rig.state(p), rig.elapsed()), (Next::Done, state, secs(20)));
        let reason = rig.node(p).failure().map(|failure| failure.reason);
        assert_eq!(reason, fails.then_some(Reason::NO_QUORUM));
        assert!(!rig.s.observer().events.iter().any(|event| event.what == What::TimedOut));
    }
}

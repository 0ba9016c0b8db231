//! Timeouts: what takes too long fails, and what was decided in time stays decided.

use std::time::Duration;

use windlass::{AbortCause, AbortStep, EventKind, Next, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Rig, Script, WRONG, parent, secs};

/// A leaf that takes too long fails with that reason, whether it waits, sleeps or runs, and is not asked again.
#[test]
fn a_leaf_that_takes_too_long_fails() {
    for outcome in
        [Outcome::Waiting, Outcome::WaitFor(secs(100)), Outcome::WaitFor(secs(1)), Outcome::Running]
    {
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
        assert!(rig.s.observer().events.iter().any(|event| event.kind == EventKind::TimedOut));
        assert_eq!((rig.world.of("a").aborts, rig.world.of("a").failures), (0, 1));
    }
}

/// Each attempt has the whole time; the retry delays do not count.
#[test]
fn each_attempt_has_the_whole_timeout() {
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
fn what_is_done_in_time_is_not_touched() {
    let mut rig = Rig::new(1);
    let a =
        rig.add(Script::lines(&[Outcome::WaitFor(secs(9)), Outcome::Success]).spec("a").timeout(secs(10)));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.elapsed(), rig.node(a).deadline()), (State::Success, secs(9), None));
}

/// Sleep and timeout at the same instant: the timeout is the earlier promise.
#[test]
fn a_timeout_wins_over_a_sleep_that_ends_with_it() {
    let mut rig = Rig::new(1);
    let a =
        rig.add(Script::lines(&[Outcome::WaitFor(secs(10)), Outcome::Success]).spec("a").timeout(secs(10)));
    assert_eq!((rig.run(), rig.state(a)), (Next::Done, State::Failure));
    assert_eq!(rig.world.of("a").runs, 1);
}

/// A composite that takes too long aborts its children with that cause, waits for them, fails, and tries again.
#[test]
fn a_composite_that_takes_too_long_aborts_its_children_and_fails() {
    for spec in [Spec::sequence("p"), Spec::parallel("p"), Spec::race("p"), Spec::graph("p"), parent("p")] {
        let mut rig = Rig::new(8);
        let composite = spec.timeout(secs(10)).retry(Retry::ONCE);
        let p = rig.add(composite);
        let child = Script::says(Outcome::Waiting).aborts(&[AbortStep::WaitFor(secs(3)), AbortStep::Running]);
        rig.add_below(p, child.spec("child"));
        rig.run_until(|rig| rig.find("child").is_some_and(|node| node.state() == State::Aborting));
        assert_eq!(rig.find("child").unwrap().abort_cause(), Some(AbortCause::Timeout));
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
fn a_shut_gate_that_takes_too_long_fails() {
    let mut rig = Rig::new(8);
    let g = rig.add(Script::asks(|_| windlass::Check::No).gate("g").timeout(secs(1)));
    rig.add_below(g, Script::steps(1).spec("inner"));
    let other = rig.add(Script::waits().spec("other"));
    let after = rig.add(Spec::after("after", other).timeout(secs(2)));
    rig.add_below(after, Script::steps(1).spec("inner"));
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
fn the_earlier_of_nested_timeouts_decides() {
    for (outer, inner, origin) in [(10, 5, "inner"), (5, 10, "outer"), (5, 5, "outer")] {
        let mut rig = Rig::new(8);
        let p = rig.add(Spec::sequence("outer").timeout(secs(outer)));
        rig.add_below(p, Script::says(Outcome::Waiting).spec("inner").timeout(secs(inner)));
        assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Failure));
        let failure = rig.node(p).failure().unwrap();
        assert_eq!(failure.reason, Reason::TIMEOUT);
        assert_eq!((rig.node(failure.origin).name(), rig.elapsed()), (origin, secs(5)));
    }
}

/// A timeout ends with its attempt: it strikes neither during the retry delay nor in the attempt after it.
#[test]
fn a_timeout_ends_with_its_attempt() {
    let mut rig = Rig::new(1);
    let script =
        [Outcome::WaitFor(secs(3)), Outcome::Failure(WRONG), Outcome::WaitFor(secs(8)), Outcome::Success];
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
        rig.add_below(p, Script::lines(&[Outcome::Running, first]).spec("first"));
        rig.add_below(p, Script::says(Outcome::Waiting).aborts(&[AbortStep::WaitFor(secs(20))]).spec("slow"));
        assert_eq!((rig.run(), rig.state(p), rig.elapsed()), (Next::Done, state, secs(20)));
        let reason = rig.node(p).failure().map(|failure| failure.reason);
        assert_eq!(reason, fails.then_some(Reason::NO_QUORUM));
        assert!(!rig.s.observer().events.iter().any(|event| event.kind == EventKind::TimedOut));
    }
}

/// A work that waits for its turn elsewhere stops its limit; it counts from when it is let go on, and each attempt has a limit of its own again.
#[test]
fn a_limit_that_is_stopped_counts_from_its_restart() {
    let mut rig = Rig::new(2);
    let mut step = 0;
    let work = Script::new(move |cx| {
        step += 1;
        match step {
            1 => {
                cx.stop_timeout();
                assert_eq!(cx.time_left(), None);
                Outcome::WaitFor(secs(100)) // for a thread, say
            }
            2 => {
                cx.restart_timeout();
                assert_eq!(cx.time_left(), Some(secs(3)));
                Outcome::Waiting // for what the thread does
            }
            _ => Outcome::Waiting,
        }
    });
    let retry = Retry::times(1).constant(secs(10));
    let w = rig.add(work.spec("w").timeout(secs(3)).retry(retry));
    rig.run_until(|rig| rig.node(w).failure().is_some());
    assert_eq!(rig.elapsed(), secs(103));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(w), rig.elapsed()), (State::Failure, secs(103 + 10 + 3)));
    assert_eq!(rig.node(w).attempt(), 2);
}

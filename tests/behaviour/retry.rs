//! Retries: budgets and limits, the back-off and its randomness, and what may and may not happen during a delay.

use std::collections::BTreeSet;
use std::time::Duration;

use windlass::{EventKind, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Hook, Rig, STEP, Script, WRONG, parent, secs};

/// "BasicWork test", section "work retries and fails".
///
/// The reference takes about 1.006 s. So do we, less the length of the failing step: our delay counts from the poll in which that step was made,
/// for the engine knows no other time.
#[test]
fn a_failing_work_is_retried_and_then_fails() {
    let mut rig = Rig::new(4);
    let work = rig.add(Script::fails_at(3).takes_time().spec("failing").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(work), State::Failure);
    let c = rig.world.of("failing");
    assert_eq!((c.runs, c.successes, c.failures, c.retries), (3 * 2, 0, 1, 1));
    assert_eq!(rig.node(work).failure().map(|failure| failure.reason), Some(WRONG));
    assert_eq!(rig.elapsed() + STEP, Duration::from_millis(1_006));
    assert_eq!(
        rig.world.hooks_of("failing"),
        [
            (Hook::Reset, State::Pending),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Retry, State::Running),
            (Hook::Reset, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Raise, State::Running),
            (Hook::Reset, State::Running),
        ]
    );
    assert_eq!(
        rig.s.observer().states("failing"),
        [State::Pending, State::Running, State::Retrying, State::Waiting, State::Running, State::Failure]
    );
}

/// `RetryAfter`: exactly that delay instead of the policy's, out of the same budget.
#[test]
fn a_work_may_choose_its_delay() {
    let mut rig = Rig::new(2);
    let script = [
        Outcome::RetryAfter(secs(42), WRONG),
        Outcome::Failure(WRONG),
        Outcome::RetryAfter(Duration::ZERO, WRONG),
    ];
    let a = rig.add(Script::lines(&script).spec("a").retry(Retry::times(3).constant(secs(100))));
    let delays = |rig: &Rig| -> Vec<_> {
        let whats = rig.s.observer().events.iter().map(|event| event.kind);
        whats
            .filter_map(|what| if let EventKind::Retry { delay, .. } = what { Some(delay) } else { None })
            .collect()
    };
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(delays(&rig), [secs(42), secs(100), Duration::ZERO]);
    assert_eq!((rig.state(a), rig.world.of("a").runs, rig.elapsed()), (State::Failure, 4, secs(142)));
    // Without a budget it is a failure.
    let b = rig.add(Script::says(Outcome::RetryAfter(secs(1), WRONG)).spec("b"));
    assert_eq!((rig.run(), rig.state(b), rig.world.of("b").runs), (Next::Done, State::Failure, 1));
}

/// `Fatal` is not retried whatever the budget, not by the composites above either; a work decides itself.
#[test]
fn a_fatal_failure_is_not_retried() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q").retry(Retry::ONCE));
    let a = rig.add_below(q, Script::says(Outcome::Fatal(WRONG)).spec("a").retry(Retry::A_LOT));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.state(q)), (State::Failure, State::Failure));
    let c = rig.world.of("a");
    assert_eq!((c.runs, c.retries, c.failures), (1, 0, 1));
    assert_eq!(rig.elapsed(), Duration::ZERO);

    let mut rig = Rig::new(8);
    let top = rig.add(Spec::parallel("top").retry(Retry::A_LOT));
    let gate = rig.add_below(top, Script::asks(|_| windlass::Check::Yes).gate("gate").retry(Retry::A_LOT));
    let graph = rig.add_below(gate, Spec::graph("graph").retry(Retry::A_LOT));
    rig.add_below(graph, Script::says(Outcome::Fatal(WRONG)).spec("b"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(top), rig.world.of("b").runs), (State::Failure, 1));

    let mut rig = Rig::new(8);
    let work = rig.add(parent("work").retry(Retry::ONCE));
    rig.add_below(work, Script::says(Outcome::Fatal(WRONG)).spec("c"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.node(work).attempt(), 2, "a work decides itself");

    let mut rig = Rig::new(8);
    let any = rig.add(Spec::any("any").retry(Retry::ONCE));
    rig.add_below(any, Script::says(Outcome::Fatal(WRONG)).spec("d"));
    rig.add_below(any, Script::fails_at(1).spec("e"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.node(any).attempt(), 2, "another one may still succeed");
}

/// A member that somebody has aborted does not run again when its composite is tried again; a restart that somebody asks for runs it.
#[test]
fn an_abort_that_somebody_asked_for_is_final() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p").retry(Retry::ONCE).on_failure(windlass::OnFailure::Finish));
    let a = rig.add_below(p, Script::waits().spec("a"));
    rig.add_below(p, Script::steps(3).spec("b"));
    rig.run_until(|rig| rig.state(a) == State::Waiting);
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(p), rig.world.of("a").runs, rig.node(p).attempt()), (State::Failure, 1, 1));
    rig.s.restart(p).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(p), rig.world.of("a").runs > 1), (State::Success, true));

    // A quorum can go on without it.
    let mut rig = Rig::new(8);
    let any = rig.add(Spec::any("any").retry(Retry::ONCE));
    let a = rig.add_below(any, Script::waits().spec("a"));
    rig.add_below(any, Script::fails().spec("b"));
    rig.run_until(|rig| rig.state(a) == State::Waiting);
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.world.of("a").runs, rig.world.of("b").runs), (State::Aborted, 1, 2));
}

/// A limit on all attempts together: a retry that could start only later is not waited for.
#[test]
fn no_retry_starts_after_the_limit_on_elapsed_time() {
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
fn attempts_count_towards_the_limit_on_elapsed_time() {
    let mut rig = Rig::new(2);
    let a = rig.add(
        Script::lines(&[
            Outcome::WaitFor(secs(6)),
            Outcome::Failure(WRONG),
            Outcome::WaitFor(secs(6)),
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

/// The delays that the retries of this node were given, in order.
fn delays(rig: &Rig, id: NodeId) -> Vec<Duration> {
    let events = rig.s.observer().events.iter().filter(|event| event.node == id);
    events
        .filter_map(|event| if let EventKind::Retry { delay, .. } = event.kind { Some(delay) } else { None })
        .collect()
}

/// Back-off bounds: 1, 2, 3–4, 5–8 … 129–256, then 257–512 s, whole seconds, both ends possible.
#[test]
fn delays_are_within_the_bounds_of_the_reference() {
    let secs = Duration::from_secs;
    let table =
        [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 32), (33, 64), (65, 128), (129, 256), (257, 512)];
    let mut drawn = vec![BTreeSet::new(); 32];
    for seed in 0..64 {
        let mut rig = Rig::new(1).seeded(seed);
        let a = rig.add(Script::fails().spec("a").retry(Retry::A_LOT));
        assert_eq!(rig.run(), Next::Done);
        let delays = delays(&rig, a);
        assert_eq!(delays.len(), 32);
        assert_eq!(rig.elapsed(), delays.iter().sum());
        assert!((secs(6_175)..=secs(12_287)).contains(&rig.elapsed()));
        for (n, delay) in delays.iter().enumerate() {
            let (low, high) = table[n.min(9)];
            assert!((secs(low)..=secs(high)).contains(delay), "retry {n} of seed {seed}: {delay:?}");
            assert_eq!(delay.subsec_nanos(), 0);
            assert_eq!(Retry::A_LOT.bounds(n as u16), (secs(low), secs(high)));
            drawn[n].insert(delay.as_secs());
        }
    }
    for n in 0..5 {
        let (low, high) = table[n];
        assert_eq!(drawn[n], (low..=high).collect(), "every delay of retry {n} is drawn");
    }
}

/// Reseeding: the same seed and node give the same delays, another seed or node others.
#[test]
fn delays_repeat_exactly_from_the_seed() {
    let run = |seed, before: usize| {
        let mut rig = Rig::new(8).seeded(seed);
        for _ in 0..before {
            rig.add(Script::steps(1).spec("before"));
        }
        let a = rig.add(Script::fails().spec("a").retry(Retry::A_LOT));
        let _ = rig.run();
        delays(&rig, a)
    };
    assert_eq!(run(7, 0), run(7, 0));
    assert_ne!(run(7, 0), run(8, 0));
    assert_ne!(run(7, 0), run(7, 1));
}

/// Reseeding in the middle changes what is drawn from then on, and nothing before.
#[test]
fn reseeding_takes_effect_at_once() {
    let run = |reseed: bool| {
        let mut rig = Rig::new(1).seeded(1);
        let a = rig.add(Script::fails().spec("a").retry(Retry::A_LOT));
        rig.run_until(|rig| rig.node(a).attempt() == 10);
        if reseed {
            rig.s.set_seed(2);
        }
        let _ = rig.run();
        delays(&rig, a)
    };
    let (once, twice) = (run(false), run(true));
    assert_eq!(once[..9], twice[..9]);
    assert_ne!(once[9..], twice[9..]);
}

/// Retry ETA: none without a delay, the time left during it, zero when it is over but not polled yet.
#[test]
fn the_time_until_a_retry_counts_down() {
    let mut rig = Rig::new(1);
    let act = Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]);
    let a = rig.add(act.spec("a").retry(Retry::ONCE));
    let at = Instant::from_millis;
    assert_eq!(rig.node(a).retry_eta(at(0)), None);
    rig.step();
    for (now, left) in [(0, 1_000), (1, 999), (999, 1), (1_000, 0), (5_000, 0)] {
        assert_eq!(rig.node(a).retry_eta(at(now)), Some(Duration::from_millis(left)));
    }
    assert_eq!(rig.node(a).deadline(), Some(at(1_000)));
    let _ = rig.run();
    assert_eq!(rig.node(a).retry_eta(at(5_000)), None);
}

/// The counter goes up when the delay is over, the reset happens when the attempt fails, and a success does not give retries back.
#[test]
fn the_counter_moves_when_the_delay_is_over() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::fails().spec("a").retry(Retry::times(2)));
    assert_eq!((rig.node(a).attempt(), rig.node(a).retries_left()), (1, 2));
    rig.step();
    assert_eq!((rig.node(a).attempt(), rig.node(a).retries_left()), (1, 2));
    assert_eq!(rig.world.of("a").resets, 2);
    rig.step();
    assert_eq!((rig.node(a).attempt(), rig.node(a).retries_left()), (2, 1));
    assert_eq!(rig.world.of("a").resets, 3);
    let _ = rig.run();
    assert_eq!((rig.node(a).attempt(), rig.node(a).retries_left()), (3, 0));
    assert_eq!((rig.world.of("a").runs, rig.world.of("a").resets), (3, 4));
    let m = rig.s.metrics();
    assert_eq!((m.attempts, m.retries, m.failed, m.expired), (3, 2, 1, 2));
}

/// A stray wake during the delay is ignored, from wherever it comes; in the reference it wakes the node and later ends the process.
#[test]
fn a_wake_does_not_shorten_the_delay() {
    let mut rig = Rig::new(4);
    let a = rig.add(Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a").retry(Retry::ONCE));
    let handle = rig.s.wake_handle(a).unwrap();
    rig.step();
    rig.s.wake(a).unwrap();
    handle.wake();
    rig.add_below(a, Script::steps(1).spec("child"));
    // The wake in the set is a reason to poll, not to run.
    assert_eq!(rig.s.next(), Next::Now);
    let next = rig.s.poll_work_with(Instant::from_millis(999), &mut rig.world);
    assert_eq!(next, Next::At(Instant::from_secs(1)));
    assert_eq!((rig.world.of("a").runs, rig.world.of("child").runs), (1, 0));
    assert_eq!(rig.s.metrics().wakes, 0);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.elapsed(), rig.state(a)), (Duration::from_secs(1), State::Success));
}

/// An abort during the delay: one abort step, and the timer never fires.
#[test]
fn an_abort_ends_the_delay() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::fails().spec("a").retry(Retry::A_LOT));
    rig.step();
    assert_ne!(rig.node(a).deadline(), None);
    rig.s.abort(a).unwrap();
    assert_eq!(rig.node(a).deadline(), None);
    assert_eq!(rig.run(), Next::Done);
    let c = rig.world.of("a");
    assert_eq!((c.runs, c.aborts, c.retries, c.failures), (1, 1, 1, 0));
    assert_eq!((rig.elapsed(), rig.s.metrics().expired), (Duration::ZERO, 0));
    assert_eq!(rig.state(a), State::Aborted);
    // Long after, there is still nothing.
    assert_eq!(rig.s.poll_work_with(Instant::from_secs(10_000), &mut rig.world), Next::Done);
    assert_eq!(rig.world.of("a").runs, 1);
}

/// A retry of a work with children: those that live are aborted first, all are freed before the next attempt, and the counters are
/// cumulative.
#[test]
fn a_work_that_retries_lets_go_of_its_children() {
    let mut rig = Rig::new(8);
    let act = Script::new(|cx| {
        if cx.children().total() == 0 {
            assert_eq!(cx.children().earlier, 3 * (cx.attempt() - 1));
            for name in ["done", "waiting", "pending"] {
                let act = if name == "done" { Script::steps(1) } else { Script::waits() };
                let spec = act.aborts(&[windlass::AbortStep::Running]).spec(name);
                cx.add_child(if name == "pending" { spec.paused() } else { spec }).unwrap();
            }
            return Outcome::Running;
        }
        Outcome::Failure(Reason::new("no"))
    });
    let p = rig.add(act.spec("p").retry(Retry::times(2)));
    rig.run_until_idle();
    assert_eq!(rig.s.metrics().nodes, 1, "{}", rig.tree());
    assert_eq!(rig.world.of("waiting").aborts, 2);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(p), State::Failure);
    let counts = rig.node(p).child_counts();
    assert_eq!(counts.total() + counts.earlier, 9);
    for (name, runs, aborts) in [("done", 3, 0), ("waiting", 3, 6), ("pending", 0, 0)] {
        assert_eq!((rig.world.of(name).runs, rig.world.of(name).aborts), (runs, aborts), "{name}");
    }
}

/// The hooks of a retry come after the children's ends.
#[test]
fn children_end_before_the_retry_of_their_parent() {
    let mut rig = Rig::new(4);
    let act = Script::new(|cx| {
        if cx.children().total() == 0 {
            cx.add_child(Script::waits().aborts(&[windlass::AbortStep::Running; 3]).spec("child")).unwrap();
            return Outcome::Running;
        }
        Outcome::Failure(WRONG)
    });
    rig.add(act.spec("p").retry(Retry::ONCE));
    rig.run_until_idle();
    let order: Vec<_> = rig.world.seen.iter().map(|seen| (seen.name, seen.hook)).collect();
    let last = order.iter().rposition(|seen| *seen == ("child", Hook::Abort)).unwrap();
    let retry = order.iter().position(|seen| *seen == ("p", Hook::Retry)).unwrap();
    assert!(last < retry, "{order:?}");
}

/// Two lives of a node do not wait alike, and a run with the same seed repeats both.
#[test]
fn each_life_of_a_node_draws_delays_of_its_own() {
    let delays = |seed| {
        let mut rig = Rig::new(1).seeded(seed);
        let retry = Retry::times(2).constant(secs(1_000)).jitter(windlass::Jitter::Full);
        let a = rig.add(Script::fails().spec("a").retry(retry));
        assert_eq!(rig.run(), Next::Done);
        let first = rig.elapsed();
        rig.s.restart(a).unwrap();
        assert_eq!(rig.run(), Next::Done);
        (first, rig.elapsed() - first)
    };
    let (first, second) = delays(1);
    assert_ne!(first, second);
    assert_eq!(delays(1), (first, second));
    assert_ne!(delays(2).0, first);
}

//! Which transitions there are, in which order hooks are called around them, and what a hook sees and may do.

use std::time::Duration;

use windlass::{AbortCause, EventKind, Instant, Next, Outcome, Retry, Spec, State, Status, Transition};
use windlass_tests::{Hook, Rig, STEP, Script, WRONG, leaf};

/// "BasicWork test", section "one work".
#[test]
fn one_work_is_reset_run_and_told_of_its_success() {
    let mut rig = Rig::new(4);
    let one = rig.add(leaf().spec("one"));
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("one", 3);
    assert_eq!(rig.status(one), Status::Success);
    assert_eq!(rig.cranks(), 3);
    assert_eq!(rig.elapsed(), STEP * 3);
    // Reset once for the start, and not on success.
    assert_eq!(
        rig.world.hooks_of("one"),
        [
            (Hook::Reset, State::Pending),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Success, State::Running),
        ]
    );
}

/// Illegal transitions: of the 64 pairs, all but the reference's 16 are refused with an error that names both states.
#[test]
fn forty_eight_transitions_are_refused() {
    use State::{Aborted, Aborting, Failure, Pending, Retrying, Running, Success, Waiting};
    let legal = [
        (Pending, Running),
        (Pending, Aborting),
        (Running, Running),
        (Running, Waiting),
        (Running, Success),
        (Running, Failure),
        (Running, Retrying),
        (Running, Aborting),
        (Waiting, Running),
        (Waiting, Aborting),
        (Retrying, Waiting),
        (Success, Pending),
        (Failure, Pending),
        (Aborting, Aborting),
        (Aborting, Aborted),
        (Aborted, Pending),
    ];
    let mut refused = 0;
    for from in State::ALL {
        for to in State::ALL {
            let number = legal.iter().position(|pair| *pair == (from, to));
            match Transition::between(from, to) {
                Ok(t) => assert_eq!((Some(t.number as usize - 1), t.from, t.to), (number, from, to)),
                Err(error) => {
                    assert_eq!(number, None, "{from:?} to {to:?}");
                    assert_eq!((error.from, error.to), (from, to));
                    assert_eq!(error.to_string(), format!("a {from} node cannot become {to}"));
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(refused, 48);
}

/// What happened to the node of this name: its hooks in the world's order, its changes of state in the journal's.
fn trace(rig: &Rig, name: &str) -> (Vec<(Hook, State)>, Vec<State>) {
    (rig.world.hooks_of(name), rig.s.observer().states(name))
}

/// Hook order and the state visible inside hooks: success at once.
#[test]
fn a_success_calls_reset_run_and_success() {
    use State::{Pending, Running, Success};
    let mut rig = Rig::new(1);
    rig.add(Script::steps(1).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    let (hooks, states) = trace(&rig, "a");
    assert_eq!(hooks, [(Hook::Reset, Pending), (Hook::Run, Running), (Hook::Success, Running)]);
    assert_eq!(states, [Pending, Running, Success]);
}

/// Hook order: one retry, then a permanent failure.
#[test]
fn every_failed_attempt_ends_with_a_reset() {
    use State::{Failure, Pending, Retrying, Running, Waiting};
    let mut rig = Rig::new(1);
    rig.add(Script::fails().spec("a").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::Done);
    let (hooks, states) = trace(&rig, "a");
    assert_eq!(
        hooks,
        [
            (Hook::Reset, Pending),
            (Hook::Run, Running),
            (Hook::Retry, Running),
            (Hook::Reset, Running),
            (Hook::Run, Running),
            (Hook::Raise, Running),
            (Hook::Reset, Running),
        ]
    );
    assert_eq!(states, [Pending, Running, Retrying, Waiting, Running, Failure]);
    assert_eq!(rig.elapsed(), Duration::from_secs(1));
}

/// Hook order: an abort of a node that waits.
#[test]
fn an_abort_ends_with_a_reset() {
    use State::{Aborted, Aborting, Pending, Running, Waiting};
    let mut rig = Rig::new(1);
    let a = rig.add(Script::waits().spec("a"));
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    let (hooks, states) = trace(&rig, "a");
    assert_eq!(
        hooks,
        [(Hook::Reset, Pending), (Hook::Run, Running), (Hook::Abort, Aborting), (Hook::Reset, Aborting)]
    );
    assert_eq!(states, [Pending, Running, Waiting, Aborting, Aborted]);
}

/// Hook order: a restart after a success resets once more, in the new life's `Pending`.
#[test]
fn a_restart_resets_once_more() {
    use State::{Pending, Running, Success};
    let mut rig = Rig::new(1);
    let a = rig.add(Script::steps(1).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    let (hooks, states) = trace(&rig, "a");
    let life = [(Hook::Reset, Pending), (Hook::Run, Running), (Hook::Success, Running)];
    assert_eq!(hooks, [life, life].concat());
    assert_eq!(states, [Pending, Running, Success, Pending, Running, Success]);
}

/// Events and hooks are one history: a hook is called before the change that it announces is reported.
#[test]
fn events_tell_the_change_after_its_hooks() {
    use std::cell::RefCell;
    use std::rc::Rc;

    use windlass::{Event, Observer};
    use windlass_tests::{Scheduler, World};

    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<String>>>);
    impl Observer for Shared {
        fn on_event(&mut self, event: &Event) {
            if let EventKind::Moved(transition) = event.kind {
                self.0.borrow_mut().push(transition.to_string());
            }
        }
    }

    let history = Shared::default();
    let mut s: Scheduler<Shared> = Scheduler::with_capacity(1).observed_by(history.clone());
    let hooks = history.clone();
    let act = Script::fails().on_hook(move |hook, _| hooks.0.borrow_mut().push(format!("{hook:?}")));
    s.add(act.spec("a").retry(Retry::ONCE)).unwrap();
    let mut world = World::default();
    let _ = s.poll_work_with(Instant::ZERO, &mut world);
    let _ = s.poll_work_with(Instant::from_secs(1), &mut world);
    assert_eq!(
        *history.0.borrow(),
        [
            "Reset",
            "pending -> running",
            "Retry",
            "Reset",
            "running -> retrying",
            "retrying -> waiting",
            "waiting -> running",
            "Raise",
            "Reset",
            "running -> failure",
        ]
    );
}

/// A failure hook sees why, and which attempt it was.
#[test]
fn failure_hooks_see_the_reason_and_the_attempt() {
    let mut rig = Rig::new(1);
    let act = Script::fails().on_hook(|hook, cx| {
        if matches!(hook, Hook::Retry | Hook::Raise) {
            let failure = cx.failure().unwrap();
            assert_eq!((failure.reason, failure.origin), (WRONG, cx.id()));
            let attempt = if hook == Hook::Retry { 1 } else { 2 };
            assert_eq!(cx.attempt(), attempt);
        }
    });
    rig.add(act.spec("a").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("a").retries, rig.world.of("a").failures), (1, 1));
}

/// An abort asked for inside `on_success` or `on_failure_raise` comes too late: the terminal state wins.
#[test]
fn an_end_wins_over_an_abort_from_its_hooks() {
    for (hook_of_interest, outcome, state) in [
        (Hook::Success, Outcome::Success, State::Success),
        (Hook::Raise, Outcome::Failure(WRONG), State::Failure),
    ] {
        let mut rig = Rig::new(1);
        let act = Script::says(outcome).on_hook(move |hook, cx| {
            if hook == hook_of_interest {
                let own = cx.id();
                cx.abort(own).unwrap();
            }
        });
        let a = rig.add(act.spec("a"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(a), rig.world.of("a").aborts), (state, 0));
        assert_eq!(rig.node(a).abort_cause(), None);
    }
}

/// An abort asked for inside `on_failure_retry` (or in the reset that follows) wins over the retry; in the reference it is lost.
#[test]
fn an_abort_from_the_retry_hook_wins() {
    for asking in [Hook::Retry, Hook::Reset] {
        let mut rig = Rig::new(1);
        let act = Script::fails().on_hook(move |hook, cx| {
            let started = cx.failure().is_some();
            if hook == asking && started && !cx.is_aborting() {
                let own = cx.id();
                cx.abort(own).unwrap();
            }
        });
        let a = rig.add(act.spec("a").retry(Retry::A_LOT));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(a), State::Aborted, "{asking:?}");
        let node = rig.node(a);
        assert_eq!((node.abort_cause(), node.aborted_by()), (Some(AbortCause::User), Some(a)));
        let c = rig.world.of("a");
        assert_eq!((c.runs, c.aborts, rig.elapsed()), (1, 1, Duration::ZERO), "no retry, no delay");
    }
}

/// The deadline of that abort counts too.
#[test]
fn an_abort_from_the_retry_hook_keeps_its_deadline() {
    let mut rig = Rig::new(1);
    let act = Script::fails().on_abort(|_| windlass::AbortStep::Waiting).on_hook(|hook, cx| {
        if hook == Hook::Retry {
            let own = cx.id();
            cx.abort_by(own, Instant::from_secs(3)).unwrap();
        }
    });
    let a = rig.add(act.spec("a").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.elapsed(), Duration::from_secs(3));
    assert!(rig.node(a).was_forced());
}

/// A parent aborted from the hook of a child waits for that child's end, and is then aborted.
#[test]
fn a_hook_may_abort_the_parent() {
    for kind in [Spec::sequence("p"), Spec::parallel("p"), windlass_tests::parent("p")] {
        let mut rig = Rig::new(4);
        let p = rig.add(kind);
        let act = Script::steps(1).on_hook(move |hook, cx| {
            if hook == Hook::Success {
                cx.abort(p).unwrap();
            }
        });
        let a = rig.add_below(p, act.spec("a"));
        let b = rig.add_below(p, Script::steps(9).spec("b"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(p), State::Aborted);
        assert_eq!(rig.last_state("a"), State::Success);
        assert_eq!(rig.last_state("b"), State::Aborted);
        assert_eq!(rig.world.of("b").runs, 0);
        let _ = (a, b);
    }
}

/// No child can be added to a node that is ending: not in a failure hook, not in the success hook, not in an abort.
#[test]
fn an_ending_node_takes_no_children() {
    use windlass::Error;
    let mut rig = Rig::new(8);
    let refused = |cx: &mut windlass_tests::Cx<'_>, error| {
        let refused = cx.add_child(Script::steps(1).spec("late")).unwrap_err();
        assert_eq!(refused.error, error);
        assert_eq!(refused.spec.name(), "late");
        assert!(refused.into_work().is_some());
    };
    let act = || {
        Script::new(|cx| if cx.attempt() == 3 { Outcome::Success } else { Outcome::Failure(WRONG) })
            .on_abort(move |cx| {
                refused(cx, Error::Aborting);
                windlass::AbortStep::Done
            })
            .on_hook(move |hook, cx| {
                // The first reset comes before the start; then a child is welcome.
                if cx.is_aborting() {
                    refused(cx, Error::Aborting);
                } else if cx.failure().is_some() || hook == Hook::Success {
                    refused(cx, Error::Ended);
                }
            })
    };
    rig.add(act().spec("a").retry(Retry::A_FEW));
    rig.add(act().spec("b").retry(Retry::ONCE));
    let c = rig.add(act().spec("c").retry(Retry::ONCE));
    rig.run_until_idle();
    rig.s.abort(c).unwrap();
    assert_eq!(rig.run(), Next::Done);
    for (name, state) in [("a", State::Success), ("b", State::Failure), ("c", State::Aborted)] {
        assert_eq!(rig.last_state(name), state);
    }
    assert_eq!(rig.s.metrics().added, 3);
}

//! Works that meddle: with themselves, their parents and their siblings, in every method, whatever they answer afterwards.

use windlass::{AbortCause, AbortStep, Next, NodeId, Outcome, Retry, Spec, State};
use windlass_tests::{Cx, Hook, Rig, Script, WRONG, parent};

const OUTCOMES: [Outcome; 7] = [
    Outcome::Running,
    Outcome::Waiting,
    Outcome::WaitFor(std::time::Duration::from_secs(1)),
    Outcome::Success,
    Outcome::Failure(WRONG),
    Outcome::Fatal(WRONG),
    Outcome::RetryAfter(std::time::Duration::ZERO, WRONG),
];

/// A work that aborts itself, its parent, its grandparent or its sibling from its run, and then answers anything.
#[test]
fn an_abort_from_a_run_wins_over_its_answer() {
    for outcome in OUTCOMES {
        for target in ["a", "p", "q", "b", "c"] {
            let mut rig = Rig::new(8);
            let q = rig.add(Spec::sequence("q"));
            let p = rig.add_below(q, Spec::parallel("p"));
            let mut done = false;
            let act = Script::new(move |cx| {
                let target = cx.view().nodes().find(|node| node.name() == target).unwrap().id();
                if std::mem::replace(&mut done, true) {
                    return Outcome::Success;
                }
                cx.abort(target).unwrap();
                outcome
            });
            rig.add_below(p, Script::steps(1).spec("before"));
            let a = rig.add_below(p, act.spec("a").retry(Retry::A_FEW));
            let b = rig.add_below(p, Script::says(Outcome::Running).spec("b"));
            rig.add_below(q, Script::steps(1).spec("c"));
            let next = rig.run();
            if next == Next::OnWake {
                assert!(matches!(outcome, Outcome::Waiting), "{outcome:?} {target}\n{}", rig.tree());
                rig.s.wake(a).unwrap();
            }
            rig.s.abort(b).unwrap();
            assert_eq!(rig.run(), Next::Done, "{outcome:?} {target}\n{}", rig.tree());
            let aborted = rig.find(target).unwrap();
            assert_eq!(aborted.state(), State::Aborted, "{outcome:?} {target}");
            assert_eq!((aborted.abort_cause(), aborted.aborted_by()), (Some(AbortCause::User), Some(a)));
            if ["a", "p", "q"].contains(&target) {
                let c = rig.world.of("a");
                assert_eq!((c.runs, c.aborts, c.successes, c.failures, c.retries), (1, 1, 0, 0, 0));
            }
            assert_eq!(rig.state(q), if target == "q" { State::Aborted } else { State::Failure });
        }
    }
}

/// A batch, a gate and a callback that abort themselves in the middle of a question are aborted.
#[test]
fn an_abort_from_a_question_wins_over_its_answer() {
    for kind in ["batch", "when", "callback"] {
        let abort = |cx: &mut Cx<'_>| {
            let own = cx.id();
            cx.abort(own).unwrap();
        };
        let act = Script::steps(1)
            .on_check(move |cx| {
                abort(cx);
                windlass::Check::Yes
            })
            .on_next(move |cx| {
                abort(cx);
                windlass::Generated::Added
            });
        let mut rig = Rig::new(4);
        let id = rig.add(match kind {
            "batch" => Spec::batch("x", act.boxed()),
            "when" => Spec::when("x", act.boxed()),
            _ => Spec::callback("x", act.boxed()),
        });
        if kind == "when" {
            rig.add_below(id, Script::steps(1).spec("inner"));
        }
        assert_eq!((rig.run(), rig.state(id)), (Next::Done, State::Aborted), "{kind}");
        assert_eq!(rig.world.of("inner").runs, 0);
    }
}

/// Everything that can be done, from every method, to every kind of relative. Nothing panics, everything ends, the tree stays whole.
#[test]
fn any_call_from_any_method_to_any_relative_is_safe() {
    type Deed = fn(&mut Cx<'_>, NodeId);
    let deeds: [(&str, Deed); 9] = [
        ("abort", |cx, id| {
            let _ = cx.abort(id);
        }),
        ("abort by", |cx, id| {
            let _ = cx.abort_by(id, cx.now());
        }),
        ("pause", |cx, id| {
            let _ = cx.pause(id);
        }),
        ("resume", |cx, id| {
            let _ = cx.resume(id);
        }),
        ("restart", |cx, id| {
            let _ = cx.restart(id);
        }),
        ("wake", |cx, id| {
            let _ = cx.wake(id);
        }),
        ("add", |cx, id| drop(cx.add_below(id, Script::steps(1).spec("added")))),
        ("add a gate", |cx, id| drop(cx.add_child(Spec::after("gate", id)))),
        ("depend", |cx, id| {
            let own = cx.id();
            let _ = cx.depend(own, id);
        }),
    ];
    let hooks = [
        Hook::Run,
        Hook::Abort,
        Hook::Reset,
        Hook::Success,
        Hook::Retry,
        Hook::Raise,
        Hook::Check,
        Hook::Next,
    ];
    for (name, deed) in deeds {
        for at in hooks {
            for target in ["meddler", "parent", "top", "sibling", "ended", "child", "stranger"] {
                meddle(&format!("{name} of {target} in {at:?}"), deed, at, target);
            }
        }
    }
}

fn meddle(what: &str, deed: impl Fn(&mut Cx<'_>, NodeId) + Clone + 'static, at: Hook, target: &'static str) {
    for kind in ["work", "graph", "sequence"] {
        let mut rig = Rig::new(64);
        let mut left = 3;
        let deed = deed.clone();
        let mut act = move |hook: Hook, cx: &mut Cx<'_>| {
            if hook == at && left > 0 {
                left -= 1;
                let target = cx.view().nodes().find(|node| node.name() == target).map(|node| node.id());
                if let Some(id) = target {
                    deed(cx, id);
                }
            }
        };
        let (mut run, mut abort, mut check, mut next) = (act.clone(), act.clone(), act.clone(), act.clone());
        let mut runs = 0;
        let meddler = Script::new(move |cx| {
            run(Hook::Run, cx);
            runs += 1;
            match runs % 4 {
                1 => {
                    // It may be aborted already, or the table full.
                    let _ = cx.add_child(Script::says(Outcome::Waiting).spec("child"));
                    Outcome::Running
                }
                2 => Outcome::Failure(WRONG),
                _ if at == Hook::Raise => Outcome::Fatal(WRONG),
                _ => Outcome::Success,
            }
        })
        .on_abort(move |cx| {
            abort(Hook::Abort, cx);
            AbortStep::Done
        })
        .on_hook(move |hook, cx| act(hook, cx))
        .on_check(move |cx| {
            check(Hook::Check, cx);
            windlass::Check::Yes
        })
        .on_next(move |cx| {
            next(Hook::Next, cx);
            let _ = cx.add_child(Script::steps(1).spec("child"));
            windlass::Generated::Exhausted
        });
        let top = rig.add(Spec::parallel("top").on_failure(windlass::OnFailure::Finish));
        let p = rig.add_below(
            top,
            match kind {
                "work" => parent("parent"),
                "graph" => Spec::graph("parent"),
                _ => Spec::sequence("parent").on_failure(windlass::OnFailure::Finish),
            },
        );
        rig.add_below(p, Script::steps(1).spec("ended"));
        let spec = match at {
            Hook::Check => Spec::when("meddler", meddler.boxed()),
            Hook::Next => Spec::batch("meddler", meddler.boxed()),
            _ => meddler.spec("meddler"),
        };
        let m = rig.add_below(p, spec.retry(Retry::times(3)));
        if at == Hook::Check {
            rig.add_below(m, Script::steps(1).spec("child"));
        }
        rig.add_below(p, Script::steps(2).spec("sibling"));
        rig.add(Script::says(Outcome::Waiting).spec("stranger"));
        let _ = rig.run();
        if at == Hook::Abort && rig.s.abort(m).is_ok() {
            let _ = rig.run();
        }
        // Whatever stands still now was paused, or waits for what was.
        let paused: Vec<_> =
            rig.s.nodes().filter(windlass::NodeView::is_paused).map(|node| node.id()).collect();
        for id in paused {
            let _ = rig.s.resume(id);
        }
        let _ = rig.run();
        rig.s.shutdown(windlass::Instant::MAX);
        assert_eq!(rig.run(), Next::Done, "{what}, {kind}:\n{}", rig.tree());
        let ids: Vec<_> = rig.s.nodes().filter(|node| node.depth() == 0).map(|node| node.id()).collect();
        for id in ids {
            assert!(rig.s.remove(id).is_ok(), "{what}, {kind}");
        }
        let m = rig.s.metrics();
        assert_eq!((m.nodes, m.edges), (0, 0), "{what}, {kind}");
    }
}

/// A work that restarts itself from its own last hook has not ended yet, and is told so.
#[test]
fn a_restart_from_the_last_hook_is_refused() {
    let mut rig = Rig::new(2);
    let act = Script::steps(1).on_hook(|hook, cx| {
        let own = cx.id();
        if hook == Hook::Success {
            assert_eq!(cx.restart(own), Err(windlass::Error::WrongState(State::Running)));
        }
    });
    let a = rig.add(act.spec("a"));
    assert_eq!((rig.run(), rig.state(a), rig.world.of("a").runs), (Next::Done, State::Success, 1));
}

/// Two nodes that restart each other for ever are bounded by the budget of each poll.
#[test]
fn nodes_that_restart_each_other_are_bounded_by_the_budget() {
    let mut rig = Rig::new(2);
    let restart = |other: &'static str| {
        Script::new(move |cx| {
            let id = cx.view().nodes().find(|node| node.name() == other).unwrap().id();
            let _ = cx.restart(id);
            Outcome::Success
        })
    };
    rig.add(restart("b").spec("a"));
    rig.add(restart("a").spec("b"));
    for _ in 0..10 {
        assert_eq!(rig.s.poll_work_with(windlass::Instant::ZERO, &mut rig.world), Next::Now);
    }
    assert_eq!(rig.cranks(), 2_560);
    rig.s.shutdown(windlass::Instant::MAX);
    assert_eq!(rig.run(), Next::Done);
}

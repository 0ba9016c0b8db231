//! Panics: wherever user code panics, the tables stay whole and the node that panicked has failed, once, without a retry.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use windlass::{AbortCause, Boxed, Instant, Next, Outcome, Reason, Retry, Scheduler, Spec, State, Status};
use windlass_tests::{Cx, Hook, Rig, Script, WRONG, parent};

/// Panics without a word on the terminal.
fn panics() {
    resume_unwind(Box::new("as told"));
}

/// Runs until nothing more happens; counts the panics on the way.
fn run(rig: &mut Rig) -> u32 {
    for panics in 0..100 {
        if catch_unwind(AssertUnwindSafe(|| rig.run())).is_ok() {
            return panics;
        }
        rig.check();
        assert_eq!(rig.s.next(), Next::Now, "what a panic left behind is a reason to poll");
    }
    panic!("it panics for ever");
}

/// An act that panics when it is called so.
fn panicking(at: Hook, act: Script) -> Script {
    let hook = move |hook: Hook, _: &mut Cx<'_>| {
        if hook == at {
            panics();
        }
    };
    match at {
        Hook::Run => Script::new(|_| {
            panics();
            Outcome::Success
        }),
        Hook::Abort => act.on_abort(|_| {
            panics();
            windlass::AbortStep::Done
        }),
        Hook::Check => act.on_check(|_| {
            panics();
            windlass::Check::Yes
        }),
        Hook::Next => act.on_next(|_| {
            panics();
            windlass::Generated::Exhausted
        }),
        _ => act.on_hook(hook),
    }
}

/// With no observer, leaves at the top are cranked by a loop of their own: a panic there is still attributed to the leaf that panicked, and the cranks
/// are counted, that one too.
#[test]
fn a_panic_in_a_row_of_leaves_that_nobody_observes_is_its_leafs() {
    struct Leaf {
        left: u32,
        panics: bool,
    }

    impl windlass::Work for Leaf {
        fn on_run(&mut self, _: &mut windlass::Cx<'_, Self>) -> Outcome {
            self.left -= 1;
            if self.left > 0 {
                return Outcome::Running;
            }
            if self.panics {
                panics();
            }
            Outcome::Success
        }
    }

    let mut s: Scheduler<Boxed<Leaf>> = Scheduler::with_capacity(2);
    let good = s.add(Spec::work("good", Leaf { left: 5, panics: false })).unwrap();
    let bad = s.add(Spec::work("bad", Leaf { left: 3, panics: true })).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| s.poll_work(Instant::ZERO))).is_err());
    assert_eq!((s.interrupted(), s.metrics().cranks), (Some(bad), 6));
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    assert_eq!((s.state(good), s.state(bad)), (Ok(State::Success), Ok(State::Failure)));
    assert_eq!(s.metrics().cranks, 8);
}

/// In each method of a work: the node fails with that reason, no more of its hooks are called, and its neighbour is not touched.
#[test]
fn a_panic_in_any_method_fails_the_node_once() {
    for (hook, act) in [
        (Hook::Run, Script::steps(1)),
        (Hook::Reset, Script::steps(1)),
        (Hook::Success, Script::steps(1)),
        (Hook::Retry, Script::fails()),
        (Hook::Raise, Script::fails()),
        (Hook::Check, Script::steps(1)),
        (Hook::Next, Script::steps(1)),
    ] {
        let mut rig = Rig::new(4);
        let act = panicking(hook, act);
        let spec = match hook {
            Hook::Check => Spec::callback("a", act.boxed()),
            Hook::Next => Spec::batch("a", act.boxed()),
            _ => act.spec("a"),
        };
        let budget = if hook == Hook::Raise { Retry::NEVER } else { Retry::A_LOT };
        let a = rig.add(spec.retry(budget));
        let b = rig.add(Script::steps(3).spec("b"));
        assert_eq!(run(&mut rig), 1, "{hook:?}");
        assert_eq!(rig.state(a), State::Failure, "{hook:?}");
        let failure = rig.node(a).failure().unwrap();
        assert_eq!((failure.reason, failure.origin), (Reason::PANICKED, a), "{hook:?}");
        assert_eq!(rig.state(b), State::Success);
        assert_eq!(
            rig.world.seen.iter().rev().find(|seen| seen.name == "a").unwrap().hook,
            hook,
            "the last call"
        );
        assert_eq!(rig.elapsed(), std::time::Duration::ZERO, "no retry, no delay");
    }
}

/// In a gate's predicate: its child is blocked from ever starting.
#[test]
fn a_panic_in_a_predicate_keeps_the_child_from_starting() {
    let mut rig = Rig::new(4);
    let g = rig.add(Spec::when("g", panicking(Hook::Check, Script::steps(1)).boxed()));
    let inner = rig.add_below(g, Script::steps(1).spec("inner"));
    assert_eq!(run(&mut rig), 1);
    assert_eq!((rig.state(g), rig.state(inner)), (State::Failure, State::Aborted));
    assert_eq!(rig.node(g).failure().unwrap().reason, Reason::PANICKED);
}

/// In `on_abort`, and in the reset after it: the abort wins, and is over.
#[test]
fn a_panic_while_aborting_ends_the_abort() {
    for hook in [Hook::Abort, Hook::Reset] {
        let mut rig = Rig::new(4);
        let q = rig.add(Spec::sequence("q"));
        let act = Script::says(Outcome::Waiting);
        let act = match hook {
            Hook::Abort => panicking(hook, act),
            _ => act.on_hook(|_, cx| {
                if cx.is_aborting() {
                    panics();
                }
            }),
        };
        let a = rig.add_below(q, act.spec("a"));
        rig.run_until_idle();
        rig.s.abort(q).unwrap();
        assert_eq!(run(&mut rig), 1);
        assert_eq!((rig.state(a), rig.state(q)), (State::Aborted, State::Aborted));
    }
}

/// A parent's panic aborts its children, which drain; then the parent has failed.
#[test]
fn a_panic_in_a_parent_aborts_its_children() {
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(|cx| {
            if cx.children().succeeded > 0 {
                panics();
            }
            Outcome::Running
        })
        .spec("p")
        .retry(Retry::A_LOT),
    );
    rig.add_below(p, Script::steps(1).spec("a"));
    rig.add_below(p, Script::says(Outcome::Waiting).aborts(&[windlass::AbortStep::Running; 3]).spec("b"));
    assert_eq!(run(&mut rig), 1);
    assert_eq!((rig.state(p), rig.world.of("b").aborts), (State::Failure, 4));
    assert_eq!(rig.node(p).failure().unwrap().reason, Reason::PANICKED);
    let b = rig.find("b").unwrap();
    assert_eq!(
        (b.state(), b.abort_cause(), b.aborted_by()),
        (State::Aborted, Some(AbortCause::ParentFailed), Some(p))
    );
    assert_eq!((rig.world.of("p").failures, rig.world.of("p").retries), (0, 0));
}

/// A child's panic is a failure as any other to its parent.
#[test]
fn a_panic_in_a_child_is_a_failure_to_its_parent() {
    for kind in [Spec::parallel("p"), Spec::sequence("p"), parent("p")] {
        let mut rig = Rig::new(4);
        let p = rig.add(kind);
        let a = rig.add_below(p, panicking(Hook::Run, Script::steps(1)).spec("a"));
        assert_eq!(run(&mut rig), 1);
        assert_eq!(rig.state(p), State::Failure);
        let failure = rig.node(p).failure().unwrap();
        assert_eq!((failure.reason, failure.origin), (Reason::PANICKED, a));
    }
}

/// In the reset of a member that starts again, because its composite is tried again: the member has failed, and so has the composite.
#[test]
fn a_panic_in_the_reset_of_a_member_that_starts_again_fails_both() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q").retry(Retry::A_LOT));
    let act = Script::steps(1).on_hook(move |hook, cx| {
        if hook == Hook::Reset && cx.view().node(q).unwrap().attempt() == 2 {
            panics();
        }
    });
    let a = rig.add_below(q, act.spec("a"));
    rig.add_below(q, Script::fails().spec("b"));
    assert_eq!(run(&mut rig), 1);
    assert_eq!((rig.state(q), rig.state(a)), (State::Failure, State::Failure));
    let failure = rig.node(q).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (Reason::PANICKED, a));
}

/// A node that asks for its own abort in a hook, or wakes itself, and then panics has failed: neither is remembered.
#[test]
fn a_panic_wins_over_what_the_hook_asked_for() {
    for hook in [Hook::Reset, Hook::Retry] {
        let mut rig = Rig::new(1);
        let act = Script::fails().on_hook(move |called, cx| {
            if called == hook && cx.failure().is_some() {
                cx.wake(cx.id()).unwrap();
                cx.abort(cx.id()).unwrap();
                panics();
            }
        });
        let a = rig.add(act.spec("a").retry(Retry::A_LOT));
        assert_eq!(run(&mut rig), 1);
        assert_eq!((rig.state(a), rig.node(a).abort_cause()), (State::Failure, None), "{hook:?}");
        assert_eq!(rig.node(a).failure().unwrap().reason, Reason::PANICKED);
        assert_eq!(rig.s.next(), Next::Done);
    }
}

/// A node whose time is up, that asks in a hook for its own abort by a deadline, and then panics, has failed: the deadline is not remembered.
#[test]
fn a_panic_wins_over_the_deadline_that_a_hook_asked_for() {
    for (first, second) in
        [(Hook::Raise, Hook::Reset), (Hook::Retry, Hook::Reset), (Hook::Reset, Hook::Reset)]
    {
        let mut rig = Rig::new(1);
        let act = Script::waits().on_hook(move |called, cx| {
            if cx.failure().is_none() {
                return;
            }
            if called == first {
                cx.abort_by(cx.id(), Instant::ZERO).unwrap();
            }
            if called == second {
                panics();
            }
        });
        let retry = if first == Hook::Raise { Retry::NEVER } else { Retry::A_LOT };
        let a = rig.add(act.spec("a").timeout(Duration::ZERO).retry(retry));
        assert_eq!(run(&mut rig), 1);
        assert_eq!((rig.state(a), rig.node(a).abort_cause()), (State::Failure, None), "{first:?}");
        assert_eq!(rig.s.next(), Next::Done);
    }
}

/// A parent that pauses itself and then panics does not stand still: its children are aborted, and it has failed.
#[test]
fn a_panic_lifts_the_pause_of_its_node() {
    let mut rig = Rig::new(2);
    let p = rig.add(
        Script::new(|cx| {
            cx.pause(cx.id()).unwrap();
            panics();
            Outcome::Success
        })
        .spec("p"),
    );
    let child = rig.add_below(p, Script::waits().spec("child"));
    assert_eq!(run(&mut rig), 1);
    assert_eq!((rig.state(p), rig.s.next()), (State::Failure, Next::Done));
    assert_eq!((rig.state(child), rig.world.of("child").aborts), (State::Aborted, 1));
}

/// A node that panicked can be restarted.
#[test]
fn a_node_that_panicked_can_be_restarted() {
    let mut rig = Rig::new(1);
    let mut runs = 0;
    let act = Script::new(move |_| {
        runs += 1;
        if runs == 1 {
            panics();
        }
        Outcome::Success
    });
    let a = rig.add(act.spec("a"));
    assert_eq!(run(&mut rig), 1);
    rig.s.restart(a).unwrap();
    assert_eq!((run(&mut rig), rig.state(a)), (0, State::Success));
}

/// Whatever is done to the node between the panic and the next poll.
#[test]
fn any_call_may_follow_a_panic() {
    for (what, state) in [
        ("abort", State::Aborted),
        ("pause", State::Failure),
        ("wake", State::Failure),
        ("shutdown", State::Aborted),
        ("restart", State::Failure),
    ] {
        for hook in [Hook::Run, Hook::Reset] {
            let mut rig = Rig::new(2);
            let a = rig.add(panicking(hook, Script::steps(1)).spec("a"));
            assert!(catch_unwind(AssertUnwindSafe(|| rig.run())).is_err());
            let _ = match what {
                "abort" => rig.s.abort(a),
                "pause" => rig.s.pause(a),
                "wake" => rig.s.wake(a),
                "restart" => rig.s.restart(a),
                _ => {
                    rig.s.shutdown(windlass::Instant::MAX);
                    Ok(())
                }
            };
            run(&mut rig);
            assert_eq!((rig.state(a), rig.s.next()), (state, Next::Done), "{what} after {hook:?}");
        }
    }
}

/// The slot of a node that panicked, was aborted and was removed before the next poll has no memory of it.
#[test]
fn a_slot_forgets_the_panic_of_its_last_node() {
    let mut rig = Rig::new(1);
    let a = rig.add(panicking(Hook::Reset, Script::steps(1)).spec("a"));
    assert!(catch_unwind(AssertUnwindSafe(|| rig.run())).is_err());
    rig.s.abort(a).unwrap();
    rig.s.remove(a).unwrap();
    let b = rig.add(Script::steps(1).spec("b"));
    assert_eq!((run(&mut rig), rig.state(b), rig.world.of("b").runs), (0, State::Success, 1));
}

/// Every leaf of a wide parallel panics; each is one panic of one poll, and all are accounted for.
#[test]
fn a_hundred_panics_are_each_accounted_for() {
    let mut rig = Rig::new(128);
    let p = rig.add(Spec::parallel("p").on_failure(windlass::OnFailure::Finish));
    for n in 0..99 {
        let act = if n % 3 == 0 { Script::fails() } else { panicking(Hook::Run, Script::steps(1)) };
        rig.add_below(p, act.spec("a"));
    }
    assert_eq!(run(&mut rig), 66);
    assert_eq!(rig.status(p), Status::Failure);
    let counts = rig.node(p).child_counts();
    assert_eq!((counts.failed, counts.live), (99, 0));
    assert_eq!(rig.node(p).failure().unwrap().reason, WRONG);
}

/// A work whose drop panics, once.
struct Fragile(std::rc::Rc<std::cell::Cell<bool>>);

impl Drop for Fragile {
    fn drop(&mut self) {
        if !self.0.replace(true) {
            panics();
        }
    }
}

/// A child's drop panics while its parent is tried again: the parent has failed, and does not stay between two attempts.
#[test]
fn a_drop_that_panics_while_the_parent_is_tried_again_fails_the_parent() {
    let mut rig = Rig::new(8);
    let dropped = std::rc::Rc::default();
    let fragile = Fragile(std::rc::Rc::clone(&dropped));
    let mut child = Some(Script::new(move |_| {
        let _ = &fragile;
        Outcome::Failure(WRONG)
    }));
    let w = Script::new(move |cx| {
        if let Some(child) = child.take() {
            cx.add_child(child.spec("child")).unwrap();
        }
        cx.children().outcome()
    });
    let w = rig.add(w.spec("w").retry(Retry::times(3)));
    let other = rig.add(Script::steps(9).spec("other"));
    assert_eq!(tick(&mut rig), 1);
    assert!(dropped.get());
    assert_eq!((rig.state(w), rig.state(other)), (State::Failure, State::Success));
    assert_eq!(rig.node(w).failure().unwrap().reason, Reason::PANICKED);
}

/// A child's drop panics when its parent has seen its end: what the parent has said in this step is not lost, for it has failed.
#[test]
fn a_drop_that_panics_in_its_parents_turn_fails_the_parent() {
    let mut rig = Rig::new(8);
    let dropped = std::rc::Rc::default();
    let fragile = Fragile(std::rc::Rc::clone(&dropped));
    let mut child = Some(Script::new(move |_| {
        let _ = &fragile;
        Outcome::Success
    }));
    let w = Script::new(move |cx| {
        if let Some(child) = child.take() {
            cx.add_child(child.spec("child")).unwrap();
        }
        cx.children().outcome()
    });
    let w = rig.add(w.spec("w"));
    assert_eq!(tick(&mut rig), 1);
    assert_eq!((rig.state(w), rig.world.of("w").runs), (State::Failure, 2));
}

/// Runs to the end, and says how often somebody panicked.
fn tick(rig: &mut Rig) -> u32 {
    let mut panics = 0;
    loop {
        match catch_unwind(AssertUnwindSafe(|| rig.run())) {
            Ok(next) => {
                assert_eq!(next, Next::Done);
                return panics;
            }
            Err(_) => panics += 1,
        }
        assert!(panics < 10, "no end in sight");
    }
}

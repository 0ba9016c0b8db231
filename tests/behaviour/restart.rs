//! Restarts: from every terminal state, of everything that can end, and what is as new afterwards.

use std::time::Duration;

use windlass::{AbortStep, Error, Next, Outcome, Retry, Spec, State};
use windlass_tests::{Hook, Rig, Script, WRONG, parent};

/// From success, failure and abort, with a whole new retry budget.
#[test]
fn what_has_ended_can_be_restarted_with_its_whole_budget() {
    for (act, state) in [
        (Script::steps(2), State::Success),
        (Script::fails(), State::Failure),
        (Script::says(Outcome::Waiting), State::Aborted),
    ] {
        let mut rig = Rig::new(1);
        let a = rig.add(act.spec("a").retry(Retry::A_FEW));
        let mut runs = Vec::new();
        for _ in 0..3 {
            if rig.run() == Next::OnWake {
                rig.s.abort(a).unwrap();
                let _ = rig.run();
            }
            assert_eq!(rig.state(a), state);
            runs.push(rig.world.of("a").runs);
            rig.s.restart(a).unwrap();
            let node = rig.node(a);
            assert_eq!((node.state(), node.attempt(), node.retries_left()), (State::Pending, 1, 5));
            assert_eq!((node.failure(), node.abort_cause(), node.aborted_by()), (None, None, None));
            assert_eq!(rig.s.next(), Next::Now);
        }
        assert_eq!(runs, [runs[0], 2 * runs[0], 3 * runs[0]], "each life is like the first");
        // A node that never started can be restarted too, once it has been aborted.
        rig.s.abort(a).unwrap();
        assert_eq!(rig.state(a), State::Aborted);
        rig.s.restart(a).unwrap();
        assert_eq!(rig.state(a), State::Pending);
    }
}

/// What has not ended cannot be restarted, and stays as it is.
#[test]
fn what_has_not_ended_cannot_be_restarted() {
    let mut rig = Rig::new(4);
    let running = rig.add(Script::says(Outcome::Running).spec("running"));
    let waiting = rig.add(Script::waits().spec("waiting"));
    let retrying = rig.add(Script::fails().spec("retrying").retry(Retry::ONCE));
    assert_eq!(rig.s.restart(running), Err(Error::WrongState(State::Pending)));
    for _ in 0..3 {
        rig.step();
    }
    assert_eq!(rig.s.restart(running), Err(Error::WrongState(State::Running)));
    assert_eq!(rig.s.restart(waiting), Err(Error::WrongState(State::Waiting)));
    assert_eq!(rig.s.restart(retrying), Err(Error::WrongState(State::Waiting)));
    rig.s.abort(waiting).unwrap();
    assert_eq!(rig.s.restart(waiting), Err(Error::WrongState(State::Aborting)));
    let m = rig.s.metrics();
    assert_eq!((m.attempts, m.cranks), (3, 3));
}

/// A composite starts again from its first member; every member that ran is reset, with its own budget new.
#[test]
fn a_composite_starts_again_with_all_its_members_reset() {
    let composites = [
        Spec::sequence("c"),
        Spec::parallel("c"),
        Spec::quorum("c", 3),
        Spec::graph("c"),
        Spec::parallel("c").concurrency(1),
    ];
    for spec in composites {
        let mut rig = Rig::new(8);
        let c = rig.add(spec);
        for name in ["1", "2", "3"] {
            let act =
                Script::new(|cx| if cx.attempt() == 1 { Outcome::Failure(WRONG) } else { Outcome::Success });
            rig.add_below(c, act.spec(name).retry(Retry::ONCE));
        }
        for life in 1..4 {
            assert_eq!(rig.run(), Next::Done);
            assert_eq!(rig.state(c), State::Success, "{:?}", rig.node(c).kind());
            for name in ["1", "2", "3"] {
                let counters = rig.world.of(name);
                assert_eq!((counters.runs, counters.successes, counters.retries), (2 * life, life, life));
            }
            let counts = rig.node(c).child_counts();
            assert_eq!((counts.succeeded, counts.earlier), (3, 3 * (life - 1)));
            rig.s.restart(c).unwrap();
        }
    }
}

/// What is added between a restart and the start comes behind the members of the life before.
#[test]
fn members_added_after_a_restart_come_last() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    for name in ["a", "b"] {
        rig.add_below(q, Script::steps(1).spec(name));
    }
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(q).unwrap();
    rig.add_below(q, Script::steps(1).spec("c"));
    let d = rig.add_below(q, Script::steps(1).spec("d"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["a", "b", "a", "b", "c", "d"]);
    rig.s.restart(q).unwrap();
    rig.s.abort(d).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.state(d)), (State::Failure, State::Aborted));
    assert_eq!(rig.world.of("d").runs, 1, "an abort before the start is not undone by it");
}

/// The same for a graph: what depends on a member of the life before waits for it in this life.
#[test]
fn items_added_after_a_restart_wait_for_their_dependencies_in_this_life() {
    let mut rig = Rig::new(8);
    let g = rig.add(Spec::graph("g"));
    let a = rig.add_below(g, Script::steps(2).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(g).unwrap();
    let b = rig.s.add_after(g, Script::steps(2).spec("b"), &[a]).unwrap();
    let c = rig.s.add_after(g, Script::steps(1).spec("c"), &[b]).unwrap();
    assert_eq!(rig.s.depend(b, c), Err(Error::WouldCycle));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["a", "a", "a", "a", "b", "b", "c"]);
}

/// A work that is restarted begins without children: those of its life before are freed.
#[test]
fn a_restarted_work_begins_without_children() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("p"));
    let a = rig.add_below(p, Script::fails().spec("a"));
    let b = rig.add_below(p, Script::waits().spec("b"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(p), State::Failure);
    assert_eq!(rig.node(p).children().count(), 2, "they are kept with the failure");
    rig.s.restart(p).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(p), rig.world.of("p").runs), (State::Success, 2));
    for id in [a, b] {
        assert_eq!(rig.s.state(id), Err(Error::UnknownNode));
    }
    let counts = rig.node(p).child_counts();
    assert_eq!((counts.total(), counts.earlier), (0, 2));
}

/// A batch asks its generator anew, after a reset.
#[test]
fn a_restarted_batch_asks_its_generator_anew() {
    use std::cell::Cell;
    use std::rc::Rc;

    let mut rig = Rig::new(8);
    let left = Rc::new(Cell::new(3));
    let items = left.clone();
    let b = rig.add(
        Script::yields(move |cx| {
            if items.get() == 0 {
                return windlass::Generated::Exhausted;
            }
            items.set(items.get() - 1);
            cx.add_child(Script::steps(1).spec("item")).unwrap();
            windlass::Generated::Added
        })
        .batch("b"),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("item").runs, rig.world.of("b").asked), (3, 4));
    left.set(2);
    rig.s.restart(b).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("item").runs, rig.world.of("b").asked), (5, 7));
    assert_eq!(rig.world.of("b").resets, 2);
    assert_eq!(rig.node(b).child_counts().earlier, 3);
}

/// A gate asks its predicate anew: in the reference the predicate is gone, and the restart throws.
#[test]
fn a_restarted_gate_asks_its_predicate_anew() {
    let mut rig = Rig::new(8);
    let mut asked = 0;
    let g = rig.add(
        Script::asks(move |_| {
            asked += 1;
            windlass::Check::from(asked % 3 == 0)
        })
        .gate("g"),
    );
    rig.add_below(g, Script::steps(1).spec("inner"));
    for life in 1..4 {
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.world.of("g").asked, rig.world.of("inner").runs), (3 * life, life));
        assert_eq!(rig.elapsed(), Duration::from_millis(200) * life);
        rig.s.restart(g).unwrap();
    }
}

/// A callback is asked once in each life.
#[test]
fn a_callback_is_asked_once_in_each_life() {
    let mut rig = Rig::new(1);
    let c = rig.add(Script::asks(|_| windlass::Check::Yes).callback("c"));
    for life in 1..4 {
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.world.of("c").asked, life);
        rig.s.restart(c).unwrap();
    }
}

/// A member of a composite is restarted with it, and not alone.
#[test]
fn a_member_is_not_restarted_alone() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q"));
    let a = rig.add_below(q, Script::steps(1).spec("a"));
    rig.add_below(q, Script::waits().spec("b"));
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.s.restart(a), Err(Error::WrongKind));
    rig.s.abort(q).unwrap();
    assert_eq!(rig.s.restart(a), Err(Error::Aborting));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.s.restart(a), Err(Error::Ended));
}

/// A work may restart a child that has ended, as long as it has not let it go.
#[test]
fn a_work_may_restart_a_child_that_has_ended() {
    let mut rig = Rig::new(4);
    let p = rig.add(
        Script::new(|cx| {
            let failed =
                cx.ended_children().find(|child| child.state() == State::Failure).map(|child| child.id());
            match failed {
                Some(child) => {
                    cx.restart(child).unwrap();
                    Outcome::Waiting
                }
                None => cx.children().outcome(),
            }
        })
        .spec("p"),
    );
    let script = [Outcome::Failure(WRONG), Outcome::Failure(WRONG), Outcome::Success];
    rig.add_below(p, Script::lines(&script).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(p), rig.world.of("a").runs, rig.world.of("a").failures), (State::Success, 3, 2));
    assert_eq!(rig.s.metrics().nodes, 1);
}

/// After a shutdown nothing is restarted.
#[test]
fn nothing_is_restarted_after_a_shutdown() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::steps(1).spec("a"));
    let _ = rig.run();
    rig.shut_down();
    assert_eq!(rig.s.restart(a), Err(Error::Aborting));
    assert_eq!(rig.state(a), State::Success);
}

/// A restart lifts the pause of a node that was aborted while it was paused, because the abort did.
#[test]
fn a_restart_begins_without_the_pause_of_the_life_before() {
    for started in [false, true] {
        let mut rig = Rig::new(1);
        let a = rig.add(Script::steps(2).spec("a"));
        if started {
            rig.step();
        }
        rig.s.pause(a).unwrap();
        rig.s.abort(a).unwrap();
        assert_eq!(rig.run(), Next::Done);
        assert!(!rig.node(a).is_paused());
        rig.s.restart(a).unwrap();
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(a), State::Success);
    }
}

/// A reset hook of a member that aborts the composite which is being started again: it is aborted, and nothing below it lives.
#[test]
fn a_reset_hook_may_abort_the_composite_that_starts_again() {
    use std::cell::Cell;
    use std::rc::Rc;

    let mut rig = Rig::new(4);
    let again = Rc::new(Cell::new(false));
    let flag = again.clone();
    let q = rig.add(Spec::parallel("q"));
    let act = Script::steps(1).on_hook(move |hook, cx| {
        if hook == Hook::Reset && flag.get() {
            cx.abort(q).unwrap();
        }
    });
    rig.add_below(q, act.aborts(&[AbortStep::Running]).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    again.set(true);
    rig.s.restart(q).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.world.of("a").runs), (State::Aborted, 1));
    again.set(false);
    rig.s.restart(q).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.world.of("a").runs), (State::Success, 2));
}

//! Aborts of a node by itself: whatever it is doing, and however long it takes to clean up.

use std::time::Duration;

use windlass::{Abort, Cause, Instant, Next, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Hook, Rig, Script, WRONG, parent};

/// An abort of a node that never started: aborted at once, without a run, a hook or a poll.
#[test]
fn of_a_pending_node() {
    let mut rig = Rig::new(4);
    let a = rig.add(Script::steps(1).spec("a"));
    rig.s.abort(a).unwrap();
    assert_eq!((rig.state(a), rig.s.next()), (State::Aborted, Next::Done));
    assert_eq!(rig.world.seen, []);
    let node = rig.node(a);
    assert_eq!((node.abort_cause(), node.aborted_by(), node.was_forced()), (Some(Cause::User), None, false));
    let states = rig.s.observer().states("a");
    assert_eq!(states, [State::Pending, State::Aborting, State::Aborted]);
}

/// The same with everything below it.
#[test]
fn of_a_pending_tree() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let p = rig.add_child(q, parent("p"));
    rig.add_child(p, Script::steps(1).spec("a"));
    rig.add_child(q, Script::steps(1).spec("b"));
    rig.s.abort(q).unwrap();
    assert_eq!(rig.s.next(), Next::Done);
    assert!(rig.s.nodes().all(|node| node.state() == State::Aborted));
    assert_eq!(rig.world.seen, []);
}

/// A started parent whose children have all not started: it takes its turn to clean up.
#[test]
fn of_a_parent_with_pending_children_only() {
    for kind in [Spec::parallel("p"), Spec::sequence("p"), Spec::graph("p"), Spec::race("p"), parent("p")] {
        let mut rig = Rig::new(8);
        let above = rig.add(Spec::parallel("above"));
        let p = rig.add_child(above, kind);
        rig.add_child(p, Script::steps(1).spec("a").paused());
        let b = rig.add_child(p, Spec::sequence("b").paused());
        rig.add_child(b, Script::steps(1).spec("c"));
        rig.run_until_idle();
        assert!(!rig.node(p).state().is_done());
        rig.s.abort(above).unwrap();
        assert_eq!(rig.run(), Next::Done, "{}", rig.s.tree());
        assert!(rig.s.nodes().all(|node| node.state() == State::Aborted));
        assert_eq!(rig.world.of("p").aborts, u32::from(rig.node(p).kind() == windlass::Kind::Work));
    }
}

/// The same where the parent's failure aborts them.
#[test]
fn of_a_failing_parents_grandchildren() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::parallel("q"));
    let p = rig.add_child(q, parent("p"));
    rig.add_child(p, Script::steps(1).spec("a").paused());
    rig.add_child(q, Script::lines(&[Outcome::Running, Outcome::Failure(WRONG)]).spec("b"));
    assert_eq!(rig.run(), Next::Done, "{}", rig.s.tree());
    assert_eq!((rig.state(q), rig.state(p)), (State::Failure, State::Aborted));
    assert_eq!(rig.node(p).abort_cause(), Some(Cause::ParentFailed));
    assert_eq!(rig.node(p).aborted_by(), Some(q));
}

/// `on_abort` taking several steps: again in the next pass, at a wake, after a time; siblings go on meanwhile.
#[test]
fn that_takes_several_steps() {
    let mut rig = Rig::new(4);
    let answers = [Abort::Again, Abort::Wake, Abort::Sleep(Duration::from_secs(5)), Abort::Again];
    let a = rig.add(Script::waits().aborts(&answers).spec("a"));
    rig.add(Script::says(Outcome::Running).spec("busy"));
    rig.step();
    rig.step();
    rig.s.abort(a).unwrap();
    let aborts = |rig: &Rig| rig.world.of("a").aborts;
    rig.run_until(|rig| rig.world.of("busy").runs == 10);
    assert_eq!(aborts(&rig), 2, "it waits for its wake and does not spin");
    rig.s.wake(a).unwrap();
    rig.run_until(|rig| rig.world.of("busy").runs == 20);
    assert_eq!(aborts(&rig), 3, "it sleeps");
    assert_eq!(rig.node(a).deadline(), Some(Instant::from_secs(5)));
    rig.world.now = Instant::from_secs(5);
    rig.run_until(|rig| rig.state(a).is_done());
    assert_eq!(aborts(&rig), 5);
    assert_eq!(rig.state(a), State::Aborted);
    assert!(!rig.node(a).was_forced());
}

/// A wake ends the sleep of an abort early, and that sleep does not reach into what comes after.
#[test]
fn whose_sleep_is_ended_by_a_wake() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::waits().aborts(&[Abort::Sleep(Duration::from_secs(5)), Abort::Wake]).spec("a"));
    rig.step();
    rig.s.abort(a).unwrap();
    rig.step();
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::OnWake, "the old sleep is gone");
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("a").aborts, rig.elapsed()), (3, Duration::ZERO));
}

/// A wake that comes while `on_abort` runs is not lost.
#[test]
fn that_wakes_itself() {
    let mut rig = Rig::new(1);
    let mut steps = 0;
    let act = Script::waits().on_abort(move |cx| {
        steps += 1;
        if steps == 3 {
            return Abort::Done;
        }
        let own = cx.id();
        cx.wake(own).unwrap();
        Abort::Wake
    });
    let a = rig.add(act.spec("a"));
    rig.step();
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.of("a").aborts, 3);
}

/// Asking again changes nothing: not the cause, not who asked, not the number of steps.
#[test]
fn asked_for_twice() {
    let mut rig = Rig::new(2);
    let a = rig.add(Script::waits().aborts(&[Abort::Again, Abort::Again]).spec("a"));
    rig.step();
    for _ in 0..4 {
        rig.s.abort(a).unwrap();
    }
    rig.step();
    rig.s.abort(a).unwrap();
    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("a").aborts, rig.node(a).abort_cause()), (3, Some(Cause::User)));
    rig.s.abort(a).unwrap();
    assert_eq!((rig.state(a), rig.s.next()), (State::Aborted, Next::Done));
}

/// An abort leaves what has ended as it is.
#[test]
fn of_what_has_ended() {
    let mut rig = Rig::new(2);
    let a = rig.add(Script::steps(1).spec("a"));
    let b = rig.add(Script::fails().spec("b"));
    assert_eq!(rig.run(), Next::Done);
    for id in [a, b] {
        rig.s.abort(id).unwrap();
    }
    assert_eq!((rig.state(a), rig.state(b), rig.s.next()), (State::Success, State::Failure, Next::Done));
}

/// Failure with several children in flight and nested aborts: children finish before parents at every level, and every cleaning step is made.
#[test]
fn nested_under_a_failure() {
    let mut rig = Rig::new(16);
    let p = rig.add(parent("p"));
    let slow = |name| Script::waits().aborts(&[Abort::Again, Abort::Again]).spec(name);
    rig.add_child(p, slow("a"));
    let q = rig.add_child(p, parent("q"));
    rig.add_child(q, slow("b"));
    let r = rig.add_child(q, parent("r"));
    rig.add_child(r, slow("c"));
    rig.add_child(r, Script::steps(1).spec("done"));
    rig.add_child(
        p,
        Script::lines(&[Outcome::Running, Outcome::Running, Outcome::Failure(WRONG)]).spec("bad"),
    );
    let _ = rig.run();
    assert_eq!(rig.state(p), State::Failure);
    let failure = rig.node(p).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (WRONG, rig.find("bad").unwrap().id()));

    for (name, aborts) in
        [("a", 3), ("b", 3), ("c", 3), ("q", 1), ("r", 1), ("p", 0), ("done", 0), ("bad", 0)]
    {
        assert_eq!(rig.world.of(name).aborts, aborts, "{name}");
    }
    let last = |name, hook| rig.world.seen.iter().rposition(|s| s.name == name && s.hook == hook).unwrap();
    assert!(last("c", Hook::Abort) < last("r", Hook::Abort));
    assert!(last("r", Hook::Abort) < last("q", Hook::Abort));
    assert!(last("b", Hook::Abort) < last("q", Hook::Abort));
    assert!(last("q", Hook::Abort) < last("p", Hook::Raise));
    assert!(last("a", Hook::Abort) < last("p", Hook::Raise));
    // Each level's children are cleaned up side by side: the slowest decides, not the sum.
    let cranks = rig.world.seen.iter().filter(|s| s.hook == Hook::Abort).count();
    assert_eq!(cranks, 3 * 3 + 2);
}

/// Nothing starts below a node that is aborting: no run, no retry, no child.
#[test]
fn lets_nothing_start() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p"));
    let a = rig.add_child(p, Script::waits().aborts(&[Abort::Wake]).spec("a"));
    rig.add_child(p, Script::fails().spec("b").retry(Retry::A_LOT));
    rig.run_until_idle();
    rig.s.abort(p).unwrap();
    let runs = rig.cranks();
    let refused = rig.s.add_child(p, Script::steps(1).spec("late")).unwrap_err();
    assert_eq!(refused.error, windlass::Error::Aborting);
    rig.s.wake(a).unwrap();
    for second in 1..100 {
        let _ = rig.s.poll_work_with(Instant::from_secs(second), &mut rig.world);
    }
    assert_eq!((rig.world.of("a").runs, rig.world.of("b").runs), (1, 1));
    assert_eq!((rig.world.of("a").aborts, rig.world.of("b").aborts), (1, 1));
    assert_eq!(rig.cranks() - runs, 2, "{}", rig.s.tree());
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(p), State::Aborted);
}

/// An individually aborted child is a failure of kind *aborted* for a parent that reports its children, and for the built-in ones; the
/// reference sleeps for ever, succeeds, or throws.
#[test]
fn of_one_child_fails_its_parent() {
    let kinds: [fn(&'static str) -> Spec<windlass_tests::Any>; 6] =
        [Spec::parallel, Spec::sequence, Spec::graph, Spec::race, Spec::any, parent];
    for (index, kind) in kinds.into_iter().enumerate() {
        for started in [false, true] {
            let mut rig = Rig::new(4);
            let p = rig.add(kind("p"));
            let a = rig.add_child(p, Script::waits().spec("a"));
            if started {
                rig.run_until_idle();
            }
            rig.s.abort(a).unwrap();
            assert_eq!(rig.run(), Next::Done, "{}", rig.s.tree());
            assert_eq!(rig.state(p), State::Failure, "{}", rig.s.tree());
            let failure = rig.node(p).failure().unwrap();
            let reason = if index == 4 { Reason::NO_QUORUM } else { Reason::CHILD_ABORTED };
            assert_eq!((failure.reason, failure.origin), (reason, a));
        }
    }
}

/// The top level does not mind: its other nodes go on.
#[test]
fn of_one_node_at_the_top() {
    let mut rig = Rig::new(4);
    let a = rig.add(Script::waits().spec("a"));
    let b = rig.add(Script::steps(3).spec("b"));
    rig.step();
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.state(b)), (State::Aborted, State::Success));
}

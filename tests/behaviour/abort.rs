//! Aborts and shutdowns: what is aborted, whatever it is doing, who asked and why, and that nothing starts afterwards.

use std::time::Duration;

use windlass::{
    AbortCause, AbortStep, Error, EventKind, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, State,
};
use windlass_tests::{Hook, Rig, STEP, Script, WRONG, World, leaf, parent, secs};

/// "BasicWork test", section "work waiting - shutdown": the timer of an aborted sleeper is cancelled and wakes nobody.
#[test]
fn a_shutdown_cancels_a_sleep_without_a_wake() {
    let mut rig = Rig::new(4);
    let work = rig.add(leaf().sleeps(STEP).spec("sleeper"));
    rig.run_until(|rig| rig.state(work) == State::Waiting);
    let c = rig.world.of("sleeper");
    assert_eq!((c.waits, c.wakes), (1, 0));
    let before = rig.elapsed();
    assert!(rig.s.next_deadline().is_some());

    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.s.next_deadline(), None);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(work), State::Aborted);
    assert_eq!(rig.node(work).abort_cause(), Some(AbortCause::Shutdown));
    let c = rig.world.of("sleeper");
    assert_eq!((c.waits, c.wakes), (1, 0));
    assert_eq!((c.runs, c.aborts, c.resets), (1, 1, 2));
    assert_eq!((rig.s.metrics().wakes, rig.s.metrics().expired), (0, 0));
    assert_eq!(rig.elapsed(), before);
    assert_eq!(
        rig.s.observer().states("sleeper"),
        [State::Pending, State::Running, State::Waiting, State::Aborting, State::Aborted]
    );
}

/// "BasicWork test", section "work shutdown": one node is aborted again and again, and the scheduler does not mind.
#[test]
fn an_aborted_work_is_as_new_and_the_scheduler_goes_on() {
    let mut rig = Rig::new(4);
    let work = rig.add(Script::steps(100).takes_time().spec("long"));
    rig.step();
    while !rig.state(work).is_done() {
        rig.s.abort(work).unwrap();
        rig.s.abort(work).unwrap();
        rig.step();
    }
    rig.s.abort(work).unwrap();
    assert_eq!(rig.state(work), State::Aborted);
    assert_eq!(rig.node(work).abort_cause(), Some(AbortCause::User));
    let c = rig.world.of("long");
    assert_eq!((c.runs, c.aborts, c.resets, c.failures), (1, 1, 2, 0));
    assert_eq!(rig.world.hooks_of("long").last(), Some(&(Hook::Reset, State::Aborting)));

    // The scheduler is idle, not shut down.
    assert!(rig.is_idle());
    assert!(!rig.s.is_shut_down());
    rig.add(leaf().spec("other"));
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("other", 3);

    // The countdown is back at 100: that is how many runs a restart takes.
    rig.s.restart(work).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(work), State::Success);
    assert_eq!(rig.world.of("long").runs, 1 + 100);
}

/// The same section with the shutdown before the first run, as it happens in the reference on an idle host: there the node has been started by
/// then, and is cranked once to be aborted; here it has not, and no hook is called.
#[test]
fn a_work_aborted_before_its_first_run_is_not_called() {
    let mut rig = Rig::new(4);
    let work = rig.add(Script::steps(100).takes_time().spec("long"));
    rig.s.abort(work).unwrap();
    assert_eq!(rig.state(work), State::Aborted);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.hooks_of("long"), []);
    assert_eq!(rig.cranks(), 0);
    assert_eq!(rig.s.observer().states("long"), [State::Pending, State::Aborting, State::Aborted]);
}

/// Why and by whom, as the work itself sees it and as it is seen from outside.
#[test]
fn an_abort_says_why_and_who_asked() {
    fn run(cause: AbortCause, make: impl FnOnce(&mut Rig) -> (NodeId, Option<NodeId>)) {
        let mut rig = Rig::new(8);
        let (victim, by) = make(&mut rig);
        let _ = rig.run();
        let node = rig.node(victim);
        assert_eq!((node.state(), node.abort_cause(), node.aborted_by()), (State::Aborted, Some(cause), by));
        let begun = rig
            .s
            .observer()
            .events
            .iter()
            .filter(|event| event.node == victim && event.kind == EventKind::AbortBegan { cause, by });
        assert_eq!(begun.count(), 1);
        assert_eq!(rig.world.of("seen it").runs, 1);
    }
    /// Notes that it has seen the cause.
    fn victim(cause: AbortCause) -> Script {
        Script::says(Outcome::Waiting).on_abort(move |cx| {
            assert_eq!((cx.abort_cause(), cx.is_aborting()), (Some(cause), true));
            World::note(cx.app(), "seen it", windlass_tests::Hook::Run, State::Aborting);
            AbortStep::Done
        })
    }
    run(AbortCause::User, |rig| {
        let a = rig.add(victim(AbortCause::User).spec("a"));
        rig.run_until_idle();
        rig.s.abort(a).unwrap();
        (a, None)
    });
    run(AbortCause::User, |rig| {
        let a = rig.add(victim(AbortCause::User).spec("a"));
        let by = rig.add(
            Script::new(move |cx| {
                cx.abort(a).unwrap();
                Outcome::Success
            })
            .spec("by"),
        );
        (a, Some(by))
    });
    run(AbortCause::ParentFailed, |rig| {
        let p = rig.add(Spec::parallel("p"));
        let a = rig.add_below(p, victim(AbortCause::ParentFailed).spec("a"));
        rig.add_below(p, Script::lines(&[Outcome::Running, Outcome::Failure(WRONG)]).spec("bad"));
        (a, Some(p))
    });
    run(AbortCause::SiblingWon, |rig| {
        let p = rig.add(Spec::any("p"));
        let a = rig.add_below(p, victim(AbortCause::SiblingWon).spec("a"));
        rig.add_below(p, Script::steps(2).spec("good"));
        (a, Some(p))
    });
    run(AbortCause::Timeout, |rig| {
        let p = rig.add(Spec::sequence("p").timeout(secs(1)));
        let a = rig.add_below(p, victim(AbortCause::Timeout).spec("a"));
        (a, Some(p))
    });
    run(AbortCause::Shutdown, |rig| {
        let p = rig.add(Spec::sequence("p"));
        let a = rig.add_below(p, victim(AbortCause::Shutdown).spec("a"));
        rig.run_until_idle();
        rig.s.shutdown(Instant::MAX);
        (a, None)
    });
}

/// After a shutdown there is nothing to run to its end: the work is refused and comes back. (The reference dereferences null.)
#[test]
fn a_work_added_after_a_shutdown_comes_back() {
    let mut rig = Rig::new(4);
    rig.add(Script::steps(5).spec("before"));
    rig.step();
    rig.s.shutdown(windlass::Instant::MAX);
    for _ in 0..2 {
        let refused = rig.s.add(Script::steps(3).spec("late")).unwrap_err();
        assert_eq!((refused.error, refused.spec.name()), (Error::Aborting, "late"));
        assert!(refused.into_work().is_some());
        assert_eq!(rig.run(), Next::Done);
    }
    assert!(rig.s.is_shut_down());
    assert_eq!(rig.world.of("late").runs, 0);
}

/// An abort of a node that never started: aborted at once, without a run, a hook or a poll.
#[test]
fn a_node_that_never_started_is_aborted_without_a_call() {
    let mut rig = Rig::new(4);
    let a = rig.add(Script::steps(1).spec("a"));
    rig.s.abort(a).unwrap();
    assert_eq!((rig.state(a), rig.s.next()), (State::Aborted, Next::Done));
    assert_eq!(rig.world.seen, []);
    let node = rig.node(a);
    assert_eq!(
        (node.abort_cause(), node.aborted_by(), node.was_forced()),
        (Some(AbortCause::User), None, false)
    );
    let states = rig.s.observer().states("a");
    assert_eq!(states, [State::Pending, State::Aborting, State::Aborted]);
}

/// The same with everything below it.
#[test]
fn a_tree_that_never_started_is_aborted_without_a_call() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let p = rig.add_below(q, parent("p"));
    rig.add_below(p, Script::steps(1).spec("a"));
    rig.add_below(q, Script::steps(1).spec("b"));
    rig.s.abort(q).unwrap();
    assert_eq!(rig.s.next(), Next::Done);
    assert!(rig.s.nodes().all(|node| node.state() == State::Aborted));
    assert_eq!(rig.world.seen, []);
}

/// A started parent whose children have all not started: it takes its turn to clean up.
#[test]
fn a_parent_whose_children_never_started_takes_its_turn_to_clean_up() {
    for kind in [Spec::parallel("p"), Spec::sequence("p"), Spec::graph("p"), Spec::race("p"), parent("p")] {
        let mut rig = Rig::new(8);
        let above = rig.add(Spec::parallel("above"));
        let p = rig.add_below(above, kind);
        rig.add_below(p, Script::steps(1).spec("a").paused());
        let b = rig.add_below(p, Spec::sequence("b").paused());
        rig.add_below(b, Script::steps(1).spec("c"));
        rig.run_until_idle();
        assert!(!rig.node(p).state().is_done());
        rig.s.abort(above).unwrap();
        assert_eq!(rig.run(), Next::Done, "{}", rig.tree());
        assert!(rig.s.nodes().all(|node| node.state() == State::Aborted));
        assert_eq!(rig.world.of("p").aborts, u32::from(rig.node(p).kind() == windlass::Kind::Work));
    }
}

/// The same where the parent's failure aborts them.
#[test]
fn a_failure_aborts_grandchildren_that_never_started() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::parallel("q"));
    let p = rig.add_below(q, parent("p"));
    rig.add_below(p, Script::steps(1).spec("a").paused());
    rig.add_below(q, Script::lines(&[Outcome::Running, Outcome::Failure(WRONG)]).spec("b"));
    assert_eq!(rig.run(), Next::Done, "{}", rig.tree());
    assert_eq!((rig.state(q), rig.state(p)), (State::Failure, State::Aborted));
    assert_eq!(rig.node(p).abort_cause(), Some(AbortCause::ParentFailed));
    assert_eq!(rig.node(p).aborted_by(), Some(q));
}

/// `on_abort` taking several steps: again in the next pass, at a wake, after a time; siblings go on meanwhile.
#[test]
fn an_abort_may_take_several_steps() {
    let mut rig = Rig::new(4);
    let answers = [
        AbortStep::Running,
        AbortStep::Waiting,
        AbortStep::WaitFor(Duration::from_secs(5)),
        AbortStep::Running,
    ];
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
fn a_wake_ends_the_sleep_of_an_abort() {
    let mut rig = Rig::new(1);
    let a = rig.add(
        Script::waits().aborts(&[AbortStep::WaitFor(Duration::from_secs(5)), AbortStep::Waiting]).spec("a"),
    );
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
fn a_wake_during_an_abort_is_not_lost() {
    let mut rig = Rig::new(1);
    let mut steps = 0;
    let act = Script::waits().on_abort(move |cx| {
        steps += 1;
        if steps == 3 {
            return AbortStep::Done;
        }
        let own = cx.id();
        cx.wake(own).unwrap();
        AbortStep::Waiting
    });
    let a = rig.add(act.spec("a"));
    rig.step();
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.of("a").aborts, 3);
}

/// Asking again changes nothing: not the cause, not who asked, not the number of steps.
#[test]
fn asking_for_an_abort_again_changes_nothing() {
    let mut rig = Rig::new(2);
    let a = rig.add(Script::waits().aborts(&[AbortStep::Running, AbortStep::Running]).spec("a"));
    rig.step();
    for _ in 0..4 {
        rig.s.abort(a).unwrap();
    }
    rig.step();
    rig.s.abort(a).unwrap();
    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("a").aborts, rig.node(a).abort_cause()), (3, Some(AbortCause::User)));
    rig.s.abort(a).unwrap();
    assert_eq!((rig.state(a), rig.s.next()), (State::Aborted, Next::Done));
}

/// An abort leaves what has ended as it is.
#[test]
fn an_abort_leaves_what_has_ended_as_it_is() {
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
fn children_clean_up_before_their_parents_at_every_level() {
    let mut rig = Rig::new(16);
    let p = rig.add(parent("p"));
    let slow = |name| Script::waits().aborts(&[AbortStep::Running, AbortStep::Running]).spec(name);
    rig.add_below(p, slow("a"));
    let q = rig.add_below(p, parent("q"));
    rig.add_below(q, slow("b"));
    let r = rig.add_below(q, parent("r"));
    rig.add_below(r, slow("c"));
    rig.add_below(r, Script::steps(1).spec("done"));
    rig.add_below(
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
fn nothing_starts_below_a_node_that_is_aborting() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p"));
    let a = rig.add_below(p, Script::waits().aborts(&[AbortStep::Waiting]).spec("a"));
    rig.add_below(p, Script::fails().spec("b").retry(Retry::A_LOT));
    rig.run_until_idle();
    rig.s.abort(p).unwrap();
    let runs = rig.cranks();
    let refused = rig.s.add_below(p, Script::steps(1).spec("late")).unwrap_err();
    assert_eq!(refused.error, windlass::Error::Aborting);
    rig.s.wake(a).unwrap();
    for second in 1..100 {
        let _ = rig.s.poll_work_with(Instant::from_secs(second), &mut rig.world);
    }
    assert_eq!((rig.world.of("a").runs, rig.world.of("b").runs), (1, 1));
    assert_eq!((rig.world.of("a").aborts, rig.world.of("b").aborts), (1, 1));
    assert_eq!(rig.cranks() - runs, 2, "{}", rig.tree());
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(p), State::Aborted);
}

/// An individually aborted child is a failure of kind *aborted* for a parent that reports its children, and for the built-in ones; the
/// reference sleeps for ever, succeeds, or throws.
#[test]
fn an_aborted_child_fails_its_parent() {
    let kinds: [fn(&'static str) -> Spec<windlass_tests::Any>; 6] =
        [Spec::parallel, Spec::sequence, Spec::graph, Spec::race, Spec::any, parent];
    for (index, kind) in kinds.into_iter().enumerate() {
        for started in [false, true] {
            let mut rig = Rig::new(4);
            let p = rig.add(kind("p"));
            let a = rig.add_below(p, Script::waits().spec("a"));
            if started {
                rig.run_until_idle();
            }
            rig.s.abort(a).unwrap();
            assert_eq!(rig.run(), Next::Done, "{}", rig.tree());
            assert_eq!(rig.state(p), State::Failure, "{}", rig.tree());
            let failure = rig.node(p).failure().unwrap();
            let reason = if index == 4 { Reason::NO_QUORUM } else { Reason::CHILD_ABORTED };
            assert_eq!((failure.reason, failure.origin), (reason, a));
        }
    }
}

/// The top level does not mind: its other nodes go on.
#[test]
fn an_abort_at_the_top_leaves_the_other_nodes_alone() {
    let mut rig = Rig::new(4);
    let a = rig.add(Script::waits().spec("a"));
    let b = rig.add(Script::steps(3).spec("b"));
    rig.step();
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(a), rig.state(b)), (State::Aborted, State::Success));
}

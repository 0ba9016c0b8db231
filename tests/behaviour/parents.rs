//! Works with children. Of stellar-core's "work with children": two parents at the top, the first with two leaves.

use windlass::{AbortCause, AbortStep, Error, Instant, Next, NodeId, Outcome, Retry, State};
use windlass_tests::{Hook, Rig, STEP, Script, leaf, parent};

struct Family {
    rig: Rig,
    w1: NodeId,
    w2: NodeId,
    l1: NodeId,
    l2: NodeId,
}

impl Family {
    fn new() -> Self {
        let mut rig = Rig::new(16);
        let w1 = rig.add(parent("w1"));
        let w2 = rig.add(parent("w2"));
        let l1 = rig.add_below(w1, leaf().spec("l1"));
        let l2 = rig.add_below(w1, leaf().spec("l2"));
        Self { rig, w1, w2, l1, l2 }
    }

    fn states(&self, names: &[&str]) -> Vec<State> {
        names.iter().map(|name| self.rig.last_state(name)).collect()
    }

    fn five(&self) -> [State; 4] {
        [self.w1, self.w2, self.l1, self.l2].map(|id| self.rig.state(id))
    }
}

/// "work with children", section "success".
#[test]
fn a_parent_succeeds_with_its_children() {
    let mut f = Family::new();
    assert_eq!(f.rig.run(), Next::Done);
    assert_eq!(f.states(&["l1", "l2", "w1", "w2"]), [State::Success; 4]);
    // The first parent's turn comes three times; the second has no children, and succeeds at once.
    assert_eq!(f.rig.world.of("w1").runs, 3);
    assert_eq!(f.rig.world.of("w2").runs, 1);
    f.rig.assert_full_success("l1", 3);
    f.rig.assert_full_success("l2", 3);
    assert_eq!(f.rig.world.order(), ["l1", "w2", "l2", "w1", "l1", "l2", "w1", "l1", "l2", "w1"]);
    // What has ended is freed but for the top.
    assert_eq!(f.rig.s.state(f.l1), Err(Error::UnknownNode));
    assert_eq!(f.rig.s.metrics().nodes, 2);
}

/// "work with children", section "child failed".
#[test]
fn a_failed_child_fails_its_parent_only() {
    let mut f = Family::new();
    f.rig.add_below(f.w2, Script::fails_at(3).takes_time().spec("l3").retry(Retry::ONCE));
    assert_eq!(f.rig.run(), Next::Done);
    assert_eq!(f.states(&["l1", "l2", "w1"]), [State::Success; 3]);
    assert_eq!(f.states(&["l3", "w2"]), [State::Failure; 2]);
    assert_eq!(f.rig.world.of("l3").runs, 6);
    assert_eq!(f.rig.world.of("l3").retries, 1);
    assert!(!f.rig.s.is_shut_down());
}

/// "work with children", section "child failed so parent aborts other child".
#[test]
fn a_failed_child_makes_its_parent_abort_the_other() {
    let mut f = Family::new();
    let l3 = f.rig.add_below(f.w2, Script::fails_at(3).takes_time().spec("l3"));
    let l4 = f.rig.add_below(f.w2, Script::steps(100).takes_time().spec("l4"));
    assert_eq!(f.rig.run(), Next::Done);
    assert_eq!(f.states(&["l1", "l2", "w1"]), [State::Success; 3]);
    assert_eq!(f.states(&["w2", "l3", "l4"]), [State::Failure, State::Failure, State::Aborted]);
    let c = f.rig.world.of("l4");
    assert_eq!((c.runs, c.aborts, c.successes, c.failures), (3, 1, 0, 0));
    // The parent's own abort hook is not called, nor a retry's: it fails, once.
    let c = f.rig.world.of("w2");
    assert_eq!((c.failures, c.retries, c.successes, c.aborts), (1, 0, 0, 0));
    assert_eq!(f.rig.world.hooks_of("w2").iter().filter(|(hook, _)| *hook == Hook::Raise).count(), 1);
    // Why, and who began it.
    let failure = f.rig.node(f.w2).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (windlass_tests::WRONG, l3));
    assert_eq!(f.rig.node(l4).abort_cause(), Some(AbortCause::ParentFailed));
    assert_eq!(f.rig.node(l4).aborted_by(), Some(f.w2));
}

/// What a family is like after a shutdown: it refuses everything, and stays as it is.
fn refuses_everything(f: &mut Family, expected: [State; 4]) {
    assert!(f.rig.s.is_shut_down());
    assert_eq!(f.five(), expected);
    for leaf in [f.l1, f.l2] {
        f.rig.s.wake(leaf).unwrap();
        if let Ok(handle) = f.rig.s.wake_handle(leaf) {
            handle.wake();
        }
    }
    assert_eq!(f.five(), expected);
    let refused = f.rig.s.add_below(f.w1, leaf().spec("late")).unwrap_err();
    assert_eq!(refused.error, Error::Aborting);
    assert_eq!(refused.spec.name(), "late");

    assert_eq!(f.rig.run(), Next::Done);
    assert_eq!(f.five(), [State::Aborted; 4]);
    let refused = f.rig.s.add(leaf().spec("late")).unwrap_err();
    assert_eq!(refused.error, Error::Aborting);
    assert_eq!(f.rig.s.restart(f.w1), Err(Error::Aborting));
}

/// "work with children", section "work scheduler shutdown": before any crank. All have been started by then in the reference, and are seen
/// aborting; here none has, and all are aborted at once.
#[test]
fn a_shutdown_before_the_first_crank_calls_nobody() {
    let mut f = Family::new();
    f.rig.s.shutdown(Instant::MAX);
    refuses_everything(&mut f, [State::Aborted; 4]);
    for name in ["w1", "w2", "l1", "l2"] {
        assert_eq!(f.rig.world.hooks_of(name), [], "{name}");
    }
}

/// The same section with all of them started, so that all are seen aborting.
#[test]
fn a_shutdown_aborts_children_before_their_parents() {
    let mut f = Family::new();
    let l3 = f.rig.add_below(f.w2, leaf().sleeps(STEP).spec("l3"));
    f.rig.run_until(|rig| rig.world.of("l2").runs == 1 && rig.world.of("l3").runs == 1);
    f.rig.s.shutdown(Instant::MAX);
    assert_eq!(f.rig.state(l3), State::Aborting);
    refuses_everything(&mut f, [State::Aborting; 4]);
    for name in ["w1", "w2", "l1", "l2", "l3"] {
        let c = f.rig.world.of(name);
        assert_eq!((c.aborts, c.resets, c.successes, c.failures), (1, 2, 0, 0), "{name}");
    }
    assert_eq!(f.rig.world.of("l1").runs, 1);
    // Children finish before their parents.
    let aborts: Vec<_> = f.rig.world.seen.iter().filter(|seen| seen.hook == Hook::Abort).collect();
    let at = |name| aborts.iter().position(|seen| seen.name == name).unwrap();
    assert!(at("l1") < at("w1") && at("l2") < at("w1") && at("l3") < at("w2"));
    assert!(
        f.rig
            .world
            .seen
            .iter()
            .skip_while(|seen| seen.hook != Hook::Abort)
            .all(|seen| seen.hook != Hook::Run)
    );
}

/// One composite of *n* leaves, from the request to its end. The reference takes 7, 8, 12, 20 and 36 cranks of its scheduler for 1, 2, 4, 8
/// and 16 leaves, about 2(n + 2); we call each `on_abort` once: n + 1.
#[test]
fn an_abort_calls_each_node_once() {
    for (leaves, reference) in [(1, 7), (2, 8), (4, 12), (8, 20), (16, 36)] {
        let mut rig = Rig::new(20);
        let top = rig.add(parent("top"));
        for _ in 0..leaves {
            rig.add_below(top, leaf().spec("leaf"));
        }
        rig.run_until(|rig| rig.world.of("leaf").runs == leaves);
        let before = rig.cranks();
        rig.shut_down();
        let ours = rig.cranks() - before;
        assert_eq!(ours, u64::from(leaves) + 1);
        assert!(2 * ours <= reference);
        assert_eq!(rig.world.of("leaf").aborts, leaves);
        assert_eq!(rig.world.of("top").aborts, 1);
    }
}

/// The result that the test parents use: an aborted child counts as a failure, where the reference forgets it (and then succeeds, or
/// sleeps for ever).
#[test]
fn a_child_aborted_on_its_own_fails_the_parent() {
    let mut f = Family::new();
    f.rig.step();
    f.rig.s.abort(f.l1).unwrap();
    assert_eq!(f.rig.run(), Next::Done);
    assert_eq!(
        f.states(&["l1", "l2", "w1", "w2"]),
        [State::Aborted, State::Aborted, State::Failure, State::Success]
    );
    let failure = f.rig.node(f.w1).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (windlass::Reason::CHILD_ABORTED, f.l1));
    // The root does not mind.
    f.rig.add(leaf().spec("other"));
    assert_eq!(f.rig.run(), Next::Done);
    assert_eq!(f.rig.last_state("other"), State::Success);
}

/// `checkChildrenStatus`, on counters: all succeeded (also none at all), any failed, any running, else waiting.
#[test]
fn children_have_one_outcome_together() {
    use windlass::{Children, Reason};
    let none = Children::default();
    assert_eq!(none.outcome(), Outcome::Success);
    assert_eq!(Children { succeeded: 3, ..none }.outcome(), Outcome::Success);
    let failed = Outcome::Failure(Reason::CHILD_FAILED);
    assert_eq!(Children { succeeded: 3, failed: 1, live: 1, any_running: true, ..none }.outcome(), failed);
    assert_eq!(Children { aborted: 1, ..none }.outcome(), failed);
    assert_eq!(Children { live: 1, ..none }.outcome(), Outcome::Waiting);
    assert_eq!(Children { live: 2, succeeded: 1, any_running: true, ..none }.outcome(), Outcome::Running);
    // Those of earlier attempts count for nothing.
    assert_eq!(Children { earlier: 5, ..none }.outcome(), Outcome::Success);
}

/// A work may end early: its children are aborted and drained first, and only then does its hook see success.
#[test]
fn a_work_may_succeed_before_its_children_end() {
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(|cx| if cx.children().succeeded > 0 { Outcome::Success } else { Outcome::Running })
            .spec("p"),
    );
    rig.add_below(p, Script::steps(1).spec("quick"));
    let slow = rig.add_below(p, parent("slow"));
    rig.add_below(slow, Script::waits().aborts(&[AbortStep::Running; 3]).spec("slowest"));
    let _ = rig.run();
    assert_eq!((rig.state(p), rig.last_state("slow")), (State::Success, State::Aborted));
    assert_eq!(rig.node(slow).abort_cause(), Some(AbortCause::ParentDone));
    let hooks: Vec<_> = rig.world.seen.iter().map(|seen| (seen.name, seen.hook)).collect();
    assert_eq!(hooks.last(), Some(&("p", windlass_tests::Hook::Success)));
    assert_eq!(rig.node(p).failure(), None);
}

//! How long cleaning up may take: drain limits, deadlines of aborts and shutdowns, and forced ends.

use windlass::{
    AbortCause, AbortStep, Error, EventKind, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, State,
};
use windlass_tests::{Rig, Script, parent, secs};

/// A work that never finishes its abort by itself.
fn stubborn() -> Script {
    Script::says(Outcome::Waiting).on_abort(|_| AbortStep::Waiting)
}

fn forced(rig: &Rig) -> Vec<&'static str> {
    rig.s.view().drain().forced().map(|node| node.name()).collect()
}

/// A drain deadline per node: it bounds every abort of that node, from wherever it comes.
#[test]
fn a_drain_limit_bounds_every_abort_of_its_node() {
    for shutdown in [false, true] {
        let mut rig = Rig::new(4);
        let p = rig.add(Spec::parallel("p"));
        rig.add_below(p, stubborn().spec("a").cleanup_timeout(secs(3)));
        rig.add_below(p, Script::waits().spec("b").cleanup_timeout(secs(3)));
        rig.run_until_idle();
        if shutdown {
            rig.s.shutdown(Instant::MAX);
        } else {
            rig.s.abort(p).unwrap();
        }
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.elapsed(), rig.state(p)), (secs(3), State::Aborted));
        assert_eq!(forced(&rig), ["a"]);
        let m = rig.s.metrics();
        assert_eq!((m.forced, m.aborted), (1, 3));
    }
}

/// A drain deadline per call reaches everything below; the report names every node that did not finish, and only those.
#[test]
fn a_deadline_reaches_all_below_and_who_was_forced_is_named() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("p"));
    let q = rig.add_below(p, Spec::sequence("q"));
    rig.add_below(q, stubborn().spec("a"));
    rig.add_below(p, Script::waits().aborts(&[AbortStep::Running]).spec("b"));
    rig.run_until_idle();
    rig.s.abort_by(p, Instant::from_secs(9)).unwrap();
    assert_eq!(rig.node(p).deadline(), Some(Instant::from_secs(9)));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.elapsed(), secs(9));
    assert_eq!(forced(&rig), ["p", "q", "a"]);
    assert_eq!(rig.last_state("b"), State::Aborted);
    assert_eq!(rig.world.of("p").aborts, 0, "its child never finished, so it was never asked");
    let events = rig
        .s
        .observer()
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Forced)
        .map(|event| event.name);
    assert_eq!(events.collect::<Vec<_>>(), ["a", "q", "p"], "children before parents");
}

/// The report says who is still cleaning up, and who did not finish in time.
#[test]
fn the_report_of_a_drain_says_who_is_still_at_it_and_who_was_forced() {
    let mut rig = Rig::new(4);
    let report = |rig: &Rig| (rig.s.view().drain().to_string(), rig.s.view().drain().is_clean());
    rig.add(Script::waits().spec("quick"));
    rig.add(stubborn().spec("slow").cleanup_timeout(secs(3)));
    rig.add(stubborn().spec("slowest").cleanup_timeout(secs(5)));
    rig.run_until_idle();
    assert_eq!(report(&rig), ("drained".into(), true));
    rig.s.shutdown(Instant::MAX);
    assert_eq!(report(&rig), ("draining: quick, slow, slowest".into(), false));
    rig.run_until(|rig| rig.elapsed() == secs(3) && rig.is_idle());
    assert_eq!(report(&rig), ("draining: slowest, by force: slow".into(), false));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(report(&rig), ("drained, by force: slow, slowest".into(), false));
}

/// An earlier deadline replaces a later one; a later one changes nothing.
#[test]
fn the_earliest_deadline_counts() {
    for deadlines in [[9, 5, 7], [5, 9, 7], [7, 9, 5]] {
        let mut rig = Rig::new(2);
        let a = rig.add(stubborn().spec("a"));
        rig.run_until_idle();
        for deadline in deadlines {
            rig.s.abort_by(a, Instant::from_secs(deadline)).unwrap();
        }
        rig.s.abort(a).unwrap();
        assert_eq!((rig.run(), rig.elapsed()), (Next::Done, secs(5)));
    }
    // Also between the node's own and the call's.
    for (own, call) in [(3, 8), (8, 3)] {
        let mut rig = Rig::new(2);
        let a = rig.add(stubborn().spec("a").cleanup_timeout(secs(own)));
        rig.run_until_idle();
        rig.s.abort_by(a, Instant::from_secs(call)).unwrap();
        assert_eq!((rig.run(), rig.elapsed()), (Next::Done, secs(3)));
    }
}

/// The deadline wins over an abort that sleeps past it; and one that is past already ends at once.
#[test]
fn a_deadline_wins_over_a_sleep() {
    let mut rig = Rig::new(2);
    let a = rig.add(Script::waits().aborts(&[AbortStep::WaitFor(secs(100))]).spec("a"));
    rig.run_until_idle();
    rig.s.abort_by(a, Instant::from_secs(4)).unwrap();
    assert_eq!((rig.run(), rig.elapsed()), (Next::Done, secs(4)));
    let b = rig.add(stubborn().spec("b"));
    rig.run_until_idle();
    rig.s.abort_by(b, Instant::ZERO).unwrap();
    assert_eq!((rig.run(), rig.elapsed(), rig.state(b)), (Next::Done, secs(4), State::Aborted));
    assert_eq!(rig.world.of("b").aborts, 0);
}

/// A forced end is an end for the parent: a race whose loser had to be forced settles then.
#[test]
fn a_forced_child_lets_its_parent_settle() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::race("p"));
    rig.add_below(p, Script::lines(&[Outcome::Running, Outcome::Success]).spec("winner"));
    rig.add_below(p, stubborn().spec("loser").cleanup_timeout(secs(2)));
    let after = rig.add(Spec::after_success("after", p));
    rig.add_below(after, Script::steps(1).spec("next"));
    assert_eq!((rig.run(), rig.state(p), rig.elapsed()), (Next::Done, State::Success, secs(2)));
    assert_eq!((rig.state(after), forced(&rig)), (State::Success, vec!["loser"]));
}

/// A forced node of a graph blocks what depends on it.
#[test]
fn a_forced_node_blocks_its_dependents() {
    let mut rig = Rig::new(8);
    let g = rig.add(Spec::graph("g"));
    let a = rig.add_below(g, stubborn().spec("a").cleanup_timeout(secs(2)));
    let b = rig.s.add_after(g, Script::steps(1).spec("b"), &[a]).unwrap();
    rig.add_below(g, Script::steps(1).spec("c"));
    rig.run_until_idle();
    rig.s.abort(a).unwrap();
    assert_eq!((rig.run(), rig.state(g)), (Next::Done, State::Failure));
    assert_eq!(rig.status(b), windlass::Status::Blocked);
    assert_eq!(rig.last_state("c"), State::Success);
}

/// A shutdown ends in `Done` by its deadline, whatever the works do, and reports who did not finish.
#[test]
fn a_shutdown_is_done_by_its_deadline() {
    let mut rig = Rig::new(16);
    let tree = |rig: &mut Rig| -> [NodeId; 4] {
        let p = rig.add(parent("p"));
        rig.add_below(p, stubborn().spec("stubborn"));
        rig.add_below(p, Script::fails().spec("retrying").retry(windlass::Retry::A_LOT));
        let g = rig.add(Spec::after("g", p));
        rig.add_below(g, Script::steps(1).spec("never"));
        let busy = rig.add(Script::says(Outcome::Running).on_abort(|_| AbortStep::Running).spec("busy"));
        let paused = rig.add(Script::steps(1).spec("paused").paused());
        [p, g, busy, paused]
    };
    let top = tree(&mut rig);
    for _ in 0..10 {
        rig.step();
    }
    rig.s.shutdown(Instant::from_secs(60));
    assert!(top.iter().all(|id| matches!(rig.state(*id), State::Aborting | State::Aborted)));
    assert_eq!(rig.s.add(Script::steps(1).spec("late")).unwrap_err().error, Error::Aborting);
    // `busy` is cranked in every pass; let it have some, then the deadline.
    for _ in 0..10 {
        rig.step();
    }
    rig.world.now = Instant::from_secs(60);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(forced(&rig), ["p", "stubborn", "busy"]);
    for node in rig.s.nodes().filter(|node| node.state() == State::Aborted) {
        let expected =
            if node.depth() == 0 || node.name() != "" { AbortCause::Shutdown } else { AbortCause::User };
        assert_eq!(node.abort_cause(), Some(expected), "{}", node.name());
        assert_eq!(node.aborted_by(), None);
    }
    assert_eq!(rig.s.metrics().in_state(State::Aborted), rig.s.metrics().nodes);
}

/// A second shutdown with an earlier deadline hurries the first.
#[test]
fn a_second_shutdown_can_hurry_the_first() {
    let mut rig = Rig::new(4);
    rig.add(stubborn().spec("a"));
    rig.run_until_idle();
    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.shutdown(Instant::from_secs(9));
    rig.s.shutdown(Instant::from_secs(5));
    rig.s.shutdown(Instant::MAX);
    assert_eq!((rig.run(), rig.elapsed()), (Next::Done, secs(5)));
}

/// A shutdown of nothing is done at once, and stays so.
#[test]
fn a_shutdown_of_nothing_is_done_at_once() {
    let mut rig = Rig::new(4);
    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.s.next(), Next::Done);
    assert_eq!(rig.s.poll_work_with(Instant::from_secs(1), &mut rig.world), Next::Done);
}

/// A clean-up has an end however it began: a timeout, a failed member, a success that leaves children behind, a retry.
#[test]
fn every_clean_up_of_a_node_is_bounded() {
    let stubborn_child = |rig: &mut Rig, parent| rig.add_below(parent, stubborn().spec("stubborn"));
    // The attempt of a sequence has taken too long.
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").timeout(secs(5)).cleanup_timeout(secs(1)));
    let child = stubborn_child(&mut rig, q);
    rig.run_until(|rig| rig.elapsed() == secs(5) && rig.is_idle());
    assert_eq!(rig.node(q).explain(rig.now()).to_string(), "ending, waiting for stubborn, by force in 1 s");
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.state(child), rig.elapsed()), (State::Failure, State::Aborted, secs(6)));
    assert!(rig.node(child).was_forced() && !rig.node(q).was_forced());
    assert_eq!(rig.node(q).failure().unwrap().reason, Reason::TIMEOUT);

    // A member has failed, and the attempt is made again.
    let mut rig = Rig::new(8);
    let retry = Retry::times(1).constant(secs(10));
    let p = rig.add(Spec::parallel("p").cleanup_timeout(secs(1)).retry(retry));
    let child = stubborn_child(&mut rig, p);
    rig.add_below(p, Script::fails().spec("fails"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(p), rig.state(child), rig.elapsed()), (State::Failure, State::Aborted, secs(12)));

    // A work succeeds and leaves a child behind.
    let mut rig = Rig::new(8);
    let work =
        Script::lines(&[Outcome::WaitFor(secs(1)), Outcome::Success]).spec("w").cleanup_timeout(secs(2));
    let w = rig.add(work);
    let child = stubborn_child(&mut rig, w);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(w), rig.elapsed()), (State::Success, secs(3)));
    assert!(rig.node(child).was_forced());
}

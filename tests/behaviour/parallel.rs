//! Children side by side: how many at once, and what one failure means.

use windlass::{AbortCause, AbortStep, Next, OnFailure, Outcome, Retry, Spec, State, Status};
use windlass_tests::{Rig, Script, WRONG, parent};

/// Never more children at once than the width, and never fewer while there are more to start; they start in the order they were added.
#[test]
fn no_more_children_are_active_than_the_width() {
    for width in [1, 2, 3, 10, u32::MAX] {
        let mut rig = Rig::new(16);
        let p = rig.add(Spec::parallel("p").concurrency(width));
        let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        for (n, name) in names.into_iter().enumerate() {
            rig.add_below(p, Script::steps(n as u32 % 3 + 1).spec(name));
        }
        while rig.s.next() != Next::Done {
            rig.step();
            let started = rig
                .node(p)
                .children()
                .filter(|child| !child.state().is_done() && rig.world.of(child.name()).runs > 0);
            assert!(started.count() <= width as usize);
        }
        let mut first: Vec<_> = rig.world.order();
        let mut seen = Vec::new();
        first.retain(|name| {
            let new = !seen.contains(name);
            seen.push(name);
            new
        });
        assert_eq!(first, names);
        assert_eq!(rig.state(p), State::Success);
        if width == 1 {
            assert!(rig.world.order().is_sorted(), "one after the other");
        }
    }
}

/// A work with children of its own has a width too.
#[test]
fn a_work_keeps_to_a_width_too() {
    let mut rig = Rig::new(16);
    let p = rig.add(parent("p").concurrency(2));
    for name in ["a", "b", "c", "d", "e"] {
        rig.add_below(p, Script::steps(2).spec(name));
    }
    while rig.s.next() != Next::Done {
        rig.step();
        let started = rig.node(p).children().filter(|child| child.state() == State::Running);
        assert!(started.count() <= 2);
    }
    assert_eq!(rig.state(p), State::Success);
    assert_eq!(rig.world.order(), ["a", "b", "p", "a", "b", "c", "d", "p", "c", "d", "e", "p", "e", "p"]);
}

/// A place is free as soon as its child has ended, however that was.
#[test]
fn a_place_is_free_as_soon_as_its_child_has_ended() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p").concurrency(2).on_failure(OnFailure::Ignore));
    let a = rig.add_below(p, Script::says(Outcome::Waiting).spec("a"));
    let b = rig.add_below(p, Script::lines(&[Outcome::Waiting, Outcome::Failure(WRONG)]).spec("b"));
    for name in ["c", "d"] {
        rig.add_below(p, Script::says(Outcome::Waiting).spec(name));
    }
    rig.run_until_idle();
    assert_eq!(rig.world.order(), ["a", "b"]);
    rig.s.abort(a).unwrap();
    rig.run_until_idle();
    assert_eq!(rig.world.order(), ["a", "b", "c"]);
    rig.s.wake(b).unwrap();
    rig.run_until_idle();
    assert_eq!(rig.world.order(), ["a", "b", "c", "b", "d"]);
}

/// A child that waits for a retry lends its place to others, unless the parent is told that it keeps it.
#[test]
fn a_retry_delay_lends_the_place_unless_told_otherwise() {
    let kinds = || [Spec::parallel("p"), Spec::graph("p"), Spec::quorum("p", 3), parent("p")];
    let lent = kinds().map(|spec| (spec.concurrency(1), ["a", "b", "c", "a"]));
    let kept = kinds().map(|spec| (spec.concurrency(1).lend_places(false), ["a", "a", "b", "c"]));
    for (spec, order) in lent.into_iter().chain(kept) {
        let mut rig = Rig::new(8);
        let p = rig.add(spec);
        rig.add_below(
            p,
            Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a").retry(Retry::ONCE),
        );
        rig.add_below(p, Script::steps(1).spec("b"));
        rig.add_below(p, Script::steps(1).spec("c"));
        assert_eq!(rig.run(), Next::Done);
        let mut ran = rig.world.order();
        ran.retain(|name| *name != "p");
        assert_eq!((rig.state(p), ran), (State::Success, order.to_vec()));
    }
}

/// In a sequence, the one place is the order; a setting would have no use.
#[test]
fn a_sequence_lends_nothing() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q"));
    rig.add_below(
        q,
        Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a").retry(Retry::ONCE),
    );
    rig.add_below(q, Script::steps(1).spec("b"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["a", "a", "b"]);
    let refused = rig.s.add(Spec::sequence("q").lend_places(false)).unwrap_err();
    let setting = windlass::Setting::LendPlaces;
    assert_eq!(refused.error, windlass::Error::NoUse { setting, kind: windlass::Kind::Sequence });
}

/// A batch keeps the place of an item that waits for a retry; told to lend it, it takes out another item meanwhile.
#[test]
fn a_batch_lends_only_if_told_to() {
    for (lends, order) in [(false, ["1", "1", "2", "2"]), (true, ["1", "2", "1", "2"])] {
        let mut rig = Rig::new(4);
        let mut items = ["1", "2"].into_iter();
        let batch = Script::yields(move |cx| {
            let Some(name) = items.next() else { return windlass::Generated::Exhausted };
            let act = Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]);
            cx.add_child(act.spec(name).retry(Retry::ONCE)).unwrap();
            windlass::Generated::Added
        });
        let b = batch.batch("b").concurrency(1);
        let b = rig.add(if lends { b.lend_places(true) } else { b });
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(b), rig.world.order()), (State::Success, order.to_vec()));
    }
}

/// A node whose delay is over and whose place is taken is the next to get one.
#[test]
fn a_lent_place_is_given_back_first() {
    let mut rig = Rig::new(8);
    let g = rig.add(Spec::graph("g").concurrency(1));
    let a = rig.add_below(
        g,
        Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a").retry(Retry::ONCE),
    );
    let b = rig.add_below(g, Script::waits().spec("b"));
    rig.add_below(g, Script::steps(1).spec("c"));
    rig.run_until(|rig| rig.world.of("b").runs == 1);
    rig.world.now = windlass::Instant::from_secs(2);
    rig.step();
    assert_eq!(rig.node(a).explain(rig.now()).to_string(), "retry is due, 1 of 1 places taken");
    assert_eq!((rig.status(a), rig.node(a).attempt()), (Status::Waiting, 2));
    rig.s.wake(a).unwrap();
    rig.s.wake(b).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["a", "b", "b", "a", "c"]);
}

/// The same node aborted while it is in that queue.
#[test]
fn a_node_may_be_aborted_while_it_waits_for_its_place() {
    let mut rig = Rig::new(8);
    let g = rig.add(Spec::graph("g").concurrency(1));
    let a = rig.add_below(g, Script::fails().spec("a").retry(Retry::ONCE));
    let b = rig.add_below(g, Script::waits().spec("b"));
    let c = rig.s.add_after(g, Script::steps(1).spec("c"), &[a]).unwrap();
    rig.run_until(|rig| rig.world.of("b").runs == 1);
    rig.world.now = windlass::Instant::from_secs(2);
    rig.step();
    rig.s.abort(a).unwrap();
    rig.run_until(|rig| rig.state(a) == State::Aborted);
    assert_eq!((rig.status(c), rig.world.of("a").aborts), (Status::Blocked, 1));
    rig.s.wake(b).unwrap();
    assert_eq!((rig.run(), rig.state(g)), (Next::Done, State::Failure));
}

/// What a failure means: stop (abort the others, then fail), finish (let them, then fail), ignore (let them, then succeed).
#[test]
fn a_failure_stops_the_others_or_lets_them_finish_or_is_ignored() {
    for (policy, state, ran) in [
        (OnFailure::Stop, State::Failure, 2),
        (OnFailure::Finish, State::Failure, 6),
        (OnFailure::Ignore, State::Success, 6),
    ] {
        let mut rig = Rig::new(8);
        let p = rig.add(Spec::parallel("p").on_failure(policy).concurrency(3));
        rig.add_below(p, Script::lines(&[Outcome::Running, Outcome::Failure(WRONG)]).spec("bad"));
        for name in ["x", "y", "z"] {
            rig.add_below(p, Script::steps(6).spec(name));
        }
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(p), state, "{policy:?}");
        // In a pass in which `bad` fails, nobody else has a turn any more.
        assert_eq!(rig.world.of("x").runs, if policy == OnFailure::Stop { 1 } else { ran });
        assert_eq!(rig.world.of("z").runs, if policy == OnFailure::Stop { 0 } else { 6 });
        let failed = rig.node(p).failure().map(|failure| failure.reason);
        assert_eq!(failed, (state == State::Failure).then_some(WRONG));
        let c = rig.world.of("x");
        assert_eq!((c.aborts, c.successes), if policy == OnFailure::Stop { (1, 0) } else { (0, 1) });
    }
}

/// All fail, and it is ignored; all are aborted, and it is ignored too.
#[test]
fn all_failures_and_aborts_can_be_ignored() {
    for abort in [false, true] {
        let mut rig = Rig::new(8);
        let p = rig.add(Spec::parallel("p").on_failure(OnFailure::Ignore));
        let act = || if abort { Script::waits() } else { Script::fails() };
        let ids = ["x", "y", "z"].map(|name| rig.add_below(p, act().spec(name)));
        rig.run_until_idle();
        if abort {
            for id in ids {
                rig.s.abort(id).unwrap();
            }
        }
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(p), rig.node(p).failure()), (State::Success, None));
    }
}

/// An empty composite: done when all of nothing is.
#[test]
fn an_empty_composite_is_done_when_all_of_nothing_is() {
    let mut rig = Rig::new(8);
    for (spec, state) in [
        (Spec::parallel("p"), State::Success),
        (Spec::sequence("q"), State::Success),
        (Spec::graph("g"), State::Success),
        (Spec::any("any"), State::Failure),
        (Spec::race("race"), State::Failure),
        (Spec::quorum("none", 0), State::Success),
    ] {
        let name = spec.name();
        let id = rig.add(spec);
        assert_eq!((rig.run(), rig.state(id)), (Next::Done, state), "{name}");
    }
}

/// The children that a failing parallel aborts have all drained before it fails, and say why they were aborted and by whom.
#[test]
fn the_others_drain_before_a_parallel_fails() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p"));
    let slow =
        rig.add_below(p, Script::waits().aborts(&[AbortStep::Running, AbortStep::Waiting]).spec("slow"));
    rig.add_below(p, Script::lines(&[Outcome::Running, Outcome::Failure(WRONG)]).spec("bad"));
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!((rig.state(p), rig.state(slow)), (State::Running, State::Aborting));
    assert_eq!(rig.node(p).explain(rig.now()).to_string(), "ending, waiting for slow");
    assert_eq!(rig.node(slow).abort_cause(), Some(AbortCause::ParentFailed));
    assert_eq!(rig.node(slow).aborted_by(), Some(p));
    let late = rig.s.add_below(p, Script::steps(1).spec("late")).unwrap_err();
    assert_eq!(late.error, windlass::Error::Ended);
    rig.s.wake(slow).unwrap();
    assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Failure));
}

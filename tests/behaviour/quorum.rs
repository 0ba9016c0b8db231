//! Any, quorum and race: ends that do not need everybody, and the losers.

use std::time::Duration;

use windlass::{AbortCause, AbortStep, Next, NodeId, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Rig, Script, WRONG};

/// Children that end after so many steps, well or badly.
fn fill(rig: &mut Rig, p: NodeId, children: &[(&'static str, u32, bool)]) {
    for (name, steps, well) in children {
        let last = if *well { Outcome::Success } else { Outcome::Failure(WRONG) };
        let script: Vec<_> = (1..*steps).map(|_| Outcome::Running).chain([last]).collect();
        rig.add_below(p, Script::lines(&script).aborts(&[AbortStep::Running]).spec(name));
    }
}

/// Any succeeds with the first success, fails when all have failed.
#[test]
fn any_succeeds_with_the_first_success() {
    let mut rig = Rig::new(16);
    let p = rig.add(Spec::any("any"));
    fill(&mut rig, p, &[("a", 1, false), ("b", 3, true), ("c", 9, true)]);
    let q = rig.add(Spec::any("none"));
    fill(&mut rig, q, &[("x", 1, false), ("y", 3, false)]);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(p), rig.node(p).failure()), (State::Success, None));
    assert_eq!(
        ["a", "b", "c"].map(|name| rig.last_state(name)),
        [State::Failure, State::Success, State::Aborted]
    );
    assert_eq!(rig.state(q), State::Failure);
    let failure = rig.node(q).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (Reason::NO_QUORUM, rig.find("x").unwrap().id()));
}

/// A quorum of k of five is reached with the k-th success; the rest is aborted as losers and drained before.
#[test]
fn a_quorum_is_reached_with_the_last_success_it_needs() {
    for k in 1..=4 {
        let mut rig = Rig::new(8);
        let p = rig.add(Spec::quorum("q", k));
        fill(&mut rig, p, &[("1", 2, true), ("2", 3, true), ("3", 4, true), ("4", 5, true), ("5", 50, true)]);
        rig.run_until(|rig| rig.node(p).child_counts().succeeded == k);
        assert_eq!(rig.state(p), State::Running, "the losers drain first");
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(p), State::Success);
        for name in ["1", "2", "3", "4", "5"] {
            let node = rig.find(name).unwrap();
            let won = name.parse::<u32>().unwrap() <= k;
            assert_eq!(node.state(), if won { State::Success } else { State::Aborted });
            assert_eq!(node.abort_cause(), (!won).then_some(AbortCause::SiblingWon));
            assert_eq!(node.aborted_by(), (!won).then_some(p));
            assert_eq!(rig.world.of(name).aborts, if won { 0 } else { 2 });
        }
    }
}

/// A quorum fails as soon as it is out of reach, not later; a child that was aborted by itself counts as failed.
#[test]
fn a_quorum_fails_as_soon_as_it_is_out_of_reach() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::quorum("q", 3));
    fill(&mut rig, p, &[("1", 1, true), ("2", 2, false), ("3", 90, true), ("4", 90, true)]);
    rig.run_until(|rig| rig.node(p).child_counts().failed == 1);
    assert_eq!(rig.state(p), State::Running);
    let third = rig.find("3").unwrap().id();
    rig.s.abort(third).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(p), State::Failure);
    let failure = rig.node(p).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (Reason::NO_QUORUM, rig.find("2").unwrap().id()));
    assert_eq!(rig.find("4").unwrap().abort_cause(), Some(AbortCause::ParentFailed));
    assert!(rig.world.of("4").runs < 10);
}

/// More than there are: out of reach before anything starts. None: reached before anything starts.
#[test]
fn a_quorum_of_too_many_fails_and_one_of_none_succeeds() {
    for (needed, state, cause) in
        [(3, State::Failure, AbortCause::ParentFailed), (0, State::Success, AbortCause::SiblingWon)]
    {
        let mut rig = Rig::new(8);
        let p = rig.add(Spec::quorum("q", needed));
        fill(&mut rig, p, &[("1", 1, true), ("2", 2, true)]);
        assert_eq!((rig.run(), rig.state(p), rig.cranks()), (Next::Done, state, 0));
        for child in rig.node(p).children() {
            assert_eq!((child.state(), child.abort_cause()), (State::Aborted, Some(cause)));
        }
    }
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::quorum("q", u32::MAX));
    fill(&mut rig, p, &[("1", 1, true)]);
    assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Failure));
}

/// A retry of a quorum runs everybody again.
#[test]
fn a_retry_of_a_quorum_runs_everybody_again() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::quorum("q", 2).retry(Retry::ONCE));
    rig.add_below(p, Script::steps(1).spec("good"));
    rig.add_below(p, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("second time"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(p), rig.elapsed()), (State::Success, Duration::from_secs(1)));
    assert_eq!((rig.world.of("good").runs, rig.node(p).failure()), (2, None));
}

/// Width and quorum: losers that never had a place are aborted without a run.
#[test]
fn losers_without_a_place_are_aborted_without_a_run() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::quorum("q", 2).concurrency(2));
    fill(&mut rig, p, &[("1", 1, false), ("2", 1, true), ("3", 1, true), ("4", 1, true)]);
    assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Success));
    assert_eq!(["1", "2", "3", "4"].map(|name| rig.world.of(name).runs), [1, 1, 1, 0]);
}

/// A race: the first to end decides, whichever way.
#[test]
fn the_first_end_decides_a_race() {
    for well in [true, false] {
        let mut rig = Rig::new(8);
        let p = rig.add(Spec::race("race"));
        fill(&mut rig, p, &[("slow", 9, !well), ("fast", 2, well), ("late", 9, true)]);
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(p), if well { State::Success } else { State::Failure });
        let fast = rig.find("fast").unwrap().id();
        assert_eq!(rig.node(p).failure().map(|failure| failure.origin), (!well).then_some(fast));
        for name in ["slow", "late"] {
            let node = rig.find(name).unwrap();
            assert_eq!(node.state(), State::Aborted);
            assert_eq!(
                node.abort_cause(),
                Some(if well { AbortCause::SiblingWon } else { AbortCause::ParentFailed })
            );
            assert_eq!(rig.world.of(name).aborts, 2, "drained");
        }
    }
}

/// A racer that retries has not ended; one that sleeps can be beaten.
#[test]
fn a_retry_is_no_end_in_a_race() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::race("race"));
    rig.add_below(
        p,
        Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("retries").retry(Retry::ONCE),
    );
    rig.add_below(
        p,
        Script::lines(&[Outcome::WaitFor(Duration::from_secs(2)), Outcome::Success]).spec("sleeps"),
    );
    assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Success));
    assert_eq!(rig.elapsed(), Duration::from_secs(1));
    assert_eq!(rig.last_state("sleeps"), State::Aborted);
}

/// Two racers that end in one pass: the first in order wins, always the same.
#[test]
fn the_first_in_order_wins_a_dead_heat() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::race("race"));
    fill(&mut rig, p, &[("first", 2, true), ("second", 2, false)]);
    assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Success));
    assert_eq!(rig.world.order(), ["first", "second", "first"]);
}

/// The losers drain before the parent settles, however long that takes, and the winner's work is not undone by it.
#[test]
fn losers_drain_before_the_parent_settles() {
    for spec in [Spec::race("p"), Spec::any("p"), Spec::quorum("p", 1)] {
        let mut rig = Rig::new(8);
        let q = rig.add(Spec::sequence("above"));
        let p = rig.add_below(q, spec);
        rig.add_below(q, Script::steps(1).spec("next"));
        rig.add_below(p, Script::lines(&[Outcome::Running, Outcome::Success]).spec("winner"));
        let loser = Script::waits().aborts(&[AbortStep::WaitFor(Duration::from_secs(7)), AbortStep::Running]);
        rig.add_below(p, loser.spec("loser"));
        rig.run_until_idle();
        assert_eq!((rig.state(p), rig.last_state("winner")), (State::Running, State::Success));
        assert_eq!(rig.world.of("next").runs, 0);
        assert_eq!((rig.run(), rig.state(q)), (Next::Done, State::Success));
        assert_eq!((rig.elapsed(), rig.world.of("loser").aborts), (Duration::from_secs(7), 3));
    }
}

/// Aborting the composite while its losers drain: it is aborted, not successful, once they are done.
#[test]
fn an_abort_while_the_losers_drain_wins() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::race("p"));
    rig.add_below(p, Script::lines(&[Outcome::Running, Outcome::Success]).spec("winner"));
    let loser = rig.add_below(p, Script::waits().aborts(&[AbortStep::Waiting]).spec("loser"));
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.abort(p).unwrap();
    rig.s.wake(loser).unwrap();
    assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Aborted));
    assert_eq!(rig.node(loser).abort_cause(), Some(AbortCause::SiblingWon), "the first cause stays");
}

//! Why something failed, and where it began, through several levels.

use windlass::{AbortStep, EventKind, Next, OnFailure, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Rig, Script, WRONG, parent};

/// The reason and the origin of the innermost failure arrive at the top, through composites and works alike.
#[test]
fn a_failure_keeps_its_reason_and_origin() {
    let mut rig = Rig::new(16);
    let top = rig.add(Spec::sequence("top"));
    let p = rig.add_below(top, parent("p"));
    let par = rig.add_below(p, Spec::parallel("parallel"));
    let any = rig.add_below(par, Spec::graph("graph"));
    let reason = Reason::new("disk full").with_code(28);
    let a = rig.add_below(any, Script::says(Outcome::Failure(reason)).spec("a"));
    rig.add_below(par, Script::waits().aborts(&[AbortStep::Running]).spec("sibling"));
    assert_eq!(rig.run(), Next::Done);
    for id in [top, p, par, any, a] {
        let Ok(node) = rig.s.node(id) else { continue };
        let failure = node.failure().unwrap();
        assert_eq!((failure.reason, failure.origin), (reason, a), "{}", node.name());
    }
    assert_eq!(rig.node(top).explain(rig.now()).to_string(), "failed: disk full (28) at a");
    assert_eq!(rig.node(a).explain(rig.now()).to_string(), "failed: disk full (28)");
    let told = rig
        .s
        .observer()
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Failed(f) if f.origin == a));
    assert_eq!(told.map(|event| event.name).collect::<Vec<_>>(), ["a", "graph", "parallel", "p", "top"]);
}

/// A work may give a reason of its own instead; then it is the origin.
#[test]
fn a_parent_may_give_a_reason_of_its_own() {
    let own = Reason::new("no mirror left");
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(move |cx| {
            let children = cx.children();
            if children.any_failed() {
                assert_eq!(cx.failure().unwrap().reason, WRONG);
                return Outcome::Failure(own);
            }
            children.outcome()
        })
        .spec("p"),
    );
    rig.add_below(p, Script::fails().spec("a"));
    assert_eq!(rig.run(), Next::Done);
    let failure = rig.node(p).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (own, p));
}

/// The first failure counts where others follow.
#[test]
fn the_first_failure_counts() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p").on_failure(OnFailure::Finish));
    let b = Script::says(Outcome::Failure(Reason::new("second")));
    rig.add_below(p, Script::lines(&[Outcome::Running, Outcome::Failure(Reason::new("third"))]).spec("c"));
    let a = rig.add_below(p, Script::fails().spec("a"));
    rig.add_below(p, b.spec("b"));
    assert_eq!(rig.run(), Next::Done);
    let failure = rig.node(p).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (WRONG, a));
}

/// Each attempt has its own failure: the last one is told, and none after a success.
#[test]
fn each_attempt_has_its_own_failure() {
    let reasons = [Reason::new("first"), Reason::new("second"), Reason::new("third")];
    for spec in [Spec::sequence("p"), Spec::parallel("p"), Spec::graph("p"), Spec::race("p")] {
        let mut rig = Rig::new(8);
        let p = rig.add(spec.retry(Retry::times(2)));
        let a = rig.add_below(p, Script::lines(&reasons.map(Outcome::Failure)).spec("a"));
        for (attempt, reason) in reasons.into_iter().enumerate() {
            rig.run_until(|rig| rig.world.of("a").runs as usize == attempt + 1);
            let failure = rig.node(p).failure().unwrap();
            assert_eq!((failure.reason, failure.origin), (reason, a), "visible during the delay");
        }
        assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Failure));
        let told: Vec<_> = rig.s.observer().events.iter().filter(|event| event.node == p).collect();
        let retries = told.iter().filter_map(|event| match event.kind {
            EventKind::Retry { failure, .. } | EventKind::Failed(failure) => Some(failure.reason),
            _ => None,
        });
        assert_eq!(retries.collect::<Vec<_>>(), reasons);
    }
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::sequence("p").retry(Retry::ONCE));
    rig.add_below(p, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a"));
    assert_eq!((rig.run(), rig.state(p), rig.node(p).failure()), (Next::Done, State::Success, None));
}

/// A member aborted during the composite's retry delay is the next attempt's failure.
#[test]
fn an_abort_during_the_delay_belongs_to_the_next_attempt() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::sequence("p").retry(Retry::ONCE));
    rig.add_below(p, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a"));
    let b = rig.add_below(p, Script::steps(1).spec("b"));
    rig.run_until_idle();
    rig.s.abort(b).unwrap();
    assert_eq!((rig.run(), rig.state(p)), (Next::Done, State::Failure));
    let failure = rig.node(p).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (Reason::CHILD_ABORTED, b));
}

/// An aborted child below an aborted child: who was aborted first by somebody else is the origin.
#[test]
fn an_aborted_child_is_the_origin() {
    let mut rig = Rig::new(8);
    let top = rig.add(Spec::sequence("top"));
    let q = rig.add_below(top, Spec::parallel("q"));
    let a = rig.add_below(q, Script::waits().spec("a"));
    rig.add_below(q, Script::waits().spec("b"));
    rig.run_until_idle();
    rig.s.abort(a).unwrap();
    assert_eq!((rig.run(), rig.state(top)), (Next::Done, State::Failure));
    let failure = rig.node(top).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (Reason::CHILD_ABORTED, a));
    assert_eq!(rig.node(top).explain(rig.now()).to_string(), "failed: child aborted at a");
}

/// The origin's slot may be gone: the id is still told.
#[test]
fn an_origin_that_is_gone_is_still_told() {
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(|cx| {
            if cx.children().all_done() { Outcome::Failure(Reason::CHILD_FAILED) } else { Outcome::Running }
        })
        .spec("p"),
    );
    let a = rig.add_below(p, Script::fails().spec("a"));
    rig.add_below(p, Script::steps(3).spec("b"));
    assert_eq!(rig.run(), Next::Done);
    let failure = rig.node(p).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (WRONG, a));
    assert_eq!(rig.node(p).explain(rig.now()).to_string(), format!("failed: wrong at {a}"));
}

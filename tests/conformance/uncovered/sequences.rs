//! Sequences: going on after a failure, and sequences within sequences.

use windlass::{Next, OnFailure, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Rig, Script, WRONG};

/// A sequence that goes on after a failure runs every member, and fails at the end if one has.
#[test]
fn that_goes_on_after_a_failure() {
    for failing in [&["a"][..], &["b"], &["c"], &["a", "c"], &[]] {
        let mut rig = Rig::new(8);
        let q = rig.add(Spec::sequence("q").on_failure(OnFailure::Finish));
        for name in ["a", "b", "c"] {
            let act = if failing.contains(&name) { Script::fails() } else { Script::steps(2) };
            rig.add_child(q, act.spec(name));
        }
        assert_eq!(rig.run(), Next::Done);
        let expected: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .flat_map(|name| vec![name; if failing.contains(&name) { 1 } else { 2 }])
            .collect();
        assert_eq!(rig.world.order(), expected);
        let state = if failing.is_empty() { State::Success } else { State::Failure };
        assert_eq!(rig.state(q), state);
        let origin = rig.node(q).failure().map(|failure| failure.origin);
        assert_eq!(
            origin,
            failing.first().map(|name| rig.find(name).unwrap().id()),
            "the first failure counts"
        );
    }
}

/// It goes on after an aborted member too, and that counts as a failure.
#[test]
fn that_goes_on_after_an_abort() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").on_failure(OnFailure::Finish));
    let a = rig.add_child(q, Script::waits().spec("a"));
    let b = rig.add_child(q, Script::steps(1).spec("b"));
    rig.add_child(q, Script::steps(1).spec("c"));
    rig.run_until_idle();
    rig.s.abort(b).unwrap();
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.last_state("c")), (State::Failure, State::Success));
    assert_eq!(rig.node(q).failure().unwrap().reason, Reason::CHILD_ABORTED);
}

/// A retry of such a sequence runs all members again.
#[test]
fn that_goes_on_and_retries() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").on_failure(OnFailure::Finish).retry(Retry::ONCE));
    rig.add_child(q, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a"));
    rig.add_child(q, Script::steps(1).spec("b"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(q), State::Success);
    assert_eq!(rig.world.order(), ["a", "b", "a", "b"]);
    assert_eq!(rig.node(q).failure(), None);
}

/// A sequence inside a sequence is one member; its retries happen inside, and attempts multiply.
#[test]
fn inside_a_sequence() {
    let mut rig = Rig::new(16);
    let outer = rig.add(Spec::sequence("outer").retry(Retry::ONCE));
    rig.add_child(outer, Script::steps(1).spec("first"));
    let inner = rig.add_child(outer, Spec::sequence("inner").retry(Retry::times(2)));
    rig.add_child(inner, Script::steps(1).spec("second"));
    rig.add_child(inner, Script::fails().spec("third").retry(Retry::ONCE));
    rig.add_child(outer, Script::steps(1).spec("fourth"));
    assert_eq!(rig.run(), Next::Done);
    let runs = ["first", "second", "third", "fourth"].map(|name| rig.world.of(name).runs);
    assert_eq!(runs, [2, 2 * 3, 2 * 3 * 2, 0]);
    assert_eq!((rig.state(outer), rig.state(inner)), (State::Failure, State::Failure));
    let third = rig.find("third").unwrap().id();
    assert_eq!(rig.node(outer).failure().unwrap().origin, third);
}

/// The order is that of the tree, however deep.
#[test]
fn nested_in_order() {
    let mut rig = Rig::new(32);
    let q = rig.add(Spec::sequence("q"));
    let r = rig.add_child(q, Spec::sequence("r"));
    rig.add_child(q, Script::steps(1).spec("6"));
    let s = rig.add_child(r, Spec::sequence("s"));
    rig.add_child(r, Script::steps(2).spec("4"));
    for name in ["1", "2", "3"] {
        rig.add_child(s, Script::steps(1).spec(name));
    }
    rig.add_child(r, Script::steps(1).spec("5"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["1", "2", "3", "4", "4", "5", "6"]);
    assert_eq!(rig.cranks(), 7);
}

/// The waits of a member make every sequence above wait, and its wake wakes them all.
#[test]
fn nested_waits() {
    use windlass::Status;
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let r = rig.add_child(q, Spec::sequence("r"));
    let a = rig.add_child(r, Script::waits().spec("a"));
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!([q, r, a].map(|id| rig.status(id)), [Status::Waiting; 3]);
    rig.s.wake(a).unwrap();
    assert_eq!([q, r, a].map(|id| rig.status(id)), [Status::Running; 3]);
    assert_eq!(rig.run(), Next::Done);
}

/// Members may be added while it runs, by the last of them too.
#[test]
fn that_grows_while_it_runs() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let mut left = 3;
    let act = Script::steps(1).on_hook(move |hook, cx| {
        if hook == windlass_tests::Hook::Success && left > 0 {
            left -= 1;
            cx.add(q, Script::steps(1).spec("more")).unwrap();
        }
    });
    rig.add_child(q, act.spec("a"));
    rig.run_until(|rig| rig.world.of("more").runs == 1);
    rig.s.add_child(q, Script::steps(1).spec("late")).unwrap_err();
    assert_eq!((rig.run(), rig.state(q)), (Next::Done, State::Success));
}

//! Callbacks: asked once, and the answer is the end. And running one work to its end beside others.

use windlass::{Check, Error, Next, Outcome, Reason, Retry, State};
use windlass_tests::{Rig, Script, WRONG};

/// True, false and error.
#[test]
fn the_answer_is_the_end() {
    for (answer, state, reason) in [
        (Check::Yes, State::Success, None),
        (Check::No, State::Failure, Some(Reason::REFUSED)),
        (Check::Fail(WRONG), State::Failure, Some(WRONG)),
    ] {
        let mut rig = Rig::new(1);
        let c = rig.add(Script::asks(move |_| answer).callback("c"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(c), rig.world.of("c").asked), (state, 1));
        assert_eq!(rig.node(c).failure().map(|failure| failure.reason), reason);
        let c = rig.world.of("c");
        assert_eq!((c.successes, c.failures), (u32::from(reason.is_none()), u32::from(reason.is_some())));
    }
}

/// With a budget it is asked once in each attempt.
#[test]
fn a_retry_asks_again() {
    let mut rig = Rig::new(1);
    let mut answers = [Check::No, Check::Fail(WRONG), Check::Yes].into_iter();
    let c = rig.add(Script::asks(move |_| answers.next().unwrap()).callback("c").retry(Retry::A_FEW));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(c), rig.node(c).attempt(), rig.world.of("c").asked), (State::Success, 3, 3));
}

/// It takes no children, and reaches the application.
#[test]
fn it_is_a_leaf() {
    let mut rig = Rig::new(4);
    let c = rig.add(
        Script::asks(|cx| {
            assert_eq!(cx.add_child(Script::steps(1).spec("x")).unwrap_err().error, Error::WrongKind);
            Check::from(cx.app().of("before").runs == 3)
        })
        .callback("c"),
    );
    let refused = rig.s.add_child(c, Script::steps(1).spec("x")).unwrap_err();
    assert_eq!(refused.error, Error::WrongKind);
    rig.world.note("before", windlass_tests::Hook::Run, State::Running);
    rig.world.note("before", windlass_tests::Hook::Run, State::Running);
    rig.world.note("before", windlass_tests::Hook::Run, State::Running);
    assert_eq!((rig.run(), rig.state(c)), (Next::Done, State::Success));
}

/// An abort asked for by the callback itself wins over its answer.
#[test]
fn it_may_abort_itself() {
    let mut rig = Rig::new(1);
    let c = rig.add(
        Script::asks(|cx| {
            let own = cx.id();
            cx.abort(own).unwrap();
            Check::Yes
        })
        .callback("c"),
    );
    assert_eq!((rig.run(), rig.state(c)), (Next::Done, State::Aborted));
    assert_eq!(rig.world.of("c").successes, 0);
}

/// Running one work to its end: others make progress meanwhile, and need not have ended.
#[test]
fn one_work_to_its_end_beside_others() {
    let mut rig = Rig::new(4);
    rig.add(Script::says(Outcome::Running).spec("endless"));
    rig.add(Script::steps(2).spec("short"));
    let a = rig.add(Script::steps(10).spec("a"));
    rig.run_until(|rig| rig.state(a).is_done());
    assert_eq!(rig.state(a), State::Success);
    assert_eq!((rig.world.of("endless").runs, rig.world.of("short").runs), (10, 2));
    assert_eq!(rig.s.next(), Next::Now);
}

/// After a shutdown there is nothing to run to its end: the work is refused and comes back. (The reference dereferences null.)
#[test]
fn a_work_after_the_shutdown() {
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

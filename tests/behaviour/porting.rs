//! What somebody who ports works from stellar-core has to know: the lines of `docs/stellar-core.md`, which names each test here.

use windlass::{Next, Outcome, Retry, Spec, State};
use windlass_tests::{Hook, Rig, Script, WRONG};

/// The same with a work that adds its children, and with a composite; with a failure while the other child is in the table, and after it has been freed.
#[test]
fn a_parent_that_is_tried_again_does_not_reset_its_children() {
    for of_a_work in [false, true] {
        for steps in [1, 2, 5] {
            let mut rig = Rig::new(4);
            let b = move || {
                Script::new(move |cx| match cx.app().of("b").runs {
                    runs if runs == steps => Outcome::Failure(WRONG),
                    runs if runs == 2 * steps => Outcome::Success,
                    _ => Outcome::Running,
                })
                .spec("b")
            };
            let p = if of_a_work {
                let p = Script::new(move |cx| {
                    if cx.children().total() == 0 {
                        cx.add_child(Script::steps(1).spec("a")).unwrap();
                        cx.add_child(b()).unwrap();
                    }
                    cx.children().outcome()
                });
                rig.add(p.spec("p").retry(Retry::ONCE))
            } else {
                let p = rig.add(Spec::parallel("p").retry(Retry::ONCE));
                rig.add_below(p, Script::steps(1).spec("a"));
                rig.add_below(p, b());
                p
            };
            rig.run_until(|rig| rig.node(p).state() == State::Waiting && rig.is_idle());
            // One reset for the start, and one for the failed attempt.
            assert_eq!((rig.world.of("a").resets, rig.world.of("b").resets), (1, 2));
            assert_eq!(rig.run(), Next::Done);
            assert_eq!((rig.state(p), rig.world.of("b").runs), (State::Success, 2 * steps));
            // Each is reset once more, when it starts again.
            assert_eq!((rig.world.of("a").resets, rig.world.of("b").resets), (2, 3));
        }
    }
}

#[test]
fn a_restart_does_not_reset_the_children_before_they_start_again() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q"));
    rig.add_below(q, Script::waits().spec("a"));
    rig.add_below(q, Script::steps(1).spec("b"));
    assert_eq!(rig.run(), Next::OnWake);
    let a = rig.find("a").unwrap().id();
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(q).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!((rig.world.of("a").resets, rig.world.of("b").resets), (2, 1), "b has not started again yet");
}

#[test]
fn a_reset_comes_before_each_start_and_after_each_failed_attempt_and_abort() {
    use Hook::{Abort, Raise, Reset, Retry as Tried, Run, Success};
    let mut rig = Rig::new(1);
    let says = [Outcome::Failure(WRONG), Outcome::Failure(WRONG), Outcome::Waiting, Outcome::Success];
    let a = rig.add(Script::lines(&says).spec("a").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(a).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    let hooks: Vec<_> = rig.world.hooks_of("a").into_iter().map(|(hook, _)| hook).collect();
    let lives: [&[_]; 3] =
        [&[Reset, Run, Tried, Reset, Run, Raise, Reset], &[Reset, Run, Abort, Reset], &[Reset, Run, Success]];
    assert_eq!(hooks, lives.concat());
}

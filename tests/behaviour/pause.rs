//! Pause and resume: nothing below a paused node is cranked, and nothing that happens meanwhile is lost.

use windlass::{Error, EventKind, Instant, Next, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Rig, Script, WRONG, parent, secs};

/// A paused node and all below it stand still; its siblings go on.
#[test]
fn a_paused_subtree_stands_still() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("p"));
    rig.add_below(p, Script::steps(4).spec("a"));
    rig.add(Script::steps(10).spec("other"));
    rig.run_until(|rig| rig.world.of("a").runs == 2);
    rig.s.pause(p).unwrap();
    rig.s.pause(p).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!((rig.world.of("a").runs, rig.last_state("other")), (2, State::Success));
    assert!(rig.node(p).is_paused());
    let a = rig.find("a").unwrap();
    assert!(!a.is_paused());
    assert_eq!(
        (a.explain(rig.now()).to_string(), rig.node(p).explain(rig.now()).to_string()),
        ("paused with p".into(), "paused".into())
    );
    rig.s.resume(p).unwrap();
    rig.s.resume(p).unwrap();
    assert_eq!((rig.run(), rig.world.of("a").runs), (Next::Done, 4));
    let paused = rig.s.observer().events.iter().filter(|event| matches!(event.kind, EventKind::Paused(_)));
    assert_eq!(paused.count(), 2, "asking twice is asking once");
}

/// A node may be added paused: it does not start.
#[test]
fn a_node_added_paused_does_not_start() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").paused());
    rig.add_below(q, Script::steps(1).spec("a"));
    assert_eq!((rig.run(), rig.cranks(), rig.state(q)), (Next::OnWake, 0, State::Pending));
    rig.s.resume(q).unwrap();
    assert_eq!((rig.run(), rig.state(q)), (Next::Done, State::Success));
}

/// Timers go on during a pause: a sleep that ends then is over at the resume, a retry is due, a timeout has struck.
#[test]
fn timers_go_on_during_a_pause() {
    let mut rig = Rig::new(8);
    let sleeper = rig.add(Script::lines(&[Outcome::WaitFor(secs(5)), Outcome::Success]).spec("sleeper"));
    let retrier = rig
        .add(Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("retrier").retry(Retry::ONCE));
    let timer = rig.add(Script::says(Outcome::Waiting).spec("timer").timeout(secs(3)));
    let long = rig.add(Script::lines(&[Outcome::WaitFor(secs(50)), Outcome::Success]).spec("long"));
    rig.run_until_idle();
    let all = [sleeper, retrier, timer, long];
    for id in all {
        rig.s.pause(id).unwrap();
    }
    rig.run_until(|rig| rig.elapsed() >= secs(5));
    assert_eq!(rig.s.next(), Next::At(Instant::from_secs(50)));
    assert_eq!(rig.cranks(), 4, "nothing was cranked");
    assert_eq!(rig.node(retrier).attempt(), 2);
    for id in all {
        assert!(!rig.state(id).is_done());
        rig.s.resume(id).unwrap();
    }
    assert_eq!((rig.run(), rig.elapsed()), (Next::Done, secs(50)));
    assert_eq!([sleeper, retrier, long].map(|id| rig.state(id)), [State::Success; 3]);
    assert_eq!(rig.node(timer).failure().unwrap().reason, Reason::TIMEOUT);
    assert_eq!(rig.world.of("timer").runs, 1);
}

/// A wake during the pause is remembered.
#[test]
fn a_wake_during_a_pause_is_remembered() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::waits().spec("a"));
    let handle = rig.s.wake_handle(a).unwrap();
    rig.run_until_idle();
    rig.s.pause(a).unwrap();
    handle.wake();
    assert_eq!((rig.run(), rig.cranks()), (Next::OnWake, 1));
    rig.s.resume(a).unwrap();
    assert_eq!((rig.run(), rig.state(a)), (Next::Done, State::Success));
}

/// An abort lifts the pause, of the node and of what is below it.
#[test]
fn an_abort_lifts_the_pause() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p"));
    let a = rig.add_below(p, Script::waits().spec("a"));
    let b = rig.add_below(p, Script::steps(1).spec("b").paused());
    rig.run_until_idle();
    rig.s.pause(a).unwrap();
    rig.s.pause(p).unwrap();
    rig.s.abort(p).unwrap();
    assert_eq!(rig.s.pause(a), Err(Error::WrongState(State::Aborting)));
    assert_eq!(rig.run(), Next::Done);
    for id in [p, a, b] {
        assert_eq!((rig.state(id), rig.node(id).is_paused()), (State::Aborted, false));
    }
    assert_eq!((rig.world.of("a").aborts, rig.world.of("b").aborts), (1, 0));
}

/// An ended node can be neither paused nor resumed.
#[test]
fn what_has_ended_can_be_neither_paused_nor_resumed() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::steps(1).spec("a"));
    let _ = rig.run();
    assert_eq!(rig.s.pause(a), Err(Error::WrongState(State::Success)));
    assert_eq!(rig.s.resume(a), Err(Error::WrongState(State::Success)));
}

/// A work may pause itself, and be resumed by a sibling.
#[test]
fn a_work_may_pause_itself() {
    let mut rig = Rig::new(4);
    let mut runs = 0;
    let a = rig.add(
        Script::new(move |cx| {
            runs += 1;
            if runs == 2 {
                return Outcome::Success;
            }
            let own = cx.id();
            cx.pause(own).unwrap();
            Outcome::Running
        })
        .spec("a"),
    );
    assert_eq!((rig.run(), rig.world.of("a").runs), (Next::OnWake, 1));
    rig.add(
        Script::new(move |cx| {
            cx.resume(a).unwrap();
            Outcome::Success
        })
        .spec("b"),
    );
    assert_eq!((rig.run(), rig.state(a)), (Next::Done, State::Success));
}

/// A paused member holds its place: a sequence waits for it.
#[test]
fn a_paused_member_holds_its_place() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let a = rig.add_below(q, Script::steps(1).spec("a").paused());
    rig.add_below(q, Script::steps(1).spec("b"));
    assert_eq!((rig.run(), rig.cranks()), (Next::OnWake, 0));
    rig.s.resume(a).unwrap();
    assert_eq!((rig.run(), rig.world.order()), (Next::Done, vec!["a", "b"]));
}

//! Gates: what the child behind them does, what opens them, and what keeps them shut for good.

use std::time::Duration;

use windlass::{Check, Error, Instant, Next, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Any, Rig, Script, WRONG, parent};

/// The predicate is asked at each interval until it says yes, and never again.
#[test]
fn a_predicate_is_asked_until_it_says_yes() {
    let mut rig = Rig::new(4);
    let mut asked = 0;
    let g = rig.add(
        Script::asks(move |_| {
            asked += 1;
            assert!(asked <= 4, "asked after its yes");
            Check::from(asked == 4)
        })
        .gate("g")
        .poll_every(Duration::from_secs(3)),
    );
    rig.add_child(g, Script::steps(5).spec("inner"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.elapsed(), rig.world.of("g").asked), (Duration::from_secs(9), 4));
    assert_eq!((rig.state(g), rig.world.of("inner").runs), (State::Success, 5));
}

/// A wake makes it ask at once.
#[test]
fn a_wake_asks_the_predicate() {
    let mut rig = Rig::new(4);
    let mut asked = 0;
    let g = rig.add(
        Script::asks(move |_| {
            asked += 1;
            Check::from(asked == 2)
        })
        .gate("g")
        .poll_every(Duration::MAX),
    );
    rig.add_child(g, Script::steps(1).spec("inner"));
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.wake(g).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("g").asked, rig.elapsed()), (2, Duration::ZERO));
}

/// A predicate may fail its gate, and a retry asks it anew.
#[test]
fn a_predicate_that_fails() {
    let mut rig = Rig::new(4);
    let mut asked = 0;
    let g = rig.add(
        Script::asks(move |_| {
            asked += 1;
            if asked == 1 { Check::Fail(WRONG) } else { Check::from(asked == 3) }
        })
        .gate("g")
        .retry(Retry::ONCE),
    );
    rig.add_child(g, Script::steps(1).spec("inner"));
    rig.step();
    assert_eq!(rig.node(g).failure().unwrap().reason, WRONG);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(g), rig.elapsed()), (State::Success, Duration::from_millis(1_100)));
    assert_eq!((rig.world.of("g").asked, rig.world.of("inner").runs), (3, 1));
}

/// An inner node that retries: the gate waits with it and is not asked again.
#[test]
fn an_inner_node_that_retries() {
    let mut rig = Rig::new(4);
    let g = rig.add(Script::asks(|_| Check::Yes).gate("g"));
    let script = [Outcome::Failure(WRONG), Outcome::Failure(WRONG), Outcome::Success];
    rig.add_child(g, Script::lines(&script).spec("inner").retry(Retry::times(2)));
    rig.step();
    assert_eq!(rig.status(g), windlass::Status::Waiting);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(g), rig.elapsed()), (State::Success, Duration::from_secs(3)));
    assert_eq!(rig.world.of("g").asked, 1);
}

/// An inner node that fails fails the gate; a retry of the gate asks the predicate anew.
#[test]
fn an_inner_node_that_fails() {
    for budget in [0, 2] {
        let mut rig = Rig::new(4);
        let g = rig.add(Script::asks(|_| Check::Yes).gate("g").retry(Retry::times(budget)));
        let inner = rig.add_child(g, Script::fails().spec("inner"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(g), rig.state(inner)), (State::Failure, State::Failure));
        let failure = rig.node(g).failure().unwrap();
        assert_eq!((failure.reason, failure.origin), (WRONG, inner));
        assert_eq!(rig.world.of("g").asked, 1 + u32::from(budget));
        assert_eq!(rig.world.of("inner").runs, 1 + u32::from(budget));
    }
}

/// A gate inside a sequence that retries after the condition was met: in the reference the consumed predicate throws.
#[test]
fn a_gate_inside_a_retried_sequence() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").retry(Retry::ONCE));
    let g = rig.add_child(q, Script::asks(|_| Check::Yes).gate("g"));
    rig.add_child(g, Script::steps(1).spec("inner"));
    rig.add_child(q, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("last"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(q), State::Success);
    assert_eq!((rig.world.of("g").asked, rig.world.of("inner").runs), (2, 2));
}

/// The child of a shut gate aborted by itself: the gate has nothing left to wait for.
#[test]
fn a_shut_gate_loses_its_child() {
    for behind_a_node in [false, true] {
        let mut rig = Rig::new(4);
        let other = rig.add(Script::waits().spec("other"));
        let spec =
            if behind_a_node { Spec::after("g", other) } else { Script::asks(|_| Check::No).gate("g") };
        let g = rig.add(spec);
        let inner = rig.add_child(g, Script::steps(1).spec("inner"));
        rig.run_until_idle();
        rig.s.abort(inner).unwrap();
        rig.run_until_idle();
        assert_eq!(rig.state(g), State::Failure);
        assert_eq!(rig.node(g).failure().unwrap().reason, Reason::CHILD_ABORTED);
    }
}

/// A gate without a child opens and has succeeded; a second child is refused.
#[test]
fn no_child_and_two_children() {
    let mut rig = Rig::new(4);
    let g = rig.add(Script::asks(|_| Check::Yes).gate("g"));
    assert_eq!((rig.run(), rig.state(g)), (Next::Done, State::Success));
    let g = rig.add(Script::asks(|_| Check::Yes).gate("g"));
    rig.add_child(g, Script::steps(1).spec("inner"));
    let refused = rig.s.add_child(g, Script::steps(1).spec("second")).unwrap_err();
    assert_eq!(refused.error, Error::WrongKind);
    assert_eq!(rig.run(), Next::Done);
}

/// How the node ends that an event-driven gate waits for.
fn ends() -> [(Script, State); 3] {
    [
        (Script::waits(), State::Success),
        (Script::lines(&[Outcome::Waiting, Outcome::Failure(WRONG)]), State::Failure),
        (Script::says(Outcome::Waiting), State::Aborted),
    ]
}

/// Ends the node `a` of the first gate tests.
fn end(rig: &mut Rig, a: windlass::NodeId, state: State) {
    rig.run_until_idle();
    if state == State::Aborted {
        rig.s.abort(a).unwrap();
    } else {
        rig.s.wake(a).unwrap();
    }
    rig.run_until(|rig| rig.s.state(a).map_or(true, State::is_done));
}

/// Event-driven gates, target ended after the add: the end itself opens them, in no time.
#[test]
fn the_end_of_a_node_opens_a_gate() {
    for (act, state) in ends() {
        let mut rig = Rig::new(8);
        let a = rig.add(act.spec("a"));
        let (after, success) = (rig.add(Spec::after("after", a)), rig.add(Spec::after_success("success", a)));
        rig.add_child(after, Script::steps(1).spec("x"));
        rig.add_child(success, Script::steps(1).spec("y"));
        rig.run_until_idle();
        assert_eq!(rig.run(), Next::OnWake);
        assert_eq!((rig.world.of("x").runs, rig.world.of("y").runs), (0, 0));
        end(&mut rig, a, state);
        assert_eq!(rig.run(), Next::Done);
        check_gates(&rig, after, success, state);
        let origin = rig.node(success).failure().map(|failure| failure.origin);
        let blamed = match state {
            State::Success => None,
            State::Failure => Some(a),
            _ => Some(success),
        };
        assert_eq!(origin, blamed);
        assert_eq!(rig.elapsed(), Duration::ZERO);
    }
}

/// Target ended before the add, and target ended and freed before the gate starts.
#[test]
fn a_gate_behind_what_has_ended() {
    for (act, state) in ends() {
        for freed in [false, true] {
            let mut rig = Rig::new(8);
            let a = rig.add(act_again(state).spec("a"));
            end(&mut rig, a, state);
            let (after, success) =
                (rig.add(Spec::after("after", a)), rig.add(Spec::after_success("success", a)));
            rig.add_child(after, Script::steps(1).spec("x"));
            rig.add_child(success, Script::steps(1).spec("y"));
            if freed {
                rig.s.remove(a).unwrap();
                // Its slot goes to somebody else, who has nothing to do with it.
                assert_eq!(rig.add(Script::steps(1).spec("stranger")).index(), a.index());
            }
            assert_eq!(rig.run(), Next::Done);
            check_gates(&rig, after, success, state);
        }
        drop(act);
    }
}

/// Target ended and freed in the same crank, while the gates wait.
#[test]
fn a_gate_behind_a_detached_node() {
    for (act, state) in ends() {
        let mut rig = Rig::new(8);
        let a = rig.add(act.spec("a").detached());
        let (after, success) = (rig.add(Spec::after("after", a)), rig.add(Spec::after_success("success", a)));
        rig.add_child(after, Script::steps(1).spec("x"));
        rig.add_child(success, Script::steps(1).spec("y"));
        end(&mut rig, a, state);
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.s.state(a), Err(Error::UnknownNode));
        check_gates(&rig, after, success, state);
    }
}

fn act_again(state: State) -> Script {
    ends().into_iter().find(|(_, end)| *end == state).map(|(act, _)| act).unwrap()
}

fn check_gates(rig: &Rig, after: windlass::NodeId, success: windlass::NodeId, state: State) {
    assert_eq!((rig.state(after), rig.world.of("x").runs), (State::Success, 1), "{state}");
    if state == State::Success {
        assert_eq!((rig.state(success), rig.world.of("y").runs), (State::Success, 1));
    } else {
        assert_eq!((rig.state(success), rig.world.of("y").runs), (State::Failure, 0));
        assert_eq!(rig.node(success).failure().unwrap().reason, Reason::GATE_CLOSED);
    }
}

/// A gate and its target inside a sequence that retries: each attempt waits for that attempt's target.
#[test]
fn a_gate_and_its_target_in_a_retried_parallel() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p").retry(Retry::times(2)));
    let a = rig.add_child(p, Script::steps(3).spec("a"));
    let g = rig.add_child(p, Spec::after_success("g", a));
    rig.add_child(
        g,
        Script::lines(&[Outcome::Failure(WRONG), Outcome::Failure(WRONG), Outcome::Success]).spec("inner"),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(p), State::Success);
    assert_eq!(rig.world.order(), ["a", "a", "a", "inner"].repeat(3));
}

/// A gate waits for the last end of a target that is restarted before the gate has looked.
#[test]
fn a_target_that_is_restarted() {
    let mut rig = Rig::new(8);
    let a = rig.add(Script::waits().spec("a"));
    let g = rig.add(Spec::after("g", a).paused());
    rig.add_child(g, Script::steps(1).spec("inner"));
    end(&mut rig, a, State::Success);
    rig.s.restart(a).unwrap();
    rig.s.resume(g).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.world.of("inner").runs, 0);
    rig.s.wake(a).unwrap();
    assert_eq!((rig.run(), rig.world.of("inner").runs), (Next::Done, 1));
}

/// Gates behind gates: a chain of 1,000 opens one after the other.
#[test]
fn a_chain_of_gates() {
    let mut rig = Rig::new(2_100);
    let mut last = rig.add(Script::waits().spec("first"));
    let first = last;
    for n in 0..1_000 {
        let g = rig.add(if n % 2 == 0 { Spec::after("g", last) } else { Spec::after_success("g", last) });
        rig.add_child(g, Script::steps(1).spec("inner"));
        last = g;
    }
    let next = rig.s.poll_work_with(Instant::ZERO, &mut rig.world);
    assert!(matches!(next, Next::Now | Next::OnWake));
    while rig.s.poll_work_with(Instant::ZERO, &mut rig.world) == Next::Now {}
    assert_eq!((rig.s.next(), rig.world.of("inner").runs), (Next::OnWake, 0));
    rig.s.wake(first).unwrap();
    while rig.s.poll_work_with(Instant::ZERO, &mut rig.world) == Next::Now {}
    assert_eq!((rig.s.next(), rig.world.of("inner").runs), (Next::Done, 1_000));
}

/// A gate cannot wait for a node above it, nor for one that is not there.
#[test]
fn gates_that_can_never_open_are_refused() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("p"));
    let q = rig.add_child(p, Spec::sequence("q"));
    for above in [p, q] {
        for spec in [Spec::<Any>::after("g", above), Spec::after_success("g", above)] {
            assert_eq!(rig.s.add_child(q, spec).unwrap_err().error, Error::WouldCycle);
        }
    }
    let gone = rig.add(Script::steps(1).spec("gone"));
    rig.s.abort(gone).unwrap();
    rig.s.remove(gone).unwrap();
    assert_eq!(rig.s.add(Spec::after("g", gone)).unwrap_err().error, Error::UnknownNode);
    rig.s.abort(p).unwrap();
}

/// Gates that wait for each other stand still and are listed, but not while anything else moves.
#[test]
fn gates_in_a_circle_are_listed() {
    let mut rig = Rig::new(16);
    let (a, b) = (rig.add(Spec::parallel("a")), rig.add(Spec::parallel("b")));
    let g1 = rig.add_child(a, Spec::after("g1", b));
    let g2 = rig.add_child(b, Spec::after("g2", a));
    let q = rig.add(Spec::sequence("q"));
    let p = rig.add_child(q, Spec::parallel("p"));
    let later = rig.add_child(q, Script::steps(1).spec("later"));
    let g3 = rig.add_child(p, Spec::after("g3", later));
    for gate in [g1, g2, g3] {
        rig.add_child(gate, Script::steps(1).spec("inner"));
    }
    let busy = rig.add(Script::steps(2).spec("busy"));
    rig.step();
    assert_eq!(rig.s.view().stalled().count(), 0);
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.state(busy), State::Success);
    let stalled: Vec<_> = rig.s.view().stalled().map(|node| node.name()).collect();
    assert_eq!(stalled, ["g1", "g2", "g3"]);
    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.run(), Next::Done);
}

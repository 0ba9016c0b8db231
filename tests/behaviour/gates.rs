//! Gates, and callbacks, which are asked once: what opens a gate, what keeps it shut for good, and what the child behind it does.
//!
//! Of stellar-core's "ConditionalWork test": a predicate's gate asks every 100 ms, as there. A gate on another node's success asks nobody. What waits
//! behind a gate is aborted with it, without a run; in the reference it stays pending, which its public status calls running.

use std::rc::{Rc, Weak};
use std::time::Duration;

use windlass::{
    AbortCause, Check, Error, Generated, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, State, Status,
};
use windlass_tests::{Any, Counters, Cx, Rig, STEP, Script, WRONG, leaf, name, parent};

/// A gate that opens when this node has succeeded.
fn when_succeeded(gate: &'static str, awaited: NodeId) -> Spec<Any> {
    Script::asks(move |cx: &mut Cx<'_>| {
        Check::from(cx.view().node(awaited).is_ok_and(|node| node.status() == Status::Success))
    })
    .gate(gate)
}

/// "ConditionalWork test", section "condition satisfied".
#[test]
fn a_gate_opens_and_its_child_runs_in_the_same_crank() {
    let mut rig = Rig::new(4);
    let gate = rig.add(Script::asks(|_: &mut Cx<'_>| Check::Yes).gate("gate"));
    let inner = rig.add_below(gate, leaf().spec("inner"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(inner), State::Success);
    assert_eq!(rig.state(gate), State::Success);
    rig.assert_full_success("inner", 3);
    assert_eq!(rig.world.of("gate").asked, 1);
    // The gate opens and its child makes its first step in one crank: three in all, as in the reference.
    assert_eq!(rig.steps(), 3);
    assert_eq!(rig.elapsed(), STEP * 3);
}

/// A parent of a work that fails in its 100th step, twice, and of a gate behind its success.
fn failing_condition(mut rig: Rig) -> Rig {
    let parent = rig.add(parent("parent"));
    let other = rig.add_below(parent, Script::fails_at(100).takes_time().spec("other").retry(Retry::ONCE));
    let gate = rig.add_below(parent, when_succeeded("gate", other));
    let dependent = rig.add_below(gate, leaf().spec("dependent"));
    assert_eq!(rig.run(), Next::Done);

    assert_eq!(rig.state(other), State::Failure);
    assert_eq!(rig.state(gate), State::Aborted);
    assert_eq!(rig.node(gate).abort_cause(), Some(AbortCause::ParentFailed));
    assert_eq!(rig.state(dependent), State::Aborted);
    assert_eq!(rig.world.of("dependent"), Counters::default());
    assert_eq!(rig.state(parent), State::Failure);
    assert_eq!(rig.node(parent).failure().map(|failure| failure.origin), Some(other));
    assert_eq!(rig.world.of("other").runs, 200);
    // Two attempts of 100 steps, a second between them, less the failing step (see "work retries and fails").
    assert_eq!(rig.elapsed() + STEP, Duration::from_millis(1_200));
    rig
}

/// "ConditionalWork test", section "condition failed".
///
/// First asked after the first step, then every 100 ms: at 1, 101 ... 1101 ms, which is twelve times. The reference asks 11 times, because its
/// virtual host lets no timer fire while there is something to do, and the last one falls into the second attempt. With such a driver we ask
/// as often.
#[test]
fn a_shut_gate_is_asked_until_its_parent_fails() {
    let rig = failing_condition(Rig::new(8));
    assert_eq!(rig.world.of("gate").asked, 12);
    let rig = failing_condition(Rig::new(8).fires_timers_when_idle());
    assert_eq!(rig.world.of("gate").asked, 11);
}

/// The same without polling: the gate fails the moment its node does, and says why.
#[test]
fn a_gate_on_success_fails_with_its_target_and_asks_nobody() {
    let mut rig = Rig::new(8);
    let other = rig.add(Script::fails_at(100).takes_time().spec("other").retry(Retry::ONCE));
    let gate = rig.add(Spec::after_success("gate", other));
    let dependent = rig.add_below(gate, leaf().spec("dependent"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(other), State::Failure);
    assert_eq!(rig.state(gate), State::Failure);
    let failure = rig.node(gate).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (Reason::GATE_CLOSED, other));
    assert_eq!(rig.state(dependent), State::Aborted);
    assert_eq!(rig.world.of("dependent"), Counters::default());
    assert_eq!(rig.cranks(), 200);
    assert_eq!(rig.elapsed() + STEP, Duration::from_millis(1_200));
}

/// "ConditionalWork test", section "shutdown while waiting for condition", for a predicate and for another node's success.
#[test]
fn a_shutdown_aborts_a_shut_gate_and_what_is_behind_it() {
    for polled in [true, false] {
        let mut rig = Rig::new(8);
        let other = rig.add(Script::steps(100).takes_time().spec("other"));
        let spec = if polled { when_succeeded("gate", other) } else { Spec::after_success("gate", other) };
        let gate = rig.add(spec);
        let dependent = rig.add_below(gate, leaf().spec("dependent"));
        rig.run_until(|rig| rig.state(gate) == State::Waiting);
        assert_eq!(rig.status(dependent), Status::Running, "pending counts as running");
        assert_eq!(rig.s.next_deadline().is_some(), polled);
        rig.s.shutdown(Instant::MAX);
        assert_eq!(rig.s.next_deadline(), None);
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(gate), State::Aborted);
        assert_eq!(rig.state(dependent), State::Aborted);
        assert_eq!(rig.world.of("dependent"), Counters::default());
        assert_eq!(rig.state(other), State::Aborted);
        assert_eq!(rig.world.of("other").aborts, 1);
        assert_eq!(rig.world.of("gate").asked, u32::from(polled));
        assert_eq!(rig.s.metrics().expired, 0);
    }
}

/// "ConditionalWork test", section "shutdown after condition is met".
#[test]
fn a_shutdown_aborts_what_is_behind_an_open_gate() {
    for polled in [true, false] {
        let mut rig = Rig::new(8);
        let other = rig.add(leaf().spec("other"));
        let spec = if polled { when_succeeded("gate", other) } else { Spec::after_success("gate", other) };
        let gate = rig.add(spec);
        let inner = rig.add_below(gate, Script::steps(100).takes_time().spec("inner"));
        rig.run_until(|rig| rig.state(other) == State::Success && rig.state(gate) != State::Waiting);
        rig.step();
        assert_eq!((rig.status(gate), rig.status(inner)), (Status::Running, Status::Running));
        let asked = rig.world.of("gate").asked;
        rig.s.shutdown(Instant::MAX);
        assert_eq!((rig.state(gate), rig.state(inner)), (State::Aborting, State::Aborting));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(gate), rig.state(inner)), (State::Aborted, State::Aborted));
        assert_eq!(rig.state(other), State::Success);
        let c = rig.world.of("inner");
        assert!(c.runs > 0);
        assert_eq!((c.aborts, c.resets), (1, 2));
        assert_eq!(rig.world.of("gate").asked, asked, "never asked again");
    }
}

const WIDTH: usize = 16;

const ITEMS: usize = 32;

fn child(k: usize) -> &'static str {
    name(format!("child-{k}"))
}

/// A chain in a batch of 32 with room for 16: each item but the first behind the success of the one before. The generator gets the item's
/// number, the object that stands for the item, and the one before with its node.
fn chained(
    mut link: impl FnMut(&mut Cx<'_>, usize, Rc<()>, Option<(NodeId, Rc<()>)>) -> NodeId + 'static,
) -> (Rig, NodeId) {
    let items: Rc<std::cell::RefCell<Vec<Weak<()>>>> = Rc::default();
    let mut rig = Rig::new(4 * ITEMS);
    let mut before: Option<(NodeId, Weak<()>)> = None;
    let yielded = Rc::clone(&items);
    let batch = Script::yields(move |cx: &mut Cx<'_>| {
        let k = yielded.borrow().len();
        if k == ITEMS {
            return Generated::Exhausted;
        }
        let item = Rc::new(());
        yielded.borrow_mut().push(Rc::downgrade(&item));
        let previous = before.take().and_then(|(id, item)| Some((id, item.upgrade()?)));
        let token = Rc::downgrade(&item);
        let id = link(cx, k, item, previous);
        before = Some((id, token));
        Generated::Added
    });
    let batch = rig.add(batch.batch("batch").concurrency(WIDTH as u32).item_nodes(2));
    while rig.s.next() != Next::Done {
        rig.step();
        let in_batch = rig.node(batch).child_counts().live as usize;
        let alive = items.borrow().iter().filter(|item| item.strong_count() > 0).count();
        assert!(in_batch <= WIDTH);
        assert!(alive <= in_batch + 1, "{alive} items live of {in_batch} in the batch");
        assert!(rig.s.metrics().nodes <= 1 + 2 * WIDTH);
    }
    assert_eq!(items.borrow().len(), ITEMS);
    assert!(items.borrow().iter().all(|item| item.strong_count() == 0));
    assert_eq!(rig.state(batch), State::Success);
    for k in 0..ITEMS {
        rig.assert_full_success(child(k), 3);
    }
    // One after the other, in spite of the room for sixteen.
    let order: Vec<_> = (0..ITEMS).flat_map(|k| [child(k); 3]).collect();
    assert_eq!(rig.world.order(), order);
    (rig, batch)
}

/// "ConditionalWork test", section "condition is reset once satisfied": a predicate lets go of what it holds when it has said yes, for it is
/// never asked again in this attempt. So the live items are never more than those in the batch and one.
///
/// The reference asks 391 times and takes 3.02 s, nearly all of it waiting for the next question. We ask as often and take 3.036 s: its host
/// lets no timer fire while there is something to do, so the gates' intervals begin a millisecond or two apart from ours.
#[test]
fn a_predicate_lets_go_of_what_it_holds_after_its_yes() {
    let (rig, _) = chained(|cx, k, item, previous| {
        let leaf = leaf().holds(item).spec(child(k));
        let Some((_, previous)) = previous else {
            assert_eq!(k, 0, "the item before is held by its own leaf");
            return cx.add_child(leaf).unwrap();
        };
        let (awaited, mut held) = (child(k - 1), Some(previous));
        let gate = Script::asks(move |cx: &mut Cx<'_>| {
            assert!(held.is_some(), "asked after it has said yes");
            let yes = cx.app().of(awaited).successes > 0;
            if yes {
                held = None;
            }
            Check::from(yes)
        });
        let gate = cx.add_child(gate.gate("gate")).unwrap();
        cx.add_below(gate, leaf).unwrap();
        gate
    });
    assert_eq!(rig.world.of("gate").asked, 391);
    assert_eq!(rig.elapsed(), Duration::from_millis(3_036));
    // Leaves, questions, and the generator's items and its "no more".
    assert_eq!(rig.cranks(), 96 + 391 + 33);
}

/// The same chain without a question asked: the end of one item opens the gate of the next. 96 steps, and nothing else passes.
#[test]
fn a_chain_of_gates_on_ends_asks_nobody() {
    let (rig, _) = chained(|cx, k, item, previous| {
        let leaf = leaf().holds(item).spec(child(k));
        match previous {
            None => {
                assert_eq!(k, 0);
                cx.add_child(leaf).unwrap()
            }
            Some((before, _)) => {
                let gate = cx.add_child(Spec::after_success("gate", before)).unwrap();
                cx.add_below(gate, leaf).unwrap();
                gate
            }
        }
    });
    assert_eq!(rig.world.of("gate").asked, 0);
    assert_eq!(rig.elapsed(), STEP * 96);
    assert_eq!(rig.cranks(), 96 + 33);
    assert_eq!(rig.s.metrics().expired, 0);
    // The steps, one look of each gate, and a turn of the batch at the start and after each child but the last.
    assert_eq!(rig.steps(), 96 + 31 + 32);
}

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
    rig.add_below(g, Script::steps(5).spec("inner"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.elapsed(), rig.world.of("g").asked), (Duration::from_secs(9), 4));
    assert_eq!((rig.state(g), rig.world.of("inner").runs), (State::Success, 5));
}

/// A wake makes it ask at once.
#[test]
fn a_wake_asks_the_predicate_at_once() {
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
    rig.add_below(g, Script::steps(1).spec("inner"));
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.wake(g).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.world.of("g").asked, rig.elapsed()), (2, Duration::ZERO));
}

/// A predicate may fail its gate, and a retry asks it anew.
#[test]
fn a_predicate_may_fail_its_gate() {
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
    rig.add_below(g, Script::steps(1).spec("inner"));
    rig.step();
    assert_eq!(rig.node(g).failure().unwrap().reason, WRONG);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(g), rig.elapsed()), (State::Success, Duration::from_millis(1_100)));
    assert_eq!((rig.world.of("g").asked, rig.world.of("inner").runs), (3, 1));
}

/// An inner node that retries: the gate waits with it and is not asked again.
#[test]
fn a_gate_is_not_asked_again_while_its_child_retries() {
    let mut rig = Rig::new(4);
    let g = rig.add(Script::asks(|_| Check::Yes).gate("g"));
    let script = [Outcome::Failure(WRONG), Outcome::Failure(WRONG), Outcome::Success];
    rig.add_below(g, Script::lines(&script).spec("inner").retry(Retry::times(2)));
    rig.step();
    assert_eq!(rig.status(g), windlass::Status::Waiting);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(g), rig.elapsed()), (State::Success, Duration::from_secs(3)));
    assert_eq!(rig.world.of("g").asked, 1);
}

/// An inner node that fails fails the gate; a retry of the gate asks the predicate anew.
#[test]
fn a_child_that_fails_fails_its_gate() {
    for budget in [0, 2] {
        let mut rig = Rig::new(4);
        let g = rig.add(Script::asks(|_| Check::Yes).gate("g").retry(Retry::times(budget)));
        let inner = rig.add_below(g, Script::fails().spec("inner"));
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
fn a_gate_in_a_retried_sequence_asks_anew() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").retry(Retry::ONCE));
    let g = rig.add_below(q, Script::asks(|_| Check::Yes).gate("g"));
    rig.add_below(g, Script::steps(1).spec("inner"));
    rig.add_below(q, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("last"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(q), State::Success);
    assert_eq!((rig.world.of("g").asked, rig.world.of("inner").runs), (2, 2));
}

/// The child of a shut gate aborted by itself: the gate has nothing left to wait for.
#[test]
fn a_shut_gate_fails_when_its_child_is_aborted() {
    for behind_a_node in [false, true] {
        let mut rig = Rig::new(4);
        let other = rig.add(Script::waits().spec("other"));
        let spec =
            if behind_a_node { Spec::after("g", other) } else { Script::asks(|_| Check::No).gate("g") };
        let g = rig.add(spec);
        let inner = rig.add_below(g, Script::steps(1).spec("inner"));
        rig.run_until_idle();
        rig.s.abort(inner).unwrap();
        rig.run_until_idle();
        assert_eq!(rig.state(g), State::Failure);
        assert_eq!(rig.node(g).failure().unwrap().reason, Reason::CHILD_ABORTED);
    }
}

/// A gate without a child opens and has succeeded; a second child is refused.
#[test]
fn a_gate_has_one_child_or_none() {
    let mut rig = Rig::new(4);
    let g = rig.add(Script::asks(|_| Check::Yes).gate("g"));
    assert_eq!((rig.run(), rig.state(g)), (Next::Done, State::Success));
    let g = rig.add(Script::asks(|_| Check::Yes).gate("g"));
    rig.add_below(g, Script::steps(1).spec("inner"));
    let refused = rig.s.add_below(g, Script::steps(1).spec("second")).unwrap_err();
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
        rig.add_below(after, Script::steps(1).spec("x"));
        rig.add_below(success, Script::steps(1).spec("y"));
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
fn a_gate_behind_what_has_ended_opens() {
    for (act, state) in ends() {
        for freed in [false, true] {
            let mut rig = Rig::new(8);
            let a = rig.add(act_again(state).spec("a"));
            end(&mut rig, a, state);
            let (after, success) =
                (rig.add(Spec::after("after", a)), rig.add(Spec::after_success("success", a)));
            rig.add_below(after, Script::steps(1).spec("x"));
            rig.add_below(success, Script::steps(1).spec("y"));
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
fn a_gate_behind_a_detached_node_opens() {
    for (act, state) in ends() {
        let mut rig = Rig::new(8);
        let a = rig.add(act.spec("a").detached());
        let (after, success) = (rig.add(Spec::after("after", a)), rig.add(Spec::after_success("success", a)));
        rig.add_below(after, Script::steps(1).spec("x"));
        rig.add_below(success, Script::steps(1).spec("y"));
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
fn each_attempt_waits_for_the_target_of_that_attempt() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("p").retry(Retry::times(2)));
    let a = rig.add_below(p, Script::steps(3).spec("a"));
    let g = rig.add_below(p, Spec::after_success("g", a));
    rig.add_below(
        g,
        Script::lines(&[Outcome::Failure(WRONG), Outcome::Failure(WRONG), Outcome::Success]).spec("inner"),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(p), State::Success);
    assert_eq!(rig.world.order(), ["a", "a", "a", "inner"].repeat(3));
}

/// A gate waits for the last end of a target that is restarted before the gate has looked.
#[test]
fn a_gate_waits_for_the_last_end_of_a_restarted_target() {
    let mut rig = Rig::new(8);
    let a = rig.add(Script::waits().spec("a"));
    let g = rig.add(Spec::after("g", a).paused());
    rig.add_below(g, Script::steps(1).spec("inner"));
    end(&mut rig, a, State::Success);
    rig.s.restart(a).unwrap();
    rig.s.resume(g).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.world.of("inner").runs, 0);
    rig.s.wake(a).unwrap();
    assert_eq!((rig.run(), rig.world.of("inner").runs), (Next::Done, 1));
}

/// Several gates wait for one node, and one of them is removed: the others open, and a gate in its slot waits for its own target.
#[test]
fn a_removed_gate_is_forgotten_wherever_it_was_among_the_gates_of_its_target() {
    let names = ["w", "x", "y", "z"];
    for removed in 0..names.len() {
        let mut rig = Rig::new(16);
        let [a, b] = ["a", "b"].map(|name| rig.add(Script::waits().spec(name)));
        let gates = names.map(|name| {
            let gate = rig.add(Spec::after("gate", a));
            rig.add_below(gate, Script::steps(1).spec(name));
            gate
        });
        rig.run_until_idle();
        rig.s.abort(gates[removed]).unwrap();
        rig.run_until_idle();
        rig.s.remove(gates[removed]).unwrap();
        rig.check();
        let stranger = rig.add(Spec::after("stranger", b));
        assert_eq!(stranger.index(), gates[removed].index());
        rig.add_below(stranger, Script::steps(1).spec("inner"));
        end(&mut rig, a, State::Success);
        assert_eq!(rig.run(), Next::OnWake);
        for (n, name) in names.into_iter().enumerate() {
            assert_eq!(rig.world.of(name).runs, u32::from(n != removed), "{name} without {}", names[removed]);
        }
        assert_eq!((rig.state(stranger), rig.world.of("inner").runs), (State::Waiting, 0));
        end(&mut rig, b, State::Success);
        assert_eq!((rig.run(), rig.state(stranger)), (Next::Done, State::Success));
    }
}

/// Gates behind gates: a chain of 1,000 opens one after the other.
#[test]
fn a_long_chain_of_gates_opens_one_after_the_other() {
    let mut rig = Rig::new(2_100);
    let mut last = rig.add(Script::waits().spec("first"));
    let first = last;
    for n in 0..1_000 {
        let g = rig.add(if n % 2 == 0 { Spec::after("g", last) } else { Spec::after_success("g", last) });
        rig.add_below(g, Script::steps(1).spec("inner"));
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
    let q = rig.add_below(p, Spec::sequence("q"));
    for above in [p, q] {
        for spec in [Spec::<Any>::after("g", above), Spec::after_success("g", above)] {
            assert_eq!(rig.s.add_below(q, spec).unwrap_err().error, Error::WouldCycle);
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
fn gates_in_a_circle_are_listed_as_stalled() {
    let mut rig = Rig::new(16);
    let (a, b) = (rig.add(Spec::parallel("a")), rig.add(Spec::parallel("b")));
    let g1 = rig.add_below(a, Spec::after("g1", b));
    let g2 = rig.add_below(b, Spec::after("g2", a));
    let q = rig.add(Spec::sequence("q"));
    let p = rig.add_below(q, Spec::parallel("p"));
    let later = rig.add_below(q, Script::steps(1).spec("later"));
    let g3 = rig.add_below(p, Spec::after("g3", later));
    for gate in [g1, g2, g3] {
        rig.add_below(gate, Script::steps(1).spec("inner"));
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

/// True, false and error.
#[test]
fn the_answer_is_the_end_of_a_callback() {
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
fn a_callback_is_asked_once_in_each_attempt() {
    let mut rig = Rig::new(1);
    let mut answers = [Check::No, Check::Fail(WRONG), Check::Yes].into_iter();
    let c = rig.add(Script::asks(move |_| answers.next().unwrap()).callback("c").retry(Retry::A_FEW));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(c), rig.node(c).attempt(), rig.world.of("c").asked), (State::Success, 3, 3));
}

/// It takes no children, and reaches the application.
#[test]
fn a_callback_takes_no_children() {
    let mut rig = Rig::new(4);
    let c = rig.add(
        Script::asks(|cx| {
            assert_eq!(cx.add_child(Script::steps(1).spec("x")).unwrap_err().error, Error::WrongKind);
            Check::from(cx.app().of("before").runs == 3)
        })
        .callback("c"),
    );
    let refused = rig.s.add_below(c, Script::steps(1).spec("x")).unwrap_err();
    assert_eq!(refused.error, Error::WrongKind);
    rig.world.note("before", windlass_tests::Hook::Run, State::Running);
    rig.world.note("before", windlass_tests::Hook::Run, State::Running);
    rig.world.note("before", windlass_tests::Hook::Run, State::Running);
    assert_eq!((rig.run(), rig.state(c)), (Next::Done, State::Success));
}

/// An abort asked for by the callback itself wins over its answer.
#[test]
fn a_callback_may_abort_itself() {
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

//! Gates: stellar-core's "ConditionalWork test".
//!
//! A predicate's gate asks every 100 ms, as there. A gate on another node's success asks nobody. What waits behind a gate is aborted with
//! it, without a run; in the reference it stays pending, which its public status calls running.

use std::rc::{Rc, Weak};
use std::time::Duration;

use windlass::{Cause, Check, Instant, Next, NodeId, Reason, Retry, Spec, State, Status, Yield};
use windlass_tests::{Any, Counters, Cx, Rig, STEP, Script, leaf, name, parent};

/// A gate that opens when this node has succeeded.
fn when_succeeded(gate: &'static str, awaited: NodeId) -> Spec<Any> {
    Script::asks(move |cx: &mut Cx<'_>| {
        Check::from(cx.view().node(awaited).is_ok_and(|node| node.status() == Status::Success))
    })
    .gate(gate)
}

/// "ConditionalWork test", section "condition satisfied".
#[test]
fn a_satisfied_condition() {
    let mut rig = Rig::new(4);
    let gate = rig.add(Script::asks(|_: &mut Cx<'_>| Check::Yes).gate("gate"));
    let inner = rig.add_child(gate, leaf().spec("inner"));
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
    let other = rig.add_child(parent, Script::fails_at(100).takes_time().spec("other").retry(Retry::ONCE));
    let gate = rig.add_child(parent, when_succeeded("gate", other));
    let dependent = rig.add_child(gate, leaf().spec("dependent"));
    assert_eq!(rig.run(), Next::Done);

    assert_eq!(rig.state(other), State::Failure);
    assert_eq!(rig.state(gate), State::Aborted);
    assert_eq!(rig.node(gate).abort_cause(), Some(Cause::ParentFailed));
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
fn a_condition_that_fails() {
    let rig = failing_condition(Rig::new(8));
    assert_eq!(rig.world.of("gate").asked, 12);
    let rig = failing_condition(Rig::new(8).fires_timers_when_idle());
    assert_eq!(rig.world.of("gate").asked, 11);
}

/// The same without polling: the gate fails the moment its node does, and says why.
#[test]
fn a_condition_that_fails_is_seen_without_polling() {
    let mut rig = Rig::new(8);
    let other = rig.add(Script::fails_at(100).takes_time().spec("other").retry(Retry::ONCE));
    let gate = rig.add(Spec::after_success("gate", other));
    let dependent = rig.add_child(gate, leaf().spec("dependent"));
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
fn shutdown_while_the_gate_is_shut() {
    for polled in [true, false] {
        let mut rig = Rig::new(8);
        let other = rig.add(Script::steps(100).takes_time().spec("other"));
        let spec = if polled { when_succeeded("gate", other) } else { Spec::after_success("gate", other) };
        let gate = rig.add(spec);
        let dependent = rig.add_child(gate, leaf().spec("dependent"));
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
fn shutdown_behind_an_open_gate() {
    for polled in [true, false] {
        let mut rig = Rig::new(8);
        let other = rig.add(leaf().spec("other"));
        let spec = if polled { when_succeeded("gate", other) } else { Spec::after_success("gate", other) };
        let gate = rig.add(spec);
        let inner = rig.add_child(gate, Script::steps(100).takes_time().spec("inner"));
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
            return Yield::Exhausted;
        }
        let item = Rc::new(());
        yielded.borrow_mut().push(Rc::downgrade(&item));
        let previous = before.take().and_then(|(id, item)| Some((id, item.upgrade()?)));
        let token = Rc::downgrade(&item);
        let id = link(cx, k, item, previous);
        before = Some((id, token));
        Yield::Added
    });
    let batch = rig.add(batch.batch("batch").width(WIDTH as u32).item_nodes(2));
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
fn a_chain_of_predicates() {
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
        cx.add(gate, leaf).unwrap();
        gate
    });
    assert_eq!(rig.world.of("gate").asked, 391);
    assert_eq!(rig.elapsed(), Duration::from_millis(3_036));
    // Leaves, questions, and the generator's items and its "no more".
    assert_eq!(rig.cranks(), 96 + 391 + 33);
}

/// The same chain without a question asked: the end of one item opens the gate of the next. 96 steps, and nothing else passes.
#[test]
fn a_chain_of_events() {
    let (rig, _) = chained(|cx, k, item, previous| {
        let leaf = leaf().holds(item).spec(child(k));
        match previous {
            None => {
                assert_eq!(k, 0);
                cx.add_child(leaf).unwrap()
            }
            Some((before, _)) => {
                let gate = cx.add_child(Spec::after_success("gate", before)).unwrap();
                cx.add(gate, leaf).unwrap();
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

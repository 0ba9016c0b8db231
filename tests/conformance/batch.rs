//! So many at a time: stellar-core's "Work batching".
//!
//! 32 leaves of three steps and a width of 16, the reference's default. Of the batch that fails, the last leaf does.

use std::cell::RefCell;
use std::rc::Rc;

use windlass::{Error, Instant, Next, NodeId, Retry, Spec, State, Yield};
use windlass_tests::{Any, Cx, Rig, Script, WRONG, leaf, name};

const WIDTH: usize = 16;
const TOTAL: usize = 2 * WIDTH;
/// More than is needed, so that it is the width that limits the batch.
const CAPACITY: usize = 2 * TOTAL;

fn child(k: usize) -> &'static str {
    name(format!("child-{k}"))
}

/// The batch, and the ids that its generator has given out so far.
fn batch(fail: bool) -> (Spec<Any>, Rc<RefCell<Vec<NodeId>>>) {
    let yielded: Rc<RefCell<Vec<NodeId>>> = Rc::default();
    let ids = Rc::clone(&yielded);
    let generator = Script::yields(move |cx: &mut Cx<'_>| {
        let k = ids.borrow().len();
        if k == TOTAL {
            return Yield::Exhausted;
        }
        let script = if fail && k == TOTAL - 1 { Script::fails_at(3).takes_time() } else { leaf() };
        ids.borrow_mut().push(cx.add_child(script.spec(child(k)).retry(Retry::ONCE)).unwrap());
        Yield::Added
    });
    (generator.batch("batch").width(WIDTH as u32), yielded)
}

/// Steps, and checks the width of the batch after each.
fn step_within_width(rig: &mut Rig, batch: NodeId) {
    rig.step();
    let node = rig.node(batch);
    let live = node.children().filter(|child| !child.state().is_done()).count();
    assert_eq!(live, node.child_counts().live as usize);
    assert!(live <= WIDTH, "{live} at a time");
    // Nothing holds finished items: what is in the table is the batch and what it works on.
    assert!(rig.s.metrics().nodes <= WIDTH + 1);
}

/// "Work batching", section "success".
///
/// The reference cranks its batch 103 times: 96 steps of leaves, and seven turns of its own, in the first of which it fills up, and then one at the
/// end of each pass. Here a turn of the batch is no crank, but each question to its generator is.
#[test]
fn success() {
    let mut rig = Rig::new(CAPACITY);
    let (spec, yielded) = batch(false);
    let id = rig.add(spec);
    let mut widest = 0;
    while rig.s.next() != Next::Done {
        step_within_width(&mut rig, id);
        widest = widest.max(rig.node(id).child_counts().live as usize);
    }
    assert_eq!(rig.state(id), State::Success);
    assert_eq!(widest, WIDTH);
    assert_eq!(yielded.borrow().len(), TOTAL);
    for k in 0..TOTAL {
        rig.assert_full_success(child(k), 3);
    }
    assert_eq!(rig.s.metrics().high_water, WIDTH + 1);

    // Sixteen side by side, then the other sixteen: six passes.
    let half = |range: std::ops::Range<usize>| range.map(child).collect::<Vec<_>>().repeat(3);
    let order = rig.world.order();
    assert_eq!(order, [half(0..WIDTH), half(WIDTH..TOTAL)].concat());
    assert_eq!(order.len(), 96);
    let passes = order.len() / WIDTH;
    assert_eq!(order.len() + 1 + passes, 103);
    assert_eq!(rig.world.of("batch").asked, 32 + 1);
    assert_eq!(rig.cranks(), 96 + 33);
}

/// "Work batching", section "shutdown", once the batch is not empty: in the reference, on an idle host, the shutdown comes before it has yielded
/// anything.
#[test]
fn shutdown() {
    // After the first steps, and with half of the items done.
    for steps in [1, 5, 60] {
        let mut rig = Rig::new(CAPACITY);
        let (spec, yielded) = batch(true);
        let id = rig.add(spec);
        for _ in 0..steps {
            step_within_width(&mut rig, id);
        }
        let remembered = yielded.borrow().len();
        assert_eq!(remembered, if steps > 3 * WIDTH { TOTAL } else { WIDTH });
        rig.s.shutdown(Instant::MAX);
        while rig.s.next() != Next::Done {
            step_within_width(&mut rig, id);
        }
        assert_eq!(rig.state(id), State::Aborted);
        assert_eq!(yielded.borrow().len(), remembered, "nothing starts after a shutdown");
        let mut succeeded = 0;
        for k in 0..remembered {
            match rig.last_state(child(k)) {
                State::Success => succeeded += 1,
                State::Aborted => {}
                state => panic!("child {k} is {state}"),
            }
        }
        assert_eq!(succeeded, if steps > 3 * WIDTH { WIDTH } else { 0 });
        // Those that had begun have cleaned up; the others were never called.
        for k in 0..remembered {
            let c = rig.world.of(child(k));
            assert_eq!(c.aborts, u32::from(c.runs > 0 && c.successes == 0), "child {k}");
        }
        assert_eq!(rig.s.add(leaf().spec("late")).unwrap_err().error, Error::Aborting);
    }
}

/// The batch that fails, to its end: 31 successes, and the last leaf fails in its second attempt.
#[test]
fn failure() {
    let mut rig = Rig::new(CAPACITY);
    let (spec, yielded) = batch(true);
    let id = rig.add(spec);
    while rig.s.next() != Next::Done {
        step_within_width(&mut rig, id);
    }
    assert_eq!(rig.state(id), State::Failure);
    assert_eq!(yielded.borrow().len(), TOTAL);
    for k in 0..TOTAL - 1 {
        rig.assert_full_success(child(k), 3);
    }
    let c = rig.world.of(child(TOTAL - 1));
    assert_eq!((c.runs, c.successes, c.failures, c.retries), (6, 0, 1, 1));
    assert_eq!(rig.last_state(child(TOTAL - 1)), State::Failure);
    let failure = rig.node(id).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (WRONG, yielded.borrow()[TOTAL - 1]));
    assert_eq!(rig.world.order().len(), 31 * 3 + 6);
}

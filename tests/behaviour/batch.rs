//! Batches: so many items at a time, failures, and generators that do not do as they say.
//!
//! Of stellar-core's "Work batching": 32 leaves of three steps and a width of 16, the reference's default. Of the batch that fails, the last leaf
//! does.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use windlass::{Error, Generated, Instant, Next, NodeId, OnFailure, Outcome, Reason, Retry, Spec, State};
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
            return Generated::Exhausted;
        }
        let script = if fail && k == TOTAL - 1 { Script::fails_at(3).takes_time() } else { leaf() };
        ids.borrow_mut().push(cx.add_child(script.spec(child(k)).retry(Retry::ONCE)).unwrap());
        Generated::Added
    });
    (generator.batch("batch").concurrency(WIDTH as u32), yielded)
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
fn a_batch_works_on_as_many_items_as_its_width() {
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
fn nothing_is_yielded_after_a_shutdown() {
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
fn an_item_that_fails_last_fails_the_batch() {
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

/// A batch of these items, each made when it is asked for. Begins anew at each reset.
fn items(count: usize, item: impl Fn(usize) -> Spec<Any> + 'static) -> Spec<Any> {
    let at = Rc::new(RefCell::new(0));
    let reset = at.clone();
    let act = Script::says(Outcome::Waiting)
        .on_next(move |cx| {
            let n = *at.borrow();
            if n == count {
                return Generated::Exhausted;
            }
            *at.borrow_mut() += 1;
            cx.add_child(item(n)).unwrap();
            Generated::Added
        })
        .on_hook(move |hook, _| {
            if hook == windlass_tests::Hook::Reset {
                *reset.borrow_mut() = 0;
            }
        });
    Spec::batch("batch", act.boxed())
}

/// The first failure fails the batch, once the others have been aborted; what was not asked for yet is never made.
#[test]
fn the_first_failure_fails_the_batch_once_the_others_are_aborted() {
    let mut rig = Rig::new(8);
    let act = |n| {
        if n == 3 {
            Script::lines(&[Outcome::Running, Outcome::Failure(WRONG)])
        } else {
            Script::says(Outcome::Waiting)
        }
    };
    let b = rig
        .add(items(100, move |n| act(n).aborts(&[windlass::AbortStep::Running]).spec("item")).concurrency(4));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(b), State::Failure);
    assert_eq!(rig.node(b).failure().unwrap().reason, WRONG);
    let c = rig.world.of("item");
    assert_eq!((c.runs, c.aborts, c.failures), (5, 6, 1));
    assert_eq!(rig.s.metrics().added, 5);
    assert_eq!(rig.world.of("batch").failures, 1);
}

/// With a budget the whole iteration begins again, after a reset of the generator.
#[test]
fn a_retry_iterates_from_the_start() {
    let mut rig = Rig::new(8);
    let first = Rc::new(RefCell::new(true));
    let b = rig.add(
        items(5, move |n| {
            let fails = n == 2 && first.replace(n != 2);
            if fails { Script::fails() } else { Script::steps(1) }.spec("item")
        })
        .concurrency(1)
        .retry(Retry::ONCE),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(b), rig.node(b).attempt()), (State::Success, 2));
    assert_eq!((rig.world.of("item").runs, rig.world.of("batch").resets), (3 + 5, 2));
    assert_eq!(rig.elapsed(), std::time::Duration::from_secs(1));
    let counts = rig.node(b).child_counts();
    assert_eq!((counts.succeeded, counts.failed, counts.earlier), (5, 0, 3));
}

/// A batch can let its items fail, and fail or succeed in the end.
#[test]
fn a_batch_may_go_on_after_failures() {
    for (policy, state) in [(OnFailure::Finish, State::Failure), (OnFailure::Ignore, State::Success)] {
        let mut rig = Rig::new(8);
        let b = rig.add(
            items(10, |n| if n % 2 == 0 { Script::fails() } else { Script::steps(2) }.spec("item"))
                .concurrency(3)
                .on_failure(policy),
        );
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(b), rig.world.of("item").runs), (state, 5 + 10));
        let counts = rig.node(b).child_counts();
        assert_eq!((counts.succeeded, counts.failed), (5, 5));
    }
}

/// Nothing to do: success in the first turn.
#[test]
fn a_batch_of_nothing_succeeds() {
    let mut rig = Rig::new(8);
    let b = rig.add(items(0, |_| Script::steps(1).spec("item")));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(b), rig.cranks()), (State::Success, 1));
    assert_eq!(rig.node(b).text(rig.now()).to_string(), "Succeeded: batch");
}

/// Names need not differ: identity is the id. (The reference throws, after it has started the second.)
#[test]
fn items_may_have_the_same_name() {
    let mut rig = Rig::new(8);
    let b = rig.add(items(6, |_| Script::steps(3).spec("same")).concurrency(6));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(b), rig.world.of("same").runs), (State::Success, 18));
}

/// Width 1: one after the other, in the generator's order, each item asked for when the one before has ended.
#[test]
fn a_width_of_one_takes_one_item_at_a_time() {
    let mut rig = Rig::new(2);
    let names = ["a", "b", "c", "d"];
    let b = rig.add(items(4, move |n| Script::steps(2).spec(names[n])).concurrency(1));
    while rig.s.next() != Next::Done {
        rig.step();
        assert!(rig.node(b).child_counts().live <= 1);
    }
    assert_eq!(rig.world.order(), ["a", "a", "b", "b", "c", "c", "d", "d"]);
    assert_eq!(rig.s.metrics().high_water, 2);
    assert_eq!(rig.world.of("batch").asked, 5);
}

/// Never more at a time than the width, and as many as it allows.
#[test]
fn a_batch_uses_its_whole_width_and_no_more() {
    for width in [1, 2, 7, 100] {
        let mut rig = Rig::new(128);
        let b = rig.add(items(50, |n| Script::steps(n as u32 % 4 + 1).spec("item")).concurrency(width));
        let mut most = 0;
        while rig.s.next() != Next::Done {
            rig.step();
            most = most.max(rig.node(b).child_counts().live);
        }
        assert_eq!(most, width.min(50));
        assert_eq!(rig.world.of("item").successes, 50);
    }
}

/// A generator that says it added a child and did not: a failure at once, and no retry, for it would say so again.
#[test]
fn a_generator_that_adds_nothing_fails_the_batch() {
    let mut rig = Rig::new(8);
    let b = rig.add(Script::yields(|_| Generated::Added).batch("batch").retry(Retry::A_LOT));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.node(b).failure().unwrap().reason, Reason::NOTHING_ADDED);
    assert_eq!((rig.state(b), rig.world.of("batch").asked), (State::Failure, 1));
}

/// A generator that is refused its child and says that it added one: the same, and the others are aborted.
#[test]
fn a_generator_whose_child_was_refused_fails_the_batch() {
    let mut rig = Rig::new(8);
    let mut asked = 0;
    let b = rig.add(
        Script::yields(move |cx| {
            asked += 1;
            let width = if asked == 3 { 0 } else { 1 };
            let refused = cx.add_child(Script::says(Outcome::Waiting).spec("item").concurrency(width));
            assert_eq!(refused.is_err(), asked == 3);
            Generated::Added
        })
        .batch("batch"),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.node(b).failure().unwrap().reason, Reason::NOTHING_ADDED);
    assert_eq!(rig.world.of("item").aborts + rig.world.of("item").runs, 0, "they had not started");
    assert_eq!(rig.s.metrics().aborted, 2);
}

/// A full table: the generator is asked only when the slots of an item are free, so none is lost, and the batch goes on when slots come back.
#[test]
fn no_item_is_lost_in_a_table_too_small_for_the_width() {
    let mut rig = Rig::new(8);
    let act = Script::says(Outcome::Waiting).on_next({
        let mut left = 20;
        move |cx| {
            if left == 0 {
                return Generated::Exhausted;
            }
            left -= 1;
            assert!(cx.free_nodes() >= 3);
            let item = cx.add_child(Spec::sequence("item")).unwrap();
            cx.add_below(item, Script::steps(2).spec("x")).unwrap();
            cx.add_below(item, Script::steps(1).spec("y")).unwrap();
            Generated::Added
        }
    });
    let b = rig.add(Spec::batch("batch", act.boxed()).concurrency(16).item_nodes(3));
    let mut most = 0;
    while rig.s.next() != Next::Done {
        rig.step();
        most = most.max(rig.node(b).child_counts().live);
    }
    assert_eq!((rig.state(b), most), (State::Success, 2));
    assert_eq!((rig.world.of("x").runs, rig.world.of("y").runs), (40, 20));
    assert_eq!((rig.s.metrics().refused, rig.s.metrics().nodes), (0, 1));
}

/// An item that can never fit: a failure that says so, instead of a wait without end.
#[test]
fn an_item_that_can_never_fit_fails_the_batch() {
    let mut rig = Rig::new(8);
    let b = rig.add(items(1, |_| Script::steps(1).spec("item")).item_nodes(8));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.node(b).failure().unwrap().reason, Reason::TABLE_FULL);
    assert_eq!(rig.world.of("batch").asked, 0);
}

/// Slots that others hold come back later: with a retry, the batch finds them.
#[test]
fn a_retry_finds_slots_that_came_back() {
    let mut rig = Rig::new(2);
    rig.add(
        Script::lines(&[Outcome::WaitFor(std::time::Duration::from_secs(2)), Outcome::Success])
            .spec("other")
            .detached(),
    );
    let b = rig.add(items(3, |_| Script::steps(1).spec("item")).retry(Retry::A_FEW));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(b), rig.world.of("item").runs), (State::Success, 3));
}

/// Two children where one was announced: both count, and both run.
#[test]
fn all_that_a_generator_adds_is_run() {
    let mut rig = Rig::new(16);
    let mut left = 3;
    let b = rig.add(
        Script::yields(move |cx| {
            left -= 1;
            for _ in 0..2 {
                cx.add_child(Script::steps(2).spec("item")).unwrap();
            }
            if left == 0 { Generated::Exhausted } else { Generated::Added }
        })
        .batch("batch")
        .concurrency(2),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(b), rig.world.of("item").runs), (State::Success, 12));
}

/// Only the generator adds to a batch.
#[test]
fn only_the_generator_adds_to_a_batch() {
    let mut rig = Rig::new(8);
    let b = rig.add(items(1, |_| Script::says(Outcome::Waiting).spec("item")));
    let add = |rig: &mut Rig| rig.s.add_below(b, Script::steps(1).spec("late")).unwrap_err();
    assert_eq!(add(&mut rig).error, Error::WrongKind);
    rig.run_until_idle();
    assert_eq!(add(&mut rig).error, Error::WrongKind);
    let item = rig.find("item").unwrap().id();
    let inside = rig.add_below(item, Script::steps(1).spec("below an item"));
    rig.run_until(|rig| rig.s.state(inside).map_or(true, State::is_done));
}

/// A generator without end is bounded by the width, and an endless one with items that end at once by the budget of the poll.
#[test]
fn an_endless_generator_is_bounded_by_width_and_budget() {
    let mut rig = Rig::new(64);
    let b = rig.add(
        Script::yields(|cx| {
            cx.add_child(Script::steps(1).spec("item")).unwrap();
            Generated::Added
        })
        .batch("batch")
        .concurrency(10),
    );
    for _ in 0..100 {
        assert_eq!(rig.s.poll_work_with(windlass::Instant::ZERO, &mut rig.world), Next::Now);
    }
    assert!(rig.world.of("item").runs > 1_000);
    rig.s.abort(b).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(b), State::Aborted);
}

/// An abort of the batch from its own generator.
#[test]
fn a_generator_may_abort_its_batch() {
    let mut rig = Rig::new(8);
    let b = rig.add(
        Script::yields(|cx| {
            cx.add_child(Script::steps(1).spec("item")).unwrap();
            let own = cx.id();
            cx.abort(own).unwrap();
            cx.add_child(Script::steps(1).spec("late")).unwrap_err();
            Generated::Added
        })
        .batch("batch"),
    );
    assert_eq!(rig.run(), Next::Done, "{}", rig.tree());
    assert_eq!((rig.state(b), rig.world.of("item").runs), (State::Aborted, 0));
    assert_eq!(rig.node(b).aborted_by(), Some(b));
}

/// A generator that cannot begin again, as one over an iterator: after a failed item the batch is not tried again, for the second attempt would succeed without
/// what the first has taken out.
#[test]
fn a_batch_over_an_iterator_does_not_succeed_without_its_items() {
    let over_an_iterator = || {
        let mut items = ["a", "b", "c"].into_iter();
        Script::yields(move |cx| {
            let Some(name) = items.next() else { return Generated::Exhausted };
            let item = if name == "b" { Script::fails() } else { Script::steps(1) };
            cx.add_child(item.spec(name)).unwrap();
            Generated::Added
        })
    };
    let mut rig = Rig::new(16);
    let b = rig.add(over_an_iterator().one_way().batch("batch").retry(Retry::A_LOT));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(b), rig.node(b).attempt(), rig.elapsed()), (State::Failure, 1, Duration::ZERO));
    assert_eq!(rig.node(b).failure().unwrap().reason, WRONG);

    // As a member of a composite that is tried again, and in a new life, it says that it cannot.
    let mut rig = Rig::new(16);
    let mut empty = ["x"].into_iter();
    let generator = Script::yields(move |cx| {
        let Some(name) = empty.next() else { return Generated::Exhausted };
        cx.add_child(Script::steps(1).spec(name)).unwrap();
        Generated::Added
    });
    let q = rig.add(Spec::sequence("q").retry(Retry::ONCE));
    let b = rig.add_below(q, generator.one_way().batch("batch"));
    rig.add_below(q, Script::fails().spec("fails"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.state(b)), (State::Failure, State::Failure));
    assert_eq!(rig.node(b).failure().unwrap().reason, Reason::NOT_REWOUND);
    assert_eq!(rig.world.of("fails").runs, 1);
}

//! Slots: when they are given back, by whom, and what became of the work in them.

use std::rc::Rc;

use windlass::{Boxed, Cx, Error, Instant, Next, Outcome, Scheduler, Spec, State, Work};
use windlass_tests::{Rig, Script, parent, secs};

/// A detached node frees its slot when it has ended, however it ends; the id is stale from then on.
#[test]
fn a_detached_node_frees_its_slot_however_it_ends() {
    let mut rig = Rig::new(8);
    let good = rig.add(Script::steps(2).spec("good").detached());
    let bad = rig.add(Script::fails().spec("bad").detached());
    let kept = rig.add(Script::steps(1).spec("kept"));
    let q = rig.add(Spec::sequence("q").detached());
    let inner = rig.add_below(q, Script::steps(1).spec("inner"));
    let aborted = rig.add(Script::waits().spec("aborted").detached());
    rig.run_until_idle();
    rig.s.abort(aborted).unwrap();
    assert_eq!(rig.run(), Next::Done);
    for id in [good, bad, q, inner, aborted] {
        assert_eq!(rig.s.state(id), Err(Error::UnknownNode));
        assert_eq!(rig.s.work(id).map(|_| ()), Err(Error::UnknownNode));
    }
    assert_eq!((rig.s.metrics().nodes, rig.state(kept)), (1, State::Success));
    assert_eq!(
        (rig.last_state("good"), rig.last_state("bad"), rig.last_state("aborted")),
        (State::Success, State::Failure, State::Aborted)
    );
}

/// A detached node that never started gives its slot back too, in the next poll at the latest.
#[test]
fn a_detached_node_that_never_started_frees_its_slot() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::steps(1).spec("a").detached());
    rig.s.abort(a).unwrap();
    assert_eq!(rig.s.next(), Next::Done);
    let _ = rig.s.poll_work_with(Instant::ZERO, &mut rig.world);
    assert_eq!(rig.s.metrics().nodes, 0);
    rig.add(Script::steps(1).spec("b"));
}

/// Detached nodes can come for ever in a table of two.
#[test]
fn detached_nodes_can_come_forever() {
    let mut rig = Rig::new(2);
    for _ in 0..1_000 {
        rig.add(Script::steps(1).spec("a").detached());
        assert_eq!(rig.run(), Next::Done);
    }
    let m = rig.s.metrics();
    assert_eq!((m.added, m.succeeded, m.nodes, m.high_water), (1_000, 1_000, 0, 1));
}

/// A work's children give their slots back when it has seen them, so it can have more in all than there are slots.
#[test]
fn a_work_may_have_more_children_in_all_than_there_are_slots() {
    let mut rig = Rig::new(3);
    let mut left = 100;
    let p = rig.add(
        Script::new(move |cx| {
            while left > 0 && cx.free_nodes() > 0 {
                left -= 1;
                cx.add_child(Script::steps(1).spec("child")).unwrap();
            }
            // Those that it sees now are freed when this turn is over.
            if left > 0 { Outcome::Running } else { cx.children().outcome() }
        })
        .spec("p"),
    );
    assert_eq!(rig.run(), Next::Done, "{}", rig.tree());
    assert_eq!((rig.state(p), rig.world.of("child").runs), (State::Success, 100));
    assert_eq!(rig.node(p).child_counts().succeeded, 100);
}

/// What a parent sees of its ended children, once, in the order of their ends.
#[test]
fn ended_children_are_seen_once() {
    use std::cell::RefCell;
    let seen = Rc::new(RefCell::new(Vec::new()));
    let list = seen.clone();
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(move |cx| {
            list.borrow_mut()
                .push(cx.ended_children().map(|child| (child.name(), child.state())).collect::<Vec<_>>());
            if cx.children().all_done() { Outcome::Success } else { Outcome::Running }
        })
        .spec("p"),
    );
    rig.add_below(p, Script::steps(2).spec("a"));
    rig.add_below(p, Script::fails().spec("b"));
    rig.add_below(p, Script::steps(2).spec("c"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(
        *seen.borrow(),
        [vec![("b", State::Failure)], vec![("a", State::Success), ("c", State::Success)]]
    );
}

/// `remove` frees an ended node at the top with all below it, and gives the work back as it is.
#[test]
fn remove_gives_the_work_back() {
    #[derive(Debug, PartialEq)]
    struct Count(u32);
    impl Work for Count {
        fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
            self.0 += 1;
            if self.0.is_multiple_of(3) { Outcome::Success } else { Outcome::Running }
        }
    }
    let mut s: Scheduler<Boxed<Count>> = Scheduler::with_capacity(4);
    let a = s.add(Spec::work("a", Count(0))).unwrap();
    let q = s.add(Spec::sequence("q")).unwrap();
    s.add_below(q, Spec::work("b", Count(0))).unwrap();
    assert_eq!(s.remove(a), Err(Error::WrongState(State::Pending)));
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    assert_eq!(s.work(a), Ok(Some(&Count(3))));
    assert_eq!(s.work_mut(a).map(|work| work.map(|count| count.0 += 1)), Ok(Some(())));
    assert_eq!(s.remove(a), Ok(Some(Count(4))));
    assert_eq!(s.remove(a), Err(Error::UnknownNode));
    assert_eq!(s.remove(q), Ok(None));
    assert_eq!(s.metrics().nodes, 0);
}

/// The works of freed nodes are dropped, each once: not before their end, not later than the slot.
#[test]
fn works_are_dropped_with_their_slots() {
    let token = Rc::new(());
    let leaf = |name| Script::steps(1).takes_time().holds(token.clone()).spec(name);
    let held = || Rc::strong_count(&token) - 1;
    let mut rig = Rig::new(8);
    let p = rig.add(parent("p"));
    rig.add_below(p, leaf("a"));
    let b = rig.add(leaf("b"));
    rig.add(leaf("c").detached());
    assert_eq!(held(), 3);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(held(), 1, "b is kept, and may be restarted");
    rig.s.remove(b).unwrap();
    assert_eq!(held(), 0);
    rig.add(leaf("d"));
    assert_eq!(held(), 1);
    drop(rig);
    assert_eq!(held(), 0);
}

/// Only what is at the top and has ended can be removed.
#[test]
fn only_what_is_at_the_top_and_has_ended_can_be_removed() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let a = rig.add_below(q, Script::steps(1).spec("a"));
    rig.add_below(q, Script::waits().spec("b"));
    rig.run_until_idle();
    assert_eq!(rig.s.remove(a).map(|_| ()), Err(Error::WrongKind));
    assert_eq!(rig.s.remove(q).map(|_| ()), Err(Error::WrongState(State::Running)));
    rig.s.abort(q).unwrap();
    assert_eq!(rig.s.remove(q).map(|_| ()), Err(Error::WrongState(State::Aborting)));
    let _ = rig.run();
    rig.s.remove(q).unwrap();
    assert_eq!(rig.s.metrics().nodes, 0);
}

/// A child that ends in the crank that added it gives its slot back at the end of that crank, even to a work that had no children before.
#[test]
fn a_child_that_lived_for_one_crank_frees_its_slot() {
    let mut rig = Rig::new(2);
    rig.add(
        Script::new(|cx| {
            let child = cx.add_child(Script::waits().spec("child")).unwrap();
            cx.abort(child).unwrap();
            Outcome::Running
        })
        .spec("parent"),
    );
    for _ in 0..3 {
        rig.step();
        assert_eq!(rig.s.metrics().nodes, 1);
    }
}

/// A node that nobody can see any more does not keep its slot: a detached work that is aborted before its first poll makes room for the next.
#[test]
fn a_detached_node_that_has_ended_makes_room() {
    let mut rig = Rig::new(1);
    for _ in 0..3 {
        let gone = rig.s.add(Script::steps(1).spec("gone").detached()).expect("the last one is gone");
        rig.s.abort(gone).unwrap();
        assert_eq!(rig.s.next(), Next::Done);
    }
    let stays = rig.s.add(Script::steps(1).spec("stays")).unwrap();
    let refused = rig.s.add(Script::steps(1).spec("more")).unwrap_err();
    assert_eq!(refused.error, Error::Full);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(stays), State::Success);
}

/// A work that found the table full and waits is woken when a slot is free, first come, first served, and is not taken for one that nothing will wake.
#[test]
fn whoever_found_the_table_full_hears_of_a_free_slot() {
    let mut rig = Rig::new(5);
    let spawner = |name| {
        Script::new(move |cx| match cx.add_child(Script::steps(1).spec("child")) {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Waiting,
        })
        .spec(name)
    };
    let blocker = rig.add(Script::says(Outcome::Sleep(secs(5))).spec("blocker").detached());
    let filler = [rig.add(Script::waits().spec("filler")), rig.add(Script::waits().spec("filler"))];
    let (first, second) = (rig.add(spawner("first")), rig.add(spawner("second")));
    rig.run_until_idle();
    assert_eq!(rig.node(first).explain(rig.now()).to_string(), "waiting for a free place in the table");
    assert!(!rig.s.view().stalled().any(|node| node.id() == first));
    rig.s.abort(blocker).unwrap();
    rig.run_until(|rig| rig.state(first).is_done());
    // Its child has the place; the second is told when that is free again.
    rig.run_until(|rig| rig.s.next() != Next::Now);
    assert_eq!(rig.state(second), State::Waiting);
    for filler in filler {
        rig.s.abort(filler).unwrap();
        let _ = rig.run();
        rig.s.remove(filler).unwrap();
    }
    let _ = rig.run();
    assert_eq!(rig.state(second), State::Success);
}

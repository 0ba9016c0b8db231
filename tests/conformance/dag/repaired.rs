//! Where henyey-work has a defect: blocking, validation, items added later, the order of starts, a concurrency of nothing, cancelling.

use windlass::{Abort, Cause, Error, Next, Outcome, Spec, State, Status};
use windlass_tests::{Rig, Script, WRONG};

use super::{ends, graph, item, run};

/// Blocking is transitive and at once: with a → b → c and a failing, b and c are both blocked, each with one terminal event. (There, c stays
/// pending for ever.)
#[test]
fn blocking_is_transitive() {
    for abort in [false, true] {
        let mut rig = Rig::new(8);
        let g = graph(&mut rig, 4);
        let a = item(
            &mut rig,
            g,
            "a",
            if abort { Script::says(Outcome::Waiting) } else { Script::fails() },
            &[],
            0,
        );
        let b = item(&mut rig, g, "b", Script::steps(1), &[a], 0);
        let other = item(&mut rig, g, "other", Script::steps(9), &[], 0);
        let c = item(&mut rig, g, "c", Script::steps(1), &[b, other], 0);
        let d = item(&mut rig, g, "d", Script::steps(1), &[a, b, c], 0);
        if abort {
            rig.run_until(|rig| rig.world.of("a").runs == 1);
            rig.s.abort(a).unwrap();
        }
        rig.run_until(|rig| rig.state(a).is_done());
        assert_eq!([b, c, d].map(|id| rig.status(id)), [Status::Blocked; 3], "at once");
        run(&mut rig);
        assert_eq!(rig.state(other), State::Success, "the rest goes on");
        for id in [a, b, c, d, other] {
            assert_eq!(ends(&rig, id).len(), 1, "one terminal event");
        }
        for id in [b, c, d] {
            assert_eq!(
                (rig.node(id).abort_cause(), rig.node(id).aborted_by()),
                (Some(Cause::Dependency), None)
            );
        }
        let m = rig.s.metrics();
        assert_eq!((m.blocked, m.aborted), (3, u64::from(abort)));
        assert_eq!(rig.state(g), State::Failure);
    }
}

/// Unknown, duplicate, self and circular dependencies are refused; the refused item comes back and leaves no trace.
#[test]
fn dependencies_are_checked() {
    let mut rig = Rig::new(8);
    let g = graph(&mut rig, 4);
    let other = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", Script::steps(1), &[], 0);
    let b = item(&mut rig, g, "b", Script::steps(1), &[a], 0);
    let c = item(&mut rig, g, "c", Script::steps(1), &[b], 0);
    let stranger = item(&mut rig, other, "stranger", Script::steps(1), &[], 0);
    let gone = rig.add(Script::steps(1).spec("gone"));
    rig.s.abort(gone).unwrap();
    rig.s.remove(gone).unwrap();

    let before = rig.s.metrics();
    for (on, error) in [
        (&[gone][..], Error::UnknownNode),
        (&[a, a], Error::Duplicate),
        (&[a, b, c, a], Error::Duplicate),
        (&[stranger], Error::WrongKind),
        (&[g], Error::WrongKind),
        (&[a, gone], Error::UnknownNode),
    ] {
        let refused = rig.s.add_after(g, Script::steps(1).spec("refused"), on).unwrap_err();
        assert_eq!((refused.error, refused.spec.name()), (error, "refused"));
        assert!(refused.into_work().is_some());
    }
    assert_eq!(rig.s.add_after(gone, Script::steps(1).spec("x"), &[]).unwrap_err().error, Error::UnknownNode);
    assert_eq!(rig.s.add_after(a, Script::steps(1).spec("x"), &[]).unwrap_err().error, Error::WrongKind);
    for (node, on, error) in [
        (a, a, Error::WouldCycle),
        (a, b, Error::WouldCycle),
        (a, c, Error::WouldCycle),
        (b, c, Error::WouldCycle),
        (b, a, Error::Duplicate),
        (a, stranger, Error::WrongKind),
        (g, other, Error::WrongKind),
        (a, gone, Error::UnknownNode),
        (gone, a, Error::UnknownNode),
    ] {
        assert_eq!(rig.s.depend(node, on), Err(error));
    }
    assert_eq!(rig.s.metrics(), before, "nothing was changed");
    run(&mut rig);
    assert_eq!(rig.world.order(), ["a", "stranger", "b", "c"]);
}

/// A dependency may be added as long as the item has not started.
#[test]
fn dependencies_of_what_has_started() {
    let mut rig = Rig::new(8);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", Script::waits(), &[], 0);
    let b = item(&mut rig, g, "b", Script::steps(1).on_abort(|_| Abort::Done), &[a], 0);
    let c = item(&mut rig, g, "c", Script::waits(), &[], 0);
    rig.run_until_idle();
    assert_eq!(rig.s.depend(a, c), Err(Error::WrongState(State::Waiting)));
    rig.s.depend(b, c).unwrap();
    rig.s.wake(a).unwrap();
    assert_eq!((rig.run(), rig.world.of("b").runs), (Next::OnWake, 0));
    rig.s.wake(c).unwrap();
    run(&mut rig);
    assert_eq!(rig.s.depend(b, a), Err(Error::Ended));
}

/// An item that had a place before it was given a dependency gives the place back.
#[test]
fn a_dependency_takes_the_place_away() {
    let mut rig = Rig::new(8);
    let g = graph(&mut rig, 1);
    let a = item(&mut rig, g, "a", Script::steps(1), &[], 0);
    let b = item(&mut rig, g, "b", Script::steps(1), &[], 0);
    let c = item(&mut rig, g, "c", Script::steps(1), &[], 0);
    rig.s.depend(a, c).unwrap();
    rig.s.depend(c, b).unwrap();
    run(&mut rig);
    assert_eq!(rig.world.order(), ["b", "c", "a"]);
}

/// An item added later: blocked at once if what it depends on has failed or was blocked, free if that has succeeded. (There, it stays pending.)
#[test]
fn an_item_added_later() {
    let mut rig = Rig::new(16);
    let g = graph(&mut rig, 4);
    let keep = item(&mut rig, g, "keep", Script::waits(), &[], 0);
    let good = item(&mut rig, g, "good", Script::steps(1), &[], 0);
    let bad = item(&mut rig, g, "bad", Script::fails(), &[], 0);
    let blocked = item(&mut rig, g, "blocked", Script::steps(1), &[bad], 0);
    rig.run_until_idle();
    let late: Vec<_> = [bad, blocked]
        .into_iter()
        .map(|on| item(&mut rig, g, "late", Script::steps(1), &[good, on], 0))
        .collect();
    for id in &late {
        assert_eq!(rig.status(*id), Status::Blocked);
        assert_eq!(
            rig.node(*id).explain().to_string(),
            format!("blocked: {} did not succeed", if *id == late[0] { "bad" } else { "blocked" })
        );
    }
    item(&mut rig, g, "free", Script::steps(1), &[good], 0);
    let waits = item(&mut rig, g, "waits", Script::steps(1), &[good, keep], 0);
    rig.run_until_idle();
    assert_eq!((rig.world.of("free").runs, rig.state(waits)), (1, State::Pending));
    rig.s.wake(keep).unwrap();
    run(&mut rig);
    assert_eq!((rig.state(waits), rig.world.of("late").runs), (State::Success, 0));
}

/// Items start in the order they were added, and what becomes free in the order of its edges, the same in every run. (There, in the order of
/// a hash map.)
#[test]
fn the_start_order_is_first_come_first_served() {
    let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    for width in [1, 3, 10] {
        let mut rig = Rig::new(32);
        let g = graph(&mut rig, width);
        for name in names {
            item(&mut rig, g, name, Script::steps(1), &[], 0);
        }
        run(&mut rig);
        assert_eq!(rig.world.order(), names);
    }
    let mut rig = Rig::new(32);
    let g = graph(&mut rig, 1);
    let first = item(&mut rig, g, "first", Script::steps(1), &[], 0);
    for name in names {
        item(&mut rig, g, name, Script::steps(1), &[first], 0);
    }
    run(&mut rig);
    assert_eq!(rig.world.order()[1..], names);
}

/// A width of 0 is refused when the graph is added. (There, the run never returns.)
#[test]
fn a_concurrency_of_nothing_is_refused() {
    let mut rig = Rig::new(4);
    let refused = rig.s.add(Spec::graph("graph").width(0)).unwrap_err();
    assert_eq!(refused.error, Error::ZeroWidth);
    assert_eq!(rig.s.metrics().nodes, 0);
}

/// Cancelling is possible while it runs, and what the cancelled work says later no longer matters.
#[test]
fn an_item_is_cancelled_while_others_run() {
    let mut rig = Rig::new(8);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", Script::says(Outcome::Running), &[], 3);
    let b = item(&mut rig, g, "b", Script::steps(1), &[a], 0);
    let c = item(&mut rig, g, "c", Script::steps(9), &[], 0);
    rig.run_until(|rig| rig.world.of("a").runs == 3);
    rig.s.abort(a).unwrap();
    rig.s.abort(a).unwrap();
    run(&mut rig);
    assert_eq!([a, b, c].map(|id| rig.status(id)), [Status::Aborted, Status::Blocked, Status::Success]);
    assert_eq!([a, b, c].map(|id| ends(&rig, id).len()), [1; 3]);
    assert_eq!(rig.world.of("a").runs, 3);
}

/// A node that is added behind a failed one is blocked at once, and depends on all that it was told to: when the graph is run again, on the
/// others too.
#[test]
fn a_node_added_behind_a_failed_one_has_all_its_dependencies() {
    let mut rig = Rig::new(4);
    let graph = rig.add(Spec::graph("graph"));
    let bad = rig.add_child(graph, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("bad"));
    let slow = rig.add_child(graph, Script::steps(5).spec("slow"));
    rig.run_until(|rig| rig.state(bad) == State::Failure);
    let last = rig.s.add_after(graph, Script::steps(1).spec("last"), &[bad, slow]).unwrap();
    assert_eq!((rig.status(last), rig.node(last).dependencies().count()), (Status::Blocked, 2));
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(graph).unwrap();
    rig.run_until(|rig| rig.state(bad) == State::Success);
    assert_eq!(rig.state(last), State::Pending, "it waits for the slow one");
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(graph), State::Success);
}

//! Graphs: dependencies between the children of one node. henyey-work's tests and its six-item DAG are here.
//!
//! Its scheduler is a graph here, its items are the graph's children, its dependencies are edges, and its delays are virtual. Where it has a
//! defect, ours is asserted instead: blocking is transitive, an item ends once, dependencies are checked when they are added, a width of 0 is
//! refused, and items start in the order they were added.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use windlass::Status::{Blocked, Failure, Success};
use windlass::{
    AbortCause, AbortStep, Error, EventKind, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, State,
    Status,
};
use windlass_tests::{Rig, Script, WRONG, millis};

/// A graph of this concurrency: its retries wait 1 ms unless the work says otherwise.
fn graph(rig: &mut Rig, max_concurrency: u32) -> NodeId {
    rig.add(Spec::graph("graph").concurrency(max_concurrency))
}

fn item(
    rig: &mut Rig,
    graph: NodeId,
    name: &'static str,
    act: Script,
    on: &[NodeId],
    retries: u16,
) -> NodeId {
    let spec = act.spec(name).retry(Retry::times(retries).constant(millis(1)));
    rig.s.add_after(graph, spec, on).unwrap()
}

/// Runs to the end; a panic ends one poll and not the run.
fn run(rig: &mut Rig) {
    for _ in 0..10 {
        if catch_unwind(AssertUnwindSafe(|| rig.run())).is_ok() {
            assert_eq!(rig.s.next(), Next::Done, "{}", rig.tree());
            return;
        }
    }
    panic!("it panics for ever");
}

fn panics() -> Script {
    Script::new(|_| resume_unwind(Box::new("as told")))
}

/// How often each node ended, and in what.
fn ends(rig: &Rig, id: NodeId) -> Vec<State> {
    let events = rig.s.observer().events.iter().filter(|event| event.node == id);
    let ends = events.filter_map(|event| match event.kind {
        EventKind::Moved(transition) if transition.to.is_done() => Some(transition.to),
        _ => None,
    });
    ends.collect()
}

/// henyey-work's `test_dependency_ordering`.
#[test]
fn a_dependent_runs_after_its_dependency() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 2);
    let a = item(&mut rig, g, "a", Script::steps(1), &[], 0);
    item(&mut rig, g, "b", Script::steps(1), &[a], 0);
    run(&mut rig);
    assert_eq!(rig.world.order(), ["a", "b"]);
}

/// henyey-work's `test_retry_then_success`.
#[test]
fn an_item_succeeds_in_a_later_attempt() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 1);
    let act = Script::lines(&[Outcome::RetryAfter(millis(10), WRONG), Outcome::Success]);
    let a = item(&mut rig, g, "a", act, &[], 1);
    run(&mut rig);
    assert_eq!((rig.world.of("a").runs, rig.node(a).attempt(), rig.elapsed()), (2, 2, millis(10)));
}

/// henyey-work's `test_cancel_work`.
#[test]
fn a_shutdown_aborts_a_sleeping_item() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 1);
    let sleep = Outcome::WaitFor(millis(5));
    let a =
        item(&mut rig, g, "a", Script::lines(&[sleep, sleep, sleep, sleep, sleep, Outcome::Success]), &[], 0);
    rig.run_until(|rig| rig.elapsed() == millis(5));
    rig.world.now = Instant::from_millis(8);
    rig.s.shutdown(Instant::MAX);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.world.of("a").runs, rig.elapsed()), (State::Aborted, 2, millis(8)));
}

/// henyey-work's `test_metrics_snapshot`.
#[test]
fn the_totals_count_a_graph_and_its_items() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "only", Script::steps(1), &[], 0);
    run(&mut rig);
    let counts = rig.node(g).child_counts();
    assert_eq!((counts.total(), counts.succeeded, counts.failed), (1, 1, 0));
    let m = rig.s.metrics();
    // The graph is a node too.
    assert_eq!((m.succeeded, m.failed, m.blocked, m.attempts, m.retries_left), (2, 0, 0, 2, 0));
    // The snapshot that was removed there: one entry, with its name and its state.
    let snapshot: Vec<_> =
        rig.node(g).children().map(|node| (node.id(), node.name(), node.status())).collect();
    assert_eq!(snapshot, [(a, "only", Status::Success)]);
}

/// henyey-work's `test_panic_recovery`.
#[test]
fn a_panic_fails_its_item() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", panics(), &[], 0);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.elapsed()), (State::Failure, Duration::ZERO));
}

/// henyey-work's `test_panic_no_retry`.
#[test]
fn a_panic_is_not_retried() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", panics(), &[], 3);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.world.of("a").runs), (State::Failure, 1));
    assert_eq!(rig.node(a).failure().unwrap().reason, Reason::PANICKED);
}

/// henyey-work's `test_panic_blocks_dependents`.
#[test]
fn a_panic_blocks_what_depends_on_it() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let parent = item(&mut rig, g, "parent", panics(), &[], 0);
    let child = item(&mut rig, g, "child", Script::steps(1), &[parent], 0);
    run(&mut rig);
    assert_eq!((rig.status(parent), rig.status(child)), (Status::Failure, Status::Blocked));
    assert_eq!(rig.world.of("child").runs, 0);
}

/// henyey-work's `test_cancel_then_panic`. The work waits for a signal at 30 ms, then panics; it is cancelled at 20 ms. The cancellation wins.
#[test]
fn an_abort_wins_over_a_later_panic() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let act = Script::says(Outcome::Waiting).on_abort(|cx| {
        if cx.now() < Instant::from_millis(30) {
            return AbortStep::Waiting;
        }
        resume_unwind(Box::new("as told"))
    });
    let a = item(&mut rig, g, "a", act, &[], 3);
    rig.run_until_idle();
    rig.world.now = Instant::from_millis(20);
    rig.s.abort(a).unwrap();
    rig.run_until_idle();
    assert_eq!(rig.state(a), State::Aborting);
    rig.world.now = Instant::from_millis(30);
    rig.s.wake(a).unwrap();
    run(&mut rig);
    assert_eq!((ends(&rig, a), rig.elapsed()), (vec![State::Aborted], millis(30)));
}

/// henyey-work's `test_retry_still_works_after_panic_handling`.
#[test]
fn other_items_retry_after_a_panic() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    item(&mut rig, g, "panics", panics(), &[], 2);
    let act = Script::lines(&[Outcome::RetryAfter(millis(1), WRONG), Outcome::Success]);
    let a = item(&mut rig, g, "a", act, &[], 2);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.node(a).attempt(), rig.node(a).retries_left()), (State::Success, 2, 1));
}

/// henyey-work's `test_cancelled_before_start_not_panicked`.
#[test]
fn an_item_aborted_before_its_start_does_not_run() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", panics(), &[], 0);
    assert_eq!(rig.s.abort(a), Ok(()));
    run(&mut rig);
    assert_eq!((rig.state(a), rig.cranks(), rig.elapsed()), (State::Aborted, 0, Duration::ZERO));
}

/// henyey-work's `test_retry_does_not_block_other_completions`.
#[test]
fn a_retry_delay_does_not_hold_up_other_items() {
    for concurrency in [1, 2] {
        let mut rig = Rig::new(4);
        let g = graph(&mut rig, concurrency);
        let a =
            item(&mut rig, g, "a", Script::says(Outcome::RetryAfter(Duration::from_secs(10), WRONG)), &[], 1);
        let b = item(&mut rig, g, "b", Script::steps(1), &[], 0);
        rig.run_until_idle();
        rig.world.now = Instant::from_millis(100);
        rig.s.shutdown(Instant::MAX);
        run(&mut rig);
        assert_eq!((rig.state(a), rig.state(b), rig.world.of("b").runs), (State::Aborted, State::Success, 1));
        assert_eq!(rig.elapsed(), millis(100));
    }
}

/// henyey-work's `test_work_sequence_ordering`. Removed there: two pushed steps, each depending on the one before.
#[test]
fn a_chain_of_items_runs_in_order() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let first = item(&mut rig, g, "step-0", Script::steps(2), &[], 0);
    item(&mut rig, g, "step-1", Script::steps(1), &[first], 0);
    run(&mut rig);
    assert_eq!(rig.world.order(), ["step-0", "step-0", "step-1"]);
    // Here there is a composite for it.
    let q = rig.add(Spec::sequence("sequence"));
    assert_eq!(rig.node(q).kind(), windlass::Kind::Sequence);
    let _ = rig.run();
}

/// henyey-work's `test_work_callback`. Removed there: a work with a callback after it. Here the callback is a node behind the work.
#[test]
fn a_callback_runs_behind_its_work() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("sequence"));
    rig.add_below(q, Script::steps(1).spec("work"));
    rig.add_below(q, Spec::callback("callback", Script::steps(1).boxed()));
    run(&mut rig);
    assert_eq!((rig.world.of("work").runs, rig.world.of("callback").asked), (1, 1));
    assert_eq!(rig.state(q), State::Success);
}

/// What henyey's events would be: the attempts and the failure of an item whose budget of two runs out.
#[test]
fn events_tell_every_attempt_of_an_item() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 1);
    let a = item(&mut rig, g, "a", Script::fails(), &[], 2);
    run(&mut rig);
    let events = rig.s.observer().events.iter().filter(|event| event.node == a);
    let lines: Vec<_> =
        events.filter(|event| event.kind != EventKind::Cranked).map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "0.000000 1v1 a: added below 0v1",
            "0.000000 1v1 a: pending -> running",
            "0.000000 1v1 a: running -> retrying",
            "0.000000 1v1 a: attempt 2 in 1 ms: wrong",
            "0.000000 1v1 a: retrying -> waiting",
            "0.001000 1v1 a: waiting -> running",
            "0.001000 1v1 a: running -> retrying",
            "0.001000 1v1 a: attempt 3 in 1 ms: wrong",
            "0.001000 1v1 a: retrying -> waiting",
            "0.002000 1v1 a: waiting -> running",
            "0.002000 1v1 a: failed: wrong",
            "0.002000 1v1 a: running -> failure",
        ]
    );
}

/// The six items of a checkpoint, with henyey's budgets, concurrency and delay: every edge is respected, whatever fails and retries.
#[test]
fn every_edge_is_respected_whatever_retries() {
    let flaky = |failures: usize| {
        let mut script = vec![Outcome::Failure(WRONG); failures];
        script.extend([Outcome::Running, Outcome::Success]);
        Script::lines(&script)
    };
    for failures in [0, 1, 5] {
        let mut rig = Rig::new(8);
        let g = graph(&mut rig, 16);
        let mut add = |name, budget: u16, on: &[NodeId]| {
            let retry = Retry::times(budget).constant(millis(200));
            rig.s.add_after(g, flaky(failures).spec(name).retry(retry), on).unwrap()
        };
        let has = add("has", 5, &[]);
        let buckets = add("buckets", 32, &[has]);
        let headers = add("headers", 32, &[has]);
        let transactions = add("transactions", 32, &[headers]);
        let results = add("results", 32, &[headers, transactions]);
        let scp = add("scp", 5, &[headers]);
        run(&mut rig);
        assert_eq!(rig.state(g), State::Success);
        let when =
            |id: NodeId, to: State| {
                rig.s.observer().events.iter().position(|event| {
                    event.node == id && matches!(event.kind, EventKind::Moved(t) if t.to == to)
                })
            };
        let edges = [
            (has, buckets),
            (has, headers),
            (headers, transactions),
            (headers, results),
            (transactions, results),
            (headers, scp),
        ];
        for (before, after) in edges {
            assert!(when(before, State::Success).unwrap() < when(after, State::Running).unwrap());
        }
        // The longest path is four items; the others wait beside it.
        assert_eq!(rig.elapsed(), millis(200) * 4 * failures as u32);
    }
}

/// The same with an item that fails for good: what needs it is blocked, the rest ends well.
#[test]
fn what_needs_a_failed_item_is_blocked_and_the_rest_ends_well() {
    let mut rig = Rig::new(8);
    let g = graph(&mut rig, 16);
    let has = item(&mut rig, g, "has", Script::steps(2), &[], 5);
    let buckets = item(&mut rig, g, "buckets", Script::steps(20), &[has], 32);
    let headers = item(&mut rig, g, "headers", Script::says(Outcome::Fatal(WRONG)), &[has], 32);
    let transactions = item(&mut rig, g, "transactions", Script::steps(1), &[headers], 32);
    let results = item(&mut rig, g, "results", Script::steps(1), &[headers, transactions], 32);
    let scp = item(&mut rig, g, "scp", Script::steps(1), &[headers], 5);
    run(&mut rig);
    let statuses = [has, buckets, headers, transactions, results, scp].map(|id| rig.status(id));
    assert_eq!(statuses, [Success, Success, Failure, Blocked, Blocked, Blocked]);
    let failure = rig.node(g).failure().unwrap();
    assert_eq!((failure.reason, failure.origin), (WRONG, headers));
}

/// A retry of the whole graph runs every item again, in the order of its edges.
#[test]
fn a_retry_of_a_graph_runs_its_items_in_order_again() {
    let mut rig = Rig::new(8);
    let g = rig.add(Spec::graph("graph").retry(Retry::ONCE));
    let a = item(&mut rig, g, "a", Script::steps(1), &[], 0);
    let b = item(&mut rig, g, "b", Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]), &[a], 0);
    let c = item(&mut rig, g, "c", Script::steps(1), &[b], 0);
    run(&mut rig);
    assert_eq!([g, a, b, c].map(|id| rig.state(id)), [State::Success; 4]);
    assert_eq!(rig.world.order(), ["a", "b", "a", "b", "c"]);
}

/// Blocking is transitive and at once: with a → b → c and a failing, b and c are both blocked, each with one terminal event. (There, c stays
/// pending for ever.)
#[test]
fn blocking_is_transitive_and_at_once() {
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
                (Some(AbortCause::Dependency), None)
            );
        }
        let m = rig.s.metrics();
        assert_eq!((m.blocked, m.aborted), (3, u64::from(abort)));
        assert_eq!(rig.state(g), State::Failure);
    }
}

/// Unknown, duplicate, self and circular dependencies are refused; the refused item comes back and leaves no trace.
#[test]
fn dependencies_are_checked_when_they_are_added() {
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
fn a_dependency_may_be_added_until_the_item_starts() {
    let mut rig = Rig::new(8);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", Script::waits(), &[], 0);
    let b = item(&mut rig, g, "b", Script::steps(1).on_abort(|_| AbortStep::Done), &[a], 0);
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
fn an_item_added_later_is_blocked_or_free_at_once() {
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
            rig.node(*id).explain(rig.now()).to_string(),
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
    let refused = rig.s.add(Spec::graph("graph").concurrency(0)).unwrap_err();
    assert_eq!(refused.error, Error::ZeroConcurrency);
    assert_eq!(rig.s.metrics().nodes, 0);
}

/// Cancelling is possible while it runs, and what the cancelled work says later no longer matters.
#[test]
fn an_item_may_be_aborted_while_others_run() {
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
    let bad = rig.add_below(graph, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("bad"));
    let slow = rig.add_below(graph, Script::steps(5).spec("slow"));
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

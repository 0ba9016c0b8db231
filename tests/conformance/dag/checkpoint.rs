//! The six items of a checkpoint, and how an item's attempts and the whole graph's look.

use windlass::Status::{Blocked, Failure, Success};
use windlass::{NodeId, Outcome, Retry, Spec, State, What};
use windlass_tests::{Rig, Script, WRONG};

use super::{graph, item, millis, run};

/// What henyey's events would be: the attempts and the failure of an item whose budget of two runs out.
#[test]
fn the_trace_of_a_budget_that_runs_out() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 1);
    let a = item(&mut rig, g, "a", Script::fails(), &[], 2);
    run(&mut rig);
    let events = rig.s.observer().events.iter().filter(|event| event.node == a);
    let lines: Vec<_> = events.filter(|event| event.what != What::Cranked).map(ToString::to_string).collect();
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
fn the_six_item_dag() {
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
        let when = |id: NodeId, to: State| {
            rig.s
                .observer()
                .events
                .iter()
                .position(|event| event.node == id && matches!(event.what, What::Moved(t) if t.to == to))
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
fn the_six_item_dag_without_headers() {
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
fn a_graph_that_retries() {
    let mut rig = Rig::new(8);
    let g = rig.add(Spec::graph("graph").retry(Retry::ONCE));
    let a = item(&mut rig, g, "a", Script::steps(1), &[], 0);
    let b = item(&mut rig, g, "b", Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]), &[a], 0);
    let c = item(&mut rig, g, "c", Script::steps(1), &[b], 0);
    run(&mut rig);
    assert_eq!([g, a, b, c].map(|id| rig.state(id)), [State::Success; 4]);
    assert_eq!(rig.world.order(), ["a", "b", "a", "b", "c"]);
}

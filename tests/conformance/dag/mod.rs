//! henyey-work's tests and its six-item DAG, on a graph.
//!
//! Its scheduler is a graph here, its items are the graph's children, its dependencies are edges, and its delays are virtual. Where it has a
//! defect, ours is asserted instead: blocking is transitive, an item ends once, dependencies are checked when they are added, a width of 0 is
//! refused, and items start in the order they were added.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use windlass::{Abort, Instant, Metrics, Next, NodeId, Outcome, Reason, Retry, Spec, State, Status, What};
use windlass_tests::{Rig, Script, WRONG};

mod checkpoint;
mod repaired;

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A graph of this concurrency: its retries wait 1 ms unless the work says otherwise.
fn graph(rig: &mut Rig, max_concurrency: u32) -> NodeId {
    rig.add(Spec::graph("graph").width(max_concurrency))
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
            assert_eq!(rig.s.next(), Next::Done, "{}", rig.s.tree());
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
    let ends = events.filter_map(|event| match event.what {
        What::Moved(transition) if transition.to.is_done() => Some(transition.to),
        _ => None,
    });
    ends.collect()
}

#[test]
fn test_dependency_ordering() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 2);
    let a = item(&mut rig, g, "a", Script::steps(1), &[], 0);
    item(&mut rig, g, "b", Script::steps(1), &[a], 0);
    run(&mut rig);
    assert_eq!(rig.world.order(), ["a", "b"]);
}

#[test]
fn test_retry_then_success() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 1);
    let act = Script::lines(&[Outcome::RetryAfter(millis(10), WRONG), Outcome::Success]);
    let a = item(&mut rig, g, "a", act, &[], 1);
    run(&mut rig);
    assert_eq!((rig.world.of("a").runs, rig.node(a).attempt(), rig.elapsed()), (2, 2, millis(10)));
}

#[test]
fn test_cancel_work() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 1);
    let sleep = Outcome::Sleep(millis(5));
    let a =
        item(&mut rig, g, "a", Script::lines(&[sleep, sleep, sleep, sleep, sleep, Outcome::Success]), &[], 0);
    rig.run_until(|rig| rig.elapsed() == millis(5));
    rig.world.now = Instant::from_millis(8);
    rig.s.shutdown(Instant::MAX);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.world.of("a").runs, rig.elapsed()), (State::Aborted, 2, millis(8)));
}

#[test]
fn test_metrics_snapshot() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "only", Script::steps(1), &[], 0);
    run(&mut rig);
    let counts = rig.node(g).child_counts();
    assert_eq!((counts.total(), counts.succeeded, counts.failed), (1, 1, 0));
    let Metrics { succeeded, failed, blocked, attempts, retries_left, .. } = rig.s.metrics();
    // The graph is a node too.
    assert_eq!((succeeded, failed, blocked, attempts, retries_left), (2, 0, 0, 2, 0));
    // The snapshot that was removed there: one entry, with its name and its state.
    let snapshot: Vec<_> =
        rig.node(g).children().map(|node| (node.id(), node.name(), node.status())).collect();
    assert_eq!(snapshot, [(a, "only", Status::Success)]);
}

#[test]
fn test_panic_recovery() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", panics(), &[], 0);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.elapsed()), (State::Failure, Duration::ZERO));
}

#[test]
fn test_panic_no_retry() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", panics(), &[], 3);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.world.of("a").runs), (State::Failure, 1));
    assert_eq!(rig.node(a).failure().unwrap().reason, Reason::PANICKED);
}

#[test]
fn test_panic_blocks_dependents() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let parent = item(&mut rig, g, "parent", panics(), &[], 0);
    let child = item(&mut rig, g, "child", Script::steps(1), &[parent], 0);
    run(&mut rig);
    assert_eq!((rig.status(parent), rig.status(child)), (Status::Failure, Status::Blocked));
    assert_eq!(rig.world.of("child").runs, 0);
}

/// The work waits for a signal at 30 ms, then panics; it is cancelled at 20 ms. The cancellation wins.
#[test]
fn test_cancel_then_panic() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let act = Script::says(Outcome::Waiting).on_abort(|cx| {
        if cx.now() < Instant::from_millis(30) {
            return Abort::Wake;
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

#[test]
fn test_retry_still_works_after_panic_handling() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    item(&mut rig, g, "panics", panics(), &[], 2);
    let act = Script::lines(&[Outcome::RetryAfter(millis(1), WRONG), Outcome::Success]);
    let a = item(&mut rig, g, "a", act, &[], 2);
    run(&mut rig);
    assert_eq!((rig.state(a), rig.node(a).attempt(), rig.node(a).retries_left()), (State::Success, 2, 1));
}

#[test]
fn test_cancelled_before_start_not_panicked() {
    let mut rig = Rig::new(4);
    let g = graph(&mut rig, 4);
    let a = item(&mut rig, g, "a", panics(), &[], 0);
    assert_eq!(rig.s.abort(a), Ok(()));
    run(&mut rig);
    assert_eq!((rig.state(a), rig.cranks(), rig.elapsed()), (State::Aborted, 0, Duration::ZERO));
}

#[test]
fn test_retry_does_not_block_other_completions() {
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

/// Removed there: two pushed steps, each depending on the one before.
#[test]
fn test_work_sequence_ordering() {
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

/// Removed there: a work with a callback after it. Here the callback is a node behind the work.
#[test]
fn test_work_callback() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("sequence"));
    rig.add_child(q, Script::steps(1).spec("work"));
    rig.add_child(q, Spec::callback("callback", Script::steps(1).boxed()));
    run(&mut rig);
    assert_eq!((rig.world.of("work").runs, rig.world.of("callback").asked), (1, 1));
    assert_eq!(rig.state(q), State::Success);
}

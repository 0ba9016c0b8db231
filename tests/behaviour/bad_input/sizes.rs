//! Trees of unreasonable depth and width: no recursion, no walk that is longer than the tree.

use windlass::{Boxed, Instant, Next, NodeId, Outcome, Retry, Spec, State};
use windlass_tests::{Any, Scheduler, Script, WRONG, World};

fn drain(s: &mut Scheduler, world: &mut World, mut now: Instant) -> Next {
    for _ in 0..10_000 {
        match s.poll_work_with(now, world) {
            Next::Now => {}
            Next::At(at) => now = at,
            next => return next,
        }
    }
    panic!("no end in sight")
}

/// So many sequences, each inside the one before, around this work.
fn nested(
    depth: usize,
    act: Script,
    outermost: impl FnOnce(Spec<Any>) -> Spec<Any>,
) -> (Scheduler, NodeId, NodeId) {
    let mut s: Scheduler = Scheduler::with_capacity(depth + 1);
    let top = s.add(outermost(Spec::sequence("q"))).unwrap();
    let mut above = top;
    for _ in 1..depth {
        above = s.add_below(above, Spec::sequence("q")).unwrap();
    }
    let leaf = s.add_below(above, act.spec("leaf")).unwrap();
    (s, top, leaf)
}

const DEPTH: usize = 100_000;

/// 100,000 sequences deep: added, run, and freed, on a thread's usual stack.
#[test]
fn a_tree_of_any_depth_succeeds() {
    let (mut s, top, leaf) = nested(DEPTH, Script::steps(3), |spec| spec);
    let mut world = World::default();
    assert_eq!(s.node(leaf).map(|node| node.depth()), Ok(DEPTH));
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
    assert_eq!((s.state(top), world.of("leaf").runs), (Ok(State::Success), 3));
    assert_eq!(s.node(top).unwrap().text(s.view().now()).to_string(), "Succeeded: q");
    s.remove(top).unwrap();
    assert_eq!(s.metrics().nodes, 0);
}

/// A failure comes up through all of them, and a retry at the top goes down again.
#[test]
fn a_failure_rises_through_any_depth() {
    let act = Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]);
    let (mut s, top, leaf) = nested(DEPTH, act, |spec| spec.retry(Retry::ONCE));
    let mut world = World::default();
    assert!(matches!(s.poll_work_with(Instant::ZERO, &mut world), Next::At(_)));
    assert_eq!(s.node(top).unwrap().failure().unwrap().origin, leaf);
    assert_eq!(s.node(top).unwrap().text(s.view().now()).to_string(), "Ready to run: leaf");
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
    assert_eq!((s.state(top), world.of("leaf").runs), (Ok(State::Success), 2));
}

/// An abort goes down through all of them, before the start and after; so does a forced end.
#[test]
fn an_abort_reaches_any_depth() {
    for (started, forced) in [(false, false), (true, false), (true, true)] {
        let act = Script::says(Outcome::Waiting)
            .on_abort(move |_| if forced { windlass::AbortStep::Waiting } else { windlass::AbortStep::Done });
        let (mut s, top, leaf) = nested(DEPTH, act, |spec| spec);
        let mut world = World::default();
        if started {
            assert_eq!(s.poll_work_with(Instant::ZERO, &mut world), Next::OnWake);
        }
        s.abort_by(top, Instant::from_secs(1)).unwrap();
        assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
        assert_eq!((s.state(top), s.state(leaf)), (Ok(State::Aborted), Ok(State::Aborted)));
        assert_eq!(world.of("leaf").aborts, u32::from(started));
        assert_eq!(s.metrics().forced as usize, if forced { DEPTH + 1 } else { 0 });
        s.restart(top).unwrap();
        s.abort(top).unwrap();
        s.remove(top).unwrap();
        assert_eq!(s.metrics().nodes, 0);
    }
}

/// A wake at the bottom and a pause at the top of it.
#[test]
fn a_wake_and_a_pause_reach_any_depth() {
    let (mut s, top, leaf) = nested(DEPTH, Script::waits(), |spec| spec);
    let mut world = World::default();
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::OnWake);
    s.pause(top).unwrap();
    s.wake(leaf).unwrap();
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::OnWake);
    s.resume(top).unwrap();
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
}

const WIDTH: u32 = 100_000;

/// 100,000 children side by side: they run, one of them fails, the rest is aborted.
#[test]
fn a_parallel_of_any_width_ends() {
    for fails in [false, true] {
        let mut s: Scheduler = Scheduler::with_capacity(WIDTH as usize + 1);
        let p = s.add(Spec::parallel("p")).unwrap();
        for n in 0..WIDTH {
            let act = if fails && n == WIDTH / 2 { Script::fails() } else { Script::steps(2) };
            s.add_below(p, act.spec("leaf")).unwrap();
        }
        let mut world = World::default();
        assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
        let counts = s.node(p).unwrap().child_counts();
        if fails {
            assert_eq!((s.state(p), counts.aborted, counts.failed), (Ok(State::Failure), WIDTH - 1, 1));
            assert_eq!(world.of("leaf").aborts, WIDTH / 2, "those that had started");
        } else {
            assert_eq!((s.state(p), counts.succeeded), (Ok(State::Success), WIDTH));
        }
        s.remove(p).unwrap();
        assert_eq!(s.metrics().nodes, 0);
    }
}

/// A graph whose items all wait for one, one that waits for all, and 100,000 gates behind one node.
#[test]
fn any_number_of_dependents_and_of_gates_is_told() {
    let half = WIDTH / 2;
    let mut s: Scheduler = Scheduler::with_store(Boxed::with_edges(half as usize + 3, WIDTH as usize));
    let g = s.add(Spec::graph("g")).unwrap();
    let first = s.add_below(g, Script::waits().spec("first")).unwrap();
    let items: Vec<_> =
        (0..half).map(|_| s.add_after(g, Script::steps(1).spec("item"), &[first]).unwrap()).collect();
    let last = s.add_below(g, Script::steps(1).spec("last")).unwrap();
    for item in &items {
        s.depend(last, *item).unwrap();
    }
    assert_eq!(s.depend(first, last), Err(windlass::Error::WouldCycle));
    let mut world = World::default();
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::OnWake);
    s.wake(first).unwrap();
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
    assert_eq!(world.order().last(), Some(&"last"));
    assert_eq!(world.of("item").runs, half);

    let mut s: Scheduler = Scheduler::with_capacity(WIDTH as usize + 1);
    let first = s.add(Script::waits().spec("first")).unwrap();
    for n in 0..WIDTH / 2 {
        let gate = s
            .add(if n % 2 == 0 { Spec::after("gate", first) } else { Spec::after_success("gate", first) })
            .unwrap();
        s.add_below(gate, Script::steps(1).spec("inner")).unwrap();
    }
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::OnWake);
    s.wake(first).unwrap();
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
    assert_eq!(world.of("inner").runs, WIDTH / 2);
}

/// A chain of 50,000 items that is blocked from its head.
#[test]
fn a_long_chain_is_blocked_at_once() {
    let mut s: Scheduler = Scheduler::with_capacity(50_002);
    let g = s.add(Spec::graph("g")).unwrap();
    let mut last = s.add_below(g, Script::fails().spec("first")).unwrap();
    for _ in 0..50_000 {
        last = s.add_after(g, Script::steps(1).spec("item"), &[last]).unwrap();
    }
    let mut world = World::default();
    assert_eq!(drain(&mut s, &mut world, Instant::ZERO), Next::Done);
    assert_eq!((s.status(last), s.metrics().blocked), (Ok(windlass::Status::Blocked), 50_000));
}

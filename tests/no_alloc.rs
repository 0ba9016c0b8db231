//! No allocation after construction, by count: a run with every composite, retries, timeouts, aborts, wakes, pauses, restarts, removals and
//! displays, in tables that are on the heap.
//!
//! The counter is per thread and counts what goes through the global allocator between two points. That it can count is a test of its own.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::time::Duration;

use allocation_counter::measure;
use windlass::{
    AbortStep, Boxed, Check, Cx, EventLog, Generated, Instant, Jitter, Kind, Next, NodeId, NodeView,
    OnFailure, Outcome, Reason, Retry, Scheduler, Spec, State, WakeSet, Work,
};

type S = Scheduler<Boxed<Job>, EventLog<64>>;

const NO: Reason = Reason::new("no").with_code(4);

/// The works of this test: none of them holds anything on the heap.
enum Job {
    /// So many runs, then success.
    Steps(u32),
    /// Fails so often, then succeeds.
    Fails(u32),
    /// Waits so often, then succeeds; an abort takes it two turns and a sleep.
    Waits(u32, u8),
    /// Adds so many children, one in each turn, and does what they do.
    Grows(u32),
    /// Yields so many items of two nodes.
    Yields(u32),
    /// Says no so often, then yes.
    Asks(u32),
    /// Never ends, not even when it is asked to.
    Stubborn,
}

impl Work for Job {
    fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
        match self {
            Self::Steps(left) | Self::Fails(left) | Self::Waits(left, _) if *left == 0 => Outcome::Success,
            Self::Steps(left) => {
                *left -= 1;
                Outcome::Running
            }
            Self::Fails(left) => {
                *left -= 1;
                if left.is_multiple_of(2) {
                    Outcome::Failure(NO)
                } else {
                    Outcome::RetryAfter(Duration::from_secs(1), NO)
                }
            }
            Self::Waits(left, _) => {
                *left -= 1;
                if left.is_multiple_of(2) {
                    Outcome::Waiting
                } else {
                    Outcome::WaitFor(Duration::from_secs(2))
                }
            }
            Self::Grows(left) => {
                if *left > 0 {
                    *left -= 1;
                    cx.add_child(Spec::work("grown", Self::Steps(*left))).unwrap();
                    return Outcome::Running;
                }
                cx.children().outcome()
            }
            _ => Outcome::Waiting,
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self>) -> AbortStep {
        match self {
            Self::Waits(_, turns) if *turns < 2 => {
                *turns += 1;
                assert!(cx.abort_cause().is_some());
                if *turns == 1 { AbortStep::Running } else { AbortStep::WaitFor(Duration::from_millis(5)) }
            }
            Self::Stubborn => AbortStep::Waiting,
            _ => AbortStep::Done,
        }
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self>) -> Generated {
        let Self::Yields(left) = self else { return Generated::Exhausted };
        if *left == 0 {
            return Generated::Exhausted;
        }
        *left -= 1;
        let item = cx.add_child(Spec::sequence("item")).unwrap();
        cx.add_below(item, Spec::work("step", Self::Steps(*left % 3))).unwrap();
        Generated::Added
    }

    fn on_check(&mut self, _: &mut Cx<'_, Self>) -> Check {
        match self {
            Self::Asks(left) if *left > 0 => {
                *left -= 1;
                Check::No
            }
            _ => Check::Yes,
        }
    }
}

/// Takes text and keeps nothing of it but its length.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// One of everything. Gives a node that waits for ever and a composite that can be restarted.
fn plant(s: &mut S) -> [NodeId; 2] {
    let few = Retry::A_FEW.jitter(Jitter::Equal);
    let all = s.add(Spec::parallel("all").on_failure(OnFailure::Finish)).unwrap();
    let q = s.add_below(all, Spec::sequence("sequence").retry(Retry::ONCE)).unwrap();
    s.add_below(q, Spec::work("steps", Job::Steps(3))).unwrap();
    s.add_below(q, Spec::work("fails", Job::Fails(4)).retry(few)).unwrap();
    s.add_below(q, Spec::work("grows", Job::Grows(5))).unwrap();
    for (spec, steps) in [
        (Spec::any("any"), 2),
        (Spec::quorum("quorum", 2).concurrency(2), 4),
        (Spec::race("race"), 3),
        (Spec::parallel("parallel").concurrency(1), 1),
    ] {
        let p = s.add_below(all, spec).unwrap();
        s.add_below(p, Spec::work("loser", Job::Waits(9, 0)).timeout(Duration::from_secs(30))).unwrap();
        for _ in 0..3 {
            s.add_below(p, Spec::work("winner", Job::Steps(steps))).unwrap();
        }
    }
    s.add_below(all, Spec::batch("batch", Job::Yields(20)).concurrency(4).item_nodes(2)).unwrap();
    let g = s.add_below(all, Spec::graph("graph").concurrency(2).retry(Retry::ONCE)).unwrap();
    let first = s.add_below(g, Spec::work("first", Job::Fails(1)).retry(few)).unwrap();
    let second = s.add_after(g, Spec::work("second", Job::Waits(3, 0)), &[first]).unwrap();
    s.add_after(g, Spec::work("third", Job::Fails(1)), &[first, second]).unwrap();
    let hopeless = s.add_after(g, Spec::work("hopeless", Job::Fails(9)), &[second]).unwrap();
    s.add_after(g, Spec::work("blocked", Job::Steps(1)), &[hopeless]).unwrap();
    let when = s.add_below(all, Spec::when("when", Job::Asks(5)).poll_every(Duration::from_secs(1))).unwrap();
    s.add_below(when, Spec::callback("callback", Job::Asks(1)).retry(Retry::ONCE)).unwrap();
    for spec in [Spec::after("after", q), Spec::after_success("after success", q)] {
        let gate = s.add(spec).unwrap();
        s.add_below(gate, Spec::work("steps", Job::Steps(2))).unwrap();
    }
    s.add(Spec::work("gone", Job::Steps(2)).detached()).unwrap();
    let held = s.add(Spec::work("held", Job::Steps(2)).paused()).unwrap();
    s.resume(held).unwrap();
    let stubborn = s.add(Spec::work("stubborn", Job::Stubborn)).unwrap();
    [stubborn, all]
}

/// Polls until the end; who waits to be woken is woken, by handle and by hand.
fn run(s: &mut S, now: &mut Instant, but: NodeId) {
    for step in 0_u32.. {
        assert!(step < 10_000, "no end in sight");
        match s.poll_work(*now) {
            Next::Now => {}
            Next::At(at) => *now = at,
            Next::Done => return,
            Next::OnWake => {
                let waits = |node: &NodeView<'_>| {
                    node.state() == State::Waiting && node.kind() == Kind::Work && node.deadline().is_none()
                };
                let Some(id) = s.nodes().filter(waits).map(|node| node.id()).find(|id| *id != but) else {
                    return;
                };
                if step.is_multiple_of(2) {
                    s.wake_handle(id).unwrap().wake();
                }
                s.wake(id).unwrap();
            }
        }
    }
}

/// Everything from the first addition to the last removal.
fn everything(s: &mut S, now: &mut Instant) -> u64 {
    let [stubborn, all] = plant(s);
    s.pause(stubborn).unwrap();
    s.resume(stubborn).unwrap();
    run(s, now, stubborn);
    let mut length = Length(0);
    write!(length, "{}{}", s.tree(s.view().now()), s.view().drain()).unwrap();
    for node in s.nodes() {
        write!(length, "{}{}{node:?}", node.text(s.view().now()), node.explain(s.view().now())).unwrap();
    }
    for lint in s.view().lint() {
        write!(length, "{lint}").unwrap();
    }
    for event in s.observer().iter() {
        write!(length, "{event}").unwrap();
    }
    assert!(length.0 > 1_000);

    s.restart(all).unwrap();
    run(s, now, stubborn);
    s.restart(all).unwrap();
    let _ = s.poll_work(*now);
    s.abort_by(all, *now + Duration::from_secs(1)).unwrap();
    s.abort_by(stubborn, *now + Duration::from_secs(2)).unwrap();
    run(s, now, stubborn);
    // The table is full some time; what is refused comes back.
    while s.add(Spec::work("filler", Job::Steps(1))).is_ok() {}
    run(s, now, stubborn);
    loop {
        let Some(id) = s.nodes().next().map(|node| node.id()) else { break };
        assert!(s.remove(id).is_ok());
    }
    let metrics = s.metrics();
    assert_eq!((metrics.nodes, metrics.edges), (0, 0));
    metrics.cranks
}

#[test]
fn nothing_is_allocated_after_construction() {
    let s: Scheduler<Boxed<Job>> = Scheduler::with_capacity(96);
    let mut s = s.observed_by(EventLog::new());
    s.set_wakes(WakeSet::leaked(96, None));
    let mut now = Instant::ZERO;
    let mut cranks = 0;
    let counted = measure(|| {
        for _ in 0..3 {
            cranks = everything(&mut s, &mut now);
        }
        s.shutdown(now);
        let _ = s.poll_work(now);
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    let m = s.metrics();
    assert!(cranks > 500, "{cranks} cranks are no run");
    for (what, count) in [
        ("retries", m.retries),
        ("wakes", m.wakes),
        ("expired", m.expired),
        ("failed", m.failed),
        ("aborted", m.aborted),
        ("blocked", m.blocked),
        ("forced", m.forced),
        ("refused", m.refused),
    ] {
        assert!(count > 0, "{what}: the run has not done everything");
    }
}

/// Construction allocates seven tables and nothing else.
#[test]
fn construction_allocates_its_tables() {
    let mut s = None;
    let counted = measure(|| s = Some(Scheduler::<Boxed<Job>>::with_capacity(96)));
    assert_eq!(counted.count_total, 7);
    let dropped = measure(|| drop(s.take()));
    assert_eq!(dropped.count_current, -7);
}

/// The counter can count, so the test above can fail.
#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(std::hint::black_box(Box::new(1_u64))));
    assert_eq!((counted.count_total, counted.count_current), (1, 0));
}

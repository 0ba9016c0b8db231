//! How much stack `poll_work` takes, at most: trees with a node of every kind, polled through retries, time-outs and aborts.
//!
//! The invariant: it is bounded, and the depth of the tree does not matter, for the engine does not call itself. Two figures: with works
//! that take next to nothing, and with some that act on the tree, whose own frames then count. An observer would come on top of
//! it, as would an interrupt.
//!
//! With the feature `recursive`, one work calls itself for each node above it, which must be found.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::num::NonZeroU32;
use core::time::Duration;

use cortex_m_rt::entry;
use semihosting::println;
use windlass::{
    AbortStep, Check, Cx, Error, Generated, Inline, Instant, Jitter, Next, NodeId, OnFailure, Outcome,
    Reason, Retry, Scheduler, Spec, WakeHandle, Work, wake_set,
};
use windlass_device::{end, stack};

const NODES: usize = 48;
const SHALLOW: u32 = 2;
const DEEP: u32 = 12;
/// Runs are aborted after 0 polls, after 1, and so on, but for the last.
const STOPS: u32 = 100;
/// A run that takes more does not end.
const POLLS: u32 = 2_000;
/// Cranks of a poll.
const BUDGET: NonZeroU32 = NonZeroU32::new(3).unwrap();
const TARGET: &str = if cfg!(board = "microbit") { "thumbv6m" } else { "thumbv7m" };

/// What a poll may take, in bytes. It took 896 and 1,112 on thumbv7m, 1,080 and 1,232 on thumbv6m (rustc 1.95, November 2026);
/// the rest is for other compilers.
const BOUND: usize = 1_536;

type Engine = Scheduler<Inline<Task, NODES, 8>>;

wake_set!(static WAKES: NODES);

/// A work that does the next thing each time it is cranked.
struct Task {
    does: Does,
    step: u32,
    child: Option<NodeId>,
}

#[derive(Clone, Copy)]
enum Does {
    /// Succeeds after a while.
    Step,
    /// Fails in every way before it succeeds.
    Struggle,
    /// Does as its children do.
    Lead,
    /// Waits for wakes, and takes long to clean up.
    Linger,
    /// Does everything to a child that can be done to one.
    Meddle,
    /// Says no before it says yes.
    Doubt,
    /// Yields three items.
    Yield,
}

impl Does {
    const fn spec(self, name: &'static str) -> Spec<Task> {
        Spec::work(name, self.task())
    }

    const fn task(self) -> Task {
        Task { does: self, step: 0, child: None }
    }
}

impl Work for Task {
    fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
        if cfg!(feature = "recursive") {
            climb(cx.view().node(cx.id()).map_or(0, |node| node.depth()));
        }
        self.step += 1;
        match (self.does, self.step) {
            (Does::Step, 1) => Outcome::Running,
            (Does::Step, 2) => Outcome::WaitFor(MILLISECOND),
            (Does::Struggle, 1) => Outcome::Failure(Reason::new("no answer")),
            (Does::Struggle, 2) => Outcome::RetryAfter(MILLISECOND, Reason::new("busy")),
            (Does::Struggle, 3) => Outcome::Waiting, // until it is out of time
            (Does::Struggle, 4) => Outcome::Fatal(Reason::new("broken")),
            (Does::Lead, _) => cx.children().outcome(),
            (Does::Linger, 1..6) => Outcome::Waiting,
            (Does::Meddle, step) => self.meddle(cx, step).unwrap_or_else(|error| panic!("{error}")),
            _ => Outcome::Success,
        }
    }

    fn on_abort(&mut self, _cx: &mut Cx<'_, Self>) -> AbortStep {
        self.step += 1;
        match (self.does, self.step % 4) {
            (Does::Linger, 0) => AbortStep::Running,
            (Does::Linger, 1) => AbortStep::WaitFor(MILLISECOND),
            (Does::Linger, _) => AbortStep::Waiting,
            _ => AbortStep::Done,
        }
    }

    fn on_reset(&mut self, _cx: &mut Cx<'_, Self>) {
        self.child = None;
    }

    #[inline(never)]
    fn on_next(&mut self, cx: &mut Cx<'_, Self>) -> Generated {
        self.step += 1;
        let more = self.step <= 3 && cx.add_child(Does::Step.spec("item")).is_ok();
        if more { Generated::Added } else { Generated::Exhausted }
    }

    fn on_check(&mut self, _cx: &mut Cx<'_, Self>) -> Check {
        self.step += 1;
        match self.step {
            1 => Check::No,
            2 => Check::Fail(Reason::new("no such thing")),
            _ => Check::Yes,
        }
    }
}

impl Task {
    #[inline(never)]
    fn meddle(&mut self, cx: &mut Cx<'_, Self>, step: u32) -> Result<Outcome, Error> {
        let Some(child) = self.child else {
            let child = cx.add_child(Spec::sequence("child").retry(RETRY))?;
            cx.add_below(child, Does::Linger.spec("grandchild").cleanup_timeout(MILLISECOND * 2))?;
            cx.add_below(child, Does::Struggle.spec("grandchild"))?;
            self.child = Some(child);
            return Ok(Outcome::Running);
        };
        match step {
            2 => cx.wake(child)?,
            3 => cx.pause(child)?,
            4 => cx.resume(child)?,
            5 => cx.abort_by(child, cx.now() + MILLISECOND)?,
            6 => return Ok(Outcome::WaitFor(MILLISECOND * 2)),
            7 => cx.restart(child)?,
            8 => cx.add(Does::Step.spec("beside").detached()).map(|_| ())?,
            _ => return Ok(Outcome::Success),
        }
        Ok(Outcome::Running)
    }
}

/// Takes stack for each level.
#[inline(never)]
fn climb(levels: usize) {
    let mut here = [levels; 16];
    black_box(&mut here);
    if let Some(above) = levels.checked_sub(1) {
        climb(above);
    }
    black_box(&mut here);
}

const MILLISECOND: Duration = Duration::from_millis(1);
const RETRY: Retry =
    Retry::times(3).exponential(MILLISECOND, 2, Duration::from_millis(8)).jitter(Jitter::Full);

#[entry]
fn main() -> ! {
    static mut ENGINE: Engine = Scheduler::new();

    ENGINE.set_wakes(&WAKES);
    ENGINE.set_budget(BUDGET);
    let mut passed = true;
    for (what, guest) in [("", Does::Step), (" with works that add and abort", Does::Meddle)] {
        let (Some(shallow), Some(deep)) = (deepest(ENGINE, SHALLOW, guest), deepest(ENGINE, DEEP, guest))
        else {
            end(false)
        };
        println!("stack of poll_work{what}, {TARGET} = {deep}");
        if shallow != deep {
            println!("stack: it depends on the depth, for {SHALLOW} levels take {shallow}");
            passed = false;
        }
        if deep > BOUND {
            println!("stack: that is more than {BOUND}");
            passed = false;
        }
    }
    end(passed)
}

/// The most that any poll takes, over runs that are aborted after so many polls, and one that ends by itself.
fn deepest(engine: &mut Engine, depth: u32, guest: Does) -> Option<usize> {
    let mut most = 0;
    let mut now = Instant::ZERO;
    for stop in 0..=STOPS {
        match run(engine, depth, guest, stop, &mut now) {
            Ok(taken) => most = most.max(taken),
            Err(error) => {
                println!("stack: {error}, {depth} levels deep, aborted after {stop} polls");
                return None;
            }
        }
    }
    Some(most)
}

/// The most that a poll takes in one run.
fn run(engine: &mut Engine, depth: u32, guest: Does, stop: u32, now: &mut Instant) -> Result<usize, Error> {
    let (top, listener) = build(engine, depth, guest)?;
    let mut most = 0;
    for polls in 0..POLLS {
        if polls == stop && stop < STOPS {
            engine.abort_by(top, *now + MILLISECOND * 4)?;
        }
        listener.wake();
        let mut next = Next::Now;
        most = most.max(stack::taken_by(|| next = engine.poll_work(*now)));
        match next {
            Next::Now => {}
            Next::At(at) => *now = at,
            Next::OnWake => *now = *now + MILLISECOND,
            Next::Done => break,
        }
    }
    if engine.next() != Next::Done {
        println!("{}", engine.tree(engine.view().now()));
    }
    engine.remove(top)?;
    Ok(most)
}

/// So many levels, and below them a node of every kind, and a guest.
fn build(engine: &mut Engine, depth: u32, guest: Does) -> Result<(NodeId, WakeHandle), Error> {
    let top = engine.add(Spec::sequence("top").retry(RETRY).cleanup_timeout(MILLISECOND * 8))?;
    let mut level = top;
    for n in 1..depth {
        level = engine.add_below(
            level,
            match n % 4 {
                0 => Spec::sequence("level"),
                1 => Does::Lead.spec("level"),
                2 => Spec::parallel("level"),
                _ => Spec::quorum("level", 1),
            },
        )?;
    }
    let kinds = engine.add_below(level, Spec::parallel("kinds").on_failure(OnFailure::Finish))?;
    let mut add = |parent, spec| engine.add_below(parent, spec);

    let sequence = add(kinds, Spec::sequence("sequence"))?;
    add(sequence, Does::Struggle.spec("struggle").retry(RETRY).timeout(MILLISECOND * 3))?;
    add(sequence, Does::Step.spec("step"))?;
    for several in [Spec::any("any"), Spec::race("race").concurrency(2)] {
        let several = add(kinds, several)?;
        add(several, Does::Linger.spec("linger").cleanup_timeout(MILLISECOND * 3))?;
        add(several, Does::Step.spec("step"))?;
    }
    let batch = add(kinds, Spec::batch("batch", Does::Yield.task()).concurrency(2))?;
    add(kinds, Spec::callback("callback", Does::Doubt.task()).retry(RETRY))?;
    let when = add(kinds, Spec::when("when", Does::Doubt.task()).poll_every(MILLISECOND).retry(RETRY))?;
    add(when, Does::Step.spec("step"))?;
    let after = add(kinds, Spec::after("after", sequence))?;
    add(after, Does::Step.spec("step"))?;
    let after_success = add(kinds, Spec::after_success("after success", batch))?;
    add(after_success, Does::Step.spec("step"))?;
    add(kinds, guest.spec("guest"))?;
    let linger = add(kinds, Does::Linger.spec("linger"))?;

    let graph = add(kinds, Spec::graph("graph"))?;
    let fetch = add(graph, Does::Step.spec("fetch"))?;
    let check = add(graph, Does::Struggle.spec("check").timeout(MILLISECOND))?;
    let flash = engine.add_after(graph, Does::Step.spec("flash"), &[fetch, check])?;
    engine.add_after(graph, Does::Step.spec("boot"), &[flash])?;
    Ok((top, engine.wake_handle(linger)?))
}

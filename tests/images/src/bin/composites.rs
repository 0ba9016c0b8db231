//! Every composite and every way to act on a tree, in one image.

#![no_std]
#![no_main]

use core::cell::Cell;
use core::time::Duration;

use cortex_m::interrupt::{self, Mutex};
use cortex_m_rt::{entry, exception};
use windlass::{
    AbortStep, Check, Cx, Error, Generated, Inline, Jitter, Next, NodeId, OnFailure, Outcome, Reason, Retry,
    Scheduler, Spec, WakeHandle, Work, wake_set,
};
use windlass_images as board;

type Engine = Scheduler<Inline<Task, 32, 8>>;

/// Made by the compiler, not by the processor.
const RETRY: Retry =
    Retry::times(3).exponential(Duration::from_millis(10), 2, Duration::from_secs(1)).jitter(Jitter::Full);

wake_set!(static WAKES: 32);

/// Wakes the work that listens.
static LISTENER: Mutex<Cell<Option<WakeHandle>>> = Mutex::new(Cell::new(None));

/// A work whose every answer depends on the clock.
struct Task {
    left: u32,
}

impl Work for Task {
    fn on_run(&mut self, _cx: &mut Cx<'_, Self>) -> Outcome {
        let Some(left) = self.left.checked_sub(1) else { return Outcome::Success };
        self.left = left;
        match board::ticks() % 8 {
            0 => Outcome::Running,
            1 => Outcome::Waiting,
            2 => Outcome::Failure(Reason::new("no answer")),
            3 => Outcome::Fatal(Reason::new("broken")),
            4 => Outcome::RetryAfter(Duration::from_millis(5), Reason::new("busy")),
            _ => Outcome::WaitFor(Duration::from_millis(20)),
        }
    }

    fn on_abort(&mut self, _cx: &mut Cx<'_, Self>) -> AbortStep {
        match board::ticks() % 4 {
            0 => AbortStep::Running,
            1 => AbortStep::Waiting,
            2 => AbortStep::WaitFor(Duration::from_millis(1)),
            _ => AbortStep::Done,
        }
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self>) -> Generated {
        let left = board::ticks() % 4;
        if left > 0 && cx.add_child(Spec::work("item", Self { left })).is_ok() {
            return Generated::Added;
        }
        Generated::Exhausted
    }

    fn on_check(&mut self, _cx: &mut Cx<'_, Self>) -> Check {
        match board::ticks() % 4 {
            0 => Check::Fail(Reason::new("no such thing")),
            1 => Check::No,
            _ => Check::Yes,
        }
    }
}

#[exception]
fn SysTick() {
    board::tick();
    if let Some(listener) = interrupt::free(|cs| LISTENER.borrow(cs).get()) {
        listener.wake();
    }
}

#[entry]
fn main() -> ! {
    static mut ENGINE: Engine = Scheduler::new();

    board::start_clock();
    ENGINE.set_wakes(&WAKES);
    // A table that is full, or a node that is gone, leaves a smaller tree.
    let job = build(ENGINE).ok();
    loop {
        if let Some(job) = job {
            let _ = interfere(ENGINE, job);
        }
        match ENGINE.poll_work(board::now()) {
            Next::Now => {}
            Next::At(_) | Next::OnWake | Next::Done => board::wait_for_interrupt(),
        }
    }
}

fn task() -> Task {
    Task { left: board::ticks() }
}

/// A tree with a node of every kind.
#[inline(never)]
fn build(engine: &mut Engine) -> Result<NodeId, Error> {
    let job = engine.add(Spec::sequence("job").cleanup_timeout(Duration::from_secs(5)))?;

    let leaf = Spec::work("first", task()).retry(RETRY).timeout(Duration::from_secs(30));
    let first = family(engine, job, leaf, 0)?;
    let handle = engine.wake_handle(first)?;
    interrupt::free(|cs| LISTENER.borrow(cs).set(Some(handle)));

    family(engine, job, Spec::parallel("parallel").concurrency(2).on_failure(OnFailure::Ignore), 3)?;
    family(engine, job, Spec::quorum("quorum", 2).retry(Retry::ONCE), 3)?;
    family(engine, job, Spec::any("any"), 3)?;
    family(engine, job, Spec::race("race"), 3)?;
    family(engine, job, Spec::batch("batch", task()).concurrency(2).item_nodes(1), 0)?;
    family(engine, job, Spec::callback("callback", task()), 0)?;
    family(engine, job, Spec::when("when", task()).poll_every(Duration::from_millis(50)), 1)?;
    family(engine, job, Spec::after("after", first), 1)?;
    family(engine, job, Spec::after_success("after success", first), 1)?;

    let graph = family(engine, job, Spec::graph("graph"), 0)?;
    let fetch = family(engine, graph, Spec::work("fetch", task()), 0)?;
    let check = family(engine, graph, Spec::work("check", task()), 0)?;
    engine.add_after(graph, Spec::work("flash", task()), &[fetch, check])?;
    engine.depend(check, fetch)?;
    Ok(job)
}

/// A node with so many leaves below it.
#[inline(never)]
fn family(engine: &mut Engine, parent: NodeId, spec: Spec<Task>, leaves: u32) -> Result<NodeId, Error> {
    let id = engine.add_below(parent, spec)?;
    for _ in 0..leaves {
        engine.add_below(id, Spec::work("leaf", task()))?;
    }
    Ok(id)
}

/// What an operator might do.
#[inline(never)]
fn interfere(engine: &mut Engine, job: NodeId) -> Result<(), Error> {
    match board::ticks() {
        1_000 => engine.pause(job),
        2_000 => engine.resume(job),
        3_000 => engine.wake(job),
        4_000 => engine.abort(job),
        5_000 => engine.abort_by(job, board::now()),
        6_000 => {
            engine.shutdown(board::now());
            Ok(())
        }
        _ => Ok(()),
    }
}

//! Every composite and every way to act on a tree, in one image.

#![no_std]
#![no_main]

use core::cell::Cell;
use core::time::Duration;

use cortex_m::interrupt::{self, Mutex};
use cortex_m_rt::{entry, exception};
use windlass::{
    Abort, Check, Cx, Error, Inline, Jitter, Next, NodeId, OnFailure, Outcome, Reason, Retry, Scheduler,
    Spec, WakeHandle, Work, Yield, wake_set,
};
use windlass_images as board;

type Engine = Scheduler<Task, Inline<Task, 32, 8>>;

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
            _ => Outcome::Sleep(Duration::from_millis(20)),
        }
    }

    fn on_abort(&mut self, _cx: &mut Cx<'_, Self>) -> Abort {
        match board::ticks() % 4 {
            0 => Abort::Again,
            1 => Abort::Wake,
            2 => Abort::Sleep(Duration::from_millis(1)),
            _ => Abort::Done,
        }
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self>) -> Yield {
        let left = board::ticks() % 4;
        if left > 0 && cx.add_child(Spec::work("item", Self { left })).is_ok() {
            return Yield::Added;
        }
        Yield::Exhausted
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

fn leaf() -> Spec<Task> {
    Spec::work("leaf", task())
}

/// A tree with a node of every kind.
fn build(engine: &mut Engine) -> Result<NodeId, Error> {
    let job = engine.add(Spec::sequence("job").drain(Duration::from_secs(5)))?;

    let retry = Retry::times(3).exponential(Duration::from_millis(10), 2, Duration::from_secs(1));
    let retry = retry.jitter(Jitter::Full);
    let first = engine.add_child(job, leaf().retry(retry).timeout(Duration::from_secs(30)))?;
    let handle = engine.wake_handle(first)?;
    interrupt::free(|cs| LISTENER.borrow(cs).set(Some(handle)));

    for spec in [
        Spec::parallel("parallel").width(2).on_failure(OnFailure::Ignore),
        Spec::quorum("quorum", 2).retry(Retry::ONCE),
        Spec::any("any"),
        Spec::race("race"),
    ] {
        let group = engine.add_child(job, spec)?;
        for _ in 0..3 {
            engine.add_child(group, leaf())?;
        }
    }

    engine.add_child(job, Spec::batch("batch", task()).width(2).item_nodes(1))?;
    engine.add_child(job, Spec::callback("callback", task()))?;

    for gate in [
        Spec::when("when", task()).poll_every(Duration::from_millis(50)),
        Spec::after("after", first),
        Spec::after_success("after success", first),
    ] {
        let gate = engine.add_child(job, gate)?;
        engine.add_child(gate, leaf())?;
    }

    let graph = engine.add_child(job, Spec::graph("graph"))?;
    let fetch = engine.add_child(graph, leaf())?;
    let check = engine.add_child(graph, leaf())?;
    let flash = engine.add_after(graph, leaf(), &[fetch, check])?;
    engine.depend(check, fetch)?;
    let _ = flash;
    Ok(job)
}

/// What an operator might do.
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

//! Everything that can happen to a node, logged; then values of the other types that have a format.
//!
//! What the log must say is written in `expected.txt`. The time is virtual, so that every run logs the same.

#![no_std]
#![no_main]

use core::time::Duration;

use cortex_m as _;
use cortex_m_rt::entry;
use defmt::info;
use defmt_semihosting as _;
use semihosting::process;
use windlass::{
    AbortCause, AbortStep, Check, Children, Cx, DefmtLog, Error, Event, EventKind, Failure, Generated,
    Inline, Instant, Jitter, Kind, Next, NodeId, OnFailure, Outcome, Reason, Refused, Retry, Scheduler, Spec,
    State, Status, Transition, Verbosity, Work,
};

enum Task {
    Done,
    Fails {
        left: u32,
    },
    Wrong,
    Stuck,
    /// Adds children until it is refused.
    Greedy,
}

impl Work for Task {
    fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
        match self {
            Self::Done | Self::Fails { left: 0 } => Outcome::Success,
            Self::Fails { left } => {
                *left -= 1;
                Outcome::Failure(Reason::new("no answer"))
            }
            Self::Wrong => Outcome::Fatal(Reason::new("wrong hash").with_code(17)),
            Self::Stuck => Outcome::Waiting,
            Self::Greedy if cx.children().total() == 0 => {
                let child = || Spec::work("child", Self::Stuck).cleanup_timeout(Duration::from_secs(1));
                while cx.add_child(child()).is_ok() {}
                Outcome::Running
            }
            Self::Greedy => Outcome::Success,
        }
    }

    fn on_abort(&mut self, _: &mut Cx<'_, Self>) -> AbortStep {
        if matches!(self, Self::Stuck) { AbortStep::Waiting } else { AbortStep::Done }
    }
}

type Tasks = Scheduler<Inline<Task, 6>, DefmtLog>;

#[entry]
fn main() -> ! {
    let mut s = Scheduler::<Inline<Task, 6>>::new().observed_by(DefmtLog);
    let ran = sequence(&mut s).and_then(|()| timeout(&mut s)).and_then(|()| full(&mut s));
    info!("{}", ran);
    values();
    info!("{}", s.metrics());
    process::exit(0)
}

/// A retry, a failure for good, and what follows from it; a pause meanwhile.
fn sequence(s: &mut Tasks) -> Result<(), Error> {
    let job = s.add(Spec::sequence("job"))?;
    let flaky = Spec::work("flaky", Task::Fails { left: 1 }).retry(Retry::A_FEW);
    let flaky = s.add_below(job, flaky)?;
    s.add_below(job, Spec::when("gate", Task::Done))?;
    s.add_below(job, Spec::work("wrong", Task::Wrong))?;
    s.add_below(job, Spec::work("never", Task::Done))?;
    s.pause(flaky)?;
    s.resume(flaky)?;
    drive(s, Instant::ZERO);
    s.remove(job).map(drop)
}

/// A timeout, and an abort that has to be forced.
fn timeout(s: &mut Tasks) -> Result<(), Error> {
    let now = Instant::from_secs(100);
    let late = s.add(Spec::work("late", Task::Stuck).timeout(Duration::from_millis(2_500)))?;
    let stuck = s.add(Spec::work("stuck", Task::Stuck))?;
    let now = drive(s, now);
    s.abort_by(stuck, now + Duration::from_micros(1))?;
    drive(s, now);
    s.remove(late)?;
    s.remove(stuck).map(drop)
}

/// A table that is too small; the children are aborted when their parent is done, and have to be forced.
fn full(s: &mut Tasks) -> Result<(), Error> {
    let greedy = s.add(Spec::work("greedy", Task::Greedy))?;
    drive(s, Instant::from_secs(200));
    s.remove(greedy).map(drop)
}

fn drive(s: &mut Tasks, mut now: Instant) -> Instant {
    loop {
        match s.poll_work(now) {
            Next::Now => {}
            Next::At(at) => now = at,
            Next::OnWake | Next::Done => return now,
        }
    }
}

fn values() {
    fn has_a_format<T: defmt::Format>() {}
    has_a_format::<(AbortCause, Check, Verbosity, Event, Failure)>();
    has_a_format::<(Refused<()>, Status, EventKind, Generated)>();

    let time = Duration::from_nanos(2_500_001);
    let reason = Reason::new("text").with_code(7);
    let policy = Retry::times(3).constant(time).jitter(Jitter::PlusMinus(5)).within(time);
    info!("{} {}", NodeId::from_bits(2 << 32 | 7), NodeId::from_bits(0));
    info!("{} {} {}", Outcome::WaitFor(time), Outcome::RetryAfter(time, reason), Outcome::Fatal(reason));
    info!(
        "{} {} {}",
        AbortStep::WaitFor(time),
        AbortStep::Running,
        Children { live: 1, ..Children::default() }
    );
    info!(
        "{} {} {}",
        Next::At(Instant::from_micros(12_500_000)),
        Next::OnWake,
        Error::WrongState(State::Waiting)
    );
    info!("{} {}", Retry::NEVER, policy);
    let (there, back) = (State::Running, State::Success);
    info!("{} {}", Transition::between(there, back), Transition::between(back, there));
    info!("{} {} {}", Spec::work("fetch", ()), Kind::AfterSuccess, OnFailure::Ignore);
}

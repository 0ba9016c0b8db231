//! Programs read from bytes, for the fuzzer.
//!
//! The invariant: any bytes are a program, a byte more or less at the end is a step more or less, and each byte decides one small thing: so
//! what the fuzzer does to the bytes does something like it to the program. Once there are no more, every byte is 0, and 0 is the simplest.

use std::time::Duration;

use windlass::{AbortStep, Check, Instant, OnFailure, Outcome, Reason};

use crate::program::{Deed, Item, Plan, Program, Retries, Say, Shape, Step, Turn};

/// Steps of a program.
const STEPS: usize = 200;

/// The program that these bytes are.
pub(crate) fn program(bytes: &[u8]) -> Program {
    let mut bytes = Bytes(bytes);
    let (capacity, edges) = (1 + bytes.below(40) as usize, bytes.below(30) as usize);
    let budget = if bytes.chance(50) { 256 } else { 1 + u32::from(bytes.below(7)) };
    let seed = u64::from(bytes.next());
    let plans = (0..=bytes.below(7)).map(|_| bytes.plan()).collect();
    let mut steps = Vec::new();
    while !bytes.0.is_empty() && steps.len() < STEPS {
        steps.push(bytes.step());
    }
    Program { capacity, edges, budget, seed, plans, steps }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, end: u8) -> u8 {
        self.next() % end
    }

    /// So many times in 256.
    fn chance(&mut self, times: u8) -> bool {
        self.next() > u8::MAX - times
    }

    fn maybe<T>(&mut self, times: u8, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance(times) { Some(value(self)) } else { None }
    }

    /// Mostly a few milliseconds, so that times meet.
    fn time(&mut self) -> Duration {
        match self.below(16) {
            14 => Duration::from_nanos(u64::from(self.next()) * 11_111),
            15 => Duration::MAX,
            millis => Duration::from_millis(u64::from(millis % 7)),
        }
    }

    fn reason(&mut self) -> Reason {
        match self.below(4) {
            3 => Reason::CHILD_FAILED,
            code => Reason::new("as told").with_code(u32::from(code)),
        }
    }

    fn plan(&mut self) -> Plan {
        let shape = self.shape();
        let retry = Retries {
            budget: u16::from(self.below(3)),
            delay: self.time(),
            jitter: self.chance(128),
            within: self.maybe(50, Self::time),
        };
        let places = self.maybe(80, Self::next);
        Plan {
            shape,
            retry,
            width: places.map(|byte| u32::from(byte % 4)),
            lends: places.and_then(|byte| [None, Some(true), Some(false)][usize::from(byte / 4 % 3)]),
            on_failure: self.maybe(80, |bytes| match bytes.below(3) {
                0 => OnFailure::Stop,
                1 => OnFailure::Finish,
                _ => OnFailure::Ignore,
            }),
            timeout: self.maybe(40, Self::time),
            drain: self.maybe(40, Self::time),
            paused: self.chance(16),
            detached: self.chance(25),
            turns: (0..self.below(12)).map(|_| self.turn()).collect(),
        }
        .useful()
    }

    fn shape(&mut self) -> Shape {
        match self.below(16) {
            1 => Shape::Sequence,
            2 => Shape::Parallel,
            3 => Shape::Quorum(u32::from(self.below(4))),
            4 => Shape::Race,
            5 => Shape::Callback,
            6 => Shape::Batch { item_nodes: u32::from(self.below(3)) },
            7 => Shape::When { poll_every: self.time() },
            8 => Shape::After(self.next()),
            9 => Shape::AfterSuccess(self.next()),
            10 | 11 => Shape::Graph,
            _ => Shape::Work,
        }
    }

    fn turn(&mut self) -> Turn {
        Turn {
            deed: self.maybe(80, Self::deed),
            run: match self.below(11) {
                0 => Say::This(Outcome::Running),
                1 => Say::This(Outcome::Success),
                2 => Say::Children,
                3 => Say::This(Outcome::Waiting),
                4 => Say::This(Outcome::WaitFor(self.time())),
                5 => Say::This(Outcome::Failure(self.reason())),
                6 => Say::This(Outcome::Fatal(self.reason())),
                8 => Say::This(Outcome::Sleep(self.time())),
                9 => Say::This(Outcome::SleepUntil(Instant::ZERO + self.time())),
                10 => Say::This(Outcome::Skipped),
                _ => Say::This(Outcome::RetryAfter(self.time(), self.reason())),
            },
            abort: match self.below(6) {
                3 => AbortStep::Running,
                4 => AbortStep::Waiting,
                5 => AbortStep::WaitFor(self.time()),
                _ => AbortStep::Done,
            },
            check: match self.below(7) {
                3..6 => Check::No,
                6 => Check::Fail(self.reason()),
                _ => Check::Yes,
            },
            item: match self.below(6) {
                0 => Item::None,
                1 => Item::Lie,
                _ => Item::Add(self.next()),
            },
        }
    }

    fn deed(&mut self) -> Deed {
        match self.below(20) {
            0 => Deed::AddHere(self.next()),
            1 => Deed::AddBelow(self.next(), self.next()),
            2 => Deed::AddTop(self.next()),
            3 | 4 => Deed::Depend(self.next(), self.next(), self.next()),
            5 => Deed::Wake(self.next()),
            6 => Deed::Abort(self.next()),
            7 => Deed::AbortBy(self.next(), self.time()),
            8 => Deed::Pause(self.next()),
            9 => Deed::Resume(self.next()),
            10 => Deed::Restart(self.next()),
            11 | 12 => Deed::TakeHandle(self.next()),
            13 | 14 => Deed::Raise(self.next()),
            15 => Deed::WakeSelf,
            16 => Deed::AbortSelf,
            17 => Deed::AbortSelfBy(self.time()),
            18 => Deed::PauseSelf,
            _ => Deed::Panic,
        }
    }

    fn step(&mut self) -> Step {
        match self.below(32) {
            0..6 => Step::Crank,
            6..9 => Step::Poll,
            9..16 => Step::Do(self.deed()),
            16..20 => Step::Do(Deed::AddBelow(self.next(), self.next())),
            20 | 21 => Step::Do(Deed::AddTop(self.next())),
            22 | 23 => {
                let (graph, plan) = (self.next(), self.next());
                Step::AddAfter(graph, plan, (0..self.below(4)).map(|_| self.next()).collect())
            }
            24 => Step::Remove(self.next()),
            25 => Step::Do(Deed::Raise(self.next())),
            26 | 27 => Step::Pass(self.time()),
            28 | 29 => Step::Jump,
            30 => Step::Back(self.time()),
            _ => match self.below(4) {
                0 => Step::Forever,
                1 => Step::Shutdown(None),
                _ => Step::Shutdown(Some(self.time())),
            },
        }
    }
}

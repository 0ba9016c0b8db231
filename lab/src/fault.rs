//! Faults, and the script that says where they strike.
//!
//! The invariant: a fault strikes in place of one call of a work, and the engine cannot tell it from what the work itself might have said. Which
//! call that is follows from names, attempts and counts alone, so a script strikes at the same places in every run. Panics are real ones, caught
//! around the poll, and so need a target with a standard library.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use windlass::{NodeId, Reason, door};

/// What a node that fails by a fault gives as its reason.
pub const INJECTED: Reason = Reason::new("injected by the lab");

/// What can strike a call of a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The step fails, as with [`Outcome::Failure`](windlass::Outcome::Failure); the work is not called. A question fails too.
    Fail,
    /// The step fails for good, as with [`Outcome::Fatal`](windlass::Outcome::Fatal); the work is not called. A generator, which has no such answer,
    /// says that it has added what it has not, and so fails with [`Reason::NOTHING_ADDED`].
    FailForGood,
    /// The step, or the step of an abort, comes so much later; if it is woken earlier, at that time.
    Delay(Duration),
    /// The step is done, and then the node is woken for nothing.
    Wake,
    /// The call panics. Where there is no standard library to catch it, the test does.
    Panic,
}

impl Fault {
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Fail => 1,
            Self::FailForGood => 2,
            Self::Delay(_) => 3,
            Self::Wake => 4,
            Self::Panic => 5,
        }
    }

    pub(crate) const fn from_tag(tag: u8, delay: Duration) -> Option<Self> {
        Some(match tag {
            1 => Self::Fail,
            2 => Self::FailForGood,
            3 => Self::Delay(delay),
            4 => Self::Wake,
            5 => Self::Panic,
            _ => return None,
        })
    }

    /// Whether it can strike this kind of call.
    const fn suits(self, call: Call) -> bool {
        match self {
            Self::Fail => matches!(call, Call::Run | Call::Check),
            Self::FailForGood => matches!(call, Call::Run | Call::Check | Call::Next),
            Self::Delay(_) => matches!(call, Call::Run | Call::Abort),
            Self::Wake | Self::Panic => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail => f.write_str("fail"),
            Self::FailForGood => f.write_str("fail for good"),
            Self::Delay(delay) => write!(f, "delay by {}", door::human(*delay)),
            Self::Wake => f.write_str("wake for nothing"),
            Self::Panic => f.write_str("panic"),
        }
    }
}

/// Where a fault of the script strikes. What is not said here does not matter: `At::name("fetch")` is every step of every attempt.
///
/// ```
/// use windlass_lab::At;
/// let third_step_of_the_retry = At::name("fetch").attempt(2).step(3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct At {
    name: Option<&'static str>,
    node: Option<NodeId>,
    attempt: Option<u32>,
    step: Option<u32>,
    aborting: bool,
    hook: Option<Hook>,
}

/// The hooks of a work, which have no answer: what can strike them is a panic, or a wake for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// [`Work::on_reset`](windlass::Work::on_reset).
    Reset,
    /// [`Work::on_success`](windlass::Work::on_success).
    Success,
    /// [`Work::on_failure_retry`](windlass::Work::on_failure_retry).
    FailureRetry,
    /// [`Work::on_failure_raise`](windlass::Work::on_failure_raise).
    FailureRaise,
}

impl At {
    const ANY: Self = Self { name: None, node: None, attempt: None, step: None, aborting: false, hook: None };

    /// At the nodes of this name.
    pub const fn name(name: &'static str) -> Self {
        Self { name: Some(name), ..Self::ANY }
    }

    /// At this node.
    pub const fn node(node: NodeId) -> Self {
        Self { node: Some(node), ..Self::ANY }
    }

    /// Only in this attempt, counted from 1.
    pub const fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// Only in this step of the attempt, counted from 1: a call of `on_run`, `on_next` or `on_check`.
    pub const fn step(mut self, step: u32) -> Self {
        self.step = Some(step);
        self
    }

    /// While the node is aborting, and there alone: steps are then calls of `on_abort`.
    pub const fn aborting(mut self) -> Self {
        self.aborting = true;
        self
    }

    /// In this hook, and there alone. Hooks are no steps, and only a script strikes them: the searches strike what has an answer.
    pub const fn hook(mut self, hook: Hook) -> Self {
        self.hook = Some(hook);
        self
    }
}

/// The calls that a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Run,
    Next,
    Check,
    Abort,
    Hook(Hook),
}

/// One call, as far as a script is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub name: &'static str,
    pub node: NodeId,
    pub attempt: u32,
    pub step: u32,
    pub call: Call,
    /// It was delayed already.
    pub delayed: bool,
}

/// Where which fault strikes, and what strikes next wherever that is.
#[derive(Debug, Default)]
pub(crate) struct Script {
    lines: Vec<(At, Fault, u64)>,
    next: Option<Fault>,
}

impl Script {
    pub(crate) fn add(&mut self, at: At, fault: Fault) {
        self.lines.push((at, fault, 0));
    }

    pub(crate) fn strike_next(&mut self, fault: Fault) {
        self.next = Some(fault);
    }

    /// The lines that have struck nothing.
    pub(crate) fn idle(&self) -> impl Iterator<Item = (At, Fault)> {
        self.lines.iter().filter(|line| line.2 == 0).map(|line| (line.0, line.1))
    }

    /// What strikes this call: the first line of the script that says so.
    pub(crate) fn look_up(&mut self, place: &Place) -> Option<Fault> {
        let is_hook = matches!(place.call, Call::Hook(_));
        if let Some(fault) = self.next.take_if(|fault| !is_hook && fault.suits(place.call)) {
            return Some(fault);
        }
        let strikes = |(at, fault, _): &&mut (At, Fault, u64)| {
            at.name.is_none_or(|name| name == place.name)
                && at.node.is_none_or(|node| node == place.node)
                && at.attempt.is_none_or(|attempt| attempt == place.attempt)
                && at.step.is_none_or(|step| step == place.step)
                && at.hook == (if let Call::Hook(hook) = place.call { Some(hook) } else { None })
                && (is_hook || at.aborting == (place.call == Call::Abort))
                && fault.suits(place.call)
                && !(place.delayed && matches!(fault, Fault::Delay(_)))
        };
        let line = self.lines.iter_mut().find(strikes)?;
        line.2 += 1;
        Some(line.1)
    }
}

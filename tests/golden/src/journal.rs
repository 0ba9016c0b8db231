//! Writes the trace: one line for each event, each with its reason.
//!
//! The invariant: every event of the engine is written, in order, as the engine displays it. What is added is why: a change of state has the last
//! thing that could have led to it, which is what the work said, what ended, what was asked for from outside, or the time.

use core::cell::{Cell, RefCell};
use core::fmt::{self, Write};

use windlass::{
    AbortCause, AbortStep, Check, Event, EventKind, Generated, Instant, NodeId, Observer, Outcome, Reason,
    Transition,
};

/// The trace in the making.
pub(crate) struct Journal<'o> {
    out: RefCell<&'o mut dyn Write>,
    failed: Cell<bool>,
    why: Cell<Why>,
    /// The node whose line `cranked` waits for what its work says.
    open: Cell<Option<NodeId>>,
}

/// A hand on the journal: the observer of the scheduler, and the application of its works.
#[derive(Clone, Copy)]
pub(crate) struct Pen<'o>(&'o Journal<'o>);

/// What a work said.
#[derive(Clone, Copy)]
pub(crate) enum Said {
    Run(Outcome),
    Abort(AbortStep),
    Check(Check),
    Next(Generated),
}

/// The last thing that could have led to a change of state.
#[derive(Clone, Copy)]
enum Why {
    Time,
    Outside(&'static str),
    Said(NodeId, &'static str, Said),
    Failed(Reason),
    Abort(AbortCause),
    Retry,
    TimedOut,
    Forced,
    Opened,
    Ended(&'static str),
}

impl<'o> Journal<'o> {
    pub(crate) fn new(out: &'o mut dyn Write) -> Self {
        Self {
            out: RefCell::new(out),
            failed: Cell::new(false),
            why: Cell::new(Why::Time),
            open: Cell::new(None),
        }
    }

    pub(crate) fn pen(&'o self) -> Pen<'o> {
        Pen(self)
    }

    /// Whether everything was written.
    pub(crate) fn result(&self) -> fmt::Result {
        if self.failed.get() { Err(fmt::Error) } else { Ok(()) }
    }

    /// After an error nothing more is written: half a line would be of no use to anybody.
    fn write(&self, text: fmt::Arguments<'_>) {
        if !self.failed.get() && self.out.borrow_mut().write_fmt(text).is_err() {
            self.failed.set(true);
        }
    }
}

impl Pen<'_> {
    /// A line of its own.
    pub(crate) fn line(&self, text: fmt::Arguments<'_>) {
        if self.0.open.take().is_some() {
            self.0.write(format_args!("\n"));
        }
        self.0.write(format_args!("{text}\n"));
    }

    /// Lines that bring their own ends.
    pub(crate) fn lines(&self, text: fmt::Arguments<'_>) {
        self.0.write(text);
    }

    /// Something is done to the scheduler from outside.
    pub(crate) fn outside(&self, now: Instant, what: &'static str) {
        self.0.why.set(Why::Outside(what));
        self.line(format_args!("{now} outside: {what}"));
    }

    /// The clock was moved.
    pub(crate) fn time_passes(&self) {
        self.0.why.set(Why::Time);
    }

    /// What the work of a node says at the end of a crank: goes on the line of the crank, unless something happened since.
    pub(crate) fn says(&self, now: Instant, node: NodeId, name: &'static str, said: Said) {
        self.0.why.set(Why::Said(node, name, said));
        if self.0.open.take() == Some(node) {
            self.0.write(format_args!(": {said}\n"));
        } else {
            self.line(format_args!("{now} {node} {name}: {said}"));
        }
    }

    fn reason(&self, event: &Event, moved: Transition) -> Reasoned {
        Reasoned { why: self.0.why.get(), node: event.node, number: moved.number }
    }
}

impl Observer for Pen<'_> {
    fn on_event(&mut self, event: &Event) {
        let why = match event.kind {
            EventKind::Cranked => {
                if self.0.open.replace(Some(event.node)).is_some() {
                    self.0.write(format_args!("\n"));
                }
                self.0.write(format_args!("{event}"));
                return;
            }
            EventKind::Moved(moved) => {
                self.line(format_args!("{event} ({})", self.reason(event, moved)));
                if moved.to.is_done() {
                    self.0.why.set(Why::Ended(event.name));
                }
                return;
            }
            EventKind::Retry { .. } => Some(Why::Retry),
            EventKind::Failed(failure) => Some(Why::Failed(failure.reason)),
            EventKind::AbortBegan { cause, .. } => Some(Why::Abort(cause)),
            EventKind::Forced => Some(Why::Forced),
            EventKind::TimedOut => Some(Why::TimedOut),
            EventKind::Opened => Some(Why::Opened),
            _ => None,
        };
        self.line(format_args!("{event}"));
        if let Some(why) = why {
            self.0.why.set(why);
        }
    }
}

/// Why a node changed its state, in words.
struct Reasoned {
    why: Why,
    node: NodeId,
    number: u8,
}

impl fmt::Display for Reasoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.why) {
            (1, _) => f.write_str("its turn has come"),
            (12 | 13 | 16, Why::Outside(what)) => f.write_str(what),
            (12 | 13 | 16, _) => f.write_str("made new"),
            (15, Why::Abort(_)) => f.write_str("it had not started"),
            (11, _) => f.write_str("until the next attempt"),
            (4, Why::Said(node, _, said)) if node == self.node => said.fmt(f),
            (4, _) => f.write_str("the gate is shut"),
            (_, Why::Time) => f.write_str("it is time"),
            (_, Why::Outside(what)) => f.write_str(what),
            (_, Why::Said(node, _, said)) if node == self.node => said.fmt(f),
            (_, Why::Said(_, name, _)) => write!(f, "{name} has run"),
            (_, Why::Failed(reason)) => reason.fmt(f),
            (_, Why::Abort(cause)) => cause.fmt(f),
            (_, Why::Retry) => f.write_str("another attempt"),
            (_, Why::TimedOut) => f.write_str("out of time"),
            (_, Why::Forced) => f.write_str("no time left to clean up"),
            (_, Why::Opened) => f.write_str("the gate is open"),
            (_, Why::Ended(name)) => write!(f, "{name} has ended"),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(Outcome::Running) => f.write_str("more to do"),
            Self::Run(Outcome::Waiting) => f.write_str("waits for a wake"),
            Self::Run(Outcome::WaitFor(time)) => write!(f, "sleeps for {time:?}"),
            Self::Run(Outcome::Success) => f.write_str("done"),
            Self::Run(Outcome::Failure(reason)) => write!(f, "fails, {reason}"),
            Self::Run(Outcome::Fatal(reason)) => write!(f, "fails for good, {reason}"),
            Self::Run(Outcome::RetryAfter(time, reason)) => {
                write!(f, "fails, {reason}, come back in {time:?}")
            }
            Self::Abort(AbortStep::Done) => f.write_str("clean"),
            Self::Abort(AbortStep::Running) => f.write_str("cleans up, more to do"),
            Self::Abort(AbortStep::Waiting) => f.write_str("cleans up, waits for a wake"),
            Self::Abort(AbortStep::WaitFor(time)) => write!(f, "cleans up, sleeps for {time:?}"),
            Self::Check(Check::Yes) => f.write_str("yes"),
            Self::Check(Check::No) => f.write_str("no"),
            Self::Check(Check::Fail(reason)) => write!(f, "fails, {reason}"),
            Self::Next(Generated::Added) => f.write_str("here is one"),
            Self::Next(Generated::Exhausted) => f.write_str("no more"),
            // Answers that the engine may learn one day.
            Self::Run(other) => write!(f, "{other:?}"),
            Self::Abort(other) => write!(f, "{other:?}"),
        }
    }
}

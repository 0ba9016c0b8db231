//! Events and values for defmt, the logger of firmware: what cannot be derived, and an observer that logs.
//!
//! The invariant: a logged [`Event`] says what its display says, without code for formatting on the device. What has no times and no texts of its
//! own derives its format where it is defined, and shows names as they are in the code. There is no logger and no time stamp here: those are
//! the firmware's. Nor is any of this there on a host: the texts are symbols, and a host's linker would not take them for what they are. What a
//! device logs is tested with `tests/log`.

use core::time::Duration;

use defmt::{Format, Formatter, debug, error, info, trace, warn, write};

use crate::error::Refused;
use crate::id::NodeId;
use crate::label::Label;
use crate::observe::{Event, EventKind, Observer};
use crate::reason::Reason;
use crate::span::Span;
use crate::spec::Spec;
use crate::state::{IllegalTransition, Transition};
use crate::time::{Instant, micros_ceil};
use crate::work::{AbortStep, Outcome};

/// Logs each event through defmt, one line each, for [`Scheduler::observed_by`](crate::Scheduler::observed_by).
///
/// Failures are errors. Retries, timeouts, forced ends and full tables are warnings. Ends, aborts, pauses and opened gates are
/// information; additions and freed slots are for debugging, and every other change of state and each crank is traced. `DEFMT_LOG` says, when
/// the firmware is built, what of that is kept: `windlass=info`, say. The default of defmt is errors only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DefmtLog;

impl Observer for DefmtLog {
    fn on_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::Failed(_) => error!("{}", event),
            EventKind::Retry { .. } | EventKind::TimedOut | EventKind::Forced | EventKind::Full => {
                warn!("{}", event);
            }
            EventKind::Moved(transition) if transition.to.is_done() => info!("{}", event),
            EventKind::AbortBegan { .. } | EventKind::Paused(_) | EventKind::Opened => info!("{}", event),
            EventKind::Added(_) | EventKind::Freed => debug!("{}", event),
            EventKind::Moved(_) | EventKind::Cranked => trace!("{}", event),
        }
    }
}

/// `12.500000 7v2 fetch: Running -> Waiting`
impl Format for Event {
    fn format(&self, f: Formatter<'_>) {
        let Self { at, node, name, tag, kind } = *self;
        let label = Label { name, tag };
        match kind {
            EventKind::Failed(failure) if failure.origin == node => {
                write!(f, "{} {} {}: failed: {}", at, node, label, failure.reason);
            }
            kind => write!(f, "{} {} {}: {}", at, node, label, kind),
        }
    }
}

/// `checkpoint #17`
impl Format for Label {
    fn format(&self, f: Formatter<'_>) {
        match self.tag {
            Some(tag) => write!(f, "{=str} #{=u32}", self.name, tag),
            None => write!(f, "{=str}", self.name),
        }
    }
}

impl Format for EventKind {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Added(None) => write!(f, "added"),
            Self::Added(Some(parent)) => write!(f, "added below {}", parent),
            Self::Cranked => write!(f, "cranked"),
            Self::Moved(transition) => write!(f, "{}", transition),
            Self::Retry { attempt, delay, failure } => {
                write!(f, "attempt {=u32} in {}: {}", attempt, Time(*delay), failure.reason);
            }
            Self::Failed(failure) => write!(f, "failed: {} at {}", failure.reason, failure.origin),
            Self::AbortBegan { cause, by: None } => write!(f, "abort: {}", cause),
            Self::AbortBegan { cause, by: Some(by) } => write!(f, "abort: {}, by {}", cause, by),
            Self::Forced => write!(f, "forced to end"),
            Self::TimedOut => write!(f, "timed out"),
            Self::Opened => write!(f, "gate opened"),
            Self::Paused(true) => write!(f, "paused"),
            Self::Paused(false) => write!(f, "resumed"),
            Self::Freed => write!(f, "freed"),
            Self::Full => write!(f, "refused a child: table full"),
        }
    }
}

/// `12.500000`, in seconds.
impl Format for Instant {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=u64:us}", self.as_micros());
    }
}

/// `7v2`
impl Format for NodeId {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=u32}v{=u32}", self.index(), self.generation());
    }
}

/// `wrong hash (17)`
impl Format for Reason {
    fn format(&self, f: Formatter<'_>) {
        match self.code() {
            0 => write!(f, "{=str}", self.text()),
            number => write!(f, "{=str} ({=u32})", self.text(), number),
        }
    }
}

/// `Running -> Waiting`
impl Format for Transition {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{} -> {}", self.from, self.to);
    }
}

/// `a Success node cannot become Running`
impl Format for IllegalTransition {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "a {} node cannot become {}", self.from, self.to);
    }
}

impl Format for Outcome {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Running => write!(f, "Running"),
            Self::Waiting => write!(f, "Waiting"),
            Self::WaitFor(time) => write!(f, "WaitFor({})", Time(*time)),
            Self::Sleep(time) => write!(f, "Sleep({})", Time(*time)),
            Self::SleepUntil(time) => write!(f, "SleepUntil({})", time),
            Self::Success => write!(f, "Success"),
            Self::Skipped => write!(f, "Skipped"),
            Self::Failure(reason) => write!(f, "Failure({})", reason),
            Self::Fatal(reason) => write!(f, "Fatal({})", reason),
            Self::RetryAfter(time, reason) => write!(f, "RetryAfter({}, {})", Time(*time), reason),
        }
    }
}

impl Format for AbortStep {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Done => write!(f, "Done"),
            Self::Running => write!(f, "Running"),
            Self::Waiting => write!(f, "Waiting"),
            Self::WaitFor(time) => write!(f, "WaitFor({})", Time(*time)),
        }
    }
}

/// `Spec("fetch")`
impl<W> Format for Spec<W> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Spec({=str:?})", self.name());
    }
}

/// `cannot add "fetch": Full`
impl<W> Format for Refused<W> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "cannot add {=str:?}: {}", self.spec.name(), self.error);
    }
}

impl Format for Span {
    fn format(&self, f: Formatter<'_>) {
        if self.is_forever() {
            write!(f, "forever");
        } else {
            write!(f, "{=u64:us} s", self.micros());
        }
    }
}

/// `12.500000 s`, rounded up as everywhere: defmt has no format for durations.
struct Time(Duration);

impl Format for Time {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=u64:us} s", micros_ceil(self.0));
    }
}

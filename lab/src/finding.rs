//! What a run found: which oracle did not hold, and everything that is needed to see it again.
//!
//! The invariant: the log in it, taken by a lab that the same scenario built, leads to the same violation.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use windlass::{Event, Instant, Work};

use crate::log::Log;
use crate::oracle::Violation;
use crate::order::Outside;
use crate::run::Lab;

/// Events that are shown.
const SHOWN: usize = 12;

/// An oracle did not hold. Displayed, it says which, after which inputs, and how the tree looked.
#[derive(Clone)]
pub struct Finding(Box<Parts>);

#[derive(Clone)]
struct Parts {
    violation: Violation,
    step: usize,
    at: Instant,
    log: Log,
    shrunk_from: Option<u64>,
    tree: String,
    events: Vec<Event>,
}

impl Finding {
    pub(crate) fn new<W, A>(lab: &Lab<W, A>, violation: Violation) -> Self
    where
        W: Work<W, A>,
        A: Outside,
    {
        let events = lab.trail().events();
        Self(Box::new(Parts {
            violation,
            step: lab.trail().steps(),
            at: lab.now(),
            log: lab.log().clone(),
            shrunk_from: None,
            tree: lab.tree().to_string(),
            events: events.get(events.len().saturating_sub(SHOWN)..).unwrap_or_default().to_vec(),
        }))
    }

    /// The same finding, whose log was this many steps long before it was shrunk.
    pub(crate) fn shrunk_from(mut self, steps: u64) -> Self {
        self.0.shrunk_from = Some(steps);
        self
    }

    /// What did not hold.
    #[must_use]
    pub fn violation(&self) -> Violation {
        self.0.violation
    }

    /// The step after which it did not hold.
    #[must_use]
    pub fn step(&self) -> usize {
        self.0.step
    }

    /// The inputs that lead there.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.0.log
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { violation, step, at, log, shrunk_from, tree, events } = &*self.0;
        writeln!(f, "{violation}")?;
        write!(f, "after step {step}, at {at}, by these inputs")?;
        if let Some(steps) = shrunk_from {
            write!(f, " (made of {steps} steps)")?;
        }
        f.write_str(":\n")?;
        for input in log.inputs() {
            writeln!(f, "  {input}")?;
        }
        writeln!(f, "the tree:")?;
        for line in tree.lines() {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "the last events:")?;
        for event in events {
            writeln!(f, "  {event}")?;
        }
        write!(f, "to see it again: lab::replay(&{:?}.parse()?, scenario)", log.to_string())
    }
}

/// As displayed: a test that unwraps a finding is to be read by people.
impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Finding {}

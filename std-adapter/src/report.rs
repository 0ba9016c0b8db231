//! How a run ended, as plain data.

use std::fmt;

use windlass::{NodeId, Observer, Scheduler, Status, Store};

use crate::panics::Panic;

/// Why a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// Every node has ended by itself.
    #[default]
    Done,
    /// The scheduler was shut down.
    ShutDown,
    /// A user interrupted it: Ctrl-C.
    Interrupted,
}

/// How a run ended.
///
/// The nodes themselves are still in the scheduler; this is what a program needs to say good-bye.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Why it ended.
    pub end: End,
    /// Top-level nodes that succeeded. Detached ones are not counted, here and below.
    pub succeeded: usize,
    /// Top-level nodes that failed.
    pub failed: usize,
    /// Top-level nodes that were aborted.
    pub aborted: usize,
    /// Nodes that did not finish their abort in time and were ended by force.
    pub forced: Vec<(NodeId, &'static str)>,
    /// How many panics of works were caught.
    pub panics: u64,
    /// The last one.
    pub last_panic: Option<Panic>,
}

impl Report {
    pub(crate) fn new<W, S: Store<Work = W>, O: Observer>(scheduler: &Scheduler<S, O>, end: End) -> Self {
        let mut report = Self { end, ..Self::default() };
        for node in scheduler.nodes().filter(|node| node.parent().is_none()) {
            match node.status() {
                Status::Success | Status::Skipped => report.succeeded += 1,
                Status::Failure => report.failed += 1,
                Status::Aborted | Status::Blocked => report.aborted += 1,
                _ => {}
            }
        }
        report.forced = scheduler.view().drain().forced().map(|node| (node.id(), node.name())).collect();
        report
    }

    /// Whether every top-level node succeeded.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.failed == 0 && self.aborted == 0
    }

    /// What a command-line program exits with: 130 if it was interrupted, else 0 if all succeeded, else 1.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self.end {
            End::Interrupted => 130,
            _ if self.is_success() => 0,
            _ => 1,
        }
    }
}

/// `interrupted: 1 succeeded, 0 failed, 2 aborted, by force: upload`
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.end {
            End::Done => "done",
            End::ShutDown => "shut down",
            End::Interrupted => "interrupted",
        })?;
        write!(f, ": {} succeeded, {} failed, {} aborted", self.succeeded, self.failed, self.aborted)?;
        for (position, (_, name)) in self.forced.iter().enumerate() {
            f.write_str(if position == 0 { ", by force: " } else { ", " })?;
            f.write_str(name)?;
        }
        if let Some(panic) = &self.last_panic {
            let plural = if self.panics == 1 { "" } else { "s" };
            write!(f, "; {} panic{plural}, the last: {panic}", self.panics)?;
        }
        Ok(())
    }
}

//! What a fleet looks like from outside, and how it ended, as plain data.

use std::fmt;

use super::watch::{Current, ForcedNode};
use crate::panics::Panic;

/// How many trees there were, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetCounts {
    /// Added.
    pub added: u64,
    /// Ended in success.
    pub succeeded: u64,
    /// Ended in failure.
    pub failed: u64,
    /// Started, and ended by an abort.
    pub aborted: u64,
    /// Not planted: refused by the engine, or left by a panic.
    pub not_planted: u64,
    /// Aborted before they had started.
    pub never_started: u64,
}

/// A look at a whole fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetLook {
    /// Trees that wait to be started.
    pub queued: usize,
    /// Trees that run.
    pub running: usize,
    /// How many there were so far, and how they ended.
    pub counts: FleetCounts,
    /// The workers.
    pub workers: Vec<WorkerLook>,
    /// How often workers have gone to sleep so far.
    pub parks: u64,
    /// Panics of works that were caught so far, and of drops of works.
    pub panics: u64,
    /// The last panic of a work.
    pub last_panic: Option<Panic>,
}

/// A look at one worker of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerLook {
    /// Which one it is, from 0.
    pub worker: usize,
    /// The name of its thread.
    pub thread: String,
    /// How many trees it runs.
    pub trees: usize,
    /// Polls of its scheduler so far.
    pub polls: u64,
    /// What it is at; none if it sleeps or is between two things.
    pub current: Option<Current>,
}

/// How a fleet ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// How things stood at the end; what has not ended is still queued or running.
    pub fleet: FleetLook,
    /// Nodes that did not finish their abort in time and were ended by force.
    pub forced: Vec<ForcedNode>,
    /// Workers that had not returned: what each is at, it has not come back from. They go on alone until it does.
    pub unreturned: Vec<WorkerLook>,
}

impl Drained {
    /// Whether all trees have ended, none by force, and all workers have returned.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.forced.is_empty() && self.unreturned.is_empty()
    }
}

/// `12 succeeded, 1 failed, 3 aborted, 0 not planted, 4 never started`
impl fmt::Display for FleetCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { succeeded, failed, aborted, not_planted, never_started, .. } = self;
        write!(f, "{succeeded} succeeded, {failed} failed, {aborted} aborted, ")?;
        write!(f, "{not_planted} not planted, {never_started} never started")
    }
}

/// `1 queued, 10 running; 12 succeeded, ...`, and a line for each worker.
impl fmt::Display for FleetLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} queued, {} running; {}", self.queued, self.running, self.counts)?;
        for worker in &self.workers {
            write!(f, "\n  {worker}")?;
        }
        Ok(())
    }
}

/// `windlass-fleet-0: 5 trees, at 3v1 in 7v2 fetch`
impl fmt::Display for WorkerLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.trees == 1 { "" } else { "s" };
        write!(f, "{}: {} tree{plural}", self.thread, self.trees)?;
        if let Some(current) = &self.current {
            write!(f, ", at {current}")?;
        }
        Ok(())
    }
}

/// `12 succeeded, ...; by force: 3v1 in 7v2 fetch; not returned: windlass-fleet-0: 5 trees, at 4v1 in 9v1 store`
impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fleet.counts)?;
        for (position, node) in self.forced.iter().enumerate() {
            write!(f, "{}{node}", if position == 0 { "; by force: " } else { ", " })?;
        }
        for (position, worker) in self.unreturned.iter().enumerate() {
            write!(f, "{}{worker}", if position == 0 { "; not returned: " } else { "; " })?;
        }
        Ok(())
    }
}

//! What is known of the nodes beyond what the engine carries: which file or checkpoint each is about, and each failure in full.
//!
//! Invariant: bounded, whatever the archive holds: a label for each slot of the table, and the latest errors. The works write, and whoever shows
//! the job to people reads; so it is shared, on one thread.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use windlass::{NodeId, Reason};

use crate::error::Error;
use crate::layout::{ArchiveFile, Checkpoint};

/// Errors that are kept. A failure that ends the job is among the latest, as nothing starts after it: fewer than two errors per checkpoint in
/// flight can follow.
const KEPT: usize = 4096;

/// What a node is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One file.
    File(ArchiveFile),
    /// One checkpoint.
    Checkpoint(Checkpoint),
}

/// Labels and errors.
#[derive(Debug, Default)]
pub struct Journal {
    labels: Vec<Option<(NodeId, Subject)>>,
    errors: VecDeque<Noted>,
    /// Errors noted so far, wrapping; also the number of the latest.
    noted: u32,
}

/// A journal that works and onlookers share.
pub type SharedJournal = Rc<RefCell<Journal>>;

#[derive(Debug)]
struct Noted {
    number: u32,
    error: Error,
    fatal: bool,
}

impl Journal {
    /// Says what a node is about.
    pub fn label(&mut self, node: NodeId, subject: Subject) {
        let slot = node.index() as usize;
        if self.labels.len() <= slot {
            self.labels.resize(slot + 1, None);
        }
        if let Some(label) = self.labels.get_mut(slot) {
            *label = Some((node, subject));
        }
    }

    /// What a node is about, if it is about one thing.
    pub fn subject(&self, node: NodeId) -> Option<Subject> {
        let label = self.labels.get(node.index() as usize)?.as_ref()?;
        (label.0 == node).then_some(label.1)
    }

    /// Notes an error, and gives the reason by which it is found again.
    pub fn note(&mut self, error: Error, fatal: bool) -> Reason {
        self.noted = self.noted.checked_add(1).unwrap_or(1);
        let reason = Reason::new(error.fault.name()).with_code(self.noted);
        if self.errors.len() == KEPT {
            self.errors.pop_front();
        }
        self.errors.push_back(Noted { number: self.noted, error, fatal });
        reason
    }

    /// The error behind a reason. `None` for the engine's own reasons.
    pub fn error(&self, reason: Reason) -> Option<&Error> {
        self.noted(reason).map(|noted| &noted.error)
    }

    /// What a reason means, on one line: the error behind it, or the engine's own word.
    pub fn explain(&self, reason: Reason) -> String {
        self.error(reason).map_or_else(|| reason.to_string(), ToString::to_string)
    }

    /// Whether trying again is of no use. The engine's own reasons are never worth it here.
    pub(crate) fn is_fatal(&self, reason: Reason) -> bool {
        self.noted(reason).is_none_or(|noted| noted.fatal)
    }

    fn noted(&self, reason: Reason) -> Option<&Noted> {
        self.errors.iter().rev().find(|noted| noted.number == reason.code())
    }
}

impl Subject {
    /// The checkpoint it is about; only the archive state is about none.
    pub fn checkpoint(self) -> Option<Checkpoint> {
        match self {
            Subject::Checkpoint(checkpoint) => Some(checkpoint),
            Subject::File(file) => file.checkpoint(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::File(file) => file.fmt(f),
            Subject::Checkpoint(checkpoint) => {
                write!(f, "ledgers {}-{}", checkpoint.first(), checkpoint.last())
            }
        }
    }
}

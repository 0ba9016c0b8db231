//! What the works carry from one to the next: the application of the scheduler.
//!
//! Invariant: it changes only by what a work has achieved, in the order of the tree: the range, the links of the chain, the ledgers ready to
//! be applied, the ledger state.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::RefMut;
use core::time::Duration;

use stellar_xdr::Hash;
use windlass::{Outcome, Retry};

use crate::apply::{Closed, LedgerState};
use crate::error::{Error, Fault};
use crate::inspect::Found;
use crate::journal::{Journal, SharedJournal};
use crate::layout::{ArchiveFile, Checkpoint, Frequency, LedgerRange};
use crate::outside::{Answer, Outside, Task};
use crate::verify::{Chain, Link};

/// What to catch up with, and how.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Ledgers in one checkpoint.
    pub frequency: Frequency,
    /// First ledger wanted; the first there is if not given.
    pub from: Option<u32>,
    /// Last ledger wanted; the last there is if not given.
    pub to: Option<u32>,
    /// Hash that the last ledger must have.
    pub trusted: Option<Hash>,
    /// Checkpoints in flight at a time; 1 or more.
    pub concurrency: u16,
    /// How often, and after what delays, a file is tried again.
    pub retry: Retry,
    /// The longest the whole may take.
    pub deadline: Duration,
}

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ledgers in the range, once it is known.
    pub wanted: u64,
    /// Ledgers that the walk along the chain has bound to the newest.
    pub verified: u64,
    /// Files downloaded, and downloads that failed.
    pub downloads: u64,
    /// Files that an earlier run had left, and that are sound.
    pub kept: u64,
    /// Attempts that were made again.
    pub retries: u64,
}

/// The job, beyond its tree.
#[derive(Debug)]
pub struct Catchup<O> {
    pub(crate) ask: Ask,
    pub(crate) outside: O,
    pub(crate) journal: SharedJournal,
    pub(crate) range: Option<LedgerRange>,
    pub(crate) chain: Option<Chain>,
    pub(crate) links: BTreeMap<Checkpoint, Link>,
    pub(crate) ready: BTreeMap<Checkpoint, Vec<Closed>>,
    pub(crate) ledgers: LedgerState,
    pub(crate) counts: Counts,
}

impl<O: Outside> Catchup<O> {
    /// A job that has not begun.
    pub fn new(ask: Ask, outside: O) -> Catchup<O> {
        Catchup {
            ask,
            outside,
            journal: SharedJournal::default(),
            range: None,
            chain: None,
            links: BTreeMap::new(),
            ready: BTreeMap::new(),
            ledgers: LedgerState::default(),
            counts: Counts::default(),
        }
    }

    /// Where the replay stands.
    pub fn ledgers(&self) -> &LedgerState {
        &self.ledgers
    }

    /// Checkpoints in the range; 0 before that is known.
    pub fn checkpoints(&self) -> u32 {
        self.range.map_or(0, LedgerRange::checkpoint_count)
    }

    /// What has been done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What is known of nodes and failures.
    pub fn journal(&self) -> &SharedJournal {
        &self.journal
    }

    /// The world outside.
    pub fn outside(&self) -> &O {
        &self.outside
    }

    /// The world outside, once all is over.
    pub fn into_outside(self) -> O {
        self.outside
    }

    /// Takes what an errand brought.
    pub(crate) fn accept(&mut self, task: Task, answer: Answer) -> Result<(), Refusal> {
        match answer {
            Answer::State(state) => {
                self.counts.downloads += 1;
                let range =
                    state.range(self.ask.frequency, self.ask.from, self.ask.to).map_err(Refusal::fatal)?;
                self.range = Some(range);
                self.chain = Some(Chain::new(range, self.ask.trusted.clone()));
                self.counts.wanted = u64::from(range.to() - range.from()) + 1;
            }
            Answer::Kept => self.counts.kept += 1,
            Answer::Fetched => self.counts.downloads += 1,
            Answer::Found(found) => {
                if let Task::Check(_, checkpoint, _) = task {
                    self.found(checkpoint, found);
                }
            }
        }
        Ok(())
    }

    fn found(&mut self, checkpoint: Checkpoint, found: Found) {
        match found {
            Found::Link(link) => drop(self.links.insert(checkpoint, link)),
            Found::Sets => {}
            Found::Ledgers(ledgers) => drop(self.ready.insert(checkpoint, ledgers)),
        }
    }

    /// What is to be said of an errand that brought an error.
    pub(crate) fn refuse(&mut self, task: Task, error: Error) -> Refusal {
        if !matches!(task, Task::Check(..)) {
            self.counts.downloads += 1;
        }
        // Another download of this file cures no other file.
        let fatal = !error.is_retryable() || error.file != task.file();
        Refusal { error, fatal }
    }

    /// One step along the chain.
    pub(crate) fn walk(&mut self, checkpoint: Checkpoint) -> Result<(), Refusal> {
        let link = self.links.remove(&checkpoint).ok_or_else(|| {
            Refusal::fatal(Error::new(
                ArchiveFile::Ledger(checkpoint),
                Fault::NoLedgers { expected: checkpoint.last() },
            ))
        })?;
        if let Some(chain) = &mut self.chain {
            chain.step(&link).map_err(Refusal::fatal)?;
        }
        self.counts.verified += u64::from(link.ledgers());
        Ok(())
    }

    /// Whether the ledger applied last is the one that the chain began with.
    pub(crate) fn arrived(&self) -> Result<(), Refusal> {
        let (Some(range), Some((ledger, expected))) = (self.range, self.chain.as_ref().and_then(Chain::tip))
        else {
            return Ok(());
        };
        let Some(checkpoint) = self.ask.frequency.checkpoint_of(range.to()) else { return Ok(()) };
        let file = ArchiveFile::Ledger(checkpoint);
        let fault = match self.ledgers.last() {
            Some((_, found)) if found == expected => return Ok(()),
            Some((_, found)) => Fault::BrokenChain { expected: expected.clone(), found: found.clone() },
            None => Fault::NoLedgers { expected: ledger },
        };
        Err(Refusal::fatal(Error::at(file, ledger, fault)))
    }

    pub(crate) fn journal_mut(&self) -> RefMut<'_, Journal> {
        self.journal.borrow_mut()
    }
}

/// An error, and whether trying again is of no use.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: Error,
    fatal: bool,
}

impl Refusal {
    pub(crate) fn fatal(error: Error) -> Refusal {
        Refusal { error, fatal: true }
    }

    /// Notes the error, and says to the engine what came of the work.
    pub(crate) fn outcome(self, journal: &mut Journal) -> Outcome {
        let fatal = self.fatal;
        let reason = journal.note(self.error, fatal);
        if fatal { Outcome::Fatal(reason) } else { Outcome::Failure(reason) }
    }
}

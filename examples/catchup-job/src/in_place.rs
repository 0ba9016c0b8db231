//! The world outside of one that has no threads, such as a page in a browser: files come from a [`Fetch`], and are checked in place.
//!
//! Invariant: a file is in memory from its arrival to its check, and no longer, but for ledger files: one of them stays, compressed, until the
//! transactions and the results of its checkpoint have been checked against it. Nothing is kept for a later run. A crank that checks takes as
//! long as one file does; whoever must not be held up for longer polls with a budget of one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use windlass::WakeHandle;

use crate::error::Error;
use crate::inspect::{Found, Part, inspect};
use crate::layout::{ArchiveFile, ArchiveState, Checkpoint, LedgerRange};
use crate::outside::{Answer, Outside, Task};

/// Brings files of an archive. None of its methods may block.
pub trait Fetch {
    /// A transfer under way. Dropping it gives it up.
    type Transfer;

    /// Begins to fetch a file, and wakes `done` when it has come or failed. The file's `Display` is its path in the archive.
    fn begin(&mut self, file: ArchiveFile, done: WakeHandle) -> Self::Transfer;

    /// The whole file as it lies in the archive, once it is here. A transfer that was cancelled fails, when it has really ended.
    fn look(&mut self, transfer: &mut Self::Transfer) -> Option<Result<Vec<u8>, Error>>;

    /// Asks a transfer to end early.
    fn cancel(&mut self, transfer: &mut Self::Transfer);
}

/// An [`Outside`] that does everything but the transfers itself.
///
/// ```
/// use windlass::{Boxed, Error, Instant, Next, NodeId, Scheduler, WakeSet};
/// use windlass_catchup_job::in_place::{Errand, Fetch, InPlace};
/// use windlass_catchup_job::{Ask, Catchup, Step, capacity, plant};
///
/// struct Page<F: Fetch> {
///     scheduler: Scheduler<Boxed<Step<Errand<F::Transfer>>>>,
///     app: Catchup<InPlace<F>>,
///     root: NodeId,
/// }
///
/// impl<F: Fetch> Page<F> {
///     fn begin(ask: Ask, fetch: F) -> Result<Page<F>, Error> {
///         let nodes = capacity(ask.concurrency);
///         let mut scheduler = Scheduler::with_store(Boxed::with_capacity(nodes));
///         scheduler.set_wakes(WakeSet::leaked(nodes, None));
///         let root = plant(&mut scheduler, &ask)?;
///         Ok(Page { scheduler, app: Catchup::new(ask, InPlace::new(fetch)), root })
///     }
///
///     /// Whenever a file has come or the timer has fired.
///     fn look(&mut self, now: Instant) -> Next {
///         self.scheduler.poll_work_with(now, &mut self.app)
///     }
///
///     /// Why it failed, if it did.
///     fn error(&self) -> Option<String> {
///         let failure = self.scheduler.node(self.root).ok()?.failure()?;
///         Some(self.app.journal().borrow().explain(failure.reason))
///     }
/// }
/// ```
#[derive(Debug)]
pub struct InPlace<F> {
    fetch: F,
    /// Files between their arrival and their check.
    at_hand: BTreeMap<ArchiveFile, Vec<u8>>,
    /// Ledger files that passed their check, and which of the other two parts has, too.
    ledgers: BTreeMap<Checkpoint, (Vec<u8>, Option<Part>)>,
}

/// An errand of an [`InPlace`]; `T` is the transfer.
#[derive(Debug)]
pub enum Errand<T> {
    /// A file is being fetched.
    Fetch(ArchiveFile, T),
    /// A file is checked when the errand is looked at.
    Check(Part, Checkpoint, LedgerRange),
}

impl<F: Fetch> InPlace<F> {
    /// Fetches with this.
    pub fn new(fetch: F) -> InPlace<F> {
        InPlace { fetch, at_hand: BTreeMap::new(), ledgers: BTreeMap::new() }
    }

    /// Files that are in memory: those that wait for their check, and ledger files that others are checked against.
    pub fn held(&self) -> usize {
        self.at_hand.len() + self.ledgers.len()
    }

    fn check(&mut self, part: Part, checkpoint: Checkpoint, range: LedgerRange) -> Result<Found, Error> {
        let file = part.file(checkpoint);
        let not_here = |file| Error::io(file, "check it", "it is not in memory");
        let bytes = self.at_hand.remove(&file).ok_or_else(|| not_here(file))?;
        let found = inspect(part, checkpoint, range, &bytes, || match self.ledgers.get(&checkpoint) {
            Some((ledgers, _)) => Ok(ledgers),
            None => Err(not_here(ArchiveFile::Ledger(checkpoint))),
        })?;
        if part == Part::Headers {
            self.ledgers.insert(checkpoint, (bytes, None));
        } else if let Some((_, checked)) = self.ledgers.get_mut(&checkpoint) {
            if checked.get_or_insert(part) != &part {
                self.ledgers.remove(&checkpoint);
            }
        }
        Ok(found)
    }
}

impl<F: Fetch> Outside for InPlace<F> {
    type Errand = Errand<F::Transfer>;

    fn begin(&mut self, task: Task, done: WakeHandle) -> Self::Errand {
        match task {
            Task::Check(part, checkpoint, range) => Errand::Check(part, checkpoint, range),
            Task::State | Task::Download(..) => {
                Errand::Fetch(task.file(), self.fetch.begin(task.file(), done))
            }
        }
    }

    fn look(&mut self, errand: &mut Self::Errand) -> Option<Result<Answer, Error>> {
        Some(match errand {
            Errand::Check(part, checkpoint, range) => {
                self.check(*part, *checkpoint, *range).map(Answer::Found)
            }
            Errand::Fetch(file, transfer) => self.fetch.look(transfer)?.and_then(|bytes| {
                if *file == ArchiveFile::State {
                    return ArchiveState::parse(*file, &bytes).map(Answer::State);
                }
                self.at_hand.insert(*file, bytes);
                Ok(Answer::Fetched)
            }),
        })
    }

    fn cancel(&mut self, errand: &mut Self::Errand) {
        if let Errand::Fetch(_, transfer) = errand {
            self.fetch.cancel(transfer);
        }
    }
}

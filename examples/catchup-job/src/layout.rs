//! Where things are in an archive: which checkpoint a ledger belongs to, and which path a file has.
//!
//! Invariant: a [`Checkpoint`] or a [`LedgerRange`] that exists is valid. It lies within `u32`, its first ledger is at least 1 and not
//! after its last one; so every path made here is a plain relative path. Nothing here reads or writes.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Invalid};

/// How many ledgers one checkpoint covers: 64 on a public network, 8 in accelerated tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency(u32);

impl Frequency {
    /// What public networks use.
    pub const PUBLIC: Frequency = Frequency(64);

    /// The longest checkpoint this program accepts: one checkpoint's files are held in memory at a time.
    pub const MAX: u32 = 4096;

    /// A frequency from 1 to [`MAX`](Self::MAX).
    pub fn new(ledgers: u32) -> Result<Frequency, Invalid> {
        if !(1..=Self::MAX).contains(&ledgers) {
            return Err(Invalid::new("checkpoint frequency", ledgers, "a number from 1 to 4096"));
        }
        Ok(Frequency(ledgers))
    }

    /// The checkpoint a ledger belongs to; `None` for ledger 0, which does not exist, and where the checkpoint would end beyond `u32`.
    pub fn checkpoint_of(self, ledger: u32) -> Option<Checkpoint> {
        let start = ledger - ledger % self.0;
        let last = start.checked_add(self.0 - 1)?;
        (ledger > 0).then_some(Checkpoint { first: start.max(1), last })
    }

    /// The number of ledgers in one checkpoint.
    pub fn ledgers(self) -> u32 {
        self.0
    }
}

impl FromStr for Frequency {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Frequency, Invalid> {
        text.parse()
            .map_err(|_| Invalid::new("checkpoint frequency", text, "a number from 1 to 4096"))
            .and_then(Frequency::new)
    }
}

/// A run of ledgers that share one file of each category, named by the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkpoint {
    first: u32,
    last: u32,
}

impl Checkpoint {
    /// The first ledger that belongs to it. Ledger 0 does not exist, so the first checkpoint is one shorter than the others.
    pub fn first(self) -> u32 {
        self.first
    }

    /// The last ledger that belongs to it, which names its files.
    pub fn last(self) -> u32 {
        self.last
    }

    /// Whether a ledger belongs to it.
    pub fn contains(self, ledger: u32) -> bool {
        (self.first..=self.last).contains(&ledger)
    }
}

/// The ledgers to catch up with, both ends included, and the checkpoints that cover them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRange {
    frequency: Frequency,
    from: u32,
    to: u32,
}

impl LedgerRange {
    /// Ledgers `from` to `to`; refused if empty, if it begins before ledger 1, or if its last checkpoint does not fit a `u32`.
    pub fn new(frequency: Frequency, from: u32, to: u32) -> Result<LedgerRange, Invalid> {
        if from == 0 {
            return Err(Invalid::new("first ledger", from, "1 or more: there is no ledger 0"));
        }
        if from > to {
            return Err(Invalid::new(
                "ledger range",
                format_args!("{from} to {to}"),
                "a first ledger that is not after the last one",
            ));
        }
        if frequency.checkpoint_of(to).is_none() {
            return Err(Invalid::new("last ledger", to, "one whose checkpoint ends within 32 bits"));
        }
        Ok(LedgerRange { frequency, from, to })
    }

    /// The first ledger wanted.
    pub fn from(self) -> u32 {
        self.from
    }

    /// The last ledger wanted.
    pub fn to(self) -> u32 {
        self.to
    }

    /// Whether a ledger is wanted.
    pub fn contains(self, ledger: u32) -> bool {
        (self.from..=self.to).contains(&ledger)
    }

    /// How many checkpoints cover the range; never 0.
    pub fn checkpoint_count(self) -> u32 {
        self.to / self.frequency.0 - self.from / self.frequency.0 + 1
    }

    /// The checkpoint at a position, counted from the oldest; `None` past the end. O(1).
    pub fn checkpoint(self, index: u32) -> Option<Checkpoint> {
        (index < self.checkpoint_count()).then(|| self.nth(index))
    }

    /// The checkpoints that cover the range, oldest first; `rev()` gives them newest first.
    pub fn checkpoints(self) -> impl DoubleEndedIterator<Item = Checkpoint> {
        (0..self.checkpoint_count()).map(move |index| self.nth(index))
    }

    fn nth(self, index: u32) -> Checkpoint {
        let every = self.frequency.0;
        let start = (self.from / every + index) * every;
        Checkpoint { first: start.max(1), last: start + (every - 1) }
    }
}

/// A file of the archive; `Display` gives its path inside the archive, which is the only way a path is ever made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveFile {
    /// `.well-known/stellar-history.json`: how far the archive reaches.
    State,
    /// `history/…/history-CCCCCCCC.json`: the archive state as of one checkpoint.
    StateAt(Checkpoint),
    /// `ledger/…/ledger-CCCCCCCC.xdr.gz`: the headers of a checkpoint.
    Ledger(Checkpoint),
    /// `transactions/…/transactions-CCCCCCCC.xdr.gz`: the transaction sets of a checkpoint.
    Transactions(Checkpoint),
    /// `results/…/results-CCCCCCCC.xdr.gz`: the transaction results of a checkpoint.
    Results(Checkpoint),
}

impl ArchiveFile {
    /// The relative path, `/`-separated on every platform.
    pub fn path(self) -> String {
        self.to_string()
    }

    /// The checkpoint it belongs to; the archive's own state belongs to none.
    pub fn checkpoint(self) -> Option<Checkpoint> {
        match self {
            ArchiveFile::State => None,
            ArchiveFile::StateAt(checkpoint)
            | ArchiveFile::Ledger(checkpoint)
            | ArchiveFile::Transactions(checkpoint)
            | ArchiveFile::Results(checkpoint) => Some(checkpoint),
        }
    }
}

impl fmt::Display for ArchiveFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (category, suffix, checkpoint) = match self {
            ArchiveFile::State => return f.write_str(".well-known/stellar-history.json"),
            ArchiveFile::StateAt(checkpoint) => ("history", "json", checkpoint),
            ArchiveFile::Ledger(checkpoint) => ("ledger", "xdr.gz", checkpoint),
            ArchiveFile::Transactions(checkpoint) => ("transactions", "xdr.gz", checkpoint),
            ArchiveFile::Results(checkpoint) => ("results", "xdr.gz", checkpoint),
        };
        let [a, b, c, d] = checkpoint.last.to_be_bytes();
        write!(f, "{category}/{a:02x}/{b:02x}/{c:02x}/{category}-{a:02x}{b:02x}{c:02x}{d:02x}.{suffix}")
    }
}

/// The archive's own description; fields this program has no use for, buckets above all, are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveState {
    /// Version of this format; 1 and 2 are known.
    pub version: u32,
    /// The software that wrote the archive.
    #[serde(default)]
    pub server: String,
    /// The last ledger in the archive.
    pub current_ledger: u32,
    /// What network it is a history of; absent from old archives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_passphrase: Option<String>,
}

impl ArchiveState {
    /// The largest state file accepted, in bytes; real ones have a few thousand.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Reads the JSON text of a state file.
    pub fn parse(file: ArchiveFile, json: &[u8]) -> Result<ArchiveState, Error> {
        if json.len() > Self::MAX_BYTES {
            return Err(Error::new(file, Fault::TooLarge { limit: Self::MAX_BYTES as u64 }));
        }
        let fault = |reason: String| Error::new(file, Fault::State { reason: reason.into() });
        let state: ArchiveState = serde_json::from_slice(json).map_err(|e| fault(e.to_string()))?;
        if !(1..=2).contains(&state.version) {
            return Err(fault(format!("format version {}, expected 1 or 2", state.version)));
        }
        if state.current_ledger == 0 {
            return Err(fault("currentLedger is 0: the archive is still empty".into()));
        }
        Ok(state)
    }

    /// The range from `from` (ledger 1 if not given) to `to` (the archive's last ledger if not given).
    ///
    /// An end beyond the archive and a last ledger that ends no checkpoint are errors about the archive state.
    pub fn range(
        &self,
        frequency: Frequency,
        from: Option<u32>,
        to: Option<u32>,
    ) -> Result<LedgerRange, Error> {
        let fault = |reason: String| Error::new(ArchiveFile::State, Fault::State { reason: reason.into() });
        let reach = self.current_ledger;
        if frequency.checkpoint_of(reach).map(Checkpoint::last) != Some(reach) {
            let every = frequency.ledgers();
            return Err(fault(format!(
                "currentLedger {reach} ends no checkpoint of {every} ledgers: is the checkpoint frequency right?"
            )));
        }
        let to = to.unwrap_or(reach);
        if to > reach {
            return Err(fault(format!("the archive ends at ledger {reach}, expected to reach {to}")));
        }
        LedgerRange::new(frequency, from.unwrap_or(1), to).map_err(|e| fault(e.to_string()))
    }
}

#[cfg(test)]
mod tests;

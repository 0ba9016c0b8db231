//! From the bytes of one file to what the job needs of it: inflate, parse, verify, and keep the essence.
//!
//! Invariant: what is [`Found`] was verified, by itself and against the ledger file of its checkpoint; and it is small: a few dozen bytes for a
//! ledger file, a hundred for each ledger to apply. The files themselves are in memory one at a time, while they are looked at.

use alloc::vec::Vec;
use core::fmt;

use crate::apply::Closed;
use crate::error::Error;
use crate::layout::{ArchiveFile, Checkpoint, LedgerRange};
use crate::records::{Headers, Record as _, Results, Transactions};
use crate::verify::{self, Link};

/// Which of a checkpoint's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The ledger file.
    Headers,
    /// The transaction sets.
    Transactions,
    /// The results.
    Results,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 3] = [Part::Headers, Part::Transactions, Part::Results];

    /// What its node is called.
    pub fn name(self) -> &'static str {
        match self {
            Part::Headers => "ledgers",
            Part::Transactions => "transactions",
            Part::Results => "results",
        }
    }

    /// The file that holds it for a checkpoint.
    pub fn file(self, checkpoint: Checkpoint) -> ArchiveFile {
        match self {
            Part::Headers => ArchiveFile::Ledger(checkpoint),
            Part::Transactions => ArchiveFile::Transactions(checkpoint),
            Part::Results => ArchiveFile::Results(checkpoint),
        }
    }
}

/// What is in a sound file, as far as the job goes on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A ledger file: its ends, for the walk along the chain.
    Link(Link),
    /// Transaction sets: nothing but that they are the right ones.
    Sets,
    /// Results: what the checkpoint's wanted ledgers come to, oldest first.
    Ledgers(Vec<Closed>),
}

/// Reads a compressed file and checks it; `headers` brings the checkpoint's ledger file, compressed too, which is checked by itself first.
///
/// An error is about the file itself, or about the ledger file if that is the one that is wrong.
pub fn inspect<Bytes: AsRef<[u8]>>(
    part: Part,
    checkpoint: Checkpoint,
    range: LedgerRange,
    compressed: &[u8],
    headers: impl FnOnce() -> Result<Bytes, Error>,
) -> Result<Found, Error> {
    let headers = || verified(checkpoint, headers()?.as_ref());
    match part {
        Part::Headers => Link::of(&verified(checkpoint, compressed)?, range).map(Found::Link),
        Part::Transactions => {
            let sets = Transactions::read(checkpoint, compressed)?;
            verify::transactions(&headers()?, &sets)?;
            Ok(Found::Sets)
        }
        Part::Results => {
            let (results, headers) = (Results::read(checkpoint, compressed)?, headers()?);
            verify::results(&headers, &results)?;
            let wanted = verify::wanted(&headers, range).iter();
            Ok(Found::Ledgers(wanted.map(|entry| Closed::of(entry, results.of(entry.ledger()))).collect()))
        }
    }
}

fn verified(checkpoint: Checkpoint, compressed: &[u8]) -> Result<Headers, Error> {
    let headers = Headers::read(checkpoint, compressed)?;
    verify::headers(&headers)?;
    Ok(headers)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

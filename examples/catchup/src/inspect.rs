//! From the bytes of one file to what the job needs of it: inflate, parse, verify, and keep the essence.
//!
//! Invariant: what is [`Found`] was verified, by itself and against the ledger file of its checkpoint; and it is small: a few dozen bytes for a
//! ledger file, a hundred for each ledger to apply. The files themselves are in memory one at a time, while they are looked at.

use std::fmt;
use std::io::BufRead;

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

/// Reads a compressed file and checks it; `headers` reads the checkpoint's ledger file, which must be verified by itself.
///
/// An error is about the file itself, or about the ledger file if that is the one that is wrong.
pub fn inspect(
    part: Part,
    checkpoint: Checkpoint,
    range: LedgerRange,
    compressed: impl BufRead,
    headers: impl FnOnce() -> Result<Headers, Error>,
) -> Result<Found, Error> {
    match part {
        Part::Headers => {
            let headers = Headers::read(checkpoint, compressed)?;
            verify::headers(&headers)?;
            Link::of(&headers, range).map(Found::Link)
        }
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

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Part::Headers => "ledgers",
            Part::Transactions => "transactions",
            Part::Results => "results",
        })
    }
}

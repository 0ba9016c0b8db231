//! From a compressed file to its records: bounded inflation, then the XDR record stream.
//!
//! Invariant: the ledgers of a [`Records`] lie within its checkpoint and ascend strictly. Memory is bounded by the inflation limit times a
//! small constant, nesting by [`MAX_DEPTH`], whatever the bytes are. What the records say is checked in `verify`.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use stellar_xdr::{
    LedgerHeaderHistoryEntry, Limits, ReadXdr, TransactionHistoryEntry, TransactionHistoryResultEntry,
};

use crate::error::{Error, Fault};
use crate::gunzip::gunzip;
use crate::layout::{ArchiveFile, Checkpoint};

/// The most bytes one file may inflate to. Busy public checkpoints hold tens of megabytes.
pub const MAX_INFLATED: usize = 256 << 20;

/// How deep one record may nest; what a network accepts stays far below.
pub const MAX_DEPTH: u32 = 300;

/// Set in the length before each record: it is the last fragment, and there is never another.
const LAST_FRAGMENT: u32 = 1 << 31;

/// The headers of a checkpoint.
pub type Headers = Records<LedgerHeaderHistoryEntry>;
/// The transaction sets of a checkpoint; ledgers without transactions have none.
pub type Transactions = Records<TransactionHistoryEntry>;
/// The transaction results of a checkpoint; ledgers without transactions have none.
pub type Results = Records<TransactionHistoryResultEntry>;

/// What a file of the archive is a stream of.
pub trait Record: ReadXdr {
    /// The ledger it belongs to.
    fn ledger(&self) -> u32;

    /// The file that holds such records for a checkpoint.
    fn file(checkpoint: Checkpoint) -> ArchiveFile;
}

/// The records of one file, in ascending order of their ledgers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records<T> {
    checkpoint: Checkpoint,
    entries: Vec<T>,
}

impl<T: Record> Records<T> {
    /// Inflates and parses a file: [`gunzip`] with [`MAX_INFLATED`], then [`parse`](Self::parse).
    pub fn read(checkpoint: Checkpoint, compressed: &[u8]) -> Result<Self, Error> {
        Self::parse(checkpoint, &gunzip(T::file(checkpoint), compressed, MAX_INFLATED)?)
    }

    /// Parses an inflated file. Linear in its size.
    pub fn parse(checkpoint: Checkpoint, mut bytes: &[u8]) -> Result<Self, Error> {
        let file = T::file(checkpoint);
        let mut entries: Vec<T> = Vec::new();
        while !bytes.is_empty() {
            let record = split_record(&mut bytes)
                .and_then(|body| {
                    T::from_xdr(body, Limits { depth: MAX_DEPTH, len: body.len() }).map_err(|e| e.to_string())
                })
                .map_err(|reason| {
                    Error::new(file, Fault::Record { number: entries.len() + 1, reason: reason.into() })
                })?;
            let ledger = record.ledger();
            if !checkpoint.contains(ledger) {
                let fault = Fault::OutOfRange { first: checkpoint.first(), last: checkpoint.last() };
                return Err(Error::at(file, ledger, fault));
            }
            if let Some(after) = entries.last().map(T::ledger).filter(|&after| after >= ledger) {
                return Err(Error::at(file, ledger, Fault::OutOfOrder { after }));
            }
            entries.push(record);
        }
        Ok(Records { checkpoint, entries })
    }

    /// The file they came from.
    pub fn file(&self) -> ArchiveFile {
        T::file(self.checkpoint)
    }

    /// The checkpoint they belong to.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// All of them, in ascending order of ledgers.
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// The record of a ledger. O(log n).
    pub fn of(&self, ledger: u32) -> Option<&T> {
        let index = self.entries.binary_search_by_key(&ledger, T::ledger).ok()?;
        self.entries.get(index)
    }
}

impl Record for LedgerHeaderHistoryEntry {
    fn ledger(&self) -> u32 {
        self.header.ledger_seq
    }

    fn file(checkpoint: Checkpoint) -> ArchiveFile {
        ArchiveFile::Ledger(checkpoint)
    }
}

impl Record for TransactionHistoryEntry {
    fn ledger(&self) -> u32 {
        self.ledger_seq
    }

    fn file(checkpoint: Checkpoint) -> ArchiveFile {
        ArchiveFile::Transactions(checkpoint)
    }
}

impl Record for TransactionHistoryResultEntry {
    fn ledger(&self) -> u32 {
        self.ledger_seq
    }

    fn file(checkpoint: Checkpoint) -> ArchiveFile {
        ArchiveFile::Results(checkpoint)
    }
}

/// Takes the next record's body off the front.
fn split_record<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let Some((mark, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(format!("expected a length of 4 bytes, found {}", bytes.len()));
    };
    let mark = u32::from_be_bytes(*mark);
    if mark & LAST_FRAGMENT == 0 {
        return Err(format!("expected a length with the top bit set, found {mark:#010x}"));
    }
    let length = (mark ^ LAST_FRAGMENT) as usize;
    let Some((body, rest)) = rest.split_at_checked(length) else {
        return Err(format!("cut off: expected {length} bytes, found {}", rest.len()));
    };
    *bytes = rest;
    Ok(body)
}

#[cfg(test)]
mod tests;

//! The ledger as far as headers and results tell it: applying a ledger means that its totals follow from the one before.
//!
//! Invariant: a [`LedgerState`] changes only by a ledger that is the next one, names this one as its predecessor, and whose totals come out
//! right; a ledger that is refused changes nothing. Entries of accounts, trust lines and contracts are not modelled.

use stellar_xdr::{Hash, LedgerHeaderHistoryEntry, TransactionHistoryResultEntry};

use crate::error::{Error, Fault};
use crate::layout::{ArchiveFile, Checkpoint};
use crate::records::Record;

/// Where the replay stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerState {
    first: Option<u32>,
    base: Option<Base>,
    /// Ledgers applied.
    pub ledgers: u64,
    /// Transactions in them, failed ones included: they pay, too.
    pub transactions: u64,
    /// Fees charged for them, in stroops.
    pub fees_charged: i64,
}

/// A closed ledger as far as it is applied here: a hundred bytes, whatever the ledger held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    ledger: u32,
    hash: Hash,
    previous: Hash,
    fee_pool: i64,
    total_coins: i64,
    transactions: u64,
    fees: i128,
}

/// What the next ledger has to follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Base {
    ledger: u32,
    hash: Hash,
    fee_pool: i64,
    total_coins: i64,
}

impl Closed {
    /// What a verified header and the results that belong to it come to. O(results).
    pub fn of(entry: &LedgerHeaderHistoryEntry, results: Option<&TransactionHistoryResultEntry>) -> Closed {
        let charged = results.map_or(&[][..], |results| results.tx_result_set.results.as_slice());
        Closed {
            ledger: entry.ledger(),
            hash: entry.hash.clone(),
            previous: entry.header.previous_ledger_hash.clone(),
            fee_pool: entry.header.fee_pool,
            total_coins: entry.header.total_coins,
            transactions: charged.len() as u64,
            fees: charged.iter().map(|pair| i128::from(pair.result.fee_charged)).sum(),
        }
    }
}

impl LedgerState {
    /// Applies the next ledger: its sequence number and predecessor are this ledger's, its fee pool is this one plus what its results
    /// charge, its total of coins is this one.
    ///
    /// The first ledger applied is taken as it is, as nothing before it is known. The total of coins is constant from protocol 12 on; an older
    /// ledger with an inflation run is refused.
    pub fn apply(&mut self, checkpoint: Checkpoint, closed: &Closed) -> Result<(), Error> {
        let ledger = closed.ledger;
        let refuse = |fault| Err(Error::at(ArchiveFile::Ledger(checkpoint), ledger, fault));
        if let Some(base) = &self.base {
            let next = u64::from(base.ledger) + 1;
            if u64::from(ledger) != next {
                return refuse(Fault::NotNext { expected: next });
            }
            if closed.previous != base.hash {
                let fault =
                    Fault::BrokenChain { expected: closed.previous.clone(), found: base.hash.clone() };
                return Err(Error::at(ArchiveFile::Ledger(checkpoint), base.ledger, fault));
            }
            let fee_pool = i128::from(base.fee_pool) + closed.fees;
            if fee_pool != i128::from(closed.fee_pool) {
                let (of, found) = ("fee pool", closed.fee_pool);
                return refuse(Fault::WrongTotal { of, expected: i64::try_from(fee_pool).ok(), found });
            }
            if base.total_coins != closed.total_coins {
                let (of, found) = ("total of coins", closed.total_coins);
                return refuse(Fault::WrongTotal { of, expected: Some(base.total_coins), found });
            }
        }
        self.first = self.first.or(Some(ledger));
        self.base = Some(Base {
            ledger,
            hash: closed.hash.clone(),
            fee_pool: closed.fee_pool,
            total_coins: closed.total_coins,
        });
        self.ledgers += 1;
        self.transactions += closed.transactions;
        let fees = i64::try_from(closed.fees).unwrap_or(if closed.fees < 0 { i64::MIN } else { i64::MAX });
        self.fees_charged = self.fees_charged.saturating_add(fees);
        Ok(())
    }

    /// The first ledger applied; later than asked for where the archive begins late.
    pub fn first(&self) -> Option<u32> {
        self.first
    }

    /// The last ledger applied and its hash; `None` before the first.
    pub fn last(&self) -> Option<(u32, &Hash)> {
        self.base.as_ref().map(|base| (base.ledger, &base.hash))
    }

    /// The fee pool after the last ledger applied, in stroops; 0 before the first.
    pub fn fee_pool(&self) -> i64 {
        self.base.as_ref().map_or(0, |base| base.fee_pool)
    }

    /// All coins there are after the last ledger applied, in stroops; 0 before the first.
    pub fn total_coins(&self) -> i64 {
        self.base.as_ref().map_or(0, |base| base.total_coins)
    }
}

#[cfg(test)]
mod tests;

//! Does an archive agree with itself: each header with its hash, each ledger with the one before, transactions and results with
//! their header.
//!
//! Invariant: after [`headers`] and one [`Chain::step`] per checkpoint, newest to oldest, every header in the range is bound to the newest
//! one (and to the trusted hash, if there is one); after [`transactions`] and [`results`] so is all that the other files hold. The walk needs
//! no more of a checkpoint than its [`Link`], so headers need not be kept for it. What the results add up to is `apply`'s business.
//! Signatures and what is inside transactions are not checked.

use sha2::{Digest, Sha256};
use stellar_xdr::{
    GeneralizedTransactionSet, Hash, LedgerHeader, LedgerHeaderHistoryEntry, Limited, Limits,
    ParallelTxsComponent, StellarValueExt, TransactionHistoryEntry, TransactionHistoryEntryExt,
    TransactionPhase, TransactionResultSet, TransactionSet, TransactionSetV1, VecM, WriteXdr,
};

use crate::error::{Error, Fault};
use crate::layout::{ArchiveFile, Checkpoint, LedgerRange};
use crate::records::{Headers, Record, Records, Results, Transactions};

/// Checks a ledger file by itself: every header has the hash recorded beside it, each follows the one before, and the last one ends the
/// checkpoint. The first one may be late: whether it may is [`Chain`]'s business.
pub fn headers(headers: &Headers) -> Result<(), Error> {
    let file = headers.file();
    let mut before: Option<&LedgerHeaderHistoryEntry> = None;
    for entry in headers.entries() {
        let ledger = entry.ledger();
        let found = sha256_xdr(&entry.header);
        if found != entry.hash {
            let fault = Fault::WrongHash { of: "ledger header", expected: entry.hash.clone(), found };
            return Err(Error::at(file, ledger, fault));
        }
        if let Some(before) = before {
            if before.ledger() + 1 != ledger {
                return Err(Error::at(file, ledger, Fault::Gap { expected: before.ledger() + 1 }));
            }
            expect_link(file, before.ledger(), &before.hash, &entry.header.previous_ledger_hash)?;
        }
        before = Some(entry);
    }
    let last = headers.checkpoint().last();
    match before.map(Record::ledger) {
        None => Err(Error::new(file, Fault::NoLedgers { expected: last })),
        Some(end) if end != last => Err(Error::at(file, end, Fault::Gap { expected: last })),
        Some(_) => Ok(()),
    }
}

/// The two ends of a checkpoint, as far as it is wanted: all that the walk along the chain needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    checkpoint: Checkpoint,
    first: u32,
    previous: Hash,
    last: u32,
    hash: Hash,
}

impl Link {
    /// The ends of a ledger file that has passed [`headers`]; refused if it has no ledger of the range.
    pub fn of(headers: &Headers, range: LedgerRange) -> Result<Link, Error> {
        let checkpoint = headers.checkpoint();
        let wanted = wanted(headers, range);
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
            let expected = range.to().min(checkpoint.last());
            return Err(Error::new(headers.file(), Fault::NoLedgers { expected }));
        };
        Ok(Link {
            checkpoint,
            first: first.ledger(),
            previous: first.header.previous_ledger_hash.clone(),
            last: last.ledger(),
            hash: last.hash.clone(),
        })
    }

    /// How many ledgers of the checkpoint are wanted.
    pub fn ledgers(&self) -> u32 {
        self.last - self.first + 1
    }
}

/// The walk along the chain of ledgers, newest checkpoint to oldest, one checkpoint a [`step`](Chain::step).
#[derive(Clone, Debug)]
pub struct Chain {
    range: LedgerRange,
    trusted: Option<Hash>,
    tip: Option<(u32, Hash)>,
    /// The ledger that must come next on the way down, and its hash.
    awaited: Option<(u32, Hash)>,
}

impl Chain {
    /// A walk over a range, whose last ledger must have the trusted hash if there is one.
    pub fn new(range: LedgerRange, trusted: Option<Hash>) -> Chain {
        Chain { range, trusted, tip: None, awaited: None }
    }

    /// Checks the next older checkpoint against what the newer ones said.
    ///
    /// Only the oldest checkpoint of the range may begin late. After an error the walk stands where it stood.
    pub fn step(&mut self, link: &Link) -> Result<(), Error> {
        let (file, checkpoint) = (ArchiveFile::Ledger(link.checkpoint), link.checkpoint);
        if link.first > checkpoint.first() && !checkpoint.contains(self.range.from()) {
            return Err(Error::at(file, link.first, Fault::Gap { expected: checkpoint.first() }));
        }
        let expected = self.awaited.as_ref().map_or(self.range.to(), |(ledger, _)| *ledger);
        if link.last != expected {
            return Err(Error::at(file, link.last, Fault::Gap { expected }));
        }
        match (&self.awaited, &self.trusted) {
            (Some((_, hash)), _) => expect_link(file, link.last, &link.hash, hash)?,
            (None, Some(hash)) if *hash != link.hash => {
                let fault = Fault::Untrusted { expected: hash.clone(), found: link.hash.clone() };
                return Err(Error::at(file, link.last, fault));
            }
            (None, _) => self.tip = Some((link.last, link.hash.clone())),
        }
        self.awaited = Some((link.first - 1, link.previous.clone()));
        Ok(())
    }

    /// The newest ledger of the range and its hash, once the first step is made.
    pub fn tip(&self) -> Option<(u32, &Hash)> {
        self.tip.as_ref().map(|(ledger, hash)| (*ledger, hash))
    }
}

/// The headers of a checkpoint that lie in the range.
pub fn wanted(headers: &Headers, range: LedgerRange) -> &[LedgerHeaderHistoryEntry] {
    let entries = headers.entries();
    let start = entries.partition_point(|entry| entry.ledger() < range.from());
    let end = entries.partition_point(|entry| entry.ledger() <= range.to());
    entries.get(start..end).unwrap_or_default()
}

/// Checks that each ledger's transaction set is the one its header names, an empty one where there is no entry.
pub fn transactions(headers: &Headers, transactions: &Transactions) -> Result<(), Error> {
    expect_headers(headers, transactions)?;
    for entry in headers.entries() {
        let expected = &entry.header.scp_value.tx_set_hash;
        let (of, found) = match transactions.of(entry.ledger()) {
            Some(set) => ("transaction set", set_hash(set)),
            None if names_empty_set(&entry.header) => continue,
            None => ("transaction set (empty, as it has no entry)", empty_set_hash(&entry.header)),
        };
        expect_hash(transactions, entry.ledger(), of, expected, found)?;
    }
    Ok(())
}

/// Checks that each ledger's results are the ones its header names, none where there is no entry.
pub fn results(headers: &Headers, results: &Results) -> Result<(), Error> {
    expect_headers(headers, results)?;
    let empty = sha256_xdr(&TransactionResultSet::default());
    for entry in headers.entries() {
        let expected = &entry.header.tx_set_result_hash;
        let (of, found) = match results.of(entry.ledger()) {
            Some(results) => ("results", sha256_xdr(&results.tx_result_set)),
            None if is_genesis(&entry.header) => continue,
            None => ("results (empty, as it has no entry)", empty.clone()),
        };
        expect_hash(results, entry.ledger(), of, expected, found)?;
    }
    Ok(())
}

/// The SHA-256 of a value's XDR.
pub fn sha256_xdr(value: &impl WriteXdr) -> Hash {
    let mut hasher = Limited::new(Sha256::new(), Limits::none());
    value.write_xdr(&mut hasher).expect("a hasher takes every byte, and what was decoded or built encodes");
    Hash(hasher.inner.finalize().into())
}

/// The hash by which a header names a legacy set: of the hash before it, followed by each envelope, without their number.
pub fn legacy_set_hash(set: &TransactionSet) -> Hash {
    let mut hasher = Limited::new(Sha256::new(), Limits::none());
    let written = set.previous_ledger_hash.write_xdr(&mut hasher);
    written
        .and_then(|()| set.txs.iter().try_for_each(|envelope| envelope.write_xdr(&mut hasher)))
        .expect("a hasher takes every byte, and what was decoded or built encodes");
    Hash(hasher.inner.finalize().into())
}

/// The hash by which a header names an entry's transaction set.
pub fn set_hash(entry: &TransactionHistoryEntry) -> Hash {
    match &entry.ext {
        TransactionHistoryEntryExt::V0 => legacy_set_hash(&entry.tx_set),
        TransactionHistoryEntryExt::V1(set) => sha256_xdr(set),
    }
}

/// The hash of the empty set of today's shape, a sequential and a parallel phase, over a ledger's predecessor.
pub fn empty_set_hash(header: &LedgerHeader) -> Hash {
    let parallel = ParallelTxsComponent { base_fee: None, execution_stages: VecM::default() };
    generalized_hash(header, TransactionPhase::V1(parallel))
}

/// Whether a header says that its ledger has no transactions.
///
/// The shape of an empty set changed over time: none, then two sequential phases, then a sequential and a parallel one. Which one holds depends
/// on the protocol of the ledger before, which need not be at hand; but all are empty, so any will do. The first ledger of a network is
/// made without a set and names the zero hash. And a network may vote to put an empty set in the place of a proposed one: then the header
/// says that in so many words, and which hash it names instead is not ours to derive.
fn names_empty_set(header: &LedgerHeader) -> bool {
    let named = &header.scp_value.tx_set_hash;
    let voted =
        matches!(header.scp_value.ext, StellarValueExt::EmptyTxSet(_) | StellarValueExt::EmptyTxSetMs(_));
    voted
        || is_genesis(header)
        || *named == empty_set_hash(header)
        || *named == generalized_hash(header, TransactionPhase::V0(VecM::default()))
        || *named == Hash(Sha256::digest(header.previous_ledger_hash.0).into())
}

/// Whether this is a network's first ledger, which is made, not closed: its hashes of set and results are zero.
fn is_genesis(header: &LedgerHeader) -> bool {
    header.ledger_seq == 1
        && header.scp_value.tx_set_hash == Hash::default()
        && header.tx_set_result_hash == Hash::default()
}

fn generalized_hash(header: &LedgerHeader, second: TransactionPhase) -> Hash {
    let phases = [TransactionPhase::V0(VecM::default()), second];
    sha256_xdr(&GeneralizedTransactionSet::V1(TransactionSetV1 {
        previous_ledger_hash: header.previous_ledger_hash.clone(),
        phases: phases.try_into().expect("two phases fit a list of any length"),
    }))
}

fn expect_headers<T: Record>(headers: &Headers, records: &Records<T>) -> Result<(), Error> {
    match records.entries().iter().find(|record| headers.of(record.ledger()).is_none()) {
        Some(stray) => Err(Error::at(records.file(), stray.ledger(), Fault::NoHeader)),
        None => Ok(()),
    }
}

fn expect_link(file: ArchiveFile, ledger: u32, hash: &Hash, named: &Hash) -> Result<(), Error> {
    if hash == named {
        return Ok(());
    }
    Err(Error::at(file, ledger, Fault::BrokenChain { expected: named.clone(), found: hash.clone() }))
}

fn expect_hash<T: Record>(
    records: &Records<T>,
    ledger: u32,
    of: &'static str,
    expected: &Hash,
    found: Hash,
) -> Result<(), Error> {
    if *expected == found {
        return Ok(());
    }
    Err(Error::at(records.file(), ledger, Fault::WrongHash { of, expected: expected.clone(), found }))
}

#[cfg(test)]
mod tests;

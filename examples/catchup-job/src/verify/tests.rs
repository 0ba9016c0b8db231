#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use stellar_xdr::{
    StellarValueProposedMsValue, StellarValueProposedValue, TransactionEnvelope,
    TransactionHistoryResultEntry, TransactionV1Envelope,
};

use super::*;
use crate::generate::{Archive, Plan};
use crate::layout::{ArchiveFile, Checkpoint, Frequency};

fn hash_of(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

fn frequency() -> Frequency {
    Frequency::new(8).unwrap()
}

fn checkpoint(ledger: u32) -> Checkpoint {
    frequency().checkpoint_of(ledger).unwrap()
}

fn range(from: u32, to: u32) -> LedgerRange {
    LedgerRange::new(frequency(), from, to).unwrap()
}

/// The headers of a generated archive of three checkpoints, oldest first.
fn generated() -> Vec<Headers> {
    let files: HashMap<_, _> =
        Archive::new(Plan::new(3, frequency(), 1, 1).unwrap()).flat_map(|made| made.files).collect();
    [1, 8, 16]
        .map(|ledger| {
            let file = ArchiveFile::Ledger(checkpoint(ledger));
            Headers::read(checkpoint(ledger), &files[&file]).unwrap()
        })
        .into()
}

/// A file of one record, built by hand.
fn file_of<T: Record + WriteXdr>(record: &T) -> Records<T> {
    let body = record.to_xdr(Limits::none()).unwrap();
    let bytes = [&(body.len() as u32 | 1 << 31).to_be_bytes()[..], &body].concat();
    Records::parse(checkpoint(record.ledger()), &bytes).unwrap()
}

fn without<T: Record>(ledger: u32) -> Records<T> {
    Records::parse(checkpoint(ledger), &[]).unwrap()
}

/// The header file of a single ledger, the last of its checkpoint, after a predecessor whose hash is all sevens.
fn headers_with(change: impl FnOnce(&mut LedgerHeader)) -> Headers {
    let mut header =
        LedgerHeader { ledger_seq: 15, previous_ledger_hash: Hash([7; 32]), ..LedgerHeader::default() };
    change(&mut header);
    file_of(&LedgerHeaderHistoryEntry {
        hash: sha256_xdr(&header),
        header,
        ..LedgerHeaderHistoryEntry::default()
    })
}

/// What is said when a ledger without an entry names this set.
fn empty_set_verdict(named: Hash, ext: StellarValueExt) -> Result<(), Error> {
    let file = headers_with(|header| {
        header.scp_value.tx_set_hash = named;
        header.scp_value.ext = ext;
    });
    transactions(&file, &without(15))
}

#[test]
fn hashes_are_of_the_xdr() {
    // Of a version, two phases (a sequential one without components, a parallel one without base fee and stages) over sevens.
    let words = [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let expected = [&[0, 0, 0, 1][..], &[7; 32], &words].concat();
    let header = LedgerHeader { previous_ledger_hash: Hash([7; 32]), ..LedgerHeader::default() };
    assert_eq!(empty_set_hash(&header), hash_of(&expected));
    assert_eq!(sha256_xdr(&TransactionResultSet::default()), hash_of(&[0; 4]));
}

#[test]
fn a_legacy_set_is_hashed_without_its_number_of_transactions() {
    let envelope = TransactionEnvelope::Tx(TransactionV1Envelope::default());
    let set = TransactionSet {
        previous_ledger_hash: Hash([7; 32]),
        txs: vec![envelope.clone(), envelope.clone()].try_into().unwrap(),
    };
    let bytes = envelope.to_xdr(Limits::none()).unwrap();
    let expected = hash_of(&[&[7; 32][..], &bytes, &bytes].concat());
    assert_eq!(legacy_set_hash(&set), expected);

    let entry = TransactionHistoryEntry { ledger_seq: 15, tx_set: set, ext: TransactionHistoryEntryExt::V0 };
    let headers = headers_with(|header| header.scp_value.tx_set_hash = expected);
    transactions(&headers, &file_of(&entry)).unwrap();
    let headers = headers_with(|header| header.scp_value.tx_set_hash = sha256_xdr(&entry.tx_set));
    assert!(transactions(&headers, &file_of(&entry)).is_err());
}

#[test]
fn an_empty_set_may_have_any_shape_it_ever_had() {
    let before = LedgerHeader { previous_ledger_hash: Hash([7; 32]), ..LedgerHeader::default() };
    for named in [
        hash_of(&[7; 32]),
        generalized_hash(&before, TransactionPhase::V0(VecM::default())),
        empty_set_hash(&before),
    ] {
        empty_set_verdict(named, StellarValueExt::Basic).unwrap();
    }
    for named in [Hash::default(), Hash([7; 32]), hash_of(&[8; 32])] {
        let error = empty_set_verdict(named, StellarValueExt::Basic).unwrap_err();
        assert!(matches!(error.fault, Fault::WrongHash { .. }), "{error}");
    }
}

#[test]
fn a_set_that_was_voted_away_is_taken_at_its_headers_word() {
    for ext in [
        StellarValueExt::EmptyTxSet(StellarValueProposedValue::default()),
        StellarValueExt::EmptyTxSetMs(StellarValueProposedMsValue::default()),
    ] {
        empty_set_verdict(Hash([9; 32]), ext).unwrap();
    }
}

#[test]
fn only_the_first_ledger_is_without_hashes() {
    let headers = headers_with(|header| header.ledger_seq = 1);
    transactions(&headers, &without(1)).unwrap();
    results(&headers, &without(1)).unwrap();
    let headers = headers_with(|header| header.ledger_seq = 2);
    assert!(transactions(&headers, &without(2)).is_err());
    assert!(results(&headers, &without(2)).is_err());
    // Nor may the first ledger name results that are not there.
    let headers = headers_with(|header| {
        header.ledger_seq = 1;
        header.tx_set_result_hash = Hash([9; 32]);
    });
    assert!(results(&headers, &without(1)).is_err());
}

#[test]
fn an_entry_needs_a_header() {
    let stray = TransactionHistoryResultEntry { ledger_seq: 14, ..TransactionHistoryResultEntry::default() };
    let headers = headers_with(|header| header.tx_set_result_hash = hash_of(&[0; 4]));
    results(&headers, &without(15)).unwrap();
    let error = results(&headers, &file_of(&stray)).unwrap_err();
    assert!(matches!(error.fault, Fault::NoHeader) && error.ledger == Some(14), "{error}");
}

#[test]
fn a_ledger_file_reaches_the_end_of_its_checkpoint() {
    headers(&headers_with(|_| ())).unwrap();
    let error = headers(&headers_with(|header| header.ledger_seq = 14)).unwrap_err();
    assert!(matches!(error.fault, Fault::Gap { expected: 15 }) && error.ledger == Some(14), "{error}");
    let error = headers(&without(14)).unwrap_err();
    assert!(matches!(error.fault, Fault::NoLedgers { expected: 15 }), "{error}");
}

/// A step over what is wanted of a ledger file.
fn step(chain: &mut Chain, headers: &Headers) -> Result<(), Error> {
    let link = Link::of(headers, chain.range)?;
    chain.step(&link)
}

#[test]
fn the_walk_goes_from_newest_to_oldest() {
    let files = generated();
    let mut chain = Chain::new(range(1, 23), None);
    assert_eq!(chain.tip(), None);
    for headers in files.iter().rev() {
        step(&mut chain, headers).unwrap();
    }
    assert_eq!(chain.tip(), Some((23, &files[2].entries()[7].hash)));
}

#[test]
fn a_step_out_of_turn_is_refused_and_changes_nothing() {
    let files = generated();
    let mut chain = Chain::new(range(1, 23), None);
    for wrong in [&files[0], &files[1]] {
        let error = step(&mut chain, wrong).unwrap_err();
        assert!(matches!(error.fault, Fault::Gap { expected: 23 }), "{error}");
    }
    step(&mut chain, &files[2]).unwrap();
    for wrong in [&files[0], &files[2]] {
        let error = step(&mut chain, wrong).unwrap_err();
        assert!(matches!(error.fault, Fault::Gap { expected: 15 }), "{error}");
    }
    step(&mut chain, &files[1]).unwrap();
    step(&mut chain, &files[0]).unwrap();
}

#[test]
fn what_is_outside_the_range_is_not_looked_at() {
    let files = generated();
    let inner = range(10, 20);
    assert_eq!(wanted(&files[0], inner).len(), 0);
    assert_eq!(
        wanted(&files[1], inner).iter().map(Record::ledger).collect::<Vec<_>>(),
        [10, 11, 12, 13, 14, 15]
    );
    assert_eq!(wanted(&files[2], inner).iter().map(Record::ledger).collect::<Vec<_>>(), [16, 17, 18, 19, 20]);
    let mut chain = Chain::new(inner, Some(files[2].of(20).unwrap().hash.clone()));
    step(&mut chain, &files[2]).unwrap();
    step(&mut chain, &files[1]).unwrap();
    assert_eq!(chain.tip().unwrap().0, 20);
    let error = step(&mut chain, &files[0]).unwrap_err();
    assert!(matches!(error.fault, Fault::NoLedgers { .. }), "{error}");
}

#[test]
fn another_history_does_not_fit() {
    let plan = Plan::new(3, frequency(), 1, 2).unwrap();
    let other = Archive::new(plan).nth(1).unwrap().files[0].1.clone();
    let other = Headers::read(checkpoint(8), &other).unwrap();
    headers(&other).unwrap();
    let mut chain = Chain::new(range(1, 23), None);
    step(&mut chain, &generated()[2]).unwrap();
    let error = step(&mut chain, &other).unwrap_err();
    assert!(matches!(error.fault, Fault::BrokenChain { .. }) && error.ledger == Some(15), "{error}");
}

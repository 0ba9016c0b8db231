#![allow(clippy::unwrap_used)]

use stellar_xdr::{LedgerHeader, TransactionResult, TransactionResultPair, TransactionResultSet};

use super::*;
use crate::layout::Frequency;

fn entry(ledger: u32, fee_pool: i64) -> LedgerHeaderHistoryEntry {
    LedgerHeaderHistoryEntry {
        hash: Hash([ledger as u8; 32]),
        header: LedgerHeader {
            ledger_seq: ledger,
            previous_ledger_hash: Hash([ledger as u8 - 1; 32]),
            fee_pool,
            total_coins: 1000,
            ..LedgerHeader::default()
        },
        ..LedgerHeaderHistoryEntry::default()
    }
}

fn results(fees: &[i64]) -> TransactionHistoryResultEntry {
    let pair = |&fee_charged| TransactionResultPair {
        result: TransactionResult { fee_charged, ..TransactionResult::default() },
        ..TransactionResultPair::default()
    };
    let results = fees.iter().map(pair).collect::<Vec<_>>().try_into().unwrap();
    TransactionHistoryResultEntry {
        tx_result_set: TransactionResultSet { results },
        ..TransactionHistoryResultEntry::default()
    }
}

fn apply(
    state: &mut LedgerState,
    entry: &LedgerHeaderHistoryEntry,
    fees: Option<&[i64]>,
) -> Result<(), String> {
    let checkpoint = Frequency::new(8).unwrap().checkpoint_of(9).unwrap();
    state.apply(checkpoint, &Closed::of(entry, fees.map(results).as_ref())).map_err(|e| e.to_string())
}

/// Stands at ledger 9 with a fee pool of 100, taken as found.
fn started() -> LedgerState {
    let mut state = LedgerState::default();
    apply(&mut state, &entry(9, 100), Some(&[7])).unwrap();
    state
}

#[test]
fn carries_the_totals_forward() {
    let mut state = started();
    apply(&mut state, &entry(10, 130), Some(&[10, 20])).unwrap();
    apply(&mut state, &entry(11, 130), None).unwrap();
    assert_eq!(state.last(), Some((11, &Hash([11; 32]))));
    assert_eq!((state.first(), state.ledgers, state.transactions), (Some(9), 3, 3));
    assert_eq!((state.fees_charged, state.fee_pool(), state.total_coins()), (37, 130, 1000));
}

#[test]
fn starts_with_nothing() {
    let state = LedgerState::default();
    assert_eq!((state.first(), state.last(), state.fee_pool(), state.total_coins()), (None, None, 0, 0));
}

#[test]
fn refuses_a_ledger_that_does_not_follow_and_stays_where_it_was() {
    let mut inflated = entry(10, 100);
    inflated.header.total_coins = 1001;
    let mut unlinked = entry(10, 100);
    unlinked.header.previous_ledger_hash = Hash([0xee; 32]);
    for (next, fees, about) in [
        (entry(11, 100), None, "ledger 11: applied out of turn: expected ledger 10"),
        (entry(9, 100), None, "ledger 9: applied out of turn"),
        (entry(10, 101), None, "ledger 10: wrong fee pool: expected 100, the header says 101"),
        (entry(10, 100), Some(&[1][..]), "wrong fee pool: expected 101"),
        (entry(10, 100), Some(&[i64::MAX, i64::MAX]), "expected a number beyond 64 bits"),
        (inflated, None, "wrong total of coins: expected 1000, the header says 1001"),
        (unlinked, None, "ledger 9: broken chain"),
    ] {
        let mut state = started();
        let error = apply(&mut state, &next, fees).unwrap_err();
        assert!(error.contains(about), "{error}");
        assert_eq!(state, started());
    }
}

#[test]
fn nothing_overflows() {
    let mut state = LedgerState::default();
    apply(&mut state, &entry(9, 0), Some(&[i64::MAX, i64::MAX])).unwrap();
    assert_eq!(state.fees_charged, i64::MAX);
    apply(&mut state, &entry(10, -1), Some(&[-1])).unwrap();
}

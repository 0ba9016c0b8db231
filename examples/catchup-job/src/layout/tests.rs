#![allow(clippy::unwrap_used)]

use super::*;

fn every(ledgers: u32) -> Frequency {
    Frequency::new(ledgers).unwrap()
}

fn ends(range: LedgerRange) -> Vec<(u32, u32)> {
    range.checkpoints().map(|c| (c.first(), c.last())).collect()
}

#[test]
fn the_first_checkpoint_is_one_ledger_short() {
    assert_eq!(ends(LedgerRange::new(every(64), 1, 128).unwrap()), [(1, 63), (64, 127), (128, 191)]);
    assert_eq!(ends(LedgerRange::new(every(8), 7, 8).unwrap()), [(1, 7), (8, 15)]);
    assert_eq!(ends(LedgerRange::new(every(1), 1, 3).unwrap()), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(ends(LedgerRange::new(every(10), 9, 10).unwrap()), [(1, 9), (10, 19)]);
}

#[test]
fn checkpoints_can_be_walked_from_both_ends_and_by_position() {
    for (frequency, from, to) in
        [(64, 1, 1000), (8, 3, 63), (1, 5, 9), (7, 6, 7), (64, u32::MAX - 200, u32::MAX)]
    {
        let range = LedgerRange::new(every(frequency), from, to).unwrap();
        let forward: Vec<_> = range.checkpoints().collect();
        let mut backward: Vec<_> = range.checkpoints().rev().collect();
        backward.reverse();
        assert_eq!(forward, backward);
        let by_position: Vec<_> = (0..).map_while(|index| range.checkpoint(index)).collect();
        assert_eq!(forward, by_position);
        assert_eq!(forward.len(), range.checkpoint_count() as usize);
        assert!(forward[0].contains(from) && forward[forward.len() - 1].contains(to));
        assert!(forward.windows(2).all(|pair| pair[0].last() + 1 == pair[1].first()));
    }
}

#[test]
fn nothing_overflows_at_the_end_of_the_numbers() {
    let last = every(64).checkpoint_of(u32::MAX).unwrap();
    assert_eq!((last.first(), last.last()), (u32::MAX - 63, u32::MAX));
    assert_eq!(every(10).checkpoint_of(u32::MAX), None);
    assert!(LedgerRange::new(every(10), 1, u32::MAX).is_err());
    assert_eq!(LedgerRange::new(every(1), 1, u32::MAX).unwrap().checkpoint_count(), u32::MAX);
    assert_eq!(LedgerRange::new(every(1), 1, u32::MAX).unwrap().checkpoint(u32::MAX), None);
}

#[test]
fn refuses_what_is_no_range() {
    assert!(Frequency::new(0).is_err() && Frequency::new(4097).is_err());
    assert!("eight".parse::<Frequency>().is_err() && "-1".parse::<Frequency>().is_err());
    assert_eq!("8".parse::<Frequency>().unwrap(), every(8));
    assert_eq!(every(8).checkpoint_of(0), None);
    assert!(LedgerRange::new(every(8), 0, 5).is_err());
    let error = LedgerRange::new(every(8), 6, 5).unwrap_err().to_string();
    assert!(error.contains("6 to 5"), "{error}");
}

#[test]
fn paths_follow_the_published_layout() {
    let path = |ledger, file: fn(Checkpoint) -> ArchiveFile| {
        file(Frequency::PUBLIC.checkpoint_of(ledger).unwrap()).path()
    };
    assert_eq!(path(1, ArchiveFile::Ledger), "ledger/00/00/00/ledger-0000003f.xdr.gz");
    assert_eq!(path(64, ArchiveFile::Results), "results/00/00/00/results-0000007f.xdr.gz");
    assert_eq!(
        path(0x0123_4567, ArchiveFile::Transactions),
        "transactions/01/23/45/transactions-0123457f.xdr.gz"
    );
    assert_eq!(path(u32::MAX, ArchiveFile::StateAt), "history/ff/ff/ff/history-ffffffff.json");
    assert_eq!(ArchiveFile::State.path(), ".well-known/stellar-history.json");
}

#[test]
fn reads_the_archive_state_and_says_what_is_wrong_with_it() {
    let parse = |json: &str| ArchiveState::parse(ArchiveFile::State, json.as_bytes());
    let state =
        parse(r#"{"version":1,"server":"x","currentLedger":63,"currentBuckets":[{"curr":"00"}]}"#).unwrap();
    assert_eq!((state.current_ledger, state.network_passphrase), (63, None));
    let state = parse(r#"{"version":2,"currentLedger":127,"networkPassphrase":"Demo"}"#).unwrap();
    assert_eq!(state.network_passphrase.as_deref(), Some("Demo"));
    for (json, about) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "invalid"),
        (r#"{"version":1}"#, "currentLedger"),
        (r#"{"version":3,"currentLedger":63}"#, "version 3"),
        (r#"{"version":1,"currentLedger":0}"#, "empty"),
        (r#"{"version":1,"currentLedger":-1}"#, "-1"),
        (r#"{"version":1,"currentLedger":4294967296}"#, "4294967296"),
    ] {
        let error = parse(json).unwrap_err().to_string();
        assert!(error.contains(about) && error.contains("stellar-history.json"), "{json}: {error}");
    }
    let endless = "[".repeat(ArchiveState::MAX_BYTES + 1);
    assert!(parse(&endless).unwrap_err().to_string().contains("larger than the 1048576 bytes"));
}

#[test]
fn a_range_stays_within_the_archive() {
    let state =
        ArchiveState { version: 1, server: String::new(), current_ledger: 63, network_passphrase: None };
    let whole = state.range(every(8), None, None).unwrap();
    assert_eq!((whole.from(), whole.to(), whole.checkpoint_count()), (1, 63, 8));
    let part = state.range(every(8), Some(9), Some(20)).unwrap();
    assert_eq!((part.from(), part.to(), part.checkpoint_count()), (9, 20, 2));
    assert!(part.contains(9) && part.contains(20) && !part.contains(21));
    for (frequency, from, to, about) in [
        (8, None, Some(64), "ends at ledger 63"),
        (8, Some(64), None, "64 to 63"),
        (8, Some(0), None, "no ledger 0"),
        (10, None, None, "frequency"),
    ] {
        let error = state.range(every(frequency), from, to).unwrap_err().to_string();
        assert!(error.contains(about), "{error}");
    }
}

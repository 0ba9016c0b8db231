//! Every way in which an archive can be wrong yields one error that says so, names the file and, where there is one, the ledger.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use stellar_xdr::{Hash, LedgerHeaderHistoryEntry, TransactionHistoryEntry, TransactionHistoryResultEntry};
use support::{Ask, Fixture, catch_up_plain, gunzip, gzip, name};
use windlass_catchup::run::How;
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::layout::{ArchiveFile, Checkpoint};
use windlass_catchup_job::records::{Headers, Record, Results, Transactions};
use windlass_catchup_job::verify::{self, sha256_xdr};

type Kind = fn(Checkpoint) -> ArchiveFile;
const KINDS: [Kind; 3] = [ArchiveFile::Ledger, ArchiveFile::Transactions, ArchiveFile::Results];

/// Spoils an archive of three checkpoints (1–7, 8–15, 16–23) and checks what is said about it.
#[track_caller]
fn expect(spoil: impl FnOnce(&Fixture), file: impl FnOnce(&Fixture) -> ArchiveFile, fault: &str) -> Error {
    let fixture = Fixture::new(3);
    spoil(&fixture);
    check(&fixture, fixture.fault(), file, fault)
}

fn check(fixture: &Fixture, error: Error, file: impl FnOnce(&Fixture) -> ArchiveFile, fault: &str) -> Error {
    assert_eq!(error.file, file(fixture), "{error}");
    assert_eq!(name(&error.fault), fault, "{error}");
    assert!(error.to_string().starts_with(&error.file.path()), "{error}");
    error
}

fn middle(kind: Kind) -> impl Fn(&Fixture) -> ArchiveFile {
    move |fixture| kind(fixture.checkpoint(9))
}

/// Changes the records of the middle checkpoint.
fn edit<T: Record + stellar_xdr::WriteXdr>(change: impl FnOnce(&mut Vec<T>)) -> impl FnOnce(&Fixture) {
    move |fixture| fixture.edit_records(fixture.checkpoint(9), change)
}

/// Changes one header of the checkpoint of `ledger`, and makes its own hash right again.
fn forge(ledger: u32, change: impl FnOnce(&mut stellar_xdr::LedgerHeader)) -> impl FnOnce(&Fixture) {
    move |fixture| {
        fixture.edit_records(fixture.checkpoint(ledger), |headers: &mut Vec<LedgerHeaderHistoryEntry>| {
            let entry = headers.iter_mut().find(|entry| entry.ledger() == ledger).unwrap();
            change(&mut entry.header);
            entry.hash = sha256_xdr(&entry.header);
        });
    }
}

#[test]
fn a_flipped_byte_in_the_compressed_file() {
    for kind in KINDS {
        let flip = |fixture: &Fixture| {
            fixture.edit(middle(kind)(fixture), |bytes| {
                let place = bytes.len() / 2;
                bytes[place] ^= 0x20;
            });
        };
        let error = expect(flip, middle(kind), "Gzip");
        assert!(error.is_retryable());
    }
}

#[test]
fn a_flipped_byte_anywhere_in_the_contents() {
    let fixture = Fixture::new(2);
    let checkpoint = fixture.checkpoint(9);
    let contents = |kind: Kind| gunzip(&fs::read(fixture.path(kind(checkpoint))).unwrap());
    let headers = fixture.headers(checkpoint);

    let ledgers = contents(ArchiveFile::Ledger);
    for place in 0..ledgers.len() {
        let mut bytes = ledgers.clone();
        bytes[place] ^= 1;
        let verdict = Headers::parse(checkpoint, &bytes).and_then(|headers| verify::headers(&headers));
        assert!(verdict.is_err(), "header byte {place}");
    }
    let results = contents(ArchiveFile::Results);
    for place in 0..results.len() {
        let mut bytes = results.clone();
        bytes[place] ^= 1;
        let verdict = Results::parse(checkpoint, &bytes).and_then(|r| verify::results(&headers, &r));
        assert!(verdict.is_err(), "result byte {place}");
    }
    let sets = contents(ArchiveFile::Transactions);
    let sound = Transactions::parse(checkpoint, &sets).unwrap();
    for place in 0..sets.len() {
        let mut bytes = sets.clone();
        bytes[place] ^= 1;
        let Ok(parsed) = Transactions::parse(checkpoint, &bytes) else { continue };
        // The legacy set of an entry that has a generalized one is padding, which no hash covers.
        let covered = |t: &TransactionHistoryEntry| (t.ledger_seq, t.ext.clone());
        let same = parsed.entries().iter().map(covered).eq(sound.entries().iter().map(covered));
        assert_eq!(verify::transactions(&headers, &parsed).is_ok(), same, "transaction byte {place}");
    }
}

#[test]
fn a_file_cut_short() {
    for kind in KINDS {
        for keep in [0, 5, 100] {
            let cut = |fixture: &Fixture| {
                fixture.edit(middle(kind)(fixture), |bytes| bytes.truncate(keep));
            };
            assert!(expect(cut, middle(kind), "Gzip").to_string().contains("ends too early"));
        }
        let cut_record = |fixture: &Fixture| {
            fixture.edit(middle(kind)(fixture), |bytes| {
                let mut inflated = gunzip(bytes);
                inflated.pop();
                *bytes = gzip(&inflated);
            });
        };
        assert!(expect(cut_record, middle(kind), "Record").to_string().contains("cut off"));
    }
}

#[test]
fn bytes_after_the_end() {
    for kind in KINDS {
        let append = |fixture: &Fixture| fixture.edit(middle(kind)(fixture), |bytes| bytes.push(0));
        expect(append, middle(kind), "Gzip");
    }
}

#[test]
fn a_file_that_is_missing() {
    for kind in KINDS {
        let remove = |fixture: &Fixture| fs::remove_file(fixture.path(middle(kind)(fixture))).unwrap();
        assert!(!expect(remove, middle(kind), "Missing").is_retryable());
    }
}

#[test]
fn two_files_that_changed_places() {
    for kind in KINDS {
        let swap = |fixture: &Fixture| {
            let [a, b] = [1, 9].map(|ledger| fixture.path(kind(fixture.checkpoint(ledger))));
            let aside = fixture.archive().join("aside");
            fs::rename(&a, &aside).unwrap();
            fs::rename(&b, &a).unwrap();
            fs::rename(&aside, &b).unwrap();
        };
        let fixture = Fixture::new(3);
        swap(&fixture);
        let error =
            check(&fixture, fixture.plain_fault(), |fixture| kind(fixture.checkpoint(1)), "OutOfRange");
        assert!(error.to_string().contains("expected ledgers 1 to 7"), "{error}");
        // The program may come upon either of the two first.
        let error = fixture.run(|options| options.trusted = None).how.error().unwrap();
        assert!(
            error.contains("expected ledgers 1 to 7") || error.contains("expected ledgers 8 to 15"),
            "{error}"
        );
    }
    // A file of another kind is not even well formed.
    let other = |fixture: &Fixture| {
        let checkpoint = fixture.checkpoint(9);
        fs::copy(
            fixture.path(ArchiveFile::Results(checkpoint)),
            fixture.path(ArchiveFile::Ledger(checkpoint)),
        )
        .unwrap();
    };
    expect(other, middle(ArchiveFile::Ledger), "Record");
}

#[test]
fn records_in_another_order_or_twice() {
    expect(
        edit(|r: &mut Vec<LedgerHeaderHistoryEntry>| r.swap(1, 2)),
        middle(ArchiveFile::Ledger),
        "OutOfOrder",
    );
    expect(
        edit(|r: &mut Vec<TransactionHistoryEntry>| r.reverse()),
        middle(ArchiveFile::Transactions),
        "OutOfOrder",
    );
    let twice = |r: &mut Vec<TransactionHistoryResultEntry>| r.insert(1, r[0].clone());
    let error = expect(edit(twice), middle(ArchiveFile::Results), "OutOfOrder");
    assert!(error.ledger.is_some_and(|ledger| error.to_string().contains(&format!("after ledger {ledger}"))));
}

#[test]
fn ledgers_that_are_left_out() {
    let drop_at = |place: usize| edit(move |r: &mut Vec<LedgerHeaderHistoryEntry>| drop(r.remove(place)));
    let error = expect(drop_at(3), middle(ArchiveFile::Ledger), "Gap");
    assert!(error.to_string().contains("ledger 12: a gap: expected ledger 11"), "{error}");
    let error = expect(drop_at(7), middle(ArchiveFile::Ledger), "Gap");
    assert!(error.to_string().contains("ledger 14: a gap: expected ledger 15"), "{error}");
    let error = expect(drop_at(0), middle(ArchiveFile::Ledger), "Gap");
    assert!(error.to_string().contains("ledger 9: a gap: expected ledger 8"), "{error}");
    expect(edit(Vec::<LedgerHeaderHistoryEntry>::clear), middle(ArchiveFile::Ledger), "NoLedgers");

    let sets = edit(|r: &mut Vec<TransactionHistoryEntry>| drop(r.pop()));
    let error = expect(sets, middle(ArchiveFile::Transactions), "WrongHash");
    assert!(error.to_string().contains("transaction set (empty, as it has no entry)"), "{error}");
    let results = edit(|r: &mut Vec<TransactionHistoryResultEntry>| drop(r.pop()));
    let error = expect(results, middle(ArchiveFile::Results), "WrongHash");
    assert!(error.to_string().contains("results (empty, as it has no entry)"), "{error}");
}

#[test]
fn an_archive_may_begin_late_but_only_as_a_whole() {
    let late = |fixture: &Fixture| {
        fixture
            .edit_records(fixture.checkpoint(1), |r: &mut Vec<LedgerHeaderHistoryEntry>| drop(r.drain(..3)));
    };
    // Headers 1 to 3 are gone, but transactions of ledgers 2 and 3 are still there.
    let fixture = Fixture::new(3);
    late(&fixture);
    let error = fixture.plain_fault();
    check(&fixture, error, |fixture| ArchiveFile::Transactions(fixture.checkpoint(1)), "NoHeader");
    let error = fixture.run(|options| options.trusted = None).how.error().unwrap();
    assert!(error.contains("has no header"), "{error}");

    let checkpoint = fixture.checkpoint(1);
    fixture.edit_records(checkpoint, |r: &mut Vec<TransactionHistoryEntry>| r.retain(|e| e.ledger() > 3));
    let error = fixture.fault();
    assert_eq!((error.file, name(&error.fault)), (ArchiveFile::Results(checkpoint), "NoHeader".into()));
    fixture
        .edit_records(checkpoint, |r: &mut Vec<TransactionHistoryResultEntry>| r.retain(|e| e.ledger() > 3));
    let caught = fixture.catch_up().unwrap();
    assert_eq!((caught.state.first(), caught.state.ledgers), (Some(4), 20));
    let ending = fixture.run(|_| ());
    assert_eq!((ending.how, ending.ledgers, ending.counts.wanted), (How::Arrived, 20, 20));

    let ask = Ask { to: Some(3), trusted: None, ..fixture.ask() };
    let error = catch_up_plain(&fixture.source(), &fixture.work(), &ask).unwrap_err();
    assert!(matches!(error.fault, Fault::NoLedgers { expected: 3 }), "{error}");
}

#[test]
fn a_header_that_is_not_what_its_hash_says() {
    let error = expect(
        edit(|r: &mut Vec<LedgerHeaderHistoryEntry>| r[2].header.fee_pool += 1),
        middle(ArchiveFile::Ledger),
        "WrongHash",
    );
    assert_eq!(error.ledger, Some(10));
    assert!(error.is_retryable());
}

#[test]
fn a_forged_header_breaks_the_chain() {
    // In the middle of a checkpoint, and at its end, where only the next checkpoint tells.
    for ledger in [10, 15] {
        let error =
            expect(forge(ledger, |header| header.fee_pool += 1), middle(ArchiveFile::Ledger), "BrokenChain");
        assert_eq!(error.ledger, Some(ledger));
        assert!(!error.is_retryable());
    }
}

#[test]
fn a_forged_last_header_is_found_by_its_totals_or_by_the_trusted_hash() {
    let last = |fixture: &Fixture| ArchiveFile::Ledger(fixture.checkpoint(23));
    let error = expect(forge(23, |header| header.fee_pool += 1), last, "WrongTotal");
    assert!(error.to_string().contains("ledger 23: wrong fee pool: expected"), "{error}");
    let error = expect(forge(23, |header| header.total_coins += 1), last, "WrongTotal");
    assert!(error.to_string().contains("total of coins"), "{error}");

    let fixture = Fixture::new(3);
    forge(23, |header| header.fee_pool += 1)(&fixture);
    let error = fixture.catch_up().unwrap_err();
    assert_eq!(name(&error.fault), "Untrusted");
    assert!(error.to_string().contains(&fixture.made.hash.to_string()), "{error}");
}

#[test]
fn a_wrong_trusted_hash() {
    let fixture = Fixture::new(2);
    let ask = Ask { trusted: Some(Hash([7; 32])), ..fixture.ask() };
    let error = catch_up_plain(&fixture.source(), &fixture.work(), &ask).unwrap_err();
    assert_eq!((error.file, error.ledger), (ArchiveFile::Ledger(fixture.checkpoint(15)), Some(15)));
    assert!(matches!(error.fault, Fault::Untrusted { .. }) && !error.is_retryable(), "{error}");
    let text = error.to_string();
    assert!(text.contains(&"07".repeat(32)) && text.contains(&fixture.made.hash.to_string()), "{text}");
}

#[test]
fn results_of_another_run() {
    let error = expect(
        edit(|r: &mut Vec<TransactionHistoryResultEntry>| {
            let mut results = r[0].tx_result_set.results.to_vec();
            results[0].result.fee_charged += 1;
            r[0].tx_result_set.results = results.try_into().unwrap();
        }),
        middle(ArchiveFile::Results),
        "WrongHash",
    );
    assert!(error.to_string().contains("wrong hash of the results: expected"), "{error}");
    let error = expect(
        edit(|r: &mut Vec<TransactionHistoryEntry>| {
            let other = r[1].ext.clone();
            r[0].ext = other;
        }),
        middle(ArchiveFile::Transactions),
        "WrongHash",
    );
    assert!(error.to_string().contains("wrong hash of the transaction set"), "{error}");
}

#[test]
fn an_archive_that_is_none() {
    let state = |_: &Fixture| ArchiveFile::State;
    let no_state = |fixture: &Fixture| fs::remove_file(fixture.path(ArchiveFile::State)).unwrap();
    let error = expect(no_state, state, "Missing");
    assert!(error.to_string().contains("stellar-history.json: not in the archive /"), "{error}");
    for (json, about) in [
        ("<html>", "expected value"),
        (r#"{"version":1,"currentLedger":22}"#, "ends no checkpoint"),
        (r#"{"version":9,"currentLedger":23}"#, "version 9"),
    ] {
        let garble = |fixture: &Fixture| fixture.edit(ArchiveFile::State, |bytes| *bytes = json.into());
        let error = expect(garble, state, "State");
        assert!(error.to_string().contains(about), "{error}");
    }
    // It claims to reach further than it does.
    let boast = |fixture: &Fixture| {
        fixture.edit(ArchiveFile::State, |bytes| *bytes = br#"{"version":1,"currentLedger":31}"#.to_vec());
    };
    expect(boast, |fixture| ArchiveFile::Ledger(fixture.checkpoint(31)), "Missing");
}

#[test]
fn a_file_larger_than_is_accepted() {
    use windlass_catchup::source::{FetchLimits, Source};
    let fixture = Fixture::new(1);
    let limits = FetchLimits { bytes: 300, ..FetchLimits::default() };
    let source = Source::open(fixture.archive().to_str().unwrap(), limits).unwrap();
    let error = catch_up_plain(&source, &fixture.work(), &fixture.ask()).unwrap_err();
    assert!(matches!(error.fault, Fault::TooLarge { limit: 300 }), "{error}");
    assert!(fixture.leftovers().is_empty());
}

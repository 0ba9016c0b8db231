//! The oracle over sound archives: what every catch-up must come to, from a directory and over a bad line.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use support::{Ask, Fixture, catch_up_plain, files};
use windlass_catchup::generate;
use windlass_catchup::server::Server;
use windlass_catchup::source::{FetchLimits, Source};
use windlass_catchup::workdir::WorkDir;
use windlass_catchup_job::error::Fault;
use windlass_catchup_job::generate::Plan;
use windlass_catchup_job::layout::{ArchiveFile, Frequency};

#[test]
fn reaches_the_end_of_a_generated_archive() {
    let fixture = Fixture::new(3);
    let caught = fixture.catch_up().unwrap();
    assert_eq!(caught.state.last(), Some((23, &fixture.made.hash)));
    assert_eq!((caught.state.first(), caught.state.ledgers), (Some(1), 23));
    assert_eq!(caught.state.transactions, fixture.made.transactions);
    assert!(caught.state.transactions > 0);
    assert_eq!(caught.state.fees_charged, 100 * caught.state.transactions as i64);
    assert_eq!(caught.state.fee_pool(), caught.state.fees_charged);
    assert_eq!(caught.fetched, 1 + 3 * 3);
}

#[test]
fn any_frequency_and_any_load_will_do() {
    for (frequency, checkpoints, transactions) in [(1, 5, 1), (2, 3, 1), (10, 2, 0), (64, 2, 1), (5, 3, 30)] {
        let place = tempfile::tempdir().unwrap();
        let frequency = Frequency::new(frequency).unwrap();
        let plan = Plan::new(checkpoints, frequency, transactions, 3).unwrap();
        let archive = place.path().join("archive");
        let made = generate::write(&archive, plan).unwrap();
        let source = Source::open(archive.to_str().unwrap(), FetchLimits::default()).unwrap();
        let work = WorkDir::open(&place.path().join("work")).unwrap();
        let ask = Ask { frequency, from: None, to: None, trusted: Some(made.hash.clone()), retries: 0 };
        let caught = catch_up_plain(&source, &work, &ask).unwrap();
        assert_eq!(caught.state.last(), Some((made.ledger, &made.hash)));
        assert_eq!(caught.state.transactions, made.transactions);
    }
}

#[test]
fn a_second_run_fetches_only_the_archive_state() {
    let fixture = Fixture::new(3);
    let first = fixture.catch_up().unwrap();
    let kept = files(&fixture.work_path());
    assert_eq!(kept.len(), 9);
    let second = fixture.catch_up().unwrap();
    assert_eq!((second.fetched, &second.state), (1, &first.state));
    assert_eq!(files(&fixture.work_path()), kept);
}

#[test]
fn what_was_spoiled_in_between_is_fetched_again() {
    let fixture = Fixture::new(3);
    fixture.catch_up().unwrap();
    let spoiled = fixture.work_path().join(ArchiveFile::Results(fixture.checkpoint(9)).path());
    let half = fs::read(&spoiled).unwrap()[..20].to_vec();
    fs::write(&spoiled, half).unwrap();
    assert_eq!(fixture.catch_up().unwrap().fetched, 2);
}

#[test]
fn leftovers_of_a_killed_run_are_removed() {
    let fixture = Fixture::new(1);
    fixture.work();
    fs::write(fixture.work_path().join(".download-killed"), "half").unwrap();
    fixture.catch_up().unwrap();
    assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
}

#[test]
fn a_part_of_the_archive_will_do() {
    let fixture = Fixture::new(4);
    let whole = fixture.catch_up().unwrap();
    for (from, to, checkpoints) in [(1, 1, 1), (7, 8, 2), (9, 20, 2), (16, 16, 1), (3, 31, 4)] {
        let ask = Ask { from: Some(from), to: Some(to), trusted: None, ..fixture.ask() };
        let place = tempfile::tempdir().unwrap();
        let caught = catch_up_plain(&fixture.source(), &WorkDir::open(place.path()).unwrap(), &ask).unwrap();
        assert_eq!(caught.state.first(), Some(from));
        assert_eq!(caught.state.last().unwrap().0, to);
        assert_eq!(caught.fetched, 1 + 3 * checkpoints);
        if to == 31 {
            assert_eq!(caught.state.last(), whole.state.last());
        }
    }
}

#[test]
fn the_trusted_hash_is_the_one_of_the_last_ledger_wanted() {
    let fixture = Fixture::new(2);
    let inner = fixture.headers(fixture.checkpoint(9)).of(12).unwrap().hash.clone();
    let ask = Ask { to: Some(12), trusted: Some(inner), ..fixture.ask() };
    catch_up_plain(&fixture.source(), &fixture.work(), &ask).unwrap();
    let ask = Ask { to: Some(11), ..ask };
    let error = catch_up_plain(&fixture.source(), &fixture.work(), &ask).unwrap_err();
    assert!(matches!(error.fault, Fault::Untrusted { .. }), "{error}");
}

#[test]
fn a_bad_line_changes_nothing_but_the_number_of_fetches() {
    let fixture = Fixture::new(4);
    let expected = fixture.catch_up().unwrap().state;
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let faults = "503=0.2,cut=0.2,slow=0.05".parse().unwrap();
        let server = Server::start(&fixture.archive(), 0, faults, seed).unwrap();
        let source = Source::open(&server.url(), FetchLimits::default()).unwrap();
        let place = tempfile::tempdir().unwrap();
        let work = WorkDir::open(place.path()).unwrap();
        let ask = Ask { retries: 50, ..fixture.ask() };
        let caught = catch_up_plain(&source, &work, &ask).unwrap();
        assert_eq!(caught.state, expected);
        let counts = server.stop();
        assert_eq!(u64::from(caught.fetched), counts.requests);
        assert_eq!(u64::from(caught.retried), counts.unavailable + counts.cut);
        assert_eq!(files(place.path()).len(), 12);
        runs.push((counts, caught));
    }
    assert!(runs[0].1.retried > 0);
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

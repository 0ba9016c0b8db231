//! Whole runs of the tree against the oracle: from a directory, over a bad line, again in the same work directory, and out of luck.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};
use stellar_xdr::{Hash, LedgerHeaderHistoryEntry};
use support::{Ask, Fixture, catch_up_plain, files, run_quietly};
use windlass_catchup::generate;
use windlass_catchup::run::{Ending, How};
use windlass_catchup::server::Server;
use windlass_catchup::source::{FetchLimits, Source};
use windlass_catchup::workdir::WorkDir;
use windlass_catchup_job as job;
use windlass_catchup_job::generate::Plan;
use windlass_catchup_job::layout::{ArchiveFile, Frequency};

/// What both ways must agree on.
fn essence(ending: &Ending) -> (Option<(u32, Hash)>, u64, u64, i64) {
    (ending.last.clone(), ending.ledgers, ending.transactions, ending.fee_charged)
}

fn failure(ending: &Ending) -> &str {
    let How::Failed { error, .. } = &ending.how else { panic!("{ending:?}") };
    error
}

#[test]
fn agrees_with_the_oracle_for_any_shape_of_archive_and_any_concurrency() {
    for (frequency, checkpoints, transactions) in [(1, 9, 1), (2, 3, 1), (10, 2, 0), (64, 2, 1), (5, 4, 30)] {
        let place = tempfile::tempdir().unwrap();
        let frequency = Frequency::new(frequency).unwrap();
        let archive = place.path().join("archive");
        let made =
            generate::write(&archive, Plan::new(checkpoints, frequency, transactions, 3).unwrap()).unwrap();
        let source = Source::open(archive.to_str().unwrap(), FetchLimits::default()).unwrap();
        let work = WorkDir::open(&place.path().join("work")).unwrap();
        let ask = Ask { frequency, from: None, to: None, trusted: Some(made.hash.clone()), retries: 0 };
        let plain = catch_up_plain(&source, &work, &ask).unwrap().state;
        for concurrency in [1, 2, 16] {
            let mut options = Fixture::new(1).options();
            (options.source, options.frequency) = (source.clone(), frequency);
            (options.trusted, options.concurrency) = (Some(made.hash.clone()), concurrency);
            let ending = run_quietly(&options);
            assert_eq!(ending.how, How::Arrived);
            let last = plain.last().map(|(ledger, hash)| (ledger, hash.clone()));
            assert_eq!(essence(&ending), (last, plain.ledgers, plain.transactions, plain.fees_charged));
            assert_eq!(ending.counts.downloads, 1 + 3 * u64::from(checkpoints));
            assert_eq!((ending.counts.verified, ending.counts.retries), (plain.ledgers, 0));
        }
    }
}

#[test]
fn a_bad_line_changes_nothing_but_the_number_of_downloads() {
    let fixture = Fixture::new(6);
    let expected = fixture.run(|_| ());
    let mut retries = Vec::new();
    for seed in [1, 1, 2] {
        let faults = "503=0.2,cut=0.2,slow=0.05".parse().unwrap();
        let server = Server::start(&fixture.archive(), 0, faults, seed).unwrap();
        let ending = fixture.run(|options| {
            options.source = Source::open(&server.url(), FetchLimits::default()).unwrap();
            options.retries = 100;
        });
        assert_eq!((&ending.how, essence(&ending)), (&How::Arrived, essence(&expected)));
        let counts = server.stop();
        assert_eq!(ending.counts.downloads, counts.requests);
        assert_eq!(ending.counts.retries, counts.unavailable + counts.cut);
        retries.push(ending.counts.retries);
    }
    assert!(retries[0] > 0);
    assert_eq!(retries[0], retries[1]);
}

#[test]
fn a_second_run_downloads_only_what_is_missing_or_spoiled() {
    let fixture = Fixture::new(3);
    let work = fixture.work_path();
    let mut options = fixture.options();
    options.work_dir = Some(work.clone());
    let first = run_quietly(&options);
    let kept = files(&work);
    assert_eq!((first.counts.downloads, first.counts.kept, kept.len()), (10, 0, 9));

    let second = run_quietly(&options);
    assert_eq!((second.counts.downloads, second.counts.kept, second.counts.retries), (1, 9, 0));
    assert_eq!(essence(&second), essence(&first));

    let checkpoint = fixture.checkpoint(9);
    let sound = fs::read(work.join(ArchiveFile::Results(checkpoint).path())).unwrap();
    fs::remove_file(work.join(ArchiveFile::Ledger(checkpoint).path())).unwrap();
    fs::write(work.join(ArchiveFile::Results(checkpoint).path()), &sound[..20]).unwrap();
    fs::write(work.join(ArchiveFile::Transactions(checkpoint).path()), &sound).unwrap();
    fs::write(work.join(".download-killed"), "half").unwrap();
    let third = run_quietly(&options);
    assert_eq!((third.counts.downloads, third.counts.kept, third.counts.retries), (4, 6, 0));
    assert_eq!(essence(&third), essence(&first));
    assert_eq!(files(&work), kept);
}

#[test]
fn what_a_failed_run_has_verified_is_there_for_the_next() {
    let fixture = Fixture::new(3);
    let results = ArchiveFile::Results(fixture.checkpoint(23));
    let aside = fixture.archive().join("aside");
    fs::rename(fixture.path(results), &aside).unwrap();
    let mut options = fixture.options();
    (options.work_dir, options.concurrency) = (Some(fixture.work_path()), 1);
    let ending = run_quietly(&options);
    assert!(failure(&ending).starts_with(&results.path()), "{ending:?}");

    fs::rename(&aside, fixture.path(results)).unwrap();
    let kept = files(&fixture.work_path()).len() as u64;
    let ending = run_quietly(&options);
    assert_eq!(ending.how, How::Arrived);
    assert_eq!((ending.counts.kept, ending.counts.downloads), (kept, 1 + 9 - kept));
    assert!(kept >= 3, "the headers at least");
}

#[test]
fn a_part_of_the_archive_will_do() {
    let fixture = Fixture::new(4);
    let whole = fixture.run(|_| ());
    for (from, to, checkpoints) in [(1, 1, 1), (7, 8, 2), (9, 20, 2), (16, 16, 1), (3, 31, 4)] {
        let ending = fixture.run(|options| {
            (options.from, options.to, options.trusted) = (Some(from), Some(to), None);
        });
        assert_eq!(ending.how, How::Arrived);
        assert_eq!((ending.first, ending.last.as_ref().unwrap().0), (Some(from), to));
        assert_eq!(ending.ledgers, u64::from(to - from) + 1);
        assert_eq!(ending.counts.downloads, 1 + 3 * checkpoints);
        assert_eq!(to == 31, ending.last == whole.last);
    }
    let ending = fixture.run(|options| (options.to, options.retries) = (Some(32), 3));
    assert!(failure(&ending).contains("the archive ends at ledger 31, expected to reach 32"), "{ending:?}");
    assert_eq!(ending.counts.retries, 0);
}

#[test]
fn a_spoiled_download_is_tried_again_and_a_broken_chain_is_not() {
    // Contents that do not match their hash: they might, the next time.
    let fixture = Fixture::new(3);
    let checkpoint = fixture.checkpoint(9);
    fixture.edit_records(checkpoint, |r: &mut Vec<LedgerHeaderHistoryEntry>| r[2].header.fee_pool += 1);
    let ending = fixture.run(|options| options.retries = 4);
    assert!(failure(&ending).contains("wrong hash of the ledger header"), "{ending:?}");
    assert_eq!(ending.counts.retries, 4);

    // Contents that are what their hash says, but not what the archive says elsewhere.
    let fixture = Fixture::new(3);
    fixture.edit_records(checkpoint, |r: &mut Vec<LedgerHeaderHistoryEntry>| {
        let last = r.last_mut().unwrap();
        last.header.fee_pool += 1;
        last.hash = windlass_catchup_job::verify::sha256_xdr(&last.header);
    });
    let ending = fixture.run(|options| options.retries = 4);
    assert!(failure(&ending).contains("ledger 15: broken chain"), "{ending:?}");
    assert_eq!((ending.counts.retries, ending.counts.downloads), (0, 4));

    let fixture = Fixture::new(3);
    let ending = fixture.run(|options| (options.retries, options.trusted) = (4, Some(Hash([7; 32]))));
    assert!(failure(&ending).contains("not the trusted ledger"), "{ending:?}");
    assert_eq!((ending.counts.retries, ending.counts.downloads), (0, 4));

    // What is not there will not be there the next time.
    let fixture = Fixture::new(3);
    fs::remove_file(fixture.path(ArchiveFile::Transactions(checkpoint))).unwrap();
    let ending = fixture.run(|options| options.retries = 4);
    assert!(failure(&ending).contains("not in the archive"), "{ending:?}");
    assert_eq!(ending.counts.retries, 0);
}

#[test]
fn a_spoiled_download_may_be_cured_by_the_next() {
    let fixture = Fixture::new(2);
    let server = Server::start(&fixture.archive(), 0, "cut=0.5".parse().unwrap(), 3).unwrap();
    let ending = fixture.run(|options| {
        options.source = Source::open(&server.url(), FetchLimits::default()).unwrap();
        options.retries = 50;
    });
    assert_eq!(ending.how, How::Arrived);
    assert_eq!(ending.counts.retries, server.stop().cut);
    assert!(ending.counts.retries > 0);
}

#[test]
fn a_gzip_bomb_is_defused() {
    let fixture = Fixture::new(2);
    let file = ArchiveFile::Results(fixture.checkpoint(9));
    // The same mebibyte of zeros over and over.
    let mut block = Vec::with_capacity(1 << 16);
    Compress::new(Compression::best(), false)
        .compress_vec(&vec![0; 1 << 20], &mut block, FlushCompress::Full)
        .unwrap();
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bomb = fs::File::create(fixture.path(file)).unwrap();
    bomb.write_all(&header).unwrap();
    (0..300).for_each(|_| bomb.write_all(&block).unwrap());
    drop(bomb);
    let ending = fixture.run(|options| options.retries = 3);
    let error = failure(&ending);
    assert!(error.starts_with(&file.path()) && error.contains("inflates to more than"), "{error}");
    assert_eq!(ending.counts.retries, 0);
}

#[test]
fn a_directory_that_is_no_archive() {
    let fixture = Fixture::new(1);
    let nothing = tempfile::tempdir().unwrap();
    let ending = fixture.run(|options| {
        options.source = Source::open(nothing.path().to_str().unwrap(), FetchLimits::default()).unwrap();
    });
    assert!(
        failure(&ending).starts_with(".well-known/stellar-history.json: not in the archive"),
        "{ending:?}"
    );
}

#[test]
fn a_server_that_hangs_is_given_up_after_its_retries() {
    let fixture = Fixture::new(1);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let limits = FetchLimits { silence: Duration::from_millis(30), ..FetchLimits::default() };
    let ending = fixture.run(|options| {
        options.source = Source::open(&url, limits).unwrap();
        options.retries = 2;
    });
    assert!(failure(&ending).contains("did not deliver within 30ms"), "{ending:?}");
    assert_eq!((ending.counts.downloads, ending.counts.retries), (3, 2));
}

#[test]
fn the_deadline_ends_a_run_even_if_a_server_hangs() {
    let fixture = Fixture::new(1);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let ending = fixture.run(|options| {
        options.source = Source::open(&url, FetchLimits::default()).unwrap();
        options.deadline = Some(Duration::from_millis(50));
    });
    assert_eq!((&ending.how, ending.how.exit_code()), (&How::Late, 124));
}

#[test]
fn the_deadline_ends_a_run_between_two_retries() {
    let fixture = Fixture::new(1);
    let server = Server::start(&fixture.archive(), 0, "503=1".parse().unwrap(), 1).unwrap();
    let ending = fixture.run(|options| {
        options.source = Source::open(&server.url(), FetchLimits::default()).unwrap();
        (options.retries, options.retry_base) = (100, Duration::from_secs(60));
        options.deadline = Some(Duration::from_millis(200));
    });
    assert_eq!(ending.how, How::Late);
    assert!(server.stop().unavailable > 0);
}

#[test]
fn a_thousand_checkpoints_fit_the_same_table() {
    for (frequency, checkpoints) in [(1, 1100), (8, 1000)] {
        let place = tempfile::tempdir().unwrap();
        let frequency = Frequency::new(frequency).unwrap();
        let archive = place.path().join("archive");
        let made = generate::write(&archive, Plan::new(checkpoints, frequency, 1, 5).unwrap()).unwrap();
        let mut options = Fixture::new(1).options();
        options.source = Source::open(archive.to_str().unwrap(), FetchLimits::default()).unwrap();
        (options.frequency, options.trusted) = (frequency, Some(made.hash));
        let ending = run_quietly(&options);
        assert_eq!(ending.how, How::Arrived);
        assert_eq!(ending.transactions, made.transactions);
        assert!(ending.high_water <= job::capacity(options.concurrency), "{ending:?}");
    }
    assert_eq!(job::capacity(4), 6 + 12 * 4);
}

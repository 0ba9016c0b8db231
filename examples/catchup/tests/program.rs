//! The program itself: what it prints and how it ends.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use support::{Ask, catch_up_plain};
use windlass_catchup::layout::Frequency;
use windlass_catchup::source::{FetchLimits, Source};
use windlass_catchup::workdir::WorkDir;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_catchup"))
}

fn catchup(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = program().args(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn generates_once_into_one_place() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("archive");
    let arguments =
        ["generate", "--out", out.to_str().unwrap(), "--checkpoints", "2", "--checkpoint-frequency", "8"];
    let (code, said, _) = catchup(&arguments);
    assert_eq!(code, 0);
    assert!(said.contains("2 checkpoints") && said.contains("ledger 15 is "), "{said}");

    let (code, _, error) = catchup(&arguments);
    assert_eq!(code, 1);
    assert!(error.starts_with("error: ") && error.contains("not empty"), "{error}");
}

#[test]
fn wrong_usage_ends_with_two() {
    for arguments in [
        &["dance"][..],
        &["run"],
        &["run", "--archive", "/no/such/directory"],
        &["run", "--archive", "https://127.0.0.1"],
        &["run", "--archive", "http://127.0.0.1", "--from", "6", "--to", "5"],
        &["run", "--archive", "http://127.0.0.1", "--trusted-hash", "00"],
        &["run", "--archive", "http://127.0.0.1", "--concurrency", "0"],
        &["run", "--archive", "http://127.0.0.1", "--deadline", "0"],
        &["run", "--archive", "http://127.0.0.1", "--progress", "loud"],
        &["generate", "--out", "x"],
        &["generate", "--out", "x", "--checkpoints", "0"],
        &["generate", "--out", "x", "--checkpoints", "4294967295"],
        &["generate", "--out", "x", "--checkpoints", "1", "--checkpoint-frequency", "0"],
        &["serve", "--archive", "x", "--faults", "503=2"],
        &["serve", "--archive", "x", "--port", "65536"],
    ] {
        let (code, _, error) = catchup(arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        assert!(!error.is_empty());
    }
}

#[test]
fn serving_nothing_is_an_error() {
    let (code, _, error) = catchup(&["serve", "--archive", "/no/such/archive"]);
    assert_eq!(code, 1);
    assert!(error.contains("could not serve /no/such/archive"), "{error}");
}

#[cfg(unix)]
#[test]
fn serves_until_interrupted() {
    let fixture = support::Fixture::new(1);
    let mut server = program()
        .args([
            "serve",
            "--archive",
            fixture.archive().to_str().unwrap(),
            "--faults",
            "503=0.3",
            "--seed",
            "4",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let announced = lines.next().unwrap();
    let url = announced.split(' ').find(|word| word.starts_with("http://")).unwrap();

    let source = Source::open(url, FetchLimits::default()).unwrap();
    let work = WorkDir::open(&fixture.work_path()).unwrap();
    let frequency = Frequency::new(8).unwrap();
    let ask = Ask { frequency, from: None, to: None, trusted: Some(fixture.made.hash.clone()), retries: 50 };
    let caught = catch_up_plain(&source, &work, &ask).unwrap();

    let interrupted = Command::new("kill").args(["-INT", &server.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert!(server.wait().unwrap().success());
    let counts = lines.next().unwrap();
    assert!(counts.starts_with(&format!("{} requests: ", caught.fetched)), "{counts}");
}

//! The program itself: what it prints and how it ends.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use support::{Ask, catch_up_plain};
use windlass_catchup::source::{FetchLimits, Source};
use windlass_catchup::workdir::WorkDir;
use windlass_catchup_job::layout::Frequency;

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

/// Runs the tree in its own process on an archive of three checkpoints, and returns also what it left in its temporary directory.
fn run(fixture: &support::Fixture, arguments: &[&str]) -> (i32, String, String) {
    let temporary = tempfile::tempdir().unwrap();
    let archive = fixture.archive();
    let output = program()
        .env("TMPDIR", temporary.path())
        .args(["run", "--archive", archive.to_str().unwrap(), "--checkpoint-frequency", "8"])
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "something was left behind");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn json_lines_end_with_the_result() {
    let fixture = support::Fixture::new(3);
    let (code, out, err) = run(&fixture, &["--progress", "json", "--concurrency", "2"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let caught = fixture.catch_up().unwrap().state;
    let expected = serde_json::json!({
        "status": "success",
        "last_ledger": 23,
        "last_hash": fixture.made.hash.to_string(),
        "ledgers": 23,
        "transactions": fixture.made.transactions,
        "fee_charged": caught.fees_charged,
        "downloads": 10,
        "retries": 0,
    });
    assert_eq!(lines.pop().unwrap(), expected);

    let mut last = 0.0;
    for line in &lines {
        let at = line["at"].as_f64().unwrap();
        assert!(at >= last && line["node"].is_string(), "{line}");
        last = at;
    }
    let count = |event: &str, name: &str| {
        lines.iter().filter(|line| line["event"] == event && line["name"] == name).count()
    };
    for (name, times) in [("catch up", 1), ("ledgers", 3), ("checkpoint", 3), ("apply", 3), ("check", 9)] {
        assert_eq!((count("started", name), count("succeeded", name)), (times, times), "{name}");
    }
    let files = lines.iter().filter(|line| line["event"] == "succeeded" && line["name"] == "download");
    let mut files: Vec<_> = files.map(|line| line["subject"].as_str().unwrap().to_owned()).collect();
    files.sort();
    assert_eq!(files.len(), 9);
    assert_eq!(files[0], "ledger/00/00/00/ledger-00000007.xdr.gz");
}

#[test]
fn a_failure_is_one_line_on_standard_error() {
    let fixture = support::Fixture::new(3);
    let results = windlass_catchup_job::layout::ArchiveFile::Results(fixture.checkpoint(9));
    fixture.edit(results, |bytes| bytes.truncate(40));
    for form in ["plain", "json", "none", "tree", "auto"] {
        let (code, out, err) = run(&fixture, &["--progress", form, "--retries", "2", "--retry-base", "1"]);
        assert_eq!(code, 1);
        assert_eq!(err, format!("error: {results}: not a sound gzip file: it ends too early\n"));
        let last = out.lines().last().unwrap();
        match form {
            "json" => {
                let last: serde_json::Value = serde_json::from_str(last).unwrap();
                assert_eq!((&last["status"], &last["retries"]), (&"failed".into(), &2.into()));
                assert!(last["error"].as_str().unwrap().starts_with(&results.path()));
                assert_eq!(out.lines().filter(|line| line.contains(r#""event":"retry""#)).count(), 2);
            }
            _ => assert!(last.contains("2 retries"), "{last}"),
        }
        if form == "plain" || form == "auto" {
            let retries = out.lines().filter(|line| line.contains("results") && line.contains(": attempt "));
            assert_eq!(retries.count(), 2, "{out}");
        }
    }
}

#[test]
fn the_tree_is_redrawn_without_colours_if_nobody_wants_them() {
    let fixture = support::Fixture::new(1);
    let archive = fixture.archive();
    let arguments = ["run", "--archive", archive.to_str().unwrap(), "--checkpoint-frequency", "8"];
    let draw = |no_colour: &str| {
        let output = program()
            .env("NO_COLOR", no_colour)
            .args(arguments)
            .args(["--progress", "tree"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (plain, coloured) = (draw("1"), draw(""));
    for line in ["✔ catch up", "  ✔ ledger chain", "  ✔ arrival", "7 of 7 ledgers verified, 7 applied"]
    {
        assert!(plain.contains(line), "{plain}");
    }
    assert!(!plain.contains("\x1b[3") && coloured.contains("\x1b[32m✔"));
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_job() {
    let fixture = support::Fixture::new(3);
    let archive = fixture.archive();
    let work = fixture.place.path().join("kept");
    let mut child = program()
        .args(["run", "--archive", archive.to_str().unwrap(), "--checkpoint-frequency", "8"])
        .args(["--progress", "json", "--work-dir", work.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(support::files(&work).len(), 9);
}

/// Reads all of a request, so that closing the connection does not reset it.
#[cfg(unix)]
fn read_request(stream: &mut std::net::TcpStream) {
    use std::io::Read as _;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
}

/// Starts a run whose server accepts and then says nothing, and returns when it waits for that server.
#[cfg(unix)]
fn hanging(temporary: &std::path::Path, arguments: &[&str]) -> (std::process::Child, std::net::TcpStream) {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let child = program()
        .env("TMPDIR", temporary)
        .args(["run", "--archive", &url, "--progress", "json"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    (child, silent.accept().unwrap().0)
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_130_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let (child, _connection) = hanging(temporary.path(), &[]);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let out = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(last["status"], "interrupted");
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// An interrupt while a file is half there: its temporary file goes, what was verified stays.
#[cfg(unix)]
#[test]
fn an_interrupt_in_the_middle_of_a_file_leaves_only_what_is_verified() {
    use std::io::Write as _;
    let fixture = support::Fixture::new(1);
    let state = std::fs::read(fixture.path(windlass_catchup_job::layout::ArchiveFile::State)).unwrap();
    let work = fixture.work_path();
    let (child, mut first) = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let child = program()
            .args(["run", "--archive", &url, "--checkpoint-frequency", "8", "--progress", "none"])
            .args(["--work-dir", work.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stream = listener.accept().unwrap().0;
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", state.len());
        read_request(&mut stream);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&state).unwrap();
        drop(stream);
        (child, listener.accept().unwrap().0)
    };
    read_request(&mut first);
    first.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").unwrap();
    // It asked for the file, so the temporary one exists.
    assert_eq!(support::leftovers(&work).len(), 1);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(support::files(&work).is_empty(), "{:?}", support::files(&work));
}

#[cfg(unix)]
#[test]
fn the_deadline_ends_it_with_124_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let (child, _connection) = hanging(temporary.path(), &["--deadline", "1"]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(124));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: the deadline passed"));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// The demonstration up to the point where it is under way; then it has to clean up like any other run.
#[cfg(unix)]
#[test]
fn the_demo_gets_going_and_cleans_up() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = program()
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("made an archive of 24 checkpoints"));
    assert!(lines.next().unwrap().starts_with("serving it at http://127.0.0.1:"));
    assert!(lines.by_ref().any(|line| line.contains(": attempt 2 in ")), "no retry was shown");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(lines.last().unwrap().starts_with("the server answered "));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

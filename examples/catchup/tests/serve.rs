//! The server: what it serves, what it refuses, how it spoils, and that it stops.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use support::{Fixture, name};
use windlass_catchup::faults::Faults;
use windlass_catchup::server::{Counts, Server};
use windlass_catchup::source::{FetchLimits, Source};
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::layout::ArchiveFile;

fn start(fixture: &Fixture, faults: &str, seed: u64) -> (Server, Source) {
    let server = Server::start(&fixture.archive(), 0, faults.parse().unwrap(), seed).unwrap();
    let source = Source::open(&server.url(), FetchLimits::default()).unwrap();
    (server, source)
}

fn fetch(source: &Source, file: ArchiveFile) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    source.fetch(file, &mut bytes, &|| false).map(|_| bytes)
}

fn all_files(fixture: &Fixture) -> Vec<ArchiveFile> {
    let kinds = [ArchiveFile::Ledger, ArchiveFile::Transactions, ArchiveFile::Results, ArchiveFile::StateAt];
    let checkpoints = [1, 9, 17].map(|ledger| fixture.checkpoint(ledger));
    kinds.iter().flat_map(|kind| checkpoints.map(kind)).chain([ArchiveFile::State]).collect()
}

/// Sends a request as it is, and returns the status line.
fn raw(server: &Server, request: &[u8]) -> String {
    whole(server, request).lines().next().unwrap_or_default().to_owned()
}

/// Sends a request as it is, and returns all of the answer.
fn whole(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn serves_every_file_as_it_is() {
    let fixture = Fixture::new(3);
    let (server, source) = start(&fixture, "", 1);
    let files = all_files(&fixture);
    for &file in &files {
        assert_eq!(fetch(&source, file).unwrap(), fs::read(fixture.path(file)).unwrap());
    }
    let requests = files.len() as u64;
    assert_eq!(server.stop(), Counts { requests, plain: requests, ..Counts::default() });
}

#[test]
fn each_kind_of_fault_does_what_it_says() {
    let fixture = Fixture::new(1);
    let file = ArchiveFile::Ledger(fixture.checkpoint(1));
    let whole = fs::read(fixture.path(file)).unwrap();

    let (server, source) = start(&fixture, "503=1", 1);
    let error = fetch(&source, file).unwrap_err();
    assert!(matches!(error.fault, Fault::Status { code: 503 }) && error.is_retryable());
    assert_eq!(server.stop(), Counts { requests: 1, unavailable: 1, ..Counts::default() });

    let (server, source) = start(&fixture, "cut=1", 1);
    for _ in 0..20 {
        let error = fetch(&source, file).unwrap_err();
        assert!(error.is_retryable());
        let Fault::Cut { expected, found } = error.fault else { panic!("{error}") };
        assert!(expected == whole.len() as u64 && found < expected);
    }
    assert_eq!(server.stop(), Counts { requests: 20, cut: 20, ..Counts::default() });

    let (server, source) = start(&fixture, "slow=1", 1);
    assert_eq!(fetch(&source, file).unwrap(), whole);
    assert_eq!(server.stop(), Counts { requests: 1, slow: 1, ..Counts::default() });

    let (server, source) = start(&fixture, &format!("missing={file}"), 1);
    let error = fetch(&source, file).unwrap_err();
    assert!(matches!(error.fault, Fault::Missing { .. }) && !error.is_retryable());
    fetch(&source, ArchiveFile::State).unwrap();
    assert_eq!(server.stop(), Counts { requests: 2, plain: 1, missing: 1, ..Counts::default() });
}

#[test]
fn faults_are_the_same_whatever_the_order_of_threads() {
    let fixture = Fixture::new(3);
    let files = all_files(&fixture);
    let attempts = |source: &Source, file| {
        let outcomes = (0..4).map(|_| fetch(source, file).map_or_else(|e| name(&e.fault), |_| "Ok".into()));
        outcomes.collect::<Vec<_>>()
    };
    let faults = "503=0.3,cut=0.3";

    let (server, source) = start(&fixture, faults, 5);
    let in_turn: BTreeMap<_, _> = files.iter().map(|&file| (file, attempts(&source, file))).collect();
    let counts = server.stop();
    assert!(counts.plain > 0 && counts.unavailable > 0 && counts.cut > 0);

    let (server, source) = start(&fixture, faults, 5);
    let at_once: BTreeMap<_, _> = thread::scope(|scope| {
        let fetching: Vec<_> = files
            .iter()
            .rev()
            .map(|&file| {
                (
                    file,
                    scope.spawn({
                        let source = source.clone();
                        move || attempts(&source, file)
                    }),
                )
            })
            .collect();
        fetching.into_iter().map(|(file, thread)| (file, thread.join().unwrap())).collect()
    });
    assert_eq!(at_once, in_turn);
    assert_eq!(server.stop(), counts);

    let (server, source) = start(&fixture, faults, 6);
    let otherwise: BTreeMap<_, _> = files.iter().map(|&file| (file, attempts(&source, file))).collect();
    assert_ne!(otherwise, in_turn);
    drop(server);
}

#[test]
fn nothing_outside_the_archive_is_served() {
    let fixture = Fixture::new(1);
    fs::write(fixture.place.path().join("secret"), "secret").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(fixture.place.path().join("secret"), fixture.archive().join("link")).unwrap();
    let (server, _) = start(&fixture, "", 1);
    let outside = fixture.place.path().join("secret");
    for (path, status) in [
        ("/../secret", "404"),
        ("/ledger/../../secret", "404"),
        ("/./../secret", "404"),
        ("/%2e%2e/secret", "400"),
        ("/..\\secret", "400"),
        (&format!("/{}", outside.display()), "404"),
        ("/link", "404"),
        ("/", "404"),
        ("/ledger", "404"),
        ("secret", "400"),
        ("/ledger?x", "400"),
        ("/a\0b", "400"),
    ] {
        let answer = raw(&server, format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes());
        assert!(answer.contains(status), "{path}: {answer}");
    }
}

#[test]
fn a_page_is_served_as_what_it_is() {
    let fixture = Fixture::new(1);
    for (name, kind) in [
        ("index.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.xdr.gz", "application/octet-stream"),
    ] {
        fs::write(fixture.archive().join(name), name).unwrap();
        let (server, _) = start(&fixture, "", 1);
        let path = if name == "index.html" { "" } else { name };
        let answer = whole(&server, format!("GET /{path} HTTP/1.1\r\n\r\n").as_bytes());
        assert!(answer.contains(&format!("Content-Type: {kind}\r\n")), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{name}")) && !answer.contains("Encoding"), "{answer}");
    }
}

#[test]
fn a_request_may_bring_its_own_faults() {
    let fixture = Fixture::new(1);
    let (server, source) = start(&fixture, "503=1", 1);
    let path = ArchiveFile::State;
    for (list, status) in
        [("?503=1", "503"), ("?missing=a", "200"), ("?", "200"), ("?503=2", "400"), ("", "503")]
    {
        let answer = raw(&server, format!("GET /{path}{list} HTTP/1.1\r\n\r\n").as_bytes());
        assert!(answer.contains(status), "{list}: {answer}");
    }
    assert!(fetch(&source, path).is_err());
    assert_eq!(server.stop(), Counts { requests: 5, plain: 2, unavailable: 3, ..Counts::default() });
}

#[test]
fn nonsense_is_refused() {
    let fixture = Fixture::new(1);
    let (server, source) = start(&fixture, "", 1);
    for (request, status) in [
        (&b"\r\n\r\n"[..], "400"),
        (b"GET\r\n\r\n", "400"),
        (b"GET / HTTP/2 x\r\n\r\n", "400"),
        (b"GET  / HTTP/1.1\r\n\r\n", "400"),
        (b"\xff\xfe / HTTP/1.1\r\n\r\n", "400"),
        (b"POST / HTTP/1.1\r\n\r\n", "405"),
    ] {
        let answer = raw(&server, request);
        assert!(answer.contains(status), "{request:?}: {answer}");
    }
    // A head without an end is read no further than 8 KiB.
    assert!(raw(&server, &[b'x'; 8 << 10]).contains("400"));
    // And it goes on serving.
    fetch(&source, ArchiveFile::State).unwrap();
    assert_eq!(server.stop(), Counts { requests: 1, plain: 1, ..Counts::default() });
}

#[test]
fn stops_with_connections_open() {
    let fixture = Fixture::new(1);
    let (server, source) = start(&fixture, "", 1);
    let address = server.url().strip_prefix("http://").unwrap().to_owned();
    let mut silent = TcpStream::connect(&address).unwrap();
    let mut half = TcpStream::connect(&address).unwrap();
    half.write_all(b"GET /x").unwrap();
    // Served after the two, so they are known to have been accepted.
    fetch(&source, ArchiveFile::State).unwrap();
    server.stop();
    for stream in [&mut silent, &mut half] {
        // Closed or reset, but not left waiting.
        assert!(!matches!(stream.read(&mut [0; 1]), Ok(1)));
    }
    let error = fetch(&source, ArchiveFile::State).unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[test]
fn what_cannot_be_served_is_an_error() {
    let fixture = Fixture::new(1);
    assert!(Server::start(&fixture.place.path().join("nowhere"), 0, Faults::default(), 1).is_err());
    assert!(Server::start(&fixture.path(ArchiveFile::State), 0, Faults::default(), 1).is_err());
    let (server, _) = start(&fixture, "", 1);
    let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
    assert!(Server::start(&fixture.archive(), port, Faults::default(), 1).is_err());
}

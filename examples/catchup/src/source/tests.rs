#![allow(clippy::unwrap_used)]

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::*;

const SOON: FetchLimits =
    FetchLimits { bytes: 1000, silence: Duration::from_millis(100), total: Duration::from_secs(60) };

/// Takes one connection, reads the request head, and lets `answer` do the rest.
fn one_answer(answer: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        use std::io::BufRead as _;
        let (stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        answer(stream);
        head
    });
    (url, thread)
}

fn respond(text: &'static str) -> (String, JoinHandle<Vec<String>>) {
    one_answer(move |mut stream| stream.write_all(text.as_bytes()).unwrap())
}

fn fetch(source: &str, limits: FetchLimits) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let length = Source::open(source, limits).unwrap().fetch(ArchiveFile::State, &mut bytes, &|| false)?;
    assert_eq!(length, bytes.len() as u64);
    Ok(bytes)
}

#[test]
fn opens_directories_and_plain_http_only() {
    let place = tempfile::tempdir().unwrap();
    let open = |text: &str| Source::open(text, SOON).map(|source| source.to_string());
    assert_eq!(open(place.path().to_str().unwrap()).unwrap(), place.path().to_str().unwrap());
    assert_eq!(open("http://host:80/prefix/").unwrap(), "http://host:80/prefix");
    assert_eq!(open("http://[::1]:80").unwrap(), "http://[::1]:80");
    for (text, about) in [
        ("https://host", "https"),
        ("ftp://host", "http://"),
        ("http://", "form"),
        ("http://host name/", "form"),
        ("http://host/?query", "form"),
        ("http://host/#fragment", "form"),
        ("", "directory"),
        ("/no/such/place", "directory"),
    ] {
        let error = open(text).unwrap_err().to_string();
        assert!(error.contains(about), "{text}: {error}");
    }
}

#[test]
fn asks_for_the_path_below_the_prefix() {
    let (url, head) = respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!(fetch(&format!("{url}/a/b/"), SOON).unwrap(), b"body");
    assert_eq!(head.join().unwrap()[0], "GET /a/b/.well-known/stellar-history.json HTTP/1.1");
}

#[test]
fn statuses_become_faults() {
    for (text, fault, retryable) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "not in the archive http://127", false),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "answered 503", true),
        ("HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n\r\n", "answered 429", true),
        ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "answered 403", false),
        (
            "HTTP/1.1 301 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "answered 301",
            false,
        ),
        ("no http at all\r\n\r\n", "the transfer broke", true),
        ("", "the transfer broke", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "expected 9 bytes, found 5", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "larger than the 1000 bytes", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort", "the transfer broke", true),
    ] {
        let (url, server) = respond(text);
        let error = fetch(&url, SOON).unwrap_err();
        assert!(error.to_string().contains(fault), "{text}: {error}");
        assert_eq!(error.is_retryable(), retryable, "{error}");
        server.join().unwrap();
    }
}

#[test]
fn a_body_of_unknown_length_is_bounded() {
    let (url, server) = one_answer(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap();
        // The client hangs up when it has had enough.
        while stream.write_all(&[0; 512]).is_ok() {}
    });
    let error = fetch(&url, SOON).unwrap_err();
    assert!(matches!(error.fault, Fault::TooLarge { limit: 1000 }), "{error}");
    server.join().unwrap();
}

#[test]
fn a_server_that_hangs_is_given_up() {
    // Connections are made by the kernel, but nobody ever takes them.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = fetch(&format!("http://{}", deaf.local_addr().unwrap()), SOON).unwrap_err();
    assert!(matches!(error.fault, Fault::TimedOut { .. }) && error.is_retryable(), "{error}");

    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (url, server) = one_answer(move |mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").unwrap();
        let _ = wait.recv();
    });
    let error = fetch(&url, SOON).unwrap_err();
    assert!(matches!(error.fault, Fault::TimedOut { .. }) && error.is_retryable(), "{error}");
    drop(done);
    server.join().unwrap();
}

#[test]
fn a_server_that_drips_is_given_up() {
    let (url, server) = one_answer(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
        while stream.write_all(b".").is_ok() {
            thread::yield_now();
        }
    });
    let limits = FetchLimits { bytes: u64::MAX, total: Duration::from_millis(100), ..SOON };
    let error = fetch(&url, limits).unwrap_err();
    assert!(matches!(error.fault, Fault::TimedOut { limit } if limit == limits.total), "{error}");
    server.join().unwrap();
}

#[test]
fn nobody_there_is_worth_a_retry() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fetch(&format!("http://{gone}"), SOON).unwrap_err();
    assert!(matches!(error.fault, Fault::Network { .. }) && error.is_retryable(), "{error}");
}

#[test]
fn a_directory_delivers_regular_files_within_the_limit() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().to_str().unwrap();
    let path = place.path().join(ArchiveFile::State.path());
    assert!(matches!(fetch(root, SOON).unwrap_err().fault, Fault::Missing { .. }));
    std::fs::create_dir_all(&path).unwrap();
    assert!(matches!(fetch(root, SOON).unwrap_err().fault, Fault::Missing { .. }));
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, [1; 1000]).unwrap();
    assert_eq!(fetch(root, SOON).unwrap(), [1; 1000]);
    std::fs::write(&path, [1; 1001]).unwrap();
    assert!(matches!(fetch(root, SOON).unwrap_err().fault, Fault::TooLarge { limit: 1000 }));
    // A file where a folder should be.
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path.parent().unwrap(), "").unwrap();
    assert!(matches!(fetch(root, SOON).unwrap_err().fault, Fault::Missing { .. }));
}

/// Cancels its own fetch when the first chunk arrives.
struct Canceller<'a>(&'a AtomicBool, usize);

impl Write for Canceller<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.store(true, Ordering::Relaxed);
        self.1 += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_cancelled_fetch_takes_no_further_chunk() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join(ArchiveFile::State.path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, vec![1; 3 * CHUNK]).unwrap();
    let source = Source::open(place.path().to_str().unwrap(), FetchLimits::default()).unwrap();
    let cancel = AtomicBool::new(false);
    for chunks in [1, 0] {
        let mut into = Canceller(&cancel, 0);
        let error =
            source.fetch(ArchiveFile::State, &mut into, &|| cancel.load(Ordering::Relaxed)).unwrap_err();
        assert!(matches!(error.fault, Fault::Cancelled) && !error.is_retryable());
        assert_eq!(into.1, chunks);
    }
}

#[test]
fn a_full_disk_is_not_the_archives_fault() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (url, server) = respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
    let source = Source::open(&url, SOON).unwrap();
    let error = source.fetch(ArchiveFile::State, &mut Full, &|| false).unwrap_err();
    assert!(matches!(error.fault, Fault::Io { .. }) && !error.is_retryable(), "{error}");
    server.join().unwrap();
}

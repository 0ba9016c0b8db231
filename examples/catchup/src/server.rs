//! A server for one archive directory, on loopback only, that spoils requests as [`Faults`] say. A request may ask to be spoiled in its own way, by a list
//! of faults after a question mark: so a page, which it serves as well, chooses its own bad line.
//!
//! Invariant: it serves regular files inside its directory and nothing else, whatever is asked, and after [`Server::stop`] none of its threads
//! runs. It is written by hand since spoiling needs the bare connection: a body cut short of its announced length is what no HTTP
//! library agrees to send. One request a connection; `GET` only.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::faults::{Faults, Treatment};

const MAX_CONNECTIONS: usize = 256;
const MAX_HEAD: u64 = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(10);
const SLOW_PARTS: u64 = 8;
const SLOW_PAUSE: Duration = Duration::from_millis(25);

/// What a server has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were understood; the other numbers add up to it.
    pub requests: u64,
    /// Served as they should be.
    pub plain: u64,
    /// Answered with 404.
    pub missing: u64,
    /// Answered with 503.
    pub unavailable: u64,
    /// Cut off in the body.
    pub cut: u64,
    /// Served slowly.
    pub slow: u64,
}

/// A running server; stopped when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    faults: Faults,
    seed: u64,
    state: Mutex<State>,
    /// Told of every connection that ends, and of the stop.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    connections: HashMap<u64, TcpStream>,
    accepted: u64,
    /// Requests per path; only for files that exist, so that a client cannot make it grow.
    asked: HashMap<String, u64>,
    counts: Counts,
}

impl Server {
    /// Serves a directory on 127.0.0.1; port 0 picks a free one. Fails where the directory or the port cannot be used.
    pub fn start(root: &Path, port: u16, faults: Faults, seed: u64) -> io::Result<Server> {
        let root = root.canonicalize()?;
        root.read_dir()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let state = Mutex::default();
        let shared = Arc::new(Shared { root, faults, seed, state, changed: Condvar::new() });
        let acceptor = thread::Builder::new().name("archive server".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        })?;
        Ok(Server { address, shared, acceptor: Some(acceptor) })
    }

    /// The address of the archive, to be fetched from.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// Breaks off what is under way, and returns when all is quiet.
    pub fn stop(mut self) -> Counts {
        self.halt();
        self.counts()
    }

    fn halt(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        let mut state = self.shared.lock();
        state.stopping = true;
        for connection in state.connections.values() {
            // It may be closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the acceptor; if that cannot connect, nobody else can either, and the listener has failed by itself.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        let _ = acceptor.join();
        let state = self.shared.lock();
        drop(self.shared.changed.wait_while(state, |state| !state.connections.is_empty()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.halt();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a condition, or for the stop; true if it is the stop.
    fn stopped_before(&self, mut waiting: impl FnMut(&State) -> bool, patience: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), patience, |state| !state.stopping && waiting(state))
            .unwrap_or_else(PoisonError::into_inner);
        waited.0.stopping
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            let full = |state: &State| state.connections.len() >= MAX_CONNECTIONS;
            if self.stopped_before(full, Duration::MAX) {
                return;
            }
            let Ok((connection, _)) = accepted else {
                // Out of file handles, for one: look again when some may be free.
                self.stopped_before(|_| true, SLOW_PAUSE);
                continue;
            };
            let Ok(second_handle) = connection.try_clone() else { continue };
            let mut state = self.lock();
            if state.stopping {
                // Asked again under the lock: what is entered after the stop would not be broken off by it.
                return;
            }
            let number = state.accepted;
            state.accepted += 1;
            state.connections.insert(number, second_handle);
            drop(state);
            let open = Open { shared: Arc::clone(self), number };
            // A thread that cannot be had drops the connection, and the client tries again.
            let _ = thread::Builder::new().name("archive request".into()).spawn(move || {
                // A client that has gone is none of our troubles.
                let _ = open.shared.serve(connection);
                drop(open);
            });
        }
    }

    fn serve(&self, mut connection: TcpStream) -> io::Result<()> {
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        let head = read_head(&mut connection)?;
        let (status, body, kind) = match request(&head) {
            Err(status) => (status, None, ""),
            Ok((path, faults)) => {
                let (status, body) = self.treat(&path, faults.as_ref().unwrap_or(&self.faults));
                (status, body, content_type(&path))
            }
        };
        let Some((treatment, file, length)) = body else {
            write!(connection, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            return connection.shutdown(Shutdown::Write);
        };
        write!(
            connection,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )?;
        match treatment {
            Treatment::Cut(thousandths) => {
                let part = u128::from(length) * u128::from(thousandths) / 1000;
                io::copy(&mut file.take(part as u64), &mut connection)?;
            }
            Treatment::Slow => {
                let part = length / SLOW_PARTS + 1;
                while io::copy(&mut (&file).take(part), &mut connection)? > 0 {
                    if self.stopped_before(|_| true, SLOW_PAUSE) {
                        break;
                    }
                }
            }
            _ => drop(io::copy(&mut file.take(length), &mut connection)?),
        }
        connection.shutdown(Shutdown::Write)
    }

    /// Finds the file, decides its fate and counts it.
    fn treat(&self, path: &str, faults: &Faults) -> (&'static str, Option<(Treatment, File, u64)>) {
        let found = self.find(path);
        let mut state = self.lock();
        state.counts.requests += 1;
        let Some((file, length)) = found else {
            state.counts.missing += 1;
            return ("404 Not Found", None);
        };
        let asked = state.asked.entry(path.to_owned()).or_default();
        let nth = *asked;
        *asked += 1;
        let treatment = faults.treat(self.seed, path, nth);
        let count = match treatment {
            Treatment::Plain => &mut state.counts.plain,
            Treatment::Missing => &mut state.counts.missing,
            Treatment::Unavailable => &mut state.counts.unavailable,
            Treatment::Cut(_) => &mut state.counts.cut,
            Treatment::Slow => &mut state.counts.slow,
        };
        *count += 1;
        match treatment {
            Treatment::Missing => ("404 Not Found", None),
            Treatment::Unavailable => ("503 Service Unavailable", None),
            _ => ("200 OK", Some((treatment, file, length))),
        }
    }

    /// Opens a regular file inside the directory; links that lead out of it count as missing.
    fn find(&self, path: &str) -> Option<(File, u64)> {
        let relative = Path::new(path);
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let real = self.root.join(relative).canonicalize().ok()?;
        if !real.starts_with(&self.root) || !real.is_file() {
            return None;
        }
        let file = File::open(real).ok()?;
        let length = file.metadata().ok()?.len();
        Some((file, length))
    }
}

/// A connection's entry in the books, struck out when its thread ends, however it ends.
struct Open {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.lock().connections.remove(&self.number);
        self.shared.changed.notify_all();
    }
}

/// Reads up to the empty line, or as much as is accepted.
fn read_head(connection: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && (head.len() as u64) < MAX_HEAD {
        match connection.read(&mut part)? {
            0 => break,
            length => head.extend_from_slice(&part[..length]),
        }
    }
    Ok(head)
}

/// The relative path that is asked for and the faults that come with it, or the status that refuses it. Archive paths need no escapes, so none are
/// understood.
fn request(head: &[u8]) -> Result<(String, Option<Faults>), &'static str> {
    const BAD: &str = "400 Bad Request";
    let line = head.split(|&byte| byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
    let mut words = line.ok_or(BAD)?.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.0" | "HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD);
    };
    if method != "GET" {
        return Err("405 Method Not Allowed");
    }
    let (path, faults) = match target.split_once('?') {
        Some((path, list)) => (path, Some(list.parse().map_err(|_| BAD)?)),
        None => (target, None),
    };
    let path = path.strip_prefix('/').ok_or(BAD)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    if !path.bytes().all(plain) {
        return Err(BAD);
    }
    Ok((if path.is_empty() { "index.html".into() } else { path.to_owned() }, faults))
}

/// What a browser must know of a file to take it for what it is. A compressed file of an archive is just bytes: nobody is to inflate it on the way.
fn content_type(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

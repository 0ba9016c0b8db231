//! Where an archive is, and how one of its files gets from there: a directory of this machine, or an `http://` server.
//!
//! Invariant: a fetch ends. It is bounded in bytes and in time, and asks whether it is cancelled before every chunk; and a fetch that succeeds
//! has delivered the whole file, as far as the other side told its length. What the bytes mean is not looked at here.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::Uri;
use windlass_catchup_job::error::{Error, Fault, Invalid};
use windlass_catchup_job::layout::ArchiveFile;

/// The largest file accepted if nothing else is said, in bytes.
pub const MAX_BYTES: u64 = 128 << 20;

const CHUNK: usize = 64 << 10;

/// How much and how long a fetch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// The largest file accepted, in bytes.
    pub bytes: u64,
    /// The longest a server may stay silent, from the attempt to connect on. A cancelled fetch ends within this time.
    pub silence: Duration,
    /// The longest one file may take.
    pub total: Duration,
}

impl Default for FetchLimits {
    fn default() -> FetchLimits {
        FetchLimits { bytes: MAX_BYTES, silence: Duration::from_secs(10), total: Duration::from_secs(300) }
    }
}

/// An archive to fetch from. Cloning is cheap; clones share their connections.
#[derive(Clone, Debug)]
pub struct Source {
    place: Place,
    limits: FetchLimits,
}

#[derive(Clone, Debug)]
enum Place {
    Directory(PathBuf),
    Http { base: String, client: ureq::Agent },
}

impl Source {
    /// The archive at a directory or at an `http://host[:port][/prefix]` address.
    ///
    /// Refused are addresses of other kinds (`https` among them: this program does without TLS) and directories that are not there.
    pub fn open(text: &str, limits: FetchLimits) -> Result<Source, Invalid> {
        let refuse = |expected| Err(Invalid::new("archive", text, expected));
        if text.contains("://") {
            let base = match text.parse::<Uri>() {
                Ok(uri) if uri.scheme_str() != Some("http") => {
                    return refuse("a directory or an http:// address; https and others are not supported");
                }
                Ok(uri) if uri.authority().is_some() && uri.query().is_none() && !text.contains('#') => {
                    text.trim_end_matches('/').to_owned()
                }
                _ => return refuse("an address of the form http://host[:port][/prefix]"),
            };
            return Ok(Source { place: Place::Http { base, client: client(limits) }, limits });
        }
        if !Path::new(text).is_dir() {
            return refuse("a directory that exists, or an http:// address");
        }
        Ok(Source { place: Place::Directory(text.into()), limits })
    }

    /// Copies one file into `into`, and returns its size. An error may leave a part of it written.
    ///
    /// It asks whether it is `cancelled` before each chunk; a fetch that waits for a silent server does when that wait ends.
    pub fn fetch(
        &self,
        file: ArchiveFile,
        into: &mut impl Write,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<u64, Error> {
        if cancelled() {
            return Err(Error::new(file, Fault::Cancelled));
        }
        match &self.place {
            Place::Directory(root) => self.fetch_local(root, file, into, cancelled),
            Place::Http { base, client } => self.fetch_http(base, client, file, into, cancelled),
        }
    }

    fn fetch_local(
        &self,
        root: &Path,
        file: ArchiveFile,
        into: &mut impl Write,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<u64, Error> {
        let path = root.join(file.path());
        // Asked before opening: to open a pipe would wait for its other end.
        let metadata = path.metadata().map_err(|e| match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => self.missing(file),
            _ => Error::io(file, "look at it", e),
        })?;
        if !metadata.is_file() {
            return Err(self.missing(file));
        }
        let mut from = File::open(&path).map_err(|e| Error::io(file, "open it", e))?;
        self.copy(file, &mut from, into, cancelled, |e, _| Error::io(file, "read it", e))
    }

    fn fetch_http(
        &self,
        base: &str,
        client: &ureq::Agent,
        file: ArchiveFile,
        into: &mut impl Write,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<u64, Error> {
        let response = client.get(format!("{base}/{file}")).call().map_err(|e| self.transfer(file, e))?;
        match response.status().as_u16() {
            200 => {}
            404 => return Err(self.missing(file)),
            code => return Err(Error::new(file, Fault::Status { code })),
        }
        let body = response.into_body();
        let announced = body.content_length();
        if announced.is_some_and(|length| length > self.limits.bytes) {
            return Err(Error::new(file, Fault::TooLarge { limit: self.limits.bytes }));
        }
        self.copy(file, &mut body.into_reader(), into, cancelled, |e, found| match (e.kind(), announced) {
            (io::ErrorKind::UnexpectedEof, Some(expected)) => {
                Error::new(file, Fault::Cut { expected, found })
            }
            _ => self.transfer(file, e.into()),
        })
    }

    fn copy(
        &self,
        file: ArchiveFile,
        from: &mut impl Read,
        into: &mut impl Write,
        cancelled: &dyn Fn() -> bool,
        failed: impl Fn(io::Error, u64) -> Error,
    ) -> Result<u64, Error> {
        let mut chunk = vec![0; CHUNK];
        let mut found = 0;
        loop {
            if cancelled() {
                return Err(Error::new(file, Fault::Cancelled));
            }
            let length = match from.read(&mut chunk) {
                Ok(0) => return Ok(found),
                Ok(length) => length,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(failed(e, found)),
            };
            found += length as u64;
            if found > self.limits.bytes {
                return Err(Error::new(file, Fault::TooLarge { limit: self.limits.bytes }));
            }
            into.write_all(&chunk[..length]).map_err(|e| Error::io(file, "store it", e))?;
        }
    }

    fn missing(&self, file: ArchiveFile) -> Error {
        Error::new(file, Fault::Missing { archive: self.to_string().into() })
    }

    fn transfer(&self, file: ArchiveFile, error: ureq::Error) -> Error {
        let fault = match error {
            ureq::Error::Timeout(ureq::Timeout::Global) => Fault::TimedOut { limit: self.limits.total },
            ureq::Error::Timeout(_) => Fault::TimedOut { limit: self.limits.silence },
            other => Fault::Network { reason: other.to_string().into() },
        };
        Error::new(file, fault)
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Directory(root) => root.display().fmt(f),
            Place::Http { base, .. } => f.write_str(base),
        }
    }
}

/// A client that goes where it is sent and nowhere else: no proxy from the environment, no redirects.
fn client(limits: FetchLimits) -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(limits.total))
        .timeout_connect(Some(limits.silence))
        .timeout_per_read(Some(limits.silence))
        .timeout_per_write(Some(limits.silence))
        .build()
        .into()
}

#[cfg(test)]
mod tests;

//! Everything that can be wrong with an archive or a transfer, each as one line that names the file, the ledger, what was expected
//! and what was found.
//!
//! Invariant: every [`Error`] names its file. Whether a fresh download may cure it is a property of the fault, decided here and nowhere
//! else. What a person typed wrongly is an [`Invalid`], not an [`Error`].

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use core::fmt;
use core::time::Duration;

use stellar_xdr::Hash;

use crate::layout::ArchiveFile;

/// What went wrong, and with which file and ledger.
#[derive(Debug)]
pub struct Error {
    /// The file it was seen in.
    pub file: ArchiveFile,
    /// The ledger it was seen at, where it concerns one.
    pub ledger: Option<u32>,
    /// What it is.
    pub fault: Fault,
}

/// What can go wrong, in the order in which a file meets it: transfer, format, contents, chain, application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The archive does not have the file.
    Missing {
        /// Where it was looked for.
        archive: Box<str>,
    },
    /// The server answered with a status that is not 200 or 404.
    Status {
        /// The status.
        code: u16,
    },
    /// Nothing arrived, or not everything, within the time allowed.
    TimedOut {
        /// The limit that was reached.
        limit: Duration,
    },
    /// The connection could not be made, or broke.
    Network {
        /// What the network said.
        reason: Box<str>,
    },
    /// The body ended before its announced length.
    Cut {
        /// Bytes announced.
        expected: u64,
        /// Bytes that arrived.
        found: u64,
    },
    /// The file is larger than is accepted.
    TooLarge {
        /// The most that is accepted, in bytes.
        limit: u64,
    },
    /// The transfer was given up on request.
    Cancelled,
    /// A file or directory of this machine could not be used.
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        reason: Box<str>,
    },
    /// The archive state is not what it should be.
    State {
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The compressed stream is damaged, cut off, or followed by other bytes.
    Gzip {
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The compressed stream holds more than is accepted.
    Bomb {
        /// The most that is accepted, in bytes.
        limit: usize,
    },
    /// A record is not well formed.
    Record {
        /// Its position in the file, from 1.
        number: usize,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// A ledger is in a file of a checkpoint it does not belong to.
    OutOfRange {
        /// The checkpoint's first ledger.
        first: u32,
        /// The checkpoint's last ledger.
        last: u32,
    },
    /// A ledger is not after the one before it in the file.
    OutOfOrder {
        /// The ledger before it.
        after: u32,
    },
    /// Contents do not have the hash that was recorded for them.
    WrongHash {
        /// What was hashed.
        of: &'static str,
        /// The recorded hash.
        expected: Hash,
        /// The hash of what is there.
        found: Hash,
    },
    /// Transactions or results of a ledger that the ledger file does not have.
    NoHeader,
    /// The ledgers of a checkpoint do not follow one another, or do not reach its end.
    Gap {
        /// The ledger that should be there; the one that is, is the error's ledger.
        expected: u32,
    },
    /// The file has no ledger that is wanted.
    NoLedgers {
        /// The ledger that should be there.
        expected: u32,
    },
    /// A ledger is not the one that its successor names as its predecessor.
    BrokenChain {
        /// The hash that the successor names.
        expected: Hash,
        /// The hash of the ledger that is there.
        found: Hash,
    },
    /// The last ledger is not the one that is trusted.
    Untrusted {
        /// The trusted hash.
        expected: Hash,
        /// The archive's hash.
        found: Hash,
    },
    /// A ledger to apply is not the next one.
    NotNext {
        /// The next one.
        expected: u64,
    },
    /// A header's total does not follow from the one before it and the results.
    WrongTotal {
        /// Which total.
        of: &'static str,
        /// What follows from the ledger before it; `None` if that is beyond 64 bits.
        expected: Option<i64>,
        /// What the header says.
        found: i64,
    },
}

/// Something a person typed that cannot be used: which thing, what it was, and what would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    what: &'static str,
    found: String,
    expected: &'static str,
}

impl Error {
    /// An error about a file as a whole.
    pub fn new(file: ArchiveFile, fault: Fault) -> Error {
        Error { file, ledger: None, fault }
    }

    /// An error about one ledger in a file.
    pub fn at(file: ArchiveFile, ledger: u32, fault: Fault) -> Error {
        Error { file, ledger: Some(ledger), fault }
    }

    /// An error of this machine's file system, and what the system said.
    pub fn io(file: ArchiveFile, doing: &'static str, reason: impl fmt::Display) -> Error {
        Error::new(file, Fault::Io { doing, reason: reason.to_string().into() })
    }

    /// Whether fetching the file anew may help: true for trouble on the way and for contents that do not match their own hash, false
    /// where the archive contradicts itself, lacks the file, or this machine is the trouble.
    pub fn is_retryable(&self) -> bool {
        match self.fault {
            Fault::Status { code } => code >= 500 || code == 408 || code == 429,
            Fault::TimedOut { .. }
            | Fault::Network { .. }
            | Fault::Cut { .. }
            | Fault::State { .. }
            | Fault::Gzip { .. }
            | Fault::Record { .. }
            | Fault::OutOfRange { .. }
            | Fault::OutOfOrder { .. }
            | Fault::WrongHash { .. } => true,
            Fault::Missing { .. }
            | Fault::TooLarge { .. }
            | Fault::Cancelled
            | Fault::Io { .. }
            | Fault::Bomb { .. }
            | Fault::NoHeader
            | Fault::Gap { .. }
            | Fault::NoLedgers { .. }
            | Fault::BrokenChain { .. }
            | Fault::Untrusted { .. }
            | Fault::NotNext { .. }
            | Fault::WrongTotal { .. } => false,
        }
    }
}

impl Fault {
    /// What it is, in a word or two.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Missing { .. } => "missing",
            Fault::Status { .. } => "refused by the server",
            Fault::TimedOut { .. } => "no answer",
            Fault::Network { .. } => "transfer broke",
            Fault::Cut { .. } => "cut off",
            Fault::TooLarge { .. } => "too large",
            Fault::Cancelled => "cancelled",
            Fault::Io { .. } => "file trouble",
            Fault::State { .. } => "unusable archive state",
            Fault::Gzip { .. } => "damaged gzip",
            Fault::Bomb { .. } => "gzip bomb",
            Fault::Record { .. } => "malformed record",
            Fault::OutOfRange { .. } => "ledger of another file",
            Fault::OutOfOrder { .. } => "ledgers out of order",
            Fault::WrongHash { .. } => "wrong hash",
            Fault::NoHeader => "no header",
            Fault::Gap { .. } => "gap",
            Fault::NoLedgers { .. } => "no ledgers",
            Fault::BrokenChain { .. } => "broken chain",
            Fault::Untrusted { .. } => "not trusted",
            Fault::NotNext { .. } => "out of turn",
            Fault::WrongTotal { .. } => "wrong total",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let Some(ledger) = self.ledger {
            write!(f, "ledger {ledger}: ")?;
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing { archive } => write!(f, "not in the archive {archive}"),
            Fault::Status { code } => write!(f, "the server answered {code}, expected 200"),
            Fault::TimedOut { limit } => write!(f, "the server did not deliver within {limit:?}"),
            Fault::Network { reason } => write!(f, "the transfer broke: {reason}"),
            Fault::Cut { expected, found } => {
                write!(f, "cut off: expected {expected} bytes, found {found}")
            }
            Fault::TooLarge { limit } => write!(f, "larger than the {limit} bytes accepted"),
            Fault::Cancelled => f.write_str("cancelled"),
            Fault::Io { doing, reason } => write!(f, "could not {doing}: {reason}"),
            Fault::State { reason } => write!(f, "not a usable archive state: {reason}"),
            Fault::Gzip { reason } => write!(f, "not a sound gzip file: {reason}"),
            Fault::Bomb { limit } => write!(f, "inflates to more than the {limit} bytes accepted"),
            Fault::Record { number, reason } => write!(f, "record {number} is malformed: {reason}"),
            Fault::OutOfRange { first, last } => {
                write!(f, "does not belong here, expected ledgers {first} to {last}")
            }
            Fault::OutOfOrder { after } => {
                write!(
                    f,
                    "out of order: it comes after ledger {after}, expected ascending ledgers, each once"
                )
            }
            Fault::WrongHash { of, expected, found } => {
                write!(f, "wrong hash of the {of}: expected {expected}, found {found}")
            }
            Fault::NoHeader => f.write_str("has no header, expected one in the checkpoint's ledger file"),
            Fault::Gap { expected } => write!(f, "a gap: expected ledger {expected} here"),
            Fault::NoLedgers { expected } => write!(f, "expected ledger {expected}, found no ledger to use"),
            Fault::BrokenChain { expected, found } => {
                write!(f, "broken chain: the next ledger follows {expected}, but this one is {found}")
            }
            Fault::Untrusted { expected, found } => {
                write!(f, "not the trusted ledger: expected hash {expected}, found {found}")
            }
            Fault::NotNext { expected } => write!(f, "applied out of turn: expected ledger {expected}"),
            Fault::WrongTotal { of, expected: Some(expected), found } => {
                write!(f, "wrong {of}: expected {expected}, the header says {found}")
            }
            Fault::WrongTotal { of, expected: None, found } => {
                write!(f, "wrong {of}: expected a number beyond 64 bits, the header says {found}")
            }
        }
    }
}

impl core::error::Error for Error {}

impl Invalid {
    /// `what` was `found`, but had to be `expected`.
    pub fn new(what: &'static str, found: impl fmt::Display, expected: &'static str) -> Invalid {
        Invalid { what, found: found.to_string(), expected }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\": expected {}", self.what, self.found, self.expected)
    }
}

impl core::error::Error for Invalid {}

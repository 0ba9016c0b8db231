//! Why a node failed or was aborted: small values that are visible in status and events.

use core::fmt;

use crate::error::{Error, Refused};
use crate::id::NodeId;

/// Why a work failed: a text and a number, both the application's own.
///
/// `Copy` and without allocation, so it travels through status, events and `explain`. What needs more room (a path, an
/// expected value) stays in the application; the code is the place for its key.
///
/// ```
/// use windlass::Reason;
/// let reason = Reason::new("wrong hash").with_code(17);
/// assert_eq!(reason.to_string(), "wrong hash (17)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason {
    text: &'static str,
    code: u32,
}

impl Reason {
    /// The attempt took longer than the node's timeout.
    pub const TIMEOUT: Self = Self::new("timed out");
    /// User code panicked. Never retried: the work may be in any condition.
    pub const PANICKED: Self = Self::new("panicked");
    /// A child failed and the parent's policy does not forgive that.
    pub const CHILD_FAILED: Self = Self::new("child failed");
    /// A child was aborted on its own, which every built-in composite counts as a failure.
    pub const CHILD_ABORTED: Self = Self::new("child aborted");
    /// Fewer children succeeded than the quorum asks for, and no more can.
    pub const NO_QUORUM: Self = Self::new("quorum out of reach");
    /// The node that a gate waits for failed or was aborted.
    pub const GATE_CLOSED: Self = Self::new("gate can never open");
    /// A callback answered no.
    pub const REFUSED: Self = Self::new("callback refused");
    /// The table had no room for what a batch wanted to add.
    pub const TABLE_FULL: Self = Self::new("table full");
    /// A batch was to begin again, and its generator cannot; see [`Work::rewinds`](crate::Work::rewinds).
    pub const NOT_REWOUND: Self = Self::new("generator cannot begin again");
    /// A batch's generator said that it added a child and did not.
    pub const NOTHING_ADDED: Self = Self::new("generator added nothing");
    /// An async work's node has no wake set, or no cell of that set's row; see [`Cx::waker`](crate::Cx::waker).
    #[cfg(all(feature = "waker", any(target_has_atomic = "32", feature = "portable-atomic")))]
    pub const NO_WAKER: Self = Self::new("no waker");

    /// A reason with this text.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text, code: 0 }
    }

    /// The same reason with a number of the application's own.
    #[must_use]
    pub const fn with_code(self, code: u32) -> Self {
        Self { text: self.text, code }
    }

    /// The text.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// The number; 0 unless one was given.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.code
    }
}

/// The error's text, without what it carries.
impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        Self::new(error.text())
    }
}

impl<W> From<Refused<W>> for Reason {
    fn from(refused: Refused<W>) -> Self {
        refused.error.into()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)?;
        if self.code == 0 { Ok(()) } else { write!(f, " ({})", self.code) }
    }
}

/// How a failure began: its reason, and the descendant (or the node itself) that failed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
pub struct Failure {
    /// What the node that failed first gave as its reason.
    pub reason: Reason,
    /// The node that failed first. Its slot may have been freed since.
    pub origin: NodeId,
}

/// Why a node was aborted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum AbortCause {
    /// Somebody outside the engine, or a running work, asked for it.
    #[default]
    User,
    /// Its parent failed.
    ParentFailed,
    /// A sibling won the race, or completed the quorum.
    SiblingWon,
    /// Its parent returned success without waiting for it.
    ParentDone,
    /// Its parent's attempt timed out.
    Timeout,
    /// The whole scheduler was shut down.
    Shutdown,
    /// A dependency failed, so it never ran. Its public status is "blocked".
    Dependency,
}

impl AbortCause {
    /// All causes, in the order of their declaration.
    pub const ALL: &'static [Self] = &[
        Self::User,
        Self::ParentFailed,
        Self::SiblingWon,
        Self::ParentDone,
        Self::Timeout,
        Self::Shutdown,
        Self::Dependency,
    ];
}

impl fmt::Display for AbortCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "asked for",
            Self::ParentFailed => "parent failed",
            Self::SiblingWon => "sibling won",
            Self::ParentDone => "parent done",
            Self::Timeout => "parent timed out",
            Self::Shutdown => "shutdown",
            Self::Dependency => "dependency failed",
        })
    }
}

//! What can be wrong with a call. Nothing here is a panic, and nothing a caller gave is lost.

use core::fmt;

use crate::kind::Kind;
use crate::spec::{Setting, Spec};
use crate::state::State;

/// Why an operation on a node was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// No node has this id: it never existed here, or it is gone.
    UnknownNode,
    /// The node table is full.
    Full,
    /// There is no room for another dependency. `Inline<W, N>` has none at all: its third parameter says how many.
    EdgesFull,
    /// The node, or the whole scheduler, is aborting or has ended; nothing can start below it.
    Aborting,
    /// The parent has ended. Restart it first.
    Ended,
    /// The node is in a state that does not allow this.
    WrongState(State),
    /// A concurrency of 0 would never start anything.
    ZeroConcurrency,
    /// This kind of node does not take this: a second child of a gate, a dependency outside a graph, a child from outside for a batch,
    /// removing a node that is not at the top.
    WrongKind,
    /// The dependency would close a circle.
    WouldCycle,
    /// The dependency is already there.
    Duplicate,
    /// A node of this kind has no use for this setting. (A node below another one has none for `detached`.)
    NoUse {
        /// The setting.
        setting: Setting,
        /// The kind of the node.
        kind: Kind,
    },
    /// The scheduler has no wake set, or the set is smaller than the table.
    NoWakeSet,
}

impl Error {
    /// What it says, without the state, the setting or the kind.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::UnknownNode => "no such node",
            Self::Full => "the node table is full",
            Self::EdgesFull => "the table of dependencies is full",
            Self::Aborting => "nothing can start here, it is being aborted",
            Self::Ended => "the parent has ended",
            Self::WrongState(_) => "not possible in this state",
            Self::ZeroConcurrency => "a concurrency of 0 starts nothing",
            Self::WrongKind => "this kind of node does not take this",
            Self::WouldCycle => "the dependency would close a circle",
            Self::Duplicate => "the dependency is already there",
            Self::NoUse { .. } => "this kind of node has no use for a setting",
            Self::NoWakeSet => "the scheduler has no wake set for this node",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongState(state) => write!(f, "not possible while the node is {state}"),
            Self::NoUse { setting: Setting::Detached, .. } => {
                f.write_str("only a node at the top can be `detached`")
            }
            Self::NoUse { setting, kind } => {
                write!(f, "a {} has no use for `{}`", kind.name(), setting.name())
            }
            error => f.write_str(error.text()),
        }
    }
}

impl core::error::Error for Error {}

/// An addition that was refused: why, and everything that was offered, so that it can be tried again.
pub struct Refused<W> {
    /// Why.
    pub error: Error,
    /// What was offered, the work included.
    pub spec: Spec<W>,
}

impl<W> Refused<W> {
    /// The work that was offered, if the node had one.
    #[must_use]
    pub fn into_work(self) -> Option<W> {
        self.spec.into_work()
    }
}

impl<W> fmt::Debug for Refused<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({:?}, {:?})", self.error, self.spec.name())
    }
}

impl<W> fmt::Display for Refused<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot add {:?}: {}", self.spec.name(), self.error)
    }
}

impl<W> core::error::Error for Refused<W> {}

impl<W> From<Refused<W>> for Error {
    fn from(refused: Refused<W>) -> Self {
        refused.error
    }
}

//! The kinds of nodes.

/// What kind of node it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum Kind {
    /// A work of the user's.
    #[default]
    Work,
    /// Children side by side, all must succeed.
    Parallel,
    /// Children side by side, so many must succeed.
    Quorum,
    /// Children side by side, the first to end decides.
    Race,
    /// Children one after the other.
    Sequence,
    /// Children from a generator.
    Batch,
    /// One child behind a predicate.
    When,
    /// One child behind another node's end.
    After,
    /// One child behind another node's success.
    AfterSuccess,
    /// A question asked once.
    Callback,
    /// Children with dependencies.
    Graph,
}

impl Kind {
    /// Whether one child starts only when a condition holds.
    #[must_use]
    pub const fn is_gate(self) -> bool {
        matches!(self, Self::When | Self::After | Self::AfterSuccess)
    }

    /// Whether the children come and go while the node runs, so that their slots are freed when the node has seen their end.
    pub(crate) const fn is_dynamic(self) -> bool {
        matches!(self, Self::Work | Self::Batch)
    }

    /// Whether the node's own turn comes at the end of a pass over its children; otherwise it comes before any child's.
    pub(crate) const fn turn_is_last(self) -> bool {
        self.is_dynamic()
    }

    /// The name as status displays show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Parallel => "parallel",
            Self::Quorum => "quorum",
            Self::Race => "race",
            Self::Sequence => "sequence",
            Self::Batch => "batch",
            Self::When => "when",
            Self::After => "after",
            Self::AfterSuccess => "after success",
            Self::Callback => "callback",
            Self::Graph => "graph",
        }
    }
}

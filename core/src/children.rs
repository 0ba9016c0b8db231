//! How the children of a node are doing, as numbers.

use crate::reason::Reason;
use crate::work::Outcome;

/// How the children of this attempt are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
pub struct Children {
    /// Not ended yet.
    pub live: u32,
    /// Ended in success.
    pub succeeded: u32,
    /// Ended in failure.
    pub failed: u32,
    /// Aborted or blocked.
    pub aborted: u32,
    /// Children of earlier attempts and lives.
    pub earlier: u32,
    /// Whether one of the live ones has something to do now.
    pub any_running: bool,
}

impl Children {
    /// All children of this attempt.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.live.saturating_add(self.succeeded).saturating_add(self.failed).saturating_add(self.aborted)
    }

    /// Those that have ended.
    #[must_use]
    pub const fn ended(&self) -> u32 {
        self.succeeded.saturating_add(self.unsuccessful())
    }

    /// Those that have failed or were aborted.
    #[must_use]
    pub const fn unsuccessful(&self) -> u32 {
        self.failed.saturating_add(self.aborted)
    }

    /// Whether all have ended; true if there are none.
    #[must_use]
    pub const fn all_done(&self) -> bool {
        self.live == 0
    }

    /// Whether all have succeeded; true if there are none.
    #[must_use]
    pub const fn all_successful(&self) -> bool {
        self.live == 0 && !self.any_failed()
    }

    /// Whether one has failed or was aborted.
    #[must_use]
    pub const fn any_failed(&self) -> bool {
        self.failed > 0 || self.aborted > 0
    }

    /// What a parent without steps of its own says: success when all have succeeded, failure when one has failed or was aborted, else
    /// running while one has something to do, else waiting. O(1).
    pub const fn outcome(&self) -> Outcome {
        if self.any_failed() {
            Outcome::Failure(Reason::CHILD_FAILED)
        } else if self.live == 0 {
            Outcome::Success
        } else if self.any_running {
            Outcome::Running
        } else {
            Outcome::Waiting
        }
    }
}

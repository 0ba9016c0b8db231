//! What a poll answers: when the next one is due.
//!
//! Four answers and no sentinels: "never" and "not before a wake" are different things, and neither is a time.

use core::time::Duration;

use crate::time::Instant;

/// When the scheduler wants to be polled again, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[must_use = "a driver that ignores it stalls or spins"]
pub enum Next {
    /// At once: the budget ran out, or a wake has come since.
    Now,
    /// Not before this instant, unless woken.
    At(Instant),
    /// Not before a wake.
    OnWake,
    /// Never: every node has ended.
    Done,
}

impl Next {
    /// How long a driver may sleep: none for "until woken" and for "never".
    #[must_use]
    pub fn delay(self, now: Instant) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(at) => Some(at - now),
            Self::OnWake | Self::Done => None,
        }
    }
}

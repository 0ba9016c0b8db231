//! A board that is not there: its flash, its link and its battery, whose faults come from a seed.
//!
//! Invariant: it is no kinder than a real one. Flash turns ones into zeros only, and what was under way when the power was cut is torn; a
//! frame may be lost or damaged. It knows no interrupt: whoever has the link says when its time has come ([`Link::arrive`]).

mod flash;
mod link;

pub use flash::{Cells, Flash};
pub use link::{Image, Link};

use windlass::Instant;

/// A battery that is being charged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Battery {
    /// When there is enough in it.
    pub charged_at: Instant,
}

impl Battery {
    /// Its voltage.
    #[must_use]
    pub fn millivolts(&self, now: Instant) -> u16 {
        if now < self.charged_at { 3_100 } else { 3_700 }
    }
}

/// Even numbers from a seed: SplitMix64, the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (((self.number() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Whether something happens that happens so often in a hundred times.
    pub(crate) fn chance(&mut self, percent: u8) -> bool {
        self.below(100) < u32::from(percent)
    }
}

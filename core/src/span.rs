//! Lengths of time in four bytes, for the settings of which every node has several.
//!
//! Rounded up, never down: exact to the microsecond up to 17 minutes, to the millisecond up to 12 days, to the second up to 34 years; beyond, in
//! hours.

use core::fmt;
use core::time::Duration;

use crate::time::{UNLIMITED, divide_up, micros, micros_ceil};

pub(crate) const SECOND: u64 = 1_000_000;

/// A length of time in four bytes: two bits of unit, thirty bits of count. Always the finest unit that fits, so equal
/// lengths have equal bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(u32);

impl Span {
    pub(crate) const ZERO: Self = Self(0);
    pub(crate) const FOREVER: Self = Self(u32::MAX);
    const LARGEST: u64 = (1 << 30) - 1;
    /// Microsecond, millisecond, second, hour; the largest count of hours still fits 64 bits of microseconds.
    const UNITS: [u64; 4] = [1, 1_000, SECOND, 3_600 * SECOND];
    /// What each unit is to the one before.
    const STEPS: [u32; 3] = [1_000, 1_000, 3_600];

    pub(crate) const fn ceil(duration: Duration) -> Self {
        let (mut count, mut unit) = (micros_ceil(duration), 0);
        while count > Self::LARGEST {
            if unit == Self::STEPS.len() {
                return Self::FOREVER;
            }
            count = divide_up(count, Self::STEPS[unit]);
            unit += 1;
        }
        Self((unit as u32) << 30 | count as u32)
    }

    pub(crate) const fn micros(self) -> u64 {
        Self::UNITS[(self.0 >> 30) as usize] * (self.0 as u64 & Self::LARGEST)
    }

    pub(crate) const fn is_forever(self) -> bool {
        self.0 == Self::FOREVER.0
    }

    /// The end of a time that begins at `start`; [`UNLIMITED`] if it has none.
    pub(crate) const fn after(self, start: u64) -> u64 {
        if self.is_forever() { UNLIMITED } else { start.saturating_add(self.micros()) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_forever() {
            return f.write_str("forever");
        }
        micros(self.micros()).fmt(f)
    }
}

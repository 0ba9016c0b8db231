//! Points in time, as plain microseconds.
//!
//! The engine has no clock: every call takes `now`, and the driver chooses the origin. One rule keeps timers honest: durations
//! round *up* and clocks round *down*, so nothing fires early and nothing spins waiting for the last fraction. All arithmetic
//! saturates; [`Instant::MAX`] means "never" wherever a deadline is meant.

use core::cell::RefCell;
use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// "No limit", for every limit in this crate: the microseconds of [`Instant::MAX`].
pub(crate) const UNLIMITED: u64 = u64::MAX;

/// A point in time: microseconds since an origin that the driver chooses.
///
/// 584,000 years fit. `Copy`, 8 bytes, safe to make anywhere, interrupts included.
///
/// ```
/// use core::time::Duration;
/// use windlass::Instant;
///
/// let start = Instant::from_millis(1_500);
/// assert_eq!((start + Duration::from_nanos(1)).as_micros(), 1_500_001); // durations round up
/// assert_eq!(Instant::ZERO - start, Duration::ZERO); // no negative time
/// assert_eq!(start.to_string(), "1.500000");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The driver's origin.
    pub const ZERO: Self = Self(0);
    /// The end of time. As a deadline it means "never".
    pub const MAX: Self = Self(u64::MAX);

    /// An instant `micros` microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// An instant `millis` milliseconds after the origin; saturates at [`Instant::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// An instant `secs` seconds after the origin; saturates at [`Instant::MAX`].
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// The instant a clock shows that has run for `elapsed` since the origin: rounds down.
    #[must_use]
    pub const fn from_elapsed(elapsed: Duration) -> Self {
        let micros = elapsed.as_micros();
        if micros > u64::MAX as u128 { Self::MAX } else { Self(micros as u64) }
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This instant plus `duration`, rounded up to a microsecond; saturates at [`Instant::MAX`].
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros_ceil(duration)))
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        micros(self.0.saturating_sub(earlier.0))
    }
}

/// What tells the time: an [`Instant`], which is a clock that stands still, or a function.
///
/// ```
/// use windlass::{Clock, Instant};
///
/// let mut ticks = 0;
/// let mut counter = || {
///     ticks += 1;
///     Instant::from_millis(ticks)
/// };
/// assert_eq!((counter.now(), counter.now()), (Instant::from_millis(1), Instant::from_millis(2)));
/// assert_eq!(Instant::ZERO.now(), Instant::ZERO);
/// ```
pub trait Clock {
    /// The time. It must not run ahead: round down.
    fn now(&mut self) -> Instant;
}

/// A clock that is shared by all who ask it in one poll.
pub(crate) trait Tell {
    fn tell(&self) -> Instant;
}

impl<C: Clock> Tell for RefCell<C> {
    fn tell(&self) -> Instant {
        // A clock that asks itself gets no answer.
        self.try_borrow_mut().map_or(Instant::ZERO, |mut clock| clock.now())
    }
}

impl Clock for Instant {
    fn now(&mut self) -> Instant {
        *self
    }
}

impl<F: FnMut() -> Instant> Clock for F {
    fn now(&mut self) -> Instant {
        self()
    }
}

/// Same as [`Instant::saturating_add`].
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

/// Same as [`Instant::saturating_since`].
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

/// Seconds with six decimals, as a trace line starts.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Quotient and remainder. `by` is at most 2 to the power of 31.
///
/// A processor without a division of 64 bits would bring a kilobyte of library for it; there it is done bit by bit, in 64 steps.
pub(crate) const fn divide(micros: u64, by: u32) -> (u64, u32) {
    if cfg!(not(small)) {
        return (micros / by as u64, (micros % by as u64) as u32);
    }
    divide_bit_by_bit(micros, by)
}

#[inline(never)]
const fn divide_bit_by_bit(mut number: u64, by: u32) -> (u64, u32) {
    let (mut rest, mut bits) = (0, 64);
    while bits > 0 {
        // The quotient moves in from below as the number moves out.
        rest = rest << 1 | (number >> 63) as u32;
        number <<= 1;
        if rest >= by {
            rest -= by;
            number |= 1;
        }
        bits -= 1;
    }
    (number, rest)
}

/// [`divide`], rounded up.
pub(crate) const fn divide_up(micros: u64, by: u32) -> u64 {
    let (quotient, rest) = divide(micros, by);
    quotient + (rest > 0) as u64
}

/// So many microseconds.
pub(crate) const fn micros(micros: u64) -> Duration {
    let (secs, rest) = divide(micros, 1_000_000);
    // No remainder is that long.
    Duration::from_secs(secs).saturating_add(Duration::from_micros(rest as u64))
}

/// Whole microseconds in `duration`, rounded up, saturating.
pub(crate) const fn micros_ceil(duration: Duration) -> u64 {
    let micros = duration.as_secs().saturating_mul(1_000_000);
    micros.saturating_add(duration.subsec_nanos().div_ceil(1_000) as u64)
}

/// Prints a duration the way a person would: `350 us`, `80 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Human(pub Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In 64 bits, for code for 128 is large, and nobody reads the microseconds of 584,000 years.
        let secs = self.0.as_secs();
        let micros = secs.saturating_mul(1_000_000).saturating_add(u64::from(self.0.subsec_micros()));
        match micros {
            0 => f.write_str("0 s"),
            1..1_000 => write!(f, "{micros} us"),
            1_000..1_000_000 => write!(f, "{} ms", micros / 1_000),
            1_000_000..60_000_000 => {
                let tenths = micros / 100_000 % 10;
                if tenths == 0 { write!(f, "{secs} s") } else { write!(f, "{secs}.{tenths} s") }
            }
            60_000_000..3_600_000_000 => pair(f, secs / 60, "min", secs % 60, "s"),
            _ => pair(f, secs / 3_600, "h", secs % 3_600 / 60, "min"),
        }
    }
}

fn pair(f: &mut fmt::Formatter<'_>, large: u64, unit: &str, small: u64, small_unit: &str) -> fmt::Result {
    write!(f, "{large} {unit}")?;
    if small == 0 { Ok(()) } else { write!(f, " {small} {small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::string::ToString;

    #[test]
    fn durations_round_up_and_clocks_round_down() {
        assert_eq!(micros_ceil(Duration::from_nanos(1)), 1);
        assert_eq!(micros_ceil(Duration::from_nanos(1_000)), 1);
        assert_eq!(micros_ceil(Duration::MAX), u64::MAX);
        assert_eq!(Instant::from_elapsed(Duration::from_nanos(1_999)).as_micros(), 1);
        assert_eq!(Instant::from_elapsed(Duration::MAX), Instant::MAX);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Instant::MAX + Duration::from_secs(1), Instant::MAX);
        assert_eq!(Instant::from_secs(u64::MAX), Instant::MAX);
        assert_eq!(Instant::ZERO - Instant::MAX, Duration::ZERO);
    }

    #[test]
    fn division_bit_by_bit_is_division() {
        let numbers = [0, 1, 99, 100, 999_999, 1_000_000, 1 << 31, 1 << 32, u64::MAX - 1, u64::MAX];
        for by in [1, 2, 100, 1_000, 3_600, 1_000_000, 1 << 31] {
            for number in numbers.into_iter().chain((0..64).map(|bit| 0x9e37_79b9_7f4a_7c15 >> bit)) {
                let quotient = (number / u64::from(by), (number % u64::from(by)) as u32);
                assert_eq!(divide_bit_by_bit(number, by), quotient, "{number} by {by}");
            }
        }
    }

    #[test]
    fn people_can_read_durations() {
        for (micros, text) in [
            (0, "0 s"),
            (999, "999 us"),
            (1_500, "1 ms"),
            (4_200_000, "4.2 s"),
            (60_000_000, "1 min"),
            (200_000_000, "3 min 20 s"),
            (7_500_000_000, "2 h 5 min"),
        ] {
            assert_eq!(Human(Duration::from_micros(micros)).to_string(), text);
        }
    }
}

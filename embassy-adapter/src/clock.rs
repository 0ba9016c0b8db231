//! Embassy's time in the engine's units, and back.
//!
//! The invariant: *what the clock has reached is due, and nothing else is*. A reading of the clock rounds down, an
//! alarm rounds up, so once an alarm has fired, the clock shows at least the instant that it was set for: no poll comes
//! early, and no driver spins through the last fraction of a tick. Both saturate. Why not `as_micros` and `from_micros`
//! of embassy-time: both round down, and both overflow.

use embassy_time::TICK_HZ;
use windlass::Instant;

const MICROS_HZ: u64 = 1_000_000;

/// What embassy's clock shows: the time since it started, rounded down to microseconds.
///
/// An interrupt may call it if the time driver allows that, as embassy's do.
#[must_use]
pub fn now() -> Instant {
    to_instant(embassy_time::Instant::now())
}

/// The latest engine instant that has come when embassy's clock shows `at`: rounds down, and saturates at
/// [`Instant::MAX`].
///
/// ```
/// use windlass_embassy::to_instant;
///
/// assert_eq!(to_instant(embassy_time::Instant::from_secs(2)).as_micros(), 2_000_000);
/// ```
#[must_use]
pub const fn to_instant(at: embassy_time::Instant) -> Instant {
    Instant::from_micros(rescale_down(at.as_ticks(), TICK_HZ, MICROS_HZ))
}

/// The first tick at which `at` has come: rounds up, and saturates at the last tick.
///
/// ```
/// use windlass_embassy::{to_alarm, to_instant};
///
/// let at = windlass::Instant::from_micros(1_234_567);
/// assert!(to_instant(to_alarm(at)) >= at); // at any tick rate
/// ```
#[must_use]
pub const fn to_alarm(at: Instant) -> embassy_time::Instant {
    embassy_time::Instant::from_ticks(rescale_up(at.as_micros(), MICROS_HZ, TICK_HZ))
}

/// `value * to / from`, rounded down, saturating. Exact for rates whose product is below 2 to the power of 64, as a
/// million times any tick rate of embassy's is; in 64 bits, for code for 128 is large.
const fn rescale_down(value: u64, from: u64, to: u64) -> u64 {
    let (whole, rest) = (value / from, value % from);
    whole.saturating_mul(to).saturating_add(rest * to / from)
}

/// As [`rescale_down`], rounded up.
const fn rescale_up(value: u64, from: u64, to: u64) -> u64 {
    let (whole, rest) = (value / from, value % from);
    whole.saturating_mul(to).saturating_add((rest * to).div_ceil(from))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Slowest, common, odd and fastest of embassy's tick rates, and some that it does not have.
    const RATES: &[u64] = &[
        1,
        2,
        3,
        10,
        1_000,
        1_024,
        16_384,
        32_768,
        131_072,
        999_983,
        1_000_000,
        1_048_576,
        12_000_000,
        16_777_216,
        133_000_000,
        1_000_000_000,
        5_242_880_000,
    ];

    fn exact(value: u64, from: u64, to: u64, round: fn(u128, u128) -> u128) -> u64 {
        let scaled = round(u128::from(value) * u128::from(to), u128::from(from));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Mostly small numbers, with the ends and their neighbours.
    fn values() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..4_u64,
            u64::MAX - 4..=u64::MAX,
            any::<u64>(),
            (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift),
        ]
    }

    fn rates() -> impl Strategy<Value = u64> {
        prop_oneof![proptest::sample::select(RATES), 1..10_000_000_000_u64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn both_directions_equal_arithmetic_that_cannot_overflow(value in values(), rate in rates()) {
            let (down, up): (fn(u128, u128) -> u128, _) = (|a, b| a / b, u128::div_ceil);
            prop_assert_eq!(rescale_down(value, rate, MICROS_HZ), exact(value, rate, MICROS_HZ, down));
            prop_assert_eq!(rescale_up(value, MICROS_HZ, rate), exact(value, MICROS_HZ, rate, up));
        }

        #[test]
        fn an_alarm_is_the_first_tick_at_which_its_instant_has_come(micros in values(), rate in rates()) {
            let tick = rescale_up(micros, MICROS_HZ, rate);
            if tick < u64::MAX {
                prop_assert!(rescale_down(tick, rate, MICROS_HZ) >= micros, "early at tick {}", tick);
            }
            if let Some(before) = tick.checked_sub(1) {
                prop_assert!(rescale_down(before, rate, MICROS_HZ) < micros, "late at tick {}", tick);
            }
        }

        #[test]
        fn a_later_reading_is_never_an_earlier_instant(one in values(), other in values(), rate in rates()) {
            let (early, late) = (one.min(other), one.max(other));
            prop_assert!(rescale_down(early, rate, MICROS_HZ) <= rescale_down(late, rate, MICROS_HZ));
            prop_assert!(rescale_up(early, MICROS_HZ, rate) <= rescale_up(late, MICROS_HZ, rate));
        }
    }

    #[test]
    fn at_32_768_ticks_a_second() {
        assert_eq!(rescale_down(1, 32_768, MICROS_HZ), 30); // of 30.5
        assert_eq!(rescale_up(30, MICROS_HZ, 32_768), 1);
        assert_eq!(rescale_up(31, MICROS_HZ, 32_768), 2);
        assert_eq!(rescale_up(1_000_000, MICROS_HZ, 32_768), 32_768);
    }

    #[test]
    fn the_ends_of_time_stay_where_they_are() {
        for &rate in RATES {
            assert_eq!(rescale_down(0, rate, MICROS_HZ), 0);
            assert_eq!(rescale_up(0, MICROS_HZ, rate), 0);
        }
        assert_eq!(rescale_down(u64::MAX, 1, MICROS_HZ), u64::MAX);
        assert_eq!(rescale_up(u64::MAX, MICROS_HZ, 1_000_000_000), u64::MAX);
    }

    #[test]
    fn the_public_conversions_use_this_build_s_tick_rate() {
        let at = Instant::from_secs(7);
        assert_eq!(to_alarm(at).as_ticks(), 7 * TICK_HZ);
        assert_eq!(to_instant(to_alarm(at)), at);
        assert_eq!(to_alarm(Instant::MAX).as_ticks(), rescale_up(u64::MAX, MICROS_HZ, TICK_HZ));
    }
}

//! Retry policies: how many retries a node gets, and how long it waits before each of them.
//!
//! The invariant: [`Retry::delay`] is a pure function of the policy, a seed, the node's key and the number of retries used,
//! in integers only, so a run repeats exactly on every target. A wait is found in four steps:
//!
//! 1. The *nominal* wait is the base before the first retry; each further one is a fixed percentage of the one before, rounded
//!    up to a microsecond. It never exceeds the cap.
//! 2. The jitter makes a range of it.
//! 3. The range is clipped: first to the cap, then to the floor, so the floor wins where they disagree. The range is clipped
//!    rather than the draw, so waits do not pile up at the cap and wake a crowd at once.
//! 4. One even draw from the range. The draw is output number `used` of a SplitMix64 stream that belongs to seed and key (Steele,
//!    Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). It scales by multiplication; the bias
//!    is below one in a million for every range shorter than half a year, and below one in four for any range at all.
//!
//! This file reads no clock, counts no retries and ends no work: the scheduler does. Decorrelated jitter is left out because it
//! needs the previous wait, that is, state.

use core::fmt;
use core::time::Duration;

use crate::span::{SECOND, Span};
use crate::time::{divide, divide_up, micros};

mod schedule;
#[cfg(test)]
mod tests;

/// How often a failed node is tried again, and how long it waits in between.
///
/// 24 bytes, `Copy`. Unless told otherwise a policy waits 1 s, 2 s, 3–4 s, 5–8 s and so on up to 257–512 s, in whole seconds. Any
/// value is a valid policy. Every time given to a policy is rounded up: it is exact to the microsecond up to 17 minutes, to
/// the millisecond up to 12 days, to the second up to 34 years; beyond, it is kept in hours and ends at 122,000 years.
///
/// ```
/// use core::time::Duration;
/// use windlass::{Jitter, Retry};
///
/// assert_eq!(Retry::A_FEW.schedule().to_string(), "1 s, 2 s, 3-4 s, 5-8 s, 9-16 s; 20-31 s in all");
///
/// const FETCH: Retry = Retry::times(6)
///     .exponential(Duration::from_millis(100), 2, Duration::from_secs(2))
///     .jitter(Jitter::Full)
///     .floor(Duration::from_millis(20))
///     .within(Duration::from_secs(30));
/// assert_eq!(FETCH.bounds(3), (Duration::from_millis(20), Duration::from_millis(800)));
/// assert_eq!(FETCH.delay(1, 7, 3), FETCH.delay(1, 7, 3)); // same seed, node and retry: same wait
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
pub struct Retry {
    base: Span,
    cap: Span,
    floor: Span,
    within: Span,
    percent: u16,
    budget: u16,
    spread: Spread,
}

/// How far a wait may stray from its nominal length `d`.
///
/// Jitter keeps nodes that failed together from coming back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum Jitter {
    /// Exactly `d`.
    None,
    /// Anything from 0 to `d`; give a [`Retry::floor`] where a wait of almost nothing would hurt.
    Full,
    /// Anything from half of `d` to `d`.
    Equal,
    /// Up to this many percent of `d` less or more; above 100 counts as 100.
    PlusMinus(u8),
}

impl Retry {
    /// No retry: the first failure is final. This is the default.
    pub const NEVER: Self = Self::times(0);
    /// All zeros: no retry.
    pub(crate) const ZERO: Self = Self {
        base: Span::ZERO,
        cap: Span::ZERO,
        floor: Span::ZERO,
        within: Span::ZERO,
        percent: 0,
        budget: 0,
        spread: Spread::Named(Jitter::None),
    };
    /// One retry, after 1 s.
    pub const ONCE: Self = Self::times(1);
    /// Five retries, 20 to 31 s of waiting in all.
    pub const A_FEW: Self = Self::times(5);
    /// Thirty-two retries, 1 h 42 min to 3 h 24 min of waiting in all.
    pub const A_LOT: Self = Self::times(32);

    /// `budget` retries with the default waits.
    ///
    /// Before retry *n* + 1 they are a whole number of seconds between U/2 + 1 and U, where U is 2 to the power of *n*, at
    /// most 512; the first is 1 s.
    #[must_use]
    pub const fn times(budget: u16) -> Self {
        Self {
            base: Span::ceil(Duration::from_secs(1)),
            cap: Span::ceil(Duration::from_secs(512)),
            floor: Span::ceil(Duration::ZERO),
            within: Span::FOREVER,
            percent: 200,
            budget,
            spread: Spread::WholeSeconds,
        }
    }

    /// The same nominal wait before every retry.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use windlass::Retry;
    /// let retry = Retry::times(3).constant(Duration::from_millis(250));
    /// assert_eq!(retry.schedule().to_string(), "3 times 250 ms; 750 ms in all");
    /// ```
    #[must_use]
    pub const fn constant(self, delay: Duration) -> Self {
        self.exponential_percent(delay, 100, Duration::MAX)
    }

    /// Waits `base` first, and each time `factor` times as long as before, at most `cap`.
    ///
    /// A factor of 1 means constant waits, 0 none after the first; above 655 it counts as 655.35. A `base` above `cap` counts
    /// as `cap`. There is no jitter until [`Retry::jitter`] asks for it.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use windlass::Retry;
    /// let retry = Retry::times(5).exponential(Duration::from_millis(10), 3, Duration::from_millis(500));
    /// assert_eq!(retry.schedule().to_string(), "10 ms, 30 ms, 90 ms, 270 ms, 500 ms; 900 ms in all");
    /// ```
    #[must_use]
    pub const fn exponential(self, base: Duration, factor: u16, cap: Duration) -> Self {
        self.exponential_percent(base, factor.saturating_mul(100), cap)
    }

    /// [`Retry::exponential`] with the factor in percent: 150 makes each wait half as long again. Below 100 the waits shrink.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use windlass::Retry;
    /// let retry = Retry::times(4).exponential_percent(Duration::from_secs(2), 150, Duration::from_secs(60));
    /// assert_eq!(retry.schedule().to_string(), "2 s, 3 s, 4.5 s, 6.75 s; 16.25 s in all");
    /// ```
    #[must_use]
    pub const fn exponential_percent(mut self, base: Duration, percent: u16, cap: Duration) -> Self {
        self.base = Span::ceil(base);
        self.percent = percent;
        self.cap = Span::ceil(cap);
        if matches!(self.spread, Spread::WholeSeconds) {
            self.spread = Spread::Named(Jitter::None);
        }
        self
    }

    /// Never waits less than this, whatever jitter and cap say.
    ///
    /// The default waits stay whole seconds: there the floor is rounded up to one.
    #[must_use]
    pub const fn floor(mut self, floor: Duration) -> Self {
        self.floor = Span::ceil(floor);
        self
    }

    /// Spreads the waits; may stand before or after [`Retry::exponential`].
    ///
    /// The default waits have a spread of their own, in whole seconds. A jitter replaces it, and leaves nominal waits of
    /// 1, 2, 4 … 512 s.
    ///
    /// ```
    /// # use windlass::{Jitter, Retry};
    /// let retry = Retry::times(4).jitter(Jitter::Equal);
    /// assert_eq!(retry.schedule().to_string(), "0.5-1 s, 1-2 s, 2-4 s, 4-8 s; 7.5-15 s in all");
    /// ```
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.spread = Spread::Named(jitter);
        self
    }

    /// Ends the retries once `total` has passed since the *first attempt started*, attempts included.
    ///
    /// A retry that could only start later is not waited for. From 122,000 years on there is no limit.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use windlass::Retry;
    /// let retry = Retry::A_LOT.within(Duration::from_secs(600));
    /// assert_eq!(retry.elapsed_limit(), Some(Duration::from_secs(600)));
    /// assert_eq!(retry.worst_total(), Duration::from_secs(600));
    /// ```
    #[must_use]
    pub const fn within(mut self, total: Duration) -> Self {
        self.within = Span::ceil(total);
        self
    }

    /// The number of retries, the first attempt not counted.
    #[must_use]
    pub const fn budget(&self) -> u16 {
        self.budget
    }

    /// What [`Retry::within`] set.
    #[must_use]
    pub const fn elapsed_limit(&self) -> Option<Duration> {
        if self.within.is_forever() {
            return None;
        }
        Some(micros(self.within.micros()))
    }

    /// Whether an attempt may still start so many microseconds after the start of the first.
    pub(crate) const fn lasts(&self, elapsed: u64) -> bool {
        self.within.is_forever() || elapsed <= self.within.micros()
    }

    /// The wait before the next retry, when `used` retries are used up already.
    ///
    /// `key` tells nodes of one seed apart, as [`NodeId::to_bits`](crate::NodeId::to_bits) does: that is what the engine takes in a node's first life. In
    /// later ones (a restart, a parent that tries again) it differs in the upper 16 bits, so that each life draws delays of its own. The budget and the elapsed
    /// limit do not change the answer. A multiplication per step until the cap is reached: 9 with the default waits, at
    /// most 62 with a factor of 2, at most 4,200 whatever the policy.
    ///
    /// ```
    /// # use windlass::Retry;
    /// let waits: Vec<u64> = (0..5).map(|used| Retry::A_FEW.delay(42, 7, used).as_secs()).collect();
    /// assert_eq!(waits, [1, 2, 3, 6, 13]);
    /// ```
    #[must_use]
    pub const fn delay(&self, seed: u64, key: u64, used: u16) -> Duration {
        micros(self.delay_micros(seed, key, used))
    }

    pub(crate) const fn delay_micros(&self, seed: u64, key: u64, used: u16) -> u64 {
        let (low, high) = self.range(self.nominal(used));
        let (width, step) = match self.spread {
            Spread::WholeSeconds => (divide(high - low, SECOND as u32).0, SECOND),
            Spread::Named(_) => (high - low, 1),
        };
        let pick = (draw(seed, key, used) as u128 * (width + 1) as u128) >> 64;
        low + pick as u64 * step
    }

    /// The shortest and the longest wait [`Retry::delay`] can answer, both possible. Costs the same.
    #[must_use]
    pub const fn bounds(&self, used: u16) -> (Duration, Duration) {
        let (low, high) = self.range(self.nominal(used));
        (micros(low), micros(high))
    }

    /// The longest time that all waits together can take: not more than the elapsed limit, the attempts not counted.
    ///
    /// Saturates at 584,000 years. Costs a few steps more than [`Retry::delay`], whatever the budget.
    #[must_use]
    pub fn worst_total(&self) -> Duration {
        let total = self.runs().fold(0, |sum: u64, run| sum.saturating_add(run.total().1));
        let total = micros(total);
        self.elapsed_limit().map_or(total, |limit| limit.min(total))
    }

    /// Prints the waits for a person: `1 s, 2 s, 3-4 s; 6-7 s in all`.
    ///
    /// Waits that are alike are counted, and of more than ten different ones only the last is shown.
    ///
    /// ```
    /// # use windlass::Retry;
    /// assert_eq!(Retry::NEVER.schedule().to_string(), "no retry");
    /// assert_eq!(
    ///     Retry::A_LOT.schedule().to_string(),
    ///     "1 s, 2 s, 3-4 s, 5-8 s, 9-16 s, 17-32 s, 33-64 s, 65-128 s, 129-256 s, then 23 times 257-512 s; \
    ///      1 h 42 min to 3 h 24 min in all",
    /// );
    /// ```
    #[must_use]
    pub fn schedule(&self) -> impl fmt::Display + use<> {
        schedule::Schedule(*self)
    }

    /// The wait after `used` retries before jitter and floor, in microseconds.
    const fn nominal(&self, used: u16) -> u64 {
        let mut nominal = min(self.base.micros(), self.cap.micros());
        let mut left = used;
        while left > 0 {
            let next = self.next(nominal);
            if next == nominal {
                break; // capped, constant or at its smallest: the rest is alike
            }
            nominal = next;
            left -= 1;
        }
        nominal
    }

    const fn next(&self, nominal: u64) -> u64 {
        min(percent_of(nominal, self.percent), self.cap.micros())
    }

    /// The inclusive range that jitter, cap and floor make of a nominal wait.
    const fn range(&self, nominal: u64) -> (u64, u64) {
        let floor = self.floor.micros();
        let (low, high, floor) = match self.spread {
            Spread::WholeSeconds if nominal < 2 * SECOND => (nominal, nominal, whole_seconds(floor)),
            Spread::WholeSeconds => (nominal / 2 + SECOND, nominal, whole_seconds(floor)),
            Spread::Named(Jitter::None) => (nominal, nominal, floor),
            Spread::Named(Jitter::Full) => (0, nominal, floor),
            Spread::Named(Jitter::Equal) => (nominal.div_ceil(2), nominal, floor),
            Spread::Named(Jitter::PlusMinus(percent)) => {
                let stray = min(percent_of(nominal, percent as u16), nominal);
                (nominal - stray, min(nominal + stray, self.cap.micros()), floor)
            }
        };
        (max(low, floor), max(high, floor))
    }

    /// The waits of the whole budget in order, where those that are alike to the end make one run.
    fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let mut nominal = self.nominal(0);
        let mut left = self.budget;
        core::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let (low, high) = self.range(nominal);
            let next = self.next(nominal);
            let times = if next == nominal { left } else { 1 };
            nominal = next;
            left -= times;
            Some(Run { times, low, high })
        })
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::NEVER
    }
}

/// Where in its range a wait falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
enum Spread {
    /// The default waits: whole seconds in the upper half of the range.
    WholeSeconds,
    Named(Jitter),
}

/// `times` waits of `low..=high` microseconds each.
struct Run {
    times: u16,
    low: u64,
    high: u64,
}

impl Run {
    fn total(&self) -> (u64, u64) {
        let times = u64::from(self.times);
        (self.low.saturating_mul(times), self.high.saturating_mul(times))
    }
}

/// Output `used` of the SplitMix64 stream that starts at a mixture of seed and key.
const fn draw(seed: u64, key: u64, used: u16) -> u64 {
    let stream = mix(mix(seed.wrapping_add(GOLDEN_GAMMA)) ^ key);
    mix(stream.wrapping_add(GOLDEN_GAMMA.wrapping_mul(used as u64 + 1)))
}

/// 2^64 divided by the golden ratio, made odd: SplitMix64's increment.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finaliser.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Rounded up, saturating. Divides first, so that nothing overflows on the way; the result is exact.
const fn percent_of(micros: u64, percent: u16) -> u64 {
    let (hundreds, rest) = divide(micros, 100);
    hundreds.saturating_mul(percent as u64).saturating_add((rest * percent as u32).div_ceil(100) as u64)
}

const fn whole_seconds(micros: u64) -> u64 {
    divide_up(micros, SECOND as u32).saturating_mul(SECOND)
}

const fn min(a: u64, b: u64) -> u64 {
    if a < b { a } else { b }
}

const fn max(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

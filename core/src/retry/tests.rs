#![allow(clippy::unwrap_used)]

use super::*;
use crate::time::micros_ceil;
extern crate std;
use std::collections::BTreeSet;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}
const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
const fn s(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// One policy of every kind, and the odd ones.
fn policies() -> Vec<Retry> {
    let growing = Retry::times(40).exponential(ms(10), 2, s(5));
    let mut all = vec![
        Retry::A_LOT,
        Retry::A_LOT.floor(ms(2_500)),
        Retry::A_LOT.floor(s(1_000)),
        Retry::times(3).constant(ms(30)),
        Retry::times(3).constant(Duration::ZERO),
        Retry::times(3).constant(Duration::MAX),
        Retry::times(9).exponential_percent(s(9), 50, Duration::MAX),
        Retry::times(9).exponential(s(9), 0, s(9)),
        Retry::times(9).exponential(s(9), 2, s(1)),
        Retry::times(u16::MAX).exponential(us(1), u16::MAX, Duration::MAX),
        Retry::times(u16::MAX).exponential_percent(us(1), 101, Duration::MAX),
    ];
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::PlusMinus(20), Jitter::PlusMinus(255)] {
        all.push(growing.jitter(jitter));
        all.push(growing.jitter(jitter).floor(ms(33)));
        all.push(growing.jitter(jitter).floor(s(6)));
        all.push(Retry::A_LOT.jitter(jitter));
        all.push(Retry::A_LOT.constant(Duration::MAX).jitter(jitter).floor(Duration::MAX));
        all.push(Retry::A_LOT.exponential(Duration::MAX, u16::MAX, Duration::MAX).jitter(jitter));
    }
    all
}

#[test]
fn a_policy_is_small() {
    assert_eq!(size_of::<Retry>(), 24);
    assert_eq!(size_of::<Option<Retry>>(), 24);
}

#[test]
fn the_default_waits_are_the_table() {
    let table =
        [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 32), (33, 64), (65, 128), (129, 256), (257, 512)];
    for (used, (low, high)) in table.into_iter().enumerate() {
        assert_eq!(Retry::A_LOT.bounds(used as u16), (s(low), s(high)), "retry {}", used + 1);
    }
    for used in [10, 11, 31, 32, 1_000, u16::MAX] {
        assert_eq!(Retry::A_LOT.bounds(used), (s(257), s(512)));
    }
}

#[test]
fn the_default_totals_are_the_table() {
    for (budget, low, high) in [(0, 0, 0), (1, 1, 1), (5, 20, 31), (10, 521, 1_023), (32, 6_175, 12_287)] {
        let retry = Retry::times(budget);
        assert_eq!((0..budget).map(|used| retry.bounds(used).0).sum::<Duration>(), s(low));
        assert_eq!(retry.worst_total(), s(high));
        assert_eq!(retry.budget(), budget);
    }
    let named = [Retry::NEVER, Retry::ONCE, Retry::A_FEW, Retry::A_LOT];
    assert_eq!(named.map(|retry| retry.budget()), [0, 1, 5, 32]);
    assert_eq!(Retry::default(), Retry::NEVER);
}

#[test]
fn waits_stay_inside_their_bounds() {
    for retry in policies() {
        for used in (0..20).chain([100, 5_000, u16::MAX]) {
            let (low, high) = retry.bounds(used);
            assert!(low <= high, "{retry:?}");
            for seed in 0..200 {
                let delay = retry.delay(mix(seed), 1 << 32 | seed, used);
                assert!(
                    (low..=high).contains(&delay),
                    "{retry:?} used {used}: {delay:?} in {low:?}..={high:?}"
                );
            }
        }
    }
}

#[test]
fn default_waits_reach_every_second_and_nothing_between() {
    for used in 0..12 {
        let (low, high) = Retry::A_LOT.bounds(used);
        let seen: BTreeSet<Duration> = (0..20_000).map(|seed| Retry::A_LOT.delay(seed, 3, used)).collect();
        let all: BTreeSet<Duration> = (low.as_secs()..=high.as_secs()).map(s).collect();
        assert_eq!(seen, all, "retry {}", used + 1);
    }
}

#[test]
fn draws_are_even() {
    // 64 of 100,000 draws would differ from a fair share by more than 40 % once in many universes.
    let mut counts = [0_u32; 256];
    for seed in 0..100_000 {
        counts[(Retry::A_LOT.delay(seed, 9, 9).as_secs() - 257) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (234..547).contains(count)), "{counts:?}");
}

#[test]
fn short_ranges_of_every_jitter_reach_both_ends() {
    for (jitter, low, high) in [
        (Jitter::None, 10, 10),
        (Jitter::Full, 0, 10),
        (Jitter::Equal, 5, 10),
        (Jitter::PlusMinus(30), 7, 13),
        (Jitter::PlusMinus(100), 0, 20),
        (Jitter::PlusMinus(255), 0, 20),
    ] {
        let retry = Retry::ONCE.constant(us(10)).jitter(jitter);
        let seen: BTreeSet<u128> = (0..2_000).map(|seed| retry.delay(seed, 0, 0).as_micros()).collect();
        assert_eq!(seen, (low..=high).collect(), "{jitter:?}");
        assert_eq!(retry.bounds(0), (us(low as u64), us(high as u64)));
    }
}

#[test]
fn the_range_is_clipped_to_cap_then_floor() {
    let capped = Retry::times(9).exponential(us(8), 2, us(10)).jitter(Jitter::PlusMinus(50));
    assert_eq!(capped.bounds(0), (us(4), us(10)));
    assert_eq!(capped.bounds(5), (us(5), us(10)));
    // Clipped, not piled up: the cap is one of six equal choices.
    let at_cap = (0..6_000).filter(|&seed| capped.delay(seed, 0, 5) == us(10)).count();
    assert!((800..1_200).contains(&at_cap), "{at_cap}");
    assert_eq!(capped.floor(us(7)).bounds(0), (us(7), us(10)));
    assert_eq!(capped.floor(us(12)).bounds(0), (us(12), us(12)));
    // Whole seconds stay whole.
    assert_eq!(Retry::A_FEW.floor(ms(3_001)).bounds(0), (s(4), s(4)));
    assert_eq!(Retry::A_FEW.floor(ms(5_500)).bounds(3), (s(6), s(8)));
}

#[test]
fn builders_commute() {
    let one = Retry::times(3).jitter(Jitter::Full).floor(ms(1)).exponential(ms(5), 3, s(1));
    let two = Retry::times(3).exponential(ms(5), 3, s(1)).floor(ms(1)).jitter(Jitter::Full);
    assert_eq!(one, two);
    assert_eq!(Retry::times(3).constant(s(2)), Retry::times(3).exponential(s(2), 1, Duration::MAX));
    let powers = Retry::A_LOT.jitter(Jitter::None);
    assert_eq!((0..11).map(|used| powers.bounds(used).1.as_secs()).sum::<u64>(), 1_023 + 512);
}

#[test]
fn odd_factors_are_defined() {
    let waits = |retry: Retry| [0, 1, 2, u16::MAX].map(|used| retry.delay(1, 2, used));
    assert_eq!(waits(Retry::ONCE.exponential(s(8), 0, s(9))), [s(8), s(0), s(0), s(0)]);
    assert_eq!(waits(Retry::ONCE.exponential(s(8), 1, s(9))), [s(8); 4]);
    assert_eq!(waits(Retry::ONCE.exponential_percent(s(8), 50, s(9))), [s(8), s(4), s(2), us(1)]);
    assert_eq!(waits(Retry::ONCE.exponential(us(3), 10, s(1))), [us(3), us(30), us(300), s(1)]);
    // Factors above 655 count as 655.35.
    assert_eq!(waits(Retry::ONCE.exponential(us(3), 1_000, s(1))), [us(3), us(1_967), s(1), s(1)]);
    assert_eq!(waits(Retry::ONCE.exponential_percent(us(3), 150, s(1))), [us(3), us(5), us(8), s(1)]);
}

#[test]
fn the_longest_climb_is_bounded() {
    let longest = (0..=u16::MAX)
        .map(|percent| {
            Retry::times(u16::MAX).exponential_percent(us(1), percent, Duration::MAX).runs().count()
        })
        .max();
    assert!(longest <= Some(4_200), "{longest:?}");
    let shrinking = Retry::times(u16::MAX).exponential_percent(Duration::MAX, 99, Duration::MAX);
    assert!(shrinking.runs().count() <= 4_200);
    assert_eq!(Retry::times(u16::MAX).exponential(us(1), 2, Duration::MAX).runs().count(), 63);
}

#[test]
fn a_quick_total_is_the_sum() {
    for retry in policies() {
        for budget in [0, 1, 2, 9, 10, 11, 300] {
            let retry = Retry { budget, ..retry };
            let micros =
                (0..budget).fold(0_u64, |sum, used| sum.saturating_add(micros_ceil(retry.bounds(used).1)));
            assert_eq!(retry.worst_total(), us(micros), "{retry:?}");
            assert_eq!(retry.within(s(7)).worst_total(), us(micros).min(s(7)));
        }
    }
    assert_eq!(Retry::times(u16::MAX).constant(Duration::MAX).worst_total(), us(u64::MAX));
}

#[test]
fn an_elapsed_limit_is_kept() {
    assert_eq!(Retry::A_FEW.elapsed_limit(), None);
    assert_eq!(Retry::A_FEW.within(Duration::ZERO).elapsed_limit(), Some(Duration::ZERO));
    assert_eq!(Retry::A_FEW.within(Duration::from_nanos(1)).elapsed_limit(), Some(us(1)));
    assert_eq!(Retry::A_FEW.within(Duration::MAX).elapsed_limit(), None);
}

#[test]
fn spans_round_up_to_the_finest_unit_that_fits() {
    let largest = (1_u64 << 30) - 1;
    for (given, kept) in [
        (us(0), us(0)),
        (Duration::from_nanos(1), us(1)),
        (us(largest), us(largest)),
        (us(largest + 1), ms(1_073_742)),
        (ms(largest), ms(largest)),
        (us(largest * 1_000 + 1), s(1_073_742)),
        (s(largest), s(largest)),
        (s(largest + 1), s(1_073_741_824_u64.div_ceil(3_600) * 3_600)),
        (s(largest * 3_600), s(largest * 3_600)),
        (Duration::MAX, s(largest * 3_600)),
    ] {
        assert_eq!(us(Span::ceil(given).micros()), kept, "{given:?}");
        assert_eq!(Span::ceil(kept), Span::ceil(given), "{given:?}");
    }
}

#[test]
fn percentages_are_exact_and_saturate() {
    for micros in [0, 1, 99, 100, 101, 12_345, 1 << 40, (1 << 62) + 7, u64::MAX] {
        for percent in [0, 1, 50, 99, 100, 101, 150, 200, u16::MAX] {
            let exact = (u128::from(micros) * u128::from(percent)).div_ceil(100).min(u128::from(u64::MAX));
            assert_eq!(u128::from(percent_of(micros, percent)), exact, "{micros} x {percent} %");
        }
    }
}

#[test]
fn the_generator_is_splitmix64() {
    // The first outputs for seed 1234567, as published with other implementations.
    let outputs = [1, 2, 3].map(|n| mix(1_234_567_u64.wrapping_add(GOLDEN_GAMMA.wrapping_mul(n))));
    assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}

#[test]
fn waits_are_the_same_on_every_target() {
    let default = |seed, key| -> Vec<u64> {
        (0..12).map(|used| Retry::A_LOT.delay(seed, key, used).as_secs()).collect()
    };
    let full = Retry::A_LOT.exponential_percent(ms(100), 150, s(20)).jitter(Jitter::Full);
    let full: Vec<u64> = (0..12).map(|used| micros_ceil(full.delay(7, 1 << 32, used))).collect();
    assert_eq!(default(0, 0), [1, 2, 3, 6, 13, 23, 35, 78, 187, 332, 458, 494]);
    assert_eq!(default(42, 7 << 32 | 3), [1, 2, 4, 8, 13, 17, 62, 65, 161, 477, 326, 500]);
    assert_eq!(default(u64::MAX, u64::MAX), [1, 2, 3, 8, 12, 24, 54, 118, 155, 350, 488, 361]);
    assert_eq!(
        full,
        [8361, 120099, 32143, 187405, 358250, 223450, 670203, 776015, 1035249, 2388366, 3305050, 7555375]
    );
    assert_eq!(draw(0, 0, u16::MAX), 0xb239_8f67_f256_ed6a);
}

#[test]
fn seeds_keys_and_retries_all_matter() {
    let retry = Retry::A_LOT.constant(s(1_000)).jitter(Jitter::Full);
    let mut seen = BTreeSet::new();
    for n in 0..1_000 {
        seen.insert(retry.delay(n, 0, 0));
        seen.insert(retry.delay(0, n + 1, 0));
        seen.insert(retry.delay(0, 0, n as u16 + 1));
    }
    assert!(seen.len() > 2_980, "3,000 draws from 10^9 collide 0.005 times on average: {}", seen.len());
    assert_ne!(retry.delay(1, 2, 0), retry.delay(2, 1, 0));
}

#[test]
fn people_can_read_schedules() {
    let text = |retry: Retry| retry.schedule().to_string();
    assert_eq!(text(Retry::NEVER), "no retry");
    assert_eq!(text(Retry::ONCE), "1 s");
    assert_eq!(text(Retry::times(2).constant(Duration::ZERO)), "2 times 0 s; 0 s in all");
    assert_eq!(text(Retry::times(3)), "1 s, 2 s, 3-4 s; 6-7 s in all");
    assert_eq!(
        text(Retry::times(11)),
        "1 s, 2 s, 3-4 s, 5-8 s, 9-16 s, 17-32 s, 33-64 s, 65-128 s, 129-256 s, then 2 times 257-512 s; \
         12 min 58 s to 25 min 35 s in all"
    );
    assert_eq!(
        text(Retry::times(20).exponential_percent(ms(100), 110, s(60))),
        "100 ms, 110 ms, 121 ms, 133.1 ms, 146.41 ms, 161.051 ms, 177.157 ms, 194.873 ms, 214.361 ms, \
         235.798 ms, then 10 more, the last 611.605 ms; 5.727 s in all"
    );
    assert_eq!(
        text(Retry::times(2).constant(us(1_500)).jitter(Jitter::PlusMinus(50)).within(s(200))),
        "2 times 0.75-2.25 ms; 1.5-4.5 ms in all; ends 3 min 20 s after the first start"
    );
    for retry in policies() {
        assert!(text(retry).len() < 300, "{}", text(retry));
    }
}

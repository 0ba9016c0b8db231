//! Lets contenders take turns, so that whatever else the machine does hits all of them alike.
//!
//! Each round runs every contender once, and each round starts with another one; the median of the rounds is the
//! result. A contender times its own work and returns the time, so setting up and tearing down never count.

use std::time::Duration;

/// Rounds that count. Odd, so that the median is one of them.
const ROUNDS: usize = 101;
/// Rounds before those, for caches, branch prediction and clock speed to settle.
const WARM_UP: usize = 10;

/// Something to be measured: does its work once and says how long it took.
pub(crate) type Contender<'a> = &'a mut dyn FnMut() -> Duration;

/// The median time of each contender, in the order given.
pub(crate) fn medians<const N: usize>(contenders: &mut [Contender<'_>; N]) -> [Duration; N] {
    let mut samples = [const { Vec::new() }; N];
    for round in 0..WARM_UP + ROUNDS {
        for turn in 0..N {
            let whose = (round + turn) % N;
            let took = contenders[whose]();
            if round >= WARM_UP {
                samples[whose].push(took);
            }
        }
    }
    samples.map(median)
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn contenders_take_turns_and_no_one_always_goes_first() {
        let order = RefCell::new(String::new());
        let turn = |name: char| {
            order.borrow_mut().push(name);
            Duration::ZERO
        };
        let _ = medians(&mut [&mut || turn('a'), &mut || turn('b'), &mut || turn('c')]);
        let order = order.into_inner();
        assert!(order.starts_with("abcbcacababc"), "{order}");
        assert_eq!(order.len(), 3 * (WARM_UP + ROUNDS));
    }

    #[test]
    fn the_result_is_the_median_of_what_came_after_the_warm_up() {
        let mut run = 0;
        let mut rising = || {
            run += 1;
            // The warm-up is slow, then 1, 2, ... in no helpful order.
            if run <= WARM_UP {
                Duration::from_secs(9)
            } else {
                Duration::from_nanos((run * 37 % 101) as u64 + 1)
            }
        };
        let [ours, theirs] = medians(&mut [&mut rising, &mut || Duration::from_nanos(7)]);
        assert_eq!(ours, Duration::from_nanos(51));
        assert_eq!(theirs, Duration::from_nanos(7));
    }
}

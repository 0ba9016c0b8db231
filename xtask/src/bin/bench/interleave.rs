//! Lets contenders take turns, so that whatever else the machine does hits all of them alike.
//!
//! Each round runs every contender once, and each round starts with another one; the median of the rounds is the
//! result. A contender times its own work and returns the time, so setting up and tearing down never count.

use std::time::Duration;

use crate::clock::Contender;

/// Of the rounds that count, this part is run before them, for caches, branch prediction and clock speed to settle.
const WARM_UP: usize = 10;

/// The median time of each contender, in the order given, over `rounds` rounds (at least one).
pub(crate) fn medians(contenders: &mut [Contender], rounds: usize) -> Vec<Duration> {
    let rounds = rounds.max(1);
    let warm_up = rounds.div_ceil(WARM_UP);
    let mut samples = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..warm_up + rounds {
        for turn in 0..contenders.len() {
            let whose = (round + turn) % contenders.len();
            let took = (contenders[whose].run)();
            if round >= warm_up {
                samples[whose].push(took);
            }
        }
    }
    samples.into_iter().map(median).collect()
}

/// The one in the middle, or the longer of the two there.
fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Who;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn contenders_take_turns_and_no_one_always_goes_first() {
        let order = Rc::new(RefCell::new(String::new()));
        let turn = |name: char| {
            let order = order.clone();
            Contender::new(Who::Ours, move || {
                order.borrow_mut().push(name);
                Duration::ZERO
            })
        };
        let _ = medians(&mut [turn('a'), turn('b'), turn('c')], 10);
        let order = order.take();
        assert!(order.starts_with("abcbcacababc"), "{order}");
        assert_eq!(order.len(), 3 * (1 + 10));
    }

    #[test]
    fn the_result_is_the_median_of_what_came_after_the_warm_up() {
        let mut run = 0;
        let rising = move || {
            run += 1;
            // The warm-up is slow, then 1, 2, ... in no helpful order.
            if run <= 11 { Duration::from_secs(9) } else { Duration::from_nanos((run * 37 % 101) as u64 + 1) }
        };
        let rising = Contender::new(Who::Ours, rising);
        let steady = Contender::new(Who::Loop, || Duration::from_nanos(7));
        let result = medians(&mut [rising, steady], 101);
        assert_eq!(result, [51, 7].map(Duration::from_nanos));
    }
}

//! Makes a failing log short.
//!
//! The invariant: what comes out fails, and no shorter log is taken that does not. Inputs are dropped in blocks, the largest first, then simplified
//! one by one; at most so many logs are tried, so the result is short but not always the shortest.

use alloc::vec::Vec;

use windlass::Instant;

use crate::fault::Fault;
use crate::log::{Input, Log};

/// Tries at most `runs` logs that are shorter or simpler than `log`, and gives the best for which `fails` still says yes.
///
/// ```
/// use windlass_lab::{Input, Log, shrink};
///
/// let log: Log = "574c414201012805000101020c".parse().unwrap(); // crank 40 times, wake, crank twice, shut down
/// let short = shrink(&log, 1_000, |log| log.inputs().contains(&Input::Shutdown(windlass::Instant::MAX)));
/// assert_eq!(short.to_string(), "574c4142010c");
/// ```
#[must_use]
pub fn shrink(log: &Log, runs: usize, mut fails: impl FnMut(&Log) -> bool) -> Log {
    let mut best: Vec<Input> = log.inputs().to_vec();
    let mut left = runs;
    let mut try_it = |inputs: &[Input]| {
        if left == 0 {
            return false;
        }
        left -= 1;
        fails(&inputs.iter().cloned().collect())
    };
    loop {
        let dropped = drop_blocks(&mut best, &mut try_it);
        if !simplify(&mut best, &mut try_it) && !dropped {
            return best.into_iter().collect();
        }
    }
}

/// Drops blocks of inputs, half of all at first, then half of that. True if any could go.
fn drop_blocks(best: &mut Vec<Input>, fails: &mut impl FnMut(&[Input]) -> bool) -> bool {
    let before = best.len();
    let mut size = best.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < best.len() {
            let mut shorter = best.clone();
            shorter.drain(at..best.len().min(at + size));
            if fails(&shorter) {
                *best = shorter;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    best.len() < before
}

/// Puts a simpler input in the place of each. True if any could be.
fn simplify(best: &mut [Input], fails: &mut impl FnMut(&[Input]) -> bool) -> bool {
    let mut any = false;
    for at in 0..best.len() {
        while let Some(simpler) = best.get(at).and_then(|input| {
            simpler(input).into_iter().find(|simpler| {
                let mut inputs = best.to_vec();
                inputs[at] = simpler.clone();
                fails(&inputs)
            })
        }) {
            best[at] = simpler;
            any = true;
        }
    }
    any
}

/// What is simpler than this input, the simplest first. Every chain of simpler inputs ends.
fn simpler(input: &Input) -> Vec<Input> {
    match input {
        Input::Crank(times) if *times > 1 => {
            let mut fewer: Vec<u32> = [1, times / 2, times - 1].into_iter().filter(|n| *n > 0).collect();
            fewer.dedup();
            fewer.into_iter().map(Input::Crank).collect()
        }
        Input::Complete(nth) if *nth > 0 => [0, nth - 1].map(Input::Complete).to_vec(),
        Input::Abort(node, by) if *by != Instant::MAX => [Input::Abort(*node, Instant::MAX)].to_vec(),
        Input::Shutdown(by) if *by != Instant::MAX => [Input::Shutdown(Instant::MAX)].to_vec(),
        Input::Strike(fault) if *fault != Fault::Fail => [Input::Strike(Fault::Fail)].to_vec(),
        _ => Vec::new(),
    }
}

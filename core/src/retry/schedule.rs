//! A retry policy in words: `1 s, 2 s, 3-4 s, 5-8 s; 11-15 s in all`.
//!
//! The invariant: the text is made from the same runs of waits as the policy's totals, so it cannot disagree with the engine.
//! It rounds down what it prints: to three decimals, from a quarter of an hour to seconds, from an hour to minutes.

use core::fmt;

use super::{Retry, SECOND};
use crate::time::{Human, micros};

/// What [`Retry::schedule`] prints.
pub(super) struct Schedule(pub(super) Retry);

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LISTED: usize = 10;
        if self.0.budget == 0 {
            return f.write_str("no retry");
        }
        let (mut low, mut high) = (0_u64, 0_u64);
        let mut unlisted = None;
        for (index, run) in self.0.runs().enumerate() {
            low = low.saturating_add(run.total().0);
            high = high.saturating_add(run.total().1);
            if index >= LISTED {
                let before = unlisted.map_or(0, |(count, _, _)| count);
                unlisted = Some((before + run.times, run.low, run.high));
                continue;
            }
            match (index, run.times) {
                (0, 1) => {}
                (0, times) => write!(f, "{times} times ")?,
                (_, 1) => f.write_str(", ")?,
                (_, times) => write!(f, ", then {times} times ")?,
            }
            write_range(f, run.low, run.high)?;
        }
        if let Some((count, low, high)) = unlisted {
            write!(f, ", then {count} more, the last ")?;
            write_range(f, low, high)?;
        }
        if self.0.budget > 1 {
            f.write_str("; ")?;
            write_range(f, low, high)?;
            f.write_str(" in all")?;
        }
        match self.0.elapsed_limit() {
            Some(limit) => write!(f, "; ends {} after the first start", Human(limit)),
            None => Ok(()),
        }
    }
}

/// `9-16 s`: the unit once where both ends can share it.
fn write_range(f: &mut fmt::Formatter<'_>, low: u64, high: u64) -> fmt::Result {
    let (scale, unit) = match high {
        1..1_000 => (1, "us"),
        1_000..SECOND => (1_000, "ms"),
        SECOND..1_000_000_000 => (SECOND, "s"),
        _ => {
            if low < high {
                write!(f, "{} to ", Human(micros(low)))?;
            }
            return write!(f, "{}", Human(micros(high)));
        }
    };
    if low < high {
        write_decimal(f, low, scale)?;
        f.write_str("-")?;
    }
    write_decimal(f, high, scale)?;
    write!(f, " {unit}")
}

/// At most three decimals, none of them a trailing zero.
fn write_decimal(f: &mut fmt::Formatter<'_>, micros: u64, scale: u64) -> fmt::Result {
    write!(f, "{}", micros / scale)?;
    let (mut decimals, mut width) = (micros % scale * 1_000 / scale, 3);
    if decimals == 0 {
        return Ok(());
    }
    while decimals % 10 == 0 {
        decimals /= 10;
        width -= 1;
    }
    write!(f, ".{decimals:0width$}")
}

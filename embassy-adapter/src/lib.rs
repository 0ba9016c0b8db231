#![doc = include_str!("../README.md")]
#![no_std]

mod bell;
mod clock;
mod drive;

pub use bell::Bell;
pub use clock::{now, to_alarm, to_instant};
pub use drive::{LONGEST_SLEEP, rest, run, run_with};

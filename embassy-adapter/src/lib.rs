//! Runs a Windlass scheduler in one Embassy task: one timer, one signal, no allocator, and no state but what is in
//! the scheduler and its bell. It chooses no executor, no time driver and no tick rate.
//!
#![doc = include_str!("../README.md")]
#![no_std]

mod bell;
mod clock;
mod drive;

pub use bell::Bell;
pub use clock::{now, to_alarm, to_instant};
pub use drive::{LONGEST_SLEEP, rest, run, run_with};

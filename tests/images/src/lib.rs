//! What all images share: a clock of milliseconds, a panic handler that stops, and the sleep of the processor.
//!
//! The clock is the system timer's interrupt, so nobody can tell at compile time what it shows. Works take their decisions from
//! it, which keeps all of their branches in the image. It does nothing on a host, where only the sizes of types are asked for.

#![no_std]

#[cfg(target_os = "none")]
mod board;

#[cfg(target_os = "none")]
pub use board::{now, start_clock, tick, ticks, wait_for_interrupt};

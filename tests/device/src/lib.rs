//! What the tests on devices share: where they start, and how they end.
//!
//! The invariant: an image ends, and its exit code says how. 0 is passed, [`FAULT`] is that the test found a fault, 101 is a panic; QEMU
//! itself ends with 1 if it cannot run the image, so that a test that must fail cannot pass that way. A hang is for whoever started QEMU to end.

#![no_std]

#[cfg(target_arch = "arm")]
pub mod stack;
#[cfg(target_arch = "arm")]
pub mod timers;

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

/// The exit code of a test that has found what it looks for.
pub const FAULT: i32 = 3;

/// Ends the image.
pub fn end(passed: bool) -> ! {
    semihosting::process::exit(if passed { 0 } else { FAULT })
}

//! An over-the-air update on three boards that QEMU plays. What they share: the simulated hardware, the scenes, and the console.
//!
//! ```text
//! bin/cortex_m3   Embassy, and an `async fn` beside  devkit     the board: flash, link, battery, button, and the interrupt of two of them
//! bin/riscv32     Embassy, on RISC-V                 scenes     what happens to four updates, and how each must end
//! bin/microbit    a loop around `poll_work`          console    an observer that prints what is worth seeing
//!                                                    clock      milliseconds; `alarms` are Embassy's, `systick` and `clint` the hardware
//! ```
//!
//! Invariant: everything is static, and nothing is allocated. An image ends with 0 if every scene ended as it must, with [`FAULT`] if one did
//! not, and with 101 after a panic; QEMU ends with 1 if it cannot run it.

#![no_std]

#[cfg(target_has_atomic = "32")]
mod alarms;
#[cfg(target_arch = "riscv32")]
pub mod clint;
pub mod clock;
mod console;
mod devkit;
mod scenes;
#[cfg(target_arch = "arm")]
pub mod systick;

pub use console::Console;
pub use devkit::{Devkit, is_interrupt_due, on_interrupt};
pub use scenes::{FAULT, SCENES, Scene, finish};

use windlass::Scheduler;
use windlass_update_job::Update;

/// The engine of all images, whatever else its works are, and wherever its tables.
pub type Engine<S> = Scheduler<S, Console>;

/// The application of all images.
pub type Job = Update<Devkit>;

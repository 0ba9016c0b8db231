//! Bad input of every kind: a clear error or a defined end, never a panic, a hang or a loss.

mod calls;
mod clocks;
mod meddling;
mod sizes;

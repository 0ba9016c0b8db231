//! The laboratory through its public face: what a user's tests would do with it.
//!
//! The invariant: nothing here can see into the engine, so what passes here a user can do too.
#![allow(clippy::unwrap_used)]

mod forests;
mod logs;
mod programs;
mod searches;
mod wild;
mod yard;

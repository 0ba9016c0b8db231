//! What nobody should do, and what comes of it: an answer, never a panic.

mod calls;
mod clocks;
mod meddling;
mod sizes;

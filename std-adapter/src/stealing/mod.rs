//! The parts of a work-stealing pool: so far the [deque](Ring) that each worker owns and others steal from.
//!
//! Elements are ids of 64 bits, beside each the tag of an [`audit`](crate::audit). Today's
//! [`Pool`](crate::Pool) does not use it yet.

mod deque;
#[cfg(all(test, loom))]
mod models;
mod padded;

pub use deque::{Deque, Full, Ring, Steal};

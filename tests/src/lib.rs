//! What the tests share: a world with a virtual clock, one scripted work, and a bounded driver.
//!
//! The invariant: a test that makes no progress fails; it neither hangs nor passes. Nothing here sleeps or reads a clock.
//!
//! * [`World`] is the application of every scheduler here: the clock, the counters by name, the order of runs and hooks, and what
//!   happens outside.
//! * [`for_each_kept`] gives a test what a fuzzer found.
//! * [`Script`] is the work: it answers what the test tells it to, call by call.
//! * [`Journal`] keeps all events, and so remembers nodes that are gone.
//! * [`Rig`] is a scheduler in a world. It cranks one work at a time, checks the engine's invariants after each, and moves the clock only when
//!   nothing else can be done.

mod corpus;
#[cfg(doctest)]
mod guide;
mod journal;
mod rig;
mod script;
mod world;

pub use corpus::for_each_kept;
pub use journal::Journal;
pub use rig::Rig;
pub use script::{Any, Cx, Script, WRONG, leaf, note, parent};
pub use world::{Counters, Hook, Seen, World};

use std::time::Duration;

/// The schedulers of the tests, whose tables are on the heap.
pub type Scheduler<O = ()> = windlass::Scheduler<windlass::Boxed<Any>, O>;

/// What one run of a test work takes.
pub const STEP: Duration = Duration::from_millis(1);

/// So many seconds.
#[must_use]
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// So many milliseconds.
#[must_use]
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Makes a node's name out of any text, for names that are numbered. The text is never freed.
#[must_use]
pub fn name(text: impl Into<String>) -> &'static str {
    String::leak(text.into())
}

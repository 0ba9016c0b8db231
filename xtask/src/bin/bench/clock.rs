//! The clock, and what every contender is: something that sets up, does its work inside the clock, and cleans up.
//!
//! The invariant: only what runs inside [`timed`] counts, for times and for instruction counts alike.

use std::time::{Duration, Instant};

/// Whose time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Ours,
    /// The loop one would write by hand for this one purpose.
    Loop,
    Tokio,
    AsyncExecutor,
    FuturesUnordered,
    Bonsai,
    Dagrs,
    /// Nobody: the memory that the workload needs, touched in its order.
    Memory,
}

impl Who {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Who::Ours => "windlass",
            Who::Loop => "loop over Box<dyn>",
            Who::Tokio => "tokio",
            Who::AsyncExecutor => "async-executor",
            Who::FuturesUnordered => "FuturesUnordered",
            Who::Bonsai => "bonsai-bt",
            Who::Dagrs => "dagrs",
            Who::Memory => "(memory alone)",
        }
    }

    /// Whether it drives futures.
    pub(crate) const fn is_executor(self) -> bool {
        matches!(self, Who::Tokio | Who::AsyncExecutor | Who::FuturesUnordered)
    }
}

/// One side of a comparison. Each call does the work once, on a fresh or a lasting set-up, and returns [`timed`]'s time.
pub(crate) struct Contender {
    pub(crate) who: Who,
    pub(crate) run: Box<dyn FnMut() -> Duration>,
}

impl Contender {
    pub(crate) fn new(who: Who, run: impl FnMut() -> Duration + 'static) -> Self {
        Self { who, run: Box::new(run) }
    }
}

/// Does the work and says how long it took. Not inlined, so that callgrind can find it by its name.
#[inline(never)]
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let started = Instant::now();
    let result = work();
    (started.elapsed(), result)
}

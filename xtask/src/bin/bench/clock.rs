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
    /// Our pool of threads, which runs ids.
    Crew,
    /// The same with closures.
    Pool,
    Rayon,
    RayonScope,
    /// Nobody: the deques that a pool needs, without the rest of it.
    Crossbeam,
    /// Our pool of ids under one layer of its audit.
    Ledger,
    Exact,
    Flight,
    /// And under none.
    Unwatched,
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
            Who::Crew => "Crew",
            Who::Pool => "Pool",
            Who::Rayon => "rayon",
            Who::RayonScope => "rayon, scope",
            Who::Crossbeam => "(deques alone)",
            Who::Ledger => "Ledger",
            Who::Exact => "Exact",
            Who::Flight => "Flight<64>",
            Who::Unwatched => "Off",
            Who::Memory => "(memory alone)",
        }
    }

    /// Whether it is one of ours that is compared with the others.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Who::Ours | Who::Crew | Who::Pool | Who::Ledger | Who::Exact | Who::Flight)
    }

    /// Whether it is a peer that our pools must not be slower than.
    pub(crate) const fn is_pool(self) -> bool {
        matches!(self, Who::Rayon | Who::RayonScope | Who::Tokio)
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

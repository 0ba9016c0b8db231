//! What a scheduler keeps beside its slots: its own node, the totals, and what a poll is in the middle of.
//!
//! The invariant: before its first use it is all zeros, and the engine gets it only after [`Root::begin`].

use crate::node::{Cold, Hot, ROOT, flag};
use crate::state::State;
use crate::timers::Timers;

/// What the scheduler keeps beside the slots. What is needed most lies first, where the short instructions of a small processor reach it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Root {
    /// A poll is going on, so `now` is the time.
    pub polling: bool,
    /// The running node may have been woken, or have children that ended.
    pub stirred: bool,
    /// A node has left its ring since a crank last looked.
    pub disturbed: bool,
    /// Shut down: nothing new.
    pub closed: bool,
    /// The node whose user code is running.
    pub running: u32,
    /// The latest `now`; time does not go back.
    pub now: u64,
    /// The node that is ending or about to be retried, while a hook of that is being called.
    pub hook: u32,
    /// Cranks that one poll may make; also bounds how often a generator is asked in one crank.
    pub budget: u32,
    pub timers: Timers,
    /// First of the slots that were freed.
    pub free: u32,
    /// Slots below this index have been used; those above never.
    pub fresh: u32,
    /// Live nodes.
    pub used: u32,
    pub high_water: u32,
    pub free_edges: u32,
    pub fresh_edges: u32,
    pub used_edges: u32,
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    pub wakes: Option<&'static crate::wake::WakeSet>,
    pub seed: u64,
    pub counts: Counts,
    /// The scheduler's own node.
    pub hot: Hot,
    pub cold: Cold,
}

/// Running totals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub cranks: u64,
    pub attempts: u64,
    pub retries: u64,
    pub wakes: u64,
    pub expired: u64,
    pub added: u64,
    pub refused: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub aborted: u64,
    pub blocked: u64,
    pub forced: u64,
}

/// Cranks that one poll makes unless told otherwise.
const DEFAULT_BUDGET: u32 = 256;

impl Root {
    /// Before its first use: all zeros, so that a scheduler in a `static` takes no flash.
    pub(crate) const UNUSED: Self = Self {
        hot: Hot::UNUSED,
        cold: Cold::UNUSED,
        free: 0,
        fresh: 0,
        used: 0,
        high_water: 0,
        free_edges: 0,
        fresh_edges: 0,
        used_edges: 0,
        budget: 0,
        timers: Timers::EMPTY,
        now: 0,
        seed: 0,
        polling: false,
        running: 0,
        hook: 0,
        stirred: false,
        disturbed: false,
        closed: false,
        #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
        wakes: None,
        counts: Counts {
            cranks: 0,
            attempts: 0,
            retries: 0,
            wakes: 0,
            expired: 0,
            added: 0,
            refused: 0,
            succeeded: 0,
            failed: 0,
            aborted: 0,
            blocked: 0,
            forced: 0,
        },
    };

    /// As [`Root::begin`] leaves it.
    pub(crate) const EMPTY: Self = {
        let mut root = Self::UNUSED;
        root.begin();
        root
    };

    /// Whether [`Root::begin`] was called.
    #[inline]
    pub(crate) const fn has_begun(&self) -> bool {
        self.hot.flags != 0
    }

    /// Makes it usable. The settings stay.
    #[cold]
    #[inline(never)]
    pub(crate) const fn begin(&mut self) {
        self.hot = Hot::EMPTY;
        self.hot.flags = flag::LIVE | flag::ACTIVE | flag::STARTED;
        self.hot.state = State::Running;
        self.cold = *Cold::empty();
        if self.budget == 0 {
            self.budget = DEFAULT_BUDGET;
        }
        (self.free, self.free_edges, self.running, self.hook) = (ROOT, ROOT, ROOT, ROOT);
    }
}

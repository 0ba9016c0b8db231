//! What there is once for a scheduler: its own node, the free slots and edges, the timers, its settings and totals, and what a call is in the middle of.
//!
//! The invariant: before its first use it is all zeros, so that a scheduler in a `static` takes no flash; the engine gets it only after [`Root::begin`].

use crate::edges::Edges;
use crate::marks::mark;
use crate::metrics::Totals;
use crate::node::{Cold, Hot, Note, ROOT};
use crate::phase::Phase;
use crate::slab::Slab;
use crate::time::UNLIMITED;
use crate::timers::Timers;
use crate::wake::WakeSet;

/// The scheduler's own node, and all else that there is once.
#[derive(Debug)]
pub(crate) struct Root {
    pub hot: Hot,
    pub cold: Cold,
    pub note: Note,
    pub globals: Globals,
}

/// The wake set may serve another scheduler.
#[cfg(feature = "alloc")]
impl Drop for Root {
    fn drop(&mut self) {
        if let Some(wakes) = self.globals.wakes {
            wakes.set_held(false);
        }
    }
}

/// What there is once, less the scheduler's own node. What is needed most lies first, where the short instructions of a small processor reach it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Globals {
    pub call: Call,
    /// The latest `now`; time does not go back.
    pub now: u64,
    /// Cranks that one poll may make; also bounds how often a generator is asked in one crank.
    pub budget: u32,
    /// Microseconds that one poll may take, as far as cranks can be counted; or no limit.
    pub time_budget: u64,
    /// Cranks between two looks at the clock, of a poll that may take so long only.
    pub slice: u32,
    /// Shut down: nothing new.
    pub closed: bool,
    /// Whether `seed` was set.
    pub seeded: bool,
    pub timers: Timers,
    pub slab: Slab,
    pub edges: Edges,
    pub wakes: Option<&'static WakeSet>,
    /// Of the retry jitter.
    pub seed: u64,
    pub totals: Totals,
}

/// What a call of the engine is in the middle of.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Call {
    /// The running node may have been woken, or have children that ended.
    pub stirred: bool,
    /// A node has left its ring since a crank last looked.
    pub disturbed: bool,
    /// The drop of a work has panicked, after its node was freed.
    pub dropping: bool,
    /// The node whose user code is running.
    pub running: u32,
    /// The node that is ending or about to be retried, while a hook of that is being called.
    pub hook: u32,
}

/// Cranks that one poll makes unless told otherwise.
const DEFAULT_BUDGET: u32 = 256;

impl Root {
    /// Before its first use: all zeros.
    pub(crate) const UNUSED: Self = Self {
        hot: Hot::UNUSED,
        cold: Cold::UNUSED,
        note: Note::UNUSED,
        globals: Globals {
            call: Call { stirred: false, disturbed: false, dropping: false, running: 0, hook: 0 },
            now: 0,
            budget: 0,
            time_budget: 0,
            slice: 0,
            closed: false,
            seeded: false,
            timers: Timers::EMPTY,
            slab: Slab::UNUSED,
            edges: Edges::UNUSED,
            wakes: None,
            seed: 0,
            totals: Totals::ZERO,
        },
    };

    /// As [`Root::begin`] leaves it.
    pub(crate) fn empty() -> &'static Self {
        static EMPTY: Root = {
            let mut root = Root::UNUSED;
            root.begin();
            root
        };
        &EMPTY
    }

    /// Whether [`Root::begin`] was called.
    #[inline]
    pub(crate) const fn has_begun(&self) -> bool {
        self.hot.marks != 0
    }

    /// Makes it usable. The settings stay.
    #[cold]
    #[inline(never)]
    pub(crate) const fn begin(&mut self) {
        self.hot = Hot::EMPTY;
        self.hot.marks = mark::LIVE | mark::ACTIVE;
        self.hot.phase = Phase::Running;
        self.cold = *Cold::empty();
        let globals = &mut self.globals;
        if globals.budget == 0 {
            globals.budget = DEFAULT_BUDGET;
        }
        if globals.time_budget == 0 {
            globals.time_budget = UNLIMITED;
        }
        globals.slice = 1;
        (globals.slab, globals.edges) = (Slab::EMPTY, Edges::EMPTY);
        (globals.call.running, globals.call.hook) = (ROOT, ROOT);
    }
}

//! The totals of a scheduler.
//!
//! What is counted as it happens survives the nodes; what describes the present is counted when it is asked for.

use crate::observe::Observer;
use crate::scheduler::Scheduler;
use crate::state::State;
use crate::store::Store;
use crate::view::View;

/// What was counted since a scheduler was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub struct Totals {
    /// Calls of works: `on_run`, `on_abort`, `on_next`, `on_check`.
    pub cranks: u64,
    /// Attempts begun.
    pub attempts: u64,
    /// Attempts begun after a failure.
    pub retries: u64,
    /// Wakes that found their node waiting.
    pub wakes: u64,
    /// Deadlines that expired.
    pub expired: u64,
    /// Nodes added.
    pub added: u64,
    /// Additions refused because the table was full.
    pub refused: u64,
    /// Ends in success.
    pub succeeded: u64,
    /// Ends in failure.
    pub failed: u64,
    /// Ends by abort.
    pub aborted: u64,
    /// Ends without a run because a dependency failed.
    pub blocked: u64,
    /// Ends by force.
    pub forced: u64,
}

impl Totals {
    pub(crate) const ZERO: Self = Self {
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
    };
}

/// What is in the table now, and the totals since the scheduler was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub struct Metrics {
    /// Slots in the table.
    pub capacity: usize,
    /// Slots in use.
    pub nodes: usize,
    /// The most slots that were ever in use.
    pub high_water: usize,
    /// Edges in use.
    pub edges: usize,
    /// Nodes in each state, in the order of [`State::ALL`].
    pub states: [usize; 8],
    /// Retries that the nodes in the table have left, ended ones included.
    pub retries_left: u64,
    /// Totals since the scheduler was made; their fields can be read as if they were of `Metrics`.
    pub totals: Totals,
}

/// The metrics of several schedulers together; `high_water` is then the sum of theirs.
impl core::ops::AddAssign for Metrics {
    fn add_assign(&mut self, other: Self) {
        self.capacity += other.capacity;
        self.nodes += other.nodes;
        self.high_water += other.high_water;
        self.edges += other.edges;
        for (sum, one) in self.states.iter_mut().zip(other.states) {
            *sum += one;
        }
        self.retries_left += other.retries_left;
        let (sum, one) = (&mut self.totals, other.totals);
        sum.cranks += one.cranks;
        sum.attempts += one.attempts;
        sum.retries += one.retries;
        sum.wakes += one.wakes;
        sum.expired += one.expired;
        sum.added += one.added;
        sum.refused += one.refused;
        sum.succeeded += one.succeeded;
        sum.failed += one.failed;
        sum.aborted += one.aborted;
        sum.blocked += one.blocked;
        sum.forced += one.forced;
    }
}

impl core::ops::Deref for Metrics {
    type Target = Totals;

    fn deref(&self) -> &Totals {
        &self.totals
    }
}

impl Metrics {
    /// How many nodes in the table are in `state`.
    #[must_use]
    pub fn in_state(&self, state: State) -> usize {
        self.states.get(state as usize).copied().unwrap_or(0)
    }
}

impl View<'_> {
    /// What is in the table now, and the totals. Cost: one look at each node in the table.
    #[must_use]
    pub fn metrics(self) -> Metrics {
        let globals = self.globals;
        let mut metrics = Metrics {
            capacity: self.capacity(),
            nodes: globals.slab.used() as usize,
            high_water: globals.slab.high_water() as usize,
            edges: globals.edges.used() as usize,
            totals: globals.totals,
            ..Metrics::default()
        };
        for node in self.nodes() {
            if let Some(count) = metrics.states.get_mut(node.state() as usize) {
                *count += 1;
            }
            metrics.retries_left += u64::from(node.retries_left());
        }
        metrics
    }

    /// What was counted since the scheduler was made. O(1).
    #[must_use]
    pub const fn totals(self) -> Totals {
        self.globals.totals
    }
}

impl<S: Store, O: Observer> Scheduler<S, O> {
    /// What is in the table now, and the totals. Cost: one look at each node in the table.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.view().metrics()
    }

    /// What was counted since the scheduler was made. O(1).
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.view().totals()
    }
}

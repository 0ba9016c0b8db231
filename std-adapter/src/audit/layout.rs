//! What an audit must know of a pool before it starts: its workers, queues and slots, and how strict to be.

use std::time::Duration;

use super::QueueId;

/// The shape of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// How many workers.
    pub workers: usize,
    /// How many ids may be in use at once: slots 0 to `slots - 1`.
    pub slots: usize,
    /// The queues; a [`QueueId`] is a place in this list.
    pub queues: Vec<Queue>,
}

/// A queue of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// What order it promises.
    pub order: Order,
    /// The worker that pushes and pops; none for a queue of everybody's.
    pub owner: Option<u16>,
    /// The most elements it holds.
    pub capacity: usize,
}

/// What order a queue promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// Its owner takes the newest, thieves the oldest.
    LifoOwner,
    /// Everybody takes the oldest.
    FifoOwner,
    /// It holds one element at most.
    Slot,
    /// Many push, many take; what one producer pushed leaves in that order.
    Injector,
    /// No order at all: only ownership is checked.
    Unordered,
}

/// How strict an audit is, and what it keeps.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether it only watches.
    pub mode: Mode,
    /// How many violations are kept with their details; all are counted.
    pub keep: usize,
    /// A clock in nanoseconds for the time of steals; without one, none is taken.
    pub clock: Option<fn() -> u64>,
    /// Steals that take longer are counted as slow. Never a violation.
    pub slow_steal: Option<Duration>,
}

/// What happens to an id whose taking was illegal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It runs all the same, and is reported.
    #[default]
    Observe,
    /// It is reported, and does not run.
    Enforce,
}

impl Default for Settings {
    fn default() -> Self {
        Self { mode: Mode::Observe, keep: 64, clock: None, slow_steal: None }
    }
}

impl Layout {
    /// A pool of `workers` workers and `slots` slots, without queues yet.
    #[must_use]
    pub fn new(workers: usize, slots: usize) -> Self {
        Self { workers, slots, queues: Vec::new() }
    }

    /// Adds a queue, and says which one it is.
    ///
    /// The 65,536th queue and those after it share an id, which no audit can tell apart.
    pub fn queue(&mut self, order: Order, owner: Option<u16>, capacity: usize) -> QueueId {
        let id = QueueId(u16::try_from(self.queues.len()).unwrap_or(u16::MAX));
        self.queues.push(Queue { order, owner, capacity });
        id
    }
}

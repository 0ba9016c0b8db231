//! How large a fleet is.
//!
//! The invariant: *what was checked fits*: each number that the fleet calculates with is in range, and so is what it
//! calculates from them.

use std::io;

use crate::audit::Settings;
use crate::pool::Options;

/// The size of a fleet. Everything in it has a bound.
///
/// ```
/// use windlass_std::FleetOptions;
///
/// let options = FleetOptions { trees: 100, ..FleetOptions::new(4) };
/// assert_eq!((options.workers, options.nodes), (4, 16));
/// ```
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// How many workers, each a thread with a scheduler; 1 to 32,767.
    pub workers: usize,
    /// How many trees a worker runs at once. Default: 1,024.
    pub trees: usize,
    /// How many nodes a tree has on average. A worker's table has room for `trees` times as many, 16,777,216 at most,
    /// and any of its trees may use that. Default: 16.
    pub nodes: usize,
    /// How many roots may wait to be started, 16,777,216 at most. Default: 4,096.
    pub queued: usize,
    /// What the jitter of retries is drawn with, by each worker in its own way. Default: none, so that each worker has a random one.
    pub seed: Option<u64>,
    /// How strict the audit of the queues is, and what it keeps.
    pub audit: Settings,
    /// What the threads are called; a number follows.
    pub name: &'static str,
}

/// The largest table, and the longest queue.
const MOST: usize = 1 << 24;
/// How many roots a worker has in line itself, at most.
const LOCAL: usize = 64;

impl FleetOptions {
    /// `workers` workers, and the defaults.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            workers,
            trees: 1_024,
            nodes: 16,
            queued: 4_096,
            seed: None,
            audit: Settings::default(),
            name: "windlass-fleet",
        }
    }

    /// Nodes in the table of each worker.
    pub(super) fn table(&self) -> usize {
        self.trees.saturating_mul(self.nodes)
    }

    /// How many aborted roots may be left in line before they are looked for: as many as may wait, and what the
    /// workers have in line themselves, where nobody looks.
    pub(super) fn dead(&self) -> usize {
        self.queued + self.workers * LOCAL
    }

    /// The queues for this, if it is possible.
    pub(super) fn queues(&self) -> io::Result<Options> {
        let Self { workers, trees, nodes, queued, .. } = *self;
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        match self {
            Self { workers: 0, .. } => wrong("a fleet without workers would never run a tree".to_owned()),
            Self { trees: 0, .. } => wrong("a worker with room for no tree would never run one".to_owned()),
            Self { nodes: 0, .. } => wrong("a tree has one node at least".to_owned()),
            Self { queued: 0, .. } => wrong("a queue of no capacity takes no root".to_owned()),
            _ if self.table() > MOST => wrong(format!(
                "{trees} trees of {nodes} nodes on a worker: at most {MOST} nodes are possible"
            )),
            _ if queued > MOST => wrong(format!("a queue of {queued} roots: at most {MOST} are possible")),
            _ => {
                // Those that wait, those that wait and were aborted, and those that run. A number of workers that
                // would be too large here is refused by the queues.
                let slots = workers.saturating_mul(trees + 2 * LOCAL).saturating_add(2 * queued + 1);
                if u32::try_from(slots).is_err() {
                    return wrong(format!("{trees} trees on each of {workers} workers: that is too many"));
                }
                let mut options = Options::new(workers);
                (options.local, options.batch, options.slots) = (LOCAL, Options::BATCH, slots);
                (options.audit, options.name) = (self.audit.clone(), self.name);
                Ok(options)
            }
        }
    }
}

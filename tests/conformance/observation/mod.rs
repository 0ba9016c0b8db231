//! What can be seen: events and that they repeat, totals, walks, the tree, explanations, and what is stalled or out of proportion.

use std::time::Duration;

mod displays;
mod events;
mod release;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

//! What can be seen: events and their golden trace, totals, walks, the tree, explanations, and what is stalled or out of proportion.

use std::time::Duration;

mod displays;
mod events;
mod golden;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

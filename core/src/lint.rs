//! What a tree can cost at worst: retry budgets multiply down a path.
//!
//! A node with 5 retries below one with 5 retries can make 36 attempts, and the delays multiply alike. The reference learned that from downloads
//! that retried for days; here it is said before the tree runs.

use core::fmt;
use core::time::Duration;

use crate::time::Human;
use crate::view::{NodeView, View};

/// A node whose retries multiply with those of nodes above it.
#[derive(Clone, Copy, Debug)]
pub struct Lint<'a> {
    /// The node.
    pub node: NodeView<'a>,
    /// The nearest node above it that retries too.
    pub above: NodeView<'a>,
    /// The most attempts that the node can make: the product of the attempts on its path. Saturates.
    pub attempts: u64,
    /// The longest that its own and its ancestors' retry delays can be in all. Saturates.
    pub delay: Duration,
}

/// `fetch: up to 36 attempts and 3 min 6 s of delays, because job retries too`
impl fmt::Display for Lint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, above) = (self.node.label(), self.above.label());
        let (attempts, delay) = (self.attempts, Human(self.delay));
        write!(f, "{name}: up to {attempts} attempts and {delay} of delays, because {above} retries too")
    }
}

impl<'a> View<'a> {
    /// The nodes whose retry budgets multiply with those above them, with the worst case. Cost: nodes times depth.
    pub fn lint(self) -> impl Iterator<Item = Lint<'a>> {
        self.nodes().filter_map(lint)
    }
}

fn lint(node: NodeView<'_>) -> Option<Lint<'_>> {
    if node.cold().retry.budget() == 0 {
        return None;
    }
    let mut nearest = None;
    let (mut attempts, mut delay) = (1u64, Duration::ZERO);
    let mut at = Some(node);
    while let Some(node) = at {
        let retry = node.cold().retry;
        let times = u32::from(retry.budget()) + 1;
        // Each attempt of this node goes through all the delays of those below it.
        attempts = attempts.saturating_mul(u64::from(times));
        delay = delay.saturating_mul(times).saturating_add(retry.worst_total());
        at = node.parent();
        nearest = nearest.or(at.filter(|above| above.cold().retry.budget() > 0));
    }
    Some(Lint { node, above: nearest?, attempts, delay })
}

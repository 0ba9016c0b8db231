//! What a scheduler looks like at one moment, as plain data that may go to another thread.

use std::fmt;

use windlass::{
    AbortCause, Children, Failure, Instant, Kind, Metrics, Next, NodeId, NodeView, Observer, Scheduler,
    State, Status, Store,
};

/// A copy of everything there is to see of a scheduler.
///
/// ```
/// use windlass::{Boxed, DynWork, Instant, Scheduler, Spec, State};
/// use windlass_std::Snapshot;
///
/// let mut scheduler = Scheduler::<Boxed<DynWork>>::with_capacity(8);
/// let job = scheduler.add(Spec::sequence("job"))?;
/// let before = Snapshot::of(&scheduler, Instant::ZERO);
/// let _ = scheduler.poll_work(Instant::ZERO);
/// let after = Snapshot::of(&scheduler, Instant::ZERO);
/// let states = [before, after].map(|snapshot| snapshot.node(job).map(|node| node.state));
/// assert_eq!(states, [Some(State::Pending), Some(State::Success)]);
/// # Ok::<(), windlass::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was taken.
    pub at: Instant,
    /// When the scheduler wants to be polled next.
    pub next: Next,
    /// The totals.
    pub metrics: Metrics,
    /// All nodes, parents before their children.
    pub nodes: Vec<NodeSnapshot>,
    /// The tree as text, one line a node.
    pub tree: String,
}

/// A copy of everything there is to see of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeSnapshot {
    /// The id.
    pub id: NodeId,
    /// The parent; none at the top.
    pub parent: Option<NodeId>,
    /// The name.
    pub name: &'static str,
    /// What kind of node it is.
    pub kind: Kind,
    /// The state of the machine.
    pub state: State,
    /// The public status.
    pub status: Status,
    /// Which attempt it is in, from 1.
    pub attempt: u32,
    /// How many retries are left.
    pub retries_left: u16,
    /// Why it, or its last attempt, failed.
    pub failure: Option<Failure>,
    /// Why it is being aborted or was.
    pub abort_cause: Option<AbortCause>,
    /// Whether it did not finish its abort in time.
    pub forced: bool,
    /// Whether it is paused itself.
    pub paused: bool,
    /// How the children are doing.
    pub children: Children,
    /// The earliest time at which it asked to be looked at.
    pub deadline: Option<Instant>,
    /// What it is doing or waiting for, in words.
    pub explain: String,
}

impl Snapshot {
    /// Copies what there is to see, with `now` for what the texts say of times. Cost: a few texts for each node.
    pub fn of<W, S: Store<Work = W>, O: Observer>(scheduler: &Scheduler<S, O>, now: Instant) -> Self {
        let view = scheduler.view();
        Self {
            at: now,
            next: scheduler.next(),
            metrics: scheduler.metrics(),
            nodes: view.nodes().map(|node| NodeSnapshot::of(&node, now)).collect(),
            tree: view.tree(now).to_string(),
        }
    }

    /// The node with this id, if it was there.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&NodeSnapshot> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

impl NodeSnapshot {
    /// Copies what there is to see of a node.
    #[must_use]
    pub fn of(node: &NodeView<'_>, now: Instant) -> Self {
        Self {
            id: node.id(),
            parent: node.parent().map(|parent| parent.id()),
            name: node.name(),
            kind: node.kind(),
            state: node.state(),
            status: node.status(),
            attempt: node.attempt(),
            retries_left: node.retries_left(),
            failure: node.failure(),
            abort_cause: node.abort_cause(),
            forced: node.was_forced(),
            paused: node.is_paused(),
            children: node.child_counts(),
            deadline: node.deadline(),
            explain: node.explain(now).to_string(),
        }
    }
}

/// The tree.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tree)
    }
}

/// `0v1 fetch: retry 1 of 5 in 2 s: no answer`
impl fmt::Display for NodeSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.id, self.name, self.explain)
    }
}

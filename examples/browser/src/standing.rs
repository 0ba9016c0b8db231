//! Where the job stands, in a form that the page shows without knowing more.
//!
//! Invariant: what is said here comes from the job and the engine alone. A failure is told in full, with the file and what was wrong with it.

use serde::Serialize;
use windlass::{Instant, NodeId, Observer, Scheduler, Store, View};
use windlass_catchup_job::{Catchup, Outside};

#[derive(Serialize)]
struct Standing {
    /// The state of the whole job.
    state: String,
    paused: bool,
    /// What the engine says of the root, errors told in full.
    explain: String,
    checkpoints: u32,
    wanted: u64,
    verified: u64,
    applied: u64,
    transactions: u64,
    downloads: u64,
    retries: u64,
    /// Files in memory.
    held: usize,
    /// Nodes in the table, and the most there ever were.
    nodes: usize,
    high_water: usize,
    capacity: usize,
    /// Works that did not clean up in time.
    forced: u64,
    /// The ledger applied last, and its hash.
    last: Option<(u32, String)>,
}

/// As a JSON object.
pub(crate) fn json<W, S, N, F>(
    scheduler: &Scheduler<S, N>,
    app: &Catchup<windlass_catchup_job::in_place::InPlace<F>>,
    root: NodeId,
) -> String
where
    S: Store<Work = W>,
    N: Observer,
    F: windlass_catchup_job::in_place::Fetch,
{
    let (counts, ledgers, metrics) = (app.counts(), app.ledgers(), scheduler.metrics());
    let standing = Standing {
        state: scheduler.state(root).map(|state| state.to_string()).unwrap_or_default(),
        paused: scheduler.node(root).is_ok_and(|root| root.is_paused()),
        explain: explain(scheduler.view(), scheduler.view().now(), app, root).unwrap_or_default(),
        checkpoints: app.checkpoints(),
        wanted: counts.wanted,
        verified: counts.verified,
        applied: ledgers.ledgers,
        transactions: ledgers.transactions,
        downloads: counts.downloads,
        retries: counts.retries,
        held: app.outside().held(),
        nodes: metrics.nodes,
        high_water: metrics.high_water,
        capacity: metrics.capacity,
        forced: metrics.forced,
        last: ledgers.last().map(|(ledger, hash)| (ledger, hash.to_string())),
    };
    // Text and numbers: there is nothing in it that JSON could not say.
    serde_json::to_string(&standing).unwrap_or_default()
}

/// The engine's sentence about a node, with the job's own words for the error.
pub(crate) fn explain<O: Outside>(
    view: View<'_>,
    now: Instant,
    app: &Catchup<O>,
    id: NodeId,
) -> Option<String> {
    let node = view.node(id).ok()?;
    let text = node.explain(now).to_string();
    let Some(failure) = node.failure() else { return Some(text) };
    Some(text.replace(&failure.reason.to_string(), &app.journal().borrow().explain(failure.reason)))
}

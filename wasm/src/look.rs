//! What can be seen of the tree: a row of numbers for each node, and the engine's own sentences about them.

use windlass::{NodeView, View};

use crate::log::{NONE, from_id, from_instant, from_option, from_reason};
use crate::numbers::{flag, node_row};

/// Appends a row; see [`node_row`].
fn row(rows: &mut Vec<f64>, node: NodeView<'_>) {
    let children = node.child_counts();
    let failure = node.failure();
    let flags = u32::from(node.is_paused()) * flag::PAUSED
        + u32::from(node.was_forced()) * flag::FORCED
        + u32::from(node.is_stalled()) * flag::STALLED;
    let mut row = [NONE; node_row::LENGTH];
    row[node_row::LABEL] = f64::from(node.tag().unwrap_or_default());
    row[node_row::ID] = from_id(node.id());
    row[node_row::PARENT] = from_option(node.parent().map(|parent| parent.id()));
    row[node_row::STATE] = f64::from(node.state() as u8);
    row[node_row::STATUS] = f64::from(node.status() as u8);
    row[node_row::ATTEMPT] = f64::from(node.attempt());
    row[node_row::RETRIES_LEFT] = f64::from(node.retries_left());
    row[node_row::DEADLINE] = node.deadline().map_or(NONE, from_instant);
    row[node_row::ERROR] = failure.map_or(0.0, |failure| from_reason(failure.reason));
    row[node_row::ORIGIN] = failure.map_or(NONE, |failure| from_id(failure.origin));
    row[node_row::CAUSE] = node.abort_cause().map_or(NONE, |cause| f64::from(cause as u8));
    row[node_row::LIVE] = f64::from(children.live);
    row[node_row::SUCCEEDED] = f64::from(children.succeeded);
    row[node_row::FAILED] = f64::from(children.unsuccessful());
    row[node_row::FLAGS] = f64::from(flags);
    rows.extend(row);
}

/// All nodes, parents before their children.
pub(crate) fn rows(view: View<'_>) -> Vec<f64> {
    let mut rows = Vec::new();
    view.nodes().for_each(|node| row(&mut rows, node));
    rows
}

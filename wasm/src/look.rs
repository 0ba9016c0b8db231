//! What can be seen of the tree: a row of numbers for each node, and the engine's own sentences about them.

use windlass::{NodeView, Status, View};

use crate::label;
use crate::log::{NONE, from_id, from_instant, from_option, from_reason};

/// Appends a row of 16 numbers: label, id, parent, kind, state, status, attempt, retries left, deadline, reason, its origin, cause of the abort, live
/// children, those that succeeded, those that did not, flags.
fn row(rows: &mut Vec<f64>, node: NodeView<'_>) {
    let children = node.child_counts();
    let failure = node.failure();
    let flags =
        u8::from(node.is_paused()) | u8::from(node.was_forced()) << 1 | u8::from(node.is_stalled()) << 2;
    rows.extend([
        f64::from(label::number_of(node.name())),
        from_id(node.id()),
        from_option(node.parent().map(|parent| parent.id())),
        f64::from(node.kind() as u8),
        f64::from(node.state() as u8),
        f64::from(from_status(node.status())),
        f64::from(node.attempt()),
        f64::from(node.retries_left()),
        node.deadline().map_or(NONE, from_instant),
        failure.map_or(0.0, |failure| from_reason(failure.reason)),
        failure.map_or(NONE, |failure| from_id(failure.origin)),
        node.abort_cause().map_or(NONE, |cause| f64::from(cause as u8)),
        f64::from(children.live),
        f64::from(children.succeeded),
        f64::from(children.unsuccessful()),
        f64::from(flags),
    ]);
}

/// All nodes, parents before their children.
pub(crate) fn rows(view: View<'_>) -> Vec<f64> {
    let mut rows = Vec::new();
    view.nodes().for_each(|node| row(&mut rows, node));
    rows
}

const fn from_status(status: Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::Waiting => 1,
        Status::Success | Status::Skipped => 2,
        Status::Failure => 3,
        Status::Aborted => 4,
        _ => 5,
    }
}

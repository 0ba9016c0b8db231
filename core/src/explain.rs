//! Why a node does not move: one short sentence for people.

use core::fmt;

use crate::deadlines::Timer;
use crate::kind::Kind;
use crate::marks::mark;
use crate::phase::Phase;
use crate::state::{State, Status};
use crate::time::{Human, Instant, UNLIMITED};
use crate::view::NodeView;

impl<'a> NodeView<'a> {
    /// Says what the node is doing or waiting for at `now`, such as `waiting for 2 of 5 dependencies: fetch, unpack`, `retry 3 of 5 in 4.2 s: wrong
    /// hash`, `4 of 4 places taken`, `gate closed` or `aborting, waiting for upload`.
    pub fn explain(&self, now: Instant) -> impl fmt::Display + use<'a> {
        Explain(*self, now)
    }
}

struct Explain<'a>(NodeView<'a>, Instant);

impl fmt::Display for Explain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(node, now) = *self;
        match node.status() {
            Status::Success => return f.write_str("succeeded"),
            Status::Skipped => return f.write_str("skipped"),
            Status::Failure => return failed(f, &node),
            Status::Blocked => return blocked(f, &node),
            Status::Aborted => return aborted(f, &node),
            Status::Running | Status::Waiting => {}
        }
        if node.state() == State::Aborting {
            return aborting(f, &node, now);
        }
        if let Some(paused) = paused_at(&node) {
            return if paused.id() == node.id() {
                f.write_str("paused")
            } else {
                write!(f, "paused with {}", paused.label())
            };
        }
        match node.state() {
            State::Pending if !node.hot().has(mark::ACTIVE) => held_back(f, &node),
            State::Pending => match not_started_above(&node) {
                Some(above) => write!(f, "waiting for {} to start", above.label()),
                None => f.write_str("ready to run"),
            },
            _ => match node.hot().phase {
                Phase::Requeued => {
                    f.write_str("retry is due, ")?;
                    held_back(f, &node)
                }
                Phase::BackingOff => retrying(f, &node, now),
                _ => live(f, &node, now),
            },
        }
    }
}

fn failed(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>) -> fmt::Result {
    let Some(failure) = node.failure() else { return f.write_str("failed") };
    write!(f, "failed: {}", failure.reason)?;
    if failure.origin != node.id() {
        match node.view().node(failure.origin) {
            Ok(origin) => write!(f, " at {}", origin.label())?,
            Err(_) => write!(f, " at {}", failure.origin)?,
        }
    }
    if node.attempt() > 1 {
        write!(f, ", after {} attempts", node.attempt())?;
    }
    Ok(())
}

fn blocked(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>) -> fmt::Result {
    f.write_str("blocked: ")?;
    list(f, node.dependencies().filter(|on| on.state().is_done() && on.state() != State::Success))?;
    f.write_str(" did not succeed")
}

fn aborted(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>) -> fmt::Result {
    let cause = node.abort_cause().unwrap_or_default();
    write!(f, "aborted: {cause}")?;
    by(f, node)?;
    if node.was_forced() {
        f.write_str(", forced to end")?;
    }
    Ok(())
}

fn by(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>) -> fmt::Result {
    match node.aborted_by().map(|id| (id, node.view().node(id))) {
        Some((_, Ok(by))) => write!(f, " by {}", by.label()),
        Some((id, Err(_))) => write!(f, " by {id}"),
        None => Ok(()),
    }
}

fn aborting(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>, now: Instant) -> fmt::Result {
    f.write_str("aborting")?;
    if node.child_counts().live > 0 {
        f.write_str(", waiting for ")?;
        list(f, node.children().filter(|child| !child.state().is_done()))?;
    } else if node.hot().has(mark::TURN) {
        f.write_str(", cleaning up")?;
    } else {
        f.write_str(", waiting to be woken")?;
    }
    by_force(f, node, now)
}

/// When the clean-up is over whatever happens, if it has a limit.
fn by_force(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>, now: Instant) -> fmt::Result {
    match node.cold().limit_at {
        UNLIMITED => Ok(()),
        limit => write!(f, ", by force in {}", Human(Instant::from_micros(limit) - now)),
    }
}

fn paused_at<'a>(node: &NodeView<'a>) -> Option<NodeView<'a>> {
    let mut at = Some(*node);
    while let Some(node) = at {
        if node.is_paused() {
            return Some(node);
        }
        at = node.parent();
    }
    None
}

/// The nearest node above that keeps a pending node from starting, by not having started itself.
fn not_started_above<'a>(node: &NodeView<'a>) -> Option<NodeView<'a>> {
    let mut above = node.parent();
    while let Some(at) = above.filter(|at| at.state() == State::Pending) {
        if !at.hot().has(mark::ACTIVE) {
            return node.parent();
        }
        above = at.parent();
    }
    None
}

/// A child that its parent does not let run.
fn held_back(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>) -> fmt::Result {
    let unmet = node.cold().unmet;
    if unmet > 0 {
        let total = node.dependencies().count();
        write!(f, "waiting for {unmet} of {total} dependencies: ")?;
        return list(f, node.dependencies().filter(|on| on.state() != State::Success));
    }
    let Some(parent) = node.parent() else { return f.write_str("ready to run") };
    if parent.kind().is_gate() {
        return f.write_str("gate closed");
    }
    if parent.state() == State::Pending {
        return write!(f, "waiting for {} to start", parent.label());
    }
    if parent.kind() == Kind::Sequence {
        f.write_str("waiting for ")?;
        return list(f, parent.children().filter(|other| other.hot().has(mark::ACTIVE)));
    }
    places(f, &parent)
}

fn places(f: &mut fmt::Formatter<'_>, parent: &NodeView<'_>) -> fmt::Result {
    let cold = parent.cold();
    write!(f, "{} of {} places taken", cold.active.min(cold.places), cold.places)
}

fn retrying(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>, now: Instant) -> fmt::Result {
    let eta = node.retry_eta(now).unwrap_or_default();
    write!(f, "retry {} of {} in {}", node.attempt(), node.cold().retry.budget(), Human(eta))?;
    match node.failure() {
        Some(failure) => write!(f, ": {}", failure.reason),
        None => Ok(()),
    }
}

fn live(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>, now: Instant) -> fmt::Result {
    let (hot, cold) = (node.hot(), node.cold());
    let counts = node.child_counts();
    if hot.phase == Phase::Settling {
        f.write_str("ending, waiting for ")?;
        list(f, node.children().filter(|child| !child.state().is_done()))?;
        return by_force(f, node, now);
    }
    if node.kind().is_gate() {
        return gate(f, node, now);
    }
    if counts.total() > 0 {
        write!(f, "{} of {} children done", counts.ended(), counts.total())?;
        if cold.places != u32::MAX && node.kind() != Kind::Sequence && !cold.queue.is_empty() {
            f.write_str(", ")?;
            places(f, node)?;
        }
        if counts.failed > 0 {
            write!(f, ", {} failed", counts.failed)?;
        }
        return Ok(());
    }
    let asleep = match hot.phase {
        Phase::Waiting => false,
        Phase::Sleeping => true,
        _ => return f.write_str("running"),
    };
    match node.timer() {
        _ if node.waits_for_a_slot() => f.write_str("waiting for a free place in the table"),
        None if node.is_stalled() => f.write_str("waiting, and nothing will wake it"),
        None => f.write_str("waiting to be woken"),
        Some((Timer::AttemptLimit, at)) => {
            f.write_str(if asleep { "asleep" } else { "waiting to be woken" })?;
            write!(f, ", times out in {}", Human(at - now))
        }
        Some((_, at)) if asleep => write!(f, "asleep for {}", Human(at - now)),
        Some((_, at)) => write!(f, "waiting to be woken, for {} at most", Human(at - now)),
    }
}

fn gate(f: &mut fmt::Formatter<'_>, node: &NodeView<'_>, now: Instant) -> fmt::Result {
    if node.hot().has(mark::OPEN) {
        return f.write_str("gate open");
    }
    f.write_str("gate closed")?;
    if node.kind() == Kind::When {
        return match node.timer() {
            Some((Timer::Wake, at)) => write!(f, ", asks again in {}", Human(at - now)),
            _ => Ok(()),
        };
    }
    match crate::id::NodeId::from_bits(node.cold().param).map(|id| node.view().node(id)) {
        Some(Ok(awaited)) => write!(f, ", waiting for {}", awaited.label()),
        _ => Ok(()),
    }
}

/// Up to three names, then how many more.
fn list<'a>(f: &mut fmt::Formatter<'_>, nodes: impl Iterator<Item = NodeView<'a>>) -> fmt::Result {
    const SHOWN: usize = 3;
    let mut count = 0usize;
    for node in nodes {
        if count < SHOWN {
            if count > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", node.label())?;
        }
        count += 1;
    }
    match count {
        0 => f.write_str("nothing"),
        _ if count > SHOWN => write!(f, " and {} more", count - SHOWN),
        _ => Ok(()),
    }
}

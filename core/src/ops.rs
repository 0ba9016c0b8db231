//! What can be done to a scheduler from outside and from inside a running work, written once for both.

use crate::error::{Error, Refused};
use crate::id::NodeId;
use crate::kind::Kind;
use crate::marks::mark;
use crate::node::ROOT;
use crate::phase::Phase;
use crate::reason::AbortCause;
use crate::slots::Slots;
use crate::spec::Spec;
use crate::table::Table;
use crate::time::Instant;

pub(crate) fn add<W>(
    table: &mut Table<'_>,
    slots: &mut Slots<'_, W>,
    parent: u32,
    spec: Spec<W>,
) -> Result<NodeId, Refused<W>> {
    let index = insert(table, slots, parent, spec)?;
    table.offer_new(parent, index);
    Ok(table.id(index))
}

/// Gives a node its slot, and its work.
fn insert<W>(
    table: &mut Table<'_>,
    slots: &mut Slots<'_, W>,
    parent: u32,
    spec: Spec<W>,
) -> Result<u32, Refused<W>> {
    // Nodes that nobody can see any more give their slots back, if they are needed before the next poll does it.
    if table.free_slots() == 0 && table.hot.root_mut().has(mark::UNSEEN) && table.accepts(parent).is_ok() {
        slots.sweep(table, ROOT);
    }
    let index = match table.insert(parent, &spec.settings) {
        Ok(index) => index,
        Err(error) => return Err(Refused { error, spec }),
    };
    // The slot was free, so it is not the running work's own and it is empty.
    if let Some(slot) = slots.slot(index) {
        *slot = spec.work;
    }
    Ok(index)
}

pub(crate) fn add_below<W>(
    table: &mut Table<'_>,
    slots: &mut Slots<'_, W>,
    parent: NodeId,
    spec: Spec<W>,
) -> Result<NodeId, Refused<W>> {
    match table.resolve(parent) {
        Ok(parent) => add(table, slots, parent, spec),
        Err(error) => Err(Refused { error, spec }),
    }
}

/// All or nothing: a child of a graph with its dependencies.
pub(crate) fn add_after<W>(
    table: &mut Table<'_>,
    slots: &mut Slots<'_, W>,
    graph: NodeId,
    spec: Spec<W>,
    dependencies: &[NodeId],
) -> Result<NodeId, Refused<W>> {
    let parent = match check_dependencies(table, graph, dependencies) {
        Ok(parent) => parent,
        Err(error) => return Err(Refused { error, spec }),
    };
    let index = insert(table, slots, parent, spec)?;
    for dependency in dependencies {
        table.link_dependency(index, dependency.index());
    }
    let has_failed = |dependency: &NodeId| {
        let phase = table.hot[dependency.index()].phase;
        phase.is_done() && phase != Phase::Success
    };
    if dependencies.iter().any(has_failed) {
        table.block_new(index);
    } else {
        table.offer_new(parent, index);
    }
    Ok(table.id(index))
}

/// The graph's index, if all of these are different children of it and there is room for the edges.
fn check_dependencies(table: &Table<'_>, graph: NodeId, dependencies: &[NodeId]) -> Result<u32, Error> {
    let graph = table.resolve(graph)?;
    if table.hot[graph].kind != Kind::Graph {
        return Err(Error::WrongKind);
    }
    for (position, dependency) in dependencies.iter().enumerate() {
        let index = table.resolve(*dependency)?;
        if table.hot[index].parent != graph {
            return Err(Error::WrongKind);
        }
        if dependencies.iter().take(position).any(|other| other == dependency) {
            return Err(Error::Duplicate);
        }
    }
    if table.globals.edges.free(table.edges) < dependencies.len() { Err(Error::EdgesFull) } else { Ok(graph) }
}

pub(crate) fn depend(table: &mut Table<'_>, node: NodeId, dependency: NodeId) -> Result<(), Error> {
    let (node, dependency) = (table.resolve(node)?, table.resolve(dependency)?);
    table.depend(node, dependency)
}

pub(crate) fn wake(table: &mut Table<'_>, id: NodeId) -> Result<(), Error> {
    let index = table.resolve(id)?;
    table.wake(index);
    Ok(())
}

/// An abort asked for by a user, from outside or by the work `by`.
pub(crate) fn abort(
    table: &mut Table<'_>,
    id: NodeId,
    by: Option<NodeId>,
    deadline: Instant,
) -> Result<(), Error> {
    let index = table.resolve(id)?;
    table.abort(index, AbortCause::User, by, deadline.as_micros());
    Ok(())
}

pub(crate) fn pause(table: &mut Table<'_>, id: NodeId, paused: bool) -> Result<(), Error> {
    let index = table.resolve(id)?;
    table.pause(index, paused)
}

pub(crate) fn restart<W>(table: &mut Table<'_>, slots: &mut Slots<'_, W>, id: NodeId) -> Result<(), Error> {
    let index = table.resolve(id)?;
    table.restart(index)?;
    slots.renew_below(table, index, true);
    Ok(())
}

/// Frees an ended top-level node.
pub(crate) fn remove<W>(
    table: &mut Table<'_>,
    slots: &mut Slots<'_, W>,
    id: NodeId,
) -> Result<Option<W>, Error> {
    let index = table.resolve(id)?;
    let hot = &table.hot[index];
    if hot.parent != ROOT {
        return Err(Error::WrongKind);
    }
    if !hot.phase.is_done() {
        return Err(Error::WrongState(hot.phase.state()));
    }
    Ok(slots.free(table, index, ROOT))
}

#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub(crate) fn wake_handle(table: &mut Table<'_>, id: NodeId) -> Result<crate::wake::WakeHandle, Error> {
    let index = table.resolve(id)?;
    let handle = table.globals.wakes.and_then(|wakes| wakes.handle(id)).ok_or(Error::NoWakeSet)?;
    table.hot[index].set(mark::HANDLE);
    Ok(handle)
}

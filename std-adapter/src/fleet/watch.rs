//! What a worker is at, as others see it, and which of its trees have ended.
//!
//! The invariant: *each end of a node at the top is noted once*, so nobody has to look at all trees to find it. The
//! worker's scheduler reports each event here; what others may look at while a work runs is behind atomics and a lock that
//! is held for a few instructions.
//!
//! This file does not know what a tree is, but for its id.

use std::fmt;
use std::sync::Arc;

use windlass::{Event, EventKind, NodeId, Observer, State};

use super::tree::TreeId;
use crate::clock::lock;
use crate::sync::{AtomicU64, Mutex, Ordering};

/// The observer of a worker's scheduler.
pub struct FleetObserver {
    watch: Arc<Watch>,
    planting: Option<TreeId>,
    /// What the planting has added at the top.
    tops: Vec<NodeId>,
    ended: Vec<(NodeId, State)>,
    /// The nodes that were ended by force, if somebody wants to know.
    forced: Option<Vec<ForcedNode>>,
}

/// A node that did not finish its abort in time and was ended by force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForcedNode {
    /// Its tree.
    pub tree: TreeId,
    /// Its id, in the table of its worker.
    pub node: NodeId,
    /// Its name.
    pub name: &'static str,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Current {
    /// The tree.
    pub tree: TreeId,
    /// The node that was cranked last, and its name; none if the tree is being planted.
    pub node: Option<(NodeId, &'static str)>,
}

/// The part that others may look at.
pub(super) struct Watch {
    /// The tree that is being planted, or [`NOTHING`].
    planting: AtomicU64,
    /// The node that was cranked last in the poll that goes on, or [`NOTHING`].
    cranked: AtomicU64,
    /// By place in the node table.
    places: Mutex<Box<[Option<Place>]>>,
}

#[derive(Clone, Copy)]
struct Place {
    node: NodeId,
    tree: TreeId,
    name: &'static str,
    at_top: bool,
}

/// No id of a node or a tree.
const NOTHING: u64 = u64::MAX;

impl Watch {
    pub(super) fn new(nodes: usize) -> Arc<Self> {
        Arc::new(Self {
            planting: AtomicU64::new(NOTHING),
            cranked: AtomicU64::new(NOTHING),
            places: Mutex::new(vec![None; nodes].into()),
        })
    }

    /// What the worker is at; none if it sleeps or is between two things.
    pub(super) fn current(&self) -> Option<Current> {
        let planting = self.planting.load(Ordering::Relaxed);
        if planting != NOTHING {
            return Some(Current { tree: TreeId::from_bits(planting), node: None });
        }
        let node = NodeId::from_bits(self.cranked.load(Ordering::Relaxed))?;
        let place = self.place(node)?;
        Some(Current { tree: place.tree, node: Some((node, place.name)) })
    }

    /// The poll is over.
    pub(super) fn rest(&self) {
        self.cranked.store(NOTHING, Ordering::Relaxed);
    }

    fn place(&self, node: NodeId) -> Option<Place> {
        lock(&self.places).get(node.index() as usize).copied().flatten().filter(|place| place.node == node)
    }
}

impl FleetObserver {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        Self { watch, planting: None, tops: Vec::new(), ended: Vec::new(), forced: None }
    }

    /// What is added from now on belongs to this tree.
    pub(super) fn plant(&mut self, tree: TreeId) {
        self.planting = Some(tree);
        self.watch.planting.store(tree.to_bits(), Ordering::Relaxed);
    }

    /// The planting is over: what it has added at the top.
    pub(super) fn planted(&mut self) -> Vec<NodeId> {
        self.planting = None;
        self.watch.planting.store(NOTHING, Ordering::Relaxed);
        std::mem::take(&mut self.tops)
    }

    /// The nodes at the top that have ended since the last call, and in which state.
    pub(super) fn take_ended(&mut self) -> Vec<(NodeId, State)> {
        std::mem::take(&mut self.ended)
    }

    /// From now on, nodes that are ended by force are noted.
    pub(super) fn note_forced(&mut self) {
        self.forced.get_or_insert_default();
    }

    /// Those that were noted since the last call.
    pub(super) fn take_forced(&mut self) -> Vec<ForcedNode> {
        self.forced.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn added(&mut self, node: NodeId, name: &'static str, parent: Option<NodeId>) {
        // A work may add a node at the top, too; it counts to that work's tree.
        let tree = match (parent, self.planting) {
            (Some(parent), _) => self.watch.place(parent).map(|place| place.tree),
            (None, Some(tree)) => {
                self.tops.push(node);
                Some(tree)
            }
            (None, None) => self.watch.current().map(|current| current.tree),
        };
        let place = tree.map(|tree| Place { node, tree, name, at_top: parent.is_none() });
        if let Some(slot) = lock(&self.watch.places).get_mut(node.index() as usize) {
            *slot = place;
        }
    }
}

impl Observer for FleetObserver {
    fn on_event(&mut self, event: &Event) {
        let Event { node, name, .. } = *event;
        match event.kind {
            EventKind::Added(parent) => self.added(node, name, parent),
            EventKind::Cranked => self.watch.cranked.store(node.to_bits(), Ordering::Relaxed),
            EventKind::Forced => {
                if let (Some(forced), Some(place)) = (&mut self.forced, self.watch.place(node)) {
                    forced.push(ForcedNode { tree: place.tree, node, name });
                }
            }
            EventKind::Moved(step)
                if step.to.is_done() && self.watch.place(node).is_some_and(|place| place.at_top) =>
            {
                self.ended.push((node, step.to));
            }
            _ => {}
        }
    }
}

impl fmt::Debug for FleetObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetObserver").field("current", &self.watch.current()).finish_non_exhaustive()
    }
}

/// `3v1 in 7v2 fetch`, `3v1, planting`
impl fmt::Display for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some((node, name)) => write!(f, "{} in {node} {name}", self.tree),
            None => write!(f, "{}, planting", self.tree),
        }
    }
}

/// `3v1 in 7v2 fetch`
impl fmt::Display for ForcedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} {}", self.tree, self.node, self.name)
    }
}

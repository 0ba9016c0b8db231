//! One tree, from the moment it is added until everybody who holds it has let go.
//!
//! ```text
//!   Queued(how to plant it) --> Running(on which worker, with which root) --> Ended(how)
//!             |                                                                ^
//!             +------------------- aborted, or the fleet is shut down ---------+
//! ```
//!
//! The invariant: *a tree ends once, and all who wait for it are told*. Whoever takes it from one stage to the next holds
//! its lock. This file does not know how a tree comes to a worker.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use windlass::{AbortCause, Boxed, Error, NodeId, Scheduler, State};

use super::core::Core;
use super::handle::FleetError;
use super::watch::FleetObserver;
use crate::clock::lock;
use crate::panics::discard;
use crate::snapshot::NodeSnapshot;
use crate::sync::{Condvar, Mutex};

/// The scheduler of a worker of a fleet, as those see it who plant a tree there.
pub type FleetScheduler<W> = Scheduler<Boxed<W>, FleetObserver>;

/// Names one tree of one fleet, for ever: no other tree of that fleet gets this id.
///
/// ```
/// use windlass_std::TreeId;
///
/// let id = TreeId::from_bits(2 << 32 | 7);
/// assert_eq!((id.slot(), id.generation(), id.to_string().as_str()), (7, 2, "7v2"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeId {
    slot: u32,
    generation: u32,
}

/// How a tree has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeEnd {
    /// Its root has ended by itself or by an abort: how that looked then.
    Ran(NodeSnapshot),
    /// It could not be planted; what was there of it was taken out again.
    NotPlanted(PlantError),
    /// It was aborted before it had started.
    NeverStarted(AbortCause),
    /// Its root has ended in this state, and was freed before anybody could look at it: a detached node, which the
    /// engine frees itself.
    Freed(State),
}

/// Why a tree could not be planted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlantError {
    /// The engine refused: [`Error::Full`] if the worker's table has no room for the tree.
    Engine(Error),
    /// The closure panicked; this is what it said.
    Panicked(String),
    /// The closure added another number of nodes at the top than one, or the id that it returned is not that node's.
    NotOneRoot(usize),
}

/// A look at one tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeLook {
    /// It waits to be started.
    Queued,
    /// It runs.
    Running {
        /// On this worker.
        worker: usize,
        /// All its nodes, parents before their children; the root comes first.
        nodes: Vec<NodeSnapshot>,
    },
    /// It has ended.
    Ended(TreeEnd),
}

/// A tree of a fleet: aborts it, looks at it, waits for its end.
///
/// As a future, it is ready when the tree has ended. A clone is the same tree. Dropped, it lets the tree go on.
pub struct Tree<W: 'static> {
    entry: Arc<Entry<W>>,
    core: Arc<Core<W>>,
    /// Which of the tree's wakers is ours.
    key: u64,
}

/// What plants a tree.
pub(super) type Plant<W> = Box<dyn FnOnce(&mut FleetScheduler<W>) -> Result<NodeId, Error> + Send>;

pub(super) struct Entry<W> {
    pub(super) id: TreeId,
    life: Mutex<Life<W>>,
    ended: Condvar,
}

pub(super) struct Life<W> {
    pub(super) stage: Stage<W>,
    wakers: Vec<(u64, Waker)>,
    next_key: u64,
}

pub(super) enum Stage<W> {
    Queued(Plant<W>),
    /// The root is missing while it is being planted.
    Running {
        worker: usize,
        root: Option<NodeId>,
    },
    Ended(TreeEnd),
}

impl TreeId {
    pub(super) const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// The slot in the fleet's table.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Which tenant of the slot, counted from 1.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// Packs the id into one integer.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// Reads what [`TreeId::to_bits`] wrote.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

impl TreeEnd {
    /// Whether the tree has succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.state() == Some(State::Success)
    }

    /// The state in which its root has ended; none if it never had one.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        match self {
            Self::Ran(root) => Some(root.state),
            Self::Freed(state) => Some(*state),
            Self::NotPlanted(_) | Self::NeverStarted(_) => None,
        }
    }
}

impl<W> Entry<W> {
    pub(super) fn new(id: TreeId, plant: Plant<W>) -> Self {
        let life = Life { stage: Stage::Queued(plant), wakers: Vec::new(), next_key: 0 };
        Self { id, life: Mutex::new(life), ended: Condvar::new() }
    }

    /// Takes how to plant it, if `may_start` says so; none if it has ended. Then it runs on this worker.
    pub(super) fn start(&self, worker: usize, may_start: impl FnOnce() -> bool) -> Started<W> {
        let mut life = lock(&self.life);
        if !matches!(life.stage, Stage::Queued(_)) {
            return Started::Over;
        }
        if !may_start() {
            return Started::Refused;
        }
        match std::mem::replace(&mut life.stage, Stage::Running { worker, root: None }) {
            Stage::Queued(plant) => Started::Plant(plant),
            _ => Started::Over,
        }
    }

    /// It has been planted.
    pub(super) fn planted(&self, node: NodeId) {
        if let Stage::Running { root, .. } = &mut lock(&self.life).stage {
            *root = Some(node);
        }
    }

    /// Its root, while it runs.
    pub(super) fn root(&self) -> Option<NodeId> {
        match lock(&self.life).stage {
            Stage::Running { root, .. } => root,
            _ => None,
        }
    }

    /// The worker that runs it.
    pub(super) fn worker(&self) -> Option<usize> {
        match lock(&self.life).stage {
            Stage::Running { worker, .. } => Some(worker),
            _ => None,
        }
    }

    /// Ends it, after `note` has written that down; so whoever is told finds it written.
    pub(super) fn end(&self, end: TreeEnd, note: impl FnOnce(&TreeEnd)) {
        self.end_if(|_| true, end, note);
    }

    /// Ends it if it waits. False if it does not.
    pub(super) fn end_queued(&self, cause: AbortCause, note: impl FnOnce(&TreeEnd)) -> bool {
        let waits = |stage: &Stage<W>| matches!(stage, Stage::Queued(_));
        self.end_if(waits, TreeEnd::NeverStarted(cause), note)
    }

    fn end_if(
        &self,
        is_right: impl FnOnce(&Stage<W>) -> bool,
        end: TreeEnd,
        note: impl FnOnce(&TreeEnd),
    ) -> bool {
        let mut life = lock(&self.life);
        if !is_right(&life.stage) {
            return false;
        }
        note(&end);
        let before = std::mem::replace(&mut life.stage, Stage::Ended(end));
        let wakers = std::mem::take(&mut life.wakers);
        drop(life);
        self.ended.notify_all();
        // Both are the user's: what was to be planted, and what is to be woken.
        discard(before);
        for (_, waker) in wakers {
            discard(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
        true
    }

    fn ended(&self) -> Option<TreeEnd> {
        match &lock(&self.life).stage {
            Stage::Ended(end) => Some(end.clone()),
            _ => None,
        }
    }

    fn key(&self) -> u64 {
        let life = &mut *lock(&self.life);
        life.next_key += 1;
        life.next_key
    }
}

/// What became of the start of a tree.
pub(super) enum Started<W> {
    Plant(Plant<W>),
    /// The audit is against it.
    Refused,
    /// It has ended before.
    Over,
}

impl<W: 'static> Tree<W> {
    pub(super) fn new(entry: Arc<Entry<W>>, core: Arc<Core<W>>) -> Self {
        let key = entry.key();
        Self { entry, core, key }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> TreeId {
        self.entry.id
    }

    /// How it has ended; none if it has not.
    #[must_use]
    pub fn ended(&self) -> Option<TreeEnd> {
        self.entry.ended()
    }

    /// Asks the tree to end, as [`Scheduler::abort`] does; one that waits ends at once, and never starts. Does nothing to
    /// what has ended. Never blocks; any thread may call it.
    pub fn abort(&self) {
        self.abort_within(Duration::MAX);
    }

    /// As [`Tree::abort`], and what has not finished after `drain` is ended by force.
    pub fn abort_within(&self, drain: Duration) {
        self.core.abandon(&self.entry);
        let Some(worker) = self.entry.worker() else { return };
        let entry = Arc::clone(&self.entry);
        self.core.post(
            worker,
            Box::new(move |desk| {
                if let (Ok(desk), Some(root)) = (desk, entry.root()) {
                    // A root that is gone has ended.
                    let _ = desk.scheduler.abort_by(root, desk.now + drain);
                }
            }),
        );
    }

    /// Blocks until the tree has ended, and says how.
    ///
    /// # Errors
    /// [`FleetError::OwnThread`] on a worker of the fleet, which might wait for itself. A work has the future.
    pub fn wait(&self) -> Result<TreeEnd, FleetError> {
        let mut life = lock(&self.entry.life);
        loop {
            if let Stage::Ended(end) = &life.stage {
                return Ok(end.clone());
            }
            if self.core.is_own_thread() {
                return Err(FleetError::OwnThread);
            }
            life = self.entry.ended.wait(life).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Looks at the tree. Waits for its worker to come to it if it runs: for the end of the poll it is in.
    ///
    /// # Errors
    /// [`FleetError::OwnThread`] if it runs and the caller is a worker of the fleet.
    pub fn look(&self) -> Result<TreeLook, FleetError> {
        loop {
            let worker = match &lock(&self.entry.life).stage {
                Stage::Queued(_) => return Ok(TreeLook::Queued),
                Stage::Ended(end) => return Ok(TreeLook::Ended(end.clone())),
                Stage::Running { worker, .. } => *worker,
            };
            let entry = Arc::clone(&self.entry);
            let nodes = self.core.ask(worker, move |desk| {
                let view = desk.scheduler.view();
                let root = entry.root().and_then(|root| view.node(root).ok())?;
                let (mut nodes, mut stack) = (Vec::new(), vec![root]);
                while let Some(node) = stack.pop() {
                    nodes.push(NodeSnapshot::of(&node, desk.now));
                    let first = stack.len();
                    stack.extend(node.children());
                    stack[first..].reverse();
                }
                Some(nodes)
            });
            match nodes {
                Ok(Some(nodes)) => return Ok(TreeLook::Running { worker, nodes }),
                // It has ended since.
                Ok(None) => {}
                Err(FleetError::Closed) if self.entry.ended().is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<W: 'static> Future for Tree<W> {
    type Output = TreeEnd;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TreeEnd> {
        let waker = cx.waker().clone();
        let mut life = lock(&self.entry.life);
        if let Stage::Ended(end) = &life.stage {
            return Poll::Ready(end.clone());
        }
        let old = match life.wakers.iter_mut().find(|(key, _)| *key == self.key) {
            Some((_, ours)) => Some(std::mem::replace(ours, waker)),
            None => {
                life.wakers.push((self.key, waker));
                None
            }
        };
        drop(life);
        drop(old);
        Poll::Pending
    }
}

impl<W: 'static> Clone for Tree<W> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.entry), Arc::clone(&self.core))
    }
}

impl<W: 'static> Drop for Tree<W> {
    fn drop(&mut self) {
        let mut life = lock(&self.entry.life);
        let ours = life.wakers.iter().position(|(key, _)| *key == self.key);
        let waker = ours.map(|place| life.wakers.swap_remove(place));
        drop(life);
        drop(waker);
    }
}

impl<W: 'static> fmt::Debug for Tree<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({})", self.entry.id)
    }
}

/// `7v2`: slot 7, second tenant.
impl fmt::Display for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.slot, self.generation)
    }
}

impl fmt::Debug for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for TreeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ran(root) => root.fmt(f),
            Self::NotPlanted(error) => write!(f, "not planted: {error}"),
            Self::NeverStarted(cause) => write!(f, "never started: {cause}"),
            Self::Freed(state) => write!(f, "freed: {state}"),
        }
    }
}

impl fmt::Display for PlantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::NotOneRoot(count) => {
                write!(f, "a tree has one root, whose id is returned; {count} were added at the top")
            }
        }
    }
}

impl std::error::Error for PlantError {}

/// A line for each node, indented by its depth.
impl fmt::Display for TreeLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("queued"),
            Self::Ended(end) => end.fmt(f),
            Self::Running { nodes, .. } => {
                let mut above: Vec<NodeId> = Vec::new();
                for (position, node) in nodes.iter().enumerate() {
                    above.truncate(match node.parent {
                        Some(parent) => above.iter().position(|id| *id == parent).map_or(0, |at| at + 1),
                        None => 0,
                    });
                    let line_end = if position == 0 { "" } else { "\n" };
                    write!(f, "{line_end}{:width$}{node}", "", width = 2 * above.len())?;
                    above.push(node.id);
                }
                Ok(())
            }
        }
    }
}

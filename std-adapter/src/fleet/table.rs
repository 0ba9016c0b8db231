//! Which trees there are, by id, and how many of each kind.
//!
//! The invariant: *a slot has another tenant only after its id has left the queues*. So a root that was aborted while it
//! waits keeps its slot, as dead, until a worker or a sweep has come upon its id. All of it is under one lock, held for a
//! few instructions, and never while anything else is called.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use windlass::State;

use super::handle::FleetError;
use super::options::FleetOptions;
use super::report::FleetCounts;
use super::tree::{Entry, TreeEnd, TreeId};
use crate::clock::lock;
use crate::sync::{Condvar, Mutex};

pub(super) struct Table<W> {
    inner: Mutex<Inner<W>>,
    /// Told when no tree waits or runs.
    none: Condvar,
    most_queued: usize,
    most_dead: usize,
}

struct Inner<W> {
    slots: Vec<Slot<W>>,
    /// The one that has been free for longest comes first.
    free: VecDeque<u32>,
    queued: usize,
    dead: usize,
    /// By worker.
    running: Box<[usize]>,
    closed: bool,
    counts: FleetCounts,
}

struct Slot<W> {
    generation: u32,
    tenant: Tenant<W>,
}

enum Tenant<W> {
    None,
    Tree(Arc<Entry<W>>),
    /// Its tree has ended, and its id is still in a queue.
    Dead,
}

impl<W> Table<W> {
    pub(super) fn new(options: &FleetOptions) -> Self {
        Self {
            inner: Mutex::new(Inner {
                slots: Vec::new(),
                free: VecDeque::new(),
                queued: 0,
                dead: 0,
                running: vec![0; options.workers].into(),
                closed: false,
                counts: FleetCounts::default(),
            }),
            none: Condvar::new(),
            most_queued: options.queued,
            most_dead: options.dead(),
        }
    }

    /// Gives a new tree its slot.
    pub(super) fn insert(&self, make: impl FnOnce(TreeId) -> Entry<W>) -> Result<Arc<Entry<W>>, FleetError> {
        let inner = &mut *lock(&self.inner);
        if inner.closed {
            return Err(FleetError::Closed);
        }
        if inner.queued >= self.most_queued {
            return Err(FleetError::Full);
        }
        let slot = inner.free.pop_front().unwrap_or_else(|| {
            inner.slots.push(Slot { generation: 0, tenant: Tenant::None });
            // The options have been checked for this.
            (inner.slots.len() - 1) as u32
        });
        let place = &mut inner.slots[slot as usize];
        place.generation += 1;
        let entry = Arc::new(make(TreeId::new(slot, place.generation)));
        place.tenant = Tenant::Tree(Arc::clone(&entry));
        inner.queued += 1;
        inner.counts.added += 1;
        Ok(entry)
    }

    /// The tree of this id, if it has not ended.
    pub(super) fn tree(&self, id: TreeId) -> Option<Arc<Entry<W>>> {
        match lock(&self.inner).slot(id) {
            Some(Slot { tenant: Tenant::Tree(entry), .. }) => Some(Arc::clone(entry)),
            _ => None,
        }
    }

    /// All trees that have not ended.
    pub(super) fn trees(&self) -> Vec<Arc<Entry<W>>> {
        let tree = |slot: &Slot<W>| match &slot.tenant {
            Tenant::Tree(entry) => Some(Arc::clone(entry)),
            _ => None,
        };
        lock(&self.inner).slots.iter().filter_map(tree).collect()
    }

    /// A tree that waited runs from now on.
    pub(super) fn start(&self, worker: usize) {
        let inner = &mut *lock(&self.inner);
        inner.queued -= 1;
        inner.running[worker] += 1;
    }

    /// A tree that ran has ended.
    pub(super) fn end(&self, id: TreeId, worker: usize, end: &TreeEnd) {
        let inner = &mut *lock(&self.inner);
        inner.running[worker] -= 1;
        inner.counts.note(end);
        inner.free(id);
        self.tell(inner);
    }

    /// A tree that waited was taken out of its queue, and will not run.
    pub(super) fn drop_queued(&self, id: TreeId) {
        let inner = &mut *lock(&self.inner);
        inner.queued -= 1;
        inner.counts.never_started += 1;
        inner.free(id);
        self.tell(inner);
    }

    /// A tree that waits will not run, and its id stays in its queue. True if it is time to look for such ids.
    pub(super) fn abandon(&self, id: TreeId) -> bool {
        let inner = &mut *lock(&self.inner);
        inner.queued -= 1;
        inner.counts.never_started += 1;
        if let Some(slot) = inner.slot(id) {
            slot.tenant = Tenant::Dead;
            inner.dead += 1;
        }
        self.tell(inner);
        inner.dead > self.most_dead
    }

    pub(super) fn is_dead(&self, id: TreeId) -> bool {
        matches!(lock(&self.inner).slot(id), Some(Slot { tenant: Tenant::Dead, .. }))
    }

    /// A dead one's id has left its queue.
    pub(super) fn bury(&self, id: TreeId) {
        let inner = &mut *lock(&self.inner);
        if matches!(inner.slot(id), Some(Slot { tenant: Tenant::Dead, .. })) {
            inner.dead -= 1;
            inner.free(id);
        }
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        lock(&self.inner).closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.inner).closed
    }

    /// How many wait, how many run on each worker, and how many have ended how.
    pub(super) fn counts(&self) -> (usize, Box<[usize]>, FleetCounts) {
        let inner = lock(&self.inner);
        (inner.queued, inner.running.clone(), inner.counts)
    }

    /// Waits until no tree waits or runs.
    pub(super) fn wait(&self) {
        let mut inner = lock(&self.inner);
        while !inner.is_empty() {
            inner = self.none.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tell(&self, inner: &Inner<W>) {
        if inner.is_empty() {
            self.none.notify_all();
        }
    }
}

impl<W> Inner<W> {
    fn slot(&mut self, id: TreeId) -> Option<&mut Slot<W>> {
        self.slots.get_mut(id.slot() as usize).filter(|slot| slot.generation == id.generation())
    }

    fn free(&mut self, id: TreeId) {
        if let Some(slot) = self.slot(id) {
            slot.tenant = Tenant::None;
            // A slot whose generations are used up stays empty, so that no id ever names two trees.
            if slot.generation < u32::MAX - 1 {
                self.free.push_back(id.slot());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.queued == 0 && self.running.iter().all(|running| *running == 0)
    }
}

impl FleetCounts {
    /// A tree that was started has ended.
    fn note(&mut self, end: &TreeEnd) {
        *match end.state() {
            Some(State::Success) => &mut self.succeeded,
            Some(State::Failure) => &mut self.failed,
            Some(_) => &mut self.aborted,
            None => &mut self.not_planted,
        } += 1;
    }
}

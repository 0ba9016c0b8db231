//! What the workers of a fleet share with each other and with those outside.
//!
//! The invariant: *every tree that was accepted ends*: it is planted by the worker that takes its root, or, once the fleet
//! is closed, ends without having started. Nothing here waits but what says so.

use std::sync::Arc;
use std::time::Duration;

use windlass::{AbortCause, Boxed, Metrics};

use super::handle::FleetError;
use super::options::FleetOptions;
use super::report::{FleetLook, WorkerLook};
use super::table::Table;
use super::tree::{Entry, Plant, Tree, TreeEnd, TreeId};
use super::watch::{FleetObserver, ForcedNode, Watch};
use crate::audit::Audit;
use crate::clock::{Clock, Park, lock};
use crate::mailbox::{Command, Desk, Mailbox};
use crate::panics::Panic;
use crate::pool::{Hub, Ring};
use crate::reply;
use crate::shared::{Shared, Stop};
use crate::sync::{AtomicU64, Mutex, Ordering};

pub(super) struct Core<W: 'static> {
    pub(super) table: Table<W>,
    pub(super) lines: Arc<dyn Lines>,
    pub(super) stations: Box<[Station<W>]>,
    /// Nodes that were ended by force during the shutdown.
    pub(super) forced: Mutex<Vec<ForcedNode>>,
    pub(super) panics: Mutex<(u64, Option<Panic>)>,
    name: &'static str,
}

/// Where others find a worker.
pub(super) struct Station<W> {
    pub(super) shared: Arc<Shared>,
    pub(super) mailbox: Arc<Mailbox<Boxed<W>, FleetObserver>>,
    pub(super) watch: Arc<Watch>,
    pub(super) polls: AtomicU64,
}

/// The queues of roots, whatever their audit.
pub(super) trait Lines: Send + Sync {
    fn put(&self, id: u64) -> bool;
    fn close(&self);
    fn is_closed(&self) -> bool;
    fn parks(&self) -> u64;
    fn drain(&self, out: &mut dyn FnMut(u64));
    fn sweep(&self, keep: &mut dyn FnMut(u64) -> bool, out: &mut dyn FnMut(u64));
    fn rest(&self, worker: usize, limit: Option<Duration>);
    fn notify(&self, worker: usize);
}

impl<A: Audit> Lines for Hub<A, Ring<A::Tag>> {
    fn put(&self, id: u64) -> bool {
        self.put(id)
    }

    fn close(&self) {
        self.close();
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn parks(&self) -> u64 {
        self.parks()
    }

    fn drain(&self, out: &mut dyn FnMut(u64)) {
        self.drain(out);
    }

    fn sweep(&self, keep: &mut dyn FnMut(u64) -> bool, out: &mut dyn FnMut(u64)) {
        self.sweep(keep, out);
    }

    fn rest(&self, worker: usize, limit: Option<Duration>) {
        self.rest(worker, limit);
    }

    fn notify(&self, worker: usize) {
        self.notify(worker);
    }
}

/// A worker's sleep, for those who end it: its scheduler's wake handles, commands, and the shutdown.
struct Bed {
    lines: Arc<dyn Lines>,
    worker: usize,
}

impl Park for Bed {
    fn park(&self, limit: Option<Duration>) {
        self.lines.rest(self.worker, limit);
    }

    fn notify(&self) {
        self.lines.notify(self.worker);
    }
}

impl<W: 'static> Core<W> {
    pub(super) fn new(options: &FleetOptions, lines: Arc<dyn Lines>, clock: &Arc<dyn Clock>) -> Self {
        let station = |worker| {
            let bed = Bed { lines: Arc::clone(&lines), worker };
            let shared = Shared::new(Box::new(Arc::clone(clock)), Box::new(bed));
            let mailbox = Mailbox::new(Arc::clone(&shared));
            Station { shared, mailbox, watch: Watch::new(options.table()), polls: AtomicU64::new(0) }
        };
        Self {
            table: Table::new(options),
            stations: (0..options.workers).map(station).collect(),
            lines,
            forced: Mutex::new(Vec::new()),
            panics: Mutex::new((0, None)),
            name: options.name,
        }
    }

    /// Puts a tree in line. If that cannot be, `plant` is not asked.
    pub(super) fn add(self: &Arc<Self>, plant: impl FnOnce() -> Plant<W>) -> Result<Tree<W>, FleetError> {
        let entry = self.table.insert(|id| Entry::new(id, plant()))?;
        let id = entry.id;
        let tree = Tree::new(entry, Arc::clone(self));
        if self.lines.put(id.to_bits()) {
            self.drain_queues();
        }
        Ok(tree)
    }

    /// Ends a tree if it has not started.
    pub(super) fn abandon(&self, entry: &Entry<W>) {
        let mut sweep = false;
        entry.end_queued(AbortCause::User, |_| sweep = self.table.abandon(entry.id));
        if sweep {
            let alive = |id| !self.table.is_dead(TreeId::from_bits(id));
            self.lines.sweep(&mut { alive }, &mut |id| self.table.bury(TreeId::from_bits(id)));
        }
    }

    /// A root that was taken out of the queues of a closed fleet ends.
    pub(super) fn drop_root(&self, id: u64) {
        let id = TreeId::from_bits(id);
        let ended = |entry: Arc<Entry<W>>| {
            entry.end_queued(AbortCause::Shutdown, |_| self.table.drop_queued(id));
        };
        self.table.tree(id).map_or_else(|| self.table.bury(id), ended);
    }

    pub(super) fn drain_queues(&self) {
        self.lines.drain(&mut |id| self.drop_root(id));
    }

    /// A tree that ran on this worker has ended.
    pub(super) fn end(&self, entry: &Entry<W>, worker: usize, end: TreeEnd) {
        entry.end(end, |end| self.table.end(entry.id, worker, end));
    }

    pub(super) fn note_panic(&self, panic: Option<&Panic>) {
        let mut panics = lock(&self.panics);
        panics.0 += 1;
        if let Some(panic) = panic {
            panics.1 = Some(panic.clone());
        }
    }

    /// Takes no more trees, aborts all, and lets the workers end.
    pub(super) fn close(&self, drain: Duration) {
        self.table.close();
        self.lines.close();
        for station in &self.stations {
            Stop(Arc::clone(&station.shared)).shutdown(drain);
        }
        self.drain_queues();
    }

    pub(super) fn is_own_thread(&self) -> bool {
        self.stations.iter().any(|station| station.mailbox.is_own_thread())
    }

    /// Has a command called by a worker's thread, later.
    pub(super) fn post(&self, worker: usize, command: Command<Boxed<W>, FleetObserver>) {
        self.stations[worker].mailbox.post(command);
    }

    /// Has `f` called by a worker's thread, and waits for what it says.
    pub(super) fn ask<R: Send + 'static>(
        &self,
        worker: usize,
        f: impl FnOnce(Desk<'_, Boxed<W>, FleetObserver>) -> R + Send + 'static,
    ) -> Result<R, FleetError> {
        if self.is_own_thread() {
            return Err(FleetError::OwnThread);
        }
        let (promise, mut answer) = reply::pair();
        self.post(worker, Box::new(move |desk| promise.fulfil(desk.map(f))));
        match answer.wait() {
            Some(Ok(value)) => Ok(value),
            _ => Err(FleetError::Closed),
        }
    }

    /// The totals of all schedulers.
    pub(super) fn metrics(&self) -> Result<Metrics, FleetError> {
        let mut sum = Metrics::default();
        for worker in 0..self.stations.len() {
            sum += self.ask(worker, |desk| desk.scheduler.metrics())?;
        }
        Ok(sum)
    }

    pub(super) fn look(&self) -> FleetLook {
        let (queued, running, counts) = self.table.counts();
        let worker = |(worker, trees): (usize, &usize)| {
            let Station { watch, polls, .. } = &self.stations[worker];
            WorkerLook {
                worker,
                thread: self.thread(worker),
                trees: *trees,
                polls: polls.load(Ordering::Relaxed),
                current: watch.current(),
            }
        };
        let (panics, last_panic) = lock(&self.panics).clone();
        FleetLook {
            queued,
            running: running.iter().sum(),
            counts,
            workers: running.iter().enumerate().map(worker).collect(),
            parks: self.lines.parks(),
            panics,
            last_panic,
        }
    }

    pub(super) fn thread(&self, worker: usize) -> String {
        format!("{}-{worker}", self.name)
    }
}

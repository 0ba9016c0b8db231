//! One worker of a fleet: a scheduler, the trees it owns, and when it takes another.
//!
//! ```text
//!   trees that have ended -> a root, if there is room -> commands -> a poll, if one is due; else sleep
//!       ^                                                                               |
//!       +-------------------------------------------------------------------------------+
//! ```
//!
//! The invariant: *a worker sleeps as one that takes roots only while it has room for one*. With room, a root that is added
//! ends its sleep; without, it sleeps apart, and the root goes to another. It takes one root for each poll, so that
//! others get some, too. All user code that it calls may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use windlass::{Boxed, NodeId, Scheduler, Work};

use super::core::{Core, Station};
use super::options::FleetOptions;
use super::tree::{Entry, PlantError, Started, TreeEnd, TreeId};
use super::watch::FleetObserver;
use crate::audit::{Audit, Finish};
use crate::clock::lock;
use crate::driver::{Driver, Step};
use crate::mailbox::Desk;
use crate::panics::{discard, message};
use crate::pool::Worker;
use crate::snapshot::NodeSnapshot;
use crate::sync::Ordering;

type Root<W> = (NodeId, Arc<Entry<W>>);

pub(super) struct Run<W: 'static, A: Audit, P> {
    core: Arc<Core<W>>,
    number: usize,
    worker: Worker<A>,
    driver: Driver<Boxed<W>, FleetObserver>,
    app: P,
    /// The trees, by the place of their root.
    trees: Box<[Option<Root<W>>]>,
    room: usize,
    panics: u64,
}

impl<W: Work<W, P> + 'static, A: Audit, P> Run<W, A, P> {
    /// A worker of a fleet of this size.
    pub(super) fn new(core: Arc<Core<W>>, worker: Worker<A>, app: P, options: &FleetOptions) -> Self {
        let (room, nodes) = (options.trees, options.table());
        let number = worker.number();
        let Station { watch, shared, .. } = &core.stations[number];
        let mut scheduler =
            Scheduler::with_capacity(nodes).observed_by(FleetObserver::new(Arc::clone(watch)));
        if let Some(seed) = options.seed {
            scheduler.set_seed(seed.wrapping_add(number as u64));
        }
        let driver = Driver::with_shared(scheduler, Arc::clone(shared));
        let trees = (0..nodes).map(|_| None).collect();
        Self { core, number, worker, driver, app, trees, room, panics: 0 }
    }

    /// Runs until the fleet is closed and the last tree has ended.
    pub(super) fn run(mut self) {
        let mut taken = None;
        let mut closed = false;
        loop {
            self.settle();
            if self.core.lines.is_closed() {
                if let Some(id) = taken.take() {
                    self.worker.release(id);
                    self.core.drop_root(id);
                }
                if !closed {
                    closed = true;
                    // What this worker has in line since the fleet was closed.
                    self.core.drain_queues();
                    self.driver.scheduler_mut().observer_mut().note_forced();
                }
            } else if self.room > 0 {
                self.worker.oldest_first();
                if let Some(id) = taken.take().or_else(|| self.worker.next()) {
                    self.plant(id);
                }
            }
            // Behind the planting: a tree that was aborted meanwhile does not start.
            self.obey();
            self.settle();
            match self.step() {
                Ok(id) => taken = id,
                Err(Over) => break,
            }
        }
        self.settle();
        // The fleet may have been closed after it was found open, and before the last look at the queues.
        self.core.drain_queues();
        // They hold what is the user's.
        let Self { driver, app, .. } = self;
        discard(driver);
        discard(app);
    }

    fn obey(&mut self) {
        let station = &self.core.stations[self.number];
        let commands = station.mailbox.take();
        if commands.is_empty() {
            return;
        }
        let now = self.driver.now();
        for command in commands {
            let scheduler = self.driver.scheduler_mut();
            command(Ok(Desk { scheduler, now, waiters: &mut Vec::new() }));
        }
    }

    /// A poll if one is due, else a sleep, which may end with a root in hand.
    fn step(&mut self) -> Result<Option<u64>, Over> {
        let takes = self.room > 0 && !self.core.lines.is_closed();
        let mut taken = None;
        let Self { driver, app, worker, .. } = self;
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            driver.step_with(app, None, true, |shared, limit| {
                if takes {
                    taken = worker.wait(limit);
                } else {
                    shared.park(limit);
                }
            })
        }));
        let station = &self.core.stations[self.number];
        station.watch.rest();
        let stats = self.driver.stats();
        station.polls.store(stats.polls, Ordering::Relaxed);
        for _ in self.panics..stats.panics {
            self.core.note_panic(self.driver.last_panic());
        }
        self.panics = stats.panics;
        match stepped {
            Ok(Step::Over) => Err(Over),
            Ok(_) => Ok(taken),
            Err(payload) => {
                // Not a work's, for those the driver has caught.
                self.core.note_panic(None);
                discard(payload);
                Ok(taken)
            }
        }
    }

    /// Takes out the trees that have ended. Cost: so many, whatever the number of trees.
    fn settle(&mut self) {
        let observer = self.driver.scheduler_mut().observer_mut();
        let (ended, forced) = (observer.take_ended(), observer.take_forced());
        if !forced.is_empty() {
            lock(&self.core.forced).extend(forced);
        }
        for (node, state) in ended {
            let place = &mut self.trees[node.index() as usize];
            let end = match self.driver.scheduler().node(node) {
                // Somebody has restarted it.
                Ok(node) if !node.state().is_done() => continue,
                Ok(node) => TreeEnd::Ran(NodeSnapshot::of(&node, self.driver.now())),
                Err(_) => TreeEnd::Freed(state),
            };
            let entry = place.take_if(|(root, _)| *root == node);
            self.remove(node);
            if let Some((_, entry)) = entry {
                self.room += 1;
                self.core.end(&entry, self.number, end);
            }
        }
    }

    /// Takes a node at the top that has ended out of the scheduler.
    fn remove(&mut self, node: NodeId) {
        // A work whose drop panics is out already, with its node: the next attempt goes on with the rest.
        while let Err(payload) =
            catch_unwind(AssertUnwindSafe(|| drop(self.driver.scheduler_mut().remove(node))))
        {
            discard(payload);
            self.core.note_panic(None);
        }
    }

    /// A root was aborted while it waited; its id was taken out of its queue now.
    fn bury(&self, bits: u64) {
        self.worker.release(bits);
        self.core.table.bury(TreeId::from_bits(bits));
    }

    fn plant(&mut self, bits: u64) {
        let id = TreeId::from_bits(bits);
        let Some(entry) = self.core.table.tree(id) else { return self.bury(bits) };
        let plant = match entry.start(self.number, || self.worker.start(bits)) {
            Started::Plant(plant) => plant,
            Started::Refused => return,
            Started::Over => return self.bury(bits),
        };
        self.core.table.start(self.number);
        let scheduler = self.driver.scheduler_mut();
        scheduler.observer_mut().plant(id);
        let planted = catch_unwind(AssertUnwindSafe(|| plant(scheduler)));
        let tops = scheduler.observer_mut().planted();
        self.worker.finish(bits, if planted.is_ok() { Finish::Done } else { Finish::Panicked });
        let error = match planted {
            Ok(Ok(root)) if tops == [root] => {
                self.trees[root.index() as usize] = Some((root, Arc::clone(&entry)));
                self.room -= 1;
                entry.planted(root);
                return;
            }
            Ok(Ok(_)) => PlantError::NotOneRoot(tops.len()),
            Ok(Err(error)) => PlantError::Engine(error),
            Err(payload) => {
                let text = message(&payload);
                discard(payload);
                PlantError::Panicked(text)
            }
        };
        for node in tops {
            // It has not started, so it ends at once.
            let _ = self.driver.scheduler_mut().abort(node);
            self.remove(node);
        }
        self.core.end(&entry, self.number, TreeEnd::NotPlanted(error));
    }
}

/// The fleet is closed, and the last tree has ended.
struct Over;

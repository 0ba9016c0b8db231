//! What the workers of one pool share: everybody's deque and slot, the injector, the sleep, the audit.
//!
//! The invariant: *an id that was put in is taken by a worker, or, once the pool is closed, given back*, exactly once.
//!
//! ```text
//!   put from outside ---------> Injector ---batch--+
//!                                  ^               v
//!   Worker::put ------> deque ---overflow     Worker::next ---> the task
//!   Worker::put_next -> slot ------displaced->deque    ^
//!                        +---- others steal: the oldest, up to half
//! ```
//!
//! This file knows ids, not tasks, and starts no thread.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::deque::{Deque, Steal};
use super::idle::Idle;
use super::injector::Injector;
use super::padded::Padded;
use super::slot::Slot;
use crate::audit::{Audit, Layout, Missed, Order, Probe, QueueId, Report, Seat, Settings, Verdict};
use crate::sync::{AtomicU64, Ordering};

/// The size of a pool, and its audit.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many workers, each a thread; 1 to 32,767.
    pub workers: usize,
    /// How many ids a worker's own deque holds, rounded up to a power of two; what does not fit goes to the injector.
    /// 1 to 16,777,216. Default: 256.
    pub local: usize,
    /// How many ids a worker takes out of the injector at once, at most 32. With 1, the default, they start in the
    /// order in which they came, and none waits behind another that runs.
    pub batch: usize,
    /// How many ids may be in use at once, for an audit that tells them apart. Default: 65,536.
    pub slots: usize,
    /// How strict the audit is, and what it keeps.
    pub audit: Settings,
    /// What the threads are called; a number follows.
    pub name: &'static str,
}

impl Options {
    /// The most that a thief or a batch takes at once.
    pub(crate) const BATCH: usize = 32;
    const WORKERS: usize = 32_767;
    const LOCAL: usize = 1 << 24;

    /// `workers` workers, and the defaults.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            workers,
            local: 256,
            batch: 1,
            slots: 1 << 16,
            audit: Settings::default(),
            name: "windlass-pool",
        }
    }

    fn check(&self) -> io::Result<()> {
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let Self { workers, local, batch, .. } = self;
        match self {
            Self { workers: 0, .. } => wrong("a pool without threads would never run a job".to_owned()),
            _ if *workers > Self::WORKERS => {
                wrong(format!("{workers} workers: at most {} are possible", Self::WORKERS))
            }
            Self { local: 0, .. } => wrong("a deque of no capacity holds nothing".to_owned()),
            _ if *local > Self::LOCAL => {
                wrong(format!("a deque of {local} ids: at most {} are possible", Self::LOCAL))
            }
            _ if *batch == 0 || *batch > Self::BATCH => {
                wrong(format!("a batch of {batch}: 1 to {} are possible", Self::BATCH))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) struct Hub<A: Audit, D> {
    pub(super) lanes: Box<[Arc<Lane<A, D>>]>,
    pub(super) injector: Injector<A>,
    pub(super) idle: Idle,
    pub(super) batch: usize,
    audit: A,
}

/// The queues of one worker.
pub(super) struct Lane<A: Audit, D> {
    pub(super) deque: D,
    pub(super) deque_id: QueueId,
    /// The one to be taken next.
    pub(super) slot: Slot<A::Tag>,
    pub(super) slot_id: QueueId,
    /// What the worker runs: an id, or [`NOTHING`].
    pub(super) running: Padded<AtomicU64>,
}

/// The last slot in its last generation: no table has it, as it would be the last of 2^32.
pub(super) const NOTHING: u64 = u64::MAX;

impl<A: Audit, D: Deque<A::Tag>> Hub<A, D> {
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        options.check()?;
        let mut layout = Layout::new(options.workers, options.slots);
        let lanes: Box<[_]> = (0..options.workers)
            .map(|worker| {
                let owner = Some(worker as u16); // `check` has seen that it fits
                let deque = D::with_capacity(options.local);
                let deque_id = layout.queue(Order::LifoOwner, owner, deque.capacity());
                let slot_id = layout.queue(Order::Slot, owner, 1);
                let running = Padded::new(AtomicU64::new(NOTHING));
                Arc::new(Lane { deque, deque_id, slot: Slot::new(), slot_id, running })
            })
            .collect();
        let queue = layout.queue(Order::Injector, None, options.slots);
        let audit = A::new(&layout, &options.audit);
        let injector = Injector::new(queue, audit.probe(Seat::Outside(0)));
        let idle = Idle::new(options.workers);
        Ok(Self { lanes, injector, idle, batch: options.batch, audit })
    }

    pub(crate) fn audit(&self) -> &A {
        &self.audit
    }

    /// Looks at everything; exact if no worker holds an id.
    pub(crate) fn report(&self, moment: crate::audit::Moment) -> Report {
        self.audit.report(moment)
    }

    /// Puts an id in line, for a thread that is no worker. True if the pool is closed: then see [`Hub::drain`].
    #[must_use]
    pub(crate) fn put(&self, id: u64) -> bool {
        self.injector.put(id);
        self.idle.added()
    }

    /// Whether there may be something to take. Exact for whatever was there before a fence that this thread has
    /// passed.
    pub(super) fn has_work(&self) -> bool {
        !self.injector.is_empty()
            || self.lanes.iter().any(|lane| !lane.deque.is_empty() || !lane.slot.is_empty())
    }

    /// Nothing is run any more: workers end when they look for the next id.
    pub(crate) fn close(&self) {
        self.idle.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.idle.is_closed()
    }

    /// What a worker runs.
    pub(crate) fn running(&self, worker: usize) -> Option<u64> {
        let id = self.lanes.get(worker)?.running.load(Ordering::Relaxed);
        (id != NOTHING).then_some(id)
    }

    /// A worker that takes nothing now, because it has no room, sleeps until it is notified, at most for `limit`. No
    /// id is left to it meanwhile.
    pub(crate) fn rest(&self, worker: usize, limit: Option<Duration>) {
        self.idle.rest(worker, limit);
    }

    /// Ends the sleep of a worker, of either kind, or its next one.
    pub(crate) fn notify(&self, worker: usize) {
        self.idle.notify(worker);
    }

    /// How often workers have gone to sleep.
    pub(crate) fn parks(&self) -> u64 {
        self.idle.parks()
    }

    /// How many ids stand in the line of everybody.
    pub(crate) fn injected(&self) -> usize {
        self.injector.len()
    }

    /// Takes out of that line what `keep` does not want, and passes it to `out`.
    pub(crate) fn sweep(&self, keep: impl FnMut(u64) -> bool, out: impl FnMut(u64)) {
        self.injector.sweep(keep, out);
    }

    /// How many ids wait to be taken; exact if nobody is at it.
    pub(crate) fn waiting(&self) -> usize {
        let own = |lane: &Arc<Lane<A, D>>| lane.deque.len() + usize::from(!lane.slot.is_empty());
        self.injector.len() + self.lanes.iter().map(own).sum::<usize>()
    }

    /// Takes everything out of a closed pool, from any thread, and passes each id to `out`.
    ///
    /// Whoever puts an id into a closed pool drains it afterwards; so nothing stays.
    pub(crate) fn drain(&self, mut out: impl FnMut(u64)) {
        self.injector.sweep(|_| false, &mut out);
        for lane in &self.lanes {
            loop {
                let taken = self.injector.with_probe(|probe| {
                    let attempt = probe.attempt(lane.deque_id);
                    let id = match lane.deque.steal() {
                        Steal::Taken(id, tag) => Some((id, attempt.got(id, tag))),
                        Steal::Empty => {
                            attempt.missed(Missed::Empty);
                            return None;
                        }
                        Steal::Contended => {
                            attempt.missed(Missed::Contended);
                            return Some(None);
                        }
                    };
                    Some(Self::release(id, probe))
                });
                match taken {
                    Some(id) => id.into_iter().for_each(&mut out),
                    None => break,
                }
            }
            let id = self.injector.with_probe(|probe| {
                let attempt = probe.attempt(lane.slot_id);
                let found = lane.slot.take().map(|(id, tag)| (id, attempt.got(id, tag)));
                Self::release(found, probe)
            });
            id.into_iter().for_each(&mut out);
        }
    }

    /// What was taken will not run.
    fn release(taken: Option<(u64, Verdict)>, probe: &mut A::Probe) -> Option<u64> {
        let (id, verdict) = taken?;
        if verdict == Verdict::Refuse {
            return None;
        }
        probe.released(id);
        probe.retired(id);
        Some(id)
    }
}

//! A load that does everything that a pool's tasks can do with its queues, for as long as wanted.
//!
//! The invariant: *about as many tasks live at any time*, however long it goes on: a task that ends makes the next in
//! its slot, a generation later; now and then it makes two or none, from slots that its worker has spare. A quarter of
//! the runs want to run again. New tasks go to the worker's deque, its slot, or the line of everybody.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

use windlass_std::audit::Audit;
use windlass_std::pool::{Crew, Deque, Ran, Tasks, Worker};

/// Tasks at the beginning, and the most that live at once.
pub(crate) const SLOTS: u32 = 256;
/// The most slots that a worker has spare: few enough that tasks stay alive.
const SPARE: usize = 16;
/// The most workers for which that holds.
pub(crate) const WORKERS: usize = SLOTS as usize / SPARE / 2;

pub(crate) struct Load {
    generations: Vec<AtomicU32>,
    desks: Vec<Desk>,
    /// When a worker has run so many, it makes no more.
    quota: u64,
    live: AtomicU64,
    main: Thread,
}

/// What a worker has for itself.
#[derive(Default)]
#[repr(align(128))]
struct Desk {
    ran: AtomicU64,
    spare: Mutex<Vec<u32>>,
}

impl Load {
    /// `main` is unparked when all tasks have ended.
    pub(crate) fn new(workers: usize, activations: u64, main: Thread) -> Arc<Self> {
        Arc::new(Self {
            generations: (0..SLOTS).map(|_| AtomicU32::new(0)).collect(),
            desks: (0..workers).map(|_| Desk::default()).collect(),
            quota: activations / workers as u64,
            live: AtomicU64::new(u64::from(SLOTS)),
            main,
        })
    }

    pub(crate) fn begin<A: Audit, D: Deque<A::Tag>>(&self, crew: &Crew<A, D>) {
        (0..SLOTS).for_each(|slot| crew.put(u64::from(slot)));
    }

    pub(crate) fn ran(&self) -> u64 {
        self.desks.iter().map(|desk| desk.ran.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.live.load(Ordering::Acquire) == 0
    }

    /// The next task in a slot.
    fn put<A: Audit, D: Deque<A::Tag>>(&self, slot: u32, place: u64, worker: &Worker<A, D>) {
        let generation = self.generations[slot as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let id = u64::from(generation) << 32 | u64::from(slot);
        match place % 16 {
            0 => worker.put_last(id),
            1..=3 => worker.put_next(id),
            _ => worker.put(id),
        }
    }
}

/// A load, for its pool.
pub(crate) struct Shared(pub(crate) Arc<Load>);

impl<A: Audit, D: Deque<A::Tag>> Tasks<A, D> for Shared {
    fn run(&self, id: u64, worker: &Worker<A, D>) -> Ran {
        let Self(load) = self;
        let desk = &load.desks[worker.number()];
        let ran = desk.ran.load(Ordering::Relaxed) + 1;
        desk.ran.store(ran, Ordering::Relaxed);
        let last = ran > load.quota;
        // Any number that depends on both will do.
        let dice = (id ^ ran << 17).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        if !last && dice.is_multiple_of(4) {
            return Ran::Again;
        }
        worker.end(id);
        let slot = id as u32;
        let mut spare = desk.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if last || (dice & 0x30 == 0 && spare.len() < SPARE) {
            spare.push(slot);
            drop(spare);
            if load.live.fetch_sub(1, Ordering::AcqRel) == 1 {
                load.main.unpark();
            }
            return Ran::Done;
        }
        let second = if dice & 0x30 == 0x10 { spare.pop() } else { None };
        drop(spare);
        if let Some(second) = second {
            load.live.fetch_add(1, Ordering::Relaxed);
            load.put(second, dice >> 12, worker);
        }
        load.put(slot, dice >> 8, worker);
        Ran::Done
    }
}

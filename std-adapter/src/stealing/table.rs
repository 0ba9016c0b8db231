//! The tasks of a pool, by id.
//!
//! The invariant: *an id names one task for ever*. A slot that is used again has another generation, and one whose
//! generations are used up is not used again. Slots are given out in the order in which they became free; each worker
//! keeps a few for itself, so that workers seldom meet here. The table grows in pieces that never move, and never
//! shrinks.
//!
//! This file does not know what the tasks are.

use std::collections::VecDeque;
use std::sync::OnceLock;

use super::padded::Padded;
use crate::clock::lock;
use crate::sync::Mutex;

pub(crate) struct Table<T> {
    /// Each piece is as large as all before it together; the first has [`FIRST`] entries.
    pieces: Box<[OnceLock<Piece<T>>]>,
    free: Mutex<Free>,
    /// What each worker keeps for itself.
    kept: Box<[Padded<Mutex<Vec<u32>>>]>,
    limit: u32,
}

type Piece<T> = Box<[Entry<T>]>;
type Entry<T> = Mutex<(u32, Option<T>)>;

#[derive(Default)]
struct Free {
    line: VecDeque<u32>,
    /// How many slots were ever given out.
    known: u32,
}

/// Entries of the first piece.
const FIRST: u32 = 32;
/// How many slots a worker fetches or gives back at once.
const HANDFUL: usize = 32;
/// So many slots for each worker are plenty.
const PLENTY: usize = 8 * HANDFUL;

/// Where a slot is: its piece, and its place there.
fn place(slot: u32) -> (usize, usize) {
    let n = u64::from(slot) + u64::from(FIRST);
    let piece = n.ilog2() - FIRST.ilog2();
    (piece as usize, (n - (u64::from(FIRST) << piece)) as usize)
}

fn split(id: u64) -> (u32, u32) {
    (id as u32, (id >> 32) as u32)
}

impl<T: Clone> Table<T> {
    /// A table for `workers` workers and at most `limit` tasks at once; a few less if all are wanted while workers keep
    /// slots for themselves, which they do only if there are plenty.
    pub(crate) fn new(workers: usize, limit: u32) -> Self {
        let workers = if limit as usize / PLENTY > workers { workers } else { 0 };
        Self {
            pieces: (0..=place(u32::MAX).0).map(|_| OnceLock::new()).collect(),
            free: Mutex::default(),
            kept: (0..workers).map(|_| Padded::default()).collect(),
            limit,
        }
    }

    /// Keeps a task, and says its id; gives it back if there is no room. `worker` is the calling thread's number, if
    /// it is one.
    pub(crate) fn insert(&self, worker: Option<usize>, task: T) -> Result<u64, T> {
        let Some(slot) = self.allot(worker) else { return Err(task) };
        let mut entry = lock(self.make(slot));
        let generation = entry.0;
        entry.1 = Some(task);
        Ok(u64::from(generation) << 32 | u64::from(slot))
    }

    /// The task of an id.
    pub(crate) fn get(&self, id: u64) -> Option<T> {
        let (slot, generation) = split(id);
        let entry = lock(self.entry(slot)?);
        if entry.0 == generation { entry.1.clone() } else { None }
    }

    /// Takes the task of an id; the id is dead from now on, and its slot free.
    pub(crate) fn remove(&self, worker: Option<usize>, id: u64) -> Option<T> {
        let (slot, generation) = split(id);
        let mut entry = lock(self.entry(slot)?);
        if entry.0 != generation {
            return None;
        }
        let task = entry.1.take()?;
        // In its last generation a slot would repeat an id.
        let more = generation.checked_add(1).inspect(|next| entry.0 = *next).is_some();
        drop(entry);
        if more {
            self.give_back(worker, slot);
        }
        Some(task)
    }

    /// Looks at all tasks that are there; those that come or go meanwhile may be missed.
    pub(crate) fn each(&self, mut look: impl FnMut(&T)) {
        for entry in self.pieces.iter().filter_map(OnceLock::get).flatten() {
            let task = lock(entry).1.clone();
            task.iter().for_each(&mut look);
        }
    }

    fn entry(&self, slot: u32) -> Option<&Entry<T>> {
        let (piece, place) = place(slot);
        self.pieces[piece].get()?.get(place)
    }

    fn make(&self, slot: u32) -> &Entry<T> {
        let (piece, place) = place(slot);
        let make = || (0..u64::from(FIRST) << piece).map(|_| Entry::default()).collect();
        &self.pieces[piece].get_or_init(make)[place]
    }

    fn allot(&self, worker: Option<usize>) -> Option<u32> {
        let Some(kept) = worker.and_then(|worker| self.kept.get(worker)) else {
            return lock(&self.free).next(self.limit);
        };
        let mut kept = lock(kept);
        if kept.is_empty() {
            let mut free = lock(&self.free);
            kept.extend(std::iter::from_fn(|| free.next(self.limit)).take(HANDFUL));
            kept.reverse(); // the last is given out first
        }
        kept.pop()
    }

    fn give_back(&self, worker: Option<usize>, slot: u32) {
        let Some(kept) = worker.and_then(|worker| self.kept.get(worker)) else {
            return lock(&self.free).line.push_back(slot);
        };
        let mut kept = lock(kept);
        kept.push(slot);
        if kept.len() >= 2 * HANDFUL {
            lock(&self.free).line.extend(kept.drain(..HANDFUL));
        }
    }
}

impl Free {
    fn next(&mut self, limit: u32) -> Option<u32> {
        self.line.pop_front().or_else(|| {
            let slot = self.known;
            (slot < limit).then(|| {
                self.known += 1;
                slot
            })
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn slots_lie_one_after_the_other() {
        let mut expected = (0, 0);
        for slot in 0..10_000 {
            assert_eq!(place(slot), expected);
            expected.1 += 1;
            if expected.1 == (FIRST as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(place(u32::MAX).0, 27);
    }

    #[test]
    fn an_id_is_dead_once_its_task_is_gone_and_its_slot_lives_on() {
        let table = Table::new(1, 2);
        let (a, b) = (table.insert(None, 'a'), table.insert(None, 'b'));
        assert_eq!((a, b, table.insert(None, 'c')), (Ok(0), Ok(1), Err('c')));
        assert_eq!((table.remove(None, 0), table.remove(None, 0), table.get(0)), (Some('a'), None, None));
        assert_eq!((table.remove(None, 1), table.get(7)), (Some('b'), None));
        // First freed, first used.
        assert_eq!(table.insert(None, 'd'), Ok(1 << 32));
        assert_eq!(table.get(1 << 32), Some('d'));
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_not_used_again() {
        let table = Table::new(0, 2);
        assert_eq!(table.insert(None, 'a'), Ok(0));
        lock(table.make(0)).0 = u32::MAX;
        let last = u64::from(u32::MAX) << 32;
        assert_eq!((table.get(last), table.remove(None, last)), (Some('a'), Some('a')));
        assert_eq!(
            (table.get(last), table.insert(None, 'b'), table.insert(None, 'c')),
            (None, Ok(1), Err('c'))
        );
    }

    #[test]
    fn a_worker_keeps_a_handful_and_gives_the_rest_back() {
        let table = Table::new(1, 600);
        let ids: Vec<u64> = (0..600).map(|n| table.insert(None, n).expect("there is room")).collect();
        assert_eq!(table.insert(Some(0), 0), Err(0));
        for id in ids {
            assert!(table.remove(Some(0), id).is_some());
        }
        let kept = lock(&table.kept[0]).len();
        assert!((1..2 * HANDFUL).contains(&kept));
        let mut found = 0;
        table.each(|_| found += 1);
        assert_eq!(found, 0);
        assert!((0..kept).all(|n| table.insert(Some(0), n).is_ok()));
        assert_eq!(lock(&table.free).line.len(), 600 - kept);
    }
}

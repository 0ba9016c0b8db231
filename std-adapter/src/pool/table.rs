//! The tasks of a pool, by id.
//!
//! The invariant: *an id names one task for ever*. A slot that is used again has another generation, and one whose
//! generations are used up is not used again. Slots are given out in the order in which they became free; workers keep
//! a few for themselves, so that they seldom meet here. The table grows in pieces that never move, and never
//! shrinks.
//!
//! This file does not know what the tasks are.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::OnceLock;

use crate::clock::lock;
use crate::sync::Mutex;

pub(crate) struct Table<T> {
    /// Each piece is as large as all before it together; the first has [`FIRST`] entries.
    pieces: Box<[OnceLock<Piece<T>>]>,
    free: Mutex<Free>,
    limit: u32,
    /// Whether there are so many slots that workers may keep some.
    plenty: bool,
}

/// Slots that a worker keeps for itself.
#[derive(Default)]
pub(crate) struct Kept(RefCell<Vec<u32>>);

/// A slot that nobody else uses.
#[must_use = "otherwise it is never used again"]
pub(crate) struct Slot(u32);

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

impl<T> Table<T> {
    /// A table for `workers` workers and at most `limit` tasks at once; a few less if all are wanted while workers keep
    /// slots for themselves, which they do only if there are plenty.
    pub(crate) fn new(workers: usize, limit: u32) -> Self {
        Self {
            pieces: (0..=place(u32::MAX).0).map(|_| OnceLock::new()).collect(),
            free: Mutex::default(),
            limit,
            plenty: limit as usize / PLENTY > workers,
        }
    }

    /// A slot for a task; none if all are in use. `kept` is the calling worker's.
    pub(crate) fn allot(&self, kept: Option<&Kept>) -> Option<Slot> {
        let slot = match kept.filter(|_| self.plenty) {
            None => lock(&self.free).next(self.limit)?,
            Some(kept) => {
                let mut kept = kept.0.borrow_mut();
                if kept.is_empty() {
                    let mut free = lock(&self.free);
                    kept.extend(std::iter::from_fn(|| free.next(self.limit)).take(HANDFUL));
                    kept.reverse(); // the last is given out first
                }
                kept.pop()?
            }
        };
        Some(Slot(slot))
    }

    /// Keeps a task in its slot, and says its id.
    pub(crate) fn fill(&self, Slot(slot): Slot, task: T) -> u64 {
        let mut entry = lock(self.make(slot));
        entry.1 = Some(task);
        u64::from(entry.0) << 32 | u64::from(slot)
    }

    /// Looks at the task of an id.
    pub(crate) fn look<R>(&self, id: u64, look: impl FnOnce(&T) -> R) -> Option<R> {
        let (slot, generation) = split(id);
        let entry = lock(self.entry(slot)?);
        entry.1.as_ref().filter(|_| entry.0 == generation).map(look)
    }

    /// Takes the task of an id, which is dead from now on. Its slot is still in use, until it is given back; it is none if
    /// its generations are used up.
    pub(crate) fn take(&self, id: u64) -> Option<(T, Option<Slot>)> {
        let (slot, generation) = split(id);
        let mut entry = lock(self.entry(slot)?);
        if entry.0 != generation {
            return None;
        }
        let task = entry.1.take()?;
        // After its last generation a slot would repeat an id.
        let next = generation.checked_add(1);
        entry.0 = next.unwrap_or(generation);
        Some((task, next.map(|_| Slot(slot))))
    }

    /// Lets a slot be used again. `kept` is the calling worker's.
    pub(crate) fn give_back(&self, kept: Option<&Kept>, Slot(slot): Slot) {
        let Some(kept) = kept.filter(|_| self.plenty) else {
            return lock(&self.free).line.push_back(slot);
        };
        let mut kept = kept.0.borrow_mut();
        kept.push(slot);
        if kept.len() >= 2 * HANDFUL {
            lock(&self.free).line.extend(kept.drain(..HANDFUL));
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

    /// Takes a task and gives its slot back.
    fn remove<T>(table: &Table<T>, kept: Option<&Kept>, id: u64) -> Option<T> {
        let (task, slot) = table.take(id)?;
        slot.into_iter().for_each(|slot| table.give_back(kept, slot));
        Some(task)
    }

    /// As the pool does it.
    fn insert<T>(table: &Table<T>, kept: Option<&Kept>, task: T) -> Result<u64, T> {
        match table.allot(kept) {
            Some(slot) => Ok(table.fill(slot, task)),
            None => Err(task),
        }
    }

    #[test]
    fn an_id_is_dead_once_its_task_is_gone_and_its_slot_lives_on() {
        let table = Table::new(1, 2);
        let (a, b) = (insert(&table, None, 'a'), insert(&table, None, 'b'));
        assert_eq!((a, b, insert(&table, None, 'c')), (Ok(0), Ok(1), Err('c')));
        let (task, slot) = table.take(0).expect("it is there");
        assert_eq!((task, table.look(0, |task| *task), insert(&table, None, 'c')), ('a', None, Err('c')));
        table.give_back(None, slot.expect("it has more generations"));
        assert_eq!(
            (remove(&table, None, 0), remove(&table, None, 1), table.look(7, |_| ())),
            (None, Some('b'), None)
        );
        // First freed, first used.
        assert_eq!(insert(&table, None, 'd'), Ok(1 << 32));
        assert_eq!(table.look(1 << 32, |task| *task), Some('d'));
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_not_used_again() {
        let table = Table::new(0, 2);
        assert_eq!(insert(&table, None, 'a'), Ok(0));
        lock(table.make(0)).0 = u32::MAX;
        let last = u64::from(u32::MAX) << 32;
        assert_eq!((remove(&table, None, last), remove(&table, None, last)), (Some('a'), None));
        assert_eq!((insert(&table, None, 'b'), insert(&table, None, 'c')), (Ok(1), Err('c')));
    }

    #[test]
    fn a_worker_keeps_a_handful_and_gives_the_rest_back() {
        let table = Table::new(1, 600);
        let own = Kept::default();
        let ids: Vec<u64> = (0..600).map(|n| insert(&table, None, n).expect("there is room")).collect();
        assert_eq!(insert(&table, Some(&own), 0), Err(0));
        for id in ids {
            assert!(remove(&table, Some(&own), id).is_some());
        }
        let kept = own.0.borrow().len();
        assert!((1..2 * HANDFUL).contains(&kept));
        assert!((0..kept).all(|n| insert(&table, Some(&own), n).is_ok()));
        assert_eq!(lock(&table.free).line.len(), 600 - kept);
    }
}

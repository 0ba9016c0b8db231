//! The tasks of a pool, by id.
//!
//! The invariant: *an id names one task for ever*. A slot that is used again has another generation, and one whose
//! generations are used up is not used again. Slots are given out in the order in which they became free; workers keep
//! a few for themselves, so that they seldom meet here. The table grows in pieces that never move, and never
//! shrinks.
//!
//! At most one thread is at a place: whoever was given its free slot, or has taken its id out of a queue. So nobody waits
//! there.
//!
//! This file does not know what the tasks are.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::OnceLock;

use crate::clock::lock;
use crate::sync::{Mutex, TryLock, TryLockGuard};

pub(crate) struct Table<T> {
    first: Piece<T>,
    /// Each is as large as all before it together; those before have [`FIRST`] places.
    pieces: Box<[OnceLock<Piece<T>>]>,
    free: Mutex<Free>,
    limit: u32,
    /// Whether there are so many slots that workers may keep some.
    plenty: bool,
}

/// Slots that a worker keeps for itself.
pub(crate) struct Kept {
    slots: [Cell<u32>; 2 * HANDFUL],
    count: Cell<usize>,
}

/// A slot that nobody else uses.
#[must_use = "otherwise it is never used again"]
pub(crate) struct Slot(u32);

/// The place of an id, for as long as this is there.
pub(crate) struct Held<'a, T>(TryLockGuard<'a, Place<T>>);

type Piece<T> = Box<[TryLock<Place<T>>]>;

struct Place<T> {
    slot: u32,
    /// Of the id that is here, or will be. Beyond 32 bits if these are used up.
    generation: u64,
    /// The task; or whatever the last one has left, while the slot is free.
    content: T,
}

#[derive(Default)]
struct Free {
    line: VecDeque<u32>,
    /// How many slots were ever given out.
    known: u32,
}

/// Places that are there from the beginning, and found sooner.
const FIRST: u32 = 512;
/// How many slots a worker fetches or gives back at once.
const HANDFUL: usize = 32;
/// So many slots for each worker are plenty.
const PLENTY: usize = 8 * HANDFUL;

/// Where a slot is that is not in the first piece: its piece, and its place there.
fn place(slot: u32) -> (usize, usize) {
    let piece = slot.ilog2() - FIRST.ilog2();
    (piece as usize, (slot - (FIRST << piece)) as usize)
}

/// The places of so many slots from `first` on.
fn piece<T: Default>(first: u32, places: u32) -> Piece<T> {
    (0..places)
        .map(|n| TryLock::new(Place { slot: first + n, generation: 0, content: T::default() }))
        .collect()
}

impl<T: Default> Table<T> {
    /// A table for `workers` workers and at most `limit` tasks at once; a few less if all are wanted while workers keep
    /// slots for themselves, which they do only if there are plenty.
    pub(crate) fn new(workers: usize, limit: u32) -> Self {
        Self {
            first: piece(0, FIRST.min(limit)),
            pieces: (0..=place(u32::MAX).0).map(|_| OnceLock::new()).collect(),
            free: Mutex::default(),
            limit,
            plenty: limit as usize / PLENTY > workers,
        }
    }

    /// A slot for a task; none if all are in use. `kept` is the calling worker's.
    #[inline]
    pub(crate) fn allot(&self, kept: Option<&Kept>) -> Option<Slot> {
        match kept.filter(|_| self.plenty) {
            Some(kept) => kept.pop().or_else(|| self.fetch(kept)).map(Slot),
            None => self.next().map(Slot),
        }
    }

    #[inline(never)]
    fn next(&self) -> Option<u32> {
        lock(&self.free).next(self.limit)
    }

    #[cold]
    fn fetch(&self, kept: &Kept) -> Option<u32> {
        let mut free = lock(&self.free);
        let first = free.next(self.limit)?;
        let more: Vec<u32> = std::iter::from_fn(|| free.next(self.limit)).take(HANDFUL - 1).collect();
        // The last that is kept is given out first.
        more.into_iter().rev().for_each(|slot| _ = kept.push(slot));
        Some(first)
    }

    /// The place of a free slot, with whatever the last task there has left.
    #[inline]
    pub(crate) fn free_place(&self, Slot(slot): Slot) -> Held<'_, T> {
        Held(self.make(slot).try_lock().expect("a free slot is nobody else's"))
    }

    /// The place of an id; none if the id is dead.
    #[inline]
    pub(crate) fn hold(&self, id: u64) -> Option<Held<'_, T>> {
        let place = self.place(id as u32)?.try_lock()?;
        (place.generation == id >> 32).then_some(Held(place))
    }

    /// Lets a slot be used again. `kept` is the calling worker's.
    #[inline]
    pub(crate) fn give_back(&self, kept: Option<&Kept>, Slot(slot): Slot) {
        match kept.filter(|_| self.plenty) {
            Some(kept) if kept.push(slot) => {}
            kept => self.give_to_all(kept, slot),
        }
    }

    #[inline(never)]
    fn give_to_all(&self, kept: Option<&Kept>, slot: u32) {
        match kept {
            Some(kept) => self.pass_on(kept, slot),
            None => lock(&self.free).line.push_back(slot),
        }
    }

    /// Passes the older half of what is kept to everybody.
    fn pass_on(&self, kept: &Kept, slot: u32) {
        let mut free = lock(&self.free);
        free.line.extend(kept.slots[..HANDFUL].iter().map(Cell::get));
        let (older, newer) = kept.slots.split_at(HANDFUL);
        older.iter().zip(newer).for_each(|(to, from)| to.set(from.get()));
        kept.count.set(HANDFUL);
        kept.push(slot);
    }

    #[inline]
    fn place(&self, slot: u32) -> Option<&TryLock<Place<T>>> {
        self.first.get(slot as usize).or_else(|| self.later_place(slot))
    }

    #[inline(never)]
    fn later_place(&self, slot: u32) -> Option<&TryLock<Place<T>>> {
        // None: below, if there are fewer than the first piece may have.
        let (piece, place) = slot.checked_sub(FIRST).map(|_| place(slot))?;
        self.pieces[piece].get()?.get(place)
    }

    #[inline]
    fn make(&self, slot: u32) -> &TryLock<Place<T>> {
        self.place(slot).unwrap_or_else(|| self.grow(slot))
    }

    #[cold]
    fn grow(&self, slot: u32) -> &TryLock<Place<T>> {
        let (number, place) = place(slot);
        &self.pieces[number].get_or_init(|| piece(FIRST << number, FIRST << number))[place]
    }
}

impl Kept {
    #[inline]
    fn pop(&self) -> Option<u32> {
        let last = self.count.get().wrapping_sub(1);
        let slot = self.slots.get(last)?;
        self.count.set(last);
        Some(slot.get())
    }

    /// False if there is no room.
    #[inline]
    fn push(&self, slot: u32) -> bool {
        let count = self.count.get();
        let Some(free) = self.slots.get(count) else { return false };
        free.set(slot);
        self.count.set(count + 1);
        true
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self { slots: [const { Cell::new(0) }; 2 * HANDFUL], count: Cell::new(0) }
    }
}

impl<T> Held<'_, T> {
    #[inline]
    pub(crate) fn content(&mut self) -> &mut T {
        &mut self.0.content
    }

    /// The id of what is here, which others may come to from now on.
    #[inline]
    pub(crate) fn publish(self) -> u64 {
        self.0.generation << 32 | u64::from(self.0.slot)
    }

    /// The id is dead from now on. Its slot is still in use, until it is given back; it is none if its generations are
    /// used up.
    #[inline]
    pub(crate) fn leave(mut self) -> Option<Slot> {
        self.0.generation += 1;
        // After its last generation a slot would repeat an id.
        (self.0.generation <= u64::from(u32::MAX)).then_some(Slot(self.0.slot))
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
        for slot in FIRST..10_000 {
            assert_eq!(place(slot), expected);
            expected.1 += 1;
            if expected.1 == (FIRST << expected.0) as usize {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(place(u32::MAX), (22, (FIRST << 22) as usize - 1));
    }

    /// Takes a task and gives its slot back.
    fn remove<T: Default>(table: &Table<T>, kept: Option<&Kept>, id: u64) -> Option<T> {
        let mut held = table.hold(id)?;
        let task = std::mem::take(held.content());
        held.leave().into_iter().for_each(|slot| table.give_back(kept, slot));
        Some(task)
    }

    /// As the pool does it.
    fn insert<T: Default>(table: &Table<T>, kept: Option<&Kept>, task: T) -> Result<u64, T> {
        match table.allot(kept) {
            Some(slot) => {
                let mut place = table.free_place(slot);
                *place.content() = task;
                Ok(place.publish())
            }
            None => Err(task),
        }
    }

    #[test]
    fn an_id_is_dead_once_its_task_is_gone_and_its_slot_lives_on() {
        let table = Table::new(1, 2);
        let (a, b) = (insert(&table, None, 'a'), insert(&table, None, 'b'));
        assert_eq!((a, b, insert(&table, None, 'c')), (Ok(0), Ok(1), Err('c')));
        let mut held = table.hold(0).expect("it is there");
        assert!(table.hold(0).is_none(), "somebody is at it");
        assert_eq!(*held.content(), 'a');
        let slot = held.leave().expect("it has more generations");
        assert!(table.hold(0).is_none());
        assert_eq!(insert(&table, None, 'c'), Err('c'));
        table.give_back(None, slot);
        assert_eq!(
            (remove(&table, None, 0), remove(&table, None, 1), remove(&table, None, 7)),
            (None, Some('b'), None)
        );
        // First freed, first used.
        assert_eq!(insert(&table, None, 'd'), Ok(1 << 32));
        assert_eq!(table.hold(1 << 32).map(|mut held| *held.content()), Some('d'));
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_not_used_again() {
        let table = Table::new(0, 2);
        assert_eq!(insert(&table, None, 'a'), Ok(0));
        table.make(0).try_lock().expect("nobody is at it").generation = u64::from(u32::MAX);
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
        let kept = own.count.get();
        assert!((1..=2 * HANDFUL).contains(&kept));
        assert!((0..kept).all(|n| insert(&table, Some(&own), n).is_ok()));
        assert_eq!(lock(&table.free).line.len(), 600 - kept);
    }
}

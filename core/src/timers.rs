//! Timers: at most one time for each index, in an indexed heap with four children to an entry.
//!
//! The invariant: no entry is before the one above it, and each index that has an entry knows its place. So the first time is exact and O(1), arming
//! and disarming are O(log n), and equal times come in the order they were armed. There is an [`Alarm`] for each index, so the heap is never full.
//! It does not know what waits, or why, or what time it is.
//!
//! An entry is one number: the time, then how many were armed before it, then the index. So comparing two entries is one comparison, and the least of
//! four children is found without a branch: which child it is cannot be predicted, and a wrong prediction costs more than all comparisons of a level.
//!
//! The count of what was armed ends at 2^32 - 1; then those that are armed are counted from zero, in O(n log n). Numbers that wrap around would
//! need no such pause, but a timer that stays armed while the count comes round would lose its turn among equals.
//!
//! Why not a timing wheel, a pairing heap, or entries that are only marked when they are cancelled: none of them was faster, and a wheel wakes for nothing.

/// The place of what is not armed.
const NOWHERE: u32 = u32::MAX;

/// Children of an entry.
const ARITY: u32 = 4;

/// Two things in one: entry *k* of the heap, whosever it is, and the place of index *k*'s entry. Packed, so that the two need no padding.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub(crate) struct Alarm {
    entry: u128,
    /// One more than the place of this index's entry; zero if it has none.
    after: u32,
}

impl Alarm {
    /// All zeros.
    pub(crate) const UNUSED: Self = Self { entry: 0, after: 0 };
}

/// What there is to know of the heap besides the alarms. Every method needs the same alarms again.
#[derive(Debug)]
pub(crate) struct Timers {
    len: u32,
    /// The count for the next that is armed.
    armed: u32,
}

impl Timers {
    /// With no entries. All zeros.
    pub(crate) const EMPTY: Self = Self { len: 0, armed: 0 };

    /// Sets the time of `index`. If it had this time already, it keeps its turn among equals.
    pub(crate) fn arm(&mut self, alarms: &mut [Alarm], index: u32, at: u64) {
        if self.armed == u32::MAX {
            self.count_anew(alarms);
        }
        let mut place = place_of(alarms, index);
        if place == NOWHERE {
            place = self.len;
            self.len += 1;
        } else {
            let old = time(entry(alarms, place));
            if old == at {
                return;
            }
            if old < at {
                place = self.sink(alarms, place);
            }
        }
        put(alarms, place, u128::from(at) << 64 | u128::from(self.armed) << 32 | u128::from(index));
        self.armed += 1;
        rise(alarms, place);
    }

    /// Takes the time of `index` away, if it has one.
    pub(crate) fn disarm(&mut self, alarms: &mut [Alarm], index: u32) {
        let place = place_of(alarms, index);
        if place != NOWHERE {
            self.take(alarms, place);
            set_place(alarms, index, NOWHERE);
        }
    }

    /// The earliest time, and whose it is.
    #[inline]
    pub(crate) fn first(&self, alarms: &[Alarm]) -> Option<(u64, u32)> {
        let first = alarms.first().filter(|_| self.len > 0)?.entry;
        Some((time(first), index_of(first)))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The time of `index`, if it has one.
    pub(crate) fn time_of(&self, alarms: &[Alarm], index: u32) -> Option<u64> {
        let place = place_of(alarms, index);
        (place != NOWHERE).then(|| time(entry(alarms, place)))
    }

    /// An index whose entry is before the one above it, or that does not know its place; none if all is well.
    #[cfg(any(feature = "unstable-door", test))]
    pub(crate) fn fault(&self, alarms: &[Alarm]) -> Option<u32> {
        let wrong = |place: &u32| {
            let misplaced = place_of(alarms, index_of(entry(alarms, *place))) != *place;
            misplaced || *place > 0 && !is_before(alarms, (*place - 1) / ARITY, *place)
        };
        (0..self.len).find(wrong).map(|place| index_of(entry(alarms, place)))
    }

    /// How many are armed.
    #[cfg(any(feature = "unstable-door", test))]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Closes the gap that the entry at `place` leaves.
    fn take(&mut self, alarms: &mut [Alarm], place: u32) {
        self.len -= 1;
        let gap = self.sink(alarms, place);
        shift(alarms, self.len, gap);
        rise(alarms, gap);
    }

    /// Fills the gap at `place` with its least child, the gap that this leaves with the least child there, and so on. Returns the last gap, which has no
    /// children. What will be put there comes from the end of the heap or is later than before, so it nearly always belongs there or one above; it is not
    /// compared on the way down.
    fn sink(&self, alarms: &mut [Alarm], mut place: u32) -> u32 {
        while let Some(child) = self.least_child(alarms, place) {
            shift(alarms, child, place);
            place = child;
        }
        place
    }

    fn least_child(&self, alarms: &[Alarm], place: u32) -> Option<u32> {
        let len = self.len as usize;
        let first = place as usize * ARITY as usize + 1;
        // Where flash matters more than time, the loop does it all.
        #[cfg(not(small))]
        if let Some(four) = alarms.get(first..len).and_then(<[_]>::first_chunk) {
            return Some((first + least_of_four(four)) as u32);
        }
        if first >= len {
            return None;
        }
        let mut least = first as u32;
        for child in first + 1..len.min(first + ARITY as usize) {
            if is_before(alarms, child as u32, least) {
                least = child as u32;
            }
        }
        Some(least)
    }

    /// Counts what is armed from zero, in the order it has.
    #[cold]
    #[inline(never)]
    fn count_anew(&mut self, alarms: &mut [Alarm]) {
        let len = self.len;
        self.armed = 0;
        while self.len > 0 {
            let first = entry(alarms, 0);
            self.take(alarms, 0);
            // Into the place that the heap has just given up.
            put(alarms, self.len, first & !(u128::from(u32::MAX) << 32) | u128::from(self.armed) << 32);
            self.armed += 1;
        }
        self.len = len;
        for place in 0..len {
            rise(alarms, place);
        }
    }
}

/// Moves the entry at `place` up to where it belongs.
fn rise(alarms: &mut [Alarm], mut place: u32) {
    while place > 0 {
        let above = (place - 1) / ARITY;
        if !is_before(alarms, place, above) {
            break;
        }
        let new = entry(alarms, place);
        shift(alarms, above, place);
        put(alarms, above, new);
        place = above;
    }
}

#[cfg_attr(small, inline(never))]
fn is_before(alarms: &[Alarm], one: u32, other: u32) -> bool {
    entry(alarms, one) < entry(alarms, other)
}

/// Which of them is first. In numbers, because a compiler makes branches of choices.
#[cfg(not(small))]
fn least_of_four(four: &[Alarm; 4]) -> usize {
    let before = |one: usize, other: usize| usize::from({ four[one].entry } < { four[other].entry });
    let (left, right) = (before(1, 0), 2 + before(3, 2));
    let is_right = before(right, left).wrapping_neg();
    left & !is_right | right & is_right
}

/// Copies the entry at `from` into the gap at `to`.
#[cfg_attr(small, inline(never))]
fn shift(alarms: &mut [Alarm], from: u32, to: u32) {
    put(alarms, to, entry(alarms, from));
}

#[cfg_attr(small, inline(never))]
fn put(alarms: &mut [Alarm], place: u32, entry: u128) {
    if let Some(alarm) = alarms.get_mut(place as usize) {
        alarm.entry = entry;
    }
    set_place(alarms, index_of(entry), place);
}

/// Places come from the heap itself, so none is out of range.
fn entry(alarms: &[Alarm], place: u32) -> u128 {
    alarms.get(place as usize).unwrap_or(&Alarm::UNUSED).entry
}

fn place_of(alarms: &[Alarm], index: u32) -> u32 {
    alarms.get(index as usize).unwrap_or(&Alarm::UNUSED).after.wrapping_sub(1)
}

fn set_place(alarms: &mut [Alarm], index: u32, place: u32) {
    if let Some(alarm) = alarms.get_mut(index as usize) {
        alarm.after = place.wrapping_add(1);
    }
}

const fn time(entry: u128) -> u64 {
    (entry >> 64) as u64
}

const fn index_of(entry: u128) -> u32 {
    entry as u32
}

/// Lets two entries change places, whatever the order.
#[cfg(test)]
pub(crate) fn swap(alarms: &mut [Alarm], one: u32, other: u32) {
    let (first, second) = (entry(alarms, one), entry(alarms, other));
    put(alarms, one, second);
    put(alarms, other, first);
}

#[cfg(test)]
mod tests;

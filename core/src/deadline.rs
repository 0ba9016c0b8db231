//! Deadlines: an indexed 4-ary heap whose entries lie in the nodes.
//!
//! Each node has at most one entry, for the earlier of its two times (wake-up and limit), and there is an [`Alarm`](crate::node::Alarm) for each
//! node; so the heap can never be full. The alarms are a table of their own, for an entry's four children are compared at once. The next deadline is exact and O(1), arming and cancelling are O(log n), and equal deadlines expire in the order
//! they were armed. A timing wheel would be faster at a million timers, but it wakes for nothing and caps its span.

use crate::node::{Alarm, Entry, ROOT, flag};
use crate::spec::UNLIMITED;
use crate::table::Table;

const ARITY: u32 = 4;

impl Table<'_> {
    /// The node whose deadline is due, if any is.
    pub(crate) fn due(&self) -> Option<u32> {
        let first = self.alarms.first().filter(|_| self.root.heap_len > 0)?.entry;
        (first.at <= self.root.now).then_some(first.index)
    }

    /// Brings the heap in line with the node's two times. Call it after each change of either.
    pub(crate) fn rearm(&mut self, index: u32) {
        let cold = self.cold(index);
        let (at, place) = (cold.wake_at.min(cold.limit_at), self.place(index));
        if at == UNLIMITED {
            if place != ROOT {
                self.disarm(index, place);
            }
            return;
        }
        if place != ROOT && self.entry(place).at == at {
            return;
        }
        let sequence = self.root.armed;
        self.root.armed = sequence.wrapping_add(1);
        let entry = Entry { at, sequence, index };
        if place == ROOT {
            self.hot_mut(index).set(flag::ARMED);
            let last = self.root.heap_len;
            self.root.heap_len += 1;
            self.sift_up(last, entry);
        } else {
            self.sift(place, entry);
        }
    }

    /// Takes both of the node's times away.
    #[inline]
    pub(crate) fn cancel_deadlines(&mut self, index: u32) {
        if self.hot(index).has(flag::ARMED) {
            let cold = self.cold_mut(index);
            (cold.wake_at, cold.limit_at) = (UNLIMITED, UNLIMITED);
            self.rearm(index);
        }
    }

    fn disarm(&mut self, index: u32, place: u32) {
        self.hot_mut(index).clear(flag::ARMED);
        self.set_place(index, ROOT);
        self.root.heap_len -= 1;
        let last = self.root.heap_len;
        if place != last {
            let moved = self.entry(last);
            self.sift(place, moved);
        }
    }

    /// Puts `entry` at `place` or wherever it belongs from there.
    fn sift(&mut self, place: u32, entry: Entry) {
        if place > 0 && before(&entry, &self.entry((place - 1) / ARITY)) {
            self.sift_up(place, entry);
        } else {
            self.sift_down(place, entry);
        }
    }

    fn sift_up(&mut self, mut place: u32, entry: Entry) {
        while place > 0 {
            let above = (place - 1) / ARITY;
            let other = self.entry(above);
            if !before(&entry, &other) {
                break;
            }
            self.put(place, other);
            place = above;
        }
        self.put(place, entry);
    }

    fn sift_down(&mut self, mut place: u32, entry: Entry) {
        let len = self.root.heap_len as usize;
        loop {
            let first = place as usize * ARITY as usize + 1;
            let end = len.min(first + ARITY as usize);
            let mut least = (place, entry);
            for (child, alarm) in (first as u32..).zip(self.alarms.get(first..end).unwrap_or_default()) {
                if before(&alarm.entry, &least.1) {
                    least = (child, alarm.entry);
                }
            }
            if least.0 == place {
                break;
            }
            self.put(place, least.1);
            place = least.0;
        }
        self.put(place, entry);
    }

    fn put(&mut self, place: u32, entry: Entry) {
        if let Some(alarm) = self.alarms.get_mut(place as usize) {
            alarm.entry = entry;
        }
        self.set_place(entry.index, place);
    }

    /// Places and indices come from the heap itself; one that is out of range would be its end.
    fn entry(&self, place: u32) -> Entry {
        self.alarms.get(place as usize).unwrap_or(&Alarm::UNUSED).entry
    }

    fn place(&self, index: u32) -> u32 {
        self.alarms.get(index as usize).map_or(ROOT, Alarm::place)
    }

    fn set_place(&mut self, index: u32, place: u32) {
        if let Some(alarm) = self.alarms.get_mut(index as usize) {
            alarm.set_place(place);
        }
    }
}

/// Earlier first; among equals, armed first. The comparison of sequence numbers survives their wrapping.
fn before(a: &Entry, b: &Entry) -> bool {
    if a.at == b.at { (a.sequence.wrapping_sub(b.sequence) as i32) < 0 } else { a.at < b.at }
}

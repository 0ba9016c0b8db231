//! Who may run: rings of runnable children, queues of children that wait for a place, lists of children that have ended.
//!
//! All three are circular lists through the `next` and `prev` links of the nodes; a node is in at most one of them, so no list has a
//! capacity of its own. A ring has a cursor: the children from it to the end have not had their turn in this pass.
//!
//! Fairness: a child that becomes runnable in the pass in which it left the ring (as a rule by having its turn) is put before the
//! cursor, so it runs in the next pass and no chain of wakes can keep a pass from ending. Any other is put at the end: it runs in this pass,
//! unless the cursor already stands at the end of it. For children that are added, that is the reference's order; children that are
//! woken have their old place in the reference's list, which a ring of runnable children does not keep.

use crate::node::{Kind, ROOT, flag};
use crate::state::State;
use crate::table::Table;

impl Table<'_> {
    /// Brings ring membership in line with [`Hot::is_runnable`](crate::node::Hot::is_runnable), here and above. Stops at the first
    /// ancestor for which nothing changes.
    pub(crate) fn refresh(&mut self, mut index: u32) {
        // The root is in nobody's ring; no index but its own is out of range.
        while let Some(hot) = self.hot.get(index as usize) {
            let (runnable, parent) = (hot.is_runnable(), hot.parent);
            if runnable == hot.has(flag::IN_RING) {
                return;
            }
            if runnable {
                self.enter_ring(parent, index);
            } else {
                self.leave_ring(parent, index);
            }
            index = parent;
        }
    }

    fn enter_ring(&mut self, parent: u32, index: u32) {
        let above = self.hot_mut(parent);
        let (head, cursor, pass) = (above.ring, above.cursor, above.pass);
        if head == ROOT {
            above.ring = index;
        }
        let hot = self.hot_mut(index);
        hot.flags |= flag::IN_RING;
        let ran = hot.mark == pass;
        if head == ROOT {
            (hot.next, hot.prev) = (index, index);
            self.hot_mut(parent).cursor = if ran { ROOT } else { index };
        } else if ran && cursor != ROOT {
            self.link_before(cursor, index);
            if cursor == head {
                self.hot_mut(parent).ring = index;
            }
        } else {
            self.link_before(head, index);
        }
    }

    fn leave_ring(&mut self, parent: u32, index: u32) {
        self.root.disturbed = true;
        let pass = self.hot(parent).pass;
        let hot = self.hot_mut(index);
        hot.flags &= !flag::IN_RING;
        hot.mark = pass;
        let next = self.unlink(index);
        let above = self.hot_mut(parent);
        if above.cursor == index {
            above.cursor = if next == above.ring { ROOT } else { next };
        }
        if above.ring == index {
            above.ring = next;
        }
    }

    // ---- places ----

    /// Gives a new child a place if one is free, else puts it last in the queue. A graph's child with dependencies gets neither.
    pub(crate) fn offer(&mut self, parent: u32, index: u32) {
        if self.cold(index).unmet > 0 {
            return;
        }
        if self.cold(parent).queue == ROOT && self.has_place(parent) {
            self.activate(parent, index);
        } else {
            let head = self.cold(parent).queue;
            self.push_back(head, index);
            if head == ROOT {
                self.cold_mut(parent).queue = index;
            }
            self.hot_mut(index).set(flag::QUEUED);
        }
    }

    /// Puts a child that has been active before first in the queue.
    pub(crate) fn queue_first(&mut self, index: u32) {
        let parent = self.hot(index).parent;
        let head = self.cold(parent).queue;
        self.push_back(head, index);
        self.cold_mut(parent).queue = index;
        self.hot_mut(index).set(flag::QUEUED);
        self.fill_places(parent);
    }

    fn has_place(&self, parent: u32) -> bool {
        let cold = self.cold(parent);
        let hot = self.hot(parent);
        cold.active < cold.width && (!hot.kind.is_gate() || hot.has(flag::OPEN))
    }

    /// Activates queued children while there are places.
    pub(crate) fn fill_places(&mut self, parent: u32) {
        loop {
            let index = self.cold(parent).queue;
            if index == ROOT || !self.has_place(parent) || self.hot(parent).has(flag::SETTLING) {
                return;
            }
            self.leave_queue(parent, index);
            self.activate(parent, index);
        }
    }

    fn activate(&mut self, parent: u32, index: u32) {
        self.cold_mut(parent).active += 1;
        self.hot_mut(index).set(flag::ACTIVE);
        if self.hot(index).state == State::Waiting {
            // It had lent its place during a retry delay, and the delay is over.
            self.go(index, State::Running);
            self.begin_attempt(index);
            self.hot_mut(index).set(flag::TURN);
        }
        self.refresh(index);
    }

    /// Takes the place of an active child away, without filling it.
    pub(crate) fn give_place_back(&mut self, index: u32) {
        let hot = self.hot_mut(index);
        if hot.has(flag::ACTIVE) {
            hot.clear(flag::ACTIVE);
            let parent = hot.parent;
            self.refresh(index);
            let cold = self.cold_mut(parent);
            cold.active = cold.active.saturating_sub(1);
        }
    }

    /// In a graph, a node that waits out a retry delay lends its place to others.
    pub(crate) fn lend_place(&mut self, index: u32) {
        let parent = self.hot(index).parent;
        if self.hot(parent).kind == Kind::Graph {
            self.give_place_back(index);
            self.fill_places(parent);
        }
    }

    pub(crate) fn leave_queue(&mut self, parent: u32, index: u32) {
        if self.hot(index).has(flag::QUEUED) {
            self.hot_mut(index).clear(flag::QUEUED);
            let next = self.unlink(index);
            if self.cold(parent).queue == index {
                self.cold_mut(parent).queue = next;
            }
        }
    }

    // ---- ended children ----

    pub(crate) fn join_ended(&mut self, parent: u32, index: u32) {
        let head = self.cold(parent).ended;
        self.push_back(head, index);
        if head == ROOT {
            self.cold_mut(parent).ended = index;
            self.hot_mut(parent).set(flag::UNSEEN);
            self.root.stirred = true;
        }
    }

    pub(crate) fn leave_ended(&mut self, parent: u32, index: u32) {
        // An ended node that is linked at all is linked here.
        if self.hot(index).next == ROOT {
            return;
        }
        let next = self.unlink(index);
        if self.cold(parent).ended == index {
            self.cold_mut(parent).ended = next;
        }
        if self.cold(parent).ended == ROOT {
            self.hot_mut(parent).clear(flag::UNSEEN);
        }
    }

    // ---- circular lists ----

    fn link_alone(&mut self, index: u32) {
        let hot = self.hot_mut(index);
        (hot.next, hot.prev) = (index, index);
    }

    fn link_before(&mut self, at: u32, index: u32) {
        let Some(after) = self.hot.get_mut(at as usize) else { return };
        let prev = core::mem::replace(&mut after.prev, index);
        if let Some(hot) = self.hot.get_mut(index as usize) {
            (hot.next, hot.prev) = (at, prev);
        }
        if let Some(before) = self.hot.get_mut(prev as usize) {
            before.next = index;
        }
    }

    /// Links `index` last into the list that begins with `head`, which may be empty.
    fn push_back(&mut self, head: u32, index: u32) {
        if head == ROOT {
            self.link_alone(index);
        } else {
            self.link_before(head, index);
        }
    }

    /// Takes `index` out of its list and gives the one after it, `ROOT` if it was alone.
    fn unlink(&mut self, index: u32) -> u32 {
        let Some(hot) = self.hot.get_mut(index as usize) else { return ROOT };
        let (next, prev) = (hot.next, hot.prev);
        (hot.next, hot.prev) = (ROOT, ROOT);
        if next == index {
            return ROOT;
        }
        if let Some(before) = self.hot.get_mut(prev as usize) {
            before.next = next;
        }
        if let Some(after) = self.hot.get_mut(next as usize) {
            after.prev = prev;
        }
        next
    }
}

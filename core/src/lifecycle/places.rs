//! Who may run: places, queues for them, and the rings of those that can.
//!
//! The invariant: a parent has no more active children than places, but for those that were given one to clean up; a child waits in the queue exactly if it
//! may start and has no place; a node is in its parent's ring exactly if it is [runnable](crate::node::Hot::is_runnable).

use crate::kind::Kind;
use crate::marks::mark;
use crate::node::ROOT;
use crate::phase::Phase;
use crate::run_queue;
use crate::table::Table;

impl Table<'_> {
    /// Gives the node its own turn.
    #[inline]
    pub(crate) fn ask_turn(&mut self, index: u32) {
        self.hot[index].set(mark::TURN);
        self.refresh_to(index, true);
    }

    /// Takes the node's own turn away.
    #[inline]
    pub(crate) fn end_turn(&mut self, index: u32) {
        self.hot[index].clear(mark::TURN);
        self.refresh_to(index, false);
    }

    /// Brings ring membership in line with [`Hot::is_runnable`](crate::node::Hot::is_runnable), here and above. Stops at the first
    /// ancestor for which nothing changes.
    #[inline(never)]
    pub(crate) fn refresh(&mut self, mut index: u32) {
        while let Some(parent) = self.refresh_one(index, None) {
            index = parent;
        }
    }

    /// As [`Table::refresh`], for a node that has just become runnable, or has just ceased to be, if that is known, and that is not in the ring, or is,
    /// accordingly.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn enter_or_leave_ring(&mut self, index: u32, runnable: bool) {
        // Where code has to be small, one for all.
        if cfg!(small) {
            self.refresh(index);
            return;
        }
        debug_assert!(
            self.hot[index].is_runnable() == runnable && self.hot[index].has(mark::IN_RING) != runnable
        );
        let parent = self.change_ring(index, runnable);
        self.refresh_above(parent);
    }

    /// As [`Table::refresh`], for a node that can only have become runnable, or only have ceased to be.
    #[cfg_attr(not(small), inline(always))]
    fn refresh_to(&mut self, index: u32, to: bool) {
        if cfg!(small) {
            self.refresh(index);
            return;
        }
        let parent = self.refresh_one(index, Some(to));
        self.refresh_above(parent);
    }

    /// At the top it ends with the first step.
    #[inline(always)]
    fn refresh_above(&mut self, parent: Option<u32>) {
        match parent {
            Some(parent) if parent != ROOT => self.refresh(parent),
            _ => {}
        }
    }

    /// The parent, if it may be concerned.
    #[inline(always)]
    fn refresh_one(&mut self, index: u32, to: Option<bool>) -> Option<u32> {
        // The root is in nobody's ring; no index but its own is out of range.
        let node = self.hot.get(index)?;
        let runnable = node.is_runnable();
        let is_right = runnable == node.has(mark::IN_RING);
        debug_assert!(is_right || to != Some(!runnable));
        if is_right || to == Some(!runnable) {
            return None;
        }
        self.change_ring(index, runnable)
    }

    /// Lets a node enter the ring, or leave it. The parent, if it may be concerned: its ring was empty, or is now.
    #[inline(always)]
    fn change_ring(&mut self, index: u32, enter: bool) -> Option<u32> {
        let hot = &mut self.hot.local();
        let node = hot.get_mut(index)?;
        let parent = node.parent;
        node.marks ^= mark::IN_RING;
        let concerned = if enter {
            run_queue::enter(hot, parent, index)
        } else {
            self.globals.call.disturbed = true;
            run_queue::leave(hot, parent, index)
        };
        (cfg!(small) || concerned).then_some(parent)
    }

    /// Gives a child a place if one is free, else puts it last in the queue. A graph's child with dependencies gets neither.
    pub(crate) fn offer(&mut self, parent: u32, index: u32) {
        if self.cold[index].unmet > 0 {
            return;
        }
        if self.cold[parent].queue.is_empty() && self.has_place(parent) {
            self.activate(parent, index);
        } else {
            self.cold[parent].queue.push_back(&mut self.hot, index);
            self.hot[index].set(mark::QUEUED);
        }
    }

    /// Puts a child that has been active before first in the queue.
    pub(crate) fn queue_first(&mut self, index: u32) {
        let parent = self.hot[index].parent;
        self.cold[parent].queue.push_front(&mut self.hot, index);
        self.hot[index].set(mark::QUEUED);
        self.fill_places(parent);
    }

    fn has_place(&self, parent: u32) -> bool {
        let cold = &self.cold[parent];
        let hot = &self.hot[parent];
        cold.active < cold.places && (!hot.kind.is_gate() || hot.has(mark::OPEN))
    }

    /// Activates queued children while there are places.
    pub(crate) fn fill_places(&mut self, parent: u32) {
        loop {
            let index = self.cold[parent].queue.first();
            if index == ROOT || !self.has_place(parent) || self.hot[parent].phase == Phase::Settling {
                return;
            }
            self.leave_queue(parent, index);
            self.activate(parent, index);
        }
    }

    fn activate(&mut self, parent: u32, index: u32) {
        self.cold[parent].active += 1;
        let hot = &mut self.hot[index];
        hot.set(mark::ACTIVE);
        if hot.phase == Phase::Requeued {
            self.begin_next_attempt(index);
        }
        self.refresh_to(index, true);
    }

    /// Takes the place of an active child away, without filling it.
    pub(crate) fn give_place_back(&mut self, index: u32) {
        let hot = &mut self.hot[index];
        if hot.has(mark::ACTIVE) {
            hot.clear(mark::ACTIVE);
            let parent = hot.parent;
            self.refresh(index);
            let cold = &mut self.cold[parent];
            cold.active = cold.active.saturating_sub(1);
        }
    }

    /// A node waits for a retry: others may have its place, if the parent wants that.
    pub(crate) fn lend_place(&mut self, index: u32) {
        let parent = self.hot[index].parent;
        if !self.hot[parent].has(mark::LENDS) {
            return;
        }
        self.give_place_back(index);
        self.fill_places(parent);
        if self.hot[parent].kind == Kind::Batch {
            self.ask_turn(parent);
        }
    }

    pub(crate) fn leave_queue(&mut self, parent: u32, index: u32) {
        if self.hot[index].has(mark::QUEUED) {
            self.hot[index].clear(mark::QUEUED);
            self.cold[parent].queue.remove(&mut self.hot, index);
        }
    }
}

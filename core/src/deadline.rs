//! Deadlines: the earlier of a node's two times, wake-up and limit, as its timer.
//!
//! The invariant, between two calls: a node has a timer exactly if it has a time, it is at the earlier of the two, and the node's mark says so.

use crate::node::flag;
use crate::spec::UNLIMITED;
use crate::table::Table;

impl Table<'_> {
    /// The node whose deadline is due, if any is.
    pub(crate) fn due(&self) -> Option<u32> {
        let (at, index) = self.root.timers.first(self.alarms)?;
        (at <= self.root.now).then_some(index)
    }

    /// Brings the node's timer in line with its two times. Call it after each change of either.
    pub(crate) fn rearm(&mut self, index: u32) {
        let cold = self.cold(index);
        let at = cold.wake_at.min(cold.limit_at);
        if at != UNLIMITED {
            self.hot_mut(index).set(flag::ARMED);
            self.root.timers.arm(self.alarms, index, at);
        } else if self.hot(index).has(flag::ARMED) {
            self.hot_mut(index).clear(flag::ARMED);
            self.root.timers.disarm(self.alarms, index);
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
}

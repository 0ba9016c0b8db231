//! The one timer of a node: when it rings, and what that means.
//!
//! A node can have two times: one at which it goes on (a sleep, a retry delay, a gate's next question, the next step of a clean-up), and a limit (of the attempt,
//! or of the drain). The invariant, between two calls: it has a timer exactly if it has a time; the timer stands at the earlier of the two, at the
//! limit if they are equal, and [`Timer`] says which it is. If the limit comes first, the other time is forgotten, for the limit ends what would go on.
//! So the limit is kept beside the timer, and the other time only in it.

use crate::marks::mark;
use crate::node::Cold;
use crate::table::Table;
use crate::time::UNLIMITED;

/// What it means when a node's timer rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A sleep is over, or a gate asks again.
    #[default]
    Wake,
    /// The delay before the next attempt is over.
    Retry,
    /// The attempt has taken too long.
    AttemptLimit,
    /// A clean-up takes its next step.
    CleanUp,
    /// An abort came between two polls, so its drain is counted from the next one, which is now.
    DrainBegin,
    /// The drain has taken too long.
    DrainLimit,
}

impl Timer {
    pub(crate) const fn is_limit(self) -> bool {
        matches!(self, Self::AttemptLimit | Self::DrainLimit)
    }
}

impl Table<'_> {
    /// Whether the earliest timer has come.
    #[inline]
    pub(crate) fn is_timer_due(&self) -> bool {
        self.globals.timers.first(self.alarms).is_some_and(|(at, _)| at <= self.globals.now)
    }

    /// The node whose timer is due, if any is, with what that means. The timer is set to the node's limit, or stopped. If both its times have come, the
    /// limit counts.
    pub(crate) fn ring_next(&mut self) -> Option<(u32, Timer)> {
        let (at, index) = self.globals.timers.first(self.alarms)?;
        let now = self.globals.now;
        if at > now {
            return None;
        }
        let Cold { limit_at, timer, .. } = self.cold[index];
        if limit_at > now || limit_at == UNLIMITED {
            self.forget_time(index);
            return Some((index, timer));
        }
        self.stop_timer(index);
        Some((index, self.limit_of(index)))
    }

    /// What the limit of a node means.
    fn limit_of(&self, index: u32) -> Timer {
        if self.hot[index].phase.is_ending() { Timer::DrainLimit } else { Timer::AttemptLimit }
    }

    /// Sets the time at which the node goes on; the limit stays.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn set_time(&mut self, index: u32, at: u64, timer: Timer) {
        let limit = self.cold[index].limit_at;
        if at < limit {
            self.arm(index, at, timer);
        } else {
            self.forget_time(index);
        }
    }

    /// Takes away the time at which the node goes on; the limit stays.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn forget_time(&mut self, index: u32) {
        let limit = self.cold[index].limit_at;
        if limit != UNLIMITED {
            let timer = self.limit_of(index);
            self.arm(index, limit, timer);
        } else if self.hot[index].has(mark::ARMED) {
            self.disarm(index);
        }
    }

    /// Sets the limit; the other time stays.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn set_limit(&mut self, index: u32, at: u64) {
        self.cold[index].limit_at = at;
        let timer = self.cold[index].timer;
        let goes_on_at = if timer.is_limit() { None } else { self.timer_at(index) };
        self.set_time(index, goes_on_at.unwrap_or(UNLIMITED), timer);
    }

    /// Takes both times away.
    #[inline]
    pub(crate) fn stop_timer(&mut self, index: u32) {
        if self.hot[index].has(mark::ARMED) {
            self.cold[index].limit_at = UNLIMITED;
            self.disarm(index);
        }
    }

    /// When the timer rings; none if there is none.
    fn timer_at(&self, index: u32) -> Option<u64> {
        self.globals.timers.time_of(self.alarms, index)
    }

    fn arm(&mut self, index: u32, at: u64, timer: Timer) {
        self.hot[index].set(mark::ARMED);
        self.cold[index].timer = timer;
        self.globals.timers.arm(self.alarms, index, at);
    }

    fn disarm(&mut self, index: u32) {
        self.hot[index].clear(mark::ARMED);
        self.globals.timers.disarm(self.alarms, index);
    }
}

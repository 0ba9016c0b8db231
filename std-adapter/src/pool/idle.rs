//! Which workers sleep, and who is woken when there is something to take.
//!
//! The invariant: *nobody sleeps through an element*. A worker announces its sleep, and only then looks at all queues
//! once more; whoever adds an element looks at the announcements only after the element is there. A fence on either
//! side makes sure that one of the two sees the other (the idle protocol of the Go scheduler).
//!
//! A worker that looks for work is *searching*. While one is, nobody is woken for a new element: the searching one
//! finds it, or looks again after it has announced its sleep. The last one that finds something wakes the next, if
//! there is more. So a burst of elements costs one wake-up at a time, and an idle pool none.
//!
//! This file does not know the queues: it is told how to look at them.

use std::time::Duration;

use super::padded::Padded;
use crate::clock::{Park, Signal, lock};
use crate::sync::{AtomicU64, Mutex, Ordering, fence};

pub(super) struct Idle {
    /// How many sleep (low 32 bits), how many search (next 31), and whether the pool is closed (the highest).
    state: Padded<AtomicU64>,
    /// Those that sleep, and have not been woken yet. It changes together with `state`.
    asleep: Mutex<Vec<usize>>,
    signals: Box<[Signal]>,
    parks: AtomicU64,
}

const SLEEPING: u64 = 1;
const SEARCHING: u64 = 1 << 32;
const CLOSED: u64 = 1 << 63;

fn sleeping(state: u64) -> u64 {
    state & (SEARCHING - 1)
}

fn searching(state: u64) -> u64 {
    (state & !CLOSED) / SEARCHING
}

impl Idle {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            state: Padded::new(AtomicU64::new(0)),
            asleep: Mutex::new(Vec::with_capacity(workers)),
            signals: (0..workers).map(|_| Signal::default()).collect(),
            parks: AtomicU64::new(0),
        }
    }

    /// An element was added. Whether the pool is closed, so that nobody will take it.
    pub(super) fn added(&self) -> bool {
        fence(Ordering::SeqCst);
        let state = self.state.load(Ordering::Relaxed);
        if searching(state) == 0 && sleeping(state) > 0 {
            self.wake_one();
        }
        state & CLOSED != 0
    }

    /// A worker begins to search.
    pub(super) fn search(&self) {
        self.state.fetch_add(SEARCHING, Ordering::SeqCst);
    }

    /// A worker that searched has found something, or gives up. If it was the last, and there is `more`, the next is
    /// woken.
    pub(super) fn found(&self, more: impl FnOnce() -> bool) {
        let before = self.state.fetch_sub(SEARCHING, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if searching(before) == 1 && sleeping(before) > 0 && more() {
            self.wake_one();
        }
    }

    /// A worker that searched in vain sleeps until it is woken or notified, at most for `limit`, or until there is
    /// something. Afterwards it searches again.
    pub(super) fn sleep(&self, worker: usize, limit: Option<Duration>, something: impl FnOnce() -> bool) {
        {
            let mut asleep = lock(&self.asleep);
            asleep.push(worker);
            self.state.fetch_add(SLEEPING.wrapping_sub(SEARCHING), Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
        if !self.is_closed() && !something() {
            self.parks.fetch_add(1, Ordering::Relaxed);
            self.signals[worker].park(limit);
        }
        let mut asleep = lock(&self.asleep);
        if let Some(place) = asleep.iter().position(|other| *other == worker) {
            asleep.swap_remove(place);
            self.state.fetch_add(SEARCHING - SLEEPING, Ordering::SeqCst);
        }
        // Otherwise it was woken, and whoever did that has counted it.
    }

    /// A worker that takes nothing now sleeps until it is notified, at most for `limit`.
    pub(super) fn rest(&self, worker: usize, limit: Option<Duration>) {
        self.parks.fetch_add(1, Ordering::Relaxed);
        self.signals[worker].park(limit);
    }

    /// Ends the sleep of a worker, or its next one.
    pub(super) fn notify(&self, worker: usize) {
        self.signals[worker].notify();
    }

    fn wake_one(&self) {
        let mut asleep = lock(&self.asleep);
        let Some(worker) = asleep.pop() else { return };
        self.state.fetch_add(SEARCHING - SLEEPING, Ordering::SeqCst);
        drop(asleep);
        self.signals[worker].notify();
    }

    /// Nothing will be taken any more; all wake up.
    pub(super) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::SeqCst);
        self.signals.iter().for_each(Park::notify);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// How often workers have gone to sleep.
    pub(super) fn parks(&self) -> u64 {
        self.parks.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn counts(idle: &Idle) -> (u64, u64) {
        let state = idle.state.load(Ordering::SeqCst);
        (searching(state), sleeping(state))
    }

    #[test]
    fn whoever_sees_something_after_its_announcement_does_not_park() {
        let idle = Idle::new(1);
        idle.search();
        assert_eq!(counts(&idle), (1, 0));
        idle.sleep(0, None, || true);
        assert_eq!((counts(&idle), idle.parks()), ((1, 0), 0));
        idle.found(|| true);
        assert_eq!(counts(&idle), (0, 0));
    }

    #[test]
    fn an_addition_wakes_one_sleeper_and_none_while_one_searches() {
        let idle = Idle::new(2);
        std::thread::scope(|scope| {
            for worker in 0..2 {
                let idle = &idle;
                scope.spawn(move || {
                    idle.search();
                    idle.sleep(worker, None, || false);
                });
            }
            while counts(&idle) != (0, 2) {
                std::thread::yield_now();
            }
            assert!(!idle.added());
            assert_eq!(counts(&idle), (1, 1));
            assert!(!idle.added());
            assert_eq!(counts(&idle), (1, 1));
            idle.found(|| false);
            assert_eq!(counts(&idle), (0, 1));
            idle.search();
            idle.found(|| true);
            assert_eq!(counts(&idle), (1, 0));
        });
        assert!(idle.parks() <= 2);
    }

    #[test]
    fn nobody_sleeps_in_a_closed_pool() {
        let idle = Idle::new(1);
        idle.close();
        idle.search();
        idle.sleep(0, None, || false);
        assert!(idle.added());
        assert_eq!((counts(&idle), idle.parks()), ((1, 0), 0));
    }
}

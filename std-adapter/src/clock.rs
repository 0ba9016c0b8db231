//! The two things a driver needs from the operating system: what time it is, and to sleep until told.
//!
//! The invariant: *whoever notifies before a park ends that park*. A flag under a mutex remembers it, so nothing is
//! lost between the last look and the sleep. Nobody trusts the end of a sleep: it may come early, late or for
//! nothing, and the driver looks at the clock again. This file knows nothing of schedulers; tests put fakes in its
//! place.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use windlass::Instant;

use crate::sync::{Condvar, Mutex, MutexGuard};

/// Says what time it is.
///
/// It should not go backwards; if it does, the engine counts the latest time it has seen.
///
/// ```
/// use windlass::Instant;
/// use windlass_std::{Clock, Monotonic};
///
/// /// A clock that shows what it is set to.
/// struct Stopped(Instant);
///
/// impl Clock for Stopped {
///     fn now(&self) -> Instant {
///         self.0
///     }
/// }
/// assert_eq!(Stopped(Instant::from_secs(3)).now(), Instant::from_secs(3));
///
/// let clock = Monotonic::new();
/// assert!(clock.now() <= clock.now());
/// ```
pub trait Clock: Send + Sync {
    /// The time since an origin of the clock's own choice, rounded down.
    fn now(&self) -> Instant;
}

/// Puts the driver's thread to sleep, and ends that sleep.
pub trait Park: Send + Sync {
    /// Sleeps until notified, at most for `limit`. Returns at once if [`Park::notify`] was called since the last
    /// return. May return early for no reason at all.
    fn park(&self, limit: Option<Duration>);

    /// Ends the sleep, or the next one. Called from any thread, also while none sleeps; must not block for long.
    fn notify(&self);
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Instant {
        (**self).now()
    }
}

impl<T: Park + ?Sized> Park for Arc<T> {
    fn park(&self, limit: Option<Duration>) {
        (**self).park(limit);
    }

    fn notify(&self) {
        (**self).notify();
    }
}

/// The operating system's monotonic clock, counted from when this value was made.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic {
    origin: std::time::Instant,
}

impl Monotonic {
    /// A clock that shows zero now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Instant {
        Instant::from_elapsed(self.origin.elapsed())
    }
}

/// A flag and a condition variable: what [`Driver::new`](crate::Driver::new) parks on.
///
/// ```
/// use std::time::Duration;
/// use windlass_std::{Park, Signal};
///
/// let signal = Signal::new();
/// signal.notify();
/// signal.park(None); // returns at once: the notification came first
/// signal.park(Some(Duration::ZERO)); // returns at once: no time to sleep
/// ```
#[derive(Default)]
pub struct Signal {
    raised: Mutex<bool>,
    condvar: Condvar,
}

impl Signal {
    /// A signal that is not raised.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { raised: Mutex::new(false), condvar: Condvar::new() }
    }
}

impl Park for Signal {
    fn park(&self, limit: Option<Duration>) {
        let mut raised = lock(&self.raised);
        match limit {
            None => {
                while !*raised {
                    raised = self.condvar.wait(raised).unwrap_or_else(PoisonError::into_inner);
                }
            }
            // A model has no time, and a sleep may end early.
            #[cfg(loom)]
            Some(_) => {}
            #[cfg(not(loom))]
            Some(limit) => {
                let waited = self.condvar.wait_timeout_while(raised, limit, |raised| !*raised);
                raised = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        *raised = false;
    }

    fn notify(&self) {
        *lock(&self.raised) = true;
        self.condvar.notify_one();
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({})", if *lock(&self.raised) { "raised" } else { "quiet" })
    }
}

/// Locks a mutex whose data are whole even if a thread panicked while it held the lock, as all of this crate's are.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_notification_before_the_park_ends_it_once() {
        let signal = Signal::new();
        signal.notify();
        signal.notify();
        signal.park(None);
        assert_eq!(format!("{signal:?}"), "Signal(quiet)");
        signal.notify();
        signal.park(Some(Duration::MAX));
        assert_eq!(format!("{signal:?}"), "Signal(quiet)");
    }

    #[test]
    fn a_notification_from_another_thread_ends_a_park_of_any_length() {
        for limit in [None, Some(Duration::MAX), Some(Duration::from_secs(u64::MAX))] {
            let signal = Signal::new();
            std::thread::scope(|scope| {
                scope.spawn(|| signal.park(limit));
                scope.spawn(|| signal.notify());
            });
        }
    }

    #[test]
    fn the_monotonic_clock_starts_at_its_origin_and_never_goes_back() {
        let clock = Arc::new(Monotonic::new());
        let mut last = Clock::now(&clock);
        for _ in 0..1_000 {
            let now = Clock::now(&clock);
            assert!(now >= last);
            last = now;
        }
    }
}

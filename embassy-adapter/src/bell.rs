//! What wakes the task of a scheduler, from an interrupt, another task or another thread.
//!
//! The invariant: *a ring is answered by a poll that begins after it*. The bell remembers that it was rung, and is
//! silenced only just before a poll. It knows no scheduler: a request to shut down waits in it until the next poll.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use windlass::Instant;

use crate::clock::now;

/// Wakes the task that runs a scheduler.
///
/// Lives in a `static`. One bell serves one scheduler: it is what the scheduler's wake set notifies, and what
/// [`run`](crate::run) waits for.
///
/// ```
/// use windlass::{Inline, Scheduler, wake_set};
/// use windlass_embassy::Bell;
///
/// static BELL: Bell = Bell::new();
/// wake_set!(static WAKES: 8, notify = &BELL);
///
/// # enum MyWork {}
/// let mut scheduler: Scheduler<Inline<MyWork, 8>> = Scheduler::new();
/// scheduler.set_wakes(&WAKES);
/// ```
pub struct Bell {
    rung: Signal<CriticalSectionRawMutex, ()>,
    shutdown: CriticalSectionMutex<Cell<Option<Instant>>>,
}

impl Bell {
    /// A bell that has not been rung.
    #[must_use]
    pub const fn new() -> Self {
        Self { rung: Signal::new(), shutdown: CriticalSectionMutex::new(Cell::new(None)) }
    }

    /// Makes the scheduler be polled soon: ends the rest that is going on, or the next one. What a poll finds nothing
    /// to do for costs O(1).
    ///
    /// A critical section of a few instructions and the wake of a task. Interrupts may call it.
    pub fn ring(&self) {
        self.rung.signal(());
    }

    /// Asks for a shutdown: everything is aborted, has `drain` from now to clean up, and is then ended by force;
    /// [`Duration::MAX`] waits for it however long it takes. [`run`](crate::run) returns when it is over. Asked again, the
    /// earlier end counts.
    ///
    /// The request waits for a run if none is going on. Interrupts may call it.
    pub fn shutdown(&self, drain: Duration) {
        let by = now() + drain;
        self.shutdown.lock(|request| request.set(Some(request.get().map_or(by, |earlier| earlier.min(by)))));
        self.ring();
    }

    /// Takes the request to shut down: the instant by which all must have ended. For loops of your own (see
    /// [`rest`](crate::rest)); [`run`](crate::run) does it before each poll.
    pub fn take_shutdown(&self) -> Option<Instant> {
        self.shutdown.lock(Cell::take)
    }

    /// Waits until the bell rings, or has rung since it was silenced.
    pub(crate) async fn rung(&self) {
        self.rung.wait().await;
    }

    pub(crate) fn is_rung(&self) -> bool {
        self.rung.signaled()
    }

    /// Forgets the rings so far. Only before a poll, which sees what they were for.
    pub(crate) fn silence(&self) {
        self.rung.reset();
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
impl windlass::Notify for Bell {
    fn notify(&self) {
        self.ring();
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bell({})", if self.is_rung() { "rung" } else { "silent" })
    }
}

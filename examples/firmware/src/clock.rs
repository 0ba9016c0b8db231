//! Milliseconds since the start, counted by the timer's interrupt.
//!
//! Invariant: all clocks of an image are this one: the engine's, the board's, and Embassy's where there is an executor.

use core::cell::Cell;

use critical_section::Mutex;
use windlass::Instant;

static MILLIS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// The time since the start.
#[must_use]
pub fn now() -> Instant {
    Instant::from_millis(millis())
}

/// Another millisecond is over: for the handler of the timer's interrupt.
pub fn on_tick() {
    critical_section::with(|cs| {
        let millis = MILLIS.borrow(cs);
        millis.set(millis.get() + 1);
    });
    #[cfg(target_has_atomic = "32")]
    crate::alarms::on_tick();
}

pub(crate) fn millis() -> u64 {
    critical_section::with(|cs| MILLIS.borrow(cs).get())
}

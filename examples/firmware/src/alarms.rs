//! Embassy's clock and alarms, on a tick of a millisecond.
//!
//! Invariant: an alarm goes off at the first tick at or after its time, and none is lost: every tick looks at the queue.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

use crate::clock::millis;

const _: () = assert!(TICK_HZ == 1_000, "Embassy counts milliseconds, as the clock does");

embassy_time_driver::time_driver_impl!(static ALARMS: Alarms = Alarms(Mutex::new(RefCell::new(Queue::new()))));

struct Alarms(Mutex<RefCell<Queue>>);

impl Driver for Alarms {
    fn now(&self) -> u64 {
        millis()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| self.0.borrow_ref_mut(cs).schedule_wake(at, waker));
    }
}

/// Lets the alarms go off whose time has come.
pub(crate) fn on_tick() {
    critical_section::with(|cs| ALARMS.0.borrow_ref_mut(cs).next_expiration(millis()));
}

//! Embassy's clock on the system timer, and the interrupt that posts letters.
//!
//! The invariant: *a letter is posted only when the one before was seen*, so that a single lost wake stops the post for
//! good. The timer is read in ticks of 1/32,768 s; it interrupts every 5 ms, and alarms go off there.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::Peripherals;
use cortex_m_rt::exception;
use embassy_sync::blocking_mutex::CriticalSectionMutex;
use systick_timer::SystickDriver;
use windlass::WakeHandle;

/// What QEMU's board has after a reset.
const CORE_HZ: u64 = 12_500_000;
const RELOAD: u32 = 62_500 - 1;

// Each alarm has a place until it goes off, overtaken ones too, and this driver panics when there is none.
embassy_time_driver::time_driver_impl!(static DRIVER: SystickDriver<32> = SystickDriver::new(CORE_HZ, RELOAD));

/// Whom the interrupt wakes.
static READER: CriticalSectionMutex<Cell<Option<WakeHandle>>> = CriticalSectionMutex::new(Cell::new(None));
static POSTED: AtomicU32 = AtomicU32::new(0);
static SEEN: AtomicU32 = AtomicU32::new(0);

/// Starts the timer.
pub fn start() {
    if let Some(mut peripherals) = Peripherals::take() {
        DRIVER.start(&mut peripherals.SYST);
    }
}

/// Lets the interrupt post letters to `reader`, or stop.
pub fn post_to(reader: Option<WakeHandle>) {
    READER.lock(|current| current.set(reader));
}

/// How many letters were posted; the next may come.
pub fn read() -> u32 {
    let posted = POSTED.load(Ordering::Acquire);
    SEEN.store(posted, Ordering::Release);
    posted
}

#[exception]
fn SysTick() {
    DRIVER.systick_interrupt();
    let Some(reader) = READER.lock(Cell::get) else { return };
    let seen = SEEN.load(Ordering::Acquire);
    if POSTED.load(Ordering::Relaxed) == seen {
        POSTED.store(seen + 1, Ordering::Release);
        reader.wake();
    }
}

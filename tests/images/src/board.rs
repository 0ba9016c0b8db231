//! The part of a board that every image needs.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use windlass::Instant;

/// What the interrupt counts.
static TICKS: AtomicU32 = AtomicU32::new(0);

/// Lets the system timer interrupt once a millisecond, on a board of 16 MHz.
pub fn start_clock() {
    if let Some(peripherals) = Peripherals::take() {
        let mut timer = peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(16_000 - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
    }
}

/// Counts one; for the interrupt handler of an image.
pub fn tick() {
    TICKS.store(ticks().wrapping_add(1), Ordering::Relaxed);
}

/// Milliseconds since the start.
pub fn ticks() -> u32 {
    TICKS.load(Ordering::Relaxed)
}

/// The time since the start.
pub fn now() -> Instant {
    Instant::from_micros(u64::from(ticks()) * 1_000)
}

/// Lets the processor sleep until the next interrupt.
pub fn wait_for_interrupt() {
    cortex_m::asm::wfi();
}

// A function of its own, so that it can be seen in an image whether anything can panic.
#[inline(never)]
#[panic_handler]
fn stop(_: &PanicInfo<'_>) -> ! {
    loop {
        wait_for_interrupt();
    }
}

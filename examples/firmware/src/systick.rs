//! The timer that every Cortex-M has in QEMU, as a tick each millisecond; and the interrupt that software raises.
//!
//! Invariant: the handlers are the image's; nothing happens here but in their hardware.

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{Peripherals, SCB};

/// Lets `SysTick` come each millisecond from now on, on a processor with so many cycles in a second.
pub fn start(core_hz: u32) {
    if let Some(mut peripherals) = Peripherals::take() {
        let timer = &mut peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(core_hz / 1_000 - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
    }
}

/// Raises `PendSV`, which comes when no other interrupt is being handled.
pub fn pend() {
    SCB::set_pendsv();
}

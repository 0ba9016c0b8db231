//! The timer of a RISC-V processor, as a tick each millisecond; and the interrupt that software raises.
//!
//! Invariant: the handlers are the image's; nothing happens here but in their hardware. The one `unsafe` block lets interrupts come.

riscv_peripheral::clint_codegen!(Clint, base 0x0200_0000, mtime_freq 10_000_000);

const CLINT: Clint = Clint::new();
/// Counts of the timer in a millisecond.
const TICK: u64 = 10_000;

/// Lets `MachineTimer` come each millisecond from now on, and `MachineSoft` when it is raised.
#[allow(unsafe_code)]
pub fn start() {
    let timer = CLINT.mtimer();
    timer.mtimecmp0().write(timer.mtime().read() + TICK);
    // SAFETY: this breaks into no critical section, for programs call it once, outside of any, when they start.
    unsafe {
        timer.enable();
        CLINT.mswi().enable();
        riscv::interrupt::enable();
    }
}

/// The tick was seen; the next one comes a millisecond after it.
pub fn acknowledge_tick() {
    let alarm = CLINT.mtimer().mtimecmp0();
    alarm.write(alarm.read() + TICK);
}

/// Raises `MachineSoft`.
pub fn pend() {
    CLINT.mswi().msip0().pend();
}

/// `MachineSoft` was seen.
pub fn unpend() {
    CLINT.mswi().msip0().unpend();
}

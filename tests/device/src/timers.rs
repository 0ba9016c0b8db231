//! Two timers of a board whose interrupts nest: the tick, which is the processor's own, and the alarm, a timer of the chip, which may
//! interrupt the tick.
//!
//! The invariant: an interrupt comes once for each time a timer is armed. Both count some ten million times a second. What they
//! interrupt, and what for, is the image's business: it has the handlers, `SysTick` and `DefaultHandler`.

/// Lets interrupts happen; none does before a timer is armed.
pub fn start() {
    SYSTEM_PRIORITY.write(0xC000_0000);
    board::start();
    ENABLE_INTERRUPT.write(1 << board::ALARM);
}

/// Lets the tick come after so many counts, of which there are at most 2^24, and none before.
pub fn arm_tick(counts: u32) {
    TICK_RELOAD.write(counts);
    TICK_VALUE.write(0);
    TICK_CONTROL.write(0b111);
}

/// Lets the alarm come after so many counts, and none before; the one that has come is over.
pub fn arm_alarm(counts: u32) {
    board::arm(counts);
}

const TICK_CONTROL: Register = Register(0xE000_E010);
const TICK_RELOAD: Register = Register(0xE000_E014);
const TICK_VALUE: Register = Register(0xE000_E018);
const ENABLE_INTERRUPT: Register = Register(0xE000_E100);
/// The tick's is in the highest byte; all other priorities are 0, the most urgent.
const SYSTEM_PRIORITY: Register = Register(0xE000_ED20);

/// Timer 0 of the LM3S6965.
#[cfg(board = "lm3s6965")]
mod board {
    use super::Register;

    /// Its interrupt.
    pub(super) const ALARM: u32 = 19;

    const CLOCKS: Register = Register(0x400F_E104);
    const MODE: Register = Register(0x4003_0004);
    const CONTROL: Register = Register(0x4003_000C);
    const INTERRUPTS: Register = Register(0x4003_0018);
    const CLEAR: Register = Register(0x4003_0024);
    const LOAD: Register = Register(0x4003_0028);

    pub(super) fn start() {
        CLOCKS.write(1 << 16);
        MODE.write(1); // once
        INTERRUPTS.write(1);
    }

    pub(super) fn arm(counts: u32) {
        CONTROL.write(0);
        CLEAR.write(1);
        LOAD.write(counts);
        CONTROL.write(1);
    }
}

/// Timer 0 of the nRF51822. The real chip has no tick; QEMU's has one.
#[cfg(board = "microbit")]
mod board {
    use super::Register;

    /// Its interrupt.
    pub(super) const ALARM: u32 = 8;

    const START: Register = Register(0x4000_8000);
    const STOP: Register = Register(0x4000_8004);
    const CLEAR: Register = Register(0x4000_800C);
    const REACHED: Register = Register(0x4000_8140);
    const SHORTCUTS: Register = Register(0x4000_8200);
    const INTERRUPTS: Register = Register(0x4000_8304);
    const BITS: Register = Register(0x4000_8508);
    const PRESCALER: Register = Register(0x4000_8510);
    const COMPARE: Register = Register(0x4000_8540);

    pub(super) fn start() {
        BITS.write(3); // 32
        PRESCALER.write(0);
        SHORTCUTS.write(1 << 8); // stop when reached
        INTERRUPTS.write(1 << 16);
    }

    pub(super) fn arm(counts: u32) {
        STOP.write(1);
        REACHED.write(0);
        CLEAR.write(1);
        COMPARE.write(counts);
        START.write(1);
    }
}

/// A register of the processor or of the chip, at this address.
#[derive(Clone, Copy)]
struct Register(usize);

impl Register {
    #[allow(unsafe_code)]
    fn write(self, value: u32) {
        let register = core::ptr::with_exposed_provenance_mut(self.0);
        // SAFETY: All registers are constants of this file: aligned, there on the board that they are compiled for, and of timers and
        // their interrupts. What is written to them changes no memory.
        unsafe { core::ptr::write_volatile(register, value) }
    }
}

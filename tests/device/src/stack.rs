//! How much stack a call takes: the stack below is painted before the call, and looked at after it.
//!
//! The invariant: what is painted lies between the statics and the stack pointer, so it belongs to nobody. Interrupts must be
//! off, or their frames count. A call that writes the very paint at its deepest place seems to take less; four bytes of luck.

use cortex_m::register::msp;

/// As much is painted, if there is so much.
pub const LIMIT: usize = 4096;

const PAINT: u32 = 0xC5A3_5C3A;

/// Bytes that `call` takes, its own frame included; `usize::MAX` if they are more than [`LIMIT`], or than there are.
pub fn taken_by(mut call: impl FnMut()) -> usize {
    match look(&mut call) {
        usize::MAX => usize::MAX,
        taken => taken.saturating_sub(look(&mut || ())),
    }
}

/// Bytes below this function's frame that are no longer painted after `call`.
#[inline(never)]
#[allow(unsafe_code)]
fn look(call: &mut dyn FnMut()) -> usize {
    let top: *mut u32 = core::ptr::with_exposed_provenance_mut(msp::read() as usize);
    let lowest = cortex_m_rt::heap_start().addr();
    let words = LIMIT.min(top.addr().saturating_sub(lowest)) / size_of::<u32>();
    for depth in 1..=words {
        // SAFETY: Memory, aligned, below the stack pointer and above the statics, where nothing lives, and no interrupt comes.
        unsafe { top.sub(depth).write_volatile(PAINT) }
    }
    call();
    let untouched = (1..=words)
        .rev()
        // SAFETY: As above; what has been written there since is of calls that are over.
        .take_while(|depth| unsafe { top.sub(*depth).read_volatile() == PAINT })
        .count();
    // Without any left, nobody knows where it ended.
    if untouched == 0 { usize::MAX } else { (words - untouched) * size_of::<u32>() }
}

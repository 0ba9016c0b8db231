//! The image without an engine: what the others' sizes are compared with.

#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::{entry, exception};
use windlass_images as board;

#[exception]
fn SysTick() {
    board::tick();
}

#[entry]
fn main() -> ! {
    board::start_clock();
    loop {
        black_box(board::now());
        board::wait_for_interrupt();
    }
}

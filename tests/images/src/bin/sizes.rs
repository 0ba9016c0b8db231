//! How much memory the engine's tables take: printed on a host, a table of constants in an image.
//!
//! The works are of a type that has no value, whose slots take no memory; so what is left is the engine's own.

#![cfg_attr(target_os = "none", no_std, no_main)]

use windlass::{Inline, Scheduler};

/// A work that cannot be.
enum Never {}

type Sized<const N: usize> = Scheduler<Inline<Never, N>>;

const fn ram<const N: usize>() -> u32 {
    size_of::<Sized<N>>() as u32
}

/// Bytes of a node, and of schedulers of 16, 64 and 256 nodes.
static SIZES: [u32; 4] = [(ram::<256>() - ram::<0>()) / 256, ram::<16>(), ram::<64>(), ram::<256>()];

#[cfg(target_os = "none")]
#[cortex_m_rt::entry]
fn main() -> ! {
    use windlass_images as board;

    loop {
        // Somebody might look at it.
        core::hint::black_box(&SIZES);
        board::wait_for_interrupt();
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    SIZES.iter().for_each(|bytes| println!("{bytes}"));
}

//! The engine for browsers and Node, as numbers: one class, whose calls take and give integers, floats and text.
//!
//! The invariant: nothing in here calls JavaScript. A poll writes down which works want to run (the *asks*) and what has happened (the *log*); the
//! JavaScript side reads both when the poll is over, runs the users' functions, and brings their answers back. So no user code ever runs while the
//! scheduler is borrowed, and a callback may call whatever it likes.
//!
//! This is not what people use: `wasm/js` makes an API of it. There is no clock here, no timer and no promise.

mod asks;
mod engine;
mod inbox;
mod log;
mod look;
mod numbers;
mod staged;
mod work;

pub use engine::Engine;

/// Small, and slow where there is much to do: it has nothing to do but when a scheduler is made.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

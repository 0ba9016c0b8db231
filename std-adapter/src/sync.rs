//! What threads meet at: the standard library's, or, for the models, loom's.
//!
//! The invariant: code that uses these is the same in both builds. `RUSTFLAGS="--cfg loom"` chooses loom's, which try every order in which
//! threads can run, and have no time; that build is for the models alone. `Arc` is the standard one in both, as only its counter is atomic.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::thread;

/// A static; in a model, one that is made anew for each of its runs.
macro_rules! shared_static {
    ($(#[$meta:meta])* $name:ident: $type:ty = $value:expr) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        static $name: $type = $value;
        #[cfg(loom)]
        loom::lazy_static! {
            $(#[$meta])*
            static ref $name: $type = $value;
        }
    };
}

pub(crate) use shared_static;

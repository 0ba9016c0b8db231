//! What threads meet at: the standard library's, or, for the models, loom's or shuttle's.
//!
//! The invariant: code that uses these is the same in all builds. `RUSTFLAGS="--cfg loom"` chooses loom's, which try every order in which
//! threads can run, and have no time; `--cfg shuttle` chooses shuttle's, which draw orders from a seed and know no weak memory. Those builds
//! are for the models alone. `Arc` is the standard one in all, as only its counter is atomic.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
#[cfg(shuttle)]
pub(crate) use shuttle::thread;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::thread;

/// Guards what one thread at a time has by agreement: it is tried, and never waited for.
///
/// Outside the models it is released by a store, and so costs one locked instruction where a [`Mutex`] costs two.
#[cfg(not(any(loom, shuttle)))]
pub(crate) struct TryLock<T>(spin::mutex::SpinMutex<T>);
#[cfg(any(loom, shuttle))]
pub(crate) struct TryLock<T>(Mutex<T>);

#[cfg(not(any(loom, shuttle)))]
pub(crate) type TryLockGuard<'a, T> = spin::mutex::SpinMutexGuard<'a, T>;
#[cfg(any(loom, shuttle))]
pub(crate) type TryLockGuard<'a, T> = MutexGuard<'a, T>;

impl<T> TryLock<T> {
    pub(crate) fn new(value: T) -> Self {
        #[cfg(not(any(loom, shuttle)))]
        return Self(spin::mutex::SpinMutex::new(value));
        #[cfg(any(loom, shuttle))]
        return Self(Mutex::new(value));
    }

    /// None if a thread has it, against the agreement.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<TryLockGuard<'_, T>> {
        #[cfg(not(any(loom, shuttle)))]
        return self.0.try_lock();
        #[cfg(any(loom, shuttle))]
        return self.0.try_lock().ok();
    }
}

/// A static; in a model of loom's, one that is made anew for each of its runs.
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

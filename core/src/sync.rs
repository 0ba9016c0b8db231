//! The atomics that wake sets are made of: the machine's, those of `portable-atomic`, or, for the models, loom's.
//!
//! The invariant: code that uses them is the same in all three builds. `RUSTFLAGS="--cfg loom"` chooses loom's, which try every order in which
//! threads can run and every value that the orderings let them see. That build is for the models alone: its atomics cannot lie in a `static`.

#[cfg(not(any(loom, feature = "portable-atomic")))]
pub(crate) use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(all(feature = "portable-atomic", not(loom)))]
pub(crate) use portable_atomic::{AtomicU32, Ordering};

#[cfg(loom)]
pub(crate) use modelled::{AtomicU32, Ordering};

/// Loom's atomics, which a model can also weaken, to see that it would notice.
#[cfg(loom)]
#[allow(missing_docs)]
pub(crate) mod modelled {
    use core::cell::Cell;
    use std::thread_local;

    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::Ordering;

    /// What is taken away from the atomics.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) enum Weakness {
        None,
        /// Every ordering is `Relaxed`.
        Unordered,
        /// What reads and writes does so in two steps.
        Torn,
    }

    thread_local! {
        /// A model's threads all run on the thread that calls it.
        static WEAKNESS: Cell<Weakness> = const { Cell::new(Weakness::None) };
    }

    /// Weakens the atomics of this thread's models, until the next call.
    #[cfg(test)]
    pub(crate) fn weaken(weakness: Weakness) {
        WEAKNESS.set(weakness);
    }

    #[derive(Debug)]
    pub struct AtomicU32(atomic::AtomicU32);

    impl AtomicU32 {
        #[must_use]
        pub fn new(value: u32) -> Self {
            Self(atomic::AtomicU32::new(value))
        }

        pub fn load(&self, ordering: Ordering) -> u32 {
            self.0.load(weak(ordering))
        }

        pub fn swap(&self, value: u32, ordering: Ordering) -> u32 {
            self.torn(|_| value).unwrap_or_else(|| self.0.swap(value, weak(ordering)))
        }

        pub fn fetch_or(&self, bits: u32, ordering: Ordering) -> u32 {
            self.torn(|old| old | bits).unwrap_or_else(|| self.0.fetch_or(bits, weak(ordering)))
        }

        pub fn fetch_and(&self, bits: u32, ordering: Ordering) -> u32 {
            self.torn(|old| old & bits).unwrap_or_else(|| self.0.fetch_and(bits, weak(ordering)))
        }

        fn torn(&self, new: impl FnOnce(u32) -> u32) -> Option<u32> {
            (WEAKNESS.get() == Weakness::Torn).then(|| {
                let old = self.0.load(Ordering::Acquire);
                self.0.store(new(old), Ordering::Release);
                old
            })
        }
    }

    fn weak(ordering: Ordering) -> Ordering {
        if WEAKNESS.get() == Weakness::Unordered { Ordering::Relaxed } else { ordering }
    }
}

//! The panics of a fault script: thrown without noise, and caught around a poll.
//!
//! The invariant: only the lab's own panics are caught. Any other is somebody's failed assertion, and goes on.

#[cfg(not(target_os = "none"))]
mod with_std {
    use std::boxed::Box;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    struct Scripted;

    pub(crate) fn throw() -> ! {
        // Without the panic hook: nobody needs to read about it.
        resume_unwind(Box::new(Scripted))
    }

    pub(crate) fn catch<R>(call: impl FnOnce() -> R) -> Option<R> {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(result) => Some(result),
            Err(payload) if payload.is::<Scripted>() => None,
            Err(payload) => resume_unwind(payload),
        }
    }
}

#[cfg(target_os = "none")]
mod without_std {
    pub(crate) fn throw() -> ! {
        panic!("the fault script of the lab says so, and nothing here can catch it")
    }

    pub(crate) fn catch<R>(call: impl FnOnce() -> R) -> Option<R> {
        Some(call())
    }
}

#[cfg(not(target_os = "none"))]
pub(crate) use with_std::{catch, throw};
#[cfg(target_os = "none")]
pub(crate) use without_std::{catch, throw};

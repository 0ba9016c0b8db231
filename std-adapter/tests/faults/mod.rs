//! Deques and a small pool with known faults, to show that the audit finds each; and the same without a fault.
//!
//! The invariant: *a fault is a line or two in otherwise sound code*, chosen by a type or a value, so what the audit
//! reports is that fault. Everything here is safe code over the public interface of `windlass_std`: a fault may lose or
//! double an id, and nothing else. This module draws no schedule of its own; who uses it brings threads, a model
//! checker, or a script.
// Each user needs a part of it.
#![allow(dead_code)]

pub(crate) mod deque;
pub(crate) mod race;
pub(crate) mod scripts;
pub(crate) mod toy;

/// What threads meet at, as in the crate itself.
pub(crate) mod sync {
    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
    #[cfg(loom)]
    pub(crate) use loom::{sync::Mutex, thread};
    #[cfg(shuttle)]
    pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering, fence};
    #[cfg(shuttle)]
    pub(crate) use shuttle::{sync::Mutex, thread};
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) use std::{sync::Mutex, thread};
}

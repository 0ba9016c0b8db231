//! One element that its owner wants to take next, and that others may take instead.
//!
//! The invariant: *what was put in is taken exactly once*. Two counters that only grow say how often it was filled and
//! how often it was emptied; whoever raises the second from what it read has taken the element. So it is the
//! [`Ring`](super::Ring) of one cell, without the fence: the owner never lowers a counter.
//!
//! This file does not know who may take, or when.

use crate::audit::Tag;
use crate::sync::{AtomicU64, Ordering};

pub(super) struct Slot<T: Tag> {
    filled: AtomicU64,
    emptied: AtomicU64,
    id: AtomicU64,
    tag: T::Cell,
}

impl<T: Tag> Slot<T> {
    pub(super) fn new() -> Self {
        Self {
            filled: AtomicU64::new(0),
            emptied: AtomicU64::new(0),
            id: AtomicU64::new(0),
            tag: T::Cell::default(),
        }
    }

    /// Fills it. Owner only, and only if it is empty.
    pub(super) fn put(&self, id: u64, tag: T) {
        let filled = self.filled.load(Ordering::Relaxed);
        debug_assert!(self.is_empty(), "an element would be lost");
        self.id.store(id, Ordering::Relaxed);
        tag.store(&self.tag);
        self.filled.store(filled + 1, Ordering::Release);
    }

    /// Empties it. Any thread. None if it is empty, or another thread was faster.
    pub(super) fn take(&self) -> Option<(u64, T)> {
        let emptied = self.emptied.load(Ordering::Acquire);
        if emptied >= self.filled.load(Ordering::Acquire) {
            return None;
        }
        let element = (self.id.load(Ordering::Relaxed), T::load(&self.tag));
        // If the owner has filled it again since, somebody has emptied it, and this fails. Release: the owner may
        // overwrite the cell only after this has read it.
        self.emptied
            .compare_exchange(emptied, emptied + 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
            .then_some(element)
    }

    /// For the owner: no element is here. For others: none was.
    pub(super) fn is_empty(&self) -> bool {
        self.emptied.load(Ordering::Acquire) >= self.filled.load(Ordering::Acquire)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_element_leaves_once() {
        let slot = Slot::<u64>::new();
        assert_eq!(slot.take(), None);
        for round in 0..3 {
            slot.put(round, round + 10);
            assert!(!slot.is_empty());
            assert_eq!(slot.take(), Some((round, round + 10)));
            assert_eq!(slot.take(), None);
        }
    }
}

//! Numbers on their way to JavaScript, which reads them where they lie.
//!
//! The invariant: what was taken stays in its place, unchanged, until more is taken. What comes in meanwhile goes elsewhere.

use std::mem;

/// What was taken, and what has come in since.
#[derive(Debug, Default)]
pub(crate) struct Inbox<T> {
    pub(crate) new: Vec<T>,
    pub(crate) taken: Vec<T>,
}

impl<T> Inbox<T> {
    /// Takes what has come in, if anything has: how many numbers.
    pub(crate) fn take(&mut self) -> usize {
        if !self.new.is_empty() {
            mem::swap(&mut self.new, &mut self.taken);
            self.new.clear();
            return self.taken.len();
        }
        0
    }

    /// Where it lies, as an address.
    pub(crate) fn address(&self) -> usize {
        self.taken.as_ptr() as usize
    }
}

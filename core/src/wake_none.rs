//! Stands in for wake sets where there are no atomics: there is none, so nothing here is ever called.

/// A wake set that nobody can make.
#[derive(Debug)]
pub(crate) enum WakeSet {}

impl WakeSet {
    pub(crate) const fn is_empty(&self) -> bool {
        match *self {}
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn set_held(&self, _: bool) {
        match *self {}
    }

    pub(crate) const fn clear(&self, _: u32) {
        match *self {}
    }

    pub(crate) fn drain(&self, _: impl FnMut(u32)) {
        match *self {}
    }
}

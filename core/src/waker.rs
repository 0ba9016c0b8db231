//! What a waker points to, and where a future lies: async works without allocation.
//!
//! The one file with unsafe code, for two things that cannot be had safely without the heap: a [`Waker`] made of a reference that lives for
//! ever, and the way to the pinned future inside a pinned [`Routine`]. Both rest on one invariant: *what a pointer made here points to neither
//! moves nor ends before the pointer does*. A cell lies behind a `&'static`, a routine behind a `Pin`.
//!
//! A waker is two words: the address of a cell, and one table of functions for all. A cell says which bit of which set to raise. There is one for
//! each slot of the node table, and none is ever written: they lie in flash, add no atomics to those of the set, and a waker may be copied, kept
//! and called anywhere. Why not a cell for each future, which takes the node's index when it starts: memory that two threads write, that
//! must be given back on every way out, and of which two futures may have the same.
//!
//! When a future is polled and when it is dropped is not decided here: see [`AsyncWork`].

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker, ready};

use crate::cx::Cx;
use crate::error::Error;
use crate::wake::WakeSet;
use crate::work::Outcome;

mod work;

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;

pub use work::{AsyncLeaf, AsyncWork, Rerun};

/// What the wakers of one slot of the node table point to.
///
/// Lies in a `static`, in a row of one for each node. Two words each, never written, so that the linker puts them into flash.
///
/// ```
/// use windlass::{WakeCell, wake_set};
///
/// wake_set!(static WAKES: 16);
/// static CELLS: [WakeCell; 16] = WakeCell::row(&WAKES);
///
/// CELLS[3].waker().wake(); // here, in an interrupt, or in another thread
/// assert!(!WAKES.is_empty());
/// ```
#[derive(Clone, Copy)]
pub struct WakeCell {
    set: &'static WakeSet,
    index: u32,
}

impl WakeCell {
    /// Cells for a table of `N` nodes, whose scheduler is woken through `set`.
    #[must_use]
    pub const fn row<const N: usize>(set: &'static WakeSet) -> [Self; N] {
        let mut row = [Self { set, index: 0 }; N];
        let mut index = 0;
        while index < N {
            row[index].index = index as u32;
            index += 1;
        }
        row
    }

    /// Cells for all nodes that `set` has bits for, in memory that is never given back: for programs that make few of them.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn leaked(set: &'static WakeSet) -> &'static [Self] {
        (0..set.capacity())
            .map(|index| Self { set, index: index as u32 })
            .collect::<alloc::vec::Vec<_>>()
            .leak()
    }

    /// A waker that raises this cell's bit, as a [`WakeHandle`](crate::WakeHandle) would.
    ///
    /// Costs nothing, and neither does a clone, nor dropping it. It may be woken from an interrupt or another thread, and kept for as long as one
    /// likes: after the node's end it wakes nobody, or cranks the slot's next tenant once for nothing.
    #[must_use]
    pub const fn waker(&'static self) -> Waker {
        // SAFETY: the functions of the table keep the contract of `RawWakerVTable`. They may be called by any thread, for all they do is to read a
        // cell (which is `Sync`, and never written) and to raise a bit of its set. The address they are called with is this one, or a copy of it
        // that `clone` made; it comes from a `&'static`, so it may be read through for ever.
        unsafe { Waker::new(ptr::from_ref(self).cast(), &VTABLE) }
    }

    fn raise(&self) {
        self.set.raise(self.index as usize);
    }
}

impl fmt::Debug for WakeCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WakeCell({})", self.index)
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, forget);

/// The same pointer, for nothing is counted.
fn clone(cell: *const ()) -> RawWaker {
    RawWaker::new(cell, &VTABLE)
}

/// `wake` and `wake_by_ref`: a waker owns nothing that it could give back.
///
/// # Safety
/// `cell` must be the address of a [`WakeCell`] that lives for ever.
unsafe fn wake(cell: *const ()) {
    // SAFETY: by the contract of this function; nobody ever has a `&mut` to a cell behind a `&'static`.
    let cell = unsafe { &*cell.cast::<WakeCell>() };
    cell.raise();
}

fn forget(_: *const ()) {}

impl<W, A: ?Sized> Cx<'_, W, A> {
    /// The waker of this node, for a work that polls futures of its own; [`AsyncWork`] needs no such call.
    ///
    /// O(1). `cells` must be a whole [`WakeCell::row`] of the scheduler's set.
    ///
    /// # Errors
    /// [`Error::NoWakeSet`], also if `cells` has none for this node, or if it is another set's.
    pub fn waker(&mut self, cells: &'static [WakeCell]) -> Result<Waker, Error> {
        let handle = self.own_wake_handle()?;
        let index = handle.id().index();
        match cells.get(index as usize) {
            Some(cell) if cell.index == index && handle.is_of(cell.set) => Ok(cell.waker()),
            _ => Err(Error::NoWakeSet),
        }
    }
}

/// A future, and how to make another one: each attempt of a node begins with a fresh one.
///
/// It holds the future in place, so whoever makes it pins it: with [`core::pin::pin!`] in a function that outlives the scheduler, with
/// [`Routine::pin_static`], or with `Box::pin`. The future's output is anything that an [`Outcome`] can be made of: `()`, `Result<(), Reason>`, or an outcome.
pub struct Routine<M, F> {
    make: M,
    /// Pinned with the routine; there is none before the first poll, and none after the end.
    future: Option<F>,
}

impl<M: FnMut() -> F, F: Future<Output: Into<Outcome>>> Routine<M, F> {
    /// A routine of the futures that `make` makes. It is called at the first poll of each attempt, and not before.
    #[must_use]
    pub const fn new(make: M) -> Self {
        Self { make, future: None }
    }
}

impl<M, F> Routine<M, F> {
    /// Pins a routine that is borrowed for ever: one that lies in a `static`, in a cell that lends it once.
    #[must_use]
    pub const fn pin_static(&'static mut self) -> Pin<&'static mut Self> {
        // SAFETY: the borrow never ends, so nobody else can move the routine, or use its memory for anything else.
        unsafe { Pin::new_unchecked(self) }
    }

    fn parts(self: Pin<&mut Self>) -> (&mut M, Pin<&mut Option<F>>) {
        // SAFETY: `future` is pinned whenever the routine is. It is never moved out of it: here it is pinned again at once, `Routine` has no `Drop`
        // and no other access to the field, and is `Unpin` only if `F` is. `make` is not pinned: nothing ever hands out a `Pin` of it.
        unsafe {
            let Self { make, future } = self.get_unchecked_mut();
            (make, Pin::new_unchecked(future))
        }
    }
}

impl<M: FnMut() -> F, F: Future<Output: Into<Outcome>>> Rerun for Routine<M, F> {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let (make, mut future) = self.parts();
        loop {
            if let Some(begun) = future.as_mut().as_pin_mut() {
                let output = ready!(begun.poll(cx));
                future.set(None);
                return Poll::Ready(output.into());
            }
            future.set(Some(make()));
        }
    }

    fn cancel(self: Pin<&mut Self>) {
        self.parts().1.set(None);
    }
}

impl<M, F> fmt::Debug for Routine<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.future.is_some() { "Routine(begun)" } else { "Routine(idle)" })
    }
}

//! Where the tables live: inside the scheduler, on the heap, or in a store that is lent; the engine sees slices either way.
//!
//! The invariant: the columns of one store are equally long, by construction. One code path serves 16 nodes and 1,000,000. The parts of a node lie in columns of
//! their own, so that a crank over many nodes reads 32 bytes of each and nothing else.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::edges::Edge;
use crate::node::{Cold, Hot, Note};
use crate::siblings::Sibling;
use crate::timers::Alarm;

/// The tables, as the engine sees them.
#[derive(Debug)]
pub struct Tables<'a, W> {
    pub(crate) hot: &'a mut [Hot],
    pub(crate) cold: &'a mut [Cold],
    pub(crate) notes: &'a mut [Note],
    pub(crate) siblings: &'a mut [Sibling],
    pub(crate) alarms: &'a mut [Alarm],
    pub(crate) edges: &'a mut [Edge],
    pub(crate) works: &'a mut [Option<W>],
}

/// The tables of the nodes, to look at.
#[derive(Clone, Copy, Debug)]
pub struct Nodes<'a> {
    pub(crate) hot: &'a [Hot],
    pub(crate) cold: &'a [Cold],
    pub(crate) notes: &'a [Note],
    pub(crate) siblings: &'a [Sibling],
    pub(crate) alarms: &'a [Alarm],
    pub(crate) edges: &'a [Edge],
}

mod sealed {
    pub trait Sealed {}
}

/// Memory for the tables of a scheduler. Sealed: [`Inline`], with `alloc` [`Boxed`], and `&mut` to either or to `dyn Store`, for a store that
/// outlives the scheduler or whose size is not known when the program is built.
///
/// ```
/// use windlass::{Inline, Scheduler};
///
/// let mut store = Inline::<(), 8>::new();
/// let s: Scheduler<&mut Inline<(), 8>> = Scheduler::with_store(&mut store);
/// assert_eq!(s.capacity(), 8);
/// ```
pub trait Store: sealed::Sealed {
    /// The one type of the works in the table. An enum of your works, a [`DynWork`](crate::DynWork), or a work itself if there is only one kind.
    type Work;

    #[doc(hidden)]
    fn tables(&mut self) -> Tables<'_, Self::Work>;
    #[doc(hidden)]
    fn nodes(&self) -> Nodes<'_>;
    #[doc(hidden)]
    fn works(&self) -> &[Option<Self::Work>];
}

impl<S: sealed::Sealed + ?Sized> sealed::Sealed for &mut S {}
impl<S: Store + ?Sized> Store for &mut S {
    type Work = S::Work;

    fn tables(&mut self) -> Tables<'_, S::Work> {
        (**self).tables()
    }

    fn nodes(&self) -> Nodes<'_> {
        (**self).nodes()
    }

    fn works(&self) -> &[Option<S::Work>] {
        (**self).works()
    }
}

/// How both stores below show their columns.
macro_rules! columns {
    () => {
        type Work = W;

        fn tables(&mut self) -> Tables<'_, W> {
            Tables {
                hot: &mut self.hot,
                cold: &mut self.cold,
                notes: &mut self.notes,
                siblings: &mut self.siblings,
                alarms: &mut self.alarms,
                edges: &mut self.edges,
                works: &mut self.works,
            }
        }

        fn nodes(&self) -> Nodes<'_> {
            Nodes {
                hot: &self.hot,
                cold: &self.cold,
                notes: &self.notes,
                siblings: &self.siblings,
                alarms: &self.alarms,
                edges: &self.edges,
            }
        }

        fn works(&self) -> &[Option<W>] {
            &self.works
        }
    };
}

/// Tables inside the scheduler itself: `N` nodes and `E` edges (for graphs; none by default).
///
/// `const`, so that a scheduler can live in a `static` and never crosses a stack. Unused tables are all zeros, so such a `static` takes no flash for
/// initial values (it lies in `.bss`), if `None::<W>` is zeros as well. That is so for boxes and references, and for an enum of works that
/// is counted from one: `#[repr(u8)] enum Job { Fetch(Fetch) = 1, Flash(Flash) = 2 }`.
#[derive(Debug)]
pub struct Inline<W, const N: usize, const E: usize = 0> {
    hot: [Hot; N],
    cold: [Cold; N],
    notes: [Note; N],
    siblings: [Sibling; N],
    alarms: [Alarm; N],
    edges: [Edge; E],
    works: [Option<W>; N],
}

impl<W, const N: usize, const E: usize> Inline<W, N, E> {
    /// Empty tables.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            hot: [Hot::UNUSED; N],
            cold: [Cold::UNUSED; N],
            notes: [Note::UNUSED; N],
            siblings: [Sibling::UNUSED; N],
            alarms: [Alarm::UNUSED; N],
            edges: [Edge::UNUSED; E],
            works: [const { None }; N],
        }
    }
}

impl<W, const N: usize, const E: usize> Default for Inline<W, N, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W, const N: usize, const E: usize> sealed::Sealed for Inline<W, N, E> {}
impl<W, const N: usize, const E: usize> Store for Inline<W, N, E> {
    columns!();
}

/// Tables on the heap, allocated once.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct Boxed<W> {
    hot: Box<[Hot]>,
    cold: Box<[Cold]>,
    notes: Box<[Note]>,
    siblings: Box<[Sibling]>,
    alarms: Box<[Alarm]>,
    edges: Box<[Edge]>,
    works: Box<[Option<W>]>,
}

#[cfg(feature = "alloc")]
impl<W> Boxed<W> {
    /// Room for `nodes` nodes and as many edges.
    #[must_use]
    pub fn with_capacity(nodes: usize) -> Self {
        Self::with_edges(nodes, nodes)
    }

    /// Room for `nodes` nodes and `edges` edges.
    #[must_use]
    pub fn with_edges(nodes: usize, edges: usize) -> Self {
        Self {
            hot: alloc::vec![Hot::UNUSED; nodes].into_boxed_slice(),
            cold: alloc::vec![Cold::UNUSED; nodes].into_boxed_slice(),
            notes: alloc::vec![Note::UNUSED; nodes].into_boxed_slice(),
            siblings: alloc::vec![Sibling::UNUSED; nodes].into_boxed_slice(),
            alarms: alloc::vec![Alarm::UNUSED; nodes].into_boxed_slice(),
            edges: alloc::vec![Edge::UNUSED; edges].into_boxed_slice(),
            works: core::iter::repeat_with(|| None).take(nodes).collect(),
        }
    }
}

#[cfg(feature = "alloc")]
impl<W> sealed::Sealed for Boxed<W> {}
#[cfg(feature = "alloc")]
impl<W> Store for Boxed<W> {
    columns!();
}

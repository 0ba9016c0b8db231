//! Where the tables live: inside the scheduler, in borrowed memory, or on the heap; the engine sees slices either way.
//!
//! One code path serves 16 nodes and 1,000,000. Hot and cold halves of the nodes and their deadlines lie in tables of their own, so that a crank over
//! many nodes reads 32 bytes of each and nothing else; that is why a borrowed store takes three node slices and not one.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::node::{Cold, Edge, Hot};
use crate::timers::Alarm;

/// The tables, as the engine sees them.
#[derive(Debug)]
pub struct Tables<'a, W> {
    pub(crate) hot: &'a mut [Hot],
    pub(crate) cold: &'a mut [Cold],
    pub(crate) alarms: &'a mut [Alarm],
    pub(crate) works: &'a mut [Option<W>],
    pub(crate) edges: &'a mut [Edge],
}

/// The tables of the nodes, to look at.
#[derive(Clone, Copy, Debug)]
pub struct Nodes<'a> {
    pub(crate) hot: &'a [Hot],
    pub(crate) cold: &'a [Cold],
    pub(crate) alarms: &'a [Alarm],
    pub(crate) edges: &'a [Edge],
}

mod sealed {
    pub trait Sealed {}
}

/// Memory for the tables of a scheduler. Sealed: [`Inline`], [`Borrowed`] and, with `alloc`, [`Boxed`].
pub trait Store<W>: sealed::Sealed {
    #[doc(hidden)]
    fn tables(&mut self) -> Tables<'_, W>;
    #[doc(hidden)]
    fn nodes(&self) -> Nodes<'_>;
    #[doc(hidden)]
    fn works(&self) -> &[Option<W>];
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
    alarms: [Alarm; N],
    works: [Option<W>; N],
    edges: [Edge; E],
}

impl<W, const N: usize, const E: usize> Inline<W, N, E> {
    /// Empty tables.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            hot: [Hot::UNUSED; N],
            cold: [Cold::UNUSED; N],
            alarms: [Alarm::UNUSED; N],
            works: [const { None }; N],
            edges: [Edge::UNUSED; E],
        }
    }
}

impl<W, const N: usize, const E: usize> Default for Inline<W, N, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W, const N: usize, const E: usize> sealed::Sealed for Inline<W, N, E> {}
impl<W, const N: usize, const E: usize> Store<W> for Inline<W, N, E> {
    fn tables(&mut self) -> Tables<'_, W> {
        Tables {
            hot: &mut self.hot,
            cold: &mut self.cold,
            alarms: &mut self.alarms,
            works: &mut self.works,
            edges: &mut self.edges,
        }
    }

    fn nodes(&self) -> Nodes<'_> {
        Nodes { hot: &self.hot, cold: &self.cold, alarms: &self.alarms, edges: &self.edges }
    }

    fn works(&self) -> &[Option<W>] {
        &self.works
    }
}

/// Tables in memory that somebody else owns. The capacity is the length of the shortest of the first four slices.
///
/// ```
/// use windlass::{Borrowed, Scheduler};
///
/// let (mut hot, mut cold, mut alarms) = ([Borrowed::HOT; 8], [Borrowed::COLD; 8], [Borrowed::ALARM; 8]);
/// let mut works = [const { None::<()> }; 8];
/// let s: Scheduler<(), Borrowed<'_, ()>> =
///     Scheduler::with_store(Borrowed::new(&mut hot, &mut cold, &mut alarms, &mut works, &mut []));
/// assert_eq!(s.capacity(), 8);
/// ```
#[derive(Debug)]
pub struct Borrowed<'a, W> {
    hot: &'a mut [Hot],
    cold: &'a mut [Cold],
    alarms: &'a mut [Alarm],
    works: &'a mut [Option<W>],
    edges: &'a mut [Edge],
}

impl Borrowed<'_, ()> {
    /// An unused hot half of a node.
    pub const HOT: Hot = Hot::UNUSED;
    /// An unused cold half of a node.
    pub const COLD: Cold = Cold::UNUSED;
    /// An unused alarm of a node.
    pub const ALARM: Alarm = Alarm::UNUSED;
    /// An unused edge.
    pub const EDGE: Edge = Edge::UNUSED;
}

impl<'a, W> Borrowed<'a, W> {
    /// Tables in these slices. What they held is forgotten; works that are still in `works` are dropped.
    #[must_use]
    pub fn new(
        hot: &'a mut [Hot],
        cold: &'a mut [Cold],
        alarms: &'a mut [Alarm],
        works: &'a mut [Option<W>],
        edges: &'a mut [Edge],
    ) -> Self {
        hot.fill(Hot::UNUSED);
        cold.fill(Cold::UNUSED);
        alarms.fill(Alarm::UNUSED);
        edges.fill(Edge::UNUSED);
        works.iter_mut().for_each(|work| *work = None);
        Self { hot, cold, alarms, works, edges }
    }
}

impl<W> sealed::Sealed for Borrowed<'_, W> {}
impl<W> Store<W> for Borrowed<'_, W> {
    fn tables(&mut self) -> Tables<'_, W> {
        Tables { hot: self.hot, cold: self.cold, alarms: self.alarms, works: self.works, edges: self.edges }
    }

    fn nodes(&self) -> Nodes<'_> {
        Nodes { hot: self.hot, cold: self.cold, alarms: self.alarms, edges: self.edges }
    }

    fn works(&self) -> &[Option<W>] {
        self.works
    }
}

/// Tables on the heap, allocated once.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct Boxed<W> {
    hot: Box<[Hot]>,
    cold: Box<[Cold]>,
    alarms: Box<[Alarm]>,
    works: Box<[Option<W>]>,
    edges: Box<[Edge]>,
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
            alarms: alloc::vec![Alarm::UNUSED; nodes].into_boxed_slice(),
            works: core::iter::repeat_with(|| None).take(nodes).collect(),
            edges: alloc::vec![Edge::UNUSED; edges].into_boxed_slice(),
        }
    }
}

#[cfg(feature = "alloc")]
impl<W> sealed::Sealed for Boxed<W> {}
#[cfg(feature = "alloc")]
impl<W> Store<W> for Boxed<W> {
    fn tables(&mut self) -> Tables<'_, W> {
        Tables {
            hot: &mut self.hot,
            cold: &mut self.cold,
            alarms: &mut self.alarms,
            works: &mut self.works,
            edges: &mut self.edges,
        }
    }

    fn nodes(&self) -> Nodes<'_> {
        Nodes { hot: &self.hot, cold: &self.cold, alarms: &self.alarms, edges: &self.edges }
    }

    fn works(&self) -> &[Option<W>] {
        &self.works
    }
}

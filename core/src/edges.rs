//! Edges between nodes: which depends on which.
//!
//! The invariant: an edge in use is in two circles, one of its dependency's edges out and one of its dependent's edges in, each in the order the edges
//! were added; a node's [`Ends`] name the last of each. An edge says "the dependent must not start before the dependency has succeeded"; what that means
//! for a node is not known here, nor is whether the edges make a circle of nodes.

use crate::column::Column;
use crate::links::NONE;
use crate::node::Cold;

/// `dependent` must not start before `dependency` has succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) dependency: u32,
    pub(crate) dependent: u32,
    /// Next edge out of the same dependency; also links the free edges.
    next_out: u32,
    /// Next edge into the same dependent.
    next_in: u32,
}

impl Edge {
    /// All zeros.
    pub(crate) const UNUSED: Self = Self { dependency: 0, dependent: 0, next_out: 0, next_in: 0 };
}

/// A node's last edge to a dependent, and its last edge to a dependency.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    last_out: u32,
    last_in: u32,
}

impl Ends {
    pub(crate) const NONE: Self = Self { last_out: NONE, last_in: NONE };
    /// All zeros; not usable.
    pub(crate) const UNUSED: Self = Self { last_out: 0, last_in: 0 };

    /// The edges to what depends on this node.
    pub(crate) const fn out(self) -> Walk {
        Walk { out: true, last: self.last_out, before: self.last_out }
    }

    /// The edges to what this node depends on.
    pub(crate) const fn into(self) -> Walk {
        Walk { out: false, last: self.last_in, before: self.last_in }
    }
}

/// A walk over the edges of one node, in the order they were added. It holds no borrow, so the table may change between two steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    out: bool,
    last: u32,
    before: u32,
}

impl Walk {
    pub(crate) fn step(&mut self, edges: &[Edge]) -> Option<Edge> {
        let before = edges.get(self.before as usize)?;
        let at = if self.out { before.next_out } else { before.next_in };
        self.before = if at == self.last { NONE } else { at };
        edges.get(at as usize).copied()
    }

    pub(crate) fn over(mut self, edges: &[Edge]) -> impl Iterator<Item = Edge> {
        core::iter::from_fn(move || self.step(edges))
    }
}

/// The free edges.
#[derive(Debug)]
pub(crate) struct Edges {
    free: u32,
    fresh: u32,
    used: u32,
}

impl Edges {
    /// All edges are free.
    pub(crate) const EMPTY: Self = Self { free: NONE, fresh: 0, used: 0 };
    /// All zeros; not usable.
    pub(crate) const UNUSED: Self = Self { free: 0, ..Self::EMPTY };

    pub(crate) const fn used(&self) -> u32 {
        self.used
    }

    pub(crate) const fn free(&self, edges: &[Edge]) -> usize {
        edges.len().saturating_sub(self.used as usize)
    }

    /// Adds an edge, last among those of both nodes. Does nothing if no edge is free.
    pub(crate) fn link(
        &mut self,
        edges: &mut [Edge],
        cold: &mut Column<'_, Cold>,
        dependency: u32,
        dependent: u32,
    ) {
        let Some(index) = self.take(edges) else { return };
        let mut edge = Edge { dependency, dependent, next_out: index, next_in: index };
        let last_out = core::mem::replace(&mut cold[dependency].edges.last_out, index);
        if let Some(last) = edges.get_mut(last_out as usize) {
            edge.next_out = core::mem::replace(&mut last.next_out, index);
        }
        let last_in = core::mem::replace(&mut cold[dependent].edges.last_in, index);
        if let Some(last) = edges.get_mut(last_in as usize) {
            edge.next_in = core::mem::replace(&mut last.next_in, index);
        }
        if let Some(slot) = edges.get_mut(index as usize) {
            *slot = edge;
        }
    }

    fn take(&mut self, edges: &[Edge]) -> Option<u32> {
        let index = match edges.get(self.free as usize) {
            Some(free) => core::mem::replace(&mut self.free, free.next_out),
            None if (self.fresh as usize) < edges.len() => {
                self.fresh += 1;
                self.fresh - 1
            }
            None => return None,
        };
        self.used += 1;
        Some(index)
    }

    /// Gives back the edges out of a node that goes. Those into it go with the nodes at their other ends, which must go, too.
    pub(crate) fn give_back(&mut self, edges: &mut [Edge], ends: &mut Ends) {
        let count = ends.out().over(edges).count();
        let last = core::mem::replace(ends, Ends::NONE).last_out;
        if let Some(edge) = edges.get_mut(last as usize) {
            // The whole circle at once, cut open after its last edge.
            self.free = core::mem::replace(&mut edge.next_out, self.free);
            // There are no more than 2^32 edges.
            self.used -= count as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    struct Rig {
        edges: Edges,
        table: [Edge; 4],
        cold: [Cold; 4],
    }

    impl Rig {
        fn new() -> Self {
            Self { edges: Edges::EMPTY, table: [Edge::UNUSED; 4], cold: [Cold::EMPTY; 4] }
        }

        fn link(&mut self, dependency: u32, dependent: u32) {
            let mut root = Cold::EMPTY;
            let cold = &mut Column::new(&mut self.cold, &mut root);
            self.edges.link(&mut self.table, cold, dependency, dependent);
        }

        fn dependents(&self, node: usize) -> Vec<u32> {
            self.cold[node].edges.out().over(&self.table).map(|edge| edge.dependent).collect()
        }

        fn dependencies(&self, node: usize) -> Vec<u32> {
            self.cold[node].edges.into().over(&self.table).map(|edge| edge.dependency).collect()
        }
    }

    #[test]
    fn edges_come_in_the_order_they_were_added_from_either_end() {
        let mut rig = Rig::new();
        [(0, 2), (0, 1), (1, 2), (0, 3)].into_iter().for_each(|(from, to)| rig.link(from, to));
        assert_eq!(rig.dependents(0), [2, 1, 3]);
        assert_eq!(rig.dependencies(2), [0, 1]);
        assert_eq!((rig.dependents(3), rig.dependencies(0)), (std::vec![], std::vec![]));
        assert_eq!((rig.edges.used(), rig.edges.free(&rig.table)), (4, 0));
        rig.link(2, 3);
        assert_eq!((rig.dependents(2), rig.dependencies(3)), (std::vec![], std::vec![0]), "it was full");
    }

    #[test]
    fn edges_that_were_given_back_are_used_again() {
        let mut rig = Rig::new();
        [(0, 2), (0, 1), (1, 3)].into_iter().for_each(|(from, to)| rig.link(from, to));
        rig.edges.give_back(&mut rig.table, &mut rig.cold[0].edges);
        assert_eq!((rig.edges.used(), rig.dependents(0).len()), (1, 0));
        rig.cold[2].edges = Ends::NONE;
        [(2, 3), (3, 0), (2, 0)].into_iter().for_each(|(from, to)| rig.link(from, to));
        assert_eq!((rig.dependencies(3), rig.dependencies(0)), (std::vec![1, 2], std::vec![3, 2]));
        assert_eq!(rig.edges.free(&rig.table), 0);
    }
}

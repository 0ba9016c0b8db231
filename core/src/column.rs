//! A column of the node table: one entry for each node, and the scheduler's own.
//!
//! The invariant: every index has an entry. [`ROOT`](crate::node::ROOT), which is past the end of every table, is the scheduler's own; so is any other index
//! past the end, which the engine never makes. So nothing here panics, and no walk needs to know whether it has come to the top.

use core::ops::{Index, IndexMut};

/// A column that can be changed.
#[derive(Debug)]
pub(crate) struct Column<'a, T> {
    nodes: &'a mut [T],
    root: &'a mut T,
}

impl<'a, T> Column<'a, T> {
    pub(crate) const fn new(nodes: &'a mut [T], root: &'a mut T) -> Self {
        Self { nodes, root }
    }

    /// The same column for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Column<'_, T> {
        Column { nodes: self.nodes, root: self.root }
    }

    /// The same column as a value of the caller's, whose parts stay in registers whatever else is written. On bare metal, where the copy would cost
    /// flash, the column itself.
    #[cfg(not(small))]
    #[inline(always)]
    pub(crate) fn local(&mut self) -> Column<'_, T> {
        self.reborrow()
    }

    #[cfg(small)]
    #[inline(always)]
    pub(crate) fn local(&mut self) -> &mut Self {
        self
    }

    pub(crate) fn look(&self) -> Look<'_, T> {
        Look { nodes: self.nodes, root: self.root }
    }

    /// Entries of nodes.
    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The entry of a node; none for the scheduler's own.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.nodes.get(index as usize)
    }

    /// The entry of a node; none for the scheduler's own.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.nodes.get_mut(index as usize)
    }

    /// The entries of the nodes, and the scheduler's own.
    #[inline]
    pub(crate) const fn split(&mut self) -> (&mut [T], &mut T) {
        (self.nodes, self.root)
    }

    /// The scheduler's own entry.
    #[inline]
    pub(crate) const fn root_mut(&mut self) -> &mut T {
        self.root
    }
}

impl<T> Index<u32> for Column<'_, T> {
    type Output = T;

    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    fn index(&self, index: u32) -> &T {
        self.nodes.get(index as usize).unwrap_or(self.root)
    }
}

impl<T> IndexMut<u32> for Column<'_, T> {
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    fn index_mut(&mut self, index: u32) -> &mut T {
        self.nodes.get_mut(index as usize).unwrap_or(self.root)
    }
}

/// A column that is only looked at.
#[derive(Debug)]
pub(crate) struct Look<'a, T> {
    nodes: &'a [T],
    root: &'a T,
}

impl<T> Clone for Look<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Look<'_, T> {}

impl<'a, T> Look<'a, T> {
    pub(crate) const fn new(nodes: &'a [T], root: &'a T) -> Self {
        Self { nodes, root }
    }

    /// The entry of a node; none for the scheduler's own.
    pub(crate) fn get(self, index: u32) -> Option<&'a T> {
        self.nodes.get(index as usize)
    }

    pub(crate) fn at(self, index: u32) -> &'a T {
        self.nodes.get(index as usize).unwrap_or(self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_past_the_end_is_the_schedulers_own() {
        let (mut nodes, mut root) = ([1, 2], 0);
        let mut column = Column::new(&mut nodes, &mut root);
        column[1] += 10;
        column[2] -= 1;
        column[u32::MAX] -= 1;
        assert_eq!((column[0], column[1], column[7]), (1, 12, -2));
        assert_eq!((column.get(1), column.get(2)), (Some(&12), None));
        assert_eq!((column.look().at(1), column.look().at(9)), (&12, &-2));
    }
}

//! The children of a node, in the order they were added: a list through two links of their own, in a column of their own.
//!
//! The invariant: each child of a node is in its list exactly once, and `first` and `last` are its ends. The links lie close together, apart from
//! everything else, because walks over many children (an abort, a display) read nothing but these and the hot halves.

use crate::links::NONE;

/// The neighbours of a node among its parent's children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sibling {
    next: u32,
    prev: u32,
}

impl Sibling {
    /// All zeros.
    pub(crate) const UNUSED: Self = Self { next: 0, prev: 0 };

    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) const fn prev(self) -> u32 {
        self.prev
    }
}

/// The first and the last child of a node; [`NONE`] if there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Siblings {
    first: u32,
    last: u32,
}

impl Siblings {
    pub(crate) const EMPTY: Self = Self { first: NONE, last: NONE };
    /// All zeros; not usable.
    pub(crate) const UNUSED: Self = Self { first: 0, last: 0 };

    #[inline]
    pub(crate) const fn first(self) -> u32 {
        self.first
    }

    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) const fn last(self) -> u32 {
        self.last
    }

    pub(crate) fn push_back(&mut self, links: &mut [Sibling], index: u32) {
        let Some(link) = links.get_mut(index as usize) else { return };
        *link = Sibling { next: NONE, prev: self.last };
        match links.get_mut(self.last as usize) {
            Some(last) => last.next = index,
            None => self.first = index,
        }
        self.last = index;
    }

    pub(crate) fn remove(&mut self, links: &mut [Sibling], index: u32) {
        let Some(Sibling { next, prev }) = links.get(index as usize).copied() else { return };
        match links.get_mut(prev as usize) {
            Some(before) => before.next = next,
            None => self.first = next,
        }
        match links.get_mut(next as usize) {
            Some(after) => after.prev = prev,
            None => self.last = prev,
        }
    }
}

/// The sibling after `index`; [`NONE`] after the last.
#[inline]
pub(crate) fn next(links: &[Sibling], index: u32) -> u32 {
    links.get(index as usize).map_or(NONE, |link| link.next)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn all(list: Siblings, links: &[Sibling]) -> (Vec<u32>, Vec<u32>) {
        let walk = |from: u32, step: fn(&Sibling) -> u32| {
            let next = |at: &u32| links.get(*at as usize).map(step).filter(|at| *at != NONE);
            core::iter::successors(Some(from).filter(|at| *at != NONE), next).collect()
        };
        (walk(list.first, |link| link.next), walk(list.last, |link| link.prev))
    }

    #[test]
    fn children_keep_the_order_they_were_added_in() {
        let mut links = [Sibling::UNUSED; 5];
        let mut list = Siblings::EMPTY;
        [4, 0, 2, 3].into_iter().for_each(|index| list.push_back(&mut links, index));
        assert_eq!(all(list, &links), (std::vec![4, 0, 2, 3], std::vec![3, 2, 0, 4]));
        list.remove(&mut links, 0);
        list.remove(&mut links, 4);
        list.push_back(&mut links, 1);
        assert_eq!(all(list, &links), (std::vec![2, 3, 1], std::vec![1, 3, 2]));
        [1, 2, 3].into_iter().for_each(|index| list.remove(&mut links, index));
        assert_eq!(all(list, &links), (std::vec![], std::vec![]));
    }
}

//! Circular lists and stacks of nodes, through two links that each node has for the list or the stack it is in.
//!
//! The invariant: a node is in one list or stack at most; one that is in none has [`Link::FREE`]. So neither has a capacity of its own, and both are
//! O(1) at each step. What they are lists of is not known here: runnable children, children that wait for a place, children that have ended,
//! unused slots, walks.

use crate::column::Column;
use crate::node::Hot;

/// No node: the end of every list, and what an empty list begins with.
pub(crate) const NONE: u32 = u32::MAX;

/// The neighbours of a node in its list. In a stack, `next` is the node below and `prev` the node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    next: u32,
    prev: u32,
}

impl Link {
    /// In no list.
    pub(crate) const FREE: Self = Self { next: NONE, prev: NONE };
    /// Of a slot that was never used: all zeros.
    pub(crate) const UNUSED: Self = Self { next: 0, prev: 0 };

    pub(crate) const fn is_free(self) -> bool {
        self.prev == NONE
    }

    /// The next node: in a list, of the last one, the first.
    #[inline]
    pub(crate) const fn next(self) -> u32 {
        self.next
    }

    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) const fn prev(self) -> u32 {
        self.prev
    }
}

/// A list, by its first node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct List {
    first: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self { first: NONE };
    /// All zeros; not usable.
    pub(crate) const UNUSED: Self = Self { first: 0 };

    /// The first node; [`NONE`] if there is none.
    #[inline]
    pub(crate) const fn first(self) -> u32 {
        self.first
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.first == NONE
    }

    /// `next`, or [`NONE`] where the circle is closed.
    #[inline]
    pub(crate) const fn or_end(self, next: u32) -> u32 {
        if next == self.first { NONE } else { next }
    }

    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn push_back(&mut self, hot: &mut Column<'_, Hot>, index: u32) {
        if self.is_empty() {
            self.begin(hot, index);
        } else {
            link_before(hot, self.first, index);
        }
    }

    pub(crate) fn push_front(&mut self, hot: &mut Column<'_, Hot>, index: u32) {
        self.push_back(hot, index);
        self.first = index;
    }

    /// Puts `index` before `at`, which is in this list.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn insert(&mut self, hot: &mut Column<'_, Hot>, at: u32, index: u32) {
        link_before(hot, at, index);
        if self.first == at {
            self.first = index;
        }
    }

    /// Takes `index` out, which is in this list, and gives the node after it; [`NONE`] if it was the last.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn remove(&mut self, hot: &mut Column<'_, Hot>, index: u32) -> u32 {
        let Some(node) = hot.get_mut(index) else { return NONE };
        let Link { next, prev } = core::mem::replace(&mut node.link, Link::FREE);
        if next == index {
            self.first = NONE;
            return NONE;
        }
        if let Some(before) = hot.get_mut(prev) {
            before.link.next = next;
        }
        if let Some(after) = hot.get_mut(next) {
            after.link.prev = prev;
        }
        if self.first == index {
            self.first = next;
            return next;
        }
        self.or_end(next)
    }

    #[cfg_attr(not(small), inline(always))]
    fn begin(&mut self, hot: &mut Column<'_, Hot>, index: u32) {
        if let Some(node) = hot.get_mut(index) {
            node.link = Link { next: index, prev: index };
            self.first = index;
        }
    }
}

#[cfg_attr(not(small), inline(always))]
fn link_before(hot: &mut Column<'_, Hot>, at: u32, index: u32) {
    let Some(after) = hot.get_mut(at) else { return };
    let prev = core::mem::replace(&mut after.link.prev, index);
    if let Some(node) = hot.get_mut(index) {
        node.link = Link { next: at, prev };
    }
    if let Some(before) = hot.get_mut(prev) {
        before.link.next = index;
    }
}

/// A stack of nodes that are in no list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    top: u32,
}

impl Stack {
    pub(crate) const EMPTY: Self = Self { top: NONE };
    /// All zeros; not usable.
    pub(crate) const UNUSED: Self = Self { top: 0 };

    /// Puts a node on top, unless it is in a list or a stack already.
    pub(crate) fn push(&mut self, hot: &mut Column<'_, Hot>, index: u32) {
        if let Some(node) = hot.get_mut(index) {
            if node.link.is_free() {
                node.link = Link { next: self.top, prev: index };
                self.top = index;
            }
        }
    }

    pub(crate) fn pop(&mut self, hot: &mut Column<'_, Hot>) -> Option<u32> {
        let index = self.top;
        let node = hot.get_mut(index)?;
        self.top = core::mem::replace(&mut node.link, Link::FREE).next;
        Some(index)
    }

    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) const fn top(self) -> u32 {
        self.top
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn on<R>(nodes: usize, run: impl FnOnce(&mut Column<'_, Hot>) -> R) -> R {
        let mut hot = std::vec![Hot::EMPTY; nodes];
        let mut root = Hot::EMPTY;
        run(&mut Column::new(&mut hot, &mut root))
    }

    fn all(list: List, hot: &Column<'_, Hot>) -> Vec<u32> {
        let mut all = Vec::new();
        let mut at = list.first();
        while at != NONE {
            all.push(at);
            let next = list.or_end(hot[at].link.next);
            let back = hot[if next == NONE { list.first() } else { next }].link.prev;
            assert_eq!(back, at, "the links of {next} do not go back");
            at = next;
        }
        all
    }

    #[test]
    fn a_list_keeps_the_order_it_is_given() {
        on(6, |hot| {
            let mut list = List::EMPTY;
            list.push_back(hot, 3);
            list.push_back(hot, 1);
            list.push_front(hot, 4);
            list.insert(hot, 1, 0);
            list.insert(hot, 4, 5);
            assert_eq!(all(list, hot), [5, 4, 3, 0, 1]);
        });
    }

    #[test]
    fn what_is_taken_out_is_free_and_names_the_next() {
        on(4, |hot| {
            let mut list = List::EMPTY;
            (0..4).for_each(|index| list.push_back(hot, index));
            assert_eq!(list.remove(hot, 1), 2);
            assert_eq!(list.remove(hot, 3), NONE);
            assert_eq!(list.remove(hot, 0), 2);
            assert_eq!(all(list, hot), [2]);
            assert_eq!(list.remove(hot, 2), NONE);
            assert!(list.is_empty());
            assert!((0..4).all(|index| hot[index].link == Link::FREE));
        });
    }

    #[test]
    fn a_stack_takes_each_node_once_and_gives_the_last_first() {
        on(3, |hot| {
            let mut stack = Stack::EMPTY;
            for index in [0, 2, 0, 1, 2] {
                stack.push(hot, index);
            }
            let popped: Vec<u32> = core::iter::from_fn(|| stack.pop(hot)).collect();
            assert_eq!(popped, [1, 2, 0]);
            assert!((0..3).all(|index| hot[index].link == Link::FREE));
        });
    }

    #[test]
    fn an_index_out_of_range_is_in_no_list() {
        on(1, |hot| {
            let (mut list, mut stack) = (List::EMPTY, Stack::EMPTY);
            list.push_back(hot, 9);
            stack.push(hot, 9);
            assert!(list.is_empty() && stack.pop(hot).is_none());
            assert_eq!(list.remove(hot, 9), NONE);
        });
    }
}

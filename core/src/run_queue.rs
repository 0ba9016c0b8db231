//! The runnable children of a node: a ring in which each has one turn in a pass.
//!
//! The invariant: `cursor` is the child whose turn is next in this pass, or none when the pass is over; the children from it to the end of the ring have
//! not had their turn.
//!
//! Fairness: a child that becomes runnable in the pass in which it left the ring (as a rule by having its turn) is put before the
//! cursor, so it runs in the next pass and no chain of wakes can keep a pass from ending. Any other is put at the end: it runs in this pass,
//! unless the cursor already stands at the end of it. An empty ring has no end: whoever enters it runs in this pass.
//!
//! The reference walks along a list of all children, runnable or not. A child that is added has the same turn there, with two exceptions. If the last runnable
//! child has just ended, the list is at its end, and the new child waits for the next pass. If children that have ended, or wait, stand behind the
//! cursor, the list is not at its end, and the new child runs in this pass. A child that is woken has its old place in the list. See `docs/stellar-core.md`.
//!
//! Why a child is runnable is not known here.

use crate::column::Column;
use crate::links::{List, NONE};
use crate::node::Hot;

/// The ring of a node's runnable children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    children: List,
    cursor: u32,
}

impl Ring {
    pub(crate) const EMPTY: Self = Self { children: List::EMPTY, cursor: NONE };
    /// All zeros; not usable.
    pub(crate) const UNUSED: Self = Self { children: List::UNUSED, cursor: 0 };

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.children.is_empty()
    }

    /// Whether every child has had its turn in this pass.
    #[inline]
    pub(crate) const fn is_over(self) -> bool {
        self.cursor == NONE
    }

    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) const fn children(self) -> List {
        self.children
    }

    /// The child whose turn is next; [`NONE`] if the pass is over.
    #[inline]
    pub(crate) const fn cursor(self) -> u32 {
        self.cursor
    }
}

/// A node's pass over its children, and the pass of its parent in which it last left the ring; both wrap. A child that sat out exactly 256 passes is
/// taken for one that ran in this one, and runs in the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passes {
    pass: u8,
    left: u8,
}

impl Passes {
    /// Of a node that has never been in a ring.
    pub(crate) const NEW: Self = Self { pass: 1, left: 0 };
    /// All zeros.
    pub(crate) const UNUSED: Self = Self { pass: 0, left: 0 };
}

/// What a new child of `parent` begins with: it has not been in the ring in this pass.
pub(crate) fn passes_of_new(hot: &Column<'_, Hot>, parent: u32) -> Passes {
    Passes { left: hot[parent].passes.pass.wrapping_sub(1), ..Passes::NEW }
}

/// Puts `index` into the ring of `parent`. True if that was empty.
#[inline]
pub(crate) fn enter(hot: &mut Column<'_, Hot>, parent: u32, index: u32) -> bool {
    let above = &hot[parent];
    let (mut ring, pass) = (above.ring, above.passes.pass);
    let ran = hot[index].passes.left == pass;
    let was_empty = ring.is_empty();
    if was_empty {
        ring.cursor = if ran { NONE } else { index };
    }
    if ran && ring.cursor != NONE {
        ring.children.insert(hot, ring.cursor, index);
    } else {
        ring.children.push_back(hot, index);
    }
    hot[parent].ring = ring;
    was_empty
}

/// Takes `index` out of the ring of `parent`. True if that is empty now.
#[inline]
pub(crate) fn leave(hot: &mut Column<'_, Hot>, parent: u32, index: u32) -> bool {
    let above = &hot[parent];
    let (mut ring, pass) = (above.ring, above.passes.pass);
    hot[index].passes.left = pass;
    let next = ring.children.remove(hot, index);
    if ring.cursor == index {
        ring.cursor = next;
    }
    hot[parent].ring = ring;
    ring.is_empty()
}

/// The child whose turn it is; with that, the turn passes on. None if no child is runnable.
#[inline(always)]
pub(crate) fn advance(hot: &mut Column<'_, Hot>, parent: u32) -> Option<u32> {
    let mut ring = hot[parent].ring;
    if ring.is_over() {
        if ring.is_empty() {
            return None;
        }
        ring = begin_pass(hot, parent);
    }
    let next = hot.get(ring.cursor)?.link.next();
    hot[parent].ring.cursor = ring.children.or_end(next);
    Some(ring.cursor)
}

/// Passes the turn on from `child`, if that is the child of the top whose turn it is and it is `wanted`; gives the one after it, or [`NONE`] after the last.
///
/// For a caller that remembers whose turn is next: the processor goes on with that at once and only checks that it is still so, where
/// [`advance`] must wait for the cursor that was written last.
#[inline(always)]
pub(crate) fn advance_at_top_if(
    hot: &mut Column<'_, Hot>,
    child: u32,
    wanted: impl FnOnce(&Hot) -> bool,
) -> Option<u32> {
    let (nodes, Hot { ring, .. }) = hot.split();
    let node = nodes.get(child as usize).filter(|node| ring.cursor == child && wanted(node))?;
    let next = node.link.next();
    // A branch, which is foreseen, where a choice would make the next crank wait for this one.
    ring.cursor = if next == ring.children.first() { no_more() } else { next };
    Some(ring.cursor)
}

#[cold]
#[inline(never)]
const fn no_more() -> u32 {
    NONE
}

/// Begins the next pass.
pub(crate) fn begin_pass(hot: &mut Column<'_, Hot>, parent: u32) -> Ring {
    let above = &mut hot[parent];
    above.passes.pass = above.passes.pass.wrapping_add(1);
    above.ring.cursor = above.ring.children.first();
    above.ring
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;
    use crate::node::ROOT;

    const PARENT: u32 = 0;

    /// Children 1 to 5 that have never been in the ring of node 0.
    fn on(run: impl FnOnce(&mut Column<'_, Hot>)) {
        let (mut nodes, mut root) = ([Hot::EMPTY; 6], Hot::EMPTY);
        let mut hot = Column::new(&mut nodes, &mut root);
        for child in 1..6 {
            hot[child].passes = passes_of_new(&hot, PARENT);
        }
        run(&mut hot);
    }

    fn turns(hot: &mut Column<'_, Hot>, count: usize) -> Vec<u32> {
        (0..count).filter_map(|_| advance(hot, PARENT)).collect()
    }

    #[test]
    fn each_child_has_one_turn_in_a_pass() {
        on(|hot| {
            [3, 1, 2].into_iter().for_each(|child| {
                enter(hot, PARENT, child);
            });
            assert_eq!(turns(hot, 7), [3, 1, 2, 3, 1, 2, 3]);
        });
    }

    #[test]
    fn a_new_child_has_its_turn_in_the_pass_that_is_going_on() {
        on(|hot| {
            [1, 2].into_iter().for_each(|child| {
                enter(hot, PARENT, child);
            });
            assert_eq!(turns(hot, 1), [1]);
            enter(hot, PARENT, 3);
            assert_eq!(turns(hot, 3), [2, 3, 1]);
        });
    }

    #[test]
    fn a_child_that_left_in_this_pass_comes_back_in_the_next() {
        on(|hot| {
            [1, 2, 3].into_iter().for_each(|child| {
                enter(hot, PARENT, child);
            });
            assert_eq!(turns(hot, 1), [1]);
            leave(hot, PARENT, 1);
            enter(hot, PARENT, 1);
            assert_eq!(turns(hot, 5), [2, 3, 1, 2, 3]);
            // It left in an earlier pass, so it may run in this one.
            leave(hot, PARENT, 1);
            assert_eq!(turns(hot, 2), [2, 3]);
            enter(hot, PARENT, 1);
            assert_eq!(turns(hot, 3), [2, 3, 1]);
        });
    }

    #[test]
    fn the_turn_of_a_child_that_leaves_is_its_neighbours() {
        on(|hot| {
            [1, 2, 3].into_iter().for_each(|child| {
                enter(hot, PARENT, child);
            });
            leave(hot, PARENT, 1);
            assert_eq!(turns(hot, 1), [2]);
            leave(hot, PARENT, 3);
            assert!(hot[PARENT].ring.is_over());
            leave(hot, PARENT, 2);
            assert_eq!((hot[PARENT].ring.is_empty(), turns(hot, 2)), (true, std::vec![]));
        });
    }

    #[test]
    fn only_the_first_to_enter_and_the_last_to_leave_concern_the_parent() {
        on(|hot| {
            assert_eq!([1, 2, 3].map(|child| enter(hot, PARENT, child)), [true, false, false]);
            assert_eq!([2, 1, 3].map(|child| leave(hot, PARENT, child)), [false, false, true]);
        });
    }

    #[test]
    fn at_the_top_the_child_that_is_remembered_must_still_be_next_and_be_wanted() {
        on(|hot| {
            [1, 2].into_iter().for_each(|child| {
                enter(hot, ROOT, child);
            });
            assert_eq!(advance_at_top_if(hot, 2, |_| true), None);
            assert_eq!(advance_at_top_if(hot, 1, |_| false), None);
            assert_eq!(advance_at_top_if(hot, 1, |_| true), Some(2));
            assert_eq!(advance_at_top_if(hot, 2, |_| true), Some(NONE));
            assert_eq!(advance_at_top_if(hot, NONE, |_| true), None);
            assert_eq!(advance(hot, ROOT), Some(1));
        });
    }

    #[test]
    fn an_empty_ring_has_no_passes() {
        on(|hot| {
            let before = hot[PARENT].passes.pass;
            assert_eq!(advance(hot, PARENT), None);
            assert_eq!(hot[PARENT].passes.pass, before);
        });
    }
}

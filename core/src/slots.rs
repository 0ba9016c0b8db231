//! The users' works, all but the one that is running.
//!
//! A work runs in place: the slice of works is split at its slot, and what is on either side stays reachable, so that a running work can put
//! new works into free slots. Taking the work out and putting it back would move it twice and lose it in a panic.

use core::mem;

use crate::kind::Kind;
use crate::marks::mark;
use crate::node::ROOT;
use crate::root::Call;
use crate::table::Table;

/// The works below and above the running one; if none runs, all are below.
#[derive(Debug)]
pub(crate) struct Slots<'a, W> {
    pub lower: &'a mut [Option<W>],
    pub upper: &'a mut [Option<W>],
}

impl<'a, W> Slots<'a, W> {
    pub(crate) fn all(works: &'a mut [Option<W>]) -> Self {
        Self { lower: works, upper: &mut [] }
    }

    /// The work at `index`, and all others; none if there is none. The length is looked at first, so that the split needs no second look.
    #[inline(always)]
    pub(crate) fn around(works: &'a mut [Option<W>], index: u32) -> Option<(&'a mut W, Self)> {
        let index = index as usize;
        if index >= works.len() {
            return None;
        }
        let (lower, [Some(work), upper @ ..]) = works.split_at_mut(index) else { return None };
        Some((work, Self { lower, upper }))
    }

    /// The index of the work that is running; the number of slots if none is.
    pub(crate) const fn running(&self) -> u32 {
        // A table has fewer than 2^32 slots.
        self.lower.len() as u32
    }

    /// The slot at `index`; none for the running work's own.
    pub(crate) fn slot(&mut self, index: u32) -> Option<&mut Option<W>> {
        let index = index as usize;
        if index < self.lower.len() {
            self.lower.get_mut(index)
        } else {
            self.upper.get_mut((index - self.lower.len()).checked_sub(1)?)
        }
    }

    /// Frees an ended node and all below it, children first, and drops their works in the name of `owner`. Gives back the work of `top`.
    ///
    /// A work is dropped when its node is gone. If that panics, `top` and what is left below it can be freed by another call.
    pub(crate) fn free(&mut self, table: &mut Table<'_>, top: u32, owner: u32) -> Option<W> {
        let mut index = top;
        loop {
            let child = table.cold[index].children.first();
            if child != ROOT {
                index = child;
                continue;
            }
            let parent = table.hot[index].parent;
            if index == top {
                table.leave_ended(parent, top);
            }
            table.free(index);
            let work = self.slot(index).and_then(Option::take);
            if index == top {
                return work;
            }
            drop_for(table, owner, work);
            index = parent;
        }
    }

    /// Frees the ended children that `parent` has seen, or at the top those that nobody asks about.
    pub(crate) fn sweep(&mut self, table: &mut Table<'_>, parent: u32) {
        loop {
            let child = table.cold[parent].ended.first();
            if child == ROOT {
                return;
            }
            let work = self.free(table, child, parent);
            drop_for(table, parent, work);
        }
    }

    /// Makes everything below `top` as new: what a work or a generator added is freed, and the members of composites are pending again.
    ///
    /// A member that somebody has aborted stays so, unless somebody has also asked for the new life.
    pub(crate) fn renew_below(&mut self, table: &mut Table<'_>, top: u32, restart: bool) {
        let mut index = top;
        while index != ROOT {
            // What stays as it is, stays so with all below it.
            let renewed = !table.hot[index].phase.is_done();
            if renewed {
                self.renew_children(table, index, top, restart);
            }
            index = table.next_in_tree(top, index, renewed);
        }
    }

    fn renew_children(&mut self, table: &mut Table<'_>, parent: u32, top: u32, restart: bool) {
        let kind = table.hot[parent].kind;
        table.hot[parent].clear(mark::OPEN);
        let cold = &mut table.cold[parent];
        cold.earlier = cold.earlier.saturating_add(cold.total().saturating_sub(cold.live));
        (cold.succeeded, cold.failed, cold.aborted) = (0, 0, 0);
        let mut child = cold.children.first();
        if kind == Kind::Graph {
            table.count_unmet(parent);
        }
        while child != ROOT {
            let next = table.next_sibling(child);
            if table.hot[child].phase.is_done() {
                if kind.is_dynamic() {
                    let work = self.free(table, child, top);
                    drop_for(table, top, work);
                } else if !restart && table.was_aborted_by_a_user(child) {
                    table.cold[parent].aborted += 1;
                } else {
                    table.cold[parent].live += 1;
                    table.make_new(child);
                    table.offer(parent, child);
                }
            }
            child = next;
        }
    }
}

/// Drops a work whose node is gone. If that panics, the next poll fails `owner`, whose step it has ended; or nobody, if that is the root.
fn drop_for<W>(table: &mut Table<'_>, owner: u32, work: Option<W>) {
    struct Panicking<'a>(&'a mut Call, u32);

    impl Drop for Panicking<'_> {
        fn drop(&mut self) {
            let Self(call, owner) = self;
            call.dropping = true;
            // A work whose call this is a part of fails for it.
            if call.running == ROOT {
                call.running = *owner;
            }
        }
    }

    let panicking = Panicking(&mut table.globals.call, owner);
    drop(work);
    mem::forget(panicking);
}

//! Which slots of the table are free, and how often each was used.
//!
//! The invariant: a slot below `fresh` has a tenant or is in the stack of free slots; those above were never used. A slot's generation grows when it
//! is given back, so an id of an earlier tenant fits no later one; a slot whose generations are used up is retired and counts as used for ever.
//! Slots that were given back come first, the latest before the others: their memory is warm.

use crate::column::Column;
use crate::links::{Link, Stack};
use crate::node::Hot;

/// The free slots.
#[derive(Debug)]
pub(crate) struct Slab {
    free: Stack,
    fresh: u32,
    used: u32,
    high_water: u32,
}

impl Slab {
    /// All slots are free.
    pub(crate) const EMPTY: Self = Self { free: Stack::EMPTY, fresh: 0, used: 0, high_water: 0 };
    /// All zeros; not usable.
    pub(crate) const UNUSED: Self = Self { free: Stack::UNUSED, ..Self::EMPTY };

    /// A slot that was free, and its generation: 1 for the first tenant. What is in the slot is the last tenant's. None if all slots are taken.
    pub(crate) fn take(&mut self, hot: &mut Column<'_, Hot>) -> Option<(u32, u32)> {
        let index = match self.free.pop(hot) {
            Some(index) => index,
            None if (self.fresh as usize) < hot.len() && self.fresh < u32::MAX - 1 => {
                self.fresh += 1;
                self.fresh - 1
            }
            None => return None,
        };
        self.used += 1;
        self.high_water = self.high_water.max(self.used);
        Some((index, hot[index].generation.max(1)))
    }

    /// Gives a slot back.
    pub(crate) fn give_back(&mut self, hot: &mut Column<'_, Hot>, index: u32) {
        let node = &mut hot[index];
        let Some(generation) = node.generation.checked_add(1) else { return };
        (node.generation, node.link) = (generation, Link::FREE);
        self.free.push(hot, index);
        self.used -= 1;
    }

    /// Slots below this one have been used, those from it on never.
    #[cfg(any(feature = "unstable-door", test))]
    pub(crate) const fn fresh(&self) -> u32 {
        self.fresh
    }

    /// Slots with a tenant, and retired ones.
    pub(crate) const fn used(&self) -> u32 {
        self.used
    }

    /// The most that were ever used at once.
    pub(crate) const fn high_water(&self) -> u32 {
        self.high_water
    }

    /// The free slot that would be taken next among those that were used before.
    #[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
    pub(crate) const fn first_free(&self) -> u32 {
        self.free.top()
    }
}

#[cfg(all(test, feature = "alloc"))]
impl Slab {
    /// Forgets which slots are free.
    pub(crate) const fn lose_free(&mut self) {
        self.free = Stack::EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back_with_a_new_generation_the_latest_first() {
        let (mut nodes, mut root) = ([Hot::UNUSED; 3], Hot::EMPTY);
        let hot = &mut Column::new(&mut nodes, &mut root);
        let mut slab = Slab::EMPTY;
        let taken = [(); 4].map(|()| slab.take(hot));
        assert_eq!(taken, [Some((0, 1)), Some((1, 1)), Some((2, 1)), None]);
        for index in 0..3 {
            (hot[index].generation, hot[index].link) = (1, Link::FREE);
        }
        slab.give_back(hot, 0);
        slab.give_back(hot, 2);
        assert_eq!((slab.used(), slab.high_water(), slab.fresh()), (1, 3, 3));
        assert_eq!([slab.take(hot), slab.take(hot), slab.take(hot)], [Some((2, 2)), Some((0, 2)), None]);
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_never_given_out_again() {
        let (mut nodes, mut root) = ([Hot::UNUSED; 1], Hot::EMPTY);
        nodes[0].generation = u32::MAX;
        let hot = &mut Column::new(&mut nodes, &mut root);
        let mut slab = Slab::EMPTY;
        assert_eq!(slab.take(hot), Some((0, u32::MAX)));
        slab.give_back(hot, 0);
        assert_eq!((slab.take(hot), slab.used()), (None, 1));
    }
}

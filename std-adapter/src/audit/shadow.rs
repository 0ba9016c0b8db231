//! What the owner of a queue pushed into it and has not popped.
//!
//! The invariant: *the content of a correct LIFO deque is a part of this stack that ends at its top*, since thieves
//! take from the bottom alone. So the stack may hold elements that were stolen long ago, but only below those that
//! were not. It is private to the owner's probe: no clock, nothing shared, no tolerance.

use super::word::tag::{not_after, sequence};

/// An element: id and tag.
pub(super) type Element = (u64, u64);

/// The most elements that one shadow remembers: 1 MiB. A queue that holds more is judged as far as this goes.
const MOST: usize = 1 << 16;
const FEW: usize = 64;

/// A stack in a ring: when it is full, the bottom is forgotten.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    ring: Vec<Element>,
    /// Counts of elements, of which the lower bits are places in the ring.
    bottom: usize,
    top: usize,
    /// The ring never grows beyond this.
    most: usize,
    /// Whether the queue may hold more than the ring.
    short: bool,
    /// The newest element that the ring forgot although it may still be in the queue.
    forgotten: u64,
}

impl Shadow {
    pub(super) fn new(capacity: usize) -> Self {
        // One more than the queue holds: an element is pushed here first, and the queue may then turn out to be full.
        let most = capacity.saturating_add(1).min(MOST).next_power_of_two();
        let ring = vec![(0, 0); most.min(FEW)];
        Self { ring, bottom: 0, top: 0, most, short: capacity >= most, forgotten: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, element: Element) {
        if self.top.wrapping_sub(self.bottom) == self.ring.len() {
            return self.push_slowly(element);
        }
        let place = self.place(self.top);
        if let Some(free) = self.ring.get_mut(place) {
            *free = element;
        }
        self.top = self.top.wrapping_add(1);
    }

    /// Removes the element if it is the top.
    #[inline]
    pub(super) fn pop(&mut self, element: Element) -> bool {
        let below = self.top.wrapping_sub(1);
        let is_top = self.top != self.bottom && self.ring.get(self.place(below)) == Some(&element);
        if is_top {
            self.top = below;
        }
        is_top
    }

    /// Removes the element if it is the bottom.
    #[inline]
    pub(super) fn drop_bottom(&mut self, element: Element) -> bool {
        let is_bottom = self.top != self.bottom && self.ring.get(self.place(self.bottom)) == Some(&element);
        if is_bottom {
            self.bottom = self.bottom.wrapping_add(1);
        }
        is_bottom
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.top == self.bottom
    }

    /// Removes an element wherever it is, and what `keep` rejects of those above. Returns whether it was there, and
    /// how many remain above its place.
    pub(super) fn remove(
        &mut self,
        element: Element,
        mut keep: impl FnMut(Element) -> bool,
    ) -> (bool, usize) {
        let mut above = Vec::new();
        let mut at = self.top;
        while at != self.bottom {
            at = at.wrapping_sub(1);
            let one = self.at(at);
            if one == element {
                self.top = at;
                above.retain(|one| keep(*one));
                let left = above.len();
                above.into_iter().rev().for_each(|one| self.push(one));
                return (true, left);
            }
            above.push(one);
        }
        (false, 0)
    }

    /// An element left by the bottom: it and what is older is gone.
    pub(super) fn drop_through(&mut self, tag: u64) {
        while self.bottom != self.top && not_after(sequence(self.at(self.bottom).1), sequence(tag)) {
            self.bottom = self.bottom.wrapping_add(1);
        }
    }

    /// Whether an element may be in the queue although it is not here.
    pub(super) fn forgot(&self, tag: u64) -> bool {
        not_after(sequence(tag), self.forgotten)
    }

    /// Empties it, oldest first.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Element)) {
        while self.bottom != self.top {
            each(self.at(self.bottom));
            self.bottom = self.bottom.wrapping_add(1);
        }
        self.forgotten = 0;
    }

    #[cold]
    fn push_slowly(&mut self, element: Element) {
        self.make_room();
        self.push(element);
    }

    fn make_room(&mut self) {
        if self.ring.len() < self.most {
            let mut ring: Vec<Element> = (self.bottom..self.top).map(|at| self.at(at)).collect();
            self.top -= self.bottom;
            self.bottom = 0;
            ring.resize((self.ring.len() * 2).min(self.most), (0, 0));
            self.ring = ring;
            return;
        }
        if self.short {
            self.forgotten = sequence(self.at(self.bottom).1);
        }
        self.bottom = self.bottom.wrapping_add(1);
    }

    #[inline]
    fn place(&self, at: usize) -> usize {
        at & self.ring.len().wrapping_sub(1)
    }

    fn at(&self, at: usize) -> Element {
        self.ring.get(self.place(at)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::word::tag::owned;
    use super::*;

    fn element(n: u64) -> Element {
        (n, owned(n, 1))
    }

    fn filled(capacity: usize, n: u64) -> Shadow {
        let mut shadow = Shadow::new(capacity);
        (1..=n).for_each(|n| shadow.push(element(n)));
        shadow
    }

    fn content(shadow: &mut Shadow) -> Vec<u64> {
        let mut all = Vec::new();
        shadow.drain(|(id, _)| all.push(id));
        all
    }

    #[test]
    fn only_the_top_is_popped() {
        let mut shadow = filled(8, 3);
        assert!(!shadow.pop(element(1)) && !shadow.pop((3, owned(4, 1))));
        assert!(shadow.pop(element(3)) && shadow.pop(element(2)) && shadow.pop(element(1)));
        assert!(shadow.is_empty() && !shadow.pop(element(1)));
    }

    #[test]
    fn it_grows_to_its_queue_and_then_forgets_the_bottom() {
        let mut shadow = filled(1000, 2000);
        assert_eq!(shadow.ring.len(), 1024);
        assert!(!shadow.forgot(element(900).1), "the queue cannot hold it either");
        assert_eq!(content(&mut shadow), (977..=2000).collect::<Vec<_>>());
        let mut shadow = filled(usize::MAX, MOST as u64 + 10);
        assert!(shadow.forgot(element(10).1) && !shadow.forgot(element(11).1));
        assert_eq!(content(&mut shadow).len(), MOST);
    }

    #[test]
    fn an_element_is_removed_from_the_middle_with_what_is_gone_above() {
        let mut shadow = filled(8, 5);
        assert_eq!(shadow.remove(element(2), |(id, _)| id != 4), (true, 2));
        assert_eq!(shadow.remove(element(2), |_| true), (false, 0));
        assert_eq!(content(&mut shadow), [1, 3, 5]);
    }

    #[test]
    fn only_the_bottom_is_dropped() {
        let mut shadow = filled(8, 3);
        assert!(!shadow.drop_bottom(element(2)) && !shadow.drop_bottom((1, owned(4, 1))));
        assert!(shadow.drop_bottom(element(1)) && shadow.drop_bottom(element(2)));
        assert_eq!(content(&mut shadow), [3]);
        assert!(!shadow.drop_bottom(element(3)));
    }

    #[test]
    fn what_left_by_the_bottom_takes_the_older_along() {
        let mut shadow = filled(8, 5);
        shadow.drop_through(element(3).1);
        shadow.drop_through(element(2).1);
        assert_eq!(content(&mut shadow), [4, 5]);
    }
}

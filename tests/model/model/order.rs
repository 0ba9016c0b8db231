//! Who may run, whose turn it is, and who waits for a place.
//!
//! A pass is one turn through a parent's runnable children. A child that becomes runnable joins at the end and has its turn in this
//! pass, with two exceptions: if it was runnable before in the same pass, or if the position already stands at the end, it waits for the next
//! pass. An empty order is neither at its end nor before it: its first child is next.

use windlass::{Kind, State};

use super::{Key, Model, ROOT};

impl Model {
    /// Whether a crank may go to this node or below it.
    fn is_runnable(&self, key: Key) -> bool {
        let node = &self.nodes[key];
        node.place && !node.paused && !node.delayed && (node.turn || !node.order.is_empty())
    }

    /// Brings the order of the parent in line, and if that changed, of those above it.
    pub(super) fn refresh(&mut self, key: Key) {
        if key == ROOT {
            return;
        }
        let runnable = self.is_runnable(key);
        let parent = self.nodes[key].parent;
        let above = &mut self.nodes[parent];
        match above.order.iter().position(|child| *child == key) {
            None if runnable => {
                let again = self.nodes[key].stopped_in == Some(self.nodes[parent].pass);
                let above = &mut self.nodes[parent];
                let at_end = above.position == above.order.len() && !above.order.is_empty();
                if again || at_end {
                    above.order.insert(above.position, key);
                    above.position += 1;
                } else {
                    above.order.push(key);
                }
            }
            Some(at) if !runnable => {
                above.order.remove(at);
                if at < above.position {
                    above.position -= 1;
                }
                self.nodes[key].stopped_in = Some(self.nodes[parent].pass);
            }
            _ => return,
        }
        self.refresh(parent);
    }

    /// Whether a crank could come to this node.
    pub(super) fn is_reachable(&self, key: Key) -> bool {
        key == ROOT || {
            let parent = self.nodes[key].parent;
            self.nodes[parent].order.contains(&key) && self.is_reachable(parent)
        }
    }

    // ---- places ----

    /// Children that hold a place.
    fn active(&self, parent: Key) -> u32 {
        let children = self.nodes[parent].children.iter();
        children.filter(|child| self.nodes[**child].place).count() as u32
    }

    pub(super) fn has_place(&self, parent: Key) -> bool {
        let node = &self.nodes[parent];
        self.active(parent) < node.width && (!node.is_gate() || node.open)
    }

    pub(super) fn is_queued(&self, key: Key) -> bool {
        let parent = self.nodes[key].parent;
        self.nodes[parent].queue.contains(&key)
    }

    /// Gives a new child a place, or puts it last in the queue; one with unmet dependencies gets neither.
    pub(super) fn offer(&mut self, key: Key) {
        let parent = self.nodes[key].parent;
        if self.unmet(key) > 0 {
            return;
        }
        if self.nodes[parent].queue.is_empty() && self.has_place(parent) {
            self.activate(key);
        } else {
            self.nodes[parent].queue.push(key);
        }
    }

    fn activate(&mut self, key: Key) {
        self.nodes[key].place = true;
        // It had lent its place during a retry delay.
        if self.nodes[key].state == State::Waiting {
            self.go(key, State::Running);
            self.begin_attempt(key);
            self.nodes[key].turn = true;
        }
        self.refresh(key);
    }

    /// Activates queued children while there are places.
    pub(super) fn fill_places(&mut self, parent: Key) {
        while self.has_place(parent) && self.nodes[parent].settling.is_none() {
            if self.nodes[parent].queue.is_empty() {
                return;
            }
            let key = self.nodes[parent].queue.remove(0);
            self.activate(key);
        }
    }

    pub(super) fn leave_queue(&mut self, key: Key) {
        let parent = self.nodes[key].parent;
        self.nodes[parent].queue.retain(|child| *child != key);
    }

    pub(super) fn give_place_back(&mut self, key: Key) {
        self.nodes[key].place = false;
        self.refresh(key);
    }

    /// A node that waits for a retry lends its place to others, if the parent lets it.
    pub(super) fn lend_place(&mut self, key: Key) {
        let parent = self.nodes[key].parent;
        if self.nodes[parent].lends {
            self.give_place_back(key);
            self.fill_places(parent);
            if self.nodes[parent].kind == Kind::Batch {
                self.ask_turn(parent);
            }
        }
    }
}

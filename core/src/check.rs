//! The invariants of the tables, checked one by one. Slow, and only for tests.

use std::vec::Vec;

use crate::node::{Kind, ROOT, flag};
use crate::spec::UNLIMITED;
use crate::state::State;
use crate::table::Table;

impl Table<'_> {
    fn list(&self, head: u32) -> Vec<u32> {
        let mut list = Vec::new();
        let mut at = head;
        while at != ROOT {
            list.push(at);
            assert!(list.len() <= self.hot.len(), "a list without an end");
            let next = self.hot(at).next;
            assert_eq!(self.hot(next).prev, at, "links of {at}");
            at = if next == head { ROOT } else { next };
        }
        list
    }

    /// Panics at the first invariant that does not hold.
    pub(crate) fn check(&self) {
        let mut live = Vec::new();
        for index in 0..self.root.fresh {
            if self.hot(index).has(flag::LIVE) {
                live.push(index);
            }
        }
        let mut free = 0;
        let mut at = self.root.free;
        while at != ROOT {
            assert!(!self.hot(at).has(flag::LIVE), "slot {at} is free and taken");
            free += 1;
            at = self.hot(at).next;
        }
        assert_eq!(live.len() + free, self.root.fresh as usize, "slots are conserved");
        assert_eq!(live.len(), self.root.used as usize);

        let mut reached = 0;
        for parent in live.iter().copied().chain([ROOT]) {
            reached += self.check_parent(parent);
        }
        assert_eq!(reached, live.len(), "every node is a child of its parent");
        for index in &live {
            self.check_node(*index);
        }
        self.check_heap(&live);
    }

    fn check_parent(&self, parent: u32) -> usize {
        let (hot, cold) = (self.hot(parent), self.cold(parent));
        let mut children = Vec::new();
        let mut at = cold.first_child;
        let mut last = ROOT;
        while at != ROOT {
            assert_eq!(self.hot(at).parent, parent);
            assert_eq!(self.cold(at).prev_sibling, last);
            children.push(at);
            last = at;
            at = self.cold(at).next_sibling;
        }
        assert_eq!(cold.last_child, last);

        let with = |flags: u32| -> Vec<u32> {
            let mut list: Vec<u32> =
                children.iter().copied().filter(|child| self.hot(*child).has(flags)).collect();
            list.sort_unstable();
            list
        };
        let sorted = |mut list: Vec<u32>| {
            list.sort_unstable();
            list
        };
        assert_eq!(sorted(self.list(hot.ring)), with(flag::IN_RING), "ring of {parent}");
        assert_eq!(sorted(self.list(cold.queue)), with(flag::QUEUED), "queue of {parent}");
        assert!(hot.cursor == ROOT || self.list(hot.ring).contains(&hot.cursor), "cursor of {parent}");
        assert_eq!(hot.has(flag::UNSEEN), cold.ended != ROOT, "unseen children of {parent}");
        for child in self.list(cold.ended) {
            assert!(children.contains(&child) && self.hot(child).state.is_done());
        }

        let count = |f: &dyn Fn(State) -> bool| {
            children.iter().filter(|child| f(self.hot(**child).state)).count() as u32
        };
        assert_eq!(cold.live, count(&|state| !state.is_done()), "live children of {parent}");
        if parent != ROOT && !hot.kind.is_dynamic() && hot.state != State::Pending {
            assert_eq!(cold.succeeded, count(&|state| state == State::Success), "of {parent}");
            assert_eq!(cold.failed, count(&|state| state == State::Failure), "of {parent}");
            assert_eq!(cold.aborted, count(&|state| state == State::Aborted), "of {parent}");
        }
        assert_eq!(cold.active, with(flag::ACTIVE).len() as u32, "places of {parent}");
        let draining = children.iter().filter(|child| self.hot(**child).state == State::Aborting).count();
        assert!(cold.active <= cold.width.saturating_add(draining as u32), "width of {parent}");
        if !hot.has(flag::SETTLING) && hot.state != State::Aborting && cold.queue != ROOT {
            let shut = hot.kind.is_gate() && !hot.has(flag::OPEN);
            assert!(shut || cold.active >= cold.width || hot.has(flag::TURN), "{parent} has a place to give");
        }
        if hot.state.is_done() {
            assert_eq!(cold.live, 0, "{parent} ended before its children");
        }
        if hot.state == State::Aborting || hot.has(flag::SETTLING) {
            for child in &children {
                let state = self.hot(*child).state;
                let reached = state.is_done() || state == State::Aborting || self.root.running == *child;
                assert!(reached, "abort reached {child}");
            }
            if hot.has(flag::SETTLING) {
                let ending = hot.has(flag::TURN) || self.root.running == parent;
                assert!(cold.live > 0 || ending, "{parent} settles for ever");
            }
        }
        if hot.kind == Kind::Sequence {
            let mut waiting = false;
            for child in &children {
                let state = self.hot(*child).state;
                if !state.is_done() {
                    assert!(
                        !waiting
                            || state == State::Pending
                            || hot.state == State::Aborting
                            || hot.has(flag::SETTLING),
                        "order of {parent}"
                    );
                    waiting = true;
                }
            }
        }
        children.len()
    }

    fn check_node(&self, index: u32) {
        let (hot, cold) = (self.hot(index), self.cold(index));
        assert_eq!(
            hot.has(flag::IN_RING),
            hot.is_runnable(),
            "{index} is in a ring exactly if it is runnable"
        );
        assert_ne!(hot.state, State::Retrying, "{index}");
        assert!(hot.state != State::Pending || hot.has(flag::TURN), "{index} is to be started in its turn");
        assert!(hot.has(flag::PARENT) || cold.first_child == ROOT, "{index} has children");
        assert!(!hot.has(flag::HOOK) || self.root.running == index, "{index} is in a hook");
        if hot.state.is_done() {
            assert!(
                !hot.has(flag::TURN | flag::QUEUED | flag::ACTIVE | flag::RETRY | flag::SETTLING),
                "{index}"
            );
            assert_eq!(cold.heap_place, ROOT, "an ended node has no deadline");
        }
        if hot.state == State::Aborting && hot.kind != Kind::Work && self.root.running != index {
            assert!(cold.live > 0 || hot.has(flag::TURN), "composite {index} aborts for ever");
        }
        if hot.has(flag::RETRY) {
            assert_eq!(hot.state, State::Waiting);
            assert_ne!(cold.heap_place, ROOT, "{index} will be retried");
            assert!(cold.retries_used < cold.retry.budget());
        }
        if hot.state == State::Running && hot.kind == Kind::Work && !hot.has(flag::SETTLING) {
            assert!(hot.has(flag::TURN), "{index} runs and has no turn");
        }
        let idle =
            self.root.running != index && !hot.has(flag::TURN | flag::RETRY | flag::QUEUED | flag::SETTLING);
        if idle && matches!(hot.state, State::Running | State::Waiting) && hot.kind != Kind::Work {
            self.check_idle_composite(index);
        }
    }

    /// A composite that wants no turn waits for something that will come.
    fn check_idle_composite(&self, index: u32) {
        let (hot, cold) = (self.hot(index), self.cold(index));
        if hot.kind.is_gate() && !hot.has(flag::OPEN) {
            assert_eq!(hot.state, State::Waiting, "shut gate {index}");
            if hot.kind == Kind::When {
                assert!(cold.wake_at != UNLIMITED || cold.param == UNLIMITED, "gate {index} asks nobody");
                return;
            }
            let awaited = self.awaited(index).unwrap_or(ROOT);
            assert!(awaited != ROOT && !self.hot(awaited).state.is_done(), "gate {index} waits for nobody");
            let mut at = self.cold(awaited).watchers;
            while at != index {
                assert_ne!(at, ROOT, "gate {index} is not told");
                at = self.next_watcher(at);
            }
        } else {
            assert_eq!(hot.state, State::Running, "composite {index}");
            assert!(cold.live > 0, "composite {index} waits for nobody");
        }
    }

    fn check_heap(&self, live: &[u32]) {
        let mut armed = 0;
        for index in live {
            let cold = self.cold(*index);
            let at = cold.wake_at.min(cold.limit_at);
            assert_eq!(cold.heap_place == ROOT, at == UNLIMITED, "deadline of {index}");
            assert_eq!(self.hot(*index).has(flag::ARMED), at != UNLIMITED, "deadline of {index}");
            if cold.heap_place != ROOT {
                let entry = self.cold(cold.heap_place).entry;
                assert_eq!((entry.at, entry.index), (at, *index));
                armed += 1;
            }
        }
        assert_eq!(armed, self.root.heap_len);
        for place in 1..self.root.heap_len {
            let (above, entry) = (self.cold((place - 1) / 4).entry, self.cold(place).entry);
            assert!((above.at, above.sequence) < (entry.at, entry.sequence), "heap order at {place}");
        }
    }
}

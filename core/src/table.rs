//! The node table: slots, links of the tree, and the one way to change a state.
//!
//! Invariants: `free + live = capacity`; a node is in its parent's ring exactly if it is runnable; an ended node has no deadline and is in no
//! ring and no queue. Nothing here knows the type of the works.

use core::num::NonZeroU32;

use crate::error::Error;
use crate::id::NodeId;
use crate::node::{Cold, Edge, Hot, Kind, ROOT, flag};
use crate::observe::{Event, Sink, What};
use crate::root::Root;
use crate::spec::Settings;
use crate::state::{State, Transition};
use crate::time::Instant;
use crate::timers::Alarm;

/// The tables with everything that may change them, less the works.
pub(crate) struct Table<'a> {
    pub hot: &'a mut [Hot],
    pub cold: &'a mut [Cold],
    pub alarms: &'a mut [Alarm],
    pub edges: &'a mut [Edge],
    pub root: &'a mut Root,
    /// None if nobody looks.
    pub sink: Option<&'a mut (dyn Sink + 'a)>,
}

impl Table<'_> {
    /// The same table for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Table<'_> {
        Table {
            hot: self.hot,
            cold: self.cold,
            alarms: self.alarms,
            edges: self.edges,
            root: self.root,
            sink: match &mut self.sink {
                Some(sink) => Some(&mut **sink),
                None => None,
            },
        }
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn hot(&self, index: u32) -> &Hot {
        self.hot.get(index as usize).unwrap_or(&self.root.hot)
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn hot_mut(&mut self, index: u32) -> &mut Hot {
        self.hot.get_mut(index as usize).unwrap_or(&mut self.root.hot)
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn cold(&self, index: u32) -> &Cold {
        self.cold.get(index as usize).unwrap_or(&self.root.cold)
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn cold_mut(&mut self, index: u32) -> &mut Cold {
        self.cold.get_mut(index as usize).unwrap_or(&mut self.root.cold)
    }

    pub(crate) fn capacity(&self) -> u32 {
        u32::try_from(self.hot.len()).unwrap_or(ROOT).min(ROOT - 1)
    }

    pub(crate) fn free_slots(&self) -> u32 {
        self.capacity().saturating_sub(self.root.used)
    }

    pub(crate) fn free_edges(&self) -> usize {
        self.edges.len().saturating_sub(self.root.used_edges as usize)
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(self.root.now)
    }

    /// The id of the node at `index`; meaningless for the root.
    #[inline]
    pub(crate) fn id(&self, index: u32) -> NodeId {
        NodeId::new(index, NonZeroU32::new(self.hot(index).generation).unwrap_or(NonZeroU32::MIN))
    }

    /// The id of the node at `index`, unless that is the root.
    pub(crate) fn id_below_root(&self, index: u32) -> Option<NodeId> {
        (index != ROOT).then(|| self.id(index))
    }

    #[inline]
    pub(crate) fn resolve(&self, id: NodeId) -> Result<u32, Error> {
        match self.hot.get(id.index() as usize) {
            Some(hot) if hot.generation == id.generation() && hot.has(flag::LIVE) => Ok(id.index()),
            _ => Err(Error::UnknownNode),
        }
    }

    /// Something that belongs to [`Detail::Steps`](crate::Detail::Steps).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn emit_step(&mut self, index: u32, what: What) {
        if self.sink.is_some() {
            self.send_step(index, what);
        }
    }

    /// Something that belongs to [`Detail::Ends`](crate::Detail::Ends).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn emit(&mut self, index: u32, what: What) {
        if self.sink.is_some() {
            self.send(index, what);
        }
    }

    #[cold]
    fn send_step(&mut self, index: u32, what: What) {
        if self.root.hot.has(flag::STEPS) {
            self.send(index, what);
        }
    }

    #[cold]
    fn send(&mut self, index: u32, what: What) {
        let event = Event { at: self.now(), node: self.id(index), name: self.cold(index).name(), what };
        if let Some(sink) = &mut self.sink {
            sink.event(&event);
        }
    }

    // ---- state ----

    /// Every change of state goes through here. The caller has made sure of it; an illegal one changes nothing.
    #[inline]
    pub(crate) fn go(&mut self, index: u32, to: State) {
        let hot = self.hot_mut(index);
        let from = hot.state;
        let legal = from.may_become(to);
        debug_assert!(legal, "{from:?} to {to:?}");
        if legal {
            hot.state = to;
            if self.sink.is_some() && from != to {
                self.moved(index, from, to);
            }
        }
    }

    #[cold]
    fn moved(&mut self, index: u32, from: State, to: State) {
        if !self.root.hot.has(flag::STEPS) && !to.is_done() && to != State::Pending {
            return;
        }
        if let Ok(transition) = Transition::between(from, to) {
            self.emit(index, What::Moved(transition));
        }
    }

    // ---- add and free ----

    /// Whether a child could be added below `parent`.
    pub(crate) fn accepts(&self, parent: u32) -> Result<(), Error> {
        if self.root.closed {
            return Err(Error::Aborting);
        }
        let hot = self.hot(parent);
        match hot.state {
            State::Aborting => return Err(Error::Aborting),
            state if state.is_done() => return Err(Error::Ended),
            _ if hot.has(flag::SETTLING) || parent != ROOT && parent == self.root.hook => {
                return Err(Error::Ended);
            }
            _ => {}
        }
        match hot.kind {
            Kind::Callback => Err(Error::WrongKind),
            Kind::Batch if self.root.running != parent => Err(Error::WrongKind),
            kind if kind.is_gate() && self.cold(parent).total() > 0 => Err(Error::WrongKind),
            _ => Ok(()),
        }
    }

    /// Takes a slot for a node below `parent` and links it. It may run as soon as it is offered: see [`Table::offer_new`].
    pub(crate) fn insert(&mut self, parent: u32, settings: &Settings) -> Result<u32, Error> {
        self.accepts(parent)?;
        if settings.width == 0 {
            return Err(Error::ZeroWidth);
        }
        let awaited = match settings.kind {
            Kind::After | Kind::AfterSuccess => {
                let id = NodeId::from_bits(settings.param).ok_or(Error::UnknownNode)?;
                let awaited = self.resolve(id)?;
                if self.is_inside(parent, awaited) {
                    return Err(Error::WouldCycle);
                }
                Some(awaited)
            }
            _ => None,
        };
        let Some(index) = self.take_slot() else {
            self.root.counts.refused += 1;
            if parent != ROOT {
                self.emit_step(parent, What::Full);
            }
            return Err(Error::Full);
        };

        let pass = self.hot(parent).pass;
        let hot = self.hot_mut(index);
        // None has been here if it is zero.
        let generation = hot.generation.max(1);
        let (kind, flags) = (settings.kind, flag::LIVE | flag::TURN);
        *hot = Hot { parent, generation, kind, flags, mark: pass.wrapping_sub(1), ..Hot::EMPTY };
        if settings.paused {
            hot.set(flag::PAUSED);
        }
        if settings.detached {
            hot.set(flag::DETACHED);
        }
        if !settings.drain.is_forever() {
            hot.set(flag::DRAINED);
        }
        if !settings.timeout.is_forever() || settings.retry.elapsed_limit().is_some() {
            hot.set(flag::LIMITED);
        }
        let mut cold = *Cold::empty();
        cold.name = Some(settings.name);
        cold.width = settings.width;
        cold.param = settings.param;
        cold.on_failure = settings.on_failure;
        cold.retry = settings.retry;
        cold.timeout = settings.timeout;
        cold.drain = settings.drain;
        *self.cold_mut(index) = cold;
        self.link_sibling(parent, index);
        self.cold_mut(parent).live += 1;
        self.hot_mut(parent).set(flag::PARENT);
        if let Some(awaited) = awaited {
            self.await_end(index, awaited);
        }
        self.root.counts.added += 1;
        let above = self.id_below_root(parent);
        self.emit_step(index, What::Added(above));
        Ok(index)
    }

    /// Offers a new node a place, unless it has to wait for others; a work above it looks at its children anew.
    pub(crate) fn offer_new(&mut self, parent: u32, index: u32) {
        self.offer(parent, index);
        if self.hot(parent).kind == Kind::Work && self.root.running != parent {
            self.wake(parent);
        }
    }

    fn take_slot(&mut self) -> Option<u32> {
        let index = if self.root.free != ROOT {
            let index = self.root.free;
            self.root.free = self.hot(index).next;
            index
        } else if self.root.fresh < self.capacity() {
            let index = self.root.fresh;
            self.root.fresh += 1;
            index
        } else {
            return None;
        };
        self.root.used += 1;
        self.root.high_water = self.root.high_water.max(self.root.used);
        Some(index)
    }

    /// Gives the slot of an ended node back. Its children are gone already.
    pub(crate) fn free(&mut self, index: u32) {
        self.emit(index, What::Freed);
        self.unwatch(index);
        self.dismiss_watchers(index);
        self.free_edges_of(index);
        self.unlink_sibling(index);
        let free = self.root.free;
        if self.hot(index).has(flag::HANDLE) {
            self.forget_wakes(index);
        }
        if self.root.running == index {
            // A panic left the marks, and the node ended before the poll that would have found them.
            (self.root.running, self.root.hook) = (ROOT, ROOT);
        }
        let hot = self.hot_mut(index);
        hot.flags = 0;
        // A slot whose generations are used up is retired, and stays counted as used.
        if let Some(generation) = hot.generation.checked_add(1) {
            (hot.generation, hot.next) = (generation, free);
            self.root.free = index;
            self.root.used -= 1;
        }
    }

    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    fn forget_wakes(&self, index: u32) {
        if let Some(wakes) = self.root.wakes {
            wakes.clear(index);
        }
    }

    #[cfg(not(any(target_has_atomic = "32", feature = "portable-atomic")))]
    fn forget_wakes(&self, _: u32) {}

    fn link_sibling(&mut self, parent: u32, index: u32) {
        let last = self.cold(parent).last_child;
        self.cold_mut(index).prev_sibling = last;
        if last == ROOT {
            self.cold_mut(parent).first_child = index;
        } else {
            self.cold_mut(last).next_sibling = index;
        }
        self.cold_mut(parent).last_child = index;
    }

    fn unlink_sibling(&mut self, index: u32) {
        let (parent, cold) = (self.hot(index).parent, self.cold(index));
        let (prev, next) = (cold.prev_sibling, cold.next_sibling);
        if prev == ROOT {
            self.cold_mut(parent).first_child = next;
        } else {
            self.cold_mut(prev).next_sibling = next;
        }
        if next == ROOT {
            self.cold_mut(parent).last_child = prev;
        } else {
            self.cold_mut(next).prev_sibling = prev;
        }
    }

    /// Whether `index` is `top` or lies below it. Cost: the depth of `index`.
    pub(crate) fn is_inside(&self, mut index: u32, top: u32) -> bool {
        while index != ROOT {
            if index == top {
                return true;
            }
            index = self.hot(index).parent;
        }
        top == ROOT
    }

    /// The node after `index` in a walk over the tree below `top`, parents first; with `descend` false, past what is below `index`.
    pub(crate) fn next_in_tree(&self, top: u32, mut index: u32, descend: bool) -> u32 {
        if descend && self.hot(index).has(flag::PARENT) {
            let child = self.cold(index).first_child;
            if child != ROOT {
                return child;
            }
        }
        while index != top && index != ROOT {
            let next = self.cold(index).next_sibling;
            if next != ROOT {
                return next;
            }
            index = self.hot(index).parent;
        }
        ROOT
    }
}

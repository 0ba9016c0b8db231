//! The node table, less the works: its columns, look-ups, walks over the tree, and the way to whoever observes it.
//!
//! Thin: each structure in it is a type of its own that keeps its own invariant. What happens to nodes is said in `lifecycle`.

use core::num::NonZeroU32;

use crate::column::Column;
use crate::edges::Edge;
use crate::error::Error;
use crate::id::NodeId;
use crate::marks::mark;
use crate::node::{Cold, Hot, Note, ROOT};
use crate::observe::{Event, EventKind, Sink};
use crate::root::Globals;
use crate::siblings::{self, Sibling};
use crate::time::{Instant, Tell};
use crate::timers::Alarm;

/// The columns, and what there is once.
pub(crate) struct Table<'a> {
    pub hot: Column<'a, Hot>,
    pub cold: Column<'a, Cold>,
    pub notes: Column<'a, Note>,
    pub siblings: &'a mut [Sibling],
    pub alarms: &'a mut [Alarm],
    pub edges: &'a mut [Edge],
    pub globals: &'a mut Globals,
    /// The clock of the poll that is going on; none between two polls.
    pub clock: Option<&'a (dyn Tell + 'a)>,
    /// None if nobody looks.
    pub sink: Option<&'a mut (dyn Sink + 'a)>,
}

impl Table<'_> {
    /// The same table for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Table<'_> {
        Table {
            hot: self.hot.reborrow(),
            cold: self.cold.reborrow(),
            notes: self.notes.reborrow(),
            siblings: self.siblings,
            alarms: self.alarms,
            edges: self.edges,
            globals: self.globals,
            clock: self.clock,
            sink: match &mut self.sink {
                Some(sink) => Some(&mut **sink),
                None => None,
            },
        }
    }

    pub(crate) fn free_slots(&self) -> u32 {
        let capacity = u32::try_from(self.hot.len()).unwrap_or(ROOT).min(ROOT - 1);
        capacity.saturating_sub(self.globals.slab.used())
    }

    /// The time that is known: what the clock said when it was last asked.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(self.globals.now)
    }

    /// The time at this moment, for what is counted from now on; between two polls, the time of the last one. User code may have taken its time, so
    /// what was known when the poll began is too early.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn ask_time(&mut self) -> u64 {
        self.globals.now = self.time();
        self.globals.now
    }

    /// The same, without taking note of it.
    pub(crate) fn time(&self) -> u64 {
        let now = self.globals.now;
        self.clock.map_or(now, |clock| now.max(clock.tell().as_micros()))
    }

    // ---- names ----

    /// The id of the node at `index`; meaningless for the root.
    #[inline]
    pub(crate) fn id(&self, index: u32) -> NodeId {
        NodeId::new(index, NonZeroU32::new(self.hot[index].generation).unwrap_or(NonZeroU32::MIN))
    }

    /// The id of the node at `index`, unless that is the root.
    pub(crate) fn id_below_root(&self, index: u32) -> Option<NodeId> {
        (index != ROOT).then(|| self.id(index))
    }

    #[inline]
    pub(crate) fn resolve(&self, id: NodeId) -> Result<u32, Error> {
        match self.hot.get(id.index()) {
            Some(hot) if hot.generation == id.generation() && hot.has(mark::LIVE) => Ok(id.index()),
            _ => Err(Error::UnknownNode),
        }
    }

    // ---- walks ----

    /// The child of the same parent that was added after this one.
    #[inline]
    pub(crate) fn next_sibling(&self, index: u32) -> u32 {
        siblings::next(self.siblings, index)
    }

    /// The node after `index` in a walk over the tree below `top`, parents first; with `descend` false, past what is below `index`.
    pub(crate) fn next_in_tree(&self, top: u32, mut index: u32, descend: bool) -> u32 {
        if descend && self.hot[index].has(mark::PARENT) {
            let child = self.cold[index].children.first();
            if child != ROOT {
                return child;
            }
        }
        while index != top && index != ROOT {
            let next = self.next_sibling(index);
            if next != ROOT {
                return next;
            }
            index = self.hot[index].parent;
        }
        ROOT
    }

    // ---- events ----

    /// Something that belongs to [`Verbosity::Steps`](crate::Verbosity::Steps).
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    pub(crate) fn emit_step(&mut self, index: u32, kind: EventKind) {
        if self.sink.is_some() {
            self.send_step(index, kind);
        }
    }

    /// Something that belongs to [`Verbosity::Ends`](crate::Verbosity::Ends).
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    pub(crate) fn emit(&mut self, index: u32, kind: EventKind) {
        if self.sink.is_some() {
            self.send(index, kind);
        }
    }

    #[cold]
    fn send_step(&mut self, index: u32, kind: EventKind) {
        if self.hot.root_mut().has(mark::STEPS) {
            self.send(index, kind);
        }
    }

    #[cold]
    fn send(&mut self, index: u32, kind: EventKind) {
        let note = &self.notes[index];
        let tag = self.hot[index].has(mark::TAGGED).then_some(note.tag);
        let event = Event { at: self.now(), node: self.id(index), name: note.name(), tag, kind };
        if let Some(sink) = &mut self.sink {
            sink.event(&event);
        }
    }
}

//! The first step of a life and the last: a node gets a slot, and gives it back.

use crate::error::Error;
use crate::id::NodeId;
use crate::kind::Kind;
use crate::links::NONE;
use crate::marks::mark;
use crate::node::{self, Cold, Hot, Note, ROOT};
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::run_queue;
use crate::spec::Settings;
use crate::table::Table;
use crate::watchers;

impl Table<'_> {
    /// Whether a child could be added below `parent`.
    pub(crate) fn accepts(&self, parent: u32) -> Result<(), Error> {
        if self.globals.closed {
            return Err(Error::Aborting);
        }
        let hot = &self.hot[parent];
        match hot.phase {
            Phase::Aborting => return Err(Error::Aborting),
            Phase::Settling => return Err(Error::Ended),
            phase if phase.is_done() => return Err(Error::Ended),
            _ if parent != ROOT && parent == self.globals.call.hook => return Err(Error::Ended),
            _ => {}
        }
        match hot.kind {
            Kind::Callback => Err(Error::WrongKind),
            Kind::Batch if self.globals.call.running != parent => Err(Error::WrongKind),
            kind if kind.is_gate() && self.cold[parent].total() > 0 => Err(Error::WrongKind),
            _ => Ok(()),
        }
    }

    /// Takes a slot for a node below `parent` and links it. It may run as soon as it is offered: see [`Table::offer_new`].
    pub(crate) fn insert(&mut self, parent: u32, settings: &Settings) -> Result<u32, Error> {
        self.accepts(parent)?;
        settings.check(parent == ROOT)?;
        let awaited = self.awaited_by_new(parent, settings)?;
        let Some((index, generation)) = self.globals.slab.take(&mut self.hot) else {
            self.globals.totals.refused += 1;
            self.wait_for_a_slot();
            if parent != ROOT {
                self.emit_step(parent, EventKind::Full);
            }
            return Err(Error::Full);
        };
        let passes = run_queue::passes_of_new(&self.hot, parent);
        let marks = marks_of_new(settings);
        self.hot[index] = Hot { parent, generation, kind: settings.kind, marks, passes, ..Hot::EMPTY };
        let mut cold = *Cold::empty();
        cold.places = settings.places;
        cold.param = settings.param;
        cold.on_failure = settings.on_failure;
        cold.retry = settings.retry;
        cold.timeout = settings.timeout;
        cold.drain = settings.drain;
        self.cold[index] = cold;
        self.notes[index] = Note::new(settings.name, settings.tag.unwrap_or(0));
        let above = &mut self.cold[parent];
        above.children.push_back(self.siblings, index);
        above.live += 1;
        self.hot[parent].set(mark::PARENT);
        if let Some(awaited) = awaited {
            self.await_end(index, awaited);
        }
        self.globals.totals.added += 1;
        let above = self.id_below_root(parent);
        self.emit_step(index, EventKind::Added(above));
        Ok(index)
    }

    /// The node that a new gate below `parent` waits for; none if this is no such gate.
    fn awaited_by_new(&self, parent: u32, settings: &Settings) -> Result<Option<u32>, Error> {
        if !matches!(settings.kind, Kind::After | Kind::AfterSuccess) {
            return Ok(None);
        }
        let id = NodeId::from_bits(settings.param).ok_or(Error::UnknownNode)?;
        let awaited = self.resolve(id)?;
        if node::is_inside(&self.hot, parent, awaited) { Err(Error::WouldCycle) } else { Ok(Some(awaited)) }
    }

    /// Offers a new node a place, unless it has to wait for others; a work above it looks at its children anew.
    pub(crate) fn offer_new(&mut self, parent: u32, index: u32) {
        self.offer(parent, index);
        if self.hot[parent].kind == Kind::Work && self.globals.call.running != parent {
            self.wake(parent);
        }
    }

    /// Gives the slot of an ended node back. Its children are gone already.
    pub(crate) fn free(&mut self, index: u32) {
        self.emit(index, EventKind::Freed);
        self.unwatch(index);
        self.dismiss_watchers(index);
        self.globals.edges.give_back(self.edges, &mut self.cold[index].edges);
        let Hot { parent, marks, .. } = self.hot[index];
        self.cold[parent].children.remove(self.siblings, index);
        if marks & mark::HANDLE != 0 {
            if let Some(wakes) = self.globals.wakes {
                wakes.clear(index);
            }
        }
        let call = &mut self.globals.call;
        if call.running == index {
            // A panic left the marks, and the node ended before the poll that would have found them.
            (call.running, call.hook) = (ROOT, ROOT);
        }
        self.hot[index].marks = 0;
        self.globals.slab.give_back(&mut self.hot, index);
        if self.cold.root_mut().watchers != NONE {
            self.wake_those_who_wait_for_a_slot();
        }
    }

    /// The running work has found the table full: it will be woken when a slot is free. It is listed among the watchers of the root, which no gate can wait for.
    fn wait_for_a_slot(&mut self) {
        let running = self.globals.call.running;
        if running != ROOT && self.hot[running].kind == Kind::Work {
            watchers::add(&mut self.cold, ROOT, running);
        }
    }

    /// First come, first served.
    #[cold]
    fn wake_those_who_wait_for_a_slot(&mut self) {
        let mut latest = self.cold.root_mut().watchers;
        let mut first = NONE;
        // Turned around, for the latest is the first in the list.
        while latest != NONE {
            let next = watchers::after(&self.cold, latest);
            self.cold[latest].next_watcher = first;
            first = core::mem::replace(&mut latest, next);
        }
        self.cold.root_mut().watchers = NONE;
        while first != NONE {
            let next = core::mem::replace(&mut self.cold[first].next_watcher, NONE);
            self.wake(first);
            first = next;
        }
    }
}

fn marks_of_new(settings: &Settings) -> u32 {
    let limited = !settings.timeout.is_forever() || settings.retry.elapsed_limit().is_some();
    // A sequence's one place is its order.
    let lendable = settings.places != u32::MAX && settings.kind != Kind::Sequence;
    let if_so = |holds: bool, mark: u32| if holds { mark } else { 0 };
    mark::LIVE
        | mark::TURN
        | if_so(settings.tag.is_some(), mark::TAGGED)
        | if_so(settings.paused, mark::PAUSED)
        | if_so(settings.detached, mark::DETACHED)
        | if_so(!settings.drain.is_forever(), mark::DRAINED)
        | if_so(limited, mark::LIMITED)
        | if_so(settings.lends && lendable, mark::LENDS)
}

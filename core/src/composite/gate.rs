//! Gates: one child that starts when a condition holds.
//!
//! A predicate is asked when the gate starts, then at its interval and whenever the gate is woken, until it has said yes; a later attempt asks
//! anew. A gate behind another node's end asks nobody: that end opens it.

use crate::engine::Engine;
use crate::id::NodeId;
use crate::kind::Kind;
use crate::links::NONE;
use crate::marks::mark;
use crate::node::{ROOT, Verdict};
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::reason::{AbortCause, Failure, Reason};
use crate::table::Table;
use crate::time::UNLIMITED;
use crate::watchers;
use crate::work::{Check, Work};

impl<W: Work<W, A>, A: ?Sized> Engine<'_, W, A> {
    /// Asks the predicate of a shut gate. True if the gate has opened.
    pub(crate) fn ask_predicate(&mut self, index: u32) -> bool {
        if self.lost_its_child(index) {
            return false;
        }
        let answer = self.call(index, Check::Yes, W::on_check);
        let hot = &mut self.table.hot[index];
        let woken = hot.has(mark::WOKEN);
        hot.clear(mark::WOKEN);
        if hot.phase != Phase::Running {
            return false;
        }
        match answer {
            Check::Yes => return self.open(index),
            Check::No if woken => {}
            Check::No => {
                let until = self.table.ask_time().saturating_add(self.table.cold[index].param);
                self.wait(index, until);
            }
            Check::Fail(reason) => self.fail(index, reason, Verdict::Failure, AbortCause::ParentFailed),
        }
        false
    }

    /// Looks whether the node that a shut gate waits for has ended. True if the gate has opened.
    pub(crate) fn look_at_awaited(&mut self, index: u32) -> bool {
        if self.lost_its_child(index) {
            return false;
        }
        if let Some(awaited) = self.table.awaited(index) {
            if !self.table.hot[awaited].phase.is_done() {
                self.wait(index, UNLIMITED);
                return false;
            }
        }
        let hot = &self.table.hot[index];
        if hot.kind == Kind::After || hot.has(mark::AWAITED_SUCCEEDED) {
            return self.open(index);
        }
        let origin = self.table.awaited(index).and_then(|awaited| self.table.notes[awaited].failure());
        let origin = origin.map_or(self.table.id(index), |failure| failure.origin);
        self.table.set_failure(index, Failure { reason: Reason::GATE_CLOSED, origin });
        self.settle(index, Verdict::Failure, AbortCause::ParentFailed);
        false
    }

    fn open(&mut self, index: u32) -> bool {
        self.table.hot[index].set(mark::OPEN);
        self.table.emit_step(index, EventKind::Opened);
        self.attend(index)
    }

    /// Whether the child was aborted before the gate opened, so that the gate has nothing left to do.
    fn lost_its_child(&mut self, index: u32) -> bool {
        let decision = self.decide(index);
        if let Some((verdict, cause)) = decision {
            self.settle(index, verdict, cause);
        }
        decision.is_some()
    }
}

/// Gates that wait for another node's end. No user code is needed for them to hear of it.
impl Table<'_> {
    /// Lets a gate know of the ends of `awaited` from now on, and of the last one if there was one. O(1).
    pub(crate) fn await_end(&mut self, gate: u32, awaited: u32) {
        let phase = self.hot[awaited].phase;
        if phase.is_done() {
            self.note_awaited(gate, phase);
        }
        self.hot[awaited].set(mark::WATCHED);
        watchers::add(&mut self.cold, awaited, gate);
    }

    fn note_awaited(&mut self, gate: u32, phase: Phase) {
        let hot = &mut self.hot[gate];
        hot.clear(mark::AWAITED_SUCCEEDED);
        if phase == Phase::Success {
            hot.set(mark::AWAITED_SUCCEEDED);
        }
    }

    /// The node that a gate waits for; none if it is gone, or if this is no such gate.
    fn awaited(&self, gate: u32) -> Option<u32> {
        if !matches!(self.hot[gate].kind, Kind::After | Kind::AfterSuccess) {
            return None;
        }
        self.resolve(NodeId::from_bits(self.cold[gate].param)?).ok()
    }

    /// A node has ended: every gate that waits for it notes how, and looks again.
    #[cfg_attr(not(small), inline(never))]
    pub(crate) fn open_watchers(&mut self, index: u32) {
        let phase = self.hot[index].phase;
        let mut gate = self.cold[index].watchers;
        while gate != NONE {
            self.note_awaited(gate, phase);
            self.wake(gate);
            gate = watchers::after(&self.cold, gate);
        }
    }

    /// A gate is going. Cost: how many others wait for the same node.
    pub(crate) fn unwatch(&mut self, gate: u32) {
        if watchers::is_in_list(&self.cold, gate) {
            // A work in such a list waits for a slot, and is in the root's.
            let of = if self.hot[gate].kind == Kind::Work { Some(ROOT) } else { self.awaited(gate) };
            if let Some(of) = of {
                watchers::remove(&mut self.cold, of, gate);
            }
        }
    }

    /// A node is going: the gates that waited for it know of its last end, and will hear of no other.
    pub(crate) fn dismiss_watchers(&mut self, index: u32) {
        watchers::clear(&mut self.cold, index);
    }
}

//! Gates: one child that starts when a condition holds.
//!
//! A predicate is asked when the gate starts, then at its interval and whenever the gate is woken, until it has said yes; a later attempt asks
//! anew. A gate behind another node's end asks nobody: that end opens it.

use crate::engine::Engine;
use crate::node::{Kind, Verdict, flag};
use crate::observe::What;
use crate::reason::{Failure, Reason};
use crate::spec::UNLIMITED;
use crate::state::State;
use crate::work::{Check, Work};

impl<W: Work<A, W>, A: ?Sized> Engine<'_, W, A> {
    /// Asks the predicate of a shut gate. True if the gate has opened.
    pub(crate) fn ask_predicate(&mut self, index: u32) -> bool {
        if self.lost_its_child(index) {
            return false;
        }
        let answer = self.call(index, Check::Yes, W::on_check);
        let hot = self.table.hot_mut(index);
        let woken = hot.has(flag::WOKEN);
        hot.clear(flag::WOKEN);
        if hot.state != State::Running {
            return false;
        }
        match answer {
            Check::Yes => return self.open(index),
            Check::No if woken => {}
            Check::No => {
                let until = self.table.root.now.saturating_add(self.table.cold(index).param);
                self.wait(index, until);
            }
            Check::Fail(reason) => self.fail(index, reason, Verdict::Failure),
        }
        false
    }

    /// Looks whether the node that a shut gate waits for has ended. True if the gate has opened.
    pub(crate) fn look_at_awaited(&mut self, index: u32) -> bool {
        if self.lost_its_child(index) {
            return false;
        }
        if let Some(awaited) = self.table.awaited(index) {
            if !self.table.hot(awaited).state.is_done() {
                self.wait(index, UNLIMITED);
                return false;
            }
        }
        let hot = self.table.hot(index);
        if hot.kind == Kind::After || hot.has(flag::AWAITED_SUCCEEDED) {
            return self.open(index);
        }
        let origin = self.table.awaited(index).and_then(|awaited| self.table.cold(awaited).failure);
        let origin = origin.map_or(self.table.id(index), |failure| failure.origin);
        self.table.set_failure(index, Failure { reason: Reason::GATE_CLOSED, origin });
        self.settle(index, Verdict::Failure, crate::reason::Cause::ParentFailed);
        false
    }

    fn open(&mut self, index: u32) -> bool {
        self.table.hot_mut(index).set(flag::OPEN);
        self.table.emit_step(index, What::Opened);
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

//! When composites end, and the turns of those that ask user code or wait for another node.

use windlass::{AbortCause, Check, EventKind, Failure, Generated, Kind, OnFailure, Reason, State};

use super::{Key, Model, Verdict};
use crate::program::Shape;
use crate::script;

impl Model {
    /// How a composite ends, and why its other children are aborted; none if it goes on.
    pub(super) fn decide(&mut self, key: Key) -> Option<(Verdict, AbortCause)> {
        const SUCCESS: Option<(Verdict, AbortCause)> = Some((Verdict::Success, AbortCause::SiblingWon));
        let live = self.live(key);
        let node = &self.nodes[key];
        let bad = node.failed + node.aborted;
        // A quorum may come about without the one that has failed for good.
        let for_good = node.fatal && node.kind != Kind::Quorum;
        let failure = if for_good { Verdict::Fatal } else { Verdict::Failure(None) };
        let failure = Some((failure, AbortCause::ParentFailed));
        match node.plan.shape {
            Shape::Quorum(needed) if node.succeeded >= needed => SUCCESS,
            Shape::Quorum(needed) if node.succeeded + live >= needed => None,
            Shape::Quorum(_) => {
                self.miss_quorum(key);
                failure
            }
            Shape::Race if node.succeeded > 0 => SUCCESS,
            Shape::Race if bad > 0 => failure,
            // Nobody runs.
            Shape::Race if live == 0 => {
                self.miss_quorum(key);
                failure
            }
            Shape::Race => None,
            _ if bad > 0 && node.on_failure == OnFailure::Stop => failure,
            _ if live > 0 => None,
            // There may be more to come.
            Shape::Batch { .. } if !node.open => None,
            // The condition may come true; but not for a child that was aborted meanwhile.
            _ if node.is_gate() && !node.open && bad == 0 => None,
            _ if bad > 0 && node.on_failure == OnFailure::Finish => failure,
            _ => SUCCESS,
        }
    }

    fn miss_quorum(&mut self, key: Key) {
        let node = &mut self.nodes[key];
        let origin = node.failure.map_or(node.id, |failure| failure.origin);
        node.failure = Some(Failure { reason: Reason::NO_QUORUM, origin });
    }

    /// A composite's turn: it ends, or its queue moves up. True if it goes on.
    pub(super) fn attend(&mut self, key: Key) -> bool {
        if self.ends(key) {
            return false;
        }
        self.fill_places(key);
        self.nodes[key].turn = false;
        self.refresh(key);
        true
    }

    fn ends(&mut self, key: Key) -> bool {
        match self.decide(key) {
            Some((verdict, cause)) => {
                self.settle(key, verdict, cause);
                true
            }
            None => false,
        }
    }

    pub(super) fn ask_callback(&mut self, key: Key) {
        let Some(answer) = self.crank_work(key, |hands, me| script::on_check(hands, me)) else { return };
        self.nodes[key].woken = false;
        if self.nodes[key].state != State::Running {
            return;
        }
        match answer {
            Check::Yes => self.settle(key, Verdict::Success, AbortCause::ParentDone),
            Check::No => self.fail(key, Reason::REFUSED, Verdict::Failure(None)),
            Check::Fail(reason) => self.fail(key, reason, Verdict::Failure(None)),
        }
    }

    /// Asks the generator as often as there are places, but not more often than a poll has cranks.
    pub(super) fn ask_generator(&mut self, key: Key) {
        let Shape::Batch { item_nodes } = self.nodes[key].plan.shape else { return };
        self.sweep(key);
        for _ in 0..self.budget {
            if self.ends(key) {
                return;
            }
            if self.nodes[key].open || !self.has_place(key) {
                self.attend(key);
                return;
            }
            if self.capacity - self.used_slots() < item_nodes as usize {
                // Only a child's end gives slots back.
                if self.live(key) == 0 {
                    self.fail(key, Reason::TABLE_FULL, Verdict::Failure(None));
                } else {
                    self.attend(key);
                }
                return;
            }
            let before = self.total(key);
            let Some(answer) = self.crank_work(key, |hands, me| script::on_next(hands, me)) else { return };
            self.nodes[key].woken = false;
            if self.nodes[key].state != State::Running {
                return;
            }
            match answer {
                Generated::Exhausted => self.nodes[key].open = true,
                Generated::Added if self.total(key) == before => {
                    self.fail(key, Reason::NOTHING_ADDED, Verdict::Fatal);
                    return;
                }
                Generated::Added => {}
            }
            // What is left of the turn of a paused node waits for the resume.
            if !self.is_reachable(key) {
                return;
            }
        }
    }

    // ---- gates ----

    /// True if the gate has opened.
    pub(super) fn ask_predicate(&mut self, key: Key) -> bool {
        let Shape::When { poll_every } = self.nodes[key].plan.shape else { return false };
        if self.ends(key) {
            return false;
        }
        let Some(answer) = self.crank_work(key, |hands, me| script::on_check(hands, me)) else {
            return false;
        };
        let woken = std::mem::take(&mut self.nodes[key].woken);
        if self.nodes[key].state != State::Running {
            return false;
        }
        match answer {
            Check::Yes => return self.open(key),
            Check::No if woken => {}
            Check::No => self.wait(key, self.now + poll_every),
            Check::Fail(reason) => self.fail(key, reason, Verdict::Failure(None)),
        }
        false
    }

    /// True if the gate has opened.
    pub(super) fn look_at_awaited(&mut self, key: Key) -> bool {
        if self.ends(key) {
            return false;
        }
        let Some(awaited) = self.nodes[key].awaited else { return false };
        let (state, gone) = (self.nodes[awaited].state, self.nodes[awaited].gone);
        if !state.is_done() {
            self.wait(key, windlass::Instant::MAX);
            return false;
        }
        if self.nodes[key].kind == Kind::After || state == State::Success {
            return self.open(key);
        }
        let known = self.nodes[awaited].failure.filter(|_| !gone);
        let origin = known.map_or(self.nodes[key].id, |failure| failure.origin);
        self.nodes[key].failure = Some(Failure { reason: Reason::GATE_CLOSED, origin });
        self.settle(key, Verdict::Failure(None), AbortCause::ParentFailed);
        false
    }

    fn open(&mut self, key: Key) -> bool {
        self.nodes[key].open = true;
        self.emit(key, EventKind::Opened);
        self.attend(key)
    }
}

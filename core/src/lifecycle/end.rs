//! The one way to end.
//!
//! Whoever ends a node (its own verdict, its parent, an abort, a limit, a panic, a call from outside) calls [`Table::end`] and gets an [`Ended`], which has to be
//! handed on: to [`Table::tell`], or, in the crank loop, to [`Engine::conclude`](crate::engine::Engine::conclude). Both ask [`Table::follow`] what follows; they differ in one thing: what needs user
//! code, `tell` leaves to the parent's next turn, and `conclude` does at once.

use crate::kind::Kind;
use crate::marks::mark;
use crate::node::{ROOT, Verdict};
use crate::phase::Phase;
use crate::reason::{AbortCause, Failure, Reason};
use crate::table::Table;

/// A node that has ended, and of which the nodes around it have not heard yet.
#[must_use = "dependents and the parent have to hear of it"]
pub(crate) struct Ended {
    index: u32,
}

impl Ended {
    /// Nobody needs to be told: the caller looks at the parent himself, or ends it next.
    pub(crate) fn already_known(self) {}
}

/// What a parent has to do when a child has ended.
pub(crate) enum Reaction {
    /// Nothing now.
    Nothing,
    /// Decide whether it ends, too.
    Decide,
    /// End: its verdict was known, and this was its last child.
    End(Verdict),
}

impl Table<'_> {
    /// Ends a node; `to` is one of the three final phases.
    pub(crate) fn end(&mut self, index: u32, to: Phase) -> Ended {
        self.go(index, to);
        let hot = &mut self.hot[index];
        let (parent, marks) = (hot.parent, hot.marks);
        hot.clear(mark::OF_A_LIFE);
        // A leaf that has just run is in its parent's ring and in nothing else.
        if marks & (mark::ARMED | mark::QUEUED) != 0 {
            self.wait_no_more(parent, index);
        }
        if marks & mark::IN_RING != 0 {
            self.enter_or_leave_ring(index, false);
        }

        let (above, totals) = (&mut self.cold[parent], &mut self.globals.totals);
        above.live = above.live.saturating_sub(1);
        above.active = above.active.saturating_sub(u32::from(marks & mark::ACTIVE != 0));
        match to {
            Phase::Success => {
                above.succeeded = above.succeeded.saturating_add(1);
                totals.succeeded += 1;
            }
            Phase::Failure => {
                above.failed = above.failed.saturating_add(1);
                totals.failed += 1;
            }
            _ => {
                above.aborted = above.aborted.saturating_add(1);
                if self.hot[index].cause() == AbortCause::Dependency {
                    totals.blocked += 1;
                } else {
                    totals.aborted += 1;
                }
            }
        }
        if to != Phase::Success {
            self.remember_failure(parent, index);
        }
        if self.hot[parent].kind.is_dynamic() && (parent != ROOT || marks & mark::DETACHED != 0) {
            self.join_ended(parent, index);
        }
        if marks & mark::WATCHED != 0 {
            self.open_watchers(index);
        }
        Ended { index }
    }

    /// Takes away what it may have waited for: a time, or a place.
    #[cfg_attr(not(small), inline(never))]
    fn wait_no_more(&mut self, parent: u32, index: u32) {
        self.stop_timer(index);
        self.leave_queue(parent, index);
    }

    /// What follows from an end, as far as it needs no user code: dependents are released or blocked. Then says who the parent is, and what it has to do;
    /// none at the top.
    pub(crate) fn follow(&mut self, Ended { index }: Ended) -> Option<(u32, Reaction)> {
        let parent = self.hot[index].parent;
        if parent == ROOT {
            return None;
        }
        let above = &self.hot[parent];
        if above.kind == Kind::Graph && !above.phase.is_ending() {
            self.settle_edges(index);
        }
        Some((parent, self.reaction(parent)))
    }

    fn reaction(&mut self, parent: u32) -> Reaction {
        let (hot, cold) = (&self.hot[parent], &self.cold[parent]);
        let composite = hot.kind != Kind::Work;
        match hot.phase {
            phase if phase.is_ending() && cold.live > 0 => return Reaction::Nothing,
            Phase::Settling => return Reaction::End(cold.verdict),
            Phase::Aborting if composite => return Reaction::End(Verdict::Aborted),
            Phase::Running | Phase::TimedOut if composite => return Reaction::Decide,
            Phase::Aborting => {
                // Its own clean-up begins.
                self.ask_turn(parent);
                return Reaction::Nothing;
            }
            Phase::Running | Phase::TimedOut => self.ask_turn(parent),
            Phase::Waiting => self.wake(parent),
            _ => {}
        }
        self.fill_places(parent);
        Reaction::Nothing
    }

    /// Lets those around an ended node know of it, without user code: what the parent has to do, it does in its next turn.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn tell(&mut self, ended: Ended) {
        let Some((parent, reaction)) = self.follow(ended) else { return };
        match reaction {
            Reaction::Nothing => {}
            Reaction::End(_) => self.ask_turn(parent),
            Reaction::Decide => {
                self.ask_turn(parent);
                self.fill_places(parent);
            }
        }
    }

    /// Keeps the first failure among the children of an attempt as the parent's, unless the parent is ending anyway.
    #[cfg_attr(small, inline(never))]
    fn remember_failure(&mut self, parent: u32, child: u32) {
        let (hot, cold) = (&self.hot[parent], &self.cold[parent]);
        let first = cold.failed.saturating_add(cold.aborted) == 1;
        if parent == ROOT || hot.phase.is_ending() {
            return;
        }
        let known = !first && hot.has(mark::BLAMED);
        if hot.kind != Kind::Work && self.is_final(child) {
            self.hot[parent].set(mark::FATAL);
        }
        if known {
            return;
        }
        let failure = match self.notes[child].failure() {
            Some(failure) if self.hot[child].phase == Phase::Failure => failure,
            _ => Failure { reason: Reason::CHILD_ABORTED, origin: self.id(child) },
        };
        self.set_failure(parent, failure);
    }

    /// Whether an end is meant for good: a failure that says so, or an abort that somebody has asked for.
    fn is_final(&self, index: u32) -> bool {
        let hot = &self.hot[index];
        hot.has(mark::FATAL) || self.was_aborted_by_a_user(index)
    }

    pub(crate) fn was_aborted_by_a_user(&self, index: u32) -> bool {
        let hot = &self.hot[index];
        hot.phase == Phase::Aborted && hot.cause() == AbortCause::User
    }

    // ---- children that have ended, for a parent that looks at them ----

    #[cfg_attr(not(small), inline(never))]
    #[cfg_attr(small, inline(never))]
    fn join_ended(&mut self, parent: u32, index: u32) {
        let ended = &mut self.cold[parent].ended;
        let first = ended.is_empty();
        ended.push_back(&mut self.hot, index);
        if first {
            self.hot[parent].set(mark::UNSEEN);
            self.globals.call.stirred = true;
        }
    }

    #[cfg_attr(small, inline(never))]
    pub(crate) fn leave_ended(&mut self, parent: u32, index: u32) {
        // An ended node that is linked at all is linked here.
        if self.hot[index].link.is_free() {
            return;
        }
        self.cold[parent].ended.remove(&mut self.hot, index);
        if self.cold[parent].ended.is_empty() {
            self.hot[parent].clear(mark::UNSEEN);
        }
    }
}

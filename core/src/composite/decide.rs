//! When a composite ends: the decision taken each time a child has ended.
//!
//! A child that was aborted on its own counts as failed. The decision reads counters only, so it costs the same for two children and
//! for a million.

use crate::engine::Engine;
use crate::kind::Kind;
use crate::marks::mark;
use crate::node::Verdict;
use crate::reason::{AbortCause, Failure, Reason};
use crate::spec::OnFailure;
use crate::work::Work;

impl<W: Work<W, A>, A: ?Sized> Engine<'_, W, A> {
    /// How the composite ends, and what its remaining children are told; none if it goes on.
    pub(crate) fn decide(&mut self, index: u32) -> Option<(Verdict, AbortCause)> {
        const SUCCESS: Option<(Verdict, AbortCause)> = Some((Verdict::Success, AbortCause::SiblingWon));

        let hot = self.table.hot[index];
        let cold = &self.table.cold[index];
        // What a member meant for good is not tried again. (A quorum may come about without it.)
        let failure =
            if hot.has(mark::FATAL) && hot.kind != Kind::Quorum { Verdict::Fatal } else { Verdict::Failure };
        let failure = Some((failure, AbortCause::ParentFailed));
        let bad = cold.failed.saturating_add(cold.aborted);
        match hot.kind {
            Kind::Quorum => {
                if u64::from(cold.succeeded) >= cold.param {
                    return SUCCESS;
                }
                if u64::from(cold.succeeded) + u64::from(cold.live) >= cold.param {
                    return None;
                }
                self.lose_quorum(index);
                failure
            }
            Kind::Race if cold.succeeded > 0 => SUCCESS,
            Kind::Race if bad > 0 => failure,
            Kind::Race if cold.live == 0 => {
                self.lose_quorum(index);
                failure
            }
            Kind::Race => None,
            kind => {
                if bad > 0 && cold.on_failure == OnFailure::Stop {
                    return failure;
                }
                let may_come = (kind == Kind::Batch || kind.is_gate()) && !hot.has(mark::OPEN);
                if cold.live > 0 || may_come && (kind == Kind::Batch || bad == 0) {
                    return None;
                }
                if bad > 0 && cold.on_failure == OnFailure::Finish { failure } else { SUCCESS }
            }
        }
    }

    fn lose_quorum(&mut self, index: u32) {
        let own = self.table.id(index);
        let origin = self.table.notes[index].failure().map_or(own, |failure| failure.origin);
        self.table.set_failure(index, Failure { reason: Reason::NO_QUORUM, origin });
    }
}

//! Batches: children from a generator, so many at a time.
//!
//! The generator is asked at the end of a pass in which a place became free, as often as there are places, and only while the table has room for
//! what it adds; it never has to hold on to an item that found no room.

use crate::engine::Engine;
use crate::marks::mark;
use crate::node::Verdict;
use crate::phase::Phase;
use crate::reason::{AbortCause, Reason};
use crate::work::{Generated, Work};

impl<W: Work<W, A>, A: ?Sized> Engine<'_, W, A> {
    pub(crate) fn ask_generator(&mut self, index: u32) {
        self.sweep(index);
        for _ in 0..self.table.globals.budget {
            if let Some((verdict, cause)) = self.decide(index) {
                self.settle(index, verdict, cause);
                return;
            }
            let cold = &self.table.cold[index];
            let (total, active) = (cold.total(), cold.active);
            if self.table.hot[index].has(mark::OPEN) || active >= cold.places {
                self.attend(index);
                return;
            }
            if u64::from(self.table.free_slots()) < cold.param {
                // Places in the table come back when a child ends; with no child, nobody can promise that.
                if cold.live == 0 {
                    self.fail(index, Reason::TABLE_FULL, Verdict::Failure, AbortCause::ParentFailed);
                } else {
                    self.attend(index);
                }
                return;
            }
            let answer = self.call(index, Generated::Exhausted, W::on_next);
            let hot = &mut self.table.hot[index];
            hot.clear(mark::WOKEN);
            if hot.phase != Phase::Running {
                return;
            }
            match answer {
                Generated::Added if self.table.cold[index].total() == total => {
                    self.fail(index, Reason::NOTHING_ADDED, Verdict::Fatal, AbortCause::ParentFailed);
                    return;
                }
                Generated::Added => {}
                Generated::Exhausted => self.table.hot[index].set(mark::OPEN),
            }
            // The generator may have paused this node or one above it; what is left of the turn waits for the resume.
            if !self.is_reachable(index) {
                return;
            }
        }
        // There is more to ask: the turn stays, for the next pass.
    }
}

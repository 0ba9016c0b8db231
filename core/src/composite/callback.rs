//! Callbacks: a question asked once, whose answer is the outcome.

use crate::engine::Engine;
use crate::marks::mark;
use crate::node::Verdict;
use crate::phase::Phase;
use crate::reason::{AbortCause, Reason};
use crate::work::{Check, Work};

impl<W: Work<W, A>, A: ?Sized> Engine<'_, W, A> {
    pub(crate) fn ask_callback(&mut self, index: u32) {
        let answer = self.call(index, Check::Yes, W::on_check);
        self.table.hot[index].clear(mark::WOKEN);
        if self.table.hot[index].phase != Phase::Running {
            return;
        }
        match answer {
            Check::Yes => self.settle(index, Verdict::Success, AbortCause::ParentDone),
            Check::No => self.fail(index, Reason::REFUSED, Verdict::Failure, AbortCause::ParentFailed),
            Check::Fail(reason) => self.fail(index, reason, Verdict::Failure, AbortCause::ParentFailed),
        }
    }
}

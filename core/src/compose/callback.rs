//! Callbacks: a question asked once, whose answer is the outcome.

use crate::engine::Engine;
use crate::node::{Verdict, flag};
use crate::reason::{Cause, Reason};
use crate::state::State;
use crate::work::{Check, Work};

impl<W: Work<A, W>, A: ?Sized> Engine<'_, W, A> {
    pub(crate) fn ask_callback(&mut self, index: u32) {
        let answer = self.call(index, Check::Yes, W::on_check);
        self.table.hot_mut(index).clear(flag::WOKEN);
        if self.table.hot(index).state != State::Running {
            return;
        }
        let retryable = Verdict::Failure;
        match answer {
            Check::Yes => self.settle(index, Verdict::Success, Cause::ParentDone),
            Check::No => self.fail(index, Reason::REFUSED, retryable),
            Check::Fail(reason) => self.fail(index, reason, retryable),
        }
    }
}

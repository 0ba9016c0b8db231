//! What the works want of JavaScript: a list of questions, written during a poll and answered after it.

use windlass::Cx;

use crate::inbox::Inbox;
use crate::work::JsWork;

/// Words of one ask in the memory that JavaScript reads.
pub(crate) const WORDS: usize = 6;

/// What is asked.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Ask {
    /// Call the work's `run`; the answer goes to [`Engine::answer`](crate::Engine::answer).
    Run = 0,
    /// Cut short what is going on and clean up; answered likewise.
    Abort = 1,
    /// A nap is over.
    Woke = 2,
    /// Call the work's `reset`; there is no answer.
    Reset = 3,
    /// What is going on is of no interest any more: its time was up.
    Drop = 4,
}

/// The asks of one poll, and the numbers of those to come.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    pub(crate) words: Inbox<u32>,
    ticket: u32,
}

impl Asks {
    /// A number that no other live ask has.
    pub(crate) const fn next_ticket(&mut self) -> u32 {
        self.ticket = self.ticket.wrapping_add(1);
        self.ticket
    }

    /// Writes an ask down: what, whose, its ticket, the attempt, live children, and failed ones. Gives how many children have ended.
    pub(crate) fn push(ask: Ask, label: u32, ticket: u32, cx: &mut Cx<'_, JsWork, Asks>) -> u32 {
        let children = cx.children();
        let words = [ask as u32, label, ticket, cx.attempt(), children.live, children.unsuccessful()];
        cx.app().words.new.extend(words);
        children.ended()
    }
}

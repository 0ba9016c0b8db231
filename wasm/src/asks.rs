//! What the works want of JavaScript: a list of questions, written during a poll and answered after it.

use windlass::Cx;

use crate::inbox::Inbox;
use crate::numbers::ask_row;
use crate::work::JsWork;

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

    /// Writes an ask down: one of [`ask`](crate::numbers::ask), whose, and its ticket. Gives how many children have ended.
    pub(crate) fn push(ask: u32, label: u32, ticket: u32, cx: &mut Cx<'_, JsWork, Asks>) -> u32 {
        let children = cx.children();
        let mut words = [0; ask_row::LENGTH];
        words[ask_row::WHAT] = ask;
        words[ask_row::LABEL] = label;
        words[ask_row::TICKET] = ticket;
        words[ask_row::ATTEMPT] = cx.attempt();
        words[ask_row::LIVE] = children.live;
        words[ask_row::FAILED] = children.unsuccessful();
        cx.app().words.new.extend(words);
        children.ended()
    }
}

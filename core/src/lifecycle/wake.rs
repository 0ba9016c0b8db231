//! Wakes, and pauses.

use crate::error::Error;
use crate::marks::mark;
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::table::Table;

impl Table<'_> {
    /// Makes a waiting node look again. A node that is not waiting loses nothing: it has a turn anyway, or it has ended, or (in a retry delay) it
    /// is not what the wake was for.
    pub(crate) fn wake(&mut self, index: u32) {
        let Some(hot) = self.hot.get_mut(index) else { return };
        let marks = hot.marks;
        if marks & mark::LIVE == 0 {
            return;
        }
        if self.globals.call.running == index {
            hot.set(mark::WOKEN);
            self.globals.call.stirred = true;
            return;
        }
        match hot.phase {
            Phase::Waiting => self.go(index, Phase::Running),
            Phase::Aborting if marks & mark::TURN == 0 && self.cold[index].live == 0 => {}
            _ => return,
        }
        self.globals.totals.wakes += 1;
        if marks & mark::ARMED != 0 {
            self.forget_time(index);
        }
        self.ask_turn(index);
    }

    pub(crate) fn pause(&mut self, index: u32, paused: bool) -> Result<(), Error> {
        let hot = &mut self.hot[index];
        if hot.phase.is_done() || hot.phase == Phase::Aborting {
            return Err(Error::WrongState(hot.phase.state()));
        }
        if hot.phase == Phase::Settling {
            return Err(Error::Ended);
        }
        if hot.has(mark::PAUSED) != paused {
            hot.marks ^= mark::PAUSED;
            self.emit_step(index, EventKind::Paused(paused));
            self.refresh(index);
        }
        Ok(())
    }
}

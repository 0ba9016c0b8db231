//! Wakes, and pauses.

use crate::error::Error;
use crate::marks::mark;
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::table::Table;

impl Table<'_> {
    /// Makes a waiting node look again. A node that is not waiting loses nothing: it has a turn anyway, or it has ended, or (asleep, or in a retry
    /// delay) it is not what the wake was for.
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
            Phase::Waiting => {
                if marks & mark::LIMITED != 0 {
                    hot.set(mark::FRESH);
                }
                self.go(index, Phase::Running);
            }
            Phase::Aborting if marks & mark::TURN == 0 && self.cold[index].live == 0 => {}
            _ => return,
        }
        self.wait_is_over(index, marks);
    }

    /// The time has come until which a node waits or sleeps.
    pub(crate) fn wake_up(&mut self, index: u32) {
        let hot = &self.hot[index];
        if matches!(hot.phase, Phase::Waiting | Phase::Sleeping) {
            let marks = hot.marks;
            self.go(index, Phase::Running);
            self.wait_is_over(index, marks);
        }
    }

    fn wait_is_over(&mut self, index: u32, marks: u32) {
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

//! What happens to nodes between their addition and their removal, as far as no user code is needed.
//!
//! The life of a node, and where each step of it is:
//!
//! ```text
//!   1 add         lifecycle/add.rs      a slot, a place among its siblings, an offer to run
//!   2 activate    lifecycle/places.rs   the parent has a place: into the parent's ring
//!   3 start       engine/turn.rs        its first crank: reset, the attempt begins (lifecycle/attempt.rs)
//!   4 run, wait   engine/turn.rs        cranks; lifecycle/wake.rs ends a wait
//!   5 abort       lifecycle/abort.rs    asked to end: no turn but for clean-up
//!   6 settle      engine/ending.rs      the verdict is known, the children are aborted; then the hooks
//!   7 retry       lifecycle/attempt.rs  or another attempt, from 4 on
//!   8 end         lifecycle/end.rs      the state is final; dependents, gates and the parent hear of it
//!   9 make new    lifecycle/attempt.rs  a restart, or a parent that tries again: from 2 on
//!  10 free        lifecycle/add.rs      the slot is given back
//! ```
//!
//! The invariant: a node's phase changes only in [`Table::go`], which refuses what [`Phase`] does not list; a node is in its parent's ring exactly if it is
//! runnable; one that has ended has no timer and is in no ring and no queue. A call from outside the crank loop can do all of this and
//! no more; what needs user code is left to the node's, or its parent's, next turn.

pub(crate) mod abort;
pub(crate) mod add;
pub(crate) mod attempt;
pub(crate) mod end;
pub(crate) mod places;
pub(crate) mod wake;

use crate::marks::mark;
use crate::observe::EventKind;
use crate::phase::Phase;
use crate::state::{State, Transition};
use crate::table::Table;

impl Table<'_> {
    /// Every change of phase goes through here. The caller has made sure of it; an illegal one changes nothing.
    #[inline]
    pub(crate) fn go(&mut self, index: u32, to: Phase) {
        let hot = &mut self.hot[index];
        let from = hot.phase;
        let legal = from.may_become(to);
        debug_assert!(legal, "{from:?} to {to:?}");
        if legal {
            hot.phase = to;
            if self.sink.is_some() {
                self.moved(index, from.state(), to.state());
            }
        }
    }

    #[cold]
    fn moved(&mut self, index: u32, from: State, to: State) {
        let steps = self.hot.root_mut().has(mark::STEPS);
        if from == to || !steps && !to.is_done() && to != State::Pending {
            return;
        }
        if let Ok(transition) = Transition::between(from, to) {
            self.emit(index, EventKind::Moved(transition));
        }
    }
}

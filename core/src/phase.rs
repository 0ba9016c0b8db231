//! Where a node is in its life, in full: the public [`State`] is a view of it.
//!
//! The invariant: a node's phase says what is so, and nothing else needs to be asked. A change that [`Phase::may_become`] does not list is a bug of the engine;
//! each one that it lists either leaves the state as it is or is one of the sixteen [transitions](crate::Transition).
//!
//! ```text
//!  Pending -> Running -> TimedOut -> Settling -> Success, Failure
//!               |  ^                    |
//!               v  |                    +-----> Retrying -> BackingOff -> (Requeued ->) Running
//!        Waiting, Sleeping
//!
//!  all of them but the ended and Retrying -> Aborting -> Aborted          ended -> Pending
//! ```

use crate::state::State;

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Added, or made new; not started.
    #[default]
    Pending,
    /// Started; its work is cranked, or it (a composite) has children to wait for.
    Running,
    /// No turn before a wake or a time.
    Waiting,
    /// No turn before a time.
    Sleeping,
    /// Its attempt has taken too long; its next turn ends it.
    TimedOut,
    /// Its verdict is known; the children that it had left are being aborted.
    Settling,
    /// It has failed, and hooks and children are made ready for the next attempt; lasts for one call.
    Retrying,
    /// It waits out the delay before its next attempt.
    BackingOff,
    /// The delay is over, but the place that it had lent to others is taken.
    Requeued,
    /// Asked to end; cleans up.
    Aborting,
    /// Ended because it was asked to.
    Aborted,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
}

impl Phase {
    const ALL: [Self; 13] = [
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Sleeping,
        Self::TimedOut,
        Self::Settling,
        Self::Retrying,
        Self::BackingOff,
        Self::Requeued,
        Self::Aborting,
        Self::Aborted,
        Self::Success,
        Self::Failure,
    ];

    /// What is seen from outside.
    #[inline]
    pub(crate) const fn state(self) -> State {
        const STATES: [State; 13] = [
            State::Pending,
            State::Running,
            State::Waiting,
            State::Waiting,
            State::Running,
            State::Running,
            State::Retrying,
            State::Waiting,
            State::Waiting,
            State::Aborting,
            State::Aborted,
            State::Success,
            State::Failure,
        ];
        STATES[self as usize]
    }

    /// Whether the node has ended.
    #[inline]
    pub(crate) const fn is_done(self) -> bool {
        self as u8 >= Self::Aborted as u8
    }

    /// Whether the node ends as soon as its children have.
    #[inline]
    pub(crate) const fn is_ending(self) -> bool {
        matches!(self, Self::Settling | Self::Aborting)
    }

    /// Whether a node may go from here to `to`.
    #[inline]
    pub(crate) const fn may_become(self, to: Self) -> bool {
        ARROWS_FROM[self as usize] >> to as u8 & 1 == 1
    }

    const fn nexts(self) -> &'static [Self] {
        use Phase::*;
        match self {
            Pending => &[Running, Aborting],
            Running => &[Waiting, Sleeping, TimedOut, Settling, Success, Failure, Retrying, Aborting],
            Waiting | Sleeping => &[Running, Aborting],
            TimedOut => &[Settling, Success, Failure, Retrying, Aborting],
            Settling => &[Success, Failure, Retrying, Aborting],
            Retrying => &[BackingOff],
            BackingOff => &[Running, Requeued, Aborting],
            Requeued => &[Running, Aborting],
            Aborting => &[Aborted],
            Aborted | Success | Failure => &[Pending],
        }
    }
}

/// [`Phase::nexts`] as one look-up: for each phase, a bit for each that may follow.
const ARROWS_FROM: [u16; 13] = {
    let mut arrows = [0; 13];
    let mut from = 0;
    while from < arrows.len() {
        let nexts = Phase::ALL[from].nexts();
        let mut next = 0;
        while next < nexts.len() {
            arrows[from] |= 1 << nexts[next] as u16;
            next += 1;
        }
        from += 1;
    }
    arrows
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Transition;

    #[test]
    fn every_change_of_phase_keeps_the_state_or_is_one_of_the_sixteen_transitions() {
        let mut seen = [false; 17];
        for from in Phase::ALL {
            for to in Phase::ALL.into_iter().filter(|to| from.may_become(*to)) {
                if from.state() != to.state() {
                    let transition = Transition::between(from.state(), to.state());
                    seen[usize::from(transition.expect("in the diagram").number)] = true;
                }
            }
        }
        // Those from a state to itself change no phase.
        (seen[3], seen[14]) = (true, true);
        assert_eq!(seen.iter().position(|seen| !seen), Some(0), "{seen:?}");
        assert!(seen[1..].iter().all(|seen| *seen), "{seen:?}");
    }

    #[test]
    fn the_view_of_the_ends_is_the_public_one() {
        for phase in Phase::ALL {
            assert_eq!(phase.is_done(), phase.state().is_done(), "{phase:?}");
            let numbered = Phase::ALL[phase as usize];
            assert_eq!(numbered, phase);
        }
    }
}

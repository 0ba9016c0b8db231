//! The eight states of a node, the sixteen legal transitions between them, and nothing else.
//!
//! A pair that is not in the table is an error value of [`Transition::between`]. The engine keeps finer phases, of which these states are a view; every
//! change of phase is one of these transitions or none of them. The states and transitions are those of stellar-core's work subsystem.
//!
//! ```text
//!                    1 start                    5 success
//!        +---------+ --------> +---------------+ --------> +---------+
//!        | Pending |           | Running   3 ↺ |           | Success |
//!        +---------+ <---+     +---------------+ ---+      +---------+
//!           |  ^  ^      |      |  ^   |    |       |           | 12
//!           |  |  |      |    4 |  | 9 |    | 7     | 6         v
//!           |  |  |      |      v  |   |    v       v       (Pending)
//!           |  |  |      |  +---------+|  +----------+  +---------+
//!           |  |  |      |  | Waiting ||  | Retrying |  | Failure |
//!           |  |  |      |  +---------+|  +----------+  +---------+
//!           |  |  |      |   |  ^      |    |               | 13
//!           |  |  |      |10 |  +------|----+ 11            v
//!         2 |  |  |      |   v         | 8              (Pending)
//!           |  |  |     +--------------------+  15  +---------+
//!           +--|--|---> | Aborting      14 ↺ | ---> | Aborted |
//!              |  |     +--------------------+      +---------+
//!              +--+-------------------------------------+ 16
//! ```
//!
//! | # | made by | hooks, all run while the old state is still stored |
//! | --- | --- | --- |
//! | 1 | the first crank of a node that its parent lets run | `on_reset` |
//! | 2 | an abort that reaches a node before it started | none; 15 follows at once |
//! | 3 | [`Outcome::Running`](crate::Outcome::Running) | none |
//! | 4 | [`Outcome::Waiting`](crate::Outcome::Waiting), `WaitFor`, `Sleep`, `SleepUntil`; a gate that is not open yet | none |
//! | 5 | [`Outcome::Success`](crate::Outcome::Success) or `Skipped`; a composite that has all it needs | `on_success`; no reset |
//! | 6 | a failure that is not retried | `on_failure_raise`, `on_reset` |
//! | 7 | a failure that is retried | `on_failure_retry`, `on_reset` |
//! | 8, 10 | an abort | none |
//! | 9 | a wake: a deadline, a handle, a child | none |
//! | 11 | the second half of 7: the delay begins | none |
//! | 12, 13, 16 | a restart, or a parent that tries again | none; 1 follows when the node is cranked |
//! | 14 | [`AbortStep::Running`](crate::AbortStep::Running), `Waiting` or `WaitFor`; a second abort | none |
//! | 15 | [`AbortStep::Done`](crate::AbortStep::Done), or the clean-up has taken too long | `on_reset`; none if forced or never started |
//!
//! There is no Retrying → Aborting: a node leaves Retrying in the call that enters it, and is seen as waiting during the delay.

use core::fmt;

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[repr(u8)]
pub enum State {
    /// Added, never run in this life.
    #[default]
    Pending,
    /// Started, and either wants a turn or (a composite) waits for its children.
    Running,
    /// Started, and wants no turn before a wake or a deadline.
    Waiting,
    /// Failed with budget left; never seen from outside, the delay is spent in `Waiting`.
    Retrying,
    /// Asked to end; cleans up.
    Aborting,
    /// Ended because it was asked to.
    Aborted,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
}

impl State {
    /// All states, in the order of life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Retrying,
        Self::Aborting,
        Self::Aborted,
        Self::Success,
        Self::Failure,
    ];

    /// Whether the node has ended: success, failure or aborted.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Aborted)
    }

    /// The public view: a node that has not started or is aborting counts as running, a retry delay as waiting.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Pending | Self::Running | Self::Aborting => Status::Running,
            Self::Waiting | Self::Retrying => Status::Waiting,
            Self::Success => Status::Success,
            Self::Failure => Status::Failure,
            Self::Aborted => Status::Aborted,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Aborting => "aborting",
            Self::Aborted => "aborted",
            Self::Success => "success",
            Self::Failure => "failure",
        })
    }
}

/// What an onlooker needs to know of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum Status {
    /// Not ended, and the engine has something to do for it (or it has not started).
    Running,
    /// Not ended; nothing to do before a wake or a deadline.
    Waiting,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
    /// Ended because it was asked to.
    Aborted,
    /// Ended well, because there was nothing to do.
    Skipped,
    /// Ended without a run, because a dependency failed (graphs only).
    Blocked,
}

impl Status {
    /// Whether the node has ended.
    #[must_use]
    pub const fn is_done(self) -> bool {
        !matches!(self, Self::Running | Self::Waiting)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Aborted => "aborted",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
        })
    }
}

/// A legal change of state, with its number in the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transition {
    /// 1 to 16.
    pub number: u8,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
}

impl Transition {
    /// The transition from `from` to `to`.
    ///
    /// # Errors
    /// [`IllegalTransition`] if the diagram has no such arrow.
    pub const fn between(from: State, to: State) -> Result<Self, IllegalTransition> {
        use State::{Aborted, Aborting, Failure, Pending, Retrying, Running, Success, Waiting};
        let number = match (from, to) {
            (Pending, Running) => 1,
            (Pending, Aborting) => 2,
            (Running, Running) => 3,
            (Running, Waiting) => 4,
            (Running, Success) => 5,
            (Running, Failure) => 6,
            (Running, Retrying) => 7,
            (Running, Aborting) => 8,
            (Waiting, Running) => 9,
            (Waiting, Aborting) => 10,
            (Retrying, Waiting) => 11,
            (Success, Pending) => 12,
            (Failure, Pending) => 13,
            (Aborting, Aborting) => 14,
            (Aborting, Aborted) => 15,
            (Aborted, Pending) => 16,
            _ => return Err(IllegalTransition { from, to }),
        };
        Ok(Self { number, from, to })
    }
}

/// `running -> waiting`
impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
}

/// A change of state that the diagram does not have. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IllegalTransition {
    /// The state that the node is in.
    pub from: State,
    /// The state that was asked for.
    pub to: State,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} node cannot become {}", self.from, self.to)
    }
}

impl core::error::Error for IllegalTransition {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_sixteen_pairs_are_legal_and_each_has_its_own_number() {
        let mut seen = [false; 17];
        let mut refused = 0;
        for from in State::ALL {
            for to in State::ALL {
                match Transition::between(from, to) {
                    Ok(t) => {
                        assert_eq!((t.from, t.to), (from, to));
                        assert!(!core::mem::replace(&mut seen[t.number as usize], true), "{t:?} twice");
                    }
                    Err(e) => {
                        assert_eq!(e, IllegalTransition { from, to });
                        refused += 1;
                    }
                }
            }
        }
        assert!(!seen[0] && seen[1..].iter().all(|s| *s));
        assert_eq!(refused, 48);
    }

    #[test]
    fn a_done_state_can_only_be_restarted() {
        for from in State::ALL.into_iter().filter(|s| s.is_done()) {
            for to in State::ALL {
                assert_eq!(Transition::between(from, to).is_ok(), to == State::Pending);
            }
        }
    }
}

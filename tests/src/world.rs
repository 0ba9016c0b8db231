//! The application of the test schedulers: a clock, counters that outlive their nodes, and events from outside.
//!
//! The invariant: the clock never goes back, and what happens outside happens in order of time, then in the order it was asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use windlass::{Instant, State};

/// How often what was done to the work of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of `on_run`; for a parent, what the reference counts as calls of `doWork`.
    pub runs: u32,
    /// Runs that ended in a sleep.
    pub waits: u32,
    /// Runs after a sleep.
    pub wakes: u32,
    /// Calls of `on_abort`.
    pub aborts: u32,
    /// Calls of `on_success`.
    pub successes: u32,
    /// Calls of `on_failure_raise`.
    pub failures: u32,
    /// Calls of `on_failure_retry`.
    pub retries: u32,
    /// Calls of `on_reset`.
    pub resets: u32,
    /// Calls of `on_check` and `on_next`.
    pub asked: u32,
}

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `on_run`
    Run,
    /// `on_abort`
    Abort,
    /// `on_reset`
    Reset,
    /// `on_success`
    Success,
    /// `on_failure_retry`
    Retry,
    /// `on_failure_raise`
    Raise,
    /// `on_check`
    Check,
    /// `on_next`
    Next,
}

/// A call of a work, as the work saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The node.
    pub name: &'static str,
    /// What was called.
    pub hook: Hook,
    /// The node's state during the call.
    pub state: State,
}

type Outside = Box<dyn FnOnce(&mut World)>;

/// The application.
#[derive(Default)]
pub struct World {
    /// The virtual clock.
    pub now: Instant,
    /// Every call of a work, in order.
    pub seen: Vec<Seen>,
    counters: BTreeMap<&'static str, Counters>,
    outside: BTreeMap<(Instant, u64), Outside>,
    asked_for: u64,
}

impl World {
    /// The counters of all works of this name that there were; all zero if there was none.
    #[must_use]
    pub fn of(&self, name: &str) -> Counters {
        self.counters.get(name).copied().unwrap_or_default()
    }

    /// Notes a call, and gives the counters of that name for what else is to be counted.
    pub fn note(&mut self, name: &'static str, hook: Hook, state: State) -> &mut Counters {
        self.seen.push(Seen { name, hook, state });
        let counters = self.counters.entry(name).or_default();
        *match hook {
            Hook::Run => &mut counters.runs,
            Hook::Abort => &mut counters.aborts,
            Hook::Reset => &mut counters.resets,
            Hook::Success => &mut counters.successes,
            Hook::Retry => &mut counters.retries,
            Hook::Raise => &mut counters.failures,
            Hook::Check | Hook::Next => &mut counters.asked,
        } += 1;
        counters
    }

    /// Notes that the run that is going on ends in a sleep.
    pub fn waited(&mut self, name: &'static str) {
        self.counters.entry(name).or_default().waits += 1;
    }

    /// The names of the works that ran, in order.
    #[must_use]
    pub fn order(&self) -> Vec<&'static str> {
        self.seen.iter().filter(|seen| seen.hook == Hook::Run).map(|seen| seen.name).collect()
    }

    /// What was called of one work, with the state it saw.
    #[must_use]
    pub fn hooks_of(&self, name: &str) -> Vec<(Hook, State)> {
        self.seen.iter().filter(|seen| seen.name == name).map(|seen| (seen.hook, seen.state)).collect()
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Lets something happen outside after this time: a completion, a callback, a decision of the operator.
    pub fn later(&mut self, after: Duration, what: impl FnOnce(&mut Self) + 'static) {
        self.asked_for += 1;
        self.outside.insert((self.now + after, self.asked_for), Box::new(what));
    }

    /// When the next thing happens outside.
    #[must_use]
    pub fn next_outside(&self) -> Option<Instant> {
        self.outside.first_key_value().map(|(key, _)| key.0)
    }

    /// Lets happen what is due.
    pub fn deliver(&mut self) {
        while let Some(first) = self.outside.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            first.remove()(self);
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

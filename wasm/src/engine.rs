//! The class that JavaScript holds: a scheduler, what its works ask, and what has happened.
//!
//! Calls that can fail answer with a number: 0 is well, an id is positive, an error is negative (see `numbers.rs`). No call panics, and none
//! calls JavaScript.

use std::num::NonZeroU32;

use wasm_bindgen::prelude::wasm_bindgen;
use windlass::{Boxed, Error, Instant, Next, NodeId, Outcome, Scheduler, State};

use crate::asks::Asks;
use crate::log::{Log, from_id, from_instant, to_duration, to_id, to_instant, to_reason};
use crate::look;
use crate::numbers::{act, all, answer, ask_row, claim, error, event_row, limit, next};
use crate::staged::{self, Staged};
use crate::work::JsWork;

/// Cranks of one poll: a fraction of a millisecond, for no user code runs in them.
const CRANKS: NonZeroU32 = NonZeroU32::new(1_024).unwrap();

/// A scheduler whose works are JavaScript functions.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    s: Scheduler<Boxed<JsWork>, Log>,
    asks: Asks,
    staged: Staged,
    /// Whether anything was set.
    is_staged: bool,
}

#[wasm_bindgen]
impl Engine {
    /// An empty scheduler with so many slots, at most 2,097,152, and so many edges.
    #[wasm_bindgen(constructor)]
    pub fn new(nodes: u32, edges: u32, seed: f64) -> Self {
        let nodes = nodes.min(limit::NODES) as usize;
        let mut s =
            Scheduler::with_store(Boxed::with_edges(nodes, edges as usize)).observed_by(Log::default());
        s.set_seed(seed as u64);
        s.set_budget(CRANKS);
        Self { s, asks: Asks::default(), staged: Staged::new(), is_staged: false }
    }

    /// Cranks what can run. Answers when to poll again, in ms: at this time, at once, after an answer or a wake, or never.
    pub fn poll(&mut self, now: f64) -> f64 {
        match self.s.poll_work_with(to_instant(now), &mut self.asks) {
            Next::Now => next::NOW,
            Next::At(at) => from_instant(at),
            Next::OnWake => next::ON_WAKE,
            Next::Done => next::DONE,
        }
    }

    /// Whether all events are written to the log, or only the necessary ones.
    pub fn watch(&mut self, watched: bool) {
        self.s.observer_mut().watched = watched;
    }

    // ---- asks and log ----

    /// Takes asks and log to be read: how many rows of the log, and how many asks. They stay where they are until there are new ones to be taken.
    pub fn take(&mut self) -> f64 {
        let asks = self.asks.words.take() / ask_row::LENGTH;
        let rows = self.s.observer_mut().rows.take() / event_row::LENGTH;
        rows as f64 * f64::from(limit::ASKS) + asks as f64
    }

    /// Where the taken asks are: the address of words, as many for each ask.
    pub fn asks(&self) -> usize {
        self.asks.words.address()
    }

    /// Where the taken log is: the address of floats, as many for each row.
    pub fn log(&self) -> usize {
        self.s.observer().rows.address()
    }

    // ---- adding ----

    /// Sets of the next node how many children may be active at once, how many must succeed or which node it waits for, and its limits in ms.
    pub fn settings(&mut self, concurrency: u32, parameter: f64, timeout: f64, cleanup_timeout: f64) {
        let staged = &mut self.staged;
        (staged.concurrency, staged.parameter) = (concurrency, parameter);
        (staged.timeout, staged.cleanup_timeout) = (timeout, cleanup_timeout);
        self.is_staged = true;
    }

    /// Sets the retries of the next node; see [`windlass::Retry`].
    #[allow(clippy::too_many_arguments)]
    pub fn retry(
        &mut self,
        times: u32,
        base: f64,
        percent: f64,
        cap: f64,
        floor: f64,
        within: f64,
        jitter: u32,
    ) {
        self.staged.retry = Some(staged::retry(times, base, percent, cap, floor, within, jitter));
        self.is_staged = true;
    }

    /// Lets the next node, a child of a graph, wait for this one.
    pub fn depend(&mut self, on: f64) {
        self.staged.dependencies.extend(to_id(on));
        self.is_staged = true;
    }

    /// Adds a node with what was set for it; `parent` is `all::NODES` at the top. Answers with its id, or with an error.
    pub fn add(&mut self, parent: f64, shape: u32, label: u32) -> f64 {
        let added = self.add_staged(parent, shape, label);
        if self.is_staged {
            (self.staged, self.is_staged) = (Staged::new(), false);
        }
        added.map_or_else(code, from_id)
    }

    // ---- asks: what JavaScript says ----

    /// Whether an ask is still waited for.
    pub fn claim(&mut self, id: f64, ticket: u32) -> u32 {
        let Some(id) = to_id(id) else { return claim::NO };
        let Ok(node) = self.s.node(id) else { return claim::NO };
        let aborting = node.state() == State::Aborting;
        let mut above = Some(node);
        let mut paused = false;
        while let Some(node) = above {
            paused |= node.is_paused();
            above = node.parent();
        }
        match self.s.work_mut(id) {
            Ok(Some(work)) if work.awaits(ticket) && !aborting => {
                if paused {
                    work.put_off();
                    let _ = self.s.wake(id);
                    return claim::LATER;
                }
                claim::YES
            }
            _ => claim::NO,
        }
    }

    /// Answers an ask, with the time and the error that belong to the answer. False if nobody waits for it any more.
    pub fn answer(&mut self, id: f64, ticket: u32, what: u32, millis: f64, error: u32) -> bool {
        let answer = match what {
            answer::RUNNING => Some(Outcome::Running),
            answer::WAITING => Some(Outcome::Waiting),
            answer::SLEEP => Some(Outcome::WaitFor(to_duration(millis))),
            answer::SUCCESS => Some(Outcome::Success),
            answer::FAILURE => Some(Outcome::Failure(to_reason(error))),
            answer::FATAL => Some(Outcome::Fatal(to_reason(error))),
            answer::RETRY_AFTER => Some(Outcome::RetryAfter(to_duration(millis), to_reason(error))),
            answer::JOIN => None,
            _ => return false,
        };
        self.tell(id, |work| work.answer(ticket, answer))
    }

    /// Wants to be told at this time that a nap is over.
    pub fn nap(&mut self, id: f64, ticket: u32, until: f64) -> bool {
        // Up to the next microsecond: a nap is never short.
        let until = Instant::ZERO + to_duration(until);
        self.tell(id, |work| work.nap(ticket, until))
    }

    // ---- acting ----

    /// Does something to a node.
    pub fn act(&mut self, what: u32, id: f64) -> f64 {
        let done = to_id(id).ok_or(Error::UnknownNode).and_then(|id| match what {
            act::WAKE => {
                if let Some(work) = self.s.work_mut(id)? {
                    work.poke();
                }
                self.s.wake(id)
            }
            act::PAUSE => self.s.pause(id),
            act::RESUME => self.s.resume(id),
            act::RESTART => self.s.restart(id),
            act::REMOVE => self.s.remove(id).map(drop),
            _ => Err(Error::WrongKind),
        });
        done.map_or_else(code, |()| 0.0)
    }

    /// Aborts a node, or all and for ever; what has not ended `by` then is ended by force.
    pub fn abort(&mut self, id: f64, by: f64) {
        let by = if by == f64::INFINITY { Instant::MAX } else { to_instant(by) };
        if id == all::FOR_EVER {
            return self.s.shutdown(by);
        }
        if let Some(id) = to_id(id) {
            // What is not there any more needs no abort.
            let _ = self.s.abort_by(id, by);
        }
    }

    // ---- looking ----

    /// The state of a node, by its place in [`State::ALL`]; -1 if there is no such node.
    pub fn state(&self, id: f64) -> i32 {
        to_id(id).and_then(|id| self.s.state(id).ok()).map_or(-1, |state| state as i32)
    }

    /// Rows of numbers, one for each node.
    pub fn rows(&self) -> Vec<f64> {
        look::rows(self.s.view())
    }

    /// Why a node does not move; the tree for what is no node.
    pub fn text(&self, id: f64, now: f64) -> String {
        let (view, now) = (self.s.view(), to_instant(now));
        match to_id(id).and_then(|id| view.node(id).ok()) {
            Some(node) => node.explain(now).to_string(),
            None => view.tree(now).to_string(),
        }
    }
}

impl Engine {
    fn add_staged(&mut self, parent: f64, shape: u32, label: u32) -> Result<NodeId, Error> {
        let spec = self.staged.spec(shape, label).ok_or(Error::WrongKind)?;
        if parent == all::NODES {
            return Ok(self.s.add(spec)?);
        }
        let parent = to_id(parent).ok_or(Error::UnknownNode)?;
        let dependencies = &self.staged.dependencies;
        Ok(if dependencies.is_empty() {
            self.s.add_below(parent, spec)?
        } else {
            self.s.add_after(parent, spec, dependencies)?
        })
    }

    fn tell(&mut self, id: f64, tell: impl FnOnce(&mut JsWork) -> bool) -> bool {
        let Some(id) = to_id(id) else { return false };
        let Ok(Some(work)) = self.s.work_mut(id) else { return false };
        tell(work) && self.s.wake(id).is_ok()
    }
}

/// The number of an error.
pub(crate) fn code(error: Error) -> f64 {
    let number = match error {
        Error::UnknownNode => error::UNKNOWN_NODE,
        Error::Full => error::FULL,
        Error::EdgesFull => error::EDGES_FULL,
        Error::Aborting => error::ABORTING,
        Error::Ended => error::ENDED,
        Error::WrongState(_) => error::WRONG_STATE,
        Error::ZeroConcurrency => error::ZERO_CONCURRENCY,
        Error::WrongKind => error::WRONG_KIND,
        Error::WouldCycle => error::CYCLE,
        Error::Duplicate => error::DUPLICATE,
        Error::NoUse { setting, .. } => error::NO_USE - setting as i32,
        _ => error::OTHER,
    };
    f64::from(number)
}

#[cfg(test)]
mod tests {
    use windlass::Setting;

    use super::*;
    use crate::numbers::{kind, shape};

    /// The words of the last ask.
    fn asked(engine: &Engine) -> &[u32] {
        engine.asks.words.new.rchunks(ask_row::LENGTH).next().unwrap_or(&[])
    }

    #[test]
    fn only_the_answer_that_is_waited_for_counts() {
        let mut engine = Engine::new(4, 0, 0.0);
        let id = engine.add(all::NODES, kind::WORK, 0);
        assert_eq!(engine.poll(0.0), next::ON_WAKE);
        let first = asked(&engine)[ask_row::TICKET];
        assert!(!engine.answer(id, first + 1, answer::SUCCESS, 0.0, 0), "no such ask");
        assert!(engine.answer(id, first, answer::RUNNING, 0.0, 0));
        assert!(!engine.answer(id, first, answer::SUCCESS, 0.0, 0), "answered already");
        let _ = engine.poll(1.0);
        let second = asked(&engine)[ask_row::TICKET];
        assert_ne!(second, first);
        assert!(!engine.answer(id, first, answer::SUCCESS, 0.0, 0), "of an earlier call");
        assert_eq!(engine.state(id), State::Waiting as i32);
        assert!(engine.answer(id, second, answer::SUCCESS, 0.0, 0));
        assert_eq!(engine.poll(2.0), next::DONE);
        assert_eq!(engine.state(id), State::Success as i32);
    }

    #[test]
    fn no_number_is_a_panic() {
        let mut engine = Engine::new(2, 0, f64::NAN);
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 0.5, 1e300, 2_097_152.0];
        for number in odd {
            engine.settings(0, number, number, number);
            engine.retry(u32::MAX, number, number, number, number, number, u32::MAX);
            engine.depend(number);
            assert!(engine.add(number, u32::MAX, 0) < 0.0);
            let _ =
                (engine.poll(number), engine.act(9, number), engine.claim(number, 0), engine.state(number));
            assert!(!engine.answer(number, 0, 99, number, 0) && !engine.nap(number, 0, number));
            engine.abort(number, number);
            assert_eq!(engine.text(number, number), "");
        }
    }

    #[test]
    fn a_setting_that_a_node_has_no_use_for_is_refused_and_named() {
        let mut engine = Engine::new(4, 0, 0.0);
        let no_use = |setting: Setting| f64::from(error::NO_USE - setting as i32);
        engine.settings(2, 0.0, f64::INFINITY, f64::INFINITY);
        assert_eq!(engine.add(all::NODES, kind::SEQUENCE, 0), no_use(Setting::Concurrency));
        assert_eq!(engine.add(all::NODES, kind::RACE | shape::STOP, 0), no_use(Setting::OnFailure));
        let parent = engine.add(all::NODES, kind::PARALLEL | shape::FINISH | shape::DETACHED, 0);
        assert!(parent > 0.0);
        assert_eq!(engine.add(parent, kind::WORK | shape::DETACHED, 1), no_use(Setting::Detached));
        assert!(engine.add(parent, kind::WORK | shape::IGNORE, 1) > 0.0, "a work decides that itself");
    }
}

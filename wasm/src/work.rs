//! The one work type: a stand-in for a JavaScript function that asks for it to be called, and waits for the answer.
//!
//! The invariant: an answer counts only if it carries the ticket of the ask that the work waits for now. What a function says after its time was up,
//! after an abort or after a restart is dropped here.

use core::time::Duration;

use windlass::{AbortStep, Cx, Instant, OnFailure, Outcome, Reason, Work};

use crate::asks::Asks;
use crate::numbers::ask;

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Nothing is going on.
    Idle,
    /// A function runs; it may nap until the given time.
    Asked { ticket: u32, nap: Option<Instant> },
    /// The function has answered; with nothing, if the work is as successful as its children turn out to be.
    Answered(Option<Outcome>),
    /// The work was asked to clean up, and naps as a running one does.
    Aborting { ticket: u32, nap: Option<Instant> },
    /// It is clean.
    Clean,
}

/// Stands for a JavaScript function.
#[derive(Debug)]
pub(crate) struct JsWork {
    stage: Stage,
    /// Its number in JavaScript.
    label: u32,
    hooks: Hooks,
    /// Children that had ended when the function was called.
    seen: u32,
    /// Somebody woke the work while its function ran.
    poked: bool,
}

/// What the work has besides its `run`, and how it takes a failed child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hooks {
    pub(crate) policy: OnFailure,
    /// There is a `reset` to call.
    pub(crate) resets: bool,
    /// There is an `abort` to call.
    pub(crate) aborts: bool,
}

impl JsWork {
    pub(crate) const fn new(label: u32, hooks: Hooks) -> Self {
        Self { stage: Stage::Idle, label, hooks, seen: 0, poked: false }
    }

    /// Whether this ticket is the one that is waited for.
    pub(crate) const fn awaits(&self, asked: u32) -> bool {
        match self.stage {
            Stage::Asked { ticket, .. } | Stage::Aborting { ticket, .. } => ticket == asked,
            _ => false,
        }
    }

    /// Takes the answer to an ask, if it is still waited for.
    pub(crate) const fn answer(&mut self, ticket: u32, answer: Option<Outcome>) -> bool {
        let current = self.awaits(ticket);
        if current {
            // A work that cleans up is clean once it answers, whatever it says.
            let cleans = matches!(self.stage, Stage::Aborting { .. });
            self.stage = if cleans { Stage::Clean } else { Stage::Answered(answer) };
        }
        current
    }

    /// Keeps a wake from being lost on a function that is about to say that it waits.
    pub(crate) const fn poke(&mut self) {
        self.poked = true;
    }

    /// Forgets an ask that was not taken up, so that it is made again.
    pub(crate) const fn put_off(&mut self) {
        self.stage = Stage::Idle;
    }

    /// Asks to be told at this time; the earliest time that JavaScript waits for.
    pub(crate) const fn nap(&mut self, asked: u32, until: Instant) -> bool {
        let current = self.awaits(asked);
        if let Stage::Asked { nap, .. } | Stage::Aborting { nap, .. } = &mut self.stage {
            if current {
                *nap = Some(until);
            }
        }
        current
    }

    /// The rest of a nap. A nap that is over is told about.
    fn doze(&mut self, cx: &mut Cx<'_, Self, Asks>) -> Option<Duration> {
        let (Stage::Asked { ticket, nap } | Stage::Aborting { ticket, nap }) = &mut self.stage else {
            return None;
        };
        let until = (*nap)?;
        if cx.now() < until {
            return Some(until - cx.now());
        }
        *nap = None;
        Asks::push(ask::WOKE, self.label, *ticket, cx);
        None
    }

    fn join(&self, cx: &Cx<'_, Self, Asks>) -> Outcome {
        let children = cx.children();
        let failed = children.any_failed() && self.hooks.policy != OnFailure::Ignore;
        if failed && (self.hooks.policy == OnFailure::Stop || children.live == 0) {
            Outcome::Failure(Reason::CHILD_FAILED)
        } else if children.live == 0 {
            Outcome::Success
        } else {
            Outcome::Waiting
        }
    }
}

impl Work<Self, Asks> for JsWork {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, Asks>) -> Outcome {
        let answer = match self.stage {
            Stage::Answered(answer) => answer,
            Stage::Asked { .. } => return self.doze(cx).map_or(Outcome::Waiting, Outcome::WaitFor),
            Stage::Idle | Stage::Aborting { .. } | Stage::Clean => {
                let ticket = cx.app().next_ticket();
                (self.seen, self.poked) = (Asks::push(ask::RUN, self.label, ticket, cx), false);
                self.stage = Stage::Asked { ticket, nap: None };
                return Outcome::Waiting;
            }
        };
        let Some(outcome) = answer else { return self.join(cx) };
        self.stage = Stage::Idle;
        match outcome {
            Outcome::Waiting | Outcome::WaitFor(_) if self.poked || self.seen != cx.children().ended() => {
                Outcome::Running
            }
            outcome => outcome,
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self, Asks>) -> AbortStep {
        match self.stage {
            Stage::Aborting { .. } => self.doze(cx).map_or(AbortStep::Waiting, AbortStep::WaitFor),
            Stage::Clean => AbortStep::Done,
            Stage::Idle | Stage::Answered(_) if !self.hooks.aborts => AbortStep::Done,
            Stage::Idle | Stage::Answered(_) | Stage::Asked { .. } => {
                let ticket = cx.app().next_ticket();
                Asks::push(ask::ABORT, self.label, ticket, cx);
                self.stage = Stage::Aborting { ticket, nap: None };
                AbortStep::Waiting
            }
        }
    }

    fn on_reset(&mut self, cx: &mut Cx<'_, Self, Asks>) {
        if let Stage::Asked { ticket, .. } | Stage::Aborting { ticket, .. } = self.stage {
            Asks::push(ask::DROP, self.label, ticket, cx);
        }
        self.stage = Stage::Idle;
        if self.hooks.resets {
            Asks::push(ask::RESET, self.label, 0, cx);
        }
    }
}

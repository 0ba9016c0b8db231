//! The user's work inside the lab's own, and the application inside the lab's world: where faults strike.
//!
//! The invariant: the user's work sees a context of its own types, and whatever it does there happens to the shipped engine's tables at once. Only
//! works that it adds make a detour: they go to a stage that mirrors the slots, and are wrapped and moved into the real slots when the call is over,
//! even if it panics. The engine knows nothing of this.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use windlass::door::{self, Stage};
use windlass::{AbortStep, Check, Cx, Generated, NodeId, Outcome, Work};

use crate::fault::{Call, Fault, Hook, INJECTED, Place, Script};

/// A work of the user's, and where it is in its attempt.
pub(crate) struct Guest<W> {
    pub work: W,
    /// Calls of this attempt; of this abort once that has begun.
    steps: u32,
    aborting: bool,
    delayed: bool,
}

impl<W> Guest<W> {
    pub(crate) const fn new(work: W) -> Self {
        Self { work, steps: 0, aborting: false, delayed: false }
    }
}

/// The application, and what passes between the guests and the lab.
pub(crate) struct World<W, A> {
    pub app: A,
    pub script: Script,
    /// Nodes to be woken for nothing.
    pub wakes: Vec<NodeId>,
    /// Delays that works asked for when they failed.
    pub asked: Vec<(NodeId, Duration)>,
    /// Gates whose predicate said yes.
    pub yes: Vec<NodeId>,
    stage: Stage<W>,
}

impl<W, A> World<W, A> {
    pub(crate) fn new(app: A) -> Self {
        let (wakes, asked, yes) = (Vec::new(), Vec::new(), Vec::new());
        Self { app, script: Script::default(), wakes, asked, yes, stage: Stage::new() }
    }

    const fn split(&mut self) -> (&mut Stage<W>, &mut A) {
        (&mut self.stage, &mut self.app)
    }
}

type Host<'a, W, A> = Cx<'a, Guest<W>, World<W, A>>;

impl<W, A> Work<Self, World<W, A>> for Guest<W>
where
    W: Work<W, A>,
{
    fn on_run(&mut self, cx: &mut Host<'_, W, A>) -> Outcome {
        let fault = self.enter(cx, Call::Run);
        match fault {
            Some(Fault::Fail) => return Outcome::Failure(INJECTED),
            Some(Fault::FailForGood) => return Outcome::Fatal(INJECTED),
            Some(Fault::Delay(delay)) => return Outcome::WaitFor(delay),
            _ => {}
        }
        let outcome = self.call(cx, W::on_run);
        if let Outcome::RetryAfter(delay, _) = outcome {
            let id = cx.id();
            cx.app().asked.push((id, delay));
        }
        outcome
    }

    fn on_abort(&mut self, cx: &mut Host<'_, W, A>) -> AbortStep {
        if let Some(Fault::Delay(delay)) = self.enter(cx, Call::Abort) {
            return AbortStep::WaitFor(delay);
        }
        self.call(cx, W::on_abort)
    }

    fn on_reset(&mut self, cx: &mut Host<'_, W, A>) {
        (self.steps, self.aborting, self.delayed) = (0, false, false);
        self.look_up(cx, Call::Hook(Hook::Reset));
        self.call(cx, W::on_reset);
    }

    fn on_success(&mut self, cx: &mut Host<'_, W, A>) {
        self.look_up(cx, Call::Hook(Hook::Success));
        self.call(cx, W::on_success);
    }

    fn on_failure_retry(&mut self, cx: &mut Host<'_, W, A>) {
        self.look_up(cx, Call::Hook(Hook::FailureRetry));
        self.call(cx, W::on_failure_retry);
    }

    fn on_failure_raise(&mut self, cx: &mut Host<'_, W, A>) {
        self.look_up(cx, Call::Hook(Hook::FailureRaise));
        self.call(cx, W::on_failure_raise);
    }

    fn rewinds(&self) -> bool {
        self.work.rewinds()
    }

    fn on_next(&mut self, cx: &mut Host<'_, W, A>) -> Generated {
        if let Some(Fault::FailForGood) = self.enter(cx, Call::Next) {
            return Generated::Added;
        }
        self.call(cx, W::on_next)
    }

    fn on_check(&mut self, cx: &mut Host<'_, W, A>) -> Check {
        if let Some(Fault::Fail | Fault::FailForGood) = self.enter(cx, Call::Check) {
            return Check::Fail(INJECTED);
        }
        let answer = self.call(cx, W::on_check);
        if answer == Check::Yes {
            let id = cx.id();
            cx.app().yes.push(id);
        }
        answer
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.work.describe(f)
    }
}

impl<W> Guest<W> {
    /// Calls the user's work.
    fn call<A, R>(
        &mut self,
        cx: &mut Host<'_, W, A>,
        call: impl FnOnce(&mut W, &mut Cx<'_, W, A>) -> R,
    ) -> R {
        door::call_guest(cx, World::split, Self::new, |cx| call(&mut self.work, cx))
    }

    /// Counts the step, and looks up what strikes it.
    fn enter<A>(&mut self, cx: &mut Host<'_, W, A>, call: Call) -> Option<Fault> {
        let aborting = call == Call::Abort;
        if aborting != self.aborting {
            (self.steps, self.aborting, self.delayed) = (0, aborting, false);
        }
        if !self.delayed {
            self.steps = self.steps.saturating_add(1);
        }
        let fault = self.look_up(cx, call);
        self.delayed = matches!(fault, Some(Fault::Delay(_)));
        fault
    }

    /// What strikes this call. Panics if that is what the script says.
    fn look_up<A>(&self, cx: &mut Host<'_, W, A>, call: Call) -> Option<Fault> {
        let (name, node, attempt) = (cx.name(), cx.id(), cx.attempt());
        let place = Place { name, node, attempt, step: self.steps, call, delayed: self.delayed };
        let fault = cx.app().script.look_up(&place);
        match fault {
            Some(Fault::Wake) => cx.app().wakes.push(node),
            Some(Fault::Panic) => crate::panic::throw(),
            _ => {}
        }
        fault
    }
}

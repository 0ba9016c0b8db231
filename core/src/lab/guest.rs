//! The user's work inside the lab's own, and the application inside the lab's world: where faults strike.
//!
//! The invariant: the user's work sees a context of its own types, and whatever it does there happens to the shipped engine's tables at once. Only
//! works that it adds make a detour: they go to a stage that mirrors the slots, and are wrapped and moved into the real slots when the call is over,
//! even if it panics. The engine knows nothing of this.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::fault::{Call, Fault, Hook, INJECTED, Place, Script};
use crate::cx::Cx;
use crate::id::NodeId;
use crate::slots::Slots;
use crate::spec::Spec;
use crate::work::{Abort, Check, Outcome, Work, Yield};

/// A work of the user's, and where it is in its attempt.
pub(super) struct Guest<W> {
    pub work: W,
    /// Calls of this attempt; of this abort once that has begun.
    steps: u32,
    aborting: bool,
    delayed: bool,
}

impl<W> Guest<W> {
    const fn new(work: W) -> Self {
        Self { work, steps: 0, aborting: false, delayed: false }
    }
}

/// Wraps the work of a spec.
pub(super) fn wrap<W>(spec: Spec<W>) -> Spec<Guest<W>> {
    Spec { work: spec.work.map(Guest::new), settings: spec.settings }
}

/// Undoes [`wrap`].
pub(super) fn unwrap<W>(spec: Spec<Guest<W>>) -> Spec<W> {
    Spec { work: spec.work.map(|guest| guest.work), settings: spec.settings }
}

/// The application, and what passes between the guests and the lab.
pub(super) struct World<W, A> {
    pub app: A,
    pub script: Script,
    /// Nodes to be woken for nothing.
    pub wakes: Vec<NodeId>,
    /// Delays that works asked for when they failed.
    pub asked: Vec<(NodeId, Duration)>,
    /// Gates whose predicate said yes.
    pub yes: Vec<NodeId>,
    /// One place for each slot of the table, empty between calls.
    pub stage: Vec<Option<W>>,
    /// The generations of the slots when the call began.
    generations: Vec<u32>,
}

impl<W, A> World<W, A> {
    pub(super) fn new(app: A, capacity: usize) -> Self {
        let stage = core::iter::repeat_with(|| None).take(capacity).collect();
        let script = Script::default();
        let (wakes, asked, yes, generations) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { app, script, wakes, asked, yes, stage, generations }
    }
}

type Host<'a, W, A> = Cx<'a, Guest<W>, World<W, A>>;

/// One call of a user's work.
struct Visit<'v, 'a, W, A> {
    host: &'v mut Host<'a, W, A>,
}

impl<'v, 'a, W, A> Visit<'v, 'a, W, A> {
    fn new(host: &'v mut Host<'a, W, A>) -> Self {
        let view = host.lend.view();
        let generations = &mut host.app.generations;
        generations.clear();
        generations.extend((0..view.root.fresh).map(|index| view.hot(index).generation));
        Self { host }
    }

    fn call<R>(&mut self, work: &mut W, call: impl FnOnce(&mut W, &mut Cx<'_, W, A>) -> R) -> R {
        let Cx { lend, slots, app: world, .. } = &mut *self.host;
        let (lower, upper) = world.stage.split_at_mut(slots.running() as usize);
        let upper = upper.get_mut(1..).unwrap_or_default();
        let mut cx = Cx { lend: &mut **lend, slots: Slots { lower, upper }, app: &mut world.app };
        call(work, &mut cx)
    }
}

impl<W, A> Drop for Visit<'_, '_, W, A> {
    fn drop(&mut self) {
        let Cx { lend, slots, app: world, .. } = &mut *self.host;
        let view = lend.view();
        for (index, staged) in (0..view.root.fresh).zip(&mut world.stage) {
            let Some(slot) = slots.slot(index) else { continue };
            let before = world.generations.get(index as usize);
            if before.is_some_and(|generation| *generation != view.hot(index).generation) {
                *slot = None;
            }
            if let Some(work) = staged.take() {
                *slot = Some(Guest::new(work));
            }
        }
    }
}

impl<W, A> Work<World<W, A>> for Guest<W>
where
    W: Work<A, W>,
{
    fn on_run(&mut self, cx: &mut Host<'_, W, A>) -> Outcome {
        let fault = self.enter(cx, Call::Run);
        match fault {
            Some(Fault::Fail) => return Outcome::Failure(INJECTED),
            Some(Fault::FailForGood) => return Outcome::Fatal(INJECTED),
            Some(Fault::Delay(delay)) => return Outcome::Sleep(delay),
            _ => {}
        }
        let outcome = Visit::new(cx).call(&mut self.work, W::on_run);
        if let Outcome::RetryAfter(delay, _) = outcome {
            let id = cx.id();
            cx.app.asked.push((id, delay));
        }
        outcome
    }

    fn on_abort(&mut self, cx: &mut Host<'_, W, A>) -> Abort {
        if let Some(Fault::Delay(delay)) = self.enter(cx, Call::Abort) {
            return Abort::Sleep(delay);
        }
        Visit::new(cx).call(&mut self.work, W::on_abort)
    }

    fn on_reset(&mut self, cx: &mut Host<'_, W, A>) {
        (self.steps, self.aborting, self.delayed) = (0, false, false);
        self.look_up(cx, Call::Hook(Hook::Reset));
        Visit::new(cx).call(&mut self.work, W::on_reset);
    }

    fn on_success(&mut self, cx: &mut Host<'_, W, A>) {
        self.look_up(cx, Call::Hook(Hook::Success));
        Visit::new(cx).call(&mut self.work, W::on_success);
    }

    fn on_failure_retry(&mut self, cx: &mut Host<'_, W, A>) {
        self.look_up(cx, Call::Hook(Hook::FailureRetry));
        Visit::new(cx).call(&mut self.work, W::on_failure_retry);
    }

    fn on_failure_raise(&mut self, cx: &mut Host<'_, W, A>) {
        self.look_up(cx, Call::Hook(Hook::FailureRaise));
        Visit::new(cx).call(&mut self.work, W::on_failure_raise);
    }

    fn on_next(&mut self, cx: &mut Host<'_, W, A>) -> Yield {
        if let Some(Fault::FailForGood) = self.enter(cx, Call::Next) {
            return Yield::Added;
        }
        Visit::new(cx).call(&mut self.work, W::on_next)
    }

    fn on_check(&mut self, cx: &mut Host<'_, W, A>) -> Check {
        if let Some(Fault::Fail | Fault::FailForGood) = self.enter(cx, Call::Check) {
            return Check::Fail(INJECTED);
        }
        let answer = Visit::new(cx).call(&mut self.work, W::on_check);
        if answer == Check::Yes {
            let id = cx.id();
            cx.app.yes.push(id);
        }
        answer
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.work.describe(f)
    }
}

impl<W> Guest<W> {
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
        let fault = cx.app.script.look_up(&place);
        match fault {
            Some(Fault::Wake) => cx.app.wakes.push(node),
            Some(Fault::Panic) => super::panic::throw(),
            _ => {}
        }
        fault
    }
}

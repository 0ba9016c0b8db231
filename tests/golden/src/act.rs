//! The works of the scenarios: each says what its script has, one line after the other, and the last one for ever.
//!
//! The invariant: what a work does depends on its script and its own step count alone. Scripts go on across attempts, so a second attempt may end
//! otherwise than the first.

use windlass::{AbortStep, Check, Cx, Generated, NodeId, Outcome, Spec, Work};

use crate::journal::{Pen, Said};

/// What a work sees of the engine.
pub(crate) type Context<'c, 'o> = Cx<'c, Act, Pen<'o>>;

/// A work.
#[derive(Clone, Copy)]
pub(crate) struct Act {
    run: Run,
    aborts: &'static [AbortStep],
    checks: &'static [Check],
    next: fn(&mut Act, &mut Context<'_, '_>) -> Generated,
    /// Whether its hooks are written down.
    tells: bool,
    cleaned: usize,
    /// Calls so far, cleaning up left out.
    pub step: usize,
    /// A node to remember.
    pub last: Option<NodeId>,
}

#[derive(Clone, Copy)]
enum Run {
    Says(&'static [Outcome]),
    Does(fn(&mut Act, &mut Context<'_, '_>) -> Outcome),
}

impl Act {
    const fn new(run: Run) -> Self {
        Self {
            run,
            aborts: &[AbortStep::Done],
            checks: &[Check::Yes],
            next: |_, _| Generated::Exhausted,
            tells: false,
            cleaned: 0,
            step: 0,
            last: None,
        }
    }

    /// A work that says this.
    pub(crate) const fn says(script: &'static [Outcome]) -> Self {
        Self::new(Run::Says(script))
    }

    /// A work that does this.
    pub(crate) const fn does(run: fn(&mut Act, &mut Context<'_, '_>) -> Outcome) -> Self {
        Self::new(Run::Does(run))
    }

    /// A predicate or a callback with these answers.
    pub(crate) const fn asked(checks: &'static [Check]) -> Self {
        let mut act = Self::says(&[]);
        act.checks = checks;
        act
    }

    /// A generator.
    pub(crate) const fn yields(next: fn(&mut Act, &mut Context<'_, '_>) -> Generated) -> Self {
        let mut act = Self::says(&[]);
        act.next = next;
        act
    }

    /// The same, cleaning up like this.
    pub(crate) const fn aborts(mut self, script: &'static [AbortStep]) -> Self {
        self.aborts = script;
        self
    }

    /// The same, with its hooks written down.
    pub(crate) const fn tells(mut self) -> Self {
        self.tells = true;
        self
    }

    pub(crate) const fn spec(self, name: &'static str) -> Spec<Self> {
        Spec::work(name, self)
    }

    fn hook(&self, cx: &mut Context<'_, '_>, hook: &str) {
        if self.tells {
            let (now, id, name) = (cx.now(), cx.id(), cx.name());
            cx.app().line(format_args!("{now} {id} {name}: hook {hook}"));
        }
    }
}

impl<'o> Work<Self, Pen<'o>> for Act {
    fn on_run(&mut self, cx: &mut Context<'_, 'o>) -> Outcome {
        let outcome = match self.run {
            Run::Says(script) => at(script, self.step, Outcome::Success),
            Run::Does(run) => run(self, cx),
        };
        self.step += 1;
        say(cx, Said::Run(outcome));
        outcome
    }

    fn on_abort(&mut self, cx: &mut Context<'_, 'o>) -> AbortStep {
        let abort = at(self.aborts, self.cleaned, AbortStep::Done);
        self.cleaned += 1;
        say(cx, Said::Abort(abort));
        abort
    }

    fn on_reset(&mut self, cx: &mut Context<'_, 'o>) {
        self.cleaned = 0;
        self.hook(cx, "on_reset");
    }

    fn on_success(&mut self, cx: &mut Context<'_, 'o>) {
        self.hook(cx, "on_success");
    }

    fn on_failure_retry(&mut self, cx: &mut Context<'_, 'o>) {
        self.hook(cx, "on_failure_retry");
    }

    fn on_failure_raise(&mut self, cx: &mut Context<'_, 'o>) {
        self.hook(cx, "on_failure_raise");
    }

    fn rewinds(&self) -> bool {
        true
    }

    fn on_next(&mut self, cx: &mut Context<'_, 'o>) -> Generated {
        let next = (self.next)(self, cx);
        self.step += 1;
        say(cx, Said::Next(next));
        next
    }

    fn on_check(&mut self, cx: &mut Context<'_, 'o>) -> Check {
        let check = at(self.checks, self.step, Check::Yes);
        self.step += 1;
        say(cx, Said::Check(check));
        check
    }
}

fn say(cx: &mut Context<'_, '_>, said: Said) {
    let (now, id, name) = (cx.now(), cx.id(), cx.name());
    cx.app().says(now, id, name, said);
}

fn at<T: Copy>(script: &[T], step: usize, none: T) -> T {
    script.get(step).or(script.last()).copied().unwrap_or(none)
}

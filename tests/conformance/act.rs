//! A work made of closures, for tests that need one of a kind.
//!
//! Every call is noted in the world with the state that the work sees, as the shared works do; no time passes in a call.

use windlass::{Abort, Check, DynWork, Outcome, Reason, Spec, State, Work, Yield};
use windlass_tests::{Any, Cx, Hook, World};

/// What a failing act says.
pub(crate) const WRONG: Reason = Reason::new("wrong");

type Call<R> = Box<dyn FnMut(&mut Cx<'_>) -> R>;
type Listener = Box<dyn FnMut(Hook, &mut Cx<'_>)>;

/// A work whose every method is a closure.
pub(crate) struct Act {
    run: Call<Outcome>,
    abort: Call<Abort>,
    next: Call<Yield>,
    check: Call<Check>,
    hook: Listener,
}

impl Act {
    /// Runs this.
    pub(crate) fn new(run: impl FnMut(&mut Cx<'_>) -> Outcome + 'static) -> Self {
        Self {
            run: Box::new(run),
            abort: Box::new(|_| Abort::Done),
            next: Box::new(|_| Yield::Exhausted),
            check: Box::new(|_| Check::Yes),
            hook: Box::new(|_, _| {}),
        }
    }

    /// Says this every time.
    pub(crate) fn says(outcome: Outcome) -> Self {
        Self::new(move |_| outcome)
    }

    /// Succeeds in the run of this number of each attempt.
    pub(crate) fn steps(steps: u32) -> Self {
        let mut left = steps;
        Self::new(move |_| {
            left -= 1;
            if left > 0 {
                return Outcome::Running;
            }
            left = steps;
            Outcome::Success
        })
    }

    /// Fails in its first run, with [`WRONG`].
    pub(crate) fn fails() -> Self {
        Self::says(Outcome::Failure(WRONG))
    }

    /// Waits in its first run and succeeds in its second.
    pub(crate) fn waits() -> Self {
        let mut waited = false;
        Self::new(move |_| {
            waited = !waited;
            if waited { Outcome::Waiting } else { Outcome::Success }
        })
    }

    /// Says these one after the other, then the last one again and again.
    pub(crate) fn script(outcomes: &[Outcome]) -> Self {
        let outcomes = outcomes.to_vec();
        let mut at = 0;
        Self::new(move |_| {
            let outcome = outcomes[at];
            at = (at + 1).min(outcomes.len() - 1);
            outcome
        })
    }

    /// Says these to an abort, one after the other, then that it is done.
    pub(crate) fn aborts(mut self, answers: &[Abort]) -> Self {
        let mut answers = Vec::from(answers).into_iter();
        self.abort = Box::new(move |_| answers.next().unwrap_or(Abort::Done));
        self
    }

    /// Answers an abort with this.
    pub(crate) fn on_abort(mut self, abort: impl FnMut(&mut Cx<'_>) -> Abort + 'static) -> Self {
        self.abort = Box::new(abort);
        self
    }

    /// Does this in each hook.
    pub(crate) fn on_hook(mut self, hook: impl FnMut(Hook, &mut Cx<'_>) + 'static) -> Self {
        self.hook = Box::new(hook);
        self
    }

    /// Answers the question of a gate or a callback.
    pub(crate) fn on_check(mut self, check: impl FnMut(&mut Cx<'_>) -> Check + 'static) -> Self {
        self.check = Box::new(check);
        self
    }

    /// Yields the items of a batch.
    pub(crate) fn on_next(mut self, next: impl FnMut(&mut Cx<'_>) -> Yield + 'static) -> Self {
        self.next = Box::new(next);
        self
    }

    /// Boxed, for a spec that is not that of a plain work.
    pub(crate) fn boxed(self) -> Any {
        DynWork::new(self)
    }

    /// A plain work. No retries.
    pub(crate) fn spec(self, name: &'static str) -> Spec<Any> {
        Spec::work(name, self.boxed())
    }
}

/// A work that only its children keep busy: it reports how they do.
pub(crate) fn parent(name: &'static str) -> Spec<Any> {
    Act::new(|cx| cx.children().outcome()).spec(name)
}

impl Work<World, Any> for Act {
    fn on_run(&mut self, cx: &mut Cx<'_>) -> Outcome {
        note(cx, Hook::Run);
        (self.run)(cx)
    }

    fn on_abort(&mut self, cx: &mut Cx<'_>) -> Abort {
        note(cx, Hook::Abort);
        (self.abort)(cx)
    }

    fn on_reset(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Reset);
        (self.hook)(Hook::Reset, cx);
    }

    fn on_success(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Success);
        (self.hook)(Hook::Success, cx);
    }

    fn on_failure_retry(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Retry);
        (self.hook)(Hook::Retry, cx);
    }

    fn on_failure_raise(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Raise);
        (self.hook)(Hook::Raise, cx);
    }

    fn on_next(&mut self, cx: &mut Cx<'_>) -> Yield {
        note(cx, Hook::Next);
        (self.next)(cx)
    }

    fn on_check(&mut self, cx: &mut Cx<'_>) -> Check {
        note(cx, Hook::Check);
        (self.check)(cx)
    }
}

fn note(cx: &mut Cx<'_>, hook: Hook) {
    let (name, id) = (cx.name(), cx.id());
    let state = cx.view().node(id).map_or(State::Pending, |node| node.state());
    cx.app().note(name, hook, state);
}

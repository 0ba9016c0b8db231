//! The one work of the tests: a script of what it answers, call by call.
//!
//! The invariant: every call is noted in the world with the state that the work sees, before anything else happens, so what a script does never hides
//! that it was called. It does not know what a test expects of it.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use windlass::{AbortStep, Check, DynWork, Generated, Outcome, Reason, Spec, State, Work};

use crate::world::{Counters, Hook};
use crate::{STEP, World};

/// The one work type of the test schedulers.
pub type Any = DynWork<World>;

/// The context that test works get.
pub type Cx<'a> = windlass::Cx<'a, Any, World>;

/// Why a script fails that was told to.
pub const WRONG: Reason = Reason::new("wrong");

type Call<R> = Box<dyn FnMut(&mut Cx<'_>) -> R>;
type Listener = Box<dyn FnMut(Hook, &mut Cx<'_>)>;

/// What the runs answer.
enum Runs {
    /// That it runs, or sleeps for this time, until the last of so many runs, then `last`. Every reset begins anew.
    Steps { of: u32, left: u32, pause: Option<Duration>, last: Outcome },
    /// Whatever this says.
    Call(Call<Outcome>),
}

/// A work that does as it is told. What it is not told is: an abort is done at once, a question is answered with yes, and there are no items.
pub struct Script {
    runs: Runs,
    takes: Duration,
    slept: bool,
    abort: Call<AbortStep>,
    check: Call<Check>,
    next: Call<Generated>,
    rewinds: bool,
    hook: Listener,
    _holds: Option<Rc<()>>,
}

impl Script {
    /// Runs this.
    pub fn new(run: impl FnMut(&mut Cx<'_>) -> Outcome + 'static) -> Self {
        Self::of(Runs::Call(Box::new(run)))
    }

    fn of(runs: Runs) -> Self {
        Self {
            runs,
            takes: Duration::ZERO,
            slept: false,
            abort: Box::new(|_| AbortStep::Done),
            check: Box::new(|_| Check::Yes),
            next: Box::new(|_| Generated::Exhausted),
            rewinds: true,
            hook: Box::new(|_, _| {}),
            _holds: None,
        }
    }

    /// Says this every time.
    #[must_use]
    pub fn says(outcome: Outcome) -> Self {
        Self::new(move |_| outcome)
    }

    /// Says these one after the other, then the last one again and again. A reset does not begin anew.
    #[must_use]
    pub fn lines(outcomes: &[Outcome]) -> Self {
        let outcomes = outcomes.to_vec();
        let mut at = 0;
        Self::new(move |_| {
            let outcome = outcomes[at];
            at = (at + 1).min(outcomes.len() - 1);
            outcome
        })
    }

    /// Succeeds in the run of this number of each attempt.
    #[must_use]
    pub fn steps(steps: u32) -> Self {
        Self::of(Runs::Steps { of: steps, left: steps, pause: None, last: Outcome::Success })
    }

    /// Fails in the run of this number of each attempt, with [`WRONG`].
    #[must_use]
    pub fn fails_at(step: u32) -> Self {
        Self::of(Runs::Steps { of: step, left: step, pause: None, last: Outcome::Failure(WRONG) })
    }

    /// Fails in its first run, with [`WRONG`].
    #[must_use]
    pub fn fails() -> Self {
        Self::fails_at(1)
    }

    /// Waits in its first run and succeeds in its second.
    #[must_use]
    pub fn waits() -> Self {
        let mut waited = false;
        Self::new(move |_| {
            waited = !waited;
            if waited { Outcome::Waiting } else { Outcome::Success }
        })
    }

    /// Answers the question of a gate or a callback.
    pub fn asks(check: impl FnMut(&mut Cx<'_>) -> Check + 'static) -> Self {
        Self::asked().on_check(check)
    }

    /// Yields the items of a batch.
    pub fn yields(next: impl FnMut(&mut Cx<'_>) -> Generated + 'static) -> Self {
        Self::asked().on_next(next)
    }

    fn asked() -> Self {
        Self::new(|_| unreachable!("it is asked, not run"))
    }

    /// Lets [`STEP`] pass in each run.
    #[must_use]
    pub const fn takes_time(mut self) -> Self {
        self.takes = STEP;
        self
    }

    /// Sleeps this long after every run but the last one, which counts from the end of the run.
    ///
    /// # Panics
    /// If it is not a number of steps.
    #[must_use]
    pub fn sleeps(mut self, time: Duration) -> Self {
        let Runs::Steps { pause, .. } = &mut self.runs else { panic!("only steps have pauses") };
        *pause = Some(time);
        self
    }

    /// Says these to an abort, one after the other, then that it is done.
    #[must_use]
    pub fn aborts(self, answers: &[AbortStep]) -> Self {
        let mut answers = Vec::from(answers).into_iter();
        self.on_abort(move |_| answers.next().unwrap_or(AbortStep::Done))
    }

    /// Answers an abort with this.
    #[must_use]
    pub fn on_abort(mut self, abort: impl FnMut(&mut Cx<'_>) -> AbortStep + 'static) -> Self {
        self.abort = Box::new(abort);
        self
    }

    /// Does this in each hook that has no answer.
    #[must_use]
    pub fn on_hook(mut self, hook: impl FnMut(Hook, &mut Cx<'_>) + 'static) -> Self {
        self.hook = Box::new(hook);
        self
    }

    /// Answers a question with this.
    #[must_use]
    pub fn on_check(mut self, check: impl FnMut(&mut Cx<'_>) -> Check + 'static) -> Self {
        self.check = Box::new(check);
        self
    }

    /// As a generator, cannot begin again.
    #[must_use]
    pub fn one_way(mut self) -> Self {
        self.rewinds = false;
        self
    }

    /// Yields this.
    #[must_use]
    pub fn on_next(mut self, next: impl FnMut(&mut Cx<'_>) -> Generated + 'static) -> Self {
        self.next = Box::new(next);
        self
    }

    /// Keeps this as long as the work itself is kept.
    #[must_use]
    pub fn holds(mut self, token: Rc<()>) -> Self {
        self._holds = Some(token);
        self
    }

    /// Boxed, for a spec that is made by hand.
    pub fn boxed(self) -> Any {
        DynWork::new(self)
    }

    /// A plain work. No retries.
    pub fn spec(self, name: &'static str) -> Spec<Any> {
        Spec::work(name, self.boxed())
    }

    /// The gate that opens on yes.
    pub fn gate(self, name: &'static str) -> Spec<Any> {
        Spec::when(name, self.boxed())
    }

    /// The callback that succeeds on yes.
    pub fn callback(self, name: &'static str) -> Spec<Any> {
        Spec::callback(name, self.boxed())
    }

    /// The batch of its items.
    pub fn batch(self, name: &'static str) -> Spec<Any> {
        Spec::batch(name, self.boxed())
    }
}

/// The reference's `TestBasicWork`: three runs of [`STEP`] each, then success. (It has one retry there; here a test says so.)
#[must_use]
pub fn leaf() -> Script {
    Script::steps(3).takes_time()
}

/// A work that only its children keep busy: it reports how they do. The reference's `TestWork`.
pub fn parent(name: &'static str) -> Spec<Any> {
    Script::new(|cx| cx.children().outcome()).spec(name)
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Work<Any, World> for Script {
    fn on_run(&mut self, cx: &mut Cx<'_>) -> Outcome {
        note(cx, Hook::Run).wakes += u32::from(std::mem::take(&mut self.slept));
        cx.app().pass(self.takes);
        let outcome = match &mut self.runs {
            Runs::Call(run) => run(cx),
            Runs::Steps { left, pause, last, .. } => {
                *left = left.saturating_sub(1);
                match pause {
                    _ if *left == 0 => *last,
                    None => Outcome::Running,
                    // A sleep counts from the time of the poll, and the run has taken some since.
                    Some(time) => Outcome::WaitFor(*time + self.takes),
                }
            }
        };
        if let Outcome::WaitFor(_) = outcome {
            self.slept = true;
            let name = cx.name();
            cx.app().waited(name);
        }
        outcome
    }

    fn on_abort(&mut self, cx: &mut Cx<'_>) -> AbortStep {
        note(cx, Hook::Abort);
        (self.abort)(cx)
    }

    fn on_reset(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Reset);
        self.slept = false;
        if let Runs::Steps { of, left, .. } = &mut self.runs {
            *left = *of;
        }
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

    fn rewinds(&self) -> bool {
        self.rewinds
    }

    fn on_next(&mut self, cx: &mut Cx<'_>) -> Generated {
        note(cx, Hook::Next);
        (self.next)(cx)
    }

    fn on_check(&mut self, cx: &mut Cx<'_>) -> Check {
        note(cx, Hook::Check);
        (self.check)(cx)
    }
}

/// Notes a call of the running work with the state that it sees. For works of a test's own, too.
pub fn note<'a>(cx: &'a mut Cx<'_>, hook: Hook) -> &'a mut Counters {
    let (name, id) = (cx.name(), cx.id());
    let state = cx.view().node(id).map_or(State::Pending, |node| node.state());
    cx.app().note(name, hook, state)
}

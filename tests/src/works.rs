//! The works of the tests: a leaf that counts down, a parent that reports its children, and a question.
//!
//! They keep what the reference's test works keep, less the counters: those are the world's, and so can be read when the node is gone.

use std::rc::Rc;
use std::time::Duration;

use windlass::{Abort, Check, DynWork, Outcome, Reason, Retry, Spec, State, Work, Yield};

use crate::world::{Counters, Hook};
use crate::{STEP, World};

/// The one work type of the test schedulers.
pub type Any = DynWork<World>;

/// The context that test works get.
pub type Cx<'a> = windlass::Cx<'a, Any, World>;

/// Why a leaf fails that was told to.
pub const FAILED: Reason = Reason::new("as told");

/// Notes a call of the running work with the state that it sees.
fn note<'a>(cx: &'a mut Cx<'_>, hook: Hook) -> &'a mut Counters {
    let (name, id) = (cx.name(), cx.id());
    let state = cx.view().node(id).map_or(State::Pending, |node| node.state());
    cx.app().note(name, hook, state)
}

macro_rules! counted_hooks {
    () => {
        fn on_success(&mut self, cx: &mut Cx<'_>) {
            note(cx, Hook::Success);
        }

        fn on_failure_retry(&mut self, cx: &mut Cx<'_>) {
            note(cx, Hook::Retry);
        }

        fn on_failure_raise(&mut self, cx: &mut Cx<'_>) {
            note(cx, Hook::Raise);
        }
    };
}

/// The reference's `TestBasicWork` and `TestWaitingWork`: so many runs of [`STEP`] each, then success or failure.
#[derive(Clone, Debug)]
pub struct Leaf {
    name: &'static str,
    steps: u32,
    left: u32,
    fails: bool,
    sleep: Option<Duration>,
    slept: bool,
    abort_steps: u32,
    _holds: Option<Rc<()>>,
}

impl Leaf {
    /// A leaf of three steps that succeeds.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            steps: 3,
            left: 3,
            fails: false,
            sleep: None,
            slept: false,
            abort_steps: 1,
            _holds: None,
        }
    }

    /// Takes so many steps.
    #[must_use]
    pub const fn steps(mut self, steps: u32) -> Self {
        (self.steps, self.left) = (steps, steps);
        self
    }

    /// Fails in its last step.
    #[must_use]
    pub const fn fails(mut self) -> Self {
        self.fails = true;
        self
    }

    /// Sleeps after every step but the last one. The sleep begins when the step is over.
    #[must_use]
    pub const fn sleeps(mut self, time: Duration) -> Self {
        self.sleep = Some(time);
        self
    }

    /// Needs so many calls of `on_abort`; the default is 1.
    #[must_use]
    pub const fn abort_steps(mut self, steps: u32) -> Self {
        self.abort_steps = steps;
        self
    }

    /// Keeps this as long as the leaf itself is kept.
    #[must_use]
    pub fn holds(mut self, token: Rc<()>) -> Self {
        self._holds = Some(token);
        self
    }

    /// The node of this leaf, with the reference's budget of one retry.
    pub fn spec(self) -> Spec<Any> {
        Spec::work(self.name, DynWork::new(self)).retry(Retry::ONCE)
    }
}

impl Work<World, Any> for Leaf {
    fn on_run(&mut self, cx: &mut Cx<'_>) -> Outcome {
        let slept = std::mem::take(&mut self.slept);
        note(cx, Hook::Run).wakes += u32::from(slept);
        cx.app().pass(STEP);
        self.left = self.left.saturating_sub(1);
        match (self.left, self.sleep) {
            (0, _) if self.fails => Outcome::Failure(FAILED),
            (0, _) => Outcome::Success,
            (_, None) => Outcome::Running,
            (_, Some(time)) => {
                self.slept = true;
                let name = self.name;
                cx.app().waited(name);
                // A sleep counts from the time of the poll, and this step has taken some since.
                Outcome::Sleep(time + STEP)
            }
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_>) -> Abort {
        note(cx, Hook::Abort);
        self.abort_steps = self.abort_steps.saturating_sub(1);
        if self.abort_steps == 0 { Abort::Done } else { Abort::Again }
    }

    fn on_reset(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Reset);
        self.left = self.steps;
        self.slept = false;
    }

    counted_hooks!();
}

/// The reference's `TestWork`: does what its children do. They are added from outside, or by itself in the first run of each attempt.
#[derive(Default)]
pub struct Parent {
    children: Vec<Box<dyn Fn() -> Spec<Any>>>,
    planted: bool,
}

impl Parent {
    /// A parent without children of its own making.
    #[must_use]
    pub const fn new() -> Self {
        Self { children: Vec::new(), planted: false }
    }

    /// Adds this child in the first run of each attempt.
    #[must_use]
    pub fn with(mut self, child: impl Fn() -> Spec<Any> + 'static) -> Self {
        self.children.push(Box::new(child));
        self
    }

    /// The node of this parent. No retries, as in the reference's test.
    pub fn spec(self, name: &'static str) -> Spec<Any> {
        Spec::work(name, DynWork::new(self))
    }
}

impl std::fmt::Debug for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parent({} children of its own)", self.children.len())
    }
}

impl Work<World, Any> for Parent {
    fn on_run(&mut self, cx: &mut Cx<'_>) -> Outcome {
        note(cx, Hook::Run);
        if !std::mem::replace(&mut self.planted, true) {
            for child in &self.children {
                if let Err(refused) = cx.add_child(child()) {
                    panic!("{refused}");
                }
            }
        }
        cx.children().outcome()
    }

    fn on_abort(&mut self, cx: &mut Cx<'_>) -> Abort {
        note(cx, Hook::Abort);
        Abort::Done
    }

    fn on_reset(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Reset);
        self.planted = false;
    }

    counted_hooks!();
}

/// A predicate for a gate, or a callback.
pub struct Question<F>(F);

impl<F: FnMut(&mut Cx<'_>) -> Check + 'static> Question<F> {
    /// Asks this.
    pub const fn new(ask: F) -> Self {
        Self(ask)
    }

    /// The gate that opens on yes.
    pub fn gate(self, name: &'static str) -> Spec<Any> {
        Spec::when(name, DynWork::new(self))
    }

    /// The callback that succeeds on yes.
    pub fn callback(self, name: &'static str) -> Spec<Any> {
        Spec::callback(name, DynWork::new(self))
    }
}

impl<F> std::fmt::Debug for Question<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Question")
    }
}

impl<F: FnMut(&mut Cx<'_>) -> Check> Work<World, Any> for Question<F> {
    fn on_run(&mut self, _: &mut Cx<'_>) -> Outcome {
        unreachable!("a question is asked, not run")
    }

    fn on_check(&mut self, cx: &mut Cx<'_>) -> Check {
        note(cx, Hook::Check);
        (self.0)(cx)
    }

    fn on_reset(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Reset);
    }

    counted_hooks!();
}

/// A generator for a batch.
pub struct Generator<F>(F);

impl<F: FnMut(&mut Cx<'_>) -> Yield + 'static> Generator<F> {
    /// Asks this for the next item.
    pub const fn new(next: F) -> Self {
        Self(next)
    }

    /// The batch of these items.
    pub fn batch(self, name: &'static str) -> Spec<Any> {
        Spec::batch(name, DynWork::new(self))
    }
}

impl<F> std::fmt::Debug for Generator<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Generator")
    }
}

impl<F: FnMut(&mut Cx<'_>) -> Yield> Work<World, Any> for Generator<F> {
    fn on_run(&mut self, _: &mut Cx<'_>) -> Outcome {
        unreachable!("a generator is asked, not run")
    }

    fn on_next(&mut self, cx: &mut Cx<'_>) -> Yield {
        note(cx, Hook::Next);
        (self.0)(cx)
    }

    fn on_reset(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Reset);
    }

    counted_hooks!();
}

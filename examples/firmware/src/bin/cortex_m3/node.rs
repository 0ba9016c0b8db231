//! The works of this image: the update's, and a future beside them.
//!
//! Invariant: nothing is decided here; every call goes to the part that it is for.

use core::fmt;
use core::sync::atomic::Ordering;

use windlass::{AbortStep, AsyncLeaf, Check, Cx, Generated, Outcome, Work};
use windlass_firmware::Job;
use windlass_update_job::Step;

use crate::BLINKS;

/// A work of the tree.
pub enum Node<'a> {
    /// One of the update.
    Update(Step),
    /// The lamp: an `async fn`.
    Lamp(AsyncLeaf<'a>),
}

/// So the update can add what belongs to it.
impl From<Step> for Node<'_> {
    fn from(step: Step) -> Self {
        Self::Update(step)
    }
}

impl<'a> Work<Node<'a>, Job> for Node<'a> {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, Job>) -> Outcome {
        match self {
            Self::Update(step) => step.on_run(cx),
            Self::Lamp(future) => future.on_run(cx),
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self, Job>) -> AbortStep {
        match self {
            Self::Update(step) => step.on_abort(cx),
            Self::Lamp(future) => future.on_abort(cx),
        }
    }

    fn on_reset(&mut self, cx: &mut Cx<'_, Self, Job>) {
        match self {
            Self::Update(step) => step.on_reset(cx),
            Self::Lamp(future) => future.on_reset(cx),
        }
    }

    fn rewinds(&self) -> bool {
        match self {
            Self::Update(step) => Work::<Self, Job>::rewinds(step),
            Self::Lamp(_) => false,
        }
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self, Job>) -> Generated {
        match self {
            Self::Update(step) => step.on_next(cx),
            Self::Lamp(_) => Generated::Exhausted,
        }
    }

    fn on_check(&mut self, cx: &mut Cx<'_, Self, Job>) -> Check {
        match self {
            Self::Update(step) => step.on_check(cx),
            Self::Lamp(_) => Check::Yes,
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update(step) => Work::<Self, Job>::describe(step, f),
            Self::Lamp(_) => write!(f, "has blinked {} times", BLINKS.load(Ordering::Relaxed)),
        }
    }
}

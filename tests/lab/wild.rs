//! Works that answer anything and do anything to the tree, drawn from a seed.
//!
//! The invariant: what they do depends on the seed and on the calls alone; and when they are told to, or have been called often enough, they only end.

use std::time::Duration;

use windlass::{
    AbortStep, Check, Cx, Generated, Jitter, Kind, NodeId, OnFailure, Outcome, Reason, Retry, Spec, Work,
};
use windlass_lab::Outside;

/// The application: chance, and every id that was ever given out.
#[derive(Default)]
pub(crate) struct World {
    seed: u64,
    pub(crate) ids: Vec<NodeId>,
    /// Calls after which works only end.
    pub(crate) calls_left: u32,
    /// Whether works panic now and then.
    pub(crate) panics: bool,
    under_way: Vec<NodeId>,
}

impl Outside for World {
    fn pending(&self) -> usize {
        self.under_way.len()
    }

    fn complete(&mut self, nth: usize) -> Option<NodeId> {
        Some(self.under_way.remove(nth))
    }
}

impl World {
    pub(crate) fn new(seed: u64, calls: u32) -> Self {
        Self { seed, calls_left: calls, ..Self::default() }
    }

    pub(crate) fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    pub(crate) fn any(&mut self) -> Option<NodeId> {
        let nth = self.draw(self.ids.len().max(1) as u64) as usize;
        self.ids.get(nth).copied()
    }

    fn is_ending(&mut self) -> bool {
        self.calls_left = self.calls_left.saturating_sub(1);
        self.calls_left == 0
    }

    pub(crate) fn spec(&mut self) -> Spec<Wild> {
        let kind = self.draw(16);
        let spec = match (kind, self.any()) {
            (0, _) => Spec::sequence("sequence"),
            (1, _) => Spec::parallel("parallel"),
            (2, _) => Spec::any("any"),
            (3, _) => Spec::quorum("quorum", 2),
            (4, _) => Spec::race("race"),
            (5, _) => Spec::batch("batch", Wild).item_nodes(2),
            (6, _) => Spec::when("when", Wild).poll_every(Duration::from_millis(5)),
            (7, _) => Spec::callback("callback", Wild),
            (8 | 14 | 15, _) => Spec::graph("graph"),
            (9, Some(awaited)) => Spec::after("after", awaited),
            (10, Some(awaited)) => Spec::after_success("after success", awaited),
            _ => Spec::work("work", Wild),
        };
        let spec = match self.draw(4) {
            0 => spec.retry(Retry::times(2).constant(Duration::from_millis(3))),
            1 => spec.retry(Retry::ONCE.jitter(Jitter::Full).within(Duration::from_secs(2))),
            _ => spec,
        };
        let shape = spec.kind();
        let wide = matches!(
            shape,
            Kind::Work | Kind::Parallel | Kind::Quorum | Kind::Race | Kind::Batch | Kind::Graph
        );
        let forgiving = !matches!(shape, Kind::Work | Kind::Callback | Kind::Quorum | Kind::Race);
        let spec = match self.draw(8) {
            0 if wide => spec.concurrency(1),
            1 if wide => spec.concurrency(2),
            2 if forgiving => spec.on_failure(OnFailure::Ignore),
            3 if forgiving => spec.on_failure(OnFailure::Finish),
            4 => spec.timeout(Duration::from_millis(4)),
            _ => spec,
        };
        match self.draw(12) {
            0 => spec.cleanup_timeout(Duration::from_millis(2)),
            // Of use at the top alone; below, it is refused.
            1 if self.draw(4) == 0 => spec.detached(),
            2 => spec.paused(),
            _ => spec,
        }
    }
}

/// Such a work.
pub(crate) struct Wild;

/// What it says when it panics.
pub(crate) const AS_TOLD: &str = "as told";

type Context<'a> = Cx<'a, Wild, World>;

impl Wild {
    fn meddle(cx: &mut Context<'_>) {
        let spec = cx.app().spec();
        let (Some(id), choice) = (cx.app().any(), cx.app().draw(24)) else { return };
        match choice {
            0..4 => {
                if let Ok(id) = cx.add_child(spec) {
                    cx.app().ids.push(id);
                }
            }
            4..6 => {
                if let Ok(id) = cx.add_below(id, spec) {
                    cx.app().ids.push(id);
                }
            }
            6 => {
                if let Some(other) = cx.app().any() {
                    let _ = cx.depend(id, other);
                }
            }
            7 => drop(cx.wake(id)),
            8 => drop(cx.abort(id)),
            9 => drop(cx.pause(id)),
            10 | 11 => drop(cx.resume(id)),
            12 => drop(cx.restart(id)),
            13 => cx.app().under_way.push(id),
            14 => {
                let own = cx.id();
                let _ = cx.wake(own);
            }
            15 if cx.app().draw(8) == 0 => {
                let own = cx.id();
                let _ = cx.abort(own);
            }
            16 if cx.app().panics && cx.app().draw(8) == 0 => std::panic::panic_any(AS_TOLD),
            _ => {}
        }
    }
}

impl Work<Self, World> for Wild {
    fn on_run(&mut self, cx: &mut Context<'_>) -> Outcome {
        let failure = Reason::new("wild");
        if cx.app().is_ending() {
            return if cx.app().draw(2) == 0 { Outcome::Success } else { Outcome::Fatal(failure) };
        }
        Self::meddle(cx);
        let id = cx.id();
        match cx.app().draw(12) {
            0..3 => Outcome::Running,
            3 | 4 => {
                cx.app().under_way.push(id);
                Outcome::Waiting
            }
            5 => Outcome::WaitFor(Duration::from_millis(cx.app().draw(5))),
            6 => Outcome::Failure(failure),
            7 => Outcome::Fatal(failure),
            8 => Outcome::RetryAfter(Duration::from_millis(1), failure),
            9 | 10 => cx.children().outcome(),
            _ => Outcome::Success,
        }
    }

    fn on_abort(&mut self, cx: &mut Context<'_>) -> AbortStep {
        if cx.app().is_ending() {
            return AbortStep::Done;
        }
        Self::meddle(cx);
        match cx.app().draw(6) {
            0 => AbortStep::Running,
            1 => AbortStep::Waiting,
            2 => AbortStep::WaitFor(Duration::from_millis(1)),
            _ => AbortStep::Done,
        }
    }

    fn on_reset(&mut self, cx: &mut Context<'_>) {
        Self::meddle(cx);
    }

    fn on_success(&mut self, cx: &mut Context<'_>) {
        Self::meddle(cx);
    }

    fn on_failure_retry(&mut self, cx: &mut Context<'_>) {
        Self::meddle(cx);
    }

    fn on_failure_raise(&mut self, cx: &mut Context<'_>) {
        Self::meddle(cx);
    }

    fn rewinds(&self) -> bool {
        true
    }

    fn on_next(&mut self, cx: &mut Context<'_>) -> Generated {
        let spec = cx.app().spec();
        if cx.app().is_ending() || cx.app().draw(4) == 0 {
            return Generated::Exhausted;
        }
        if let Ok(id) = cx.add_child(spec) {
            cx.app().ids.push(id);
        }
        Generated::Added
    }

    fn on_check(&mut self, cx: &mut Context<'_>) -> Check {
        if cx.app().is_ending() {
            return Check::Yes;
        }
        Self::meddle(cx);
        match cx.app().draw(8) {
            0..3 => Check::No,
            3 => Check::Fail(Reason::new("wild check")),
            _ => Check::Yes,
        }
    }
}

/// How many seeds are tried; `WINDLASS_PROGRAMS` says otherwise.
pub(crate) fn seeds(usual: u64) -> u64 {
    std::env::var("WINDLASS_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

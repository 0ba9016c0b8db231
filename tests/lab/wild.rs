//! Works that answer anything and do anything to the tree, in every seed's order and with every disturbance: whatever happens, all oracles hold.

use std::time::Duration;

use windlass::lab::{self, Disturb, Lab, Outside};
use windlass::{
    Abort, Check, Cx, Instant, Jitter, Kind, NodeId, OnFailure, Outcome, Reason, Retry, Spec, Work, Yield,
};

/// Calls after which works only end, so that every run does.
const CALLS: u32 = 300;

/// The application: chance, and every id that was ever given out.
#[derive(Default)]
struct World {
    seed: u64,
    ids: Vec<NodeId>,
    calls: u32,
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
    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn any(&mut self) -> Option<NodeId> {
        let nth = self.draw(self.ids.len().max(1) as u64) as usize;
        self.ids.get(nth).copied()
    }

    fn is_ending(&mut self) -> bool {
        self.calls += 1;
        self.calls > CALLS
    }

    fn spec(&mut self) -> Spec<Wild> {
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
        let spec = match self.draw(8) {
            0 => spec.width(1),
            1 => spec.width(2),
            2 => spec.on_failure(OnFailure::Ignore),
            3 => spec.on_failure(OnFailure::Finish),
            4 => spec.timeout(Duration::from_millis(4)),
            _ => spec,
        };
        match self.draw(12) {
            0 => spec.drain(Duration::from_millis(2)),
            1 => spec.detached(),
            _ => spec,
        }
    }
}

struct Wild;

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
                if let Ok(id) = cx.add(id, spec) {
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
            _ => {}
        }
    }
}

impl Work<World> for Wild {
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
            5 => Outcome::Sleep(Duration::from_millis(cx.app().draw(5))),
            6 => Outcome::Failure(failure),
            7 => Outcome::Fatal(failure),
            8 => Outcome::RetryAfter(Duration::from_millis(1), failure),
            9 | 10 => cx.children().outcome(),
            _ => Outcome::Success,
        }
    }

    fn on_abort(&mut self, cx: &mut Context<'_>) -> Abort {
        if cx.app().is_ending() {
            return Abort::Done;
        }
        Self::meddle(cx);
        match cx.app().draw(6) {
            0 => Abort::Again,
            1 => Abort::Wake,
            2 => Abort::Sleep(Duration::from_millis(1)),
            _ => Abort::Done,
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

    fn on_next(&mut self, cx: &mut Context<'_>) -> Yield {
        let spec = cx.app().spec();
        if cx.app().is_ending() || cx.app().draw(4) == 0 {
            return Yield::Exhausted;
        }
        if let Ok(id) = cx.add_child(spec) {
            cx.app().ids.push(id);
        }
        Yield::Added
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

/// A forest drawn by `seed`; more is added while it runs, and at last everything is shut down.
fn forest(seed: u64) -> impl Fn(&mut Lab<Wild, World>) {
    move |lab| {
        lab.set_capacity(8 + seed as usize % 40);
        lab.allow_stall();
        lab.app_mut().seed = seed;
        for _ in 0..20 {
            plant(lab);
        }
        for label in ["first", "second", "third"] {
            lab.offer(label, plant);
        }
        lab.offer("shut down", |lab| {
            let hurried = lab.app_mut().draw(2) == 0;
            lab.shutdown(if hurried { lab.now() + Duration::from_millis(20) } else { Instant::MAX });
        });
    }
}

fn plant(lab: &mut Lab<Wild, World>) {
    let spec = lab.app_mut().spec();
    let below = lab.app_mut().any();
    let at_top = lab.app_mut().draw(3) == 0;
    let added = match below {
        Some(parent) if !at_top => lab.add_child(parent, spec),
        _ => lab.add(spec),
    };
    if let Ok(id) = added {
        lab.app_mut().ids.push(id);
    }
    // Whatever is in a graph may depend on each other.
    for _ in 0..2 {
        let members =
            lab.view().nodes().filter(|node| node.parent().is_some_and(|up| up.kind() == Kind::Graph));
        let members: Vec<NodeId> = members.map(|node| node.id()).collect();
        let mut any = || members.get(lab.app_mut().draw(members.len().max(1) as u64) as usize).copied();
        if let (Some(node), Some(dependency)) = (any(), any()) {
            let _ = lab.depend(node, dependency);
        }
    }
}

#[test]
fn whatever_works_do_every_oracle_holds() {
    let mut steps = 0;
    for seed in 0..forests() {
        steps += lab::run(forest(seed)).unwrap().steps;
    }
    assert!(steps > 20 * forests() as usize, "the forests are not worth the name: {steps} steps");
}

#[test]
fn whatever_is_disturbed_every_oracle_holds() {
    let mut disturbed = 0;
    for seed in 0..forests() {
        disturbed += lab::every_seed(seed..seed + 3, Disturb::EVERYTHING, forest(seed)).unwrap().disturbed;
    }
    assert!(disturbed as u64 > 2 * forests(), "{disturbed} runs were disturbed");
}

/// How many; more by `WINDLASS_PROGRAMS`.
fn forests() -> u64 {
    std::env::var("WINDLASS_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}

//! Random programs against the invariants: works that answer anything and do anything to the tree, from inside and from outside.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;

use crate::{
    Abort, Boxed, Check, Cx, Instant, Jitter, Next, NodeId, OnFailure, Outcome, Reason, Retry, Scheduler,
    Spec, Status, Work, Yield,
};

struct World {
    seed: u64,
    ids: Vec<NodeId>,
    /// From here on works only end, so that everything can.
    ending: bool,
    panics: bool,
}

impl World {
    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn any(&mut self) -> Option<NodeId> {
        if self.ids.is_empty() {
            return None;
        }
        let at = self.draw(self.ids.len() as u64) as usize;
        self.ids.get(at).copied()
    }

    fn spec(&mut self) -> Spec<Wild> {
        let awaited = self.any();
        let spec = match self.draw(14) {
            0 => Spec::sequence("sequence"),
            1 => Spec::parallel("parallel"),
            2 => Spec::any("any"),
            3 => Spec::quorum("quorum", 2),
            4 => Spec::race("race"),
            5 => Spec::batch("batch", Wild).item_nodes(2),
            6 => Spec::when("when", Wild).poll_every(Duration::from_millis(5)),
            7 => Spec::callback("callback", Wild),
            8 => Spec::graph("graph"),
            9 if awaited.is_some() => awaited.map_or(Spec::graph("graph"), |id| Spec::after("after", id)),
            10 if awaited.is_some() => {
                awaited.map_or(Spec::graph("graph"), |id| Spec::after_success("success", id))
            }
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
            1 => spec.paused(),
            2 => spec.detached(),
            _ => spec,
        }
    }
}

struct Wild;

impl Wild {
    fn meddle(cx: &mut Cx<'_, Self, World>) {
        let spec = cx.app().spec();
        let (Some(id), choice) = (cx.app().any(), cx.app().draw(24)) else { return };
        match choice {
            0..3 => {
                if let Ok(id) = cx.add_child(spec) {
                    cx.app().ids.push(id);
                }
            }
            3..5 => {
                if let Ok(id) = cx.add(id, spec) {
                    cx.app().ids.push(id);
                }
            }
            5 => {
                if let Some(other) = cx.app().any() {
                    let _ = cx.depend(id, other);
                }
            }
            6 => drop(cx.wake(id)),
            7 => drop(cx.abort(id)),
            8 => drop(cx.pause(id)),
            9 | 10 => drop(cx.resume(id)),
            11 => drop(cx.restart(id)),
            12 => {
                let own = cx.id();
                let _ = cx.wake(own);
            }
            13 if cx.app().draw(8) == 0 => {
                let own = cx.id();
                let _ = cx.abort(own);
            }
            14 if cx.app().panics && cx.app().draw(8) == 0 => panic!("as told"),
            _ => {}
        }
    }
}

impl Work<World> for Wild {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, World>) -> Outcome {
        let failure = Reason::new("wild");
        if cx.app().ending {
            return if cx.app().draw(2) == 0 { Outcome::Success } else { Outcome::Fatal(failure) };
        }
        Self::meddle(cx);
        match cx.app().draw(12) {
            0..3 => Outcome::Running,
            3 | 4 => Outcome::Waiting,
            5 => Outcome::Sleep(Duration::from_millis(cx.app().draw(5))),
            6 => Outcome::Failure(failure),
            7 if cx.app().draw(2) == 0 => Outcome::Fatal(failure),
            8 => Outcome::RetryAfter(Duration::from_millis(1), failure),
            9 | 10 => cx.children().outcome(),
            _ => Outcome::Success,
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self, World>) -> Abort {
        if cx.app().ending {
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

    fn on_reset(&mut self, cx: &mut Cx<'_, Self, World>) {
        Self::meddle(cx);
    }

    fn on_success(&mut self, cx: &mut Cx<'_, Self, World>) {
        Self::meddle(cx);
    }

    fn on_failure_retry(&mut self, cx: &mut Cx<'_, Self, World>) {
        Self::meddle(cx);
    }

    fn on_failure_raise(&mut self, cx: &mut Cx<'_, Self, World>) {
        Self::meddle(cx);
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self, World>) -> Yield {
        let spec = cx.app().spec();
        if cx.app().ending || cx.app().draw(4) == 0 {
            return Yield::Exhausted;
        }
        if let Ok(id) = cx.add_child(spec) {
            cx.app().ids.push(id);
        }
        Yield::Added
    }

    fn on_check(&mut self, cx: &mut Cx<'_, Self, World>) -> Check {
        Self::meddle(cx);
        match cx.app().draw(8) {
            _ if cx.app().ending => Check::Yes,
            0..3 => Check::No,
            3 => Check::Fail(Reason::new("wild check")),
            _ => Check::Yes,
        }
    }
}

/// Names the seed of a program that fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!("program {} failed", self.0);
        }
    }
}

/// How many programs; more by `WINDLASS_PROGRAMS`.
fn seeds() -> u64 {
    std::env::var("WINDLASS_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000)
}

fn program(seed: u64, capacity: usize, panics: bool) {
    let _named = Named(seed);
    let mut world = World { seed, ids: Vec::new(), ending: false, panics };
    let mut s: Scheduler<Wild, Boxed<Wild>> = Scheduler::with_capacity(capacity);
    let mut now = Instant::ZERO;
    let poll = |s: &mut Scheduler<Wild, Boxed<Wild>>, world: &mut World, now: Instant, one: bool| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if one { s.crank_with(now, world) } else { s.poll_work_with(now, world) }
        }));
        match polled {
            Ok(next) => {
                s.check_invariants().expect("sound");
                Some(next)
            }
            Err(payload) => {
                // Only the panics that were asked for.
                assert_eq!(payload.downcast_ref::<&str>().copied(), Some("as told"), "seed {seed}");
                None
            }
        }
    };
    for _ in 0..120 {
        match world.draw(12) {
            0..3 => {
                let spec = world.spec();
                if let Ok(id) = s.add(spec) {
                    world.ids.push(id);
                }
            }
            3..5 => {
                let spec = world.spec();
                if let Some(Ok(id)) = world.any().map(|parent| s.add_child(parent, spec)) {
                    world.ids.push(id);
                }
            }
            5 => {
                if let (Some(a), Some(b)) = (world.any(), world.any()) {
                    let _ = s.depend(a, b);
                }
            }
            6 => {
                if let Some(id) = world.any() {
                    let _ = match world.draw(8) {
                        0 => s.abort_by(id, now + Duration::from_millis(world.draw(4))),
                        1 => s.abort(id),
                        2 => s.pause(id),
                        3 | 4 => s.resume(id),
                        5 => s.restart(id),
                        6 => s.remove(id).map(drop),
                        _ => s.wake(id),
                    };
                }
            }
            7 => now = now + Duration::from_millis(world.draw(6)),
            _ => {}
        }
        s.check_invariants().expect("sound");
        let one = world.draw(2) == 0;
        poll(&mut s, &mut world, now, one);
    }

    // Everything can end, and does, within a bounded number of polls.
    world.ending = true;
    world.panics = false;
    let deadline = if seed.is_multiple_of(2) { Instant::MAX } else { now + Duration::from_millis(20) };
    s.shutdown(deadline);
    s.check_invariants().expect("sound");
    for step in 0.. {
        assert!(step < 10_000, "seed {seed} does not end:\n{}", s.tree());
        match poll(&mut s, &mut world, now, false) {
            Some(Next::Done) => break,
            Some(Next::At(at)) => now = now.max(at),
            Some(Next::Now) | None => {}
            Some(Next::OnWake) => {
                // Only works that said so wait to be woken.
                let stalled: Vec<NodeId> = s.view().stalled().map(|node| node.id()).collect();
                assert!(!stalled.is_empty(), "seed {seed} waits for nothing:\n{}", s.tree());
                stalled.into_iter().for_each(|id| assert!(s.wake(id).is_ok()));
            }
        }
    }
    assert!(now <= deadline);
    let tops: Vec<NodeId> = s.nodes().filter(|node| node.depth() == 0).map(|node| node.id()).collect();
    for id in tops {
        assert!(s.status(id).is_ok_and(Status::is_done));
        assert!(s.remove(id).is_ok());
        s.check_invariants().expect("sound");
    }
    assert_eq!(s.metrics().nodes, 0);
}

#[test]
fn random_programs_keep_the_invariants() {
    for seed in 0..seeds() {
        program(seed, 3 + seed as usize % 40, false);
    }
}

#[test]
fn random_programs_with_panics_keep_the_invariants() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(std::boxed::Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"as told") {
            hook(info);
        }
    }));
    for seed in 0..seeds() {
        program(seed, 3 + seed as usize % 40, true);
    }
}

//! Random programs against the invariants of the tables: wild works from inside, and whatever a scheduler can be asked for from outside, between any two
//! polls of any length. Here panics come from anywhere in user code, and what is left is driven on as an adapter would.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use windlass::{Boxed, Instant, Next, NodeId, Scheduler, Status};

use crate::wild::{AS_TOLD, Wild, World, seeds};

/// Names the seed of a program that fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("program {} failed", self.0);
        }
    }
}

fn program(seed: u64, capacity: usize, panics: bool) {
    let _named = Named(seed);
    let mut world = World::new(seed, u32::MAX);
    world.panics = panics;
    let mut s: Scheduler<Boxed<Wild>> = Scheduler::with_capacity(capacity);
    let mut now = Instant::ZERO;
    let poll = |s: &mut Scheduler<Boxed<Wild>>, world: &mut World, now: Instant, one: bool| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if one { s.crank_with(now, world) } else { s.poll_work_with(now, world) }
        }));
        match polled {
            Ok(next) => {
                s.check_invariants().unwrap();
                Some(next)
            }
            Err(payload) => {
                // Only the panics that were asked for.
                assert_eq!(payload.downcast_ref::<&str>().copied(), Some(AS_TOLD), "seed {seed}");
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
                if let Some(Ok(id)) = world.any().map(|parent| s.add_below(parent, spec)) {
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
        s.check_invariants().unwrap();
        let one = world.draw(2) == 0;
        poll(&mut s, &mut world, now, one);
    }

    // Everything can end, and does, within a bounded number of polls.
    world.calls_left = 0;
    world.panics = false;
    let deadline = if seed.is_multiple_of(2) { Instant::MAX } else { now + Duration::from_millis(20) };
    s.shutdown(deadline);
    s.check_invariants().unwrap();
    for step in 0.. {
        assert!(step < 10_000, "seed {seed} does not end:\n{}", s.tree(s.view().now()));
        match poll(&mut s, &mut world, now, false) {
            Some(Next::Done) => break,
            Some(Next::At(at)) => now = now.max(at),
            Some(Next::Now) | None => {}
            Some(Next::OnWake) => {
                // Only works that said so wait to be woken.
                let stalled: Vec<NodeId> = s.view().stalled().map(|node| node.id()).collect();
                assert!(!stalled.is_empty(), "seed {seed} waits for nothing:\n{}", s.tree(s.view().now()));
                stalled.into_iter().for_each(|id| assert!(s.wake(id).is_ok()));
            }
        }
    }
    assert!(now <= deadline);
    let tops: Vec<NodeId> = s.nodes().filter(|node| node.depth() == 0).map(|node| node.id()).collect();
    for id in tops {
        assert!(s.status(id).is_ok_and(Status::is_done));
        assert!(s.remove(id).is_ok());
        s.check_invariants().unwrap();
    }
    assert_eq!(s.metrics().nodes, 0);
}

#[test]
fn random_programs_keep_the_invariants() {
    for seed in 0..seeds(2_000) {
        program(seed, 3 + seed as usize % 40, false);
    }
}

#[test]
fn random_programs_with_panics_keep_the_invariants() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&AS_TOLD) {
            hook(info);
        }
    }));
    for seed in 0..seeds(2_000) {
        program(seed, 3 + seed as usize % 40, true);
    }
}

//! A program with everything in it, whose events do not depend on how it is polled. Its trace is among the golden ones.

use windlass::{AbortStep, Check, Instant, Next, NodeId, Outcome, Reason, Retry, Spec};
use windlass_tests::{Rig, Script, parent, secs};

/// A release of a small program, with everything that can happen to it. The shutdown comes from outside at 40 s.
pub(super) fn release(rig: &mut Rig) -> [NodeId; 3] {
    let release = rig.add(Spec::sequence("release").retry(Retry::ONCE));
    let build = rig.add_below(release, Spec::graph("build").concurrency(2));
    let fetch = rig.add_below(
        build,
        Script::lines(&[
            Outcome::WaitFor(secs(2)),
            Outcome::RetryAfter(secs(3), Reason::new("busy").with_code(503)),
            Outcome::Success,
        ])
        .spec("fetch")
        .retry(Retry::A_FEW),
    );
    let compile = rig.s.add_after(build, Script::steps(3).spec("compile"), &[fetch]).unwrap();
    rig.s.add_after(build, Script::steps(1).spec("document"), &[fetch]).unwrap();
    let test = rig.s.add_after(build, parent("test").timeout(secs(10)), &[compile]).unwrap();
    for name in ["unit", "system"] {
        rig.add_below(test, Script::steps(2).spec(name));
    }
    let mirror = rig.add_below(release, Spec::any("mirror"));
    rig.add_below(
        mirror,
        Script::lines(&[Outcome::WaitFor(secs(1)), Outcome::Fatal(Reason::new("no route"))]).spec("north"),
    );
    rig.add_below(mirror, Script::lines(&[Outcome::WaitFor(secs(2)), Outcome::Success]).spec("south"));
    rig.add_below(mirror, Script::says(Outcome::Waiting).aborts(&[AbortStep::WaitFor(secs(1))]).spec("west"));
    let announce = rig.add(Spec::after_success("announce", release));
    rig.add_below(
        announce,
        Script::says(Outcome::Waiting)
            .aborts(&[AbortStep::Running])
            .spec("mail")
            .retry(Retry::ONCE)
            .timeout(secs(20)),
    );
    let mut asked = 0;
    let watch = rig.add(
        Script::asks(move |_| {
            asked += 1;
            Check::from(asked == 3)
        })
        .gate("watch")
        .poll_every(secs(4)),
    );
    rig.add_below(
        watch,
        Script::says(Outcome::Waiting)
            .on_abort(|_| AbortStep::Waiting)
            .spec("alarm")
            .cleanup_timeout(secs(5)),
    );
    [release, announce, watch]
}

/// The same program with the same seed makes the same events, crank by crank or in polls of any budget.
#[test]
fn the_same_inputs_make_the_same_events() {
    let run = |budget: Option<u32>| {
        let mut rig = Rig::new(32);
        release(&mut rig);
        let mut now = Instant::ZERO;
        for _ in 0..1_000 {
            let next = match budget {
                None => rig.s.crank_with(now, &mut rig.world),
                Some(budget) => {
                    rig.s.set_budget(std::num::NonZeroU32::new(budget).unwrap());
                    rig.s.poll_work_with(now, &mut rig.world)
                }
            };
            match next {
                Next::Now => {}
                Next::At(at) => now = at,
                Next::OnWake | Next::Done => break,
            }
        }
        assert_ne!(rig.s.next(), Next::Now);
        let observer = rig.s.observer();
        observer.events.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let first = run(None);
    assert!(first.len() > 80);
    for budget in [None, Some(1), Some(2), Some(1_000)] {
        assert_eq!(run(budget), first);
    }
}

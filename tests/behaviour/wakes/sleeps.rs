//! Waits and sleeps: what ends them, and that no wake is lost. A timer cannot outlive its reason, because a sleep is an answer and not an object.

use std::time::Duration;

use windlass::{Instant, Next, Outcome, Retry, Spec, State, Status};
use windlass_tests::{Rig, STEP, Script, WRONG, leaf, millis, secs};

/// A wake that has not been drained when its node is freed does not reach the slot's next tenant.
#[test]
fn a_wake_goes_with_its_node() {
    let mut rig = Rig::new(2);
    let mut turn = 0;
    rig.add(
        Script::new(move |cx| {
            turn += 1;
            let spec = match turn {
                // Raises its own wake in the crank in which it ends; the poll has drained the set before.
                1 => Script::new(|cx| {
                    cx.own_wake_handle().unwrap().wake();
                    Outcome::Success
                })
                .spec("first"),
                2 => return Outcome::Running,
                3 => Script::says(Outcome::Waiting).spec("second"),
                _ => return Outcome::Waiting,
            };
            assert_eq!(cx.add_child(spec).unwrap().index(), 1);
            Outcome::Running
        })
        .spec("parent"),
    );
    // All of that in one poll; the next one drains.
    let _ = rig.s.poll_work_with(Instant::ZERO, &mut rig.world);
    assert_eq!((rig.s.metrics().nodes, rig.world.of("second").runs), (2, 1));
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.world.of("second").runs, 1);
}

/// "BasicWork test", section "work waiting".
#[test]
fn a_sleep_is_woken_once_and_nobody_polls_it() {
    let mut rig = Rig::new(4);
    let work = rig.add(leaf().sleeps(STEP).spec("sleeper"));
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("sleeper", 3);
    assert_eq!(rig.state(work), State::Success);
    let c = rig.world.of("sleeper");
    assert_eq!(c.waits, c.wakes);
    assert_eq!(c.waits, 3 - 1);
    assert_eq!(rig.s.metrics().wakes, 2);
    assert_eq!(rig.s.metrics().expired, 2);
    // No crank but the three runs: nobody polls a sleeper.
    assert_eq!(rig.cranks(), 3);
    assert_eq!(rig.elapsed(), STEP * 5);
}

/// "BasicWork test", section "new work wakes up scheduler".
#[test]
fn a_new_work_wakes_the_scheduler() {
    let mut rig = Rig::new(4);
    assert_eq!(rig.s.next(), Next::Done, "nothing to do in an empty scheduler");
    rig.run_until_idle();
    rig.add(leaf().spec("one"));
    assert_eq!(rig.s.next(), Next::Now);
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("one", 3);

    // The same beside a node that waits, which is not disturbed.
    rig.add(Script::steps(2).takes_time().sleeps(Duration::from_secs(60)).spec("sleeper"));
    rig.run_until_idle();
    assert!(matches!(rig.s.next(), Next::At(_)));
    rig.add(leaf().spec("two"));
    assert_eq!(rig.s.next(), Next::Now);
    rig.run_until_idle();
    rig.assert_full_success("two", 3);
    assert_eq!(rig.world.of("sleeper").runs, 1);
}

/// Arming twice: the later sleep counts, whether it is shorter or longer. In the reference the second is ignored with a warning.
#[test]
fn a_new_sleep_replaces_the_old_one() {
    for (first, second) in [(9, 2), (2, 9)] {
        let mut rig = Rig::new(1);
        let script = [Outcome::WaitFor(secs(first)), Outcome::WaitFor(secs(second)), Outcome::Success];
        let a = rig.add(Script::lines(&script).spec("a"));
        rig.step();
        rig.s.wake(a).unwrap();
        rig.step();
        assert_eq!(rig.node(a).deadline(), Some(Instant::ZERO + secs(second)));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.elapsed(), rig.s.metrics().expired), (secs(second), 1));
    }
}

/// A timer whose node was woken earlier never fires: not while it runs, not while it waits for something else, not after its end.
#[test]
fn a_stale_timer_does_not_fire() {
    let mut rig = Rig::new(1);
    let script = [Outcome::WaitFor(secs(1)), Outcome::Running, Outcome::Waiting, Outcome::Success];
    let a = rig.add(Script::lines(&script).spec("a"));
    rig.step();
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::OnWake, "the wait is not ended by the old timer");
    assert_eq!((rig.world.of("a").runs, rig.elapsed()), (3, Duration::ZERO));
    assert_eq!(rig.s.poll_work_with(Instant::from_secs(5), &mut rig.world), Next::OnWake);
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.s.metrics().expired, 0);
}

/// A sleep does not reach into a retry delay: sleep, be woken, fail; the delay lasts its whole time.
#[test]
fn a_sleep_does_not_shorten_a_retry_delay() {
    let mut rig = Rig::new(1);
    let retry = Retry::ONCE.constant(secs(60));
    let a = rig.add(
        Script::lines(&[Outcome::WaitFor(secs(1)), Outcome::Failure(WRONG), Outcome::Success])
            .spec("a")
            .retry(retry),
    );
    rig.step();
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.elapsed(), rig.state(a)), (secs(60), State::Success));
}

/// Every sleep ends, also one begun in the run that the one before woke.
#[test]
fn every_sleep_ends() {
    let mut rig = Rig::new(1);
    let script: Vec<_> = (1..=10).map(|n| Outcome::WaitFor(secs(n))).chain([Outcome::Success]).collect();
    rig.add(Script::lines(&script).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.elapsed(), rig.world.of("a").runs), (secs(55), 11));
}

/// A wake that comes while the work runs is not lost: the wait that it returns is not begun.
#[test]
fn a_wake_during_the_run_counts() {
    for outcome in [Outcome::Waiting, Outcome::WaitFor(secs(9))] {
        let mut rig = Rig::new(1);
        let mut runs = 0;
        let act = Script::new(move |cx| {
            runs += 1;
            if runs == 2 {
                return Outcome::Success;
            }
            let own = cx.id();
            cx.wake(own).unwrap();
            outcome
        });
        rig.add(act.spec("a"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.elapsed(), rig.world.of("a").runs), (Duration::ZERO, 2));
    }
}

/// The same through a wake handle, as an interrupt would use it; it counts once.
#[test]
fn a_wake_from_outside_during_the_run_counts() {
    let mut rig = Rig::new(1);
    let mut runs = 0;
    let act = Script::new(move |cx| {
        runs += 1;
        if runs == 1 {
            let handle = cx.own_wake_handle().unwrap();
            handle.wake();
            handle.wake();
        }
        Outcome::Waiting
    });
    rig.add(act.spec("a"));
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!((rig.world.of("a").runs, rig.s.metrics().wakes), (2, 1));
}

/// A wake of a node that is not waiting changes nothing.
#[test]
fn a_wake_of_a_node_that_does_not_wait_changes_nothing() {
    let mut rig = Rig::new(2);
    let a = rig.add(Script::steps(2).spec("a"));
    rig.s.wake(a).unwrap();
    assert_eq!(rig.state(a), State::Pending);
    rig.step();
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    rig.s.wake(a).unwrap();
    assert_eq!((rig.s.next(), rig.state(a)), (Next::Done, State::Success));
    assert_eq!((rig.s.metrics().wakes, rig.s.metrics().cranks), (0, 2));
}

/// A sleep of no time is a turn in the next poll; one without end is a wait.
#[test]
fn a_sleep_may_be_nothing_or_without_end() {
    let mut rig = Rig::new(2);
    let a = rig.add(
        Script::lines(&[Outcome::WaitFor(Duration::ZERO), Outcome::WaitFor(Duration::MAX), Outcome::Success])
            .spec("a"),
    );
    rig.step();
    assert_eq!((rig.state(a), rig.s.next()), (State::Waiting, Next::Now));
    rig.step();
    assert_eq!((rig.state(a), rig.s.next()), (State::Waiting, Next::OnWake));
    assert_eq!(rig.node(a).deadline(), None);
    assert!(rig.node(a).is_stalled());
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
}

/// Equal deadlines expire in the order they were armed.
#[test]
fn equal_deadlines_expire_in_order() {
    let mut rig = Rig::new(8);
    let script = [Outcome::WaitFor(secs(1)), Outcome::Success];
    for name in ["c", "a", "b"] {
        rig.add(Script::lines(&script).spec(name));
    }
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["c", "a", "b", "c", "a", "b"]);
}

/// A wake of one's own counts for the crank in which it is made: whoever says that there is more to do has used it up.
#[test]
fn a_wake_of_ones_own_does_not_outlive_its_crank() {
    let mut rig = Rig::new(1);
    let mut first = true;
    rig.add(
        Script::new(move |cx| {
            if std::mem::take(&mut first) {
                cx.wake(cx.id()).unwrap();
                return Outcome::Running;
            }
            Outcome::Waiting
        })
        .spec("a"),
    );
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.world.of("a").runs, 2);
}

/// A sleep ends when its time has come, and by no wake: not by a call, not by a handle, not by a child.
#[test]
fn no_wake_ends_a_sleep() {
    let mut rig = Rig::new(8);
    rig.s.set_wakes(windlass::WakeSet::leaked(8, None));
    let sleeper = rig.add(Script::lines(&[Outcome::Sleep(secs(10)), Outcome::Success]).spec("sleeper"));
    let child = rig.add_below(sleeper, Script::steps(1).spec("child"));
    rig.run_until(|rig| rig.state(child).is_done());
    rig.s.wake(sleeper).unwrap();
    rig.s.wake_handle(sleeper).unwrap().wake();
    rig.add_below(sleeper, Script::steps(1).spec("late"));
    assert_eq!(rig.node(sleeper).explain(rig.now()).to_string(), "1 of 2 children done");
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.elapsed(), secs(10));
}

/// A sleep is ended by the timeout of the attempt, and by an abort.
#[test]
fn a_timeout_and_an_abort_end_a_sleep() {
    let mut rig = Rig::new(8);
    let late = rig.add(Script::says(Outcome::Sleep(secs(10))).spec("late").timeout(secs(2)));
    let aborted = rig.add(Script::says(Outcome::Sleep(secs(10))).spec("aborted"));
    rig.run_until_idle();
    assert_eq!(rig.node(late).explain(rig.now()).to_string(), "asleep, times out in 2 s");
    assert_eq!(rig.node(aborted).explain(rig.now()).to_string(), "asleep for 10 s");
    rig.s.abort(aborted).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(late), rig.state(aborted)), (State::Failure, State::Aborted));
    assert_eq!(rig.elapsed(), secs(2));
}

/// A sleep until an instant does not add up delays; an instant that has come is no sleep.
#[test]
fn sleeps_until_an_instant_do_not_drift() {
    let mut rig = Rig::new(2);
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let note = std::rc::Rc::clone(&seen);
    let clock = Script::new(move |cx| {
        let now = cx.now();
        note.borrow_mut().push(now);
        match note.borrow().len() {
            5 => Outcome::Success,
            // It comes late each time, and says when the next tick is.
            n => Outcome::SleepUntil(Instant::from_secs(n as u64)),
        }
    });
    let id = rig.add(clock.spec("clock"));
    let mut now = Instant::ZERO;
    while !rig.state(id).is_done() {
        match rig.s.poll_work_with(now, &mut rig.world) {
            Next::At(at) => now = at + millis(7),
            Next::Now => {}
            next => assert_eq!(next, Next::Done),
        }
    }
    let late = |n: u64| Instant::from_secs(n) + millis(7);
    assert_eq!(*seen.borrow(), [Instant::ZERO, late(1), late(2), late(3), late(4)]);
    let past =
        rig.add(Script::lines(&[Outcome::SleepUntil(Instant::from_secs(1)), Outcome::Success]).spec("past"));
    assert_eq!(rig.s.poll_work_with(now, &mut rig.world), Next::Done);
    assert_eq!(rig.state(past), State::Success);
}

/// Nothing to do is no failure: the node has succeeded, its dependents run, and it is shown as skipped.
#[test]
fn skipped_is_a_success_that_is_shown() {
    let mut rig = Rig::new(8);
    let graph = rig.add(Spec::graph("g"));
    let skipped = rig.add_below(graph, Script::says(Outcome::Skipped).spec("skipped"));
    let next = rig.s.add_after(graph, Script::steps(1).spec("next"), &[skipped]).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(
        (rig.state(graph), rig.state(skipped), rig.state(next)),
        (State::Success, State::Success, State::Success)
    );
    assert_eq!(rig.status(skipped), Status::Skipped);
    assert!(rig.tree().contains("├─ ↷ skipped: skipped\n"), "{}", rig.tree());
    rig.s.restart(graph).unwrap();
    assert_eq!(rig.status(skipped), Status::Running);
}

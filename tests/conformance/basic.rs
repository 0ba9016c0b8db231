//! Single works: stellar-core's "BasicWork test".

use std::time::Duration;

use windlass::{Cause, Instant, Next, Retry, State, Status};
use windlass_tests::{Hook, Rig, STEP, Script, WRONG, leaf};

/// "BasicWork test", section "one work".
#[test]
fn one_work() {
    let mut rig = Rig::new(4);
    let one = rig.add(leaf().spec("one"));
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("one", 3);
    assert_eq!(rig.status(one), Status::Success);
    assert_eq!(rig.cranks(), 3);
    assert_eq!(rig.elapsed(), STEP * 3);
    // Reset once for the start, and not on success.
    assert_eq!(
        rig.world.hooks_of("one"),
        [
            (Hook::Reset, State::Pending),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Success, State::Running),
        ]
    );
}

/// "BasicWork test", section "2 works round robin".
#[test]
fn two_works_take_turns() {
    let mut rig = Rig::new(4);
    rig.add(leaf().spec("1"));
    rig.add(leaf().spec("2"));
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("1", 3);
    rig.assert_full_success("2", 3);
    assert_eq!(rig.world.order(), ["1", "2", "1", "2", "1", "2"]);
}

/// "BasicWork test", section "work waiting".
#[test]
fn a_sleeping_work_is_woken_as_often_as_it_waits() {
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

/// "BasicWork test", section "work waiting - shutdown": the timer of an aborted sleeper is cancelled and wakes nobody.
#[test]
fn a_shutdown_cancels_a_sleep_without_a_wake() {
    let mut rig = Rig::new(4);
    let work = rig.add(leaf().sleeps(STEP).spec("sleeper"));
    rig.run_until(|rig| rig.state(work) == State::Waiting);
    let c = rig.world.of("sleeper");
    assert_eq!((c.waits, c.wakes), (1, 0));
    let before = rig.elapsed();
    assert!(rig.s.next_deadline().is_some());

    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.s.next_deadline(), None);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(work), State::Aborted);
    assert_eq!(rig.node(work).abort_cause(), Some(Cause::Shutdown));
    let c = rig.world.of("sleeper");
    assert_eq!((c.waits, c.wakes), (1, 0));
    assert_eq!((c.runs, c.aborts, c.resets), (1, 1, 2));
    assert_eq!((rig.s.metrics().wakes, rig.s.metrics().expired), (0, 0));
    assert_eq!(rig.elapsed(), before);
    assert_eq!(
        rig.s.observer().states("sleeper"),
        [State::Pending, State::Running, State::Waiting, State::Aborting, State::Aborted]
    );
}

/// "BasicWork test", section "new work added midway".
#[test]
fn a_work_added_midway_joins_in() {
    let mut rig = Rig::new(4);
    rig.add(leaf().spec("1"));
    rig.add(leaf().spec("2"));
    rig.step();
    rig.add(leaf().spec("3"));
    assert_eq!(rig.run(), Next::Done);
    for name in ["1", "2", "3"] {
        rig.assert_full_success(name, 3);
    }
    // It joins the pass that is going on.
    assert_eq!(rig.world.order(), ["1", "2", "3", "1", "2", "3", "1", "2", "3"]);
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

/// "BasicWork test", section "work retries and fails".
///
/// The reference takes about 1.006 s. So do we, less the length of the failing step: our delay counts from the poll in which that step was made,
/// for the engine knows no other time.
#[test]
fn a_failing_work_is_retried_and_then_fails() {
    let mut rig = Rig::new(4);
    let work = rig.add(Script::fails_at(3).takes_time().spec("failing").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(work), State::Failure);
    let c = rig.world.of("failing");
    assert_eq!((c.runs, c.successes, c.failures, c.retries), (3 * 2, 0, 1, 1));
    assert_eq!(rig.node(work).failure().map(|failure| failure.reason), Some(WRONG));
    assert_eq!(rig.elapsed() + STEP, Duration::from_millis(1_006));
    assert_eq!(
        rig.world.hooks_of("failing"),
        [
            (Hook::Reset, State::Pending),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Retry, State::Running),
            (Hook::Reset, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Run, State::Running),
            (Hook::Raise, State::Running),
            (Hook::Reset, State::Running),
        ]
    );
    assert_eq!(
        rig.s.observer().states("failing"),
        [State::Pending, State::Running, State::Retrying, State::Waiting, State::Running, State::Failure]
    );
}

/// "BasicWork test", section "work shutdown": one node is aborted again and again, and the scheduler does not mind.
#[test]
fn an_aborted_work_is_as_new_and_the_scheduler_goes_on() {
    let mut rig = Rig::new(4);
    let work = rig.add(Script::steps(100).takes_time().spec("long"));
    rig.step();
    while !rig.state(work).is_done() {
        rig.s.abort(work).unwrap();
        rig.s.abort(work).unwrap();
        rig.step();
    }
    rig.s.abort(work).unwrap();
    assert_eq!(rig.state(work), State::Aborted);
    assert_eq!(rig.node(work).abort_cause(), Some(Cause::User));
    let c = rig.world.of("long");
    assert_eq!((c.runs, c.aborts, c.resets, c.failures), (1, 1, 2, 0));
    assert_eq!(rig.world.hooks_of("long").last(), Some(&(Hook::Reset, State::Aborting)));

    // The scheduler is idle, not shut down.
    assert!(rig.is_idle());
    assert!(!rig.s.is_shut_down());
    rig.add(leaf().spec("other"));
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("other", 3);

    // The countdown is back at 100: that is how many runs a restart takes.
    rig.s.restart(work).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(work), State::Success);
    assert_eq!(rig.world.of("long").runs, 1 + 100);
}

/// The same section with the shutdown before the first run, as it happens in the reference on an idle host: there the node has been started by
/// then, and is cranked once to be aborted; here it has not, and no hook is called.
#[test]
fn a_work_aborted_before_its_first_run_is_not_called() {
    let mut rig = Rig::new(4);
    let work = rig.add(Script::steps(100).takes_time().spec("long"));
    rig.s.abort(work).unwrap();
    assert_eq!(rig.state(work), State::Aborted);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.hooks_of("long"), []);
    assert_eq!(rig.cranks(), 0);
    assert_eq!(rig.s.observer().states("long"), [State::Pending, State::Aborting, State::Aborted]);
}

//! Shutdown from outside: abort, clean-up, and force for those that take too long.

use std::time::Duration;

use windlass::{AbortStep, Instant, Outcome, Spec, State, wake_set};
use windlass_embassy::{Bell, now, run};

use crate::rig::{Diary, Rig, Script, Table};

#[test]
fn a_shutdown_reaches_sleepers_at_once_and_ends_the_run() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let job = scheduler.add(Spec::sequence("job")).unwrap();
    let nap = Outcome::WaitFor(Duration::from_secs(60));
    scheduler.add_below(job, Spec::work("nap", Script::new(&diary, vec![nap]))).unwrap();
    scheduler.add_below(job, Spec::work("never", Script::new(&diary, vec![]))).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(1_000);
    BELL.shutdown(Duration::from_secs(1));
    rig.settle();
    assert!(rig.is_over(task));
    assert_eq!(diary.take(), ["0 nap runs", "1000 nap cleans up"]);
    drop(rig);
    assert_eq!(scheduler.state(job), Ok(State::Aborted));
    assert!(scheduler.view().drain().is_clean());
}

#[test]
fn who_does_not_finish_in_time_is_ended_by_force_and_named() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    let diary = Diary::default();
    let mut scheduler = Table::new();
    scheduler.set_wakes(&WAKES);
    let script = || Script::new(&diary, vec![Outcome::Waiting]);
    scheduler.add(Spec::work("quick", script())).unwrap();
    scheduler.add(Spec::work("stubborn", script().on_abort(AbortStep::Waiting))).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(500);
    BELL.shutdown(Duration::from_millis(3));
    rig.settle();
    rig.advance(2_999);
    assert!(!rig.is_over(task));
    rig.advance(1);
    assert!(rig.is_over(task));
    drop(rig);
    let forced: Vec<_> = scheduler.view().drain().forced().map(|node| node.name()).collect();
    assert_eq!(forced, ["stubborn"]);
}

#[test]
fn of_several_requests_the_earliest_end_counts() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let script = Script::new(&diary, vec![Outcome::Waiting]).on_abort(AbortStep::Waiting);
    scheduler.add(Spec::work("stubborn", script)).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    // Two before the next poll, and one after it.
    BELL.shutdown(Duration::from_micros(50));
    BELL.shutdown(Duration::from_micros(900));
    rig.settle();
    BELL.shutdown(Duration::MAX);
    rig.settle();
    rig.advance(49);
    assert!(!rig.is_over(task));
    rig.advance(1);
    assert!(rig.is_over(task));
}

#[test]
fn a_request_waits_for_the_run() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let node = scheduler.add(Spec::work("never", Script::new(&diary, vec![]))).unwrap();
    let mut rig = Rig::new();
    BELL.shutdown(Duration::ZERO);
    let task = rig.spawn(run(&mut scheduler, &BELL));
    assert!(rig.is_over(task));
    assert_eq!(BELL.take_shutdown(), None);
    drop(rig);
    assert_eq!((diary.take(), scheduler.state(node)), (vec![], Ok(State::Aborted)));
}

#[test]
fn the_drain_counts_from_the_request() {
    let bell = Bell::new();
    let mut rig = Rig::new();
    rig.advance(250);
    bell.shutdown(Duration::from_nanos(1_001));
    rig.advance(1_000);
    assert_eq!(now(), Instant::from_micros(1_250));
    assert_eq!(bell.take_shutdown(), Some(Instant::from_micros(252)));
}

#[test]
fn a_run_of_nothing_is_over_at_once() {
    let bell = Bell::default();
    let mut scheduler: Table<Script> = Table::new();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &bell));
    assert_eq!((rig.is_over(task), rig.polls(task)), (true, 1));
}

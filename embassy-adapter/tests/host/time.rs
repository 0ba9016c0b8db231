//! Sleeps, retries and time limits: at exactly their tick, and with no poll between.

use std::time::Duration;

use windlass::{Outcome, Reason, Retry, Spec, State};
use windlass_embassy::{Bell, LONGEST_SLEEP, run};

use crate::rig::{Diary, Rig, Script, Table};

const MS: u64 = 1_000;

fn sleep(micros: u64) -> Outcome {
    Outcome::WaitFor(Duration::from_micros(micros))
}

#[test]
fn a_sequence_runs_at_exactly_its_ticks() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let job = scheduler.add(Spec::sequence("job")).unwrap();
    for (name, nap) in [("one", 3), ("two", 5 * MS)] {
        scheduler.add_below(job, Spec::work(name, Script::new(&diary, vec![sleep(nap)]))).unwrap();
    }
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    assert_eq!(diary.take(), ["0 one runs"]);
    rig.advance(2);
    assert_eq!((diary.take(), rig.polls(task)), (vec![], 1), "nothing wakes the task before its time");
    rig.advance(1);
    assert_eq!(diary.take(), ["3 one runs", "3 two runs"]);
    rig.advance(5 * MS - 1);
    assert_eq!((diary.take(), rig.polls(task)), (vec![], 2));
    rig.advance(1);
    assert_eq!(diary.take(), ["5003 two runs"]);
    assert!(rig.is_over(task));
    assert_eq!(rig.polls(task), 3, "one for each deadline, and the first");
    drop(rig);
    assert_eq!(scheduler.state(job), Ok(State::Success));
}

#[test]
fn a_fraction_of_a_microsecond_makes_it_later_never_earlier() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let nap = Outcome::WaitFor(Duration::from_nanos(7_001));
    scheduler.add(Spec::work("nap", Script::new(&diary, vec![nap]))).unwrap();
    let mut rig = Rig::new();
    rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(7);
    assert_eq!(diary.take(), ["0 nap runs"]);
    rig.advance(1);
    assert_eq!(diary.take(), ["8 nap runs"]);
}

#[test]
fn retries_back_off_on_embassy_s_clock() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let failure = Outcome::Failure(Reason::new("no answer"));
    let retry = Retry::times(3).exponential(Duration::from_millis(10), 2, Duration::from_secs(1));
    let spec = Spec::work("fetch", Script::new(&diary, vec![failure; 3])).retry(retry);
    let fetch = scheduler.add(spec).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    for _ in 0..70 {
        rig.advance(MS);
    }
    assert_eq!(diary.take(), ["0 fetch runs", "10000 fetch runs", "30000 fetch runs", "70000 fetch runs"]);
    assert_eq!((rig.is_over(task), rig.polls(task)), (true, 4));
    drop(rig);
    assert_eq!(scheduler.state(fetch), Ok(State::Success));
}

#[test]
fn a_time_limit_ends_a_work_that_waits_for_ever() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let spec = Spec::work("wait", Script::new(&diary, vec![Outcome::Waiting; 9]));
    let wait = scheduler.add(spec.timeout(Duration::from_millis(2))).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(2 * MS - 1);
    assert!(!rig.is_over(task));
    rig.advance(1);
    assert!(rig.is_over(task));
    drop(rig);
    assert_eq!(scheduler.node(wait).unwrap().failure().unwrap().reason, Reason::TIMEOUT);
}

#[test]
fn a_long_sleep_is_done_in_pieces_without_a_crank() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let hour = LONGEST_SLEEP.as_ticks();
    let nap = sleep(2 * hour + 7);
    scheduler.add(Spec::work("nap", Script::new(&diary, vec![nap]))).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    assert_eq!(diary.take(), ["0 nap runs"]);
    for (piece, polls) in [(hour - 1, 1), (1, 2), (hour - 1, 2), (1, 3), (6, 3)] {
        rig.advance(piece);
        assert_eq!((diary.take(), rig.polls(task)), (vec![], polls));
    }
    rig.advance(1);
    assert_eq!(diary.take(), [format!("{} nap runs", 2 * hour + 7)]);
    assert_eq!(rig.polls(task), 4);
}

#[test]
fn a_deadline_that_the_clock_has_passed_far_is_run_once() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    scheduler.add(Spec::work("nap", Script::new(&diary, vec![sleep(MS), sleep(MS)]))).unwrap();
    let mut rig = Rig::new();
    rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(1_000 * MS);
    assert_eq!(diary.take(), ["0 nap runs", "1000000 nap runs"]);
    rig.advance(MS);
    assert_eq!(diary.take(), ["1001000 nap runs"]);
}

#[test]
fn the_end_of_time_is_no_overflow() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let nap = Outcome::WaitFor(Duration::MAX - Duration::from_secs(1));
    scheduler.add(Spec::work("short", Script::new(&diary, vec![sleep(5)]))).unwrap();
    scheduler.add(Spec::work("long", Script::new(&diary, vec![nap]))).unwrap();
    let mut rig = Rig::new();
    rig.advance(u64::MAX - 10);
    BELL.shutdown(Duration::MAX);
    assert_eq!(BELL.take_shutdown(), Some(windlass::Instant::MAX));
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(5);
    assert_eq!(diary.take().len(), 3);
    assert!(!rig.is_over(task));
}

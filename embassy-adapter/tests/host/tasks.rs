//! Several tasks on one executor: schedulers beside each other, and others that want their turn.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use embassy_futures::yield_now;
use windlass::{Cx, Inline, Outcome, Scheduler, Spec, Work, wake_set};
use windlass_embassy::{Bell, run, run_with};

use crate::rig::{Diary, Rig, Script, Table};

#[test]
fn two_schedulers_in_two_tasks_do_not_disturb_each_other() {
    static LEFT: Bell = Bell::new();
    static RIGHT: Bell = Bell::new();
    wake_set!(static LEFT_WAKES: 8, notify = &LEFT);
    wake_set!(static RIGHT_WAKES: 8, notify = &RIGHT);
    let diary = Diary::default();
    let (mut left, mut right) = (Table::new(), Table::new());
    left.set_wakes(&LEFT_WAKES);
    right.set_wakes(&RIGHT_WAKES);
    let nap = Outcome::WaitFor(Duration::from_micros(10));
    left.add(Spec::work("left", Script::new(&diary, vec![nap, Outcome::Waiting]))).unwrap();
    let node = right.add(Spec::work("right", Script::new(&diary, vec![Outcome::Waiting, nap]))).unwrap();
    let handle = right.wake_handle(node).unwrap();
    let mut rig = Rig::new();
    let left = rig.spawn(run(&mut left, &LEFT));
    let right = rig.spawn(run(&mut right, &RIGHT));
    assert_eq!(diary.take(), ["0 left runs", "0 right runs"]);
    rig.advance(6);
    handle.wake();
    rig.settle();
    assert_eq!(diary.take(), ["6 right runs"]);
    assert_eq!((rig.polls(left), rig.polls(right)), (1, 2));
    rig.advance(4);
    assert_eq!(diary.take(), ["10 left runs"]);
    rig.advance(6);
    assert_eq!(diary.take(), ["16 right runs"]);
    assert_eq!((rig.polls(left), rig.polls(right)), (2, 3));
    assert_eq!((rig.is_over(left), rig.is_over(right)), (false, true));
    LEFT.shutdown(Duration::ZERO);
    rig.settle();
    assert!(rig.is_over(left));
}

/// Runs for ever, and counts in the application.
struct Greedy;

impl Work<Greedy, Cell<u32>> for Greedy {
    fn on_run(&mut self, cx: &mut Cx<'_, Greedy, Cell<u32>>) -> Outcome {
        let cranks = cx.app();
        cranks.set(cranks.get() + 1);
        Outcome::Running
    }
}

#[test]
fn a_work_that_never_rests_leaves_every_other_task_its_turn() {
    static BELL: Bell = Bell::new();
    let (mut cranks, turns) = (Cell::new(0), Cell::new(0));
    let mut scheduler: Scheduler<Inline<Greedy, 1>> = Scheduler::new();
    scheduler.set_budget(NonZeroU32::new(10).unwrap());
    scheduler.add(Spec::work("greedy", Greedy)).unwrap();
    let mut rig = Rig::new();
    rig.place(run_with(&mut scheduler, &BELL, &mut cranks));
    rig.place(async {
        loop {
            turns.set(turns.get() + 1);
            yield_now().await;
        }
    });
    for turn in 1..=100 {
        assert!(rig.turn());
        assert_eq!(turns.get(), turn, "one turn for the other after each poll");
    }
    drop(rig);
    assert_eq!(cranks.get(), 1_000, "and a budget of cranks for us");
}

#[test]
fn a_dropped_task_leaves_its_scheduler_as_it_was() {
    static BELL: Bell = Bell::new();
    let diary = Diary::default();
    let mut scheduler = Table::new();
    let nap = Outcome::WaitFor(Duration::from_micros(10));
    scheduler.add(Spec::work("nap", Script::new(&diary, vec![nap]))).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(3);
    rig.cancel(task);
    rig.advance(100);
    drop(rig);
    assert_eq!(diary.take(), ["0 nap runs"]);
    assert_eq!(scheduler.next(), windlass::Next::At(windlass::Instant::from_micros(10)));
}

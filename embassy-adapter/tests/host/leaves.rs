//! Works that are futures, which await Embassy's own timers and signals: with wakers of their own.

use std::pin::pin;
use std::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::Timer;
use windlass::{AsyncLeaf, Reason, Retry, Routine, Spec, State, WakeCell, wake_set};
use windlass_embassy::{Bell, now, run};

use crate::rig::{Rig, Table};

#[test]
fn a_leaf_that_awaits_a_timer_goes_on_at_its_tick() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    static CELLS: [WakeCell; 8] = WakeCell::row(&WAKES);
    let mut begins = Vec::new();
    let leaf = pin!(Routine::new(|| {
        begins.push(now().as_micros());
        async {
            Timer::after_micros(70).await;
            Timer::after_micros(7).await;
            if now().as_micros() < 1_000 { Err(Reason::new("too soon")) } else { Ok(()) }
        }
    }));
    let mut scheduler = Table::new();
    scheduler.set_wakes(&WAKES);
    let retry = Retry::ONCE.constant(Duration::from_millis(1));
    let node = scheduler.add(Spec::work("leaf", AsyncLeaf::new(leaf, &CELLS)).retry(retry)).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    for (ticks, polls) in [(69, 1), (1, 2), (6, 2), (1, 3), (999, 3), (1, 4), (69, 4), (1, 5), (6, 5)] {
        rig.advance(ticks);
        assert_eq!(rig.polls(task), polls, "at {}", now());
    }
    rig.advance(1);
    assert!(rig.is_over(task));
    drop(rig);
    assert_eq!(scheduler.state(node), Ok(State::Success));
    drop(scheduler);
    assert_eq!(begins, [0, 1_077], "each attempt began with a future of its own");
}

#[test]
fn a_leaf_that_awaits_a_signal_is_ended_by_its_time_limit_or_by_the_signal() {
    static BELL: Bell = Bell::new();
    static NEWS: Signal<CriticalSectionRawMutex, ()> = Signal::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    static CELLS: [WakeCell; 8] = WakeCell::row(&WAKES);
    let first = pin!(Routine::new(|| NEWS.wait()));
    let second = pin!(Routine::new(|| NEWS.wait()));
    let mut scheduler = Table::new();
    scheduler.set_wakes(&WAKES);
    let limit = Duration::from_micros(50);
    let late = scheduler.add(Spec::work("late", AsyncLeaf::new(first, &CELLS)).timeout(limit)).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(50);
    assert!(rig.is_over(task));
    drop(rig);
    assert_eq!(scheduler.state(late), Ok(State::Failure));
    let told = scheduler.add(Spec::work("told", AsyncLeaf::new(second, &CELLS)).timeout(limit)).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(49);
    NEWS.signal(());
    rig.settle();
    assert!(rig.is_over(task));
    drop(rig);
    assert_eq!(scheduler.state(told), Ok(State::Success));
}

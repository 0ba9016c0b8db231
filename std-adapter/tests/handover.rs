//! Schedulers that had a wake set before their driver, or a driver before this one: no handle goes dead, and no wake is
//! lost.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use common::{Do, World, bounded, says};
use windlass::{
    AsyncLeaf, Boxed, DynWork, Inline, Instant, Next, Outcome, Reason, Routine, Scheduler, Spec, State,
    WakeCell, WakeSet, wake_set,
};
use windlass_std::{Bell, Blocking, Clock, Driver, Park, Pool, Signal};

type Table = Scheduler<Boxed<DynWork>>;

fn drive(world: &Arc<World>, scheduler: Table) -> Driver<Boxed<DynWork>> {
    Driver::with_clock(scheduler, Arc::clone(world), Arc::clone(world))
}

/// A table with one node that waits once.
fn waiting() -> (Table, windlass::NodeId) {
    let mut scheduler = Table::with_capacity(16);
    let id = scheduler.add(Spec::work("waits", DynWork::new(says([Outcome::Waiting])))).unwrap();
    (scheduler, id)
}

/// Lets a job go on at the first sleep, and then sleeps until somebody notifies.
struct OpensFirst(mpsc::Sender<()>, Signal);

impl Park for OpensFirst {
    fn park(&self, limit: Option<Duration>) {
        self.0.send(()).ok();
        self.1.park(limit);
    }

    fn notify(&self) {
        self.1.notify();
    }
}

/// A driver that has handed a job in, and what lets that job end.
fn with_a_job_in_flight(pool: &Pool) -> (Driver<Boxed<DynWork>>, mpsc::Sender<()>) {
    bounded();
    let (go, wait) = mpsc::channel();
    let wait = std::sync::Mutex::new(wait);
    let leaf = Blocking::new(pool.spawner(), move |_| -> Result<(), Reason> {
        wait.lock().unwrap().recv().map_err(|_| Reason::new("nobody lets it go"))
    });
    let mut scheduler = Table::with_capacity(16);
    scheduler.add(Spec::work("leaf", DynWork::new(leaf))).unwrap();
    let mut driver = Driver::new(scheduler);
    assert_eq!(driver.poll(), Next::OnWake);
    (driver, go)
}

#[test]
fn a_job_that_ends_between_two_drivers_is_not_lost() {
    let pool = Pool::new(1, 0).unwrap();
    let (driver, go) = with_a_job_in_flight(&pool);
    let scheduler = driver.into_scheduler();
    go.send(()).unwrap();
    while scheduler.next() == Next::OnWake {
        std::thread::yield_now();
    }
    assert!(Driver::new(scheduler).run_until_done().is_success());
}

#[test]
fn a_job_that_ends_while_the_second_driver_sleeps_ends_that_sleep() {
    let pool = Pool::new(1, 0).unwrap();
    let (driver, go) = with_a_job_in_flight(&pool);
    let world = World::new();
    let park = OpensFirst(go, Signal::default());
    let mut driver = Driver::with_clock(driver.into_scheduler(), world, park);
    assert!(driver.run_until_done().is_success());
    assert!(driver.stats().parks > 0);
}

#[test]
fn a_thread_hands_its_scheduler_over_with_all_wakes() {
    let (go, wait) = mpsc::channel();
    let wait = std::sync::Mutex::new(wait);
    let pool = Pool::new(1, 0).unwrap();
    let deaf = Blocking::new(pool.spawner(), move |_| -> Result<(), Reason> {
        wait.lock().unwrap().recv().map_err(|_| Reason::new("nobody lets it go"))
    });
    let mut scheduler = Scheduler::<Boxed<windlass::SendWork>>::with_capacity(4);
    let id = scheduler.add(Spec::work("deaf", windlass::SendWork::new(deaf))).unwrap();
    let mut driver = Driver::new(scheduler);
    assert_eq!(driver.poll(), Next::OnWake);
    while pool.spawner().load() != (0, 1) {
        std::thread::yield_now();
    }
    // It is ended by force, and its closure goes on. A new attempt, with another driver, waits for the wake of that.
    driver.scheduler_mut().abort_by(id, Instant::ZERO).unwrap();
    let mut scheduler = driver.spawn(()).unwrap().join().unwrap().scheduler;
    assert!(scheduler.node(id).unwrap().was_forced());
    scheduler.restart(id).unwrap();
    let park = OpensFirst(go, Signal::default());
    let mut driver = Driver::with_clock(scheduler, World::new(), park);
    driver.run_until_done();
    assert_eq!(driver.scheduler().state(id), Ok(State::Success));
}

#[test]
fn handles_made_before_the_driver_wake_its_nodes() {
    static BELL: Bell = Bell::new();
    wake_set!(static BY_SCHEDULER: 16, notify = &BELL);
    wake_set!(static BY_SET: 16, notify = &BELL);
    for (set, by_set) in [(&BY_SCHEDULER, false), (&BY_SET, true)] {
        let world = World::new();
        let (mut scheduler, id) = waiting();
        scheduler.set_wakes(set);
        let handle = if by_set { set.handle(id).unwrap() } else { scheduler.wake_handle(id).unwrap() };
        let mut driver = drive(&world, scheduler);
        world.at_park(move |_| handle.wake()); // else nothing ends this sleep, and the test fails
        assert!(driver.run_until_done().is_success());
        assert_eq!(world.limits(), [None]);
    }
    assert_eq!(format!("{BELL:?}"), "Bell(0 drivers)", "a driver that is gone is not told any more");
}

#[test]
fn a_wake_before_the_driver_is_heard_by_its_first_step() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 16, notify = &BELL);
    let world = World::new();
    let (mut scheduler, id) = waiting();
    scheduler.set_wakes(&WAKES);
    assert_eq!(scheduler.poll_work(Instant::ZERO), Next::OnWake);
    scheduler.wake_handle(id).unwrap().wake();
    assert!(drive(&world, scheduler).run_until_done().is_success());
    assert_eq!(world.limits(), []);
}

#[test]
fn one_bell_tells_the_drivers_of_all_its_sets() {
    static BELL: Bell = Bell::new();
    let worlds = [World::new(), World::new()];
    let mut drivers = worlds.each_ref().map(|world| {
        let (mut scheduler, id) = waiting();
        scheduler.set_wakes(WakeSet::leaked(16, Some(&BELL)));
        let handle = scheduler.wake_handle(id).unwrap();
        world.at_park(move |_| handle.wake());
        drive(world, scheduler)
    });
    for driver in &mut drivers {
        assert!(driver.run_until_done().is_success());
    }
}

#[test]
fn a_set_that_tells_no_driver_is_looked_at_every_10_ms() {
    wake_set!(static WAKES: 16);
    let world = World::new();
    let (mut scheduler, id) = waiting();
    scheduler.set_wakes(&WAKES);
    scheduler
        .add(Spec::work("nap", DynWork::new(says([Outcome::WaitFor(Duration::from_millis(3))]))))
        .unwrap();
    let handle = scheduler.wake_handle(id).unwrap();
    let mut driver = drive(&world, scheduler);
    world.at_park(|_| {});
    world.at_park(|_| {});
    world.at_park(move |_| handle.wake());
    assert!(driver.run_until_done().is_success());
    assert_eq!(world.limits(), [3, 10, 10].map(|ms| Some(Duration::from_millis(ms))));
    assert_eq!(world.now(), Instant::from_millis(23), "looked, heard it, and was done");
    assert_eq!(driver.stats().polls, 3, "a look is no poll");
}

#[test]
fn a_set_is_given_to_nobody_else_while_its_scheduler_lives() {
    const SIZE: usize = 3_000; // no other test's
    let world = World::new();
    let make = || {
        let mut scheduler = Table::with_capacity(SIZE);
        let id = scheduler.add(Spec::work("waits", DynWork::new(says([Outcome::Waiting; 2])))).unwrap();
        let mut driver = drive(&world, scheduler);
        let handle = driver.scheduler_mut().wake_handle(id).unwrap();
        assert_eq!(driver.poll(), Next::OnWake);
        (driver, handle)
    };
    let (first, first_handle) = make();
    let scheduler = first.into_scheduler();
    let (second, second_handle) = make();
    first_handle.wake();
    assert_eq!((scheduler.next(), second.scheduler().next()), (Next::Now, Next::OnWake));
    second_handle.wake();
    assert_eq!(second.scheduler().next(), Next::Now);
    assert!(!std::ptr::eq(scheduler.wakes().unwrap(), second.scheduler().wakes().unwrap()));
}

/// Pending until the other thread has woken it.
async fn woken_by_a_thread(wake: impl Fn(Waker)) {
    let mut asked = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        wake(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

#[test]
fn futures_run_under_a_driver() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, cells = CELLS, notify = &BELL);
    wake_set!(static UNTOLD: 8, cells = UNTOLD_CELLS);
    let sets: [(&'static WakeSet, &'static [WakeCell]); 2] = [(&WAKES, &CELLS), (&UNTOLD, &UNTOLD_CELLS)];
    for (set, cells) in sets {
        let world = World::new();
        let mut attempts = 0;
        let sleeper = Arc::clone(&world);
        let routine = pin!(Routine::new(|| {
            attempts += 1;
            let (attempt, sleeper) = (attempts, Arc::clone(&sleeper));
            async move {
                woken_by_a_thread(|waker| sleeper.at_park(|_| waker.wake())).await;
                if attempt == 1 { Err(Reason::new("no answer")) } else { Ok(()) }
            }
        }));
        let mut scheduler = Scheduler::<Inline<AsyncLeaf<'_>, 8>>::new();
        scheduler.set_wakes(set);
        let retry = windlass::Retry::ONCE.constant(Duration::ZERO);
        let spec = Spec::work("fetch", AsyncLeaf::new(routine, cells)).retry(retry);
        let id = scheduler.add(spec).unwrap();
        let mut driver = Driver::with_clock(scheduler, Arc::clone(&world), Arc::clone(&world));
        let report = driver.run_until_done();
        assert!(report.is_success(), "{report}");
        assert_eq!(driver.scheduler().node(id).unwrap().attempt(), 2);
        assert_eq!(driver.stats().parks, 2);
    }
}

#[test]
fn a_work_that_wakes_itself_through_its_set_is_cranked_again() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 16, notify = &BELL);
    let world = World::new();
    let mut scheduler = Table::with_capacity(16);
    scheduler.set_wakes(&WAKES);
    let mut turns = 0;
    let again = Do::new(move |cx| {
        turns += 1;
        WAKES.handle(cx.id()).unwrap().wake();
        if turns == 3 { Outcome::Success } else { Outcome::Waiting }
    });
    scheduler.add(Spec::work("again", DynWork::new(again))).unwrap();
    assert!(drive(&world, scheduler).run_until_done().is_success());
}

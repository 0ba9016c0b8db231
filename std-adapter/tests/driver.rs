//! The driver with a fake clock, a fake sleep and a fake notification: when it polls, when it sleeps, and for how
//! long.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Do, World, says};
use windlass::{
    AbortStep, Boxed, Cx, DynWork, Instant, Jitter, Next, NodeId, Outcome, Reason, Retry, Scheduler, Spec,
    State, Work,
};
use windlass_std::{Clock, Driver, End, Stop};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn table() -> Scheduler<Boxed<DynWork>> {
    Scheduler::with_capacity(16)
}

fn drive(world: &Arc<World>, scheduler: Scheduler<Boxed<DynWork>>) -> Driver<Boxed<DynWork>> {
    Driver::with_clock(scheduler, Arc::clone(world), Arc::clone(world))
}

fn work(run: impl FnMut(&mut Cx<'_, DynWork>) -> Outcome + Send + 'static) -> DynWork {
    DynWork::new(Do::new(run))
}

/// A driver with one node that waits, the node, and the handle that wakes it.
fn waiting(world: &Arc<World>) -> (Driver<Boxed<DynWork>>, NodeId, windlass::WakeHandle) {
    let mut driver = drive(world, table());
    let spec = Spec::work("waits", DynWork::new(says([Outcome::Waiting])));
    let id = driver.scheduler_mut().add(spec).unwrap();
    let handle = driver.scheduler_mut().wake_handle(id).unwrap();
    (driver, id, handle)
}

#[test]
fn an_empty_scheduler_is_done_without_a_poll() {
    let world = World::new();
    let mut driver = drive(&world, table());
    assert_eq!(driver.run_until_done().end, End::Done);
    assert_eq!((driver.stats().polls, driver.stats().parks), (0, 0));
}

#[test]
fn each_deadline_costs_one_sleep_and_one_poll() {
    let world = World::new();
    let mut scheduler = table();
    let naps = [1, 2, 3].map(|n| Outcome::WaitFor(SECOND * n));
    scheduler.add(Spec::work("naps", DynWork::new(says(naps)))).unwrap();
    let mut driver = drive(&world, scheduler);
    assert!(driver.run_until_done().is_success());
    assert_eq!(world.limits(), [1, 2, 3].map(|n| Some(SECOND * n)));
    assert_eq!(driver.stats().polls, 4);
    assert_eq!(driver.scheduler().metrics().cranks, 4);
}

#[test]
fn a_wake_between_the_last_look_and_the_sleep_is_not_lost() {
    let world = World::new();
    let (mut driver, _, handle) = waiting(&world);
    world.at_park(move |_| handle.wake());
    assert!(driver.run_until_done().is_success());
    assert_eq!(world.limits(), [None]);
    assert_eq!(driver.stats().polls, 2);
}

#[test]
fn sleeps_that_end_for_nothing_cost_no_poll() {
    let world = World::new();
    let (mut driver, _, handle) = waiting(&world);
    for _ in 0..100 {
        world.at_park(World::startle);
    }
    world.at_park(move |_| handle.wake());
    assert!(driver.run_until_done().is_success());
    assert_eq!(driver.stats().parks, 101);
    assert_eq!(driver.stats().polls, 2);
}

#[test]
fn a_wake_that_was_polled_for_already_costs_no_second_poll() {
    let world = World::new();
    let mut scheduler = table();
    // The wake comes while the node runs: it is notified, and heard by the same poll after the crank; the notification is
    // still pending after that.
    let mut step = 0;
    let run = move |cx: &mut Cx<'_, DynWork>| {
        step += 1;
        match step {
            1 => {
                cx.own_wake_handle().unwrap().wake();
                Outcome::Waiting
            }
            2 => Outcome::WaitFor(SECOND),
            _ => Outcome::Success,
        }
    };
    scheduler.add(Spec::work("self", work(run))).unwrap();
    let mut driver = drive(&world, scheduler);
    assert!(driver.run_until_done().is_success());
    assert_eq!(driver.stats().polls, 2);
    assert_eq!(world.limits(), [Some(SECOND); 2]); // the first was ended by the old notification
}

#[test]
fn a_deadline_at_the_end_of_time_is_slept_towards_in_pieces() {
    for far in [Duration::from_micros(u64::MAX - 1), Duration::from_secs(u64::MAX / 2_000_000)] {
        let world = World::new();
        let mut scheduler = table();
        let id = scheduler.add(Spec::work("far", DynWork::new(says([Outcome::WaitFor(far)])))).unwrap();
        let mut driver = drive(&world, scheduler);
        let handle = driver.scheduler_mut().wake_handle(id).unwrap();
        for _ in 0..1_000 {
            world.at_park(|_| {});
        }
        world.at_park(move |_| handle.wake());
        assert!(driver.run_until_done().is_success());
        assert_eq!(world.limits(), [Some(HOUR); 1_001]);
        assert_eq!(driver.stats().polls, 2);
        assert_eq!(world.now(), Instant::ZERO + HOUR * 1_000);
    }
}

#[test]
fn a_sleep_without_end_waits_for_a_wake() {
    let world = World::new();
    let mut scheduler = table();
    let spec = Spec::work("for ever", DynWork::new(says([Outcome::WaitFor(Duration::MAX)])));
    let id = scheduler.add(spec).unwrap();
    let mut driver = drive(&world, scheduler);
    let handle = driver.scheduler_mut().wake_handle(id).unwrap();
    world.at_park(move |_| handle.wake());
    assert!(driver.run_until_done().is_success());
    assert_eq!(world.limits(), [None]);
}

#[test]
fn a_clock_at_its_very_end_still_ends() {
    let world = World::new();
    world.set(Instant::MAX);
    let mut scheduler = table();
    scheduler.add(Spec::work("late", DynWork::new(says([Outcome::Running, Outcome::Running])))).unwrap();
    let mut driver = drive(&world, scheduler);
    assert!(driver.run_until_done().is_success());
    driver.stop().shutdown(SECOND);
    assert_eq!(driver.run_until(Instant::MAX), Next::Done);
}

#[test]
fn a_clock_that_goes_back_delays_and_nothing_else() {
    let world = World::new();
    world.set(Instant::from_secs(100));
    let mut scheduler = table();
    let id = scheduler.add(Spec::work("nap", DynWork::new(says([Outcome::WaitFor(SECOND)])))).unwrap();
    let mut driver = drive(&world, scheduler);
    world.at_park(|world| {
        world.set(Instant::from_secs(50));
        world.startle();
    });
    assert!(driver.run_until_done().is_success());
    assert_eq!(world.limits(), [Some(SECOND), Some(51 * SECOND)]);
    assert_eq!(driver.stats().polls, 2);
    assert_eq!(driver.scheduler().view().now(), Instant::from_secs(101));
    assert_eq!(driver.scheduler().state(id), Ok(State::Success));
}

#[test]
fn a_run_ends_at_its_deadline_and_the_next_goes_on() {
    let world = World::new();
    let mut scheduler = table();
    let id = scheduler.add(Spec::work("nap", DynWork::new(says([Outcome::WaitFor(10 * SECOND)])))).unwrap();
    let mut driver = drive(&world, scheduler);
    let due = Next::At(Instant::from_secs(10));
    assert_eq!(driver.run_until(Instant::from_secs(4)), due);
    assert_eq!(world.now(), Instant::from_secs(4));
    assert_eq!(driver.stats().polls, 1);
    assert_eq!(driver.run_until(Instant::from_secs(3)), due); // past already
    assert_eq!(driver.stats().polls, 1);
    assert_eq!(driver.scheduler().state(id), Ok(State::Waiting));
    assert_eq!(driver.run_until(Instant::from_secs(99)), Next::Done);
    assert_eq!(world.now(), Instant::from_secs(10));
    assert_eq!(world.limits(), [4, 6].map(|n| Some(SECOND * n)));
}

#[test]
fn a_run_ends_at_its_deadline_though_there_is_always_more() {
    let world = World::new();
    let mut scheduler = table();
    let clock = Arc::clone(&world);
    let busy = work(move |_| {
        clock.advance(Duration::from_millis(1));
        Outcome::Running
    });
    let id = scheduler.add(Spec::work("busy", busy)).unwrap();
    scheduler.set_budget(10.try_into().unwrap());
    let mut driver = drive(&world, scheduler);
    assert_eq!(driver.run_until(Instant::from_millis(100)), Next::Now);
    assert_eq!(world.now(), Instant::from_millis(100));
    assert_eq!(driver.scheduler().state(id), Ok(State::Running));
    // Each crank takes as long as a poll may.
    assert_eq!((driver.stats().polls, driver.stats().parks), (100, 0));
}

/// Fifty works of 4 ms a crank, one of which asks for a stop within 500 ms: it is heard after the crank that is going on, those that have started are told, and
/// nothing is ended by force.
#[test]
fn a_request_to_stop_is_heard_between_slow_cranks() {
    #[derive(Default)]
    struct Counts {
        runs: AtomicU32,
        runs_after: AtomicU32,
        told: AtomicU32,
        stop: Mutex<Option<Stop>>,
    }
    struct Busy(Arc<World>, Arc<Counts>);
    impl<W> Work<W> for Busy {
        fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
            let Self(world, counts) = self;
            world.advance(Duration::from_millis(4));
            let asked = counts.stop.lock().unwrap().is_none();
            counts.runs_after.fetch_add(u32::from(asked), Ordering::Relaxed);
            if counts.runs.fetch_add(1, Ordering::Relaxed) == 20 {
                counts.stop.lock().unwrap().take().unwrap().shutdown(Duration::from_millis(500));
            }
            Outcome::Running
        }

        fn on_abort(&mut self, _: &mut Cx<'_, W>) -> AbortStep {
            self.1.told.fetch_add(1, Ordering::Relaxed);
            AbortStep::Done
        }
    }
    let (world, counts) = (World::new(), Arc::new(Counts::default()));
    let mut scheduler = Scheduler::with_capacity(50);
    for _ in 0..50 {
        let busy = Busy(Arc::clone(&world), Arc::clone(&counts));
        scheduler.add(Spec::work("busy", DynWork::new(busy))).unwrap();
    }
    let mut driver = drive(&world, scheduler);
    *counts.stop.lock().unwrap() = Some(driver.stop());
    let report = driver.run_until_done();
    assert_eq!((report.aborted, report.forced.len()), (50, 0));
    assert_eq!((counts.told.load(Ordering::Relaxed), counts.runs_after.load(Ordering::Relaxed)), (21, 0));
}

#[test]
fn a_single_poll_never_sleeps() {
    let world = World::new();
    let (mut driver, _, handle) = waiting(&world);
    assert_eq!(driver.poll(), Next::OnWake);
    assert_eq!(driver.poll(), Next::OnWake);
    handle.wake();
    assert_eq!(driver.poll(), Next::Done);
    assert_eq!(driver.stats().parks, 0);
}

#[test]
fn works_reach_the_application() {
    let mut scheduler: Scheduler<_> = Scheduler::with_capacity(4);
    for n in 1..=3 {
        let push = Do::new(move |cx: &mut Cx<'_, DynWork<Vec<u32>>, Vec<u32>>| {
            cx.app().push(n);
            Outcome::Success
        });
        scheduler.add(Spec::work("push", DynWork::new(push))).unwrap();
    }
    let world = World::new();
    let mut driver = Driver::with_clock(scheduler, Arc::clone(&world), Arc::clone(&world));
    let mut app = Vec::new();
    assert_eq!(driver.run_until_with(Instant::MAX, &mut app), Next::Done);
    assert!(driver.run_until_done_with(&mut app).is_success());
    assert_eq!(app, [1, 2, 3]);
}

#[test]
fn a_stop_reaches_a_sleeping_driver_and_abort_hooks_run() {
    let world = World::new();
    let cleaned = Arc::new(Mutex::new(0));
    let mut scheduler = table();
    let count = Arc::clone(&cleaned);
    let clean = Do::new(|_| Outcome::Waiting).on_abort(move |_| {
        *count.lock().unwrap() += 1;
        if *count.lock().unwrap() < 3 { AbortStep::WaitFor(SECOND) } else { AbortStep::Done }
    });
    scheduler.add(Spec::work("clean", DynWork::new(clean))).unwrap();
    let mut driver = drive(&world, scheduler);
    let stop = driver.stop();
    world.at_park(move |_| stop.shutdown(10 * SECOND));
    let report = driver.run_until_done();
    assert_eq!((report.end, report.aborted, report.forced.len()), (End::ShutDown, 1, 0));
    assert_eq!(*cleaned.lock().unwrap(), 3);
    assert_eq!(world.limits(), [None, Some(SECOND), Some(SECOND)]);
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn a_work_that_never_finishes_its_abort_is_ended_by_force_and_named() {
    for answer in [AbortStep::Running, AbortStep::Waiting, AbortStep::WaitFor(HOUR)] {
        let world = World::new();
        world.set(Instant::from_secs(5));
        let mut scheduler = table();
        let clock = Arc::clone(&world);
        let stubborn = Do::new(|_| Outcome::Waiting).on_abort(move |_| {
            clock.advance(Duration::from_micros(1));
            answer
        });
        let id = scheduler.add(Spec::work("stubborn", DynWork::new(stubborn))).unwrap();
        scheduler.add(Spec::work("meek", DynWork::new(says([Outcome::Waiting])))).unwrap();
        let mut driver = drive(&world, scheduler);
        let stop = driver.stop();
        world.at_park(move |_| stop.interrupt(Duration::from_millis(2)));
        let report = driver.run_until_done();
        assert_eq!(report.forced, [(id, "stubborn")]);
        assert_eq!((report.end, report.aborted), (End::Interrupted, 2));
        assert_eq!(report.exit_code(), 130);
        assert_eq!(report.to_string(), "interrupted: 0 succeeded, 0 failed, 2 aborted, by force: stubborn");
        assert!(world.now() < Instant::from_secs(6), "forced when the drain was over, not later");
    }
}

#[test]
fn a_drain_is_counted_from_the_request_and_not_from_the_last_poll() {
    let world = World::new();
    let mut scheduler = table();
    let polite = Do::new(|_| Outcome::Waiting).on_abort(|_| AbortStep::Done);
    scheduler.add(Spec::work("polite", DynWork::new(polite)).cleanup_timeout(SECOND)).unwrap();
    let mut driver = drive(&world, scheduler);
    let stop = driver.stop();
    // Idle for a day; the node's own second of drain begins when it is asked, so its hook is called.
    world.at_park(move |world| {
        world.advance(24 * HOUR);
        stop.shutdown(HOUR);
    });
    assert_eq!(driver.run_until_done().forced, []);
}

#[test]
fn a_stop_before_the_run_counts_and_one_after_the_end_does_not() {
    let world = World::new();
    let (mut driver, id, _) = waiting(&world);
    driver.stop().shutdown(SECOND);
    assert_eq!(driver.run_until_done().end, End::ShutDown);
    assert_eq!(driver.scheduler().state(id), Ok(State::Aborted));

    let mut driver = drive(&world, table());
    driver.scheduler_mut().add(Spec::work("quick", DynWork::new(says([])))).unwrap();
    assert_eq!(driver.run_until_done().end, End::Done);
    driver.stop().interrupt(SECOND);
    let report = driver.run_until_done();
    assert_eq!((report.end, report.exit_code()), (End::Done, 0));
}

#[test]
fn retries_wait_on_the_clock() {
    let world = World::new();
    let mut scheduler = table();
    let failing = says([Outcome::Failure(Reason::new("no")), Outcome::Failure(Reason::new("no"))]);
    let retry = Retry::times(2).exponential(SECOND, 10, HOUR);
    scheduler.add(Spec::work("again", DynWork::new(failing)).retry(retry)).unwrap();
    let mut driver = drive(&world, scheduler);
    assert!(driver.run_until_done().is_success());
    assert_eq!(world.limits(), [Some(SECOND), Some(10 * SECOND)]);
}

/// When a node retries that has failed at once.
fn first_retry(seed: Option<u64>) -> Instant {
    let world = World::new();
    let mut scheduler = table();
    if let Some(seed) = seed {
        scheduler.set_seed(seed);
    }
    let failing = says([Outcome::Failure(Reason::new("no"))]);
    let retry = Retry::ONCE.exponential(HOUR, 1, HOUR).jitter(Jitter::Full);
    scheduler.add(Spec::work("again", DynWork::new(failing)).retry(retry)).unwrap();
    let mut driver = drive(&world, scheduler);
    match driver.poll() {
        Next::At(at) => at,
        next => panic!("it waits for its retry: {next:?}"),
    }
}

/// Runs this test program again, which only says when it would retry.
fn first_retry_of_another_process() -> String {
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", "two_processes_do_not_retry_at_the_same_time", "--nocapture"];
    let output = std::process::Command::new(program).args(args).env("SAY_FIRST_RETRY", "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.split("first retry: ").nth(1).expect("it says so").lines().next();
    line.unwrap().to_owned()
}

#[test]
fn two_processes_do_not_retry_at_the_same_time() {
    if std::env::var_os("SAY_FIRST_RETRY").is_some() {
        println!("first retry: {:?}", first_retry(None));
        return;
    }
    // Of 3.6 billion microseconds, four processes draw the same by chance once in 10^28 runs.
    let times: HashSet<String> = (0..4).map(|_| first_retry_of_another_process()).collect();
    assert!(times.len() > 1, "{times:?}");
}

#[test]
fn drivers_of_one_process_do_not_retry_at_the_same_time() {
    let times: HashSet<Instant> = (0..4).map(|_| first_retry(None)).collect();
    assert!(times.len() > 1, "{times:?}");
}

#[test]
fn a_seed_that_was_given_is_kept_and_repeats_the_run() {
    for seed in [0, 1, u64::MAX] {
        assert_eq!(first_retry(Some(seed)), first_retry(Some(seed)));
    }
    assert_ne!(first_retry(Some(1)), first_retry(Some(2)));
    let scheduler = drive(&World::new(), table()).into_scheduler();
    let drawn = scheduler.seed();
    assert!(drawn.is_some());
    let scheduler = drive(&World::new(), scheduler).into_scheduler();
    assert_eq!(scheduler.seed(), drawn, "the next driver keeps what the first has drawn");
}

#[test]
fn handles_of_a_driver_that_is_gone_do_no_harm() {
    let world = World::new();
    // A size of its own: these wakes would be counted by the other tests.
    let mut driver = drive(&world, Scheduler::with_capacity(500));
    driver.scheduler_mut().add(Spec::work("waits", DynWork::new(says([Outcome::Waiting])))).unwrap();
    let id = driver.scheduler_mut().add(Spec::work("waits", DynWork::new(says([Outcome::Waiting])))).unwrap();
    let old = driver.scheduler_mut().wake_handle(id).unwrap();
    let mut scheduler = driver.into_scheduler();
    let _ = scheduler.poll_work(Instant::ZERO);
    old.wake(); // nobody sleeps, and it is not lost
    assert_eq!(scheduler.next(), Next::Now);
    assert_eq!(scheduler.poll_work(Instant::ZERO), Next::OnWake);
    drop(scheduler);

    // The next driver has the same set.
    let mut tiny: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(257);
    let id = tiny.add(Spec::work("waits", DynWork::new(says([Outcome::Waiting])))).unwrap();
    let mut driver = drive(&world, tiny);
    assert_eq!(driver.poll(), Next::OnWake);
    old.wake();
    assert_eq!(driver.run_until(world.now() + SECOND), Next::OnWake);
    driver.scheduler_mut().wake_handle(id).unwrap().wake();
    assert!(driver.run_until_done().is_success());
}

#[test]
fn a_scheduler_can_go_from_driver_to_driver() {
    struct Wait;
    impl<W> Work<W, ()> for Wait {
        fn on_run(&mut self, cx: &mut Cx<'_, W>) -> Outcome {
            assert!(cx.own_wake_handle().is_ok());
            Outcome::Waiting
        }
    }
    let mut scheduler = table();
    let id = scheduler.add(Spec::work("wait", DynWork::new(Wait))).unwrap();
    for _ in 0..3 {
        let world = World::new();
        let mut driver = drive(&world, scheduler);
        driver.scheduler_mut().wake(id).unwrap();
        assert_eq!(driver.run_until(Instant::from_secs(1)), Next::OnWake);
        let handle = driver.scheduler_mut().wake_handle(id).unwrap();
        handle.wake();
        assert_eq!(driver.run_until(Instant::from_secs(2)), Next::OnWake);
        scheduler = driver.into_scheduler();
        assert!(scheduler.wake_handle(id).is_ok());
    }
    assert_eq!(scheduler.metrics().cranks, 6);
}

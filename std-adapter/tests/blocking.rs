//! Leaves that block, in a pool, under a real driver. Closures are held by gates and tokens, never by time.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use common::{Do, World, bounded};
use windlass::{Boxed, Cx, DynWork, Instant, Next, Outcome, Reason, Retry, Scheduler, Spec, State, Work};
use windlass_std::{Blocking, CancelToken, Clock, Driver, Failed, Pool, Signal};

type App = Vec<u32>;
type Leaf = DynWork<App>;

const NO: Reason = Reason::new("no");

fn driver() -> Driver<Boxed<Leaf>> {
    alone(64)
}

/// A driver with a table of a size of its own, so that its wake set was never another test's: no late wake of theirs
/// is counted here.
fn alone(capacity: usize) -> Driver<Boxed<Leaf>> {
    bounded();
    Driver::new(Scheduler::<Boxed<Leaf>>::with_capacity(capacity))
}

fn quick(retry: Retry) -> Retry {
    retry.constant(Duration::ZERO)
}

#[test]
fn values_are_delivered_and_no_more_run_than_there_are_threads() {
    let pool = Pool::new(2, 0).unwrap();
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut driver = alone(500);
    // Far more leaves than the pool has room for: they stand in line.
    for n in 0..50 {
        let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
        let leaf = Blocking::new(pool.spawner(), move |_| -> Result<u32, Reason> {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            at_once.fetch_sub(1, Ordering::SeqCst);
            Ok(n)
        })
        .deliver(|app: &mut App, n| app.push(n));
        driver.scheduler_mut().add(Spec::work("leaf", DynWork::new(leaf))).unwrap();
    }
    let mut app = App::new();
    let report = driver.run_until_done_with(&mut app);
    assert_eq!(report.succeeded, 50);
    app.sort_unstable();
    assert_eq!(app, (0..50).collect::<Vec<_>>());
    assert!(most.load(Ordering::SeqCst) <= 2);
    // Two cranks a leaf: one that starts it and one that takes its value.
    assert_eq!(driver.scheduler().metrics().cranks, 100);
}

#[test]
fn a_failure_is_retried_with_the_closure_as_new_until_the_budget_is_used_up() {
    let pool = Pool::new(1, 0).unwrap();
    for (budget, failures, state, runs) in [
        (3, 2, State::Success, 3),
        (3, 3, State::Success, 4),
        (3, 9, State::Failure, 4),
        (0, 1, State::Failure, 1),
    ] {
        let count = Arc::new(AtomicU32::new(0));
        let calls = Arc::clone(&count);
        let leaf = Blocking::new(pool.spawner(), move |_| {
            if calls.fetch_add(1, Ordering::SeqCst) < failures { Err(NO) } else { Ok(()) }
        });
        let mut driver = driver();
        let spec = Spec::work("leaf", DynWork::new(leaf)).retry(quick(Retry::times(budget)));
        let id = driver.scheduler_mut().add(spec).unwrap();
        driver.run_until_done_with(&mut App::new());
        assert_eq!(driver.scheduler().state(id), Ok(state));
        assert_eq!(count.load(Ordering::SeqCst), runs);
        if state == State::Failure {
            assert_eq!(driver.scheduler().node(id).unwrap().failure().unwrap().reason, NO);
        }
    }
}

#[test]
fn a_closure_may_say_how_its_failure_is_meant() {
    let pool = Pool::new(1, 0).unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let calls = Arc::clone(&count);
    let leaf = Blocking::new(pool.spawner(), move |_| -> Result<(), Failed> {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Failed::RetryAfter(Duration::ZERO, NO)),
            1 => Err(NO.into()),
            _ => Err(Failed::Fatal(NO.with_code(2))),
        }
    });
    let mut driver = driver();
    let spec = Spec::work("leaf", DynWork::new(leaf)).retry(quick(Retry::A_LOT));
    let id = driver.scheduler_mut().add(spec).unwrap();
    assert_eq!(driver.run_until_done_with(&mut App::new()).failed, 1);
    assert_eq!(count.load(Ordering::SeqCst), 3);
    assert_eq!(driver.scheduler().node(id).unwrap().failure().unwrap().reason, NO.with_code(2));
}

#[test]
fn a_panic_is_a_failure_for_good_and_its_message_can_be_read() {
    let pool = Pool::new(1, 0).unwrap();
    let leaf = Blocking::new(pool.spawner(), |_| -> Result<(), Reason> { panic!("no such luck") });
    let mut driver = driver();
    let spec = Spec::work("leaf", DynWork::new(leaf)).retry(quick(Retry::A_LOT));
    let id = driver.scheduler_mut().add(spec).unwrap();
    let report = driver.run_until_done_with(&mut App::new());
    assert_eq!((report.failed, report.panics), (1, 0), "the driver's thread saw no panic");
    let node = driver.scheduler().node(id).unwrap();
    assert_eq!((node.failure().unwrap().reason, node.attempt()), (Reason::PANICKED, 1));
    assert_eq!(
        driver.scheduler().described_tree::<App>(Instant::ZERO).to_string(),
        "└─ ✘ leaf: failed: panicked; panicked: no such luck\n"
    );
}

#[test]
fn a_panic_of_the_delivery_is_the_drivers_to_catch() {
    let pool = Pool::new(1, 0).unwrap();
    let leaf = Blocking::new(pool.spawner(), |_| -> Result<u32, Reason> { Ok(1) })
        .deliver(|_: &mut App, _: u32| panic!("return to sender"));
    let mut driver = driver();
    driver.scheduler_mut().add(Spec::work("leaf", DynWork::new(leaf))).unwrap();
    let report = driver.run_until_done_with(&mut App::new());
    assert_eq!((report.failed, report.panics), (1, 1));
    assert_eq!(driver.last_panic().unwrap().to_string(), "0v1 leaf panicked: return to sender");
}

/// Runs until cancelled; says when it has started.
fn obedient(
    started: &mpsc::Sender<()>,
) -> impl Fn(&CancelToken) -> Result<u32, Reason> + Send + Sync + use<> {
    let started = Mutex::new(started.clone());
    move |token| {
        started.lock().unwrap().send(()).unwrap();
        while !token.is_cancelled() {
            std::thread::yield_now();
        }
        Err(NO)
    }
}

#[test]
fn an_abort_takes_a_leaf_out_of_the_line_or_waits_until_it_has_stopped() {
    let pool = Pool::new(1, 0).unwrap();
    let (started, has_started) = mpsc::channel();
    let mut driver = driver();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let leaf = Blocking::new(pool.spawner(), obedient(&started));
        let spec = Spec::work("leaf", DynWork::new(leaf)).retry(quick(Retry::A_LOT));
        ids.push(driver.scheduler_mut().add(spec).unwrap());
    }
    let mut app = App::new();
    assert_eq!(driver.poll_with(&mut app), Next::OnWake);
    has_started.recv().unwrap();
    assert_eq!(pool.spawner().load(), (2, 1));
    // Those in line first: else the first one's end might start the next.
    driver.scheduler_mut().abort(ids[1]).unwrap();
    driver.scheduler_mut().abort(ids[2]).unwrap();
    let _ = driver.poll_with(&mut app);
    assert_eq!(pool.spawner().load(), (0, 1));
    assert_eq!(
        ids.iter().map(|id| driver.scheduler().state(*id).unwrap()).collect::<Vec<_>>(),
        [State::Waiting, State::Aborted, State::Aborted]
    );
    driver.scheduler_mut().abort(ids[0]).unwrap();
    let report = driver.run_until_done_with(&mut app);
    assert_eq!((report.aborted, report.forced.len()), (3, 0));
    assert_eq!(pool.spawner().load(), (0, 0));
    assert!(has_started.try_recv().is_err(), "those in line never started");
}

#[test]
fn an_abort_before_the_start_is_over_at_once() {
    let pool = Pool::new(1, 0).unwrap();
    let leaf = Blocking::new(pool.spawner(), |_| -> Result<(), Reason> { unreachable!("it never starts") });
    let mut driver = driver();
    let id = driver.scheduler_mut().add(Spec::work("leaf", DynWork::new(leaf))).unwrap();
    driver.scheduler_mut().abort(id).unwrap();
    assert_eq!(driver.run_until_done_with(&mut App::new()).aborted, 1);
}

/// Holds closures until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn pass(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}

#[test]
fn a_closure_that_does_not_ask_is_left_behind_when_its_drain_is_over() {
    let pool = Pool::new(1, 0).unwrap();
    let (gate, started) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (hold, tell) = (Arc::clone(&gate), Arc::clone(&started));
    let deaf = Blocking::new(pool.spawner(), move |_| -> Result<(), Reason> {
        tell.open();
        hold.pass();
        Ok(())
    });
    let mut driver = alone(1_000);
    let id = driver.scheduler_mut().add(Spec::work("deaf", DynWork::new(deaf))).unwrap();
    let _ = driver.poll_with(&mut App::new());
    started.pass();
    driver.stop().shutdown(Duration::from_millis(1));
    let report = driver.run_until_done_with(&mut App::new());
    assert_eq!(report.forced, [(id, "deaf")]);
    assert_eq!(pool.spawner().load(), (0, 1), "its thread is still busy");
    gate.open();
}

#[test]
fn a_retry_after_a_timeout_waits_for_the_run_before() {
    let pool = Pool::new(4, 4).unwrap();
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let runs = Arc::new(AtomicU32::new(0));
    let leaf = {
        let (at_once, most, runs) = (Arc::clone(&at_once), Arc::clone(&most), Arc::clone(&runs));
        Blocking::new(pool.spawner(), move |token| -> Result<u32, Reason> {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let run = runs.fetch_add(1, Ordering::SeqCst);
            // Two runs hang until they are told to stop, and then take their time.
            while run < 2 && !token.is_cancelled() {
                std::thread::yield_now();
            }
            for _ in 0..1_000 {
                std::thread::yield_now();
            }
            at_once.fetch_sub(1, Ordering::SeqCst);
            Ok(run)
        })
        .deliver(|app: &mut App, run| app.push(run))
    };
    let mut driver = driver();
    let spec =
        Spec::work("leaf", DynWork::new(leaf)).timeout(Duration::from_millis(50)).retry(quick(Retry::A_LOT));
    driver.scheduler_mut().add(spec).unwrap();
    let mut app = App::new();
    assert!(driver.run_until_done_with(&mut app).is_success());
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(app[0] >= 2, "the value of a run that was in time: {app:?}");
}

const LIMIT: Duration = Duration::from_millis(100);

/// A driver whose time is the test's, and whose sleep is real: jobs of real threads end it.
fn driver_at(world: &Arc<World>, capacity: usize) -> Driver<Boxed<Leaf>> {
    bounded();
    let scheduler = Scheduler::<Boxed<Leaf>>::with_capacity(capacity);
    Driver::with_clock(scheduler, Arc::clone(world), Signal::default())
}

fn tree(driver: &Driver<Boxed<Leaf>>) -> String {
    driver.scheduler().described_tree::<App>(driver.now()).to_string()
}

#[test]
fn a_timeout_counts_from_when_the_closure_starts_on_a_thread() {
    let pool = Pool::new(1, 0).unwrap();
    let (busy, gate) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (hold, pass) = (Arc::clone(&busy), Arc::clone(&gate));
    let _busy = pool.spawn(None, move |_| hold.pass()).unwrap();
    let (started, has_started) = mpsc::channel();
    let started = Mutex::new(started);
    let leaf = Blocking::new(pool.spawner(), move |_| -> Result<u32, Reason> {
        started.lock().unwrap().send(()).unwrap();
        pass.pass();
        Ok(7)
    })
    .deliver(|app: &mut App, n| app.push(n));
    let (world, mut app) = (World::new(), App::new());
    let mut driver = driver_at(&world, 700);
    let spec = Spec::work("leaf", DynWork::new(leaf)).timeout(LIMIT).retry(quick(Retry::times(3)));
    driver.scheduler_mut().add(spec).unwrap();

    // The only thread is busy for far longer than the timeout: there is no deadline, and this is still the first attempt.
    for _ in 0..10 {
        assert_eq!(driver.poll_with(&mut app), Next::OnWake);
        assert_eq!(tree(&driver), "└─ … leaf: waiting to be woken; waiting for a thread\n");
        world.advance(LIMIT);
    }
    busy.open();
    has_started.recv().unwrap();
    assert_eq!(driver.poll_with(&mut app), Next::At(world.now() + LIMIT), "counted from the start");
    assert!(tree(&driver).ends_with("; in the pool\n"), "{}", tree(&driver));
    gate.open();
    let report = driver.run_until_done_with(&mut app);
    assert!(report.is_success(), "{report}");
    assert_eq!((app, tree(&driver)), (vec![7], "└─ ✔ leaf: succeeded\n".to_owned()));
    // It started, its closure began, its closure ended.
    assert_eq!(driver.scheduler().metrics().cranks, 3);
}

#[test]
fn a_timeout_of_a_closure_that_runs_is_kept_and_the_wait_for_its_end_is_no_attempt() {
    let pool = Pool::new(1, 0).unwrap();
    let gate = Arc::new(Gate::default());
    let pass = Arc::clone(&gate);
    let (started, has_started) = mpsc::channel();
    let started = Mutex::new(started);
    let leaf = Blocking::new(pool.spawner(), move |_| -> Result<u32, Reason> {
        started.lock().unwrap().send(()).unwrap();
        pass.pass();
        Ok(7)
    });
    let (world, mut app) = (World::new(), App::new());
    let mut driver = driver_at(&world, 701);
    let spec = Spec::work("leaf", DynWork::new(leaf)).timeout(LIMIT).retry(quick(Retry::times(1)));
    let id = driver.scheduler_mut().add(spec).unwrap();

    let _ = driver.poll_with(&mut app);
    has_started.recv().unwrap();
    assert_eq!(driver.poll_with(&mut app), Next::At(world.now() + LIMIT));
    world.advance(LIMIT);
    let _ = driver.poll_with(&mut app);
    let failure = driver.scheduler().node(id).unwrap().failure().unwrap();
    assert_eq!(failure.reason, Reason::TIMEOUT);
    // The second and last attempt does not begin to count before the first run has returned.
    for _ in 0..10 {
        assert_eq!(driver.poll_with(&mut app), Next::OnWake);
        assert!(tree(&driver).ends_with("; the run before is still in the pool\n"), "{}", tree(&driver));
        world.advance(LIMIT);
    }
    gate.open();
    let report = driver.run_until_done_with(&mut app);
    assert!(report.is_success(), "{report}");
    assert_eq!(driver.scheduler().node(id).unwrap().attempt(), 2);
    assert_eq!(has_started.try_iter().count(), 1, "one closure an attempt");
}

#[test]
fn without_its_pool_a_leaf_fails() {
    let pool = Pool::new(1, 0).unwrap();
    let (hold, release) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (started, gate) = (Arc::clone(&hold), Arc::clone(&release));
    let mut busy = pool
        .spawn(None, move |_| {
            started.open();
            gate.pass();
        })
        .unwrap();
    hold.pass();
    let leaf = || DynWork::new(Blocking::new(pool.spawner(), |_| -> Result<(), Reason> { Ok(()) }));
    let (in_line, late) = (leaf(), leaf());
    let mut driver = driver();
    let in_line = driver.scheduler_mut().add(Spec::work("in line", in_line)).unwrap();
    assert_eq!(driver.poll_with(&mut App::new()), Next::OnWake);
    // The job at work is released only after the line was cancelled, which wakes the leaf.
    let closing = std::thread::spawn(move || pool.shutdown());
    driver.run_until_done_with(&mut App::new());
    release.open();
    closing.join().unwrap();
    assert_eq!(busy.poll(), Some(Ok(())));
    let late = driver.scheduler_mut().add(Spec::work("late", late)).unwrap();
    driver.run_until_done_with(&mut App::new());
    for id in [in_line, late] {
        let failure = driver.scheduler().node(id).unwrap().failure().unwrap();
        assert_eq!(failure.reason, Reason::new("the pool is shut down"));
    }
}

#[test]
fn without_a_driver_a_leaf_says_what_it_misses() {
    let pool = Pool::new(1, 0).unwrap();
    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(1);
    let leaf = Blocking::new(pool.spawner(), |_| -> Result<(), Reason> { Ok(()) });
    let id = scheduler.add(Spec::work("leaf", DynWork::new(leaf))).unwrap();
    assert_eq!(scheduler.poll_work(Instant::ZERO), Next::Done);
    let failure = scheduler.node(id).unwrap().failure().unwrap();
    assert_eq!(failure.reason.text(), "no wake set, so a job could not be waited for");
}

#[test]
fn a_leaf_runs_again_after_a_restart_and_beside_other_works() {
    let pool = Pool::new(2, 0).unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let leaf = Blocking::new(pool.spawner(), move |_| -> Result<u32, Reason> {
        Ok(count.fetch_add(1, Ordering::SeqCst))
    })
    .deliver(|app: &mut App, n| app.push(n));
    let mut driver = driver();
    let id = driver.scheduler_mut().add(Spec::work("leaf", DynWork::new(leaf))).unwrap();
    let other = Do::new(
        |cx: &mut Cx<'_, Leaf, App>| {
            if cx.app().is_empty() { Outcome::Running } else { Outcome::Success }
        },
    );
    driver.scheduler_mut().add(Spec::work("spins until the value is there", DynWork::new(other))).unwrap();
    let mut app = App::new();
    assert!(driver.run_until_done_with(&mut app).is_success());
    driver.scheduler_mut().restart(id).unwrap();
    assert!(driver.run_until_done_with(&mut app).is_success());
    assert_eq!(app, [0, 1]);
}

#[test]
fn a_leaf_fits_an_enum_of_works_too() {
    enum Mine {
        Blocking(Blocking),
    }
    impl Work for Mine {
        fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
            let Self::Blocking(leaf) = self;
            leaf.on_run(cx)
        }
    }
    let pool = Pool::new(1, 0).unwrap();
    let mut scheduler = Scheduler::with_capacity(1);
    let leaf = Blocking::new(pool.spawner(), |_| -> Result<(), Reason> { Ok(()) });
    scheduler.add(Spec::work("leaf", Mine::Blocking(leaf))).unwrap();
    assert!(Driver::new(scheduler).run_until_done().is_success());
}

//! The pool of ids, under the exact audit: what it promises whoever keeps the tasks.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use windlass_std::audit::{Exact, Flight, Kind, Mode, Moment, Settings};
use windlass_std::pool::{Crew, Options, Ran, Tasks, Worker};

/// Counts down; whoever waits is told at nothing.
#[derive(Default)]
struct Left {
    count: Mutex<u64>,
    none: Condvar,
}

impl Left {
    fn new(count: u64) -> Arc<Self> {
        Arc::new(Self { count: Mutex::new(count), none: Condvar::new() })
    }

    fn one(&self) {
        let mut count = self.count.lock().expect("no panic");
        *count -= 1;
        if *count == 0 {
            self.none.notify_all();
        }
    }

    fn wait(&self) {
        let count = self.count.lock().expect("no panic");
        drop(self.none.wait_while(count, |count| *count > 0).expect("no panic"));
    }
}

type Run = dyn Fn(u64, &Worker<Flight<16>>) -> Ran + Send + Sync;

/// Tasks that count their ends.
struct Counted {
    run: Box<Run>,
    left: Arc<Left>,
    dropped: Arc<Mutex<Vec<u64>>>,
}

impl Tasks<Flight<16>> for Counted {
    fn run(&self, id: u64, worker: &Worker<Flight<16>>) -> Ran {
        // A panic ends the task, too.
        let ran = std::panic::catch_unwind(AssertUnwindSafe(|| (self.run)(id, worker)));
        if !matches!(ran, Ok(Ran::Again)) {
            worker.end(id);
            self.left.one();
        }
        ran.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }

    fn dropped(&self, id: u64) {
        self.dropped.lock().expect("no panic").push(id);
    }
}

fn start(
    options: &Options,
    left: &Arc<Left>,
    run: impl Fn(u64, &Worker<Flight<16>>) -> Ran + Send + Sync + 'static,
) -> Crew<Flight<16>> {
    let tasks = Counted { run: Box::new(run), left: Arc::clone(left), dropped: Arc::default() };
    Crew::start(options, tasks).expect("threads")
}

fn clean(crew: &Crew<Flight<16>>) {
    let report = crew.report(Moment::Quiescent);
    assert!(report.is_clean(), "{report}");
}

#[test]
fn sizes_that_are_impossible_are_refused_with_a_reason() {
    let none = |_: u64, _: &Worker| Ran::Done;
    for (options, reason) in [
        (Options::new(0), "a pool without threads would never run a job"),
        (Options::new(40_000), "40000 workers: at most 32767 are possible"),
        (Options { local: 0, ..Options::new(1) }, "a deque of no capacity holds nothing"),
        (
            Options { local: usize::MAX, ..Options::new(1) },
            "a deque of 18446744073709551615 ids: at most 16777216 are possible",
        ),
        (Options { batch: 0, ..Options::new(1) }, "a batch of 0: 1 to 32 are possible"),
        (Options { batch: 33, ..Options::new(1) }, "a batch of 33: 1 to 32 are possible"),
    ] {
        let error = Crew::start(&options, none).expect_err("must be refused");
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, reason));
    }
}

#[test]
fn a_tree_of_tasks_runs_each_once_whatever_the_size_of_the_deques() {
    const TASKS: u64 = 20_000;
    for (workers, local, batch) in [(1, 1, 1), (2, 2, 32), (3, 4, 4), (4, 256, 32)] {
        let left = Left::new(TASKS);
        let runs: Arc<Vec<AtomicU64>> = Arc::new((0..=TASKS).map(|_| AtomicU64::new(0)).collect());
        let seen = Arc::clone(&runs);
        let crew = start(&Options { local, batch, ..Options::new(workers) }, &left, move |id, worker| {
            seen[id as usize].fetch_add(1, Ordering::Relaxed);
            for child in [2 * id, 2 * id + 1] {
                match child % 5 {
                    _ if child > TASKS => {}
                    0 => worker.put_next(child),
                    1 => worker.put_last(child),
                    _ => worker.put(child),
                }
            }
            Ran::Done
        });
        crew.put(1);
        left.wait();
        assert!(runs[1..].iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
        assert_eq!(crew.waiting(), 0);
        assert_eq!(crew.shutdown(Duration::MAX).unreturned, []);
        clean(&crew);
    }
}

#[test]
fn what_wants_to_run_again_does_so_behind_the_others() {
    let left = Left::new(3);
    let (tell, told) = mpsc::channel();
    let rounds = AtomicU64::new(0);
    let crew = start(&Options::new(1), &left, move |id, worker| {
        if id == 0 {
            // Gives the worker its three tasks at once.
            (1..4).for_each(|id| worker.put(id));
            return Ran::Done;
        }
        tell.send(id).ok();
        if rounds.fetch_add(1, Ordering::Relaxed) < 9 { Ran::Again } else { Ran::Done }
    });
    crew.put(0);
    let order: Vec<u64> = told.iter().take(10).collect();
    assert_eq!(order, [3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    drop(crew);
}

#[test]
fn a_slot_is_taken_first_but_not_for_ever() {
    let left = Left::new(2);
    let (tell, told) = mpsc::channel();
    let (turns, other) = (AtomicU64::new(0), 1);
    let crew = start(&Options::new(1), &left, move |id, worker| {
        tell.send(id).ok();
        if id == 0 {
            worker.put(other);
            worker.put_next(2);
        } else if id >= 2 && turns.fetch_add(1, Ordering::Relaxed) < 40 {
            // A chain of tasks, each of which makes the next ready.
            worker.put_next(id + 1);
        }
        Ran::Done
    });
    crew.put(0);
    let order: Vec<u64> = told.iter().take(30).collect();
    assert_eq!(order[..3], [0, 2, 3]);
    assert!(order.contains(&other), "{order:?}");
    drop(crew);
}

#[test]
fn a_panic_ends_its_task_and_not_its_thread() {
    /// A payload whose drop panics, too.
    struct Twice;
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("again");
        }
    }

    let left = Left::new(300);
    let crew = start(&Options::new(2), &left, |id, worker| {
        if id < 100 {
            worker.put(id + 100);
            worker.put_next(id + 200);
        }
        match id % 3 {
            0 => panic!("once"),
            1 => std::panic::panic_any(Twice),
            _ => Ran::Done,
        }
    });
    (0..100).for_each(|id| crew.put(id));
    left.wait();
    assert_eq!(crew.shutdown(Duration::MAX).unreturned, []);
    clean(&crew);
}

#[test]
fn a_shutdown_gives_back_what_did_not_start_and_names_who_has_not_returned() {
    let (left, dropped) = (Left::new(100), Arc::default());
    let (started, has_started) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let run = move |id: u64, worker: &Worker<Flight<16>>| {
        worker.put(id + 10);
        worker.put_next(id + 20);
        started.send(()).ok();
        wait.lock().expect("no panic").recv().ok();
        Ran::Done
    };
    let tasks = Counted { run: Box::new(run), left, dropped: Arc::clone(&dropped) };
    let crew = Crew::start(&Options::new(1), tasks).expect("a thread");
    crew.put(1);
    has_started.recv().expect("it starts");
    crew.put(2);
    let ended = crew.shutdown(Duration::ZERO);
    let [stuck] = &ended.unreturned[..] else { panic!("{ended:?}") };
    assert_eq!((stuck.worker, stuck.thread.as_str(), stuck.id), (0, "windlass-pool-0", Some(1)));
    let gone = |dropped: &Mutex<Vec<u64>>| dropped.lock().expect("no panic").clone();
    assert_eq!(gone(&dropped), [2, 11, 21]);
    // Too late.
    crew.put(3);
    assert_eq!(gone(&dropped), [2, 11, 21, 3]);
    drop(go);
    assert_eq!(crew.shutdown(Duration::MAX).unreturned, []);
    clean(&crew);
}

#[test]
fn nothing_that_is_put_in_while_the_pool_closes_stays() {
    for round in 0..50 {
        let (left, dropped) = (Left::new(u64::MAX), Arc::default());
        let ran = Arc::new(Mutex::new(Vec::new()));
        let runs = Arc::clone(&ran);
        let run = move |id: u64, worker: &Worker<Flight<16>>| {
            runs.lock().expect("no panic").push(id);
            if id < 1_000 {
                worker.put(id + 1_000);
            }
            Ran::Done
        };
        let tasks = Counted { run: Box::new(run), left, dropped: Arc::clone(&dropped) };
        let crew = Crew::start(&Options::new(2), tasks).expect("threads");
        std::thread::scope(|scope| {
            scope.spawn(|| (0..100).for_each(|id| crew.put(id)));
            scope.spawn(|| {
                (0..round).for_each(|_| std::thread::yield_now());
                crew.shutdown(Duration::MAX)
            });
        });
        let ran = ran.lock().expect("no panic");
        let put = 100 + ran.iter().filter(|id| **id < 1_000).count();
        let dropped = dropped.lock().expect("no panic");
        let all: HashSet<u64> = ran.iter().chain(&*dropped).copied().collect();
        assert_eq!((all.len(), ran.len() + dropped.len()), (put, put));
        clean(&crew);
    }
}

#[test]
fn an_idle_pool_goes_to_sleep_once_and_stays_asleep() {
    let left = Left::new(1);
    let crew = start(&Options::new(3), &left, |_, _| Ran::Done);
    crew.put(0);
    left.wait();
    // All sleep now or soon, each for the last time: three, and those that were woken for the one task.
    let mut parks = crew.parks();
    for _ in 0..1_000 {
        std::thread::yield_now();
        parks = crew.parks();
    }
    assert!(parks <= 3 + 3, "{parks} sleeps");
    drop(crew);
}

#[test]
fn a_pool_can_be_dropped_by_its_own_task() {
    let (tell, told) = mpsc::channel();
    let hold: Arc<Mutex<Option<Crew<Exact>>>> = Arc::default();
    let own = Arc::clone(&hold);
    let crew: Crew<Exact> = Crew::start(&Options::new(2), move |_: u64, _: &Worker<Exact>| {
        let crew = own.lock().expect("no panic").take();
        tell.send(crew.is_some()).ok();
        drop(crew);
        Ran::Done
    })
    .expect("threads");
    let mut held = hold.lock().expect("no panic");
    crew.put(0);
    *held = Some(crew);
    drop(held);
    assert_eq!(told.recv(), Ok(true));
    // The channel closes when the pool's tasks are dropped, so its threads have come to their end.
    assert!(told.recv().is_err());
}

/// A pool whose only worker is held by task 0 while `put` puts ids in; how often each of the ids below 10 then ran, and
/// what the audit found.
fn held_while(mode: Mode, put: impl FnOnce(&Crew<Exact>)) -> ([u64; 10], Vec<Kind>) {
    let runs: Arc<[AtomicU64; 10]> = Arc::default();
    let (started, has_started) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let (seen, wait) = (Arc::clone(&runs), Mutex::new(wait));
    let options = Options { slots: 10, audit: Settings { mode, ..Settings::default() }, ..Options::new(1) };
    let crew = Crew::start(&options, move |id: u64, _: &Worker<Exact>| {
        if let Some(runs) = seen.get(id as usize) {
            runs.fetch_add(1, Ordering::Relaxed);
        }
        if id == 0 {
            started.send(()).ok();
            wait.lock().expect("no panic").recv().ok();
        }
        Ran::Done
    })
    .expect("a thread");
    crew.put(0);
    has_started.recv().expect("it starts");
    put(&crew);
    drop(go);
    // First in, first out: when the last has started, the others have ended.
    crew.put(8);
    while runs[8].load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(crew.shutdown(Duration::MAX).unreturned, []);
    let kinds = crew.report(Moment::Quiescent).found().map(|(kind, _)| kind).collect();
    (std::array::from_fn(|id| runs[id].load(Ordering::Relaxed)), kinds)
}

#[test]
fn an_id_that_is_put_in_twice_is_reported_and_runs_once_if_the_audit_may_refuse() {
    let twice = |crew: &Crew<Exact>| {
        crew.put(3);
        crew.put(3);
    };
    let (runs, kinds) = held_while(Mode::Enforce, twice);
    assert_eq!((runs[3], &kinds[..1]), (1, &[Kind::MultipleOwners][..]));
    let (runs, kinds) = held_while(Mode::Observe, twice);
    assert_eq!((runs[3], &kinds[..1]), (2, &[Kind::MultipleOwners][..]));
}

#[test]
fn an_id_that_the_audit_has_no_slot_for_is_reported() {
    let (runs, kinds) = held_while(Mode::Observe, |crew| {
        crew.put(10);
        crew.put(9);
    });
    assert_eq!((runs[9], kinds), (1, vec![Kind::UnknownId]));
}

/// Counts how often its workers have found nothing.
struct Idlers(Arc<AtomicU64>);

impl Tasks for Idlers {
    fn run(&self, _: u64, _: &Worker) -> Ran {
        Ran::Done
    }

    fn idle(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_worker_says_that_it_has_found_nothing_before_it_sleeps() {
    let idle = Arc::new(AtomicU64::new(0));
    let crew: Crew = Crew::start(&Options::new(1), Idlers(Arc::clone(&idle))).expect("threads");
    for id in 0..3 {
        while crew.parks() == id {
            std::thread::yield_now();
        }
        let parks = crew.parks();
        assert!(idle.load(Ordering::SeqCst) >= parks);
        crew.put(id);
    }
}

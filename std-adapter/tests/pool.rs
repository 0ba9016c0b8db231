//! The pool: its bounds, its panics, its cancellations and its end. Jobs are held by gates, never by time.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Condvar, Mutex};

use common::bounded;
use futures_lite::future::block_on;
use windlass_std::audit::{Exact, Moment};
use windlass_std::pool::{Options, Ran};
use windlass_std::{CancelToken, Job, JobError, Pool, Rejected};

/// Holds jobs until it is opened.
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

/// Every test below runs under the exact audit.
fn pool_of(threads: usize, bound: usize) -> Pool<Exact> {
    bounded();
    Pool::with_options(&Options::new(threads), bound).unwrap()
}

/// A job at work in `pool` that stays there until the gate is opened, and is known to have started.
fn held(pool: &Pool<Exact>) -> (Job<()>, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let (inner, (started, has_started)) = (Arc::clone(&gate), mpsc::channel());
    let job = pool
        .spawn(None, move |_: &CancelToken| {
            started.send(()).unwrap();
            inner.pass();
        })
        .unwrap();
    has_started.recv().unwrap();
    (job, gate)
}

#[test]
fn as_many_jobs_run_as_there_are_threads_and_never_more() {
    const THREADS: usize = 3;
    let pool = pool_of(THREADS, 60);
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Each job meets two others: so three run at once, or none ends.
    let barrier = Arc::new(Barrier::new(THREADS));
    let jobs: Vec<_> = (0..60)
        .map(|n| {
            let (at_once, most, barrier) = (Arc::clone(&at_once), Arc::clone(&most), Arc::clone(&barrier));
            pool.spawn(None, move |_| {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                barrier.wait();
                at_once.fetch_sub(1, Ordering::SeqCst);
                n
            })
            .unwrap()
        })
        .collect();
    let results: Vec<_> = jobs.into_iter().map(|job| block_on(job).unwrap()).collect();
    assert_eq!(results, (0..60).collect::<Vec<_>>());
    assert_eq!(most.load(Ordering::SeqCst), THREADS);
}

#[test]
fn a_full_line_gives_the_job_back_and_takes_it_when_there_is_room() {
    let pool = pool_of(1, 2);
    let (mut first, gate) = held(&pool);
    let mut waiting: Vec<_> = (0..2).map(|n| pool.spawn(None, move |_| n).unwrap()).collect();
    assert_eq!(pool.spawner().load(), (2, 1));
    let text = "precious".to_owned();
    let rejected = pool.spawn(None, move |_| text).unwrap_err();
    assert_eq!(rejected.to_string(), "the pool's line is full");
    assert!(matches!(rejected, Rejected::Full(_)));
    gate.open();
    assert_eq!(first.wait(), Ok(()));
    assert_eq!(waiting[0].wait(), Ok(0));
    // A result is shown only after its thread is free for the next: there is room now, whatever the other thread
    // does.
    let mut again = pool.spawn(None, rejected.into_inner()).unwrap();
    assert_eq!(again.wait(), Ok("precious".to_owned()));
    assert_eq!(waiting[1].wait(), Ok(1));
}

#[test]
fn a_pool_without_a_line_takes_as_many_jobs_as_it_has_threads() {
    let pool = pool_of(2, 0);
    let (mut one, gate) = held(&pool);
    let (_two, other) = held(&pool);
    assert!(matches!(pool.spawn(None, |_| ()), Err(Rejected::Full(_))));
    gate.open();
    one.wait().unwrap();
    pool.spawn(None, |_| ()).unwrap().wait().unwrap();
    other.open();
}

#[test]
fn a_job_cancelled_in_line_never_starts_and_leaves_room() {
    let pool = pool_of(1, 1);
    let (mut first, gate) = held(&pool);
    let started = Arc::new(AtomicBool::new(false));
    let start = |started: &Arc<AtomicBool>| {
        let started = Arc::clone(started);
        pool.spawn(None, move |_| started.store(true, Ordering::SeqCst))
    };
    let mut cancelled = start(&started).unwrap();
    assert!(start(&started).is_err());
    cancelled.cancel();
    assert!(cancelled.is_ended());
    assert_eq!(cancelled.poll(), Some(Err(JobError::Cancelled)));
    drop(start(&started).unwrap()); // as good as cancelled
    let mut last = pool.spawn(None, |_| 3).unwrap();
    gate.open();
    assert_eq!((first.wait(), last.wait()), (Ok(()), Ok(3)));
    assert!(!started.load(Ordering::SeqCst));
}

#[test]
fn a_running_job_learns_that_it_was_cancelled_and_may_still_answer() {
    let pool = pool_of(1, 0);
    let (started, has_started) = mpsc::channel();
    let mut job = pool
        .spawn(None, move |token| {
            started.send(()).unwrap();
            while !token.is_cancelled() {
                std::thread::yield_now();
            }
            "stopped half-way"
        })
        .unwrap();
    has_started.recv().unwrap();
    assert_eq!(job.poll(), None);
    job.cancel();
    assert_eq!(job.wait(), Ok("stopped half-way"));
    assert_eq!(job.poll(), Some(Err(JobError::Cancelled))); // taken already
}

/// Panics when it is dropped.
struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn a_thread_survives_every_kind_of_panic() {
    let pool = pool_of(1, 8);
    let mut text = pool.spawn(None, |_| -> () { panic!("plain") }).unwrap();
    let mut formatted = pool.spawn(None, |_| -> () { panic!("{} and {}", 1, 2) }).unwrap();
    let mut number = pool.spawn(None, |_| -> () { std::panic::panic_any(5) }).unwrap();
    let mut payload = pool.spawn(None, |_| -> () { std::panic::panic_any(Bomb) }).unwrap();
    let bomb = Bomb;
    let mut captured = pool.spawn(None, move |_| drop(bomb)).unwrap();
    let messages = [text.wait(), formatted.wait(), number.wait(), payload.wait(), captured.wait()];
    let expected = ["plain", "1 and 2", "not a text", "not a text", "dropped"];
    assert_eq!(messages, expected.map(|text| Err(JobError::Panicked(text.to_owned()))));
    // A result that nobody wants is dropped by the thread.
    let (gate, inner) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (gate_in_job, started) = (Arc::clone(&gate), Arc::clone(&inner));
    let job = pool.spawn(None, move |_| {
        started.open();
        gate_in_job.pass();
        Bomb
    });
    inner.pass();
    drop(job);
    gate.open();
    assert_eq!(pool.spawn(None, |_| 7).unwrap().wait(), Ok(7));
}

#[test]
fn the_end_of_a_pool_cancels_the_line_and_waits_for_what_runs() {
    let pool = pool_of(1, 4);
    let spawner = pool.spawner();
    let finished = Arc::new(AtomicBool::new(false));
    let (done, (started, has_started)) = (Arc::clone(&finished), mpsc::channel());
    let mut running = pool
        .spawn(None, move |token| {
            started.send(()).unwrap();
            // Ends only because the pool asks it to.
            while !token.is_cancelled() {
                std::thread::yield_now();
            }
            done.store(true, Ordering::SeqCst);
        })
        .unwrap();
    has_started.recv().unwrap();
    let bomb = Bomb;
    let mut in_line = pool.spawn(None, |_| unreachable!("it never starts")).unwrap();
    let mut never = pool
        .spawn(None, move |_| {
            let _ = &bomb;
        })
        .unwrap();
    pool.shutdown();
    assert!(finished.load(Ordering::SeqCst));
    assert_eq!(running.poll(), Some(Ok(())));
    let cancelled: Option<Result<(), _>> = in_line.poll();
    assert_eq!(cancelled, Some(Err(JobError::Cancelled)));
    assert_eq!(never.wait(), Err(JobError::Cancelled));
    let late = spawner.spawn(None, |_| 9).unwrap_err();
    assert_eq!(late.to_string(), "the pool is shut down");
    assert_eq!((late.into_inner())(&CancelToken::default()), 9);
}

#[test]
fn a_job_may_own_its_pool() {
    let pool = pool_of(2, 2);
    let spawner = pool.spawner();
    let (ended, has_ended): (Sender<()>, Receiver<()>) = mpsc::channel();
    let _job = spawner
        .spawn(None, move |_| {
            drop(pool); // waits for the other thread, not for this one
            ended.send(()).unwrap();
        })
        .unwrap();
    has_ended.recv().unwrap();
    assert!(matches!(spawner.spawn(None, |_| ()), Err(Rejected::Closed(_))));
}

#[test]
fn a_pool_needs_a_thread() {
    assert_eq!(Pool::new(0, 10).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}

fn clean(pool: &Pool<Exact>) {
    let report = pool.report(Moment::Quiescent);
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_job_waits_for_another_only_while_a_thread_is_left_for_it() {
    let pool = pool_of(2, 10);
    // Two jobs that meet, so each has a thread, and then spawn and wait: the later one is told.
    let barrier = Arc::new(Barrier::new(2));
    let jobs: Vec<_> = (0..2)
        .map(|n| {
            let (spawner, barrier) = (pool.spawner(), Arc::clone(&barrier));
            pool.spawn(None, move |_| {
                barrier.wait();
                let mut inner = spawner.spawn(None, move |_| n).unwrap();
                (inner.wait(), inner)
            })
            .unwrap()
        })
        .collect();
    let mut results: Vec<_> = jobs.into_iter().map(|mut job| job.wait().unwrap()).collect();
    // Both had their threads, so at most one could wait; and when one is told, its thread is free for the other's job.
    let left = results.iter().filter(|(result, _)| *result == Err(JobError::NoThreadLeft)).count();
    assert!(left <= 1);
    for (n, (result, inner)) in results.iter_mut().enumerate() {
        let result = if *result == Err(JobError::NoThreadLeft) { inner.wait() } else { result.clone() };
        assert_eq!(result, Ok(n));
    }
    clean(&pool);
}

#[test]
fn a_chain_of_jobs_that_wait_for_each_other_does_not_hang() {
    fn deeper(spawner: &windlass_std::Spawner, depth: usize) -> (usize, Result<(), JobError>) {
        let inner = spawner.clone();
        let mut job = spawner.spawn(None, move |_| deeper(&inner, depth + 1)).unwrap();
        match job.wait() {
            Ok(deepest) => deepest,
            Err(error) => (depth, Err(error)),
        }
    }
    let pool = pool_of(3, 10);
    let spawner = pool.spawner();
    let mut first = pool.spawn(None, move |_| deeper(&spawner, 1)).unwrap();
    // Whichever of the three waits last is told.
    let (depth, result) = first.wait().unwrap();
    assert!((1..=3).contains(&depth));
    assert_eq!(result, Err(JobError::NoThreadLeft));
}

#[test]
fn a_job_of_another_pool_can_be_waited_for() {
    let (outer, inner) = (pool_of(1, 1), pool_of(1, 1));
    let spawner = inner.spawner();
    let mut job = outer.spawn(None, move |_| spawner.spawn(None, |_| 5).unwrap().wait()).unwrap();
    assert_eq!(job.wait(), Ok(Ok(5)));
}

#[test]
fn jobs_that_spawn_jobs_are_all_run() {
    fn tree(spawner: &windlass_std::Spawner, depth: u32, count: &Arc<AtomicUsize>) {
        count.fetch_add(1, Ordering::Relaxed);
        for _ in 0..if depth == 0 { 0 } else { 2 } {
            let (own, count) = (spawner.clone(), Arc::clone(count));
            spawner.detach(move |_| tree(&own, depth - 1, &count)).unwrap();
        }
    }
    let pool = pool_of(3, 5_000);
    let count = Arc::new(AtomicUsize::new(0));
    tree(&pool.spawner(), 10, &count);
    while pool.spawner().load() != (0, 0) {
        std::thread::yield_now();
    }
    assert_eq!(count.load(Ordering::SeqCst), 2_047);
    clean(&pool);
}

#[test]
fn cancelled_jobs_do_not_pile_up_behind_one_that_blocks() {
    // So many slots that the held job, one that waits and some cancelled ones fit.
    let options = Options { slots: 80, ..Options::new(1) };
    let pool: Pool<Exact> = Pool::with_options(&options, 2).unwrap();
    let (mut first, gate) = held(&pool);
    let mut waiting = pool.spawn(None, |_| 1).unwrap();
    for _ in 0..10_000 {
        drop(pool.spawn(None, |_| unreachable!("it is cancelled")).unwrap());
    }
    assert_eq!(pool.spawner().load(), (1, 1));
    gate.open();
    assert_eq!((first.wait(), waiting.wait()), (Ok(()), Ok(1)));
    // The last of them leave the line.
    pool.spawn(None, |_| ()).unwrap().wait().unwrap();
    clean(&pool);
}

#[test]
fn more_jobs_than_an_audit_can_tell_apart_are_refused() {
    let options = Options { slots: 1, ..Options::new(1) };
    let pool: Pool<Exact> = Pool::with_options(&options, 10).unwrap();
    let (mut first, gate) = held(&pool);
    assert!(matches!(pool.spawn(None, |_| ()), Err(Rejected::Full(_))));
    gate.open();
    first.wait().unwrap();
    pool.spawn(None, |_| ()).unwrap().wait().unwrap();
}

#[test]
fn a_shutdown_from_a_job_names_that_job_alone() {
    let pool = pool_of(2, 2);
    let mut job = {
        let (give, take) = mpsc::channel::<Pool<Exact>>();
        let job = pool.spawn(None, move |_| take.recv().unwrap().shutdown_timeout(std::time::Duration::MAX));
        give.send(pool).unwrap();
        job.unwrap()
    };
    assert_eq!(job.wait().unwrap().unreturned.len(), 1);
}

#[test]
fn a_job_that_panics_after_it_was_stolen_is_a_failure_like_any() {
    let pool = pool_of(2, 10);
    let spawner = pool.spawner();
    let mut outer = pool
        .spawn(None, move |_| {
            // From this thread's own deque, so only the other thread can run it: by stealing.
            let mut inner: Job<()> = spawner.spawn(None, |_| panic!("far from home")).unwrap();
            inner.wait()
        })
        .unwrap();
    assert_eq!(outer.wait(), Ok(Err(JobError::Panicked("far from home".to_owned()))));
    let report = pool.report(Moment::Live);
    assert!(report.is_clean() && report.totals.stolen > 0, "{report}");
}

#[test]
fn an_idle_pool_adds_no_sleep() {
    let pool = pool_of(3, 10);
    pool.spawn(None, |_| ()).unwrap().wait().unwrap();
    let mut before = 0;
    // Until all have gone to sleep.
    while pool.parks() < 3 || before != pool.parks() {
        before = pool.parks();
        std::thread::yield_now();
    }
    assert!(before <= 3 + 3, "{before} sleeps");
}

/// Waits until no job is in line or at work.
fn until_none(pool: &Pool<Exact>) {
    while pool.spawner().load() != (0, 0) {
        std::thread::yield_now();
    }
}

#[test]
fn a_job_of_several_turns_lets_others_run_in_between() {
    let pool = pool_of(1, 10);
    let (tell, told) = mpsc::channel();
    let own = pool.spawner();
    // Both in the line of the thread.
    let both = pool.spawn(None, move |_| {
        for name in ["a", "b"] {
            let (tell, mut turn) = (tell.clone(), 0);
            let turns = move |_: &CancelToken| {
                turn += 1;
                tell.send((name, turn)).unwrap();
                if turn < 3 { Ran::Again } else { Ran::Done }
            };
            own.detach_turns(turns).unwrap();
        }
    });
    both.unwrap().wait().unwrap();
    let turns: Vec<_> = told.iter().collect();
    let of = |name| turns.iter().filter(|(one, _)| *one == name).map(|(_, turn)| *turn).collect::<Vec<_>>();
    assert_eq!((of("a"), of("b")), (vec![1, 2, 3], vec![1, 2, 3]));
    // Neither had all of its turns before the other had one.
    assert!(
        turns.iter().position(|turn| *turn == ("b", 1)) < turns.iter().position(|turn| *turn == ("a", 3))
    );
    until_none(&pool);
    clean(&pool);
}

#[test]
fn a_job_of_several_turns_takes_part_in_the_bound_once() {
    let pool = pool_of(1, 1);
    let (gate, (tell, told)) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
    let (stop, mut turns) = (Arc::clone(&gate), 0_u64);
    pool.spawner()
        .detach_turns(move |_| {
            turns += 1;
            if turns == 100 {
                tell.send(()).unwrap();
            }
            if stop.load(Ordering::SeqCst) { Ran::Done } else { Ran::Again }
        })
        .unwrap();
    told.recv().unwrap();
    let (started, has_started) = mpsc::channel();
    let inner = Arc::new(Gate::default());
    let pass = Arc::clone(&inner);
    let mut other = pool
        .spawn(None, move |_| {
            started.send(()).unwrap();
            pass.pass();
        })
        .unwrap();
    has_started.recv().unwrap();
    assert_eq!(pool.spawner().load(), (1, 1));
    assert!(matches!(pool.spawner().detach_turns(|_| Ran::Again), Err(Rejected::Full(_))));
    gate.store(true, Ordering::SeqCst);
    inner.open();
    other.wait().unwrap();
    until_none(&pool);
    pool.spawn(None, |_| ()).unwrap().wait().unwrap();
    clean(&pool);
}

#[test]
fn a_panic_ends_a_job_of_several_turns_and_what_it_owns_is_dropped() {
    let pool = pool_of(1, 10);
    let owned = Arc::new(());
    let (inner, bomb, mut turn) = (Arc::clone(&owned), Bomb, 0);
    pool.spawner()
        .detach_turns(move |_| {
            let _ = (&inner, &bomb);
            turn += 1;
            assert!(turn < 3, "its third turn");
            Ran::Again
        })
        .unwrap();
    until_none(&pool);
    assert_eq!(Arc::strong_count(&owned), 1);
    // And if it says that it is done.
    let (inner, bomb) = (Arc::clone(&owned), Bomb);
    pool.spawner()
        .detach_turns(move |_| {
            let _ = (&inner, &bomb);
            Ran::Done
        })
        .unwrap();
    until_none(&pool);
    assert_eq!(pool.spawn(None, |_| 7).unwrap().wait(), Ok(7));
    assert_eq!(Arc::strong_count(&owned), 1);
    clean(&pool);
}

#[test]
fn the_end_of_a_pool_is_the_end_of_a_job_of_several_turns() {
    let pool = pool_of(2, 10);
    let owned = Arc::new(());
    let (tell, told) = mpsc::channel();
    for bomb in [true, false] {
        let (inner, tell) = (Arc::clone(&owned), tell.clone());
        let bomb = bomb.then(|| Bomb);
        pool.spawner()
            .detach_turns(move |_| {
                let _ = (&inner, &bomb);
                tell.send(()).ok();
                Ran::Again
            })
            .unwrap();
    }
    for _ in 0..100 {
        told.recv().unwrap();
    }
    assert!(pool.shutdown_timeout(std::time::Duration::MAX).unreturned.is_empty());
    assert_eq!(Arc::strong_count(&owned), 1);
}

#[test]
fn a_wide_bound_is_exact_once_its_threads_have_nothing_to_do() {
    const THREADS: usize = 2;
    const BOUND: usize = 4_000;
    let pool = pool_of(THREADS, BOUND);
    // How many find room while both threads are held.
    let room = || {
        let gates: Vec<_> = (0..THREADS).map(|_| held(&pool)).collect();
        let jobs: Vec<_> = std::iter::from_fn(|| pool.spawn(None, |_| ()).ok()).collect();
        assert_eq!(pool.spawner().load(), (jobs.len(), THREADS));
        let room = jobs.len();
        drop(jobs);
        gates.into_iter().for_each(|(_, gate)| gate.open());
        until_none(&pool);
        room
    };
    for _ in 0..3 {
        // Jobs that put in others, on both threads.
        let barrier = Arc::new(Barrier::new(THREADS));
        for _ in 0..THREADS {
            let (own, barrier) = (pool.spawner(), Arc::clone(&barrier));
            let outer = move |_: &CancelToken| {
                barrier.wait();
                for n in 0..500 {
                    let inner = own.clone();
                    own.detach(move |_| drop(inner.detach(move |_| assert!(n < 500)))).unwrap();
                }
            };
            pool.spawner().detach(outer).unwrap();
        }
        until_none(&pool);
        assert!((BOUND - THREADS * 64..=BOUND).contains(&room()));
    }
    // As soon as both have been idle, every place is free.
    while room() < BOUND {
        std::thread::yield_now();
    }
    clean(&pool);
}

#[test]
fn jobs_of_every_kind_at_once_are_all_over_in_the_end_and_leave_nothing() {
    for bound in [40, 20_000] {
        let pool = pool_of(3, bound);
        let (owned, ran) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
        let put = |n: usize| {
            let (spawner, own, ran) = (pool.spawner(), Arc::clone(&owned), Arc::clone(&ran));
            let mut left = n % 4;
            match n % 3 {
                // It puts in others, as far as there is room.
                0 => {
                    let job = move |_: &CancelToken| {
                        for _ in 0..left {
                            let inner = Arc::clone(&own);
                            drop(spawner.detach(move |_| drop(inner)));
                            drop(spawner.spawn(None, |_| ()));
                        }
                        ran.fetch_add(1, Ordering::Relaxed);
                    };
                    pool.spawner().detach(job).is_ok()
                }
                1 => {
                    let turn = move |_: &CancelToken| {
                        let _ = &own;
                        if left > 0 {
                            left -= 1;
                            return Ran::Again;
                        }
                        ran.fetch_add(1, Ordering::Relaxed);
                        assert!(n % 50 != 1, "some end so");
                        Ran::Done
                    };
                    pool.spawner().detach_turns(turn).is_ok()
                }
                _ => {
                    // Cancelled in line, at work, or too late.
                    drop(pool.spawn(None, move |_| drop(own)));
                    false
                }
            }
        };
        let taken: usize = std::thread::scope(|scope| {
            let producer = || (0..2_000).filter(|n| put(*n)).count();
            let other = scope.spawn(producer);
            producer() + other.join().unwrap()
        });
        until_none(&pool);
        assert_eq!(ran.load(Ordering::SeqCst), taken);
        assert_eq!(Arc::strong_count(&owned), 1);
        assert!(pool.report(Moment::Live).is_clean());
    }
}

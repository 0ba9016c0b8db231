//! The pool: its bounds, its panics, its cancellations and its end. Jobs are held by gates, never by time.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Condvar, Mutex};

use common::bounded;
use futures_lite::future::block_on;
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

fn pool_of(threads: usize, bound: usize) -> Pool {
    bounded();
    Pool::new(threads, bound).unwrap()
}

/// A job at work in `pool` that stays there until the gate is opened, and is known to have started.
fn held(pool: &Pool) -> (Job<()>, Arc<Gate>) {
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

//! Wakes from many real threads, with the real clock and the real sleep. Nothing here depends on how long anything
//! takes.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{Do, bounded};
use windlass::{Boxed, DynWork, Next, Outcome, Scheduler, Spec};
use windlass_std::Driver;

/// A livelock or a lost wake fails, it does not hang.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn no_wake_of_any_thread_is_lost() {
    const NODES: usize = 70;
    /// What each thread steps by; without a common divisor with `NODES`, so each comes to all.
    const STEPS: [usize; 4] = [1, 3, 9, 11];
    const ROUNDS: u32 = 500;
    const ALL: u32 = STEPS.len() as u32 * ROUNDS;
    let counters: Arc<Vec<AtomicU32>> = Arc::new((0..NODES).map(|_| AtomicU32::new(0)).collect());
    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(NODES);
    let mut ids = Vec::new();
    for node in 0..NODES {
        let counters = Arc::clone(&counters);
        // Ends only if it looks after the last thread has counted.
        let count = Do::new(move |_| {
            if counters[node].load(Ordering::Relaxed) == ALL { Outcome::Success } else { Outcome::Waiting }
        });
        ids.push(scheduler.add(Spec::work("count", DynWork::new(count))).unwrap());
    }
    let mut driver = Driver::new(scheduler);
    let handles: Vec<_> = ids.iter().map(|id| driver.scheduler_mut().wake_handle(*id).unwrap()).collect();
    let threads: Vec<_> = STEPS
        .map(|step| {
            let (counters, handles) = (Arc::clone(&counters), handles.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS as usize {
                    for at in 0..NODES {
                        let node = (at * step + round) % NODES;
                        counters[node].fetch_add(1, Ordering::Relaxed);
                        handles[node].wake();
                    }
                }
            })
        })
        .into();
    assert_eq!(driver.run_until(driver.now() + LIMIT), Next::Done);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_ball_thrown_between_two_threads_is_always_caught() {
    const THROWS: u32 = 2_000;
    let ball = Arc::new(AtomicU32::new(0));
    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(200); // shares no wake set
    let caught = Arc::clone(&ball);
    let (sender, receiver) = std::sync::mpsc::channel();
    // Odd: in the air towards the work, which throws it back and sleeps again; so each throw meets the driver on its
    // way to sleep.
    let mut last = 0;
    let catch = Do::new(move |_| {
        let now = caught.load(Ordering::Acquire);
        if now == last {
            return Outcome::Waiting;
        }
        last = now;
        sender.send(now).unwrap();
        if now == THROWS { Outcome::Success } else { Outcome::Waiting }
    });
    let id = scheduler.add(Spec::work("catch", DynWork::new(catch))).unwrap();
    let mut driver = Driver::new(scheduler);
    let handle = driver.scheduler_mut().wake_handle(id).unwrap();
    let thrower = thread::spawn(move || {
        for throw in 1..=THROWS {
            ball.store(throw, Ordering::Release);
            handle.wake();
            if receiver.recv_timeout(LIMIT) != Ok(throw) {
                return throw;
            }
        }
        0
    });
    assert_eq!(driver.run_until(driver.now() + LIMIT), Next::Done);
    assert_eq!(thrower.join().unwrap(), 0, "this throw was not caught");
    assert!(driver.stats().polls <= u64::from(THROWS) + 1, "one poll a wake: {:?}", driver.stats());
}

#[test]
fn drivers_that_come_and_go_on_many_threads_share_their_wake_sets() {
    bounded();
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                barrier.wait();
                let mut stale = None;
                for _ in 0..200 {
                    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(3);
                    let mut first = true;
                    let wait = Do::new(move |cx| {
                        if std::mem::take(&mut first) {
                            let handle = cx.own_wake_handle().unwrap();
                            thread::spawn(move || handle.wake());
                            return Outcome::Waiting;
                        }
                        Outcome::Success
                    });
                    let id = scheduler.add(Spec::work("wait", DynWork::new(wait))).unwrap();
                    let mut driver = Driver::new(scheduler);
                    // A handle of a driver that is gone, at the worst of times: it may wake the wrong one, and never
                    // harms.
                    if let Some(stale) = stale.replace(driver.scheduler_mut().wake_handle(id).unwrap()) {
                        stale.wake();
                    }
                    assert_eq!(driver.run_until(driver.now() + LIMIT), Next::Done);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

//! A lower bound, not a peer: crossbeam's deques, in a loop that does nothing but take and run.
//!
//! Its threads never sleep within a round: who finds nothing yields and looks again. Tasks lie in the deques themselves,
//! so nothing is allocated for them; there is no end of a pool, no panic that is caught, nobody to be woken.
//! A deque is last in, first out, but for tasks that run again, which would keep the others waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_deque::{Injector, Stealer, Worker};

use super::load::{Host, Load, Task};
use crate::clock::{Contender, Who, timed};

pub(super) fn crossbeam<L: Load>(workers: usize, load: L) -> Contender {
    let bare = Bare::start(workers);
    Contender::new(Who::Crossbeam, move || {
        load.prepare();
        bare.wake();
        let (took, ()) = timed(|| load.drive(|task| bare.common.injector.push(task)));
        bare.rest();
        load.check();
        took
    })
}

/// Threads that rest between rounds.
struct Bare<T> {
    common: Arc<Common<T>>,
    threads: Vec<JoinHandle<()>>,
}

struct Common<T> {
    injector: Injector<T>,
    stealers: Vec<Stealer<T>>,
    awake: AtomicBool,
    closed: AtomicBool,
    /// How many look for tasks.
    looking: AtomicUsize,
}

impl<T: Task> Bare<T> {
    fn start(workers: usize) -> Self {
        let make = |_| if T::AGAIN { Worker::new_fifo() } else { Worker::new_lifo() };
        let deques: Vec<Worker<T>> = (0..workers).map(make).collect();
        let common = Arc::new(Common {
            injector: Injector::new(),
            stealers: deques.iter().map(Worker::stealer).collect(),
            awake: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            looking: AtomicUsize::new(0),
        });
        let start = |deque| {
            let common = Arc::clone(&common);
            thread::spawn(move || common.serve(&deque))
        };
        let threads = deques.into_iter().map(start).collect();
        Self { common, threads }
    }

    fn wake(&self) {
        self.common.awake.store(true, Ordering::Release);
        self.until(self.threads.len());
    }

    fn rest(&self) {
        self.common.awake.store(false, Ordering::Release);
        self.until(0);
    }

    fn until(&self, looking: usize) {
        while self.common.looking.load(Ordering::Acquire) != looking {
            self.threads.iter().for_each(|thread| thread.thread().unpark());
            thread::yield_now();
        }
    }
}

impl<T> Drop for Bare<T> {
    fn drop(&mut self) {
        self.common.closed.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // Its panic, if any, was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl<T: Task> Common<T> {
    fn serve(&self, deque: &Worker<T>) {
        while !self.closed.load(Ordering::Acquire) {
            if !self.awake.load(Ordering::Acquire) {
                thread::park();
                continue;
            }
            self.looking.fetch_add(1, Ordering::AcqRel);
            while self.awake.load(Ordering::Relaxed) {
                match self.next(deque) {
                    Some(task) => task.run(&Own(deque)),
                    None => thread::yield_now(),
                }
            }
            self.looking.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn next(&self, deque: &Worker<T>) -> Option<T> {
        let stolen = || {
            let others = self.stealers.iter().map(|other| other.steal_batch_and_pop(deque));
            self.injector.steal_batch_and_pop(deque).or_else(|| others.collect()).success()
        };
        deque.pop().or_else(stolen)
    }
}

struct Own<'a, T>(&'a Worker<T>);

impl<T: Task> Host<T> for Own<'_, T> {
    fn put(&self, task: T) {
        self.0.push(task);
    }
}

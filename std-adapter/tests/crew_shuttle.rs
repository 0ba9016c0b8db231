//! The whole pool, in orders of its threads that shuttle draws from a fixed seed: every task runs once, nobody sleeps for
//! ever, the end comes, and the audit finds nothing. Compiled by `cargo xtask test --only shuttle` alone.
#![cfg(shuttle)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::{Condvar, Mutex};
use shuttle::{Config, Runner, thread};
use windlass_std::audit::{Exact, Moment};
use windlass_std::pool::{Crew, Options, Ran, Tasks, Worker};

/// Runs a tree of tasks, in which some want to run twice, and some panic.
struct Tree {
    size: u64,
    seen: Arc<(Mutex<Vec<u64>>, Condvar)>,
    dropped: Arc<Mutex<Vec<u64>>>,
}

impl Tasks<Exact> for Tree {
    fn run(&self, id: u64, worker: &Worker<Exact>) -> Ran {
        let (seen, more) = &*self.seen;
        let mut ran = seen.lock().unwrap();
        let again = id % 4 == 1 && !ran.contains(&id);
        ran.push(id);
        drop(ran);
        if again {
            return Ran::Again;
        }
        for child in [2 * id, 2 * id + 1] {
            match child % 3 {
                _ if child > self.size => {}
                0 => worker.put_next(child),
                1 => worker.put_last(child),
                _ => worker.put(child),
            }
        }
        worker.end(id);
        more.notify_all();
        Ran::Done
    }

    fn dropped(&self, id: u64) {
        self.dropped.lock().unwrap().push(id);
    }
}

fn runs_of(size: u64) -> usize {
    (1..=size).map(|id| if id % 4 == 1 { 2 } else { 1 }).sum()
}

fn pool(size: u64, workers: usize) -> (Crew<Exact>, Arc<(Mutex<Vec<u64>>, Condvar)>, Arc<Mutex<Vec<u64>>>) {
    let (seen, dropped) = (Arc::default(), Arc::default());
    let tasks = Tree { size, seen: Arc::clone(&seen), dropped: Arc::clone(&dropped) };
    let options = Options { local: 2, batch: 2, slots: 32, ..Options::new(workers) };
    (Crew::start(&options, tasks).unwrap(), seen, dropped)
}

fn clean(crew: &Crew<Exact>) {
    let report = crew.report(Moment::Quiescent);
    assert!(report.is_clean(), "{report}");
}

fn a_tree_is_run() {
    const SIZE: u64 = 12;
    let (crew, seen, dropped) = pool(SIZE, 2);
    crew.put(1);
    let mut ran = seen.0.lock().unwrap();
    while ran.len() < runs_of(SIZE) {
        ran = seen.1.wait(ran).unwrap();
    }
    assert_eq!((ran.len(), BTreeSet::from_iter(ran.iter()).len() as u64), (runs_of(SIZE), SIZE));
    drop(ran);
    assert!(crew.shutdown(Duration::MAX).unreturned.is_empty());
    assert!(dropped.lock().unwrap().is_empty());
    clean(&crew);
}

fn a_pool_that_closes_gives_the_rest_back() {
    let (crew, seen, dropped) = pool(9, 2);
    let crew = Arc::new(crew);
    let late = Arc::clone(&crew);
    let producer = thread::spawn(move || {
        late.put(1);
        late.put(20);
    });
    assert!(crew.shutdown(Duration::MAX).unreturned.is_empty());
    producer.join().unwrap();
    // What comes to an end is counted once, as run or as dropped; a task that would run again may be either.
    let ran = BTreeSet::from_iter(seen.0.lock().unwrap().iter().copied());
    let dropped = dropped.lock().unwrap();
    assert_eq!(BTreeSet::from_iter(dropped.iter()).len(), dropped.len());
    for id in [1, 20] {
        assert!(ran.contains(&id) || dropped.contains(&id), "{id} is lost");
    }
    clean(&crew);
}

const SEED: u64 = 0x5EED;

fn draw(test: impl Fn() + Send + Sync + Copy + 'static) {
    Runner::new(RandomScheduler::new_from_seed(SEED, 2_000), Config::new()).run(test);
    Runner::new(PctScheduler::new_from_seed(SEED, 3, 2_000), Config::new()).run(test);
}

#[test]
fn every_task_of_a_tree_is_run() {
    draw(a_tree_is_run);
}

#[test]
fn whatever_comes_while_a_pool_closes_is_run_or_given_back() {
    draw(a_pool_that_closes_gives_the_rest_back);
}

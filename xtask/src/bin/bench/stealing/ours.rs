//! Our side: the pool of ids with any audit, and the pool of closures.

use std::cell::Cell;

use windlass_std::audit::{Audit, Moment};
use windlass_std::pool::{Crew, Options, Ran, Worker};
use windlass_std::{Pool, Spawner};

use super::load::{Host, Load, Task};
use crate::clock::{Contender, Who, timed};

/// Ids; a task that wants to run again says so.
pub(super) fn crew<A: Audit, L: Load>(who: Who, workers: usize, load: L) -> Contender {
    let options = Options { slots: load.numbers() as usize, ..Options::new(workers) };
    let run = move |id: u64, worker: &Worker<A>| {
        let here = Here { id, worker, load, ran: Cell::new(Ran::Done) };
        load.task(id as u32).run(&here);
        here.ran.get()
    };
    let crew = Crew::<A>::start(&options, run).expect("threads can be started");
    // An id that has ended is dead, so what is put in from outside is of a new generation, and passes it on.
    let generation = Cell::new(0_u32);
    Contender::new(who, move || {
        load.prepare();
        let put = |task| {
            generation.set(generation.get().wrapping_add(1));
            crew.put(id(generation.get(), load.keep(task)));
        };
        let (took, ()) = timed(|| load.drive(put));
        load.check();
        if workers == 1 {
            // The thread that has ended the last task had ended all others before.
            let report = crew.report(Moment::Quiescent);
            assert!(report.is_clean(), "{report}");
        }
        took
    })
}

fn id(generation: u32, number: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(number)
}

struct Here<'a, A: Audit, L> {
    id: u64,
    worker: &'a Worker<A>,
    load: L,
    ran: Cell<Ran>,
}

impl<A: Audit, L: Load> Host<L::Task> for Here<'_, A, L> {
    fn put(&self, task: L::Task) {
        let number = self.load.keep(task);
        if L::Task::AGAIN {
            self.ran.set(Ran::Again);
        } else {
            self.worker.put(id((self.id >> 32) as u32, number));
        }
    }

    fn ending(&self) {
        self.worker.end(self.id);
    }
}

/// More jobs than there ever are.
const BOUND: usize = 1 << 20;

/// Closures; one that wants to run again says so.
pub(super) fn pool<L: Load>(workers: usize, load: L) -> Contender {
    let pool = Pool::new(workers, BOUND).expect("threads can be started");
    // Borrowed by every job, as the pools of the peers are known to their threads.
    let spawner: &'static Spawner = Box::leak(Box::new(pool.spawner()));
    Contender::new(Who::Pool, move || {
        let _alive = &pool;
        load.prepare();
        let (took, ()) = timed(|| load.drive(|task| detach(spawner, task)));
        load.check();
        took
    })
}

fn detach<T: Task>(spawner: &'static Spawner, task: T) {
    let taken = if T::AGAIN {
        let mut task = task;
        let turn = move |_: &_| {
            let turning = Turning(Cell::new(None));
            task.run(&turning);
            let Some(next) = turning.0.get() else { return Ran::Done };
            task = next;
            Ran::Again
        };
        spawner.detach_turns(turn).is_ok()
    } else {
        spawner.detach(move |_| task.run(&Spawning(spawner))).is_ok()
    };
    assert!(taken, "there is room");
}

struct Spawning(&'static Spawner);

impl<T: Task> Host<T> for Spawning {
    fn put(&self, task: T) {
        detach(self.0, task);
    }
}

/// What the task is in its next turn.
struct Turning<T>(Cell<Option<T>>);

impl<T: Task> Host<T> for Turning<T> {
    fn put(&self, task: T) {
        self.0.set(Some(task));
    }
}

//! Workload: many leaves under one parent, each cranked equally often, in turns.
//!
//! The peer is the loop one would write by hand over boxed trait objects: no states, no timers, no tree, so it is the
//! floor under any engine that cranks `dyn` works. Building and dropping the leaves is not timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use windlass::{Boxed, Cx, DynWork, Next, Outcome, Scheduler, Spec, Work};

use crate::interleave;
use crate::row::Row;

/// Measures `leaves` leaves, each of which needs `cranks` cranks.
pub(crate) fn measure(leaves: u32, cranks: u32) -> Row {
    let [ours, theirs] =
        interleave::medians(&mut [&mut || engine(leaves, cranks), &mut || boxed_loop(leaves, cranks)]);
    let n = u64::from(leaves) * u64::from(cranks);
    Row::new(format!("crank, {leaves} flat leaves x {cranks}"), n, Some(ours), "loop over Box<dyn>", theirs)
}

fn engine(leaves: u32, cranks: u32) -> Duration {
    let mut scheduler: Scheduler<DynWork, Boxed<DynWork>> = Scheduler::with_capacity(leaves as usize);
    for _ in 0..leaves {
        let added = scheduler.add(Spec::work("leaf", DynWork::new(CountDown(cranks))));
        assert!(added.is_ok(), "{added:?}");
    }
    let started = Instant::now();
    while scheduler.poll_work(windlass::Instant::ZERO) != Next::Done {}
    let took = started.elapsed();
    assert_eq!(scheduler.metrics().cranks, u64::from(leaves) * u64::from(cranks));
    took
}

/// What the hand-written loop drives.
trait Leaf {
    /// One step; `true` when there is more to do.
    fn crank(&mut self) -> bool;
}

struct CountDown(u32);

impl Leaf for CountDown {
    fn crank(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }
}

impl<W> Work<(), W> for CountDown {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        if self.crank() { Outcome::Running } else { Outcome::Success }
    }
}

fn boxed_loop(leaves: u32, cranks: u32) -> Duration {
    let mut leaves: Vec<Box<dyn Leaf>> =
        (0..leaves).map(|_| Box::new(CountDown(cranks)) as Box<dyn Leaf>).collect();
    // Hidden from the optimiser, which would otherwise know the one type behind the boxes.
    let leaves = black_box(leaves.as_mut_slice());
    let started = Instant::now();
    black_box(drive(leaves));
    started.elapsed()
}

/// Cranks every leaf in turn until a whole pass finds nothing more to do; says how many cranks that took.
fn drive(leaves: &mut [Box<dyn Leaf>]) -> u64 {
    let mut cranks = 0;
    loop {
        let mut more = false;
        for leaf in leaves.iter_mut() {
            more |= leaf.crank();
            cranks += 1;
        }
        if !more {
            return cranks;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_cranks_every_leaf_as_often_as_it_asks() {
        let mut leaves: Vec<Box<dyn Leaf>> =
            (0..10).map(|_| Box::new(CountDown(7)) as Box<dyn Leaf>).collect();
        assert_eq!(drive(&mut leaves), 70);
        assert!(leaves.iter_mut().all(|leaf| !leaf.crank()), "a leaf was left unfinished");
    }

    #[test]
    fn a_row_counts_every_crank_of_both() {
        let row = measure(20, 5);
        assert_eq!(row.n, 100);
        assert!(row.ours_ns.is_some_and(|ns| ns > 0.0));
    }
}

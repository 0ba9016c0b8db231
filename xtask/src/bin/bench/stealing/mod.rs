//! Workloads: the stealing pool beside other pools of threads, and its audits beside none.
//!
//! Each contender is handed the same tasks, and hands new ones to its own queues. Inside the clock: from the first task
//! that is put in until the thread that measures knows that the last has run. Outside: starting threads, once for all
//! rounds; whoever is not being measured sleeps.
//!
//! The invariant: *every contender runs each task once in a round*. The tasks that are last in their line are counted
//! down, exactly to zero, and none of them exists without those before it.
//!
//! Every contender is told of the end in the same way: the thread that measures sleeps until it is woken.

mod bare;
mod load;
mod ours;
mod peers;

use windlass_std::audit::{Exact, Flight, Ledger, Off};

use crate::clock::{Contender, Who};
use load::{Load, Pings, Tree, Turns};

/// Tasks of a tree: all levels of it are full.
pub(crate) const TREE: u32 = (1 << 17) - 1;
/// Tasks that run again and again, and how often each runs.
pub(crate) const TURNING: u32 = 256;
pub(crate) const TURNS: u32 = 1_000;
/// Tasks that are put in from outside, one after the other or in batches.
pub(crate) const PINGS: u32 = 2_000;
pub(crate) const BATCHES: u32 = 100;
pub(crate) const BATCH: u32 = 64;

/// Steps of arithmetic that take about 10, 100 and 200 ns where the page was measured.
pub(crate) const STEPS_10_NS: u32 = 8;
pub(crate) const STEPS_100_NS: u32 = 75;
pub(crate) const STEPS_200_NS: u32 = 150;

/// A binary tree of tasks, each of which does so many steps of arithmetic and puts in its two children.
pub(crate) fn tree(workers: usize, steps: u32) -> Vec<Contender> {
    let mut all = pools(workers, || Tree::new(TREE, steps));
    all.push(peers::rayon_scope(workers, Tree::new(TREE, steps)));
    all
}

/// Tasks that want to run again. What has no such tasks has some that put in the next.
pub(crate) fn again(workers: usize) -> Vec<Contender> {
    pools(workers, || Turns::new(TURNING, TURNS))
}

/// One task at a time, put in from outside and waited for.
pub(crate) fn single(workers: usize) -> Vec<Contender> {
    pools(workers, || Pings::new(PINGS, 1))
}

/// The same in batches.
pub(crate) fn batches(workers: usize) -> Vec<Contender> {
    pools(workers, || Pings::new(BATCHES, BATCH))
}

/// The layers of the audit beside none, on a tree.
pub(crate) fn audited_tree(steps: u32) -> Vec<Contender> {
    audits(|| Tree::new(TREE, steps))
}

/// The layers of the audit beside none, on tasks that run again.
pub(crate) fn audited_again() -> Vec<Contender> {
    audits(|| Turns::new(TURNING, TURNS))
}

fn pools<L: Load>(workers: usize, load: impl Fn() -> L) -> Vec<Contender> {
    vec![
        ours::crew::<Off, L>(Who::Crew, workers, load()),
        ours::pool(workers, load()),
        peers::rayon(workers, load()),
        peers::tokio(workers, load()),
        peers::async_executor(workers, load()),
        bare::crossbeam(workers, load()),
    ]
}

fn audits<L: Load>(load: impl Fn() -> L) -> Vec<Contender> {
    vec![
        ours::crew::<Ledger, L>(Who::Ledger, 1, load()),
        ours::crew::<Exact, L>(Who::Exact, 1, load()),
        ours::crew::<Flight<64>, L>(Who::Flight, 1, load()),
        ours::crew::<Off, L>(Who::Unwatched, 1, load()),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn two_rounds(contenders: Vec<Contender>) {
        for mut contender in contenders {
            for _ in 0..2 {
                assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
            }
        }
    }

    #[test]
    fn every_contender_runs_every_task_in_every_round() {
        for workers in 1..=3 {
            two_rounds(pools(workers, || Tree::new(1_023, 2)));
            two_rounds(vec![peers::rayon_scope(workers, Tree::new(1_023, 2))]);
            two_rounds(pools(workers, || Turns::new(20, 30)));
            two_rounds(pools(workers, || Pings::new(20, 1)));
            two_rounds(pools(workers, || Pings::new(5, 7)));
        }
    }

    #[test]
    fn no_audit_finds_anything() {
        two_rounds(audits(|| Tree::new(1_023, 2)));
        two_rounds(audits(|| Turns::new(20, 30)));
    }
}

//! What the memory alone costs: the tables of a workload, touched in the order in which the workload visits its nodes, and nothing else.
//!
//! One addition to eight bytes of each table for each visit; no links are followed and nothing is decided, so the processor may
//! overlap as many visits as it can. No engine with tables of this size can be faster, however few its instructions.

use std::mem::size_of;
use std::time::Duration;

use windlass::door::COLUMNS;

use crate::clock::{Contender, Who, timed};
use crate::graph;
use crate::random;
use crate::tree;
use crate::wake::{WAKES, lasting};

const WORD: usize = size_of::<u64>();
const HOT: usize = COLUMNS[0].1 / WORD;
const COLD: usize = COLUMNS[1].1 / WORD;
/// A slot of the table of works: a fat pointer.
const WORK: usize = 2;
/// What the allocator takes for a small box.
const BOX: usize = 4;

/// As [`crate::wake`] with so many sleepers: those that are woken, in their order. Their works have no size.
pub(crate) fn of_wakes(sleepers: u32) -> Contender {
    contender(move || {
        let order = random::shuffled(&(0..sleepers).collect::<Vec<_>>());
        Traffic::new(&[HOT, WORK], sleepers, order, WAKES as usize)
    })
}

/// As [`crate::tree`]: the leaves, whose indices depend on how the tree was planted, in turns from the top.
pub(crate) fn of_tree(shape: tree::Shape) -> Contender {
    contender(move || {
        let order: Vec<u32> = (0..shape.leaves()).map(|turn| tree::leaf_in_turn(shape, turn)).collect();
        let visits = order.len() * shape.cranks as usize;
        Traffic::new(&[HOT, WORK, BOX], shape.nodes() as u32, order, visits)
    })
}

/// As [`crate::abort`]: all leaves in the order in which they were added, once for the request and once for the clean-up.
pub(crate) fn of_abort(leaves: u32) -> Contender {
    contender(move || Traffic::new(&[HOT, COLD, WORK], leaves, (0..leaves).collect(), 2 * leaves as usize))
}

/// As the run of a [`crate::graph`]: all nodes, first come, first served. Their edges are left out.
pub(crate) fn of_graph(shape: graph::Shape) -> Contender {
    contender(move || {
        let order = graph::first_come_first_served(shape);
        Traffic::new(&[HOT, COLD, WORK, BOX], shape.nodes, order, shape.nodes as usize)
    })
}

fn contender(new: impl Fn() -> Traffic + 'static) -> Contender {
    Contender::new(Who::Memory, lasting(new, Traffic::round))
}

/// Tables, each with its width in words, and the rows to visit, which go on from where the last round ended.
struct Traffic {
    tables: Vec<(usize, Vec<u64>)>,
    order: Vec<u32>,
    visits: usize,
    at: usize,
}

impl Traffic {
    fn new(widths: &[usize], rows: u32, order: Vec<u32>, visits: usize) -> Self {
        // Not zeros, which would leave the pages unmade.
        let tables = widths.iter().map(|&width| (width, vec![1; width * rows as usize])).collect();
        Self { tables, order, visits, at: 0 }
    }

    fn round(&mut self) -> Duration {
        let visits = self.order.iter().cycle().skip(self.at).take(self.visits);
        let (took, ()) = timed(|| {
            for &row in visits {
                for (width, words) in &mut self.tables {
                    words[row as usize * *width] += 1;
                }
            }
        });
        self.at = (self.at + self.visits) % self.order.len();
        took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_visited_as_often_as_the_workload_says() {
        let mut traffic = Traffic::new(&[2, 3], 4, vec![3, 1, 0, 2], 6);
        for _ in 0..2 {
            let _ = traffic.round();
        }
        for (width, words) in &traffic.tables {
            let visits: Vec<u64> = words.iter().step_by(*width).map(|count| count - 1).collect();
            assert_eq!(visits, [3, 3, 3, 3]);
        }
    }

    #[test]
    fn the_orders_are_those_of_the_workloads() {
        let shape = tree::Shape { depth: 2, fan_out: 3, cranks: 1 };
        let order: Vec<u32> = (0..shape.leaves()).map(|turn| tree::leaf_in_turn(shape, turn)).collect();
        // Branch 0 with leaves 1 to 3, branch 4 with 5 to 7, branch 8 with 9 to 11: all branches take turns.
        assert_eq!(order, [1, 5, 9, 2, 6, 10, 3, 7, 11]);
        let mut order = graph::first_come_first_served(graph::Shape { nodes: 100, edges: 2 });
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<u32>>());
    }
}

//! Workload: a tree of parallel composites with equal fan-out, whose leaves are all cranked equally often, in turns.
//!
//! Inside the clock: the cranks. Outside: building the tree, spawning the tasks. The hand-written loop is a recursion over
//! boxed branches. Executors run one task (one set of futures) for each branch, which awaits those below; branches are
//! not counted as cranks. [`chain`] is for the plot over depth alone: one path of branches, and all leaves at its end.

use std::hint::black_box;
use std::time::Duration;

use bonsai_bt::{BT, Behavior};
use futures_util::StreamExt;
use windlass::{DynWork, NodeId, Spec};

use crate::clock::{Contender, Who, timed};
use crate::executors::{self, BoxedFutures};
use crate::flat;
use crate::leaf::{self, CountDown, Engine, Step};
use crate::memory;

/// Leaves at this depth, so many children a branch, so many cranks a leaf.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) depth: u32,
    pub(crate) fan_out: u32,
    pub(crate) cranks: u32,
}

impl Shape {
    pub(crate) const fn leaves(self) -> u64 {
        (self.fan_out as u64).pow(self.depth)
    }

    /// Nodes of the whole tree, the branches included.
    pub(crate) fn nodes(self) -> u64 {
        (1..=self.depth).map(|level| u64::from(self.fan_out).pow(level)).sum()
    }

    const fn below(self) -> Self {
        Self { depth: self.depth - 1, ..self }
    }
}

pub(crate) fn contenders(shape: Shape) -> Vec<Contender> {
    vec![
        Contender::new(Who::Ours, move || engine(shape)),
        Contender::new(Who::Loop, move || recursion(shape)),
        Contender::new(Who::Tokio, move || tokio(shape)),
        Contender::new(Who::AsyncExecutor, move || async_executor(shape)),
        Contender::new(Who::FuturesUnordered, move || futures(shape)),
        Contender::new(Who::Bonsai, move || bonsai(shape)),
        memory::of_tree(shape),
    ]
}

/// The index of the leaf whose turn it is at `turn` of a pass, if nodes are added as [`plant`] does: a branch before what is below it. Siblings
/// take turns at every level, so the digits of `turn`, the lowest first, are the branches to take.
pub(crate) fn leaf_in_turn(shape: Shape, turn: u64) -> u32 {
    let (mut index, mut rest, mut level) = (0, turn, shape);
    loop {
        let branch = rest % u64::from(level.fan_out);
        if level.depth == 1 {
            return (index + branch) as u32;
        }
        // A branch takes one slot, and those of what is below it.
        index += branch * (1 + level.below().nodes()) + 1;
        rest /= u64::from(level.fan_out);
        level = level.below();
    }
}

fn engine(shape: Shape) -> Duration {
    let mut scheduler = Engine::with_capacity(shape.nodes() as usize);
    plant(&mut scheduler, None, shape);
    run(&mut scheduler, shape.leaves() * u64::from(shape.cranks))
}

/// `leaves` leaves at the end of a chain of parallel composites, so that each lies at `depth`.
pub(crate) fn chain(depth: u32, leaves: u32, cranks: u32) -> Duration {
    let mut scheduler = Engine::with_capacity((depth + leaves) as usize);
    let end = (1..depth).fold(None, |parent, _| Some(add(&mut scheduler, parent, Spec::parallel("branch"))));
    for _ in 0..leaves {
        add(&mut scheduler, end, Spec::work("leaf", DynWork::new(CountDown(cranks))));
    }
    run(&mut scheduler, u64::from(leaves) * u64::from(cranks))
}

fn run(scheduler: &mut Engine, cranks: u64) -> Duration {
    let (took, ()) = timed(|| leaf::finish(scheduler));
    assert_eq!(scheduler.metrics().cranks, cranks);
    took
}

fn plant(scheduler: &mut Engine, parent: Option<NodeId>, shape: Shape) {
    for _ in 0..shape.fan_out {
        if shape.depth == 1 {
            add(scheduler, parent, Spec::work("leaf", DynWork::new(CountDown(shape.cranks))));
        } else {
            let branch = add(scheduler, parent, Spec::parallel("branch"));
            plant(scheduler, Some(branch), shape.below());
        }
    }
}

fn add(scheduler: &mut Engine, parent: Option<NodeId>, spec: Spec<DynWork>) -> NodeId {
    let added = match parent {
        Some(parent) => scheduler.add_below(parent, spec),
        None => scheduler.add(spec),
    };
    added.expect("the table was made for this tree")
}

struct Branch(Vec<Box<dyn Step>>);

impl Step for Branch {
    fn step(&mut self) -> bool {
        self.0.iter_mut().fold(false, |more, below| more | below.step())
    }
}

fn recursion(shape: Shape) -> Duration {
    fn below(shape: Shape) -> Vec<Box<dyn Step>> {
        let one = |_| -> Box<dyn Step> {
            if shape.depth == 1 {
                Box::new(CountDown(shape.cranks))
            } else {
                Box::new(Branch(below(shape.below())))
            }
        };
        (0..shape.fan_out).map(one).collect()
    }
    let mut top = below(shape);
    let top = black_box(top.as_mut_slice());
    let (took, _) = timed(|| leaf::drive(top));
    took
}

fn tokio(shape: Shape) -> Duration {
    fn spawn(runtime: &tokio::runtime::Runtime, shape: Shape) -> tokio::task::JoinHandle<()> {
        if shape.depth == 0 {
            return runtime.spawn(CountDown(shape.cranks));
        }
        let children: Vec<_> = (0..shape.fan_out).map(|_| spawn(runtime, shape.below())).collect();
        runtime.spawn(async move {
            for child in children {
                child.await.expect("a leaf does not panic");
            }
        })
    }
    let runtime = executors::tokio();
    let mut top: Vec<_> = (0..shape.fan_out).map(|_| spawn(&runtime, shape.below())).collect();
    timed(|| executors::finish_tokio(&runtime, &mut top)).0
}

fn async_executor(shape: Shape) -> Duration {
    fn spawn(executor: &async_executor::LocalExecutor<'static>, shape: Shape) -> async_executor::Task<()> {
        if shape.depth == 0 {
            return executor.spawn(CountDown(shape.cranks));
        }
        let children: Vec<_> = (0..shape.fan_out).map(|_| spawn(executor, shape.below())).collect();
        executor.spawn(async move {
            for child in children {
                child.await;
            }
        })
    }
    let executor = async_executor::LocalExecutor::new();
    let top: Vec<_> = (0..shape.fan_out).map(|_| spawn(&executor, shape.below())).collect();
    let (took, ()) = timed(|| executors::finish_async_executor(&executor));
    assert!(top.iter().all(async_executor::Task::is_finished));
    took
}

fn futures(shape: Shape) -> Duration {
    fn below(shape: Shape) -> BoxedFutures {
        let one = |_| -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
            if shape.depth == 1 {
                return Box::pin(CountDown(shape.cranks));
            }
            let mut branch = below(shape.below());
            Box::pin(async move { while branch.next().await.is_some() {} })
        };
        (0..shape.fan_out).map(one).collect()
    }
    let mut top = below(shape);
    timed(|| executors::finish_futures(&mut top)).0
}

fn bonsai(shape: Shape) -> Duration {
    fn below(shape: Shape, next: &mut usize) -> Behavior<usize> {
        if shape.depth == 0 {
            *next += 1;
            return Behavior::Action(*next - 1);
        }
        Behavior::WhenAll((0..shape.fan_out).map(|_| below(shape.below(), next)).collect())
    }
    let leaves: Vec<Box<dyn Step>> =
        (0..shape.leaves()).map(|_| Box::new(CountDown(shape.cranks)) as _).collect();
    let mut tree = BT::new(below(shape, &mut 0), leaves);
    timed(|| flat::finish_bonsai(&mut tree)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_comes_to_its_end() {
        for mut contender in contenders(Shape { depth: 3, fan_out: 3, cranks: 4 }) {
            assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
        }
    }

    #[test]
    fn a_chain_may_be_of_any_depth() {
        for depth in [1, 2, 64] {
            assert!(chain(depth, 10, 3) > Duration::ZERO);
        }
    }
}

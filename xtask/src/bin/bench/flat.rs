//! Workload: many leaves under one parent, each cranked equally often, in turns.
//!
//! Inside the clock: the cranks. Outside: building and freeing the leaves, spawning the tasks. The hand-written loop over
//! boxed trait objects has no states, no timers and no tree, so it is the floor under any engine that cranks `dyn` works.
//! bonsai-bt ticks a `WhenAll` of actions, each of which steps a boxed leaf on its blackboard.

use std::hint::black_box;
use std::time::Duration;

use bonsai_bt::{BT, Behavior, RUNNING, Status, UpdateArgs};
use windlass::{DynWork, Spec};

use crate::clock::{Contender, Who, timed};
use crate::executors::{self, BoxedFutures};
use crate::leaf::{self, CountDown, Engine, Step};

/// `leaves` leaves, each of which needs `cranks` cranks.
pub(crate) fn contenders(leaves: u32, cranks: u32) -> Vec<Contender> {
    vec![
        Contender::new(Who::Ours, move || engine(leaves, cranks)),
        Contender::new(Who::Loop, move || boxed_loop(leaves, cranks)),
        Contender::new(Who::Tokio, move || tokio(leaves, cranks)),
        Contender::new(Who::AsyncExecutor, move || async_executor(leaves, cranks)),
        Contender::new(Who::FuturesUnordered, move || futures(leaves, cranks)),
        Contender::new(Who::Bonsai, move || bonsai(leaves, cranks)),
    ]
}

fn engine(leaves: u32, cranks: u32) -> Duration {
    let mut scheduler = Engine::with_capacity(leaves as usize);
    for _ in 0..leaves {
        let added = scheduler.add(Spec::work("leaf", DynWork::new(CountDown(cranks))));
        assert!(added.is_ok(), "{added:?}");
    }
    let (took, ()) = timed(|| leaf::finish(&mut scheduler));
    assert_eq!(scheduler.metrics().cranks, u64::from(leaves) * u64::from(cranks));
    took
}

fn boxed_loop(leaves: u32, cranks: u32) -> Duration {
    let mut boxes: Vec<Box<dyn Step>> = (0..leaves).map(|_| Box::new(CountDown(cranks)) as _).collect();
    // Hidden from the optimiser, which would otherwise know the one type behind the boxes.
    let boxes = black_box(boxes.as_mut_slice());
    let (took, steps) = timed(|| leaf::drive(boxes));
    assert_eq!(steps, u64::from(leaves) * u64::from(cranks));
    took
}

fn tokio(leaves: u32, cranks: u32) -> Duration {
    let runtime = executors::tokio();
    let mut tasks: Vec<_> = (0..leaves).map(|_| runtime.spawn(CountDown(cranks))).collect();
    timed(|| executors::finish_tokio(&runtime, &mut tasks)).0
}

fn async_executor(leaves: u32, cranks: u32) -> Duration {
    let executor = async_executor::LocalExecutor::new();
    let tasks: Vec<_> = (0..leaves).map(|_| executor.spawn(CountDown(cranks))).collect();
    let (took, ()) = timed(|| executors::finish_async_executor(&executor));
    assert!(tasks.iter().all(async_executor::Task::is_finished));
    took
}

fn futures(leaves: u32, cranks: u32) -> Duration {
    let mut futures: BoxedFutures = (0..leaves).map(|_| Box::pin(CountDown(cranks)) as _).collect();
    timed(|| executors::finish_futures(&mut futures)).0
}

fn bonsai(leaves: u32, cranks: u32) -> Duration {
    let boxes: Vec<Box<dyn Step>> = (0..leaves).map(|_| Box::new(CountDown(cranks)) as _).collect();
    let actions = (0..leaves as usize).map(Behavior::Action).collect();
    let mut tree = BT::new(Behavior::WhenAll(actions), boxes);
    timed(|| finish_bonsai(&mut tree)).0
}

/// Ticks until the tree has ended.
pub(crate) fn finish_bonsai(tree: &mut BT<usize, Vec<Box<dyn Step>>>) {
    let event = bonsai_bt::Event::from(UpdateArgs { dt: 1.0 });
    let mut step = |args: bonsai_bt::ActionArgs<'_, _, usize>, leaves: &mut Vec<Box<dyn Step>>| {
        if leaves[*args.action].step() { RUNNING } else { (Status::Success, args.dt) }
    };
    while let Some((Status::Running, _)) = tree.tick(&event, &mut step) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_comes_to_its_end() {
        for mut contender in contenders(20, 5) {
            assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
        }
    }
}

//! The leaf that everybody cranks: so many steps, then done.
//!
//! It is a `dyn` work for us, a `dyn` step for hand-written loops and a future for executors, and does the same in each
//! role: counts down, and says whether there is more. As a future it wakes itself, which is what "crank me again" means there.

use std::pin::Pin;
use std::task::{Context, Poll};

use windlass::{Boxed, Cx, DynWork, Next, Outcome, Scheduler, Work};

/// What hand-written loops drive.
pub(crate) trait Step {
    /// One step; `true` when there is more to do.
    fn step(&mut self) -> bool;
}

/// Needs this many cranks.
pub(crate) struct CountDown(pub(crate) u32);

impl Step for CountDown {
    fn step(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }
}

impl<W> Work<W, ()> for CountDown {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        if self.step() { Outcome::Running } else { Outcome::Success }
    }
}

impl Future for CountDown {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.step() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// Our side in every comparison: boxed works in boxed tables.
pub(crate) type Engine = Scheduler<Boxed<DynWork>>;

/// Polls until all has ended, on a clock that jumps to the next deadline.
pub(crate) fn finish(scheduler: &mut Engine) {
    let mut now = windlass::Instant::ZERO;
    loop {
        match scheduler.poll_work(now) {
            Next::Now => {}
            Next::At(at) => now = at,
            Next::Done => return,
            Next::OnWake => panic!("a workload waits for a wake that nobody sends"),
        }
    }
}

/// Draws all leaves of one pass until a pass finds nothing more to do; says how many steps that took.
pub(crate) fn drive(leaves: &mut [Box<dyn Step>]) -> u64 {
    let mut steps = 0;
    loop {
        let mut more = false;
        for leaf in leaves.iter_mut() {
            more |= leaf.step();
            steps += 1;
        }
        if !more {
            return steps;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_takes_as_many_steps_as_it_was_given() {
        let mut leaves: Vec<Box<dyn Step>> = (0..10).map(|_| Box::new(CountDown(7)) as _).collect();
        assert_eq!(drive(&mut leaves), 70);
        assert!(leaves.iter_mut().all(|leaf| !leaf.step()), "a leaf was left unfinished");
    }
}

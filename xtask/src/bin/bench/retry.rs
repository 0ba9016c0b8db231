//! Workload: leaves that fail five times each and then succeed, waiting between the attempts as the default policy says; on
//! a clock that jumps to the next deadline.
//!
//! Inside the clock: all attempts and waits. Outside: adding and spawning. `n` counts the attempts. tokio has no retries of
//! its own, so its tasks do what one writes there: a loop with a sleep, over a boxed `dyn` attempt; they wait as long as ours.

use std::time::Duration;

use windlass::{Cx, DynWork, Outcome, Reason, Retry, Spec, Work};

use crate::clock::{Contender, Who, timed};
use crate::executors;
use crate::leaf::{self, CountDown, Engine, Step};

pub(crate) const FAILURES: u32 = 5;
const POLICY: Retry = Retry::times(FAILURES as u16);

pub(crate) fn contenders(leaves: u32) -> Vec<Contender> {
    vec![Contender::new(Who::Ours, move || engine(leaves)), Contender::new(Who::Tokio, move || tokio(leaves))]
}

struct Flaky(CountDown);

impl<W> Work<W, ()> for Flaky {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        if self.0.step() { Outcome::Failure(Reason::new("not yet")) } else { Outcome::Success }
    }
}

fn engine(leaves: u32) -> Duration {
    let mut scheduler = Engine::with_capacity(leaves as usize);
    for _ in 0..leaves {
        let flaky = DynWork::new(Flaky(CountDown(FAILURES + 1)));
        scheduler.add(Spec::work("flaky", flaky).retry(POLICY)).expect("made for so many");
    }
    let (took, ()) = timed(|| leaf::finish(&mut scheduler));
    let metrics = scheduler.metrics();
    assert_eq!(metrics.succeeded, u64::from(leaves));
    assert_eq!(metrics.retries, u64::from(leaves) * u64::from(FAILURES));
    took
}

fn tokio(leaves: u32) -> Duration {
    let runtime = executors::tokio_paused();
    let spawn = |key| {
        let mut attempt: Box<dyn Step + Send> = Box::new(CountDown(FAILURES + 1));
        runtime.spawn(async move {
            for used in 0..FAILURES as u16 {
                if !attempt.step() {
                    return;
                }
                tokio::time::sleep(POLICY.delay(0, key, used)).await;
            }
            assert!(!attempt.step(), "the last attempt succeeds");
        })
    };
    let mut tasks: Vec<_> = (0..leaves).map(|leaf| spawn(leaf.into())).collect();
    timed(|| executors::finish_tokio(&runtime, &mut tasks)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_comes_to_its_end() {
        for mut contender in contenders(20) {
            assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
        }
    }
}

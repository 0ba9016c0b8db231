//! Workload: works that sleep once, each for a time of its own, and are done; on a clock that jumps to the next deadline.
//!
//! Inside the clock: adding (spawning) them, going to sleep, waking in the order of the deadlines, ending. Outside: making the
//! table and the runtime, drawing the times, freeing. Each takes two runs, one before and one after its sleep, and `n` is
//! the number of runs. The times are whole milliseconds up to a minute, because tokio's are.

use std::time::Duration;

use windlass::{Cx, DynWork, Outcome, Spec, Work};

use crate::clock::{Contender, Who, timed};
use crate::executors;
use crate::leaf::{self, Engine};
use crate::random::Random;

pub(crate) fn contenders(timers: u32) -> Vec<Contender> {
    vec![Contender::new(Who::Ours, move || engine(timers)), Contender::new(Who::Tokio, move || tokio(timers))]
}

fn naps(timers: u32) -> Vec<Duration> {
    let mut random = Random::new();
    (0..timers).map(|_| Duration::from_millis(u64::from(1 + random.below(60_000)))).collect()
}

/// `Some` until it has gone to sleep.
struct Nap(Option<Duration>);

impl<W> Work<W, ()> for Nap {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        self.0.take().map_or(Outcome::Success, Outcome::WaitFor)
    }
}

fn engine(timers: u32) -> Duration {
    let naps = naps(timers);
    let mut scheduler = Engine::with_capacity(timers as usize);
    let (took, ()) = timed(|| {
        for nap in naps {
            scheduler.add(Spec::work("nap", DynWork::new(Nap(Some(nap))))).expect("made for so many");
        }
        leaf::finish(&mut scheduler);
    });
    let metrics = scheduler.metrics();
    assert_eq!((metrics.cranks, metrics.expired), (2 * u64::from(timers), u64::from(timers)));
    took
}

fn tokio(timers: u32) -> Duration {
    let naps = naps(timers);
    let runtime = executors::tokio_paused();
    let spawn = |nap| runtime.spawn(async move { tokio::time::sleep(nap).await });
    let (took, tasks) = timed(|| {
        let mut tasks: Vec<_> = naps.into_iter().map(spawn).collect();
        executors::finish_tokio(&runtime, &mut tasks);
        tasks
    });
    drop(tasks);
    took
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_comes_to_its_end() {
        for mut contender in contenders(50) {
            assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
        }
    }
}

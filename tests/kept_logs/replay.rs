//! What is done with the bytes of the fuzzer, `tests/fuzz/log.rs`, and in a test with those that it kept: they are decoded, and what is a log is
//! replayed on a tree with something of everything.
//!
//! The invariant: only what the log itself does wrong may come out. So the works are well-behaved, nothing in the scenario waits for ever, and
//! the tree is small enough that a log of a million cranks takes no longer than it takes to find nothing to do.

use std::time::Duration;

use windlass::{AbortStep, Check, Cx, Generated, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, Work};
use windlass_lab::{Input, Lab, Log, Oracle, Outside};

/// Cranks of a log that are taken. More could not find more, and `crank 4294967295 times` is five bytes.
const CRANKS: u64 = 2_000;

/// # Panics
/// If what was decoded does not survive being written, or an oracle does not hold.
pub(crate) fn log(bytes: &[u8]) {
    let Ok(log) = Log::decode(bytes) else { return };
    assert_eq!(Log::decode(&log.encode()).as_ref(), Ok(&log), "what is written is read again");
    assert_eq!(log.to_string().parse().as_ref(), Ok(&log), "what is printed is read again");
    assert!(log.encode().len() <= bytes.len(), "nothing is written longer than it need be");
    let log = shortened(&log);
    let mut first = lab();
    let replayed = first.replay(&log).and_then(|()| first.run());
    match replayed {
        Ok(next) => assert_ne!(next, Next::Now, "it has ended"),
        Err(finding) => assert_eq!(finding.violation().oracle, Oracle::OneHash, "{finding}"),
    }
    let mut again = lab();
    let _ = again.replay(first.log());
    assert_eq!(again.trail().first_difference(first.trail()), None, "a run repeats");
}

/// The log with no more cranks than that, and with a clock that leaves room for every wait of the scenario: at the end of time nothing comes
/// any more that waits for a time.
fn shortened(log: &Log) -> Log {
    let late = Instant::from_micros(u64::MAX - 3_600_000_000);
    let mut left = CRANKS;
    let shorter = |input: &Input| match *input {
        Input::Clock(at) => Input::Clock(at.min(late)),
        Input::Crank(times) => {
            let times = u64::from(times).min(left);
            left -= times;
            Input::Crank(times as u32)
        }
        _ => input.clone(),
    };
    log.inputs().iter().map(shorter).collect()
}

/// Operations under way.
#[derive(Default)]
struct Yard(Vec<NodeId>);

impl Outside for Yard {
    fn pending(&self) -> usize {
        self.0.len()
    }

    fn complete(&mut self, nth: usize) -> Option<NodeId> {
        Some(self.0.remove(nth))
    }
}

#[derive(Clone, Copy)]
enum Job {
    Steps(u32),
    Outside,
    Sleep,
    Flaky,
    Family,
}

struct Hand(Job, u32);

const fn hand(job: Job) -> Hand {
    Hand(job, 0)
}

impl Work<Self, Yard> for Hand {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, Yard>) -> Outcome {
        let id = cx.id();
        self.1 += 1;
        match (self.0, self.1) {
            (Job::Steps(steps), step) if step < steps => Outcome::Running,
            (Job::Outside, 1) => {
                cx.app().0.push(id);
                Outcome::Waiting
            }
            (Job::Outside, _) if cx.app().0.contains(&id) => Outcome::Waiting,
            (Job::Sleep, 1) => Outcome::WaitFor(Duration::from_millis(7)),
            (Job::Flaky, 1 | 3) => Outcome::Failure(Reason::new("flaky")),
            (Job::Family, 1) => match cx.add_child(Spec::work("child", hand(Job::Outside))) {
                Ok(_) => Outcome::Running,
                Err(_) => Outcome::Fatal(Reason::TABLE_FULL),
            },
            (Job::Family, _) => cx.children().outcome(),
            _ => Outcome::Success,
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self, Yard>) -> AbortStep {
        let id = cx.id();
        cx.app().0.retain(|other| *other != id);
        self.1 += 1;
        if self.1.is_multiple_of(3) { AbortStep::Done } else { AbortStep::WaitFor(Duration::from_millis(2)) }
    }

    fn on_reset(&mut self, cx: &mut Cx<'_, Self, Yard>) {
        let id = cx.id();
        cx.app().0.retain(|other| *other != id);
        if !matches!(self.0, Job::Flaky) {
            self.1 = 0;
        }
    }

    fn rewinds(&self) -> bool {
        true
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self, Yard>) -> Generated {
        self.1 += 1;
        if self.1 > 2 || cx.add_child(Spec::work("item", hand(Job::Steps(2)))).is_err() {
            return Generated::Exhausted;
        }
        Generated::Added
    }

    fn on_check(&mut self, _: &mut Cx<'_, Self, Yard>) -> Check {
        self.1 += 1;
        Check::from(self.1 > 1)
    }
}

fn lab() -> Lab<Hand, Yard> {
    let mut lab = Lab::new(Yard::default());
    lab.set_capacity(24);
    // Whatever the log has paused, or aborted while it waited.
    lab.allow_stall();
    let retry = Retry::times(2).constant(Duration::from_millis(3));
    let top = lab.add(Spec::parallel("top").concurrency(3)).unwrap();
    let flow = lab.add_below(top, Spec::sequence("flow").retry(retry)).unwrap();
    lab.add_below(flow, Spec::work("flaky", hand(Job::Flaky)).retry(retry)).unwrap();
    lab.add_below(flow, Spec::work("outside", hand(Job::Outside)).timeout(Duration::from_secs(9))).unwrap();
    lab.add_below(flow, Spec::work("family", hand(Job::Family))).unwrap();
    let race = lab.add_below(top, Spec::race("race")).unwrap();
    lab.add_below(race, Spec::work("slow", hand(Job::Sleep))).unwrap();
    lab.add_below(race, Spec::work("fast", hand(Job::Steps(3)))).unwrap();
    lab.add_below(top, Spec::batch("batch", hand(Job::Steps(0))).concurrency(1)).unwrap();
    let when = lab.add_below(top, Spec::when("when", hand(Job::Steps(0)))).unwrap();
    lab.add_below(when, Spec::work("guarded", hand(Job::Steps(1)))).unwrap();
    let after = lab.add_below(top, Spec::after("after", flow)).unwrap();
    lab.add_below(after, Spec::work("last", hand(Job::Steps(2)))).unwrap();
    let graph = lab.add_below(top, Spec::graph("graph").retry(retry)).unwrap();
    let base = lab.add_below(graph, Spec::work("base", hand(Job::Flaky)).retry(retry)).unwrap();
    lab.add_after(graph, Spec::work("dependent", hand(Job::Outside)), &[base]).unwrap();
    lab.add(Spec::callback("callback", hand(Job::Sleep)).retry(retry)).unwrap();
    lab.offer("another", |lab| drop(lab.add(Spec::work("another", hand(Job::Steps(1))))));
    lab.offer("shut down", |lab| lab.shutdown(lab.now() + Duration::from_millis(5)));
    lab
}

//! Works that take a little of everything, and an application that counts what they hold.
//!
//! The invariant of a well-behaved work here: what it takes when it begins, it gives back when it succeeds or is reset.

use std::collections::BTreeSet;
use std::time::Duration;

use windlass::{AbortStep, Check, Cx, Generated, NodeId, Outcome, Reason, Spec, Work};
use windlass_lab::{Lab, Outside};

/// The application: who holds something, and what is under way outside.
#[derive(Default)]
pub(crate) struct Yard {
    pub(crate) held: BTreeSet<NodeId>,
    pub(crate) under_way: Vec<NodeId>,
    pub(crate) arrived: Vec<&'static str>,
    pub(crate) landed: BTreeSet<NodeId>,
    pub(crate) steps: Vec<&'static str>,
}

impl Outside for Yard {
    fn pending(&self) -> usize {
        self.under_way.len()
    }

    fn complete(&mut self, nth: usize) -> Option<NodeId> {
        let node = self.under_way.remove(nth);
        self.landed.insert(node);
        Some(node)
    }
}

/// What a work does once it has taken what it needs.
#[derive(Clone, Copy)]
pub(crate) enum Job {
    /// So many steps.
    Steps(u32),
    /// An operation outside.
    Outside,
    /// A sleep of so many milliseconds.
    Sleep(u64),
    /// So many failures first.
    Flaky(u32),
    /// Children of its own: so many, one step each.
    Family(u32),
    /// Cleans up in three steps, one of them after a sleep.
    Tidy,
    /// Never cleans up before it is woken, and forgets that wakes may mean nothing.
    Leaky,
}

pub(crate) struct Hand {
    pub(crate) job: Job,
    step: u32,
    failures: u32,
    clean: u32,
}

pub(crate) type Context<'a> = Cx<'a, Hand, Yard>;

pub(crate) const fn hand(job: Job) -> Hand {
    Hand { job, step: 0, failures: 0, clean: 0 }
}

pub(crate) const fn work(name: &'static str, job: Job) -> Spec<Hand> {
    Spec::work(name, hand(job))
}

impl Work<Self, Yard> for Hand {
    fn on_run(&mut self, cx: &mut Context<'_>) -> Outcome {
        let (id, name) = (cx.id(), cx.name());
        cx.app().held.insert(id);
        cx.app().steps.push(name);
        self.step += 1;
        match self.job {
            Job::Steps(steps) if self.step < steps => Outcome::Running,
            Job::Steps(_) => Outcome::Success,
            Job::Outside | Job::Leaky if self.step == 1 => {
                cx.app().under_way.push(id);
                Outcome::Waiting
            }
            Job::Outside | Job::Leaky if !cx.app().landed.contains(&id) => Outcome::Waiting,
            Job::Outside | Job::Leaky => {
                cx.app().arrived.push(name);
                Outcome::Success
            }
            Job::Sleep(millis) if self.step == 1 => Outcome::WaitFor(Duration::from_millis(millis)),
            Job::Sleep(_) => Outcome::Success,
            Job::Flaky(failures) if self.failures < failures => {
                self.failures += 1;
                Outcome::Failure(Reason::new("flaky"))
            }
            Job::Flaky(_) => Outcome::Success,
            Job::Family(children) if self.step == 1 => {
                for _ in 0..children {
                    if cx.add_child(work("child", Job::Steps(2))).is_err() {
                        return Outcome::Fatal(Reason::TABLE_FULL);
                    }
                }
                Outcome::Running
            }
            Job::Family(_) => cx.children().outcome(),
            Job::Tidy if self.step < 3 => Outcome::Running,
            Job::Tidy => Outcome::Success,
        }
    }

    fn on_abort(&mut self, _: &mut Context<'_>) -> AbortStep {
        self.clean += 1;
        match (self.job, self.clean) {
            (Job::Tidy, 1) => AbortStep::Running,
            (Job::Tidy, 2) => AbortStep::WaitFor(Duration::from_millis(5)),
            (Job::Leaky, 1) => AbortStep::Waiting,
            _ => AbortStep::Done,
        }
    }

    fn on_reset(&mut self, cx: &mut Context<'_>) {
        let id = cx.id();
        (self.step, self.clean) = (0, 0);
        let yard = cx.app();
        yard.held.remove(&id);
        yard.landed.remove(&id);
        yard.under_way.retain(|other| *other != id);
    }

    fn on_success(&mut self, cx: &mut Context<'_>) {
        let id = cx.id();
        cx.app().held.remove(&id);
    }

    fn rewinds(&self) -> bool {
        true
    }

    fn on_next(&mut self, cx: &mut Context<'_>) -> Generated {
        self.step += 1;
        if self.step > 3 || cx.add_child(work("item", Job::Steps(2))).is_err() {
            return Generated::Exhausted;
        }
        Generated::Added
    }

    fn on_check(&mut self, _: &mut Context<'_>) -> Check {
        self.step += 1;
        Check::from(self.step > 1)
    }
}

/// Says that nothing may be held at the end of a run.
pub(crate) fn nothing_is_held(lab: &mut Lab<Hand, Yard>) {
    lab.at_end("nothing is held", |lab| lab.app().held.is_empty());
}

/// A bit of everything: each composite, retries, a sleep, operations outside, children of children.
pub(crate) fn everything(lab: &mut Lab<Hand, Yard>) {
    use windlass::{OnFailure, Retry};

    let retry = Retry::times(2).constant(Duration::from_millis(3));
    let top = lab.add(Spec::parallel("top").concurrency(3).on_failure(OnFailure::Finish)).unwrap();
    let flow = lab.add_below(top, Spec::sequence("flow")).unwrap();
    lab.add_below(flow, work("flaky", Job::Flaky(2)).retry(retry)).unwrap();
    lab.add_below(flow, work("outside", Job::Outside).timeout(Duration::from_secs(9))).unwrap();
    lab.add_below(flow, work("family", Job::Family(2))).unwrap();
    let race = lab.add_below(top, Spec::race("race")).unwrap();
    lab.add_below(race, work("slow", Job::Sleep(50))).unwrap();
    lab.add_below(race, work("tidy", Job::Tidy)).unwrap();
    let quorum = lab.add_below(top, Spec::quorum("quorum", 2).retry(retry)).unwrap();
    for _ in 0..3 {
        lab.add_below(quorum, work("vote", Job::Outside)).unwrap();
    }
    lab.add_below(top, Spec::batch("batch", hand(Job::Steps(0))).concurrency(2)).unwrap();
    let when = lab.add_below(top, Spec::when("when", hand(Job::Steps(0)))).unwrap();
    lab.add_below(when, work("guarded", Job::Steps(1))).unwrap();
    let after = lab.add_below(top, Spec::after("after", flow)).unwrap();
    lab.add_below(after, work("last", Job::Tidy)).unwrap();
    let graph = lab.add_below(top, Spec::graph("graph").retry(retry)).unwrap();
    let base = lab.add_below(graph, work("base", Job::Flaky(1)).retry(retry)).unwrap();
    let left = lab.add_after(graph, work("left", Job::Steps(2)), &[base]).unwrap();
    lab.add_after(graph, work("right", Job::Outside), &[base, left]).unwrap();
    lab.add_below(top, Spec::callback("callback", hand(Job::Steps(0))).retry(retry)).unwrap();
    lab.add(work("beside", Job::Sleep(7)).retry(retry)).unwrap();
}

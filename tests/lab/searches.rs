//! The searches over a bit of everything, and what they find where there is something to be found.

use std::time::Duration;

use windlass::{Cx, DynWork, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, State, Work};
use windlass_lab::{self as lab, At, Disturb, Fault, Hook, Input, Lab, Log, Oracle};

use crate::yard::{Hand, Job, Yard, everything, hand, nothing_is_held, work};

type Bench = Lab<Hand, Yard>;

fn held(lab: &mut Bench) {
    everything(lab);
    nothing_is_held(lab);
}

#[test]
fn an_abort_at_every_step_leaves_nothing_behind() {
    let coverage = lab::abort_everywhere(held).unwrap();
    assert!(coverage.complete && coverage.steps > 50, "{coverage:?}");
    assert_eq!(coverage.runs, coverage.disturbed + 1);
    // At each step, some nodes live.
    assert!(coverage.disturbed > 10 * coverage.steps, "{coverage:?}");
}

#[test]
fn a_fault_at_every_crank_leaves_nothing_behind() {
    let coverage = lab::fail_everywhere(held).unwrap();
    assert!(coverage.disturbed >= 4 * 40, "{coverage:?}");
}

#[test]
fn a_panic_at_every_crank_is_a_failure_of_its_node() {
    let coverage = lab::strike_everywhere(&[Fault::Panic], everything).unwrap();
    assert!(coverage.disturbed >= 40, "{coverage:?}");
}

#[test]
fn every_order_of_what_happens_outside_is_taken() {
    fn three(lab: &mut Bench) {
        let top = lab.add(Spec::parallel("top")).unwrap();
        for name in ["a", "b", "c"] {
            lab.add_below(top, work(name, Job::Outside)).unwrap();
        }
        nothing_is_held(lab);
    }
    let coverage = lab::every_order(100, three).unwrap();
    assert_eq!((coverage.runs, coverage.complete), (6, true)); // 3!
    let coverage = lab::every_order(4, three).unwrap();
    assert_eq!((coverage.runs, coverage.complete), (4, false));

    // They do arrive in each order: a condition that holds in all but one of them is found.
    let found = lab::every_order(100, |lab: &mut Bench| {
        three(lab);
        lab.at_end("not c, a, b", |lab| lab.app().arrived != ["c", "a", "b"]);
    });
    let found = found.unwrap_err();
    assert_eq!((found.violation().oracle, found.violation().detail), (Oracle::Own, "not c, a, b"));
    let completed = found.log().inputs().iter().filter(|input| matches!(input, Input::Complete(_)));
    assert_eq!(
        completed.collect::<Vec<_>>(),
        [&Input::Complete(2), &Input::Complete(0), &Input::Complete(0)]
    );
}

/// A completion that comes between two steps of a work is no matter of `every_order`; one interruption finds it.
#[test]
fn a_completion_may_come_between_two_cranks() {
    fn three_steps(lab: &mut Bench) {
        lab.add(work("outside", Job::Outside)).unwrap();
        lab.add(work("steps", Job::Steps(3))).unwrap();
        lab.always("not in the middle", |lab| {
            let steps = lab.app().steps.iter().filter(|name| **name == "steps").count();
            lab.app().landed.is_empty() || steps == 3
        });
    }
    let coverage = lab::every_order(100, three_steps).unwrap();
    assert_eq!((coverage.runs, coverage.complete), (1, true));
    let found = lab::every_interleaving(100, 1, three_steps).unwrap_err();
    assert_eq!(found.violation().detail, "not in the middle");

    // One interruption, at each crank at which something is under way; and none.
    fn counted(lab: &mut Bench) {
        lab.add(work("outside", Job::Outside)).unwrap();
        lab.add(work("steps", Job::Steps(3))).unwrap();
    }
    let coverage = lab::every_interleaving(100, 1, counted).unwrap();
    assert_eq!((coverage.runs, coverage.complete), (1 + 3, true));
    assert_eq!(lab::every_interleaving(100, 2, counted).unwrap().runs, 1 + 3);
    assert!(!lab::every_interleaving(2, 1, counted).unwrap().complete);
}

#[test]
fn a_completion_may_come_after_the_deadline() {
    let found = lab::every_order(100, |lab: &mut Bench| {
        let node = lab.add(work("outside", Job::Outside).timeout(Duration::from_secs(1))).unwrap();
        lab.at_end("in time", move |lab| lab.state(node) == Ok(State::Success));
    });
    assert!(found.unwrap_err().log().inputs().contains(&Input::Clock(Instant::from_secs(1))));
}

#[test]
fn every_seed_is_borne() {
    let gentle = Disturb::NOTHING.wakes().faults().aborts().pauses();
    let coverage = lab::every_seed(0..200, gentle, held).unwrap();
    assert!(coverage.disturbed > 150, "{coverage:?}");
    lab::every_seed(0..200, Disturb::EVERYTHING, everything).unwrap();
}

/// A job that forgets something: its second member takes `held` for its own.
fn careless(lab: &mut Bench) {
    everything(lab);
    let node = lab.add(work("careless", Job::Steps(4))).unwrap();
    lab.always("careless is never aborted", move |lab| lab.state(node) != Ok(State::Aborted));
}

#[test]
fn a_log_that_fails_is_made_short_and_leads_there_again() {
    let found = lab::every_seed(0..1_000, Disturb::EVERYTHING, careless).unwrap_err();
    assert_eq!(found.violation().detail, "careless is never aborted");
    // An abort; before it, cranks if it was found to have started; after it, cranks in which it drains.
    assert!(found.log().inputs().len() <= 3, "{found}");
    assert!(found.to_string().contains("(made of "), "{found}");
    let text = found.log().to_string();
    let again = lab::replay(&text.parse::<Log>().unwrap(), careless).unwrap_err();
    assert_eq!(again.violation(), found.violation());
    assert_eq!(again.step(), found.step());
}

#[test]
fn works_that_wait_for_ever_are_found_unless_that_is_allowed() {
    fn leaky(lab: &mut Bench) {
        lab.add(work("leaky", Job::Leaky)).unwrap();
    }
    let found = lab::abort_everywhere(leaky).unwrap_err();
    assert_eq!(found.violation().oracle, Oracle::Ends);
    assert!(found.violation().node.is_some());
    assert!(found.to_string().contains("abort 0v1"), "{found}");

    fn patient(lab: &mut Bench) {
        lab.allow_stall();
        lab.add(work("patient", Job::Outside).paused()).unwrap();
    }
    assert!(lab::run(patient).is_ok());
}

#[test]
fn a_fault_script_strikes_where_it_says() {
    fn steps_of(lab: &mut Bench, fault: Option<(At, Fault)>) -> (Vec<&'static str>, State, usize) {
        let spec = work("three", Job::Steps(3)).retry(Retry::times(1).constant(Duration::from_secs(1)));
        let node = lab.add(spec).unwrap();
        if let Some((at, fault)) = fault {
            lab.inject(at, fault);
        }
        let _ = lab.run().unwrap();
        (lab.app().steps.clone(), lab.state(node).unwrap(), lab.unused_faults().count())
    }
    let run = |fault| steps_of(&mut Lab::new(Yard::default()), fault);
    let steps = |count| vec!["three"; count];
    let at = At::name("three");
    assert_eq!(run(None), (steps(3), State::Success, 0));
    // The third step of the first attempt fails, and the second attempt does all three.
    assert_eq!(run(Some((at.attempt(1).step(3), Fault::Fail))), (steps(2 + 3), State::Success, 0));
    assert_eq!(run(Some((at.step(3), Fault::Fail))), (steps(2 + 2), State::Failure, 0));
    assert_eq!(run(Some((at, Fault::FailForGood))), (steps(0), State::Failure, 0));
    assert_eq!(run(Some((at.step(2), Fault::Delay(Duration::from_secs(5))))), (steps(3), State::Success, 0));
    assert_eq!(run(Some((at.step(2), Fault::Wake))), (steps(3), State::Success, 0));
    assert_eq!(run(Some((at.step(2), Fault::Panic))), (steps(1), State::Failure, 0));
    assert_eq!(run(Some((at.attempt(3), Fault::Fail))), (steps(3), State::Success, 1));
    assert_eq!(run(Some((At::name("four"), Fault::Fail))), (steps(3), State::Success, 1));
    let first: NodeId = NodeId::from_bits(1 << 32).unwrap();
    assert_eq!(run(Some((At::node(first).step(1), Fault::FailForGood))), (steps(0), State::Failure, 0));
}

/// A panic in a hook is a failure of the node, however it would have ended; what is aborted ends all the same.
#[test]
fn a_hook_can_be_struck() {
    fn run(job: Job, hook: Hook, abort: bool) -> (State, Option<Reason>, usize) {
        let mut lab = Lab::new(Yard::default());
        let retry = Retry::times(1).constant(Duration::from_secs(1));
        let node = lab.add(work("one", job).retry(retry)).unwrap();
        lab.inject(At::name("one").hook(hook), Fault::Panic);
        if abort {
            lab.step().unwrap();
            lab.abort(node).unwrap();
        }
        let _ = lab.run().unwrap();
        let failure = lab.view().node(node).unwrap().failure();
        (lab.state(node).unwrap(), failure.map(|failure| failure.reason), lab.unused_faults().count())
    }
    let panicked = (State::Failure, Some(Reason::PANICKED), 0);
    assert_eq!(run(Job::Steps(1), Hook::Reset, false), panicked);
    assert_eq!(run(Job::Steps(1), Hook::Success, false), panicked);
    assert_eq!(run(Job::Flaky(1), Hook::FailureRetry, false), panicked);
    assert_eq!(run(Job::Flaky(9), Hook::FailureRaise, false), panicked);
    // It does not come to that hook.
    assert_eq!(run(Job::Steps(1), Hook::FailureRaise, false), (State::Success, None, 1));
    assert_eq!(run(Job::Steps(3), Hook::Success, true).0, State::Aborted);
}

#[test]
fn a_generator_can_fail_for_good() {
    let mut lab = Lab::new(Yard::default());
    let node = lab.add(Spec::batch("batch", hand(Job::Steps(0))).concurrency(1)).unwrap();
    lab.inject(At::name("batch").step(2), Fault::FailForGood);
    let _ = lab.run().unwrap();
    let failure = lab.view().node(node).unwrap().failure().unwrap();
    assert_eq!((failure.reason, lab.app().steps.len()), (Reason::NOTHING_ADDED, 2));
}

#[test]
fn a_delay_moves_the_virtual_clock_and_nothing_else() {
    let mut lab = Lab::new(Yard::default());
    lab.add(work("one", Job::Steps(1))).unwrap();
    lab.inject(At::name("one"), Fault::Delay(Duration::from_secs(3_600)));
    let _ = lab.run().unwrap();
    assert_eq!((lab.now(), lab.app().steps.len()), (Instant::from_secs(3_600), 1));
}

#[test]
fn an_abort_can_be_struck_too() {
    let mut lab = Lab::new(Yard::default());
    let node = lab.add(work("tidy", Job::Tidy)).unwrap();
    lab.inject(At::name("tidy").aborting().step(1), Fault::Delay(Duration::from_secs(2)));
    lab.step().unwrap();
    lab.abort(node).unwrap();
    let _ = lab.run().unwrap();
    assert_eq!(lab.state(node), Ok(State::Aborted));
    assert_eq!(lab.now(), Instant::from_millis(2_005)); // the script's delay, and its own sleep
    assert_eq!(lab.unused_faults().count(), 0);
}

/// A work of another type, that adds boxed ones.
struct Root {
    planted: bool,
}

impl Work<DynWork, ()> for Root {
    fn on_run(&mut self, cx: &mut Cx<'_, DynWork>) -> Outcome {
        if !std::mem::replace(&mut self.planted, true) {
            for _ in 0..2 {
                cx.add_child(Spec::work("leaf", DynWork::new(Leaf(3)))).unwrap();
            }
        }
        cx.children().outcome()
    }

    fn on_reset(&mut self, _: &mut Cx<'_, DynWork>) {
        self.planted = false;
    }
}

struct Leaf(u32);

impl<W> Work<W, ()> for Leaf {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        self.0 -= 1;
        if self.0 == 0 { Outcome::Success } else { Outcome::Running }
    }

    fn describe(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} left", self.0)
    }
}

#[test]
fn boxed_works_that_add_boxed_works_can_be_tested() {
    fn tree(lab: &mut Lab<DynWork>) {
        let retry = Retry::times(1).constant(Duration::from_millis(1));
        lab.add(Spec::work("root", DynWork::new(Root { planted: false })).retry(retry)).unwrap();
    }
    let mut lab = Lab::new(());
    tree(&mut lab);
    lab.inject(At::name("leaf").step(2).attempt(1), Fault::Fail);
    assert_eq!(lab.run().unwrap(), Next::Done);
    // Two leaves in each of two attempts, and the root.
    assert_eq!((lab.metrics().retries, lab.metrics().failed), (1, 5), "{}", lab.tree());

    assert!(lab::abort_everywhere(tree).unwrap().disturbed > 10);
    lab::strike_everywhere(&[Fault::Fail, Fault::FailForGood, Fault::Panic], tree).unwrap();
}

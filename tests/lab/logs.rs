//! Logs: what is in them, that they repeat a run, and that bad ones are refused.

use std::time::Duration;

use windlass::{Cx, Instant, NodeId, Outcome, Spec, Work};
use windlass_lab::{self as lab, EventHash, Fault, Input, Lab, Log, Oracle, Order};

use crate::yard::{Hand, Job, Yard, everything, work};

fn node(index: u32, generation: u32) -> NodeId {
    NodeId::from_bits(u64::from(generation) << 32 | u64::from(index)).unwrap()
}

fn all_inputs() -> Vec<Input> {
    let late = Instant::from_micros(u64::MAX - 1);
    vec![
        Input::Crank(300),
        Input::Clock(Instant::from_micros(1)),
        Input::Clock(Instant::MAX),
        Input::Complete(0),
        Input::Complete(u32::MAX),
        Input::Act(String::new()),
        Input::Act("übung".into()),
        Input::Wake(node(0, 1)),
        Input::Abort(node(7, 2), Instant::MAX),
        Input::Abort(node(u32::MAX, u32::MAX), late),
        Input::Pause(node(128, 1)),
        Input::Resume(node(128, 1)),
        Input::Restart(node(1, 1)),
        Input::Remove(node(1, 1)),
        Input::Shutdown(Instant::MAX),
        Input::Shutdown(late),
        Input::Strike(Fault::Fail),
        Input::Strike(Fault::FailForGood),
        Input::Strike(Fault::Delay(Duration::from_micros(77))),
        Input::Strike(Fault::Wake),
        Input::Strike(Fault::Panic),
        Input::Crank(1),
    ]
}

#[test]
fn every_input_survives_being_written() {
    let log: Log = all_inputs().into_iter().collect();
    assert_eq!(log.inputs(), all_inputs());
    assert_eq!(Log::decode(&log.encode()), Ok(log.clone()));
    assert_eq!(log.to_string().parse(), Ok(log));
}

#[test]
fn a_log_cut_off_anywhere_is_a_shorter_log_or_an_error_at_that_place() {
    let bytes = all_inputs().into_iter().collect::<Log>().encode();
    let mut whole = 0;
    for length in 0..bytes.len() {
        match Log::decode(&bytes[..length]) {
            Ok(log) => {
                whole += 1;
                assert_eq!(log.encode(), bytes[..length]);
            }
            Err(error) => assert!(error.at() <= length && error.to_string().contains("cut off"), "{error}"),
        }
    }
    assert_eq!(whole, all_inputs().len());
}

#[test]
fn any_byte_may_be_wrong() {
    let bytes = all_inputs().into_iter().collect::<Log>().encode();
    for at in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let mut wrong = bytes.clone();
            wrong[at] = value;
            if let Ok(log) = Log::decode(&wrong) {
                assert_eq!(Log::decode(&log.encode()), Ok(log));
            }
        }
    }
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let error = |text: &str| text.parse::<Log>().unwrap_err().to_string();
    assert_eq!(error("574c4158"), "not a log at byte 0: it does not begin with WLAB");
    assert_eq!(error("574c4142"), "not a log at byte 4: it is cut off");
    assert_eq!(error("574c414209"), "not a log at byte 4: its version is 9, and only 1 is known");
    assert_eq!(error("574c414201ff"), "not a log at byte 5: no input has the number 255");
    assert_eq!(error("574c4142010e09"), "not a log at byte 6: no fault has the number 9");
    assert_eq!(error("574c4142010100"), "not a log at byte 6: the number is out of range");
    assert_eq!(error("574c414201050000"), "not a log at byte 6: no node has this id");
    assert_eq!(error("574c4142010401ff"), "not a log at byte 7: the label is not UTF-8");
    assert_eq!(error("574c4142010"), "not a log at byte 5: two hexadecimal digits were expected");
    assert_eq!(error("574c4142zz"), "not a log at byte 4: two hexadecimal digits were expected");
    assert_eq!(error("574c41420102ffffffffffffffffff02"), "not a log at byte 6: the number is out of range");
}

#[test]
fn a_log_repeats_a_run_step_by_step() {
    for seed in 0..20 {
        let mut first = Lab::new(Yard::default());
        everything(&mut first);
        first.set_order(Order::Seeded(seed));
        let _ = first.run().unwrap();

        let mut again = Lab::new(Yard::default());
        everything(&mut again);
        again.replay(first.log()).unwrap();
        assert_eq!(again.trail().events(), first.trail().events());
        assert_eq!(again.trail().hash(), first.trail().hash());
        assert_eq!(again.trail().first_difference(first.trail()), None);
        assert_eq!(again.trail().steps() as u64, first.log().steps());

        let mut hash = EventHash::new();
        first.trail().events().iter().for_each(|event| hash.add(event));
        assert_eq!(hash.value(), first.trail().hash());
    }
}

#[test]
fn other_inputs_are_told_apart_at_the_step_that_differs() {
    let run = |abort_after: usize| {
        let mut lab: Lab<Hand, Yard> = Lab::new(Yard::default());
        let node = lab.add(work("six", Job::Steps(6))).unwrap();
        for _ in 0..abort_after {
            lab.step().unwrap();
        }
        lab.abort(node).unwrap();
        let _ = lab.run().unwrap();
        lab.trail().clone()
    };
    let (one, other) = (run(3), run(5));
    assert_eq!(one.first_difference(&other), Some(4));
    assert_eq!(one.hash_after(3), other.hash_after(3));
    assert_eq!(one.events_of(4).first().unwrap().to_string(), "0.000000 0v1 six: abort: asked for");
    assert_eq!(other.events_of(4).first().unwrap().to_string(), "0.000000 0v1 six: cranked");
}

#[test]
fn what_is_offered_happens_once_and_is_in_the_log() {
    fn offers(lab: &mut Lab<Hand, Yard>) {
        let first = lab.add(work("first", Job::Outside)).unwrap();
        lab.offer("another", |lab| {
            lab.add(work("another", Job::Steps(1))).unwrap();
        });
        lab.offer("give up", move |lab| lab.abort(first).unwrap());
    }
    let mut lab = Lab::new(Yard::default());
    offers(&mut lab);
    let _ = lab.run().unwrap();
    let acts: Vec<&Input> =
        lab.log().inputs().iter().filter(|input| matches!(input, Input::Act(_) | Input::Abort(..))).collect();
    assert_eq!(acts, [&Input::Act("another".into()), &Input::Act("give up".into())]);
    assert_eq!(lab.app().steps, ["first", "another"]);
    lab::abort_everywhere(offers).unwrap();
    assert!(lab::every_order(1_000, offers).unwrap().runs > 2);
}

#[test]
fn a_log_that_does_not_fit_is_a_finding() {
    for (input, text) in
        [(Input::Act("unheard of".into()), "does not offer"), (Input::Complete(0), "not under way")]
    {
        let log: Log = [input].into_iter().collect();
        let found = lab::replay(&log, |lab: &mut Lab<Hand, Yard>| {
            lab.add(work("one", Job::Steps(1))).unwrap();
        });
        let violation = found.unwrap_err().violation();
        assert_eq!(violation.oracle, Oracle::OneHash);
        assert!(violation.detail.contains(text));
    }
    // What names a node that is not there is refused, as by a scheduler, and the run goes on.
    let log: Log = [Input::Wake(node(9, 9)), Input::Abort(node(0, 7), Instant::ZERO)].into_iter().collect();
    let replayed = lab::replay(&log, |lab: &mut Lab<Hand, Yard>| {
        lab.add(work("one", Job::Steps(1))).unwrap();
    });
    assert_eq!(replayed.unwrap().steps(), 3);
}

/// A work that is woken through a handle, as an interrupt would.
struct Handled {
    begun: bool,
}

#[derive(Default)]
struct Line {
    handle: Option<windlass::WakeHandle>,
}

impl lab::Outside for Line {
    fn pending(&self) -> usize {
        usize::from(self.handle.is_some())
    }

    fn complete(&mut self, _: usize) -> Option<NodeId> {
        self.handle.take().inspect(windlass::WakeHandle::wake);
        None
    }
}

impl Work<Self, Line> for Handled {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, Line>) -> Outcome {
        if self.begun {
            return if cx.app().handle.is_none() { Outcome::Success } else { Outcome::Waiting };
        }
        self.begun = true;
        cx.app().handle = cx.own_wake_handle().ok();
        Outcome::Waiting
    }
}

#[test]
fn wake_handles_work_in_the_lab() {
    fn handled(lab: &mut Lab<Handled, Line>) {
        lab.set_capacity(300);
        lab.add(Spec::work("handled", Handled { begun: false })).unwrap();
    }
    assert_eq!(lab::run(handled).unwrap().steps, 3); // crank, completion, crank
    lab::abort_everywhere(handled).unwrap();
    lab::every_seed(0..50, lab::Disturb::NOTHING.wakes(), handled).unwrap();
}

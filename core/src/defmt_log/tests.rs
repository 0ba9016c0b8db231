//! What travels in a line. Texts do not: they stay in the symbols of the firmware; the log of a device in `tests/log` shows them, and the levels.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    Cause, Check, Children, Cx, Detail, Error, Failure, Inline, Jitter, Kind, Metrics, Next, OnFailure,
    Retry, Scheduler, State, Status, Work, Yield,
};
extern crate std;

/// Numbers that nothing else in a line looks like.
const AT: u64 = 0x1122_3344_5566;
const NODE: (u32, u32) = (0x0a0b_0c0d, 0x1a1b_1c1d);
const OTHER: (u32, u32) = (0x2a2b_2c2d, 0x3a3b_3c3d);
const CODE: u32 = 0x4a4b_4c4d;

fn id((index, generation): (u32, u32)) -> NodeId {
    NodeId::from_bits(u64::from(generation) << 32 | u64::from(index)).unwrap()
}

fn event(what: What) -> Event {
    Event { at: Instant::from_micros(AT), node: id(NODE), name: "fetch", what }
}

fn reason() -> Reason {
    Reason::new("no answer").code(CODE)
}

#[derive(Clone, Copy)]
enum Part {
    Micros(u64),
    Number(u32),
    Text(&'static str),
    Id((u32, u32)),
}

/// Logs the value, and looks for these parts in what was logged, in this order.
fn assert_says(value: impl Format, parts: &[Part]) {
    error!("{}", value);
    let bytes = defmt::export::fetch_bytes();
    let mut rest = &bytes[..];
    for (at, part) in parts.iter().enumerate() {
        let part = match part {
            Part::Micros(number) => number.to_le_bytes().to_vec(),
            Part::Number(number) => number.to_le_bytes().to_vec(),
            Part::Text(text) => [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat(),
            Part::Id((index, generation)) => [index.to_le_bytes(), generation.to_le_bytes()].concat(),
        };
        let found = rest.windows(part.len()).position(|window| window == part);
        let found = found.unwrap_or_else(|| panic!("part {at} is not in {rest:02x?} of {bytes:02x?}"));
        rest = &rest[found + part.len()..];
    }
}

#[test]
fn a_line_says_what_the_display_of_the_event_says() {
    let delay = Duration::from_nanos(0x5566_7788 * 1_000 - 1); // rounded up
    let own = Failure { reason: reason(), origin: id(NODE) };
    let others = Failure { reason: reason(), origin: id(OTHER) };
    let moved = Transition::between(State::Running, State::Waiting).unwrap();
    let lines: [(What, &[Part]); 17] = [
        (What::Added(None), &[]),
        (What::Added(Some(id(OTHER))), &[Part::Id(OTHER)]),
        (What::Cranked, &[]),
        (What::Moved(moved), &[]),
        (
            What::Retry { attempt: 0x77, delay, failure: others },
            &[Part::Number(0x77), Part::Micros(0x5566_7788), Part::Text("no answer"), Part::Number(CODE)],
        ),
        (What::Failed(own), &[Part::Text("no answer"), Part::Number(CODE)]),
        (What::Failed(others), &[Part::Text("no answer"), Part::Number(CODE), Part::Id(OTHER)]),
        (What::AbortBegan { cause: Cause::User, by: None }, &[]),
        (What::AbortBegan { cause: Cause::User, by: Some(id(OTHER)) }, &[Part::Id(OTHER)]),
        (What::Forced, &[]),
        (What::TimedOut, &[]),
        (What::Opened, &[]),
        (What::Paused(true), &[]),
        (What::Paused(false), &[]),
        (What::Freed, &[]),
        (What::Full, &[]),
        (What::Failed(Failure { reason: Reason::TIMEOUT, ..own }), &[Part::Text("timed out")]),
    ];
    for (what, parts) in lines {
        let start = [Part::Micros(AT), Part::Id(NODE), Part::Text("fetch")];
        assert_says(event(what), &[&start, parts].concat());
    }
}

#[test]
fn values_keep_their_numbers() {
    assert_says(Outcome::Sleep(Duration::from_micros(AT)), &[Part::Micros(AT)]);
    assert_says(Outcome::Fatal(reason()), &[Part::Text("no answer"), Part::Number(CODE)]);
    let after = Outcome::RetryAfter(Duration::from_micros(AT), reason());
    assert_says(after, &[Part::Micros(AT), Part::Text("no answer"), Part::Number(CODE)]);
    assert_says(Abort::Sleep(Duration::from_micros(AT)), &[Part::Micros(AT)]);
    assert_says(Next::At(Instant::from_micros(AT)), &[Part::Micros(AT)]);
    let retry = Retry::times(3).constant(Duration::from_micros(0x1234_5678)).within(Duration::MAX);
    assert_says(retry, &[Part::Micros(0x1234_5678)]);
    assert_says(Spec::work("fetch", ()), &[Part::Text("fetch")]);
}

/// One kind of line for each level, in a build that keeps errors only: the rest must not get that far.
#[test]
fn only_failures_are_errors() {
    if option_env!("DEFMT_LOG").is_some_and(|levels| !levels.is_empty()) {
        return; // Somebody wants more.
    }
    let moved = |from, to| What::Moved(Transition::between(from, to).unwrap());
    let failure = Failure { reason: reason(), origin: id(NODE) };
    for (what, is_error) in [
        (What::Failed(failure), true),
        (What::Retry { attempt: 2, delay: Duration::ZERO, failure }, false),
        (moved(State::Running, State::Failure), false),
        (What::Cranked, false),
    ] {
        DefmtLog.on_event(&event(what));
        assert_eq!(!defmt::export::fetch_bytes().is_empty(), is_error, "{what:?}");
    }
}

#[test]
fn a_scheduler_logs_through_it() {
    struct Fails;
    impl Work for Fails {
        fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
            Outcome::Fatal(reason())
        }
    }
    let mut s = Scheduler::<Fails, Inline<Fails, 2>>::new().observed_by(DefmtLog);
    s.add(Spec::work("fails for good", Fails)).unwrap();
    assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    let text = b"fails for good";
    assert!(defmt::export::fetch_bytes().windows(text.len()).any(|window| window == text));
}

#[test]
fn every_plain_type_has_a_format() {
    fn logs<T: Format>() {}
    logs::<(Cause, Check, Children, Detail, Error, Event, Failure)>();
    logs::<(IllegalTransition, Instant, Jitter, Kind, Metrics, Next)>();
    logs::<(NodeId, OnFailure, Outcome, Abort, Reason, Refused<()>)>();
    logs::<(Retry, Spec<()>, State, Status, Transition, What, Yield)>();
}

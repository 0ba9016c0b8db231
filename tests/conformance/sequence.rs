//! One after the other: stellar-core's "WorkSequence test".
//!
//! A sequence has no budget of its own unless it is given one; the reference's default of five retries is given here.

use std::time::Duration;

use windlass::{Instant, Next, NodeId, Retry, Spec, State};
use windlass_tests::{Counters, Rig, STEP, Script};

const NAMES: [&str; 3] = ["first", "second", "third"];

/// A sequence with the reference's budget, and three members of which this one fails.
fn three(rig: &mut Rig, steps: u32, failing: Option<&str>) -> (NodeId, [NodeId; 3]) {
    let sequence = rig.add(Spec::sequence("sequence").retry(Retry::A_FEW));
    let members = NAMES.map(|name| {
        let script = if failing == Some(name) { Script::fails_at(steps) } else { Script::steps(steps) };
        rig.add_child(sequence, script.takes_time().spec(name).retry(Retry::ONCE))
    });
    (sequence, members)
}

/// Nothing has happened to this member.
fn untouched(rig: &Rig, name: &str) -> bool {
    rig.world.of(name) == Counters::default()
}

/// While a member has not succeeded, those after it have not run.
fn in_order(rig: &Rig) -> bool {
    let of = |name| rig.world.of(name);
    (of("first").successes > 0 || (of("second").runs == 0 && of("third").runs == 0))
        && (of("second").successes > 0 || of("third").runs == 0)
}

/// "WorkSequence test", section "basic".
#[test]
fn basic() {
    let mut rig = Rig::new(8);
    let (sequence, members) = three(&mut rig, 3, None);
    while rig.s.next() != Next::Done {
        rig.step();
        assert!(in_order(&rig), "{}", rig.s.tree());
    }
    for (name, id) in NAMES.into_iter().zip(members) {
        rig.assert_full_success(name, 3);
        assert_eq!(rig.state(id), State::Success);
    }
    assert_eq!(rig.state(sequence), State::Success);
    assert_eq!(rig.cranks(), 9);
    assert_eq!(rig.elapsed(), STEP * 9);
}

/// "WorkSequence test", section "WorkSequence is empty".
#[test]
fn an_empty_sequence_succeeds() {
    let mut rig = Rig::new(8);
    let sequence = rig.add(Spec::sequence("sequence").retry(Retry::A_FEW));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(sequence), State::Success);
    assert_eq!((rig.cranks(), rig.steps()), (0, 1));
}

/// The time that the attempts of a sequence take whose failing member has one retry: its own waits, six times that of the member, and the
/// steps, of which the failing ones count for nothing because a delay counts from the poll in which its attempt failed.
fn expected_time(seed: u64, sequence: NodeId, steps: u32, failing_steps: u32) -> Duration {
    let key = sequence.to_bits();
    let waits: Duration = (0..5).map(|used| Retry::A_FEW.delay(seed, key, used)).sum();
    waits + Duration::from_secs(6) + STEP * (steps - failing_steps)
}

/// "WorkSequence test", section "first work fails". For 26 to 37 s, whatever the seed.
#[test]
fn the_first_member_fails() {
    let mut times = Vec::new();
    for seed in 0..64 {
        let mut rig = Rig::new(8).seeded(seed);
        let (sequence, _) = three(&mut rig, 3, Some("first"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(sequence), State::Failure);
        assert_eq!(rig.last_state("first"), State::Failure);
        let c = rig.world.of("first");
        assert_eq!(c.runs, 3 * 2 * 6);
        assert_eq!((c.runs, c.successes, c.failures, c.retries), (36, 0, 6, 6));
        for name in ["second", "third"] {
            assert!(untouched(&rig, name), "{name}");
        }
        // Twelve failures, the last of which waits for nothing.
        assert_eq!(rig.elapsed(), expected_time(seed, sequence, 36, 11));
        times.push(rig.elapsed());
    }
    let (shortest, longest) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
    assert!(shortest >= Duration::from_secs(26), "{shortest:?}");
    assert!(longest < Duration::from_secs(38), "{longest:?}");
    assert!(longest - shortest > Duration::from_secs(5), "the jitter shows: {shortest:?} to {longest:?}");
}

/// "WorkSequence test", section "fails midway": every attempt of the sequence begins with the first member again.
#[test]
fn a_member_fails_midway() {
    for seed in 0..8 {
        let mut rig = Rig::new(8).seeded(seed);
        let (sequence, _) = three(&mut rig, 3, Some("second"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.state(sequence), State::Failure);

        let c = rig.world.of("second");
        assert_eq!((c.runs, c.successes, c.failures, c.retries), (36, 0, 6, 6));
        let c = rig.world.of("first");
        assert_eq!((c.runs, c.successes, c.failures, c.retries), (18, 6, 0, 0));
        assert_eq!(rig.last_state("first"), State::Success);
        assert!(untouched(&rig, "third"));
        assert_eq!(rig.elapsed(), expected_time(seed, sequence, 36 + 18, 11));
    }
}

/// "WorkSequence test", section "work scheduler shutdown", with the first member running: in the reference, on an idle host, the shutdown comes
/// before its first run. Members that have not started are aborted too; there they stay pending.
#[test]
fn shutdown() {
    let mut rig = Rig::new(8);
    let (sequence, members) = three(&mut rig, 100, None);
    rig.run_until(|rig| rig.world.of("first").runs == 1);
    assert!(members.iter().any(|member| !rig.state(*member).is_done()));
    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.state(sequence), State::Aborting);
    assert_eq!(members.map(|member| rig.state(member)), [State::Aborting, State::Aborted, State::Aborted]);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(sequence), State::Aborted);
    assert_eq!(members.map(|member| rig.state(member)), [State::Aborted; 3]);
    let c = rig.world.of("first");
    assert_eq!((c.runs, c.aborts, c.resets), (1, 1, 2));
    for name in ["second", "third"] {
        assert!(untouched(&rig, name), "{name}");
    }
}

/// The same before the first run.
#[test]
fn shutdown_before_the_first_run() {
    let mut rig = Rig::new(8);
    let (sequence, members) = three(&mut rig, 100, None);
    rig.shut_down();
    assert_eq!(rig.state(sequence), State::Aborted);
    assert_eq!(members.map(|member| rig.state(member)), [State::Aborted; 3]);
    assert_eq!(rig.cranks(), 0);
    assert!(NAMES.into_iter().all(|name| untouched(&rig, name)));
}

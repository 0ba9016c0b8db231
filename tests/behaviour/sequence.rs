//! Sequences: one member after the other, going on after a failure, and sequences within sequences.
//!
//! A sequence has no budget of its own unless it is given one; in stellar-core's "WorkSequence test" it is given the reference's default of five
//! retries.

use std::time::Duration;

use windlass::{Instant, Next, NodeId, OnFailure, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Counters, Rig, STEP, Script, WRONG};

const NAMES: [&str; 3] = ["first", "second", "third"];

/// A sequence with the reference's budget, and three members of which this one fails.
fn three(rig: &mut Rig, steps: u32, failing: Option<&str>) -> (NodeId, [NodeId; 3]) {
    let sequence = rig.add(Spec::sequence("sequence").retry(Retry::A_FEW));
    let members = NAMES.map(|name| {
        let script = if failing == Some(name) { Script::fails_at(steps) } else { Script::steps(steps) };
        rig.add_below(sequence, script.takes_time().spec(name).retry(Retry::ONCE))
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
fn members_run_one_after_the_other() {
    let mut rig = Rig::new(8);
    let (sequence, members) = three(&mut rig, 3, None);
    while rig.s.next() != Next::Done {
        rig.step();
        assert!(in_order(&rig), "{}", rig.tree());
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
fn a_first_member_that_fails_keeps_the_others_from_starting() {
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
fn every_attempt_begins_with_the_first_member_again() {
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
fn a_shutdown_aborts_the_members_that_have_not_started_too() {
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
fn a_shutdown_before_the_first_run_touches_no_member() {
    let mut rig = Rig::new(8);
    let (sequence, members) = three(&mut rig, 100, None);
    rig.shut_down();
    assert_eq!(rig.state(sequence), State::Aborted);
    assert_eq!(members.map(|member| rig.state(member)), [State::Aborted; 3]);
    assert_eq!(rig.cranks(), 0);
    assert!(NAMES.into_iter().all(|name| untouched(&rig, name)));
}

/// A sequence that goes on after a failure runs every member, and fails at the end if one has.
#[test]
fn a_sequence_may_go_on_after_a_failure() {
    for failing in [&["a"][..], &["b"], &["c"], &["a", "c"], &[]] {
        let mut rig = Rig::new(8);
        let q = rig.add(Spec::sequence("q").on_failure(OnFailure::Finish));
        for name in ["a", "b", "c"] {
            let act = if failing.contains(&name) { Script::fails() } else { Script::steps(2) };
            rig.add_below(q, act.spec(name));
        }
        assert_eq!(rig.run(), Next::Done);
        let expected: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .flat_map(|name| vec![name; if failing.contains(&name) { 1 } else { 2 }])
            .collect();
        assert_eq!(rig.world.order(), expected);
        let state = if failing.is_empty() { State::Success } else { State::Failure };
        assert_eq!(rig.state(q), state);
        let origin = rig.node(q).failure().map(|failure| failure.origin);
        assert_eq!(
            origin,
            failing.first().map(|name| rig.find(name).unwrap().id()),
            "the first failure counts"
        );
    }
}

/// It goes on after an aborted member too, and that counts as a failure.
#[test]
fn a_sequence_that_goes_on_counts_an_aborted_member_as_failed() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").on_failure(OnFailure::Finish));
    let a = rig.add_below(q, Script::waits().spec("a"));
    let b = rig.add_below(q, Script::steps(1).spec("b"));
    rig.add_below(q, Script::steps(1).spec("c"));
    rig.run_until_idle();
    rig.s.abort(b).unwrap();
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.last_state("c")), (State::Failure, State::Success));
    assert_eq!(rig.node(q).failure().unwrap().reason, Reason::CHILD_ABORTED);
}

/// A retry of such a sequence runs all members again.
#[test]
fn a_retry_of_a_sequence_that_went_on_runs_all_members_again() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q").on_failure(OnFailure::Finish).retry(Retry::ONCE));
    rig.add_below(q, Script::lines(&[Outcome::Failure(WRONG), Outcome::Success]).spec("a"));
    rig.add_below(q, Script::steps(1).spec("b"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(q), State::Success);
    assert_eq!(rig.world.order(), ["a", "b", "a", "b"]);
    assert_eq!(rig.node(q).failure(), None);
}

/// A sequence inside a sequence is one member; its retries happen inside, and attempts multiply.
#[test]
fn attempts_of_nested_sequences_multiply() {
    let mut rig = Rig::new(16);
    let outer = rig.add(Spec::sequence("outer").retry(Retry::ONCE));
    rig.add_below(outer, Script::steps(1).spec("first"));
    let inner = rig.add_below(outer, Spec::sequence("inner").retry(Retry::times(2)));
    rig.add_below(inner, Script::steps(1).spec("second"));
    rig.add_below(inner, Script::fails().spec("third").retry(Retry::ONCE));
    rig.add_below(outer, Script::steps(1).spec("fourth"));
    assert_eq!(rig.run(), Next::Done);
    let runs = ["first", "second", "third", "fourth"].map(|name| rig.world.of(name).runs);
    assert_eq!(runs, [2, 2 * 3, 2 * 3 * 2, 0]);
    assert_eq!((rig.state(outer), rig.state(inner)), (State::Failure, State::Failure));
    let third = rig.find("third").unwrap().id();
    assert_eq!(rig.node(outer).failure().unwrap().origin, third);
}

/// The order is that of the tree, however deep.
#[test]
fn nested_sequences_run_in_the_order_of_the_tree() {
    let mut rig = Rig::new(32);
    let q = rig.add(Spec::sequence("q"));
    let r = rig.add_below(q, Spec::sequence("r"));
    rig.add_below(q, Script::steps(1).spec("6"));
    let s = rig.add_below(r, Spec::sequence("s"));
    rig.add_below(r, Script::steps(2).spec("4"));
    for name in ["1", "2", "3"] {
        rig.add_below(s, Script::steps(1).spec(name));
    }
    rig.add_below(r, Script::steps(1).spec("5"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["1", "2", "3", "4", "4", "5", "6"]);
    assert_eq!(rig.cranks(), 7);
}

/// The waits of a member make every sequence above wait, and its wake wakes them all.
#[test]
fn a_waiting_member_makes_every_sequence_above_it_wait() {
    use windlass::Status;
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let r = rig.add_below(q, Spec::sequence("r"));
    let a = rig.add_below(r, Script::waits().spec("a"));
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!([q, r, a].map(|id| rig.status(id)), [Status::Waiting; 3]);
    rig.s.wake(a).unwrap();
    assert_eq!([q, r, a].map(|id| rig.status(id)), [Status::Running; 3]);
    assert_eq!(rig.run(), Next::Done);
}

/// Members may be added while it runs, by the last of them too.
#[test]
fn members_may_be_added_while_a_sequence_runs() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("q"));
    let mut left = 3;
    let act = Script::steps(1).on_hook(move |hook, cx| {
        if hook == windlass_tests::Hook::Success && left > 0 {
            left -= 1;
            cx.add_below(q, Script::steps(1).spec("more")).unwrap();
        }
    });
    rig.add_below(q, act.spec("a"));
    rig.run_until(|rig| rig.world.of("more").runs == 1);
    rig.s.add_below(q, Script::steps(1).spec("late")).unwrap_err();
    assert_eq!((rig.run(), rig.state(q)), (Next::Done, State::Success));
}

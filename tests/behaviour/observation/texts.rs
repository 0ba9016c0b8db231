//! Every status text of the reference, word for word.

use std::time::Duration;

use windlass::{AbortStep, Check, NodeId, Outcome, Reason, Retry, Spec};
use windlass_tests::{Rig, Script, parent};

#[track_caller]
fn text(rig: &Rig, id: NodeId, expected: &str) {
    assert_eq!(rig.node(id).text(rig.now()).to_string(), expected);
}

/// `Ready to run`, `Running`, `Waiting`, `Succeeded`.
#[test]
fn a_work_reads_ready_running_waiting_and_succeeded() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::lines(&[Outcome::Running, Outcome::Waiting, Outcome::Success]).spec("N"));
    text(&rig, a, "Ready to run: N");
    rig.step();
    text(&rig, a, "Running: N");
    rig.step();
    text(&rig, a, "Waiting: N");
    rig.s.wake(a).unwrap();
    text(&rig, a, "Running: N");
    rig.step();
    text(&rig, a, "Succeeded: N");
}

/// A sleep reads as `Waiting`, as a wait does.
#[test]
fn a_sleep_reads_as_waiting() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::lines(&[Outcome::WaitFor(Duration::from_secs(9)), Outcome::Success]).spec("N"));
    rig.step();
    text(&rig, a, "Waiting: N");
}

/// `Retrying in S sec`, in whole seconds rounded down, and `Failed`.
#[test]
fn a_retry_delay_reads_in_whole_seconds() {
    let mut rig = Rig::new(2);
    let retry = Retry::ONCE.constant(Duration::from_millis(2_900));
    let a = rig.add(Script::fails().spec("N").retry(retry));
    rig.step();
    for (millis, sec) in [(0, 2), (899, 2), (900, 2), (901, 1), (1_900, 1), (1_901, 0), (2_899, 0)] {
        let now = windlass::Instant::from_millis(millis);
        assert_eq!(
            rig.s.poll_work_with(now, &mut rig.world),
            windlass::Next::At(windlass::Instant::from_millis(2_900))
        );
        text(&rig, a, &format!("Retrying in {sec} sec: N"));
    }
    rig.step();
    text(&rig, a, "Failed: N");
}

/// `Aborting`, also when it began in a retry delay (where the reference still says `Retrying`), and `Aborted`.
#[test]
fn an_abort_reads_aborting_and_then_aborted() {
    for act in [Script::waits(), Script::fails()] {
        let mut rig = Rig::new(1);
        let a = rig.add(act.aborts(&[AbortStep::Running, AbortStep::Waiting]).spec("N").retry(Retry::ONCE));
        rig.step();
        rig.s.abort(a).unwrap();
        text(&rig, a, "Aborting: N");
        rig.step();
        text(&rig, a, "Aborting: N");
        rig.step();
        text(&rig, a, "Aborting: N");
        rig.s.wake(a).unwrap();
        rig.step();
        text(&rig, a, "Aborted: N");
    }
}

/// A node that never started is `Aborted` too, and so is one that a dependency blocked.
#[test]
fn what_never_started_reads_aborted() {
    let mut rig = Rig::new(4);
    let a = rig.add(Script::steps(1).spec("N"));
    rig.s.abort(a).unwrap();
    text(&rig, a, "Aborted: N");

    let graph = rig.add(Spec::graph("G"));
    let b = rig.add_below(graph, Script::fails().spec("B"));
    let c = rig.s.add_after(graph, Script::steps(1).spec("C"), &[b]).unwrap();
    let _ = rig.run();
    text(&rig, c, "Aborted: C");
    text(&rig, graph, "Failed: G : 2/2 children completed");
}

/// `D/T children completed` behind the text of a node with children; a work counts those of all its attempts.
#[test]
fn a_parent_reads_how_many_children_have_completed() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("P"));
    text(&rig, p, "Ready to run: P");
    rig.add_below(p, Script::steps(1).spec("a"));
    text(&rig, p, "Ready to run: P : 0/1 children completed");
    rig.add_below(p, Script::steps(2).spec("b"));
    text(&rig, p, "Ready to run: P : 0/2 children completed");
    rig.step();
    text(&rig, p, "Running: P : 1/2 children completed");
    rig.step();
    rig.step();
    text(&rig, p, "Running: P : 1/2 children completed");
    let _ = rig.run();
    text(&rig, p, "Succeeded: P : 2/2 children completed");
}

/// The counters are cumulative: after three attempts with two children each, `6/6`.
#[test]
fn a_parent_reads_the_children_of_all_its_attempts() {
    let mut rig = Rig::new(8);
    let act = Script::new(|cx| {
        if cx.children().total() == 0 {
            cx.add_child(Script::steps(1).spec("a")).unwrap();
            cx.add_child(Script::steps(1).spec("b")).unwrap();
            return Outcome::Running;
        }
        if cx.children().all_done() { Outcome::Failure(Reason::new("no")) } else { Outcome::Running }
    });
    let retry = Retry::times(2).constant(Duration::from_secs(4));
    let p = rig.add(act.spec("P").retry(retry));
    rig.run_until_idle();
    text(&rig, p, "Retrying in 4 sec: P : 2/2 children completed");
    rig.run_until(|rig| rig.node(p).child_counts().total() == 2);
    text(&rig, p, "Running: P : 2/4 children completed");
    let _ = rig.run();
    text(&rig, p, "Failed: P : 6/6 children completed");
    assert_eq!(rig.node(p).child_counts().earlier, 4);
}

/// A composite is `Waiting` when nothing below it can run.
#[test]
fn a_composite_reads_waiting_when_nothing_below_it_can_run() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("P"));
    let a = rig.add_below(p, Script::waits().spec("a"));
    rig.add_below(p, Script::steps(2).spec("b"));
    rig.run_until_idle();
    text(&rig, p, "Waiting: P : 1/2 children completed");
    rig.s.wake(a).unwrap();
    text(&rig, p, "Running: P : 1/2 children completed");
    let _ = rig.run();
    text(&rig, p, "Succeeded: P : 2/2 children completed");

    let mut left = 3;
    let batch = rig.add(
        Script::yields(move |cx| {
            if left == 0 {
                return windlass::Generated::Exhausted;
            }
            left -= 1;
            cx.add_child(Script::steps(1).spec("item")).unwrap();
            windlass::Generated::Added
        })
        .batch("B")
        .concurrency(2),
    );
    text(&rig, batch, "Ready to run: B");
    let _ = rig.run();
    text(&rig, batch, "Succeeded: B : 3/3 children completed");
}

/// A sequence shows the member it is at; its own text when it has ended.
#[test]
fn a_sequence_reads_as_the_member_it_is_at() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("Q"));
    text(&rig, q, "Ready to run: Q");
    rig.add_below(q, Script::lines(&[Outcome::Running, Outcome::Success]).spec("a"));
    let b = rig.add_below(q, Script::waits().spec("b"));
    rig.add_below(q, Script::steps(1).spec("c"));
    text(&rig, q, "Ready to run: a");
    rig.step();
    text(&rig, q, "Running: a");
    rig.step();
    text(&rig, q, "Ready to run: b");
    rig.step();
    text(&rig, q, "Waiting: b");
    rig.s.wake(b).unwrap();
    let _ = rig.run();
    text(&rig, q, "Succeeded: Q");
}

/// A sequence within a sequence, down to the member of the member; after a failure, the sequence itself; in between, the member that
/// waits for its retry.
#[test]
fn a_failed_sequence_reads_as_itself() {
    let mut rig = Rig::new(8);
    let q = rig.add(Spec::sequence("Q"));
    let r = rig.add_below(q, Spec::sequence("R"));
    let a = rig.add_below(r, Script::fails().spec("a").retry(Retry::ONCE));
    text(&rig, q, "Ready to run: a");
    rig.step();
    for id in [q, r, a] {
        text(&rig, id, "Retrying in 1 sec: a");
    }
    let _ = rig.run();
    text(&rig, a, "Failed: a");
    text(&rig, r, "Failed: R");
    text(&rig, q, "Failed: Q");
}

/// A gate shows what it guards, and that it has not started it.
#[test]
fn a_gate_reads_as_what_it_guards() {
    let mut rig = Rig::new(8);
    let mut asked = 0;
    let gate = Script::asks(move |_| {
        asked += 1;
        Check::from(asked == 2)
    });
    let g = rig.add(gate.gate("G"));
    let inner = rig.add_below(g, Script::lines(&[Outcome::Waiting, Outcome::Success]).spec("I"));
    text(&rig, g, "Waiting before starting Ready to run: I");
    rig.step();
    text(&rig, g, "Waiting before starting Ready to run: I");
    rig.run_until_idle();
    rig.run_until(|rig| rig.world.of("I").runs == 1);
    text(&rig, g, "Waiting: I");
    rig.s.wake(inner).unwrap();
    text(&rig, g, "Running: I");
    let _ = rig.run();
    text(&rig, g, "Succeeded: I");
}

/// After a failure the reference reads `Waiting before starting Failed: I`, because its reset closes the gate again. Ours has ended.
#[test]
fn a_gate_whose_child_failed_reads_failed() {
    let mut rig = Rig::new(8);
    let g = rig.add(Script::asks(|_| Check::Yes).gate("G"));
    rig.add_below(g, Script::fails().spec("I").retry(Retry::ONCE));
    rig.step();
    text(&rig, g, "Retrying in 1 sec: I");
    let _ = rig.run();
    text(&rig, g, "Failed: I");
}

/// A gate behind another node's end reads the same.
#[test]
fn a_gate_behind_a_node_reads_as_what_it_guards() {
    let mut rig = Rig::new(8);
    let a = rig.add(Script::waits().spec("a"));
    let g = rig.add(Spec::after("G", a));
    rig.add_below(g, Script::steps(1).spec("I"));
    rig.run_until_idle();
    text(&rig, g, "Waiting before starting Ready to run: I");
    rig.s.wake(a).unwrap();
    let _ = rig.run();
    text(&rig, g, "Succeeded: I");
}

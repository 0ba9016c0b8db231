//! Walks and displays: the order of nodes, explanations, what is stalled, and the lint.

use std::time::Duration;

use windlass::{AbortStep, Check, Next, NodeId, OnFailure, Outcome, Reason, Retry, Spec, State};
use windlass_tests::{Rig, Script, WRONG, secs};

/// Nodes are walked parents first, siblings in the order they were added.
#[test]
fn nodes_are_walked_parents_first() {
    let mut rig = Rig::new(16);
    let a = rig.add(Spec::sequence("a"));
    let b = rig.add(Spec::parallel("b"));
    rig.add_below(b, Script::steps(1).spec("b1"));
    let a1 = rig.add_below(a, Spec::sequence("a1"));
    rig.add_below(a, Script::steps(1).spec("a2"));
    rig.add_below(a1, Script::steps(1).spec("a1x"));
    rig.add_below(b, Script::steps(1).spec("b2"));
    rig.add_below(a1, Script::steps(1).spec("a1y"));
    let names: Vec<_> = rig.s.nodes().map(|node| (node.name(), node.depth())).collect();
    let expected = [("a", 0), ("a1", 1), ("a1x", 2), ("a1y", 2), ("a2", 1), ("b", 0), ("b1", 1), ("b2", 1)];
    assert_eq!(names, expected);
    assert_eq!(rig.node(a1).parent().map(|node| node.id()), Some(a));
    assert!(rig.node(a).parent().is_none());
    let children: Vec<_> = rig.node(b).children().map(|node| node.name()).collect();
    assert_eq!(children, ["b1", "b2"]);
    // A slot that is used again does not change that: order is by addition, not by place.
    assert_eq!(rig.run(), Next::Done);
    rig.s.remove(a).unwrap();
    rig.add(Script::steps(1).spec("c"));
    let names: Vec<_> = rig.s.nodes().map(|node| node.name()).collect();
    assert_eq!(names, ["b", "b1", "b2", "c"]);
}

/// What an explanation says, form by form.
#[test]
fn an_explanation_says_what_a_node_waits_for() {
    let mut rig = Rig::new(64);
    let explain = |rig: &Rig, id: NodeId, expected: &str| {
        assert_eq!(rig.node(id).explain(rig.now()).to_string(), expected);
    };

    let ready = rig.add(Script::steps(2).spec("ready"));
    explain(&rig, ready, "ready to run");
    rig.step();
    explain(&rig, ready, "running");
    rig.step();
    explain(&rig, ready, "succeeded");

    let g = rig.add(Spec::graph("g"));
    let names = ["fetch", "unpack", "verify", "sign", "store"];
    let on = names.map(|name| rig.add_below(g, Script::waits().spec(name)));
    let last = rig.s.add_after(g, Script::steps(1).spec("last"), &on).unwrap();
    rig.run_until_idle();
    explain(&rig, last, "waiting for 5 of 5 dependencies: fetch, unpack, verify and 2 more");
    for id in [on[0], on[2], on[4]] {
        rig.s.wake(id).unwrap();
    }
    rig.run_until_idle();
    explain(&rig, last, "waiting for 2 of 5 dependencies: unpack, sign");
    explain(&rig, g, "3 of 6 children done");

    let retry = Retry::times(5).constant(Duration::from_millis(4_200));
    let r = rig.add(Script::fails().spec("r").retry(retry));
    rig.run_until_idle();
    explain(&rig, r, "retry 1 of 5 in 4.2 s: wrong");
    rig.run_until(|rig| rig.world.of("r").runs == 3);
    explain(&rig, r, "retry 3 of 5 in 4.2 s: wrong");
    rig.s.abort(r).unwrap();
    rig.run_until_idle();
    explain(&rig, r, "aborted: asked for");

    let p = rig.add(Spec::parallel("p").concurrency(4));
    let ids: Vec<_> = (0..6).map(|_| rig.add_below(p, Script::says(Outcome::Waiting).spec("x"))).collect();
    rig.run_until_idle();
    explain(&rig, ids[5], "4 of 4 places taken");
    explain(&rig, p, "0 of 6 children done, 4 of 4 places taken");
    explain(&rig, ids[0], "waiting, and nothing will wake it");
    rig.s.wake_handle(ids[0]).unwrap();
    explain(&rig, ids[0], "waiting to be woken");

    let gate = rig.add(Spec::after("gate", p));
    let inner = rig.add_below(gate, Script::steps(1).spec("inner"));
    explain(&rig, inner, "gate closed");
    rig.run_until_idle();
    explain(&rig, inner, "gate closed");
    explain(&rig, gate, "gate closed, waiting for p");
    let when = rig.add(Script::asks(|_| Check::No).gate("when").poll_every(secs(90)));
    rig.run_until_idle();
    explain(&rig, when, "gate closed, asks again in 1 min 30 s");

    let q = rig.add(Spec::sequence("q"));
    let first = rig.add_below(q, Script::says(Outcome::Sleep(secs(3_600))).spec("first"));
    let second = rig.add_below(q, Script::steps(1).spec("second"));
    explain(&rig, second, "waiting for q to start");
    rig.run_until_idle();
    explain(&rig, first, "asleep for 1 h");
    explain(&rig, second, "waiting for first");
    explain(&rig, q, "0 of 2 children done");

    let timed = rig.add(Script::says(Outcome::Waiting).spec("timed").timeout(secs(7)));
    rig.run_until_idle();
    explain(&rig, timed, "waiting to be woken, times out in 7 s");

    let upload = rig.add(Spec::parallel("upload"));
    let part = rig.add_below(
        upload,
        Script::says(Outcome::Waiting).aborts(&[AbortStep::Running, AbortStep::Waiting]).spec("part"),
    );
    rig.run_until_idle();
    rig.s.abort_by(upload, rig.s.view().now() + secs(30)).unwrap();
    explain(&rig, upload, "aborting, waiting for part, by force in 30 s");
    explain(&rig, part, "aborting, cleaning up");
    rig.run_until_idle();
    explain(&rig, part, "aborting, waiting to be woken");

    let paused = rig.add(Spec::sequence("paused").paused());
    let below = rig.add_below(paused, Script::steps(1).spec("below"));
    explain(&rig, paused, "paused");
    explain(&rig, below, "paused with paused");

    let bad = rig.add(Spec::parallel("bad").on_failure(OnFailure::Finish));
    let why = rig.add_below(
        bad,
        Script::says(Outcome::Failure(Reason::new("wrong hash").with_code(7)))
            .spec("why")
            .retry(Retry::ONCE.constant(Duration::ZERO)),
    );
    let slow = rig.add_below(bad, Script::waits().spec("slow"));
    rig.run_until(|rig| rig.state(why) == State::Failure && rig.state(slow) == State::Waiting);
    explain(&rig, why, "failed: wrong hash (7), after 2 attempts");
    explain(&rig, bad, "1 of 2 children done, 1 failed");
    rig.s.wake(slow).unwrap();
    rig.run_until(|rig| rig.state(bad) == State::Failure);
    explain(&rig, bad, "failed: wrong hash (7) at why");

    rig.s.shutdown(rig.s.view().now());
    assert_eq!(rig.run(), Next::Done);
    explain(&rig, p, "aborted: shutdown, forced to end");
    explain(&rig, last, "aborted: shutdown");
    // Nobody is left without a word.
    assert!(rig.s.nodes().all(|node| !node.explain(rig.now()).to_string().is_empty()));
}

/// Who asked is named in the explanation, by name while it is there.
#[test]
fn an_explanation_names_who_asked() {
    let mut rig = Rig::new(8);
    let victim = rig.add(Script::waits().spec("victim"));
    let by = rig.add(
        Script::new(move |cx| {
            cx.abort(victim).unwrap();
            Outcome::Success
        })
        .spec("janitor"),
    );
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.node(victim).explain(rig.now()).to_string(), "aborted: asked for by janitor");
    rig.s.remove(by).unwrap();
    assert_eq!(rig.node(victim).explain(rig.now()).to_string(), format!("aborted: asked for by {by}"));
}

/// The tree has a line for each node, below its parent and in the order of addition, with the attempt from the second one on.
#[test]
fn the_tree_draws_each_node_below_its_parent() {
    let mut rig = Rig::new(16);
    let all = rig.add(Spec::parallel("all"));
    let q = rig.add_below(all, Spec::sequence("q"));
    rig.add_below(q, Script::steps(1).spec("first"));
    rig.add_below(q, Script::waits().spec("second"));
    rig.add_below(
        all,
        Script::lines(&[Outcome::Failure(WRONG), Outcome::Waiting]).spec("again").retry(Retry::ONCE),
    );
    let g = rig.add_below(all, Spec::after("gate", q));
    rig.add_below(g, Script::steps(1).spec("inner"));
    rig.add(Script::steps(1).spec("last").paused());
    let tree = |rig: &Rig| rig.tree().to_string();
    rig.run_until_idle();
    let expected = "\
├─ … all (parallel): 0 of 3 children done
│  ├─ … q (sequence): 1 of 2 children done
│  │  ├─ ✔ first: succeeded
│  │  └─ … second: waiting, and nothing will wake it
│  ├─ ↻ again: retry 1 of 1 in 1 s: wrong
│  └─ … gate (after): gate closed, waiting for q
│     └─ · inner: gate closed
└─ · last: paused
";
    assert_eq!(tree(&rig), expected);
    assert_eq!(rig.run(), Next::OnWake);
    let again =
        ("↻ again: retry 1 of 1 in 1 s: wrong", "… again, attempt 2: waiting, and nothing will wake it");
    assert_eq!(tree(&rig), expected.replace(again.0, again.1));
}

/// Waiting nodes that nothing will wake, and only those.
#[test]
fn what_nothing_will_wake_is_listed_as_stalled() {
    let mut rig = Rig::new(32);
    let wait = || Script::says(Outcome::Waiting);
    rig.add(wait().spec("stalled"));
    let handle = rig.add(wait().spec("handle"));
    rig.s.wake_handle(handle).unwrap();
    rig.add(wait().spec("timeout").timeout(secs(9)));
    rig.add(Script::says(Outcome::WaitFor(secs(9))).spec("sleeps"));
    rig.add(Script::fails().spec("retries").retry(Retry::ONCE));
    let p = rig.add(wait().spec("has a child"));
    rig.add_below(p, Script::says(Outcome::WaitFor(secs(9))).spec("child"));
    let q = rig.add(Spec::sequence("q"));
    rig.add_below(q, wait().spec("stalled member"));
    rig.add_below(q, Script::steps(1).spec("pending"));
    let a = rig.add(wait().aborts(&[AbortStep::Waiting]).spec("stalled abort"));
    let gate = rig.add(Spec::after("gate", q));
    rig.add_below(gate, Script::steps(1).spec("inner"));
    rig.add(Script::steps(1).spec("done"));
    rig.run_until_idle();
    rig.s.abort(a).unwrap();
    rig.run_until_idle();
    let stalled: Vec<_> = rig.s.view().stalled().map(|node| node.name()).collect();
    assert_eq!(stalled, ["stalled", "stalled member", "stalled abort"]);
}

/// Budgets under budgets: how many attempts, how much delay, and whose fault it is.
#[test]
fn the_lint_names_budgets_under_budgets() {
    let mut rig = Rig::new(16);
    let q = rig.add(Spec::sequence("job").retry(Retry::A_FEW));
    let p = rig.add_below(q, Spec::parallel("plain"));
    let fetch = rig.add_below(p, Script::steps(1).spec("fetch").retry(Retry::A_FEW));
    rig.add_below(p, Script::steps(1).spec("once"));
    rig.add(Script::steps(1).spec("alone").retry(Retry::A_LOT));
    let lints: Vec<_> = rig.s.view().lint().collect();
    assert_eq!(lints.len(), 1);
    let lint = lints[0];
    assert_eq!((lint.node.id(), lint.above.id(), lint.attempts), (fetch, q, 36));
    // Six attempts of the job, each with all the delays of the fetch, and the job's own: 31 s at most each.
    assert_eq!(lint.delay, secs(31 * 6 + 31));
    assert_eq!(
        lint.to_string(),
        "fetch: up to 36 attempts and 3 min 37 s of delays, because job retries too"
    );

    // It is no exaggeration: the worst case can come true.
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("job").retry(Retry::times(2).constant(secs(5))));
    rig.add_below(q, Script::fails().spec("fetch").retry(Retry::times(3).constant(secs(1))));
    let (attempts, delay) = rig.s.view().lint().map(|lint| (lint.attempts, lint.delay)).next().unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((u64::from(rig.world.of("fetch").runs), rig.elapsed()), (attempts, delay));
}

/// The products of absurd budgets saturate.
#[test]
fn absurd_budgets_saturate_in_the_lint() {
    let mut rig = Rig::new(16);
    let absurd = Retry::times(u16::MAX).constant(Duration::MAX);
    let mut above = rig.add(Spec::sequence("q").retry(absurd));
    for _ in 0..10 {
        above = rig.add_below(above, Spec::sequence("q").retry(absurd));
    }
    let worst = rig.s.view().lint().last().unwrap();
    assert_eq!(worst.attempts, u64::MAX);
    assert!(worst.delay >= Duration::from_micros(u64::MAX / 2));
    assert!(worst.to_string().starts_with("q: up to 18446744073709551615 attempts"));
}

/// `Debug` of what a user holds in hand says something useful and never recurses into the works.
#[test]
fn debug_output_shows_the_nodes_and_not_the_works() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q"));
    rig.add_below(q, Script::says(Outcome::Failure(WRONG)).spec("a"));
    assert_eq!(format!("{:?}", rig.node(q)), "0v1 q pending");
    assert_eq!(format!("{:?}", rig.s.view()), "[0v1 q pending, 1v1 a pending]");
    assert_eq!(format!("{:?}", rig.s), "Scheduler { next: Now, nodes: [0v1 q pending, 1v1 a pending], .. }");
    let _ = rig.run();
}

/// A tag is in every text in which the name is, and in the events.
#[test]
fn a_tag_is_shown_wherever_the_name_is() {
    let mut rig = Rig::new(8);
    let p = rig.add(Spec::parallel("range").tag(7));
    let bad = rig.add_below(p, Script::fails().spec("checkpoint").tag(17).retry(Retry::ONCE));
    let slow = rig.add_below(p, Script::waits().spec("checkpoint").tag(0));
    rig.run_until(|rig| rig.state(bad) == State::Waiting);
    let (p, bad, slow) = (rig.node(p), rig.node(bad), rig.node(slow));
    assert_eq!([p.tag(), bad.tag(), slow.tag()], [Some(7), Some(17), Some(0)]);
    assert_eq!(bad.text(rig.now()).to_string(), "Retrying in 1 sec: checkpoint #17");
    assert_eq!(slow.label().to_string(), "checkpoint #0");
    assert!(
        rig.tree().starts_with("└─ ▶ range #7 (parallel): 0 of 2 children done\n   ├─ ↻ checkpoint #17: "),
        "{}",
        rig.tree()
    );
    let (p, slow) = (p.id(), slow.id());
    rig.s.abort(slow).unwrap();
    let _ = rig.run();
    assert_eq!(rig.node(p).explain(rig.now()).to_string(), "failed: child aborted at checkpoint #0");
    let lines: Vec<_> = rig.s.observer().events.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.ends_with(" checkpoint #0: aborting -> aborted")), "{lines:#?}");
}

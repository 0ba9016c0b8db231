//! What somebody who ports works from stellar-core has to know: the lines of `docs/stellar-core.md`, which names each test here.

use std::fs;
use std::path::Path;
use std::time::Duration;

use windlass::{AbortCause, Check, Error, Generated, Instant, Next, Outcome, Retry, Spec, State, Status};
use windlass_tests::{Any, Cx, Hook, Rig, Script, WRONG, parent};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// ---- the page ----

/// The name of each test in this text.
fn tests_in(text: &str) -> Vec<&str> {
    text.split("#[test]\nfn ").skip(1).filter_map(|test| Some(test.split_once('(')?.0)).collect()
}

/// Each line of its tables names a test of a file that stands beside this one; and each test here, but for this one, is named.
#[test]
fn the_page_names_the_tests_that_there_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let page = read("../docs/stellar-core.md");
    let mut named = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| --- ")) {
        let (_, last) = line.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        let tests: Vec<_> = last.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty() || last == "shown by", "no test shows this: {line}");
        named.extend(tests);
    }
    assert!(named.len() > 20, "{named:?}");
    for test in &named {
        let (module, name) = test.split_once("::").unwrap();
        let text = read(&format!("behaviour/{module}.rs"));
        assert!(tests_in(&text).contains(&name), "there is no test {test}");
    }
    let this = read("behaviour/porting.rs");
    for test in tests_in(&this).iter().filter(|test| **test != "the_page_names_the_tests_that_there_are") {
        assert!(named.contains(&&*format!("porting::{test}")), "the page does not name {test}");
    }
}

// ---- resets ----

/// The same with a work that adds its children, and with a composite; with a failure while the other child is in the table, and after it has been freed.
#[test]
fn a_parent_that_is_tried_again_does_not_reset_its_children() {
    for of_a_work in [false, true] {
        for steps in [1, 2, 5] {
            let mut rig = Rig::new(4);
            let b = move || {
                Script::new(move |cx| match cx.app().of("b").runs {
                    runs if runs == steps => Outcome::Failure(WRONG),
                    runs if runs == 2 * steps => Outcome::Success,
                    _ => Outcome::Running,
                })
                .spec("b")
            };
            let p = if of_a_work {
                let p = Script::new(move |cx| {
                    if cx.children().total() == 0 {
                        cx.add_child(Script::steps(1).spec("a")).unwrap();
                        cx.add_child(b()).unwrap();
                    }
                    cx.children().outcome()
                });
                rig.add(p.spec("p").retry(Retry::ONCE))
            } else {
                let p = rig.add(Spec::parallel("p").retry(Retry::ONCE));
                rig.add_below(p, Script::steps(1).spec("a"));
                rig.add_below(p, b());
                p
            };
            rig.run_until(|rig| rig.node(p).state() == State::Waiting && rig.is_idle());
            // One reset for the start, and one for the failed attempt.
            assert_eq!((rig.world.of("a").resets, rig.world.of("b").resets), (1, 2));
            assert_eq!(rig.run(), Next::Done);
            assert_eq!((rig.state(p), rig.world.of("b").runs), (State::Success, 2 * steps));
            // Each is reset once more, when it starts again.
            assert_eq!((rig.world.of("a").resets, rig.world.of("b").resets), (2, 3));
        }
    }
}

#[test]
fn a_restart_does_not_reset_the_children_before_they_start_again() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q"));
    rig.add_below(q, Script::waits().spec("a"));
    rig.add_below(q, Script::steps(1).spec("b"));
    assert_eq!(rig.run(), Next::OnWake);
    let a = rig.find("a").unwrap().id();
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(q).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!((rig.world.of("a").resets, rig.world.of("b").resets), (2, 1), "b has not started again yet");
}

#[test]
fn a_reset_comes_before_each_start_and_after_each_failed_attempt_and_abort() {
    use Hook::{Abort, Raise, Reset, Retry as Tried, Run, Success};
    let mut rig = Rig::new(1);
    let says = [Outcome::Failure(WRONG), Outcome::Failure(WRONG), Outcome::Waiting, Outcome::Success];
    let a = rig.add(Script::lines(&says).spec("a").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(a).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.abort(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    rig.s.restart(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    let hooks: Vec<_> = rig.world.hooks_of("a").into_iter().map(|(hook, _)| hook).collect();
    let lives: [&[_]; 3] =
        [&[Reset, Run, Tried, Reset, Run, Raise, Reset], &[Reset, Run, Abort, Reset], &[Reset, Run, Success]];
    assert_eq!(hooks, lives.concat());
}

// ---- when a parent is called ----

/// The reference calls `doWork` four times here: the child's wake wakes the parent, too.
#[test]
fn a_parent_that_waits_is_called_when_a_child_ends_and_not_when_one_wakes() {
    let mut rig = Rig::new(4);
    let p = rig.add(parent("p"));
    rig.add_below(p, Script::steps(2).sleeps(millis(10)).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.world.order(), ["a", "p", "a", "p"]);
}

/// A parent that adds `b` when `a`, which runs every ten milliseconds, has run twice. When `b` runs, in milliseconds.
fn start_of_b(tells: bool) -> u128 {
    let mut rig = Rig::new(4);
    let p = rig.add(
        Script::new(|cx| {
            if cx.children().total() == 1 && cx.app().of("a").runs >= 2 {
                cx.add_child(Script::steps(1).spec("b")).unwrap();
            }
            cx.children().outcome()
        })
        .spec("p"),
    );
    let a = Script::new(move |cx| {
        if tells {
            cx.wake(cx.parent().unwrap()).unwrap();
        }
        if cx.app().of("a").runs == 5 { Outcome::Success } else { Outcome::WaitFor(millis(10)) }
    });
    rig.add_below(p, a.spec("a"));
    rig.run_until(|rig| rig.world.of("b").runs == 1);
    rig.elapsed().as_millis()
}

#[test]
fn a_child_that_has_news_for_its_parent_wakes_it() {
    assert_eq!((start_of_b(false), start_of_b(true)), (40, 10));
}

// ---- aborts of one child ----

#[test]
fn a_composite_whose_member_somebody_aborts_fails_for_good() {
    for spec in [Spec::parallel("p"), Spec::sequence("p"), Spec::graph("p")] {
        let mut rig = Rig::new(4);
        let p = rig.add(spec.retry(Retry::ONCE));
        let a = rig.add_below(p, Script::says(Outcome::Waiting).spec("a"));
        assert_eq!(rig.run(), Next::OnWake);
        rig.s.abort(a).unwrap();
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(p), rig.state(a), rig.world.of("a").runs), (State::Failure, State::Aborted, 1));
        assert_eq!(rig.node(a).abort_cause(), Some(AbortCause::User));
    }
}

/// A work that adds `a`, and says this when somebody has aborted it.
fn work_with_a_child(aborted: fn(&mut Cx<'_>) -> Outcome) -> Rig {
    let mut rig = Rig::new(4);
    let p = Script::new(move |cx| {
        if cx.children().aborted > 0 {
            return aborted(cx);
        }
        if cx.children().total() == 0 {
            cx.add_child(Script::waits().spec("a")).unwrap();
        }
        cx.children().outcome()
    });
    rig.add(p.spec("p").retry(Retry::ONCE));
    assert_eq!(rig.run(), Next::OnWake);
    let a = rig.find("a").unwrap().id();
    rig.s.abort(a).unwrap();
    let _ = rig.run();
    rig
}

#[test]
fn a_work_decides_what_the_abort_of_a_child_means() {
    // As any failure of a child: tried again, with a new child.
    let rig = work_with_a_child(|cx| cx.children().outcome());
    assert_eq!((rig.last_state("p"), rig.world.of("a").runs), (State::Waiting, 2));
    let rig = work_with_a_child(|_| Outcome::Fatal(WRONG));
    assert_eq!((rig.last_state("p"), rig.world.of("a").runs), (State::Failure, 1));
}

#[test]
fn a_work_may_abort_itself_and_return_anything() {
    for outcome in [Outcome::Running, Outcome::Waiting, Outcome::Success, Outcome::Failure(WRONG)] {
        let mut rig = Rig::new(1);
        let a = Script::new(move |cx| {
            cx.abort(cx.id()).unwrap();
            outcome
        });
        let a = rig.add(a.spec("a"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.state(a), rig.world.of("a").aborts), (State::Aborted, 1), "{outcome:?}");
    }
}

// ---- times that are shown ----

#[test]
fn a_status_text_counts_from_the_time_it_is_asked_for() {
    let mut rig = Rig::new(1);
    let retry = Retry::ONCE.constant(Duration::from_secs(100));
    rig.add(Script::fails().spec("a").retry(retry));
    rig.step();
    let tree = rig.s.tree(Instant::from_secs(50)).to_string();
    assert_eq!(tree, "└─ ↻ a: retry 1 of 1 in 50 s: wrong\n");
    assert_eq!(rig.now(), Instant::ZERO, "nobody has polled since");
}

// ---- batches ----

/// The reference gives `y` the rest of the pass, and aborts it then.
#[test]
fn a_batch_decides_as_soon_as_an_item_has_ended() {
    let mut rig = Rig::new(4);
    let mut items = [Script::fails().spec("x"), Script::steps(2).spec("y")].into_iter();
    let batch = Script::yields(move |cx: &mut Cx<'_>| match items.next() {
        Some(item) => {
            cx.add_child(item).unwrap();
            Generated::Added
        }
        None => Generated::Exhausted,
    });
    let b = rig.add(batch.batch("b"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(b), rig.world.order()), (State::Failure, vec!["x"]));
    assert_eq!(rig.last_state("y"), State::Aborted);
}

// ---- order ----

/// In the reference they run in the order of its list: first, third.
#[test]
fn children_that_are_woken_run_in_the_order_of_their_wakes() {
    let mut rig = Rig::new(4);
    let [first, _, third] = ["first", "second", "third"].map(|name| rig.add(Script::waits().spec(name)));
    assert_eq!(rig.run(), Next::OnWake);
    rig.world.seen.clear();
    rig.s.wake(third).unwrap();
    rig.s.wake(first).unwrap();
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.world.order(), ["third", "first"]);
}

/// A gate that asks at 0, 100 and 200 ms for a node that ends at 100 ms. That node was put to sleep again at 50 ms, so the gate's time comes first; in the
/// reference the node does, which is the first in the list.
#[test]
fn of_two_times_that_are_equal_the_one_that_was_set_first_comes_first() {
    let opens = |gate: fn(windlass::NodeId) -> Spec<Any>| {
        let mut rig = Rig::new(4);
        let a = rig.add(Script::steps(3).sleeps(millis(50)).spec("a"));
        let gate = rig.add(gate(a));
        rig.add_below(gate, Script::steps(1).spec("b"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.world.of("b").runs, 1);
        rig.elapsed()
    };
    let predicate = opens(|a| {
        let ask = move |cx: &mut Cx<'_>| Check::from(cx.node(a).unwrap().status() == Status::Success);
        Script::asks(ask).gate("gate")
    });
    // No polling, no tie.
    let awaited = opens(|a| Spec::after_success("gate", a));
    assert_eq!((predicate, awaited), (millis(200), millis(100)));
}

/// What ran, with turns of the parent as `|`.
fn passes(rig: &Rig) -> String {
    rig.world.order().into_iter().map(|name| if name == "p" { "|" } else { name }).collect()
}

/// In the reference the list is at its end, so the parent has its turn first: `a|d|`.
#[test]
fn a_child_added_when_no_other_can_run_runs_before_its_parent() {
    let mut rig = Rig::new(4);
    let p = rig.add(parent("p"));
    rig.add_below(p, Script::steps(1).spec("a"));
    rig.step();
    rig.add_below(p, Script::steps(1).spec("d"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig), "ad|");
}

/// In the reference the list is not at its end, where `b` stands, so `d` runs before the parent.
#[test]
fn a_child_that_cannot_run_does_not_keep_the_pass_open() {
    let work =
        || Script::new(|cx| if cx.children().succeeded == 2 { Outcome::Success } else { Outcome::Running });
    // It waits.
    let mut rig = Rig::new(4);
    let p = rig.add(work().spec("p"));
    rig.add_below(p, Script::steps(3).spec("a"));
    rig.add_below(p, Script::says(Outcome::Waiting).spec("b"));
    rig.run_until(|rig| rig.world.of("a").runs == 2);
    rig.add_below(p, Script::steps(1).spec("d"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig), "ab|a|ad|");
    // It has ended before its first turn.
    let mut rig = Rig::new(4);
    let p = rig.add(work().spec("p"));
    rig.add_below(p, Script::steps(2).spec("a"));
    let b = rig.add_below(p, Script::steps(1).spec("b"));
    rig.run_until(|rig| rig.world.of("a").runs == 1);
    rig.s.abort(b).unwrap();
    rig.add_below(p, Script::steps(1).spec("d"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig), "a|ad|");
}

// ---- building the tree ----

#[test]
fn children_may_be_added_before_their_parent_starts() {
    let mut rig = Rig::new(4);
    let q = rig.add(Spec::sequence("q"));
    rig.add_below(q, Script::steps(2).spec("a"));
    let p = rig.add_below(q, parent("p"));
    rig.add_below(p, Script::steps(1).spec("b"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(q), rig.world.order()), (State::Success, vec!["a", "a", "b", "p"]));
}

#[test]
fn a_work_around_a_sequence_has_the_hooks_that_a_sequence_has_not() {
    let mut rig = Rig::new(4);
    let around = rig.add(parent("around").retry(Retry::ONCE));
    let q = rig.add_below(around, Spec::sequence("q"));
    rig.add_below(q, Script::fails().spec("a"));
    rig.run_until(|rig| rig.world.of("around").retries == 1);
    let hooks: Vec<_> = rig.world.hooks_of("around").into_iter().map(|(hook, _)| hook).collect();
    assert_eq!(hooks.last(), Some(&Hook::Reset));
    let around = rig.add(parent("success"));
    let q = rig.add_below(around, Spec::sequence("q"));
    rig.add_below(q, Script::steps(1).spec("b"));
    let _ = rig.run();
    assert_eq!((rig.world.of("success").successes, rig.world.of("q").successes), (1, 0));
}

#[test]
fn a_top_level_node_that_has_ended_keeps_its_slot_until_it_is_removed() {
    let mut rig = Rig::new(3);
    for _ in 0..3 {
        rig.add(Script::steps(1).spec("a"));
        assert_eq!(rig.run(), Next::Done);
    }
    let refused = rig.s.add(Script::steps(1).spec("a")).unwrap_err();
    assert_eq!(refused.error, Error::Full);
    let first = rig.find("a").unwrap().id();
    rig.s.remove(first).unwrap();
    rig.add(Script::steps(1).spec("a"));
}

#[test]
fn a_detached_node_leaves_when_it_has_ended() {
    let mut rig = Rig::new(3);
    for _ in 0..5 {
        rig.add(Script::steps(1).spec("a").detached());
        assert_eq!(rig.run(), Next::Done);
    }
    assert_eq!(rig.world.of("a").successes, 5);
}

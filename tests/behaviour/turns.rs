//! Turns and passes: who runs when, how often a parent's turn comes, and what nobody can starve.

use std::num::NonZeroU32;
use windlass::{Instant, Next, Outcome, Spec, State};
use windlass_tests::{Rig, Script, World, leaf, parent};

/// A work that always says it runs: each poll ends with its budget, and nobody else is kept from running.
#[test]
fn an_endless_work_leaves_others_their_turns() {
    let mut rig = Rig::new(2);
    let a = rig.add(Script::says(Outcome::Running).spec("a"));
    for poll in 1..=10 {
        assert_eq!(rig.s.poll_work_with(Instant::ZERO, &mut rig.world), Next::Now);
        assert_eq!(rig.cranks(), 256 * poll);
    }
    let b = rig.add(Script::steps(5).spec("b"));
    assert_eq!(rig.s.poll_work_with(Instant::ZERO, &mut rig.world), Next::Now);
    assert_eq!((rig.state(a), rig.state(b)), (State::Running, State::Success));
}

/// "BasicWork test", section "2 works round robin".
#[test]
fn two_works_take_turns() {
    let mut rig = Rig::new(4);
    rig.add(leaf().spec("1"));
    rig.add(leaf().spec("2"));
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("1", 3);
    rig.assert_full_success("2", 3);
    assert_eq!(rig.world.order(), ["1", "2", "1", "2", "1", "2"]);
}

/// "BasicWork test", section "new work added midway".
#[test]
fn a_work_added_midway_joins_the_pass() {
    let mut rig = Rig::new(4);
    rig.add(leaf().spec("1"));
    rig.add(leaf().spec("2"));
    rig.step();
    rig.add(leaf().spec("3"));
    assert_eq!(rig.run(), Next::Done);
    for name in ["1", "2", "3"] {
        rig.assert_full_success(name, 3);
    }
    // It joins the pass that is going on.
    assert_eq!(rig.world.order(), ["1", "2", "3", "1", "2", "3", "1", "2", "3"]);
}

/// "work scheduling compare trees", section "linked list structure".
#[test]
fn a_chain_of_parents_takes_a_turn_at_each_level() {
    let mut rig = Rig::new(8);
    let w1 = rig.add(parent("w1"));
    let w2 = rig.add_below(w1, parent("w2"));
    rig.add_below(w2, leaf().spec("w3"));
    assert_eq!(rig.run(), Next::Done);
    let runs = |name| rig.world.of(name).runs;
    assert_eq!(runs("w3"), 3);
    assert_eq!(runs("w2"), 3);
    assert_eq!(runs("w1"), runs("w2") + runs("w3"));
    assert_eq!(runs("w1"), 6);
    // The reference: 24 cranks of its scheduler, every second one its own.
    assert_eq!(rig.cranks(), 12);
    assert_eq!(2 * rig.cranks(), 24);
    assert_eq!(rig.world.order(), ["w3", "w1", "w2", "w1", "w3", "w1", "w2", "w1", "w3", "w1", "w2", "w1"]);
}

/// "work scheduling compare trees", section "flat work sequence".
///
/// The reference needs 12 cranks of its scheduler, half as many as for the chain: five for its members, one more to see the end of the last,
/// and after each of them one of its own. A sequence takes no turn here, so the five remain.
#[test]
fn a_sequence_takes_no_turn_of_its_own() {
    let mut rig = Rig::new(8);
    let sequence = rig.add(Spec::sequence("sequence"));
    rig.add_below(sequence, leaf().spec("w3"));
    rig.add_below(sequence, parent("w2"));
    rig.add_below(sequence, parent("w1"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(sequence), State::Success);
    let runs = |name| rig.world.of(name).runs;
    assert_eq!(runs("w3"), 3);
    assert_eq!(runs("w2"), 1);
    assert_eq!(runs("w1"), 1);
    assert_eq!(rig.cranks(), 5);
    assert_eq!(rig.steps(), 5);
    assert_eq!(2 * (rig.cranks() + 1), 12);
    assert_eq!(rig.world.order(), ["w3", "w3", "w3", "w2", "w1"]);
}

/// Running one work to its end: others make progress meanwhile, and need not have ended.
#[test]
fn one_work_can_be_run_to_its_end_beside_others() {
    let mut rig = Rig::new(4);
    rig.add(Script::says(Outcome::Running).spec("endless"));
    rig.add(Script::steps(2).spec("short"));
    let a = rig.add(Script::steps(10).spec("a"));
    rig.run_until(|rig| rig.state(a).is_done());
    assert_eq!(rig.state(a), State::Success);
    assert_eq!((rig.world.of("endless").runs, rig.world.of("short").runs), (10, 2));
    assert_eq!(rig.s.next(), Next::Now);
}

/// Everything that ran, with the parent's own turns as `|`.
fn passes(world: &World) -> String {
    let names: Vec<_> =
        world.order().into_iter().map(|name| if name == "parent" { "|" } else { name }).collect();
    names.join(" ")
}

/// A child with so many steps; its first run does this to its parent.
fn child(steps: u32, first: impl Fn(&mut windlass_tests::Cx<'_>) + 'static) -> Script {
    let mut left = steps;
    Script::new(move |cx| {
        if left == steps {
            first(cx);
        }
        left -= 1;
        if left == 0 { Outcome::Success } else { Outcome::Running }
    })
}

/// The reference's example of a pass: A needs three steps, B one, C two.
#[test]
fn a_parent_has_its_turn_after_each_pass() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("parent"));
    for (name, steps) in [("A", 3), ("B", 1), ("C", 2)] {
        rig.add_below(p, Script::steps(steps).spec(name));
    }
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig.world), "A B C | A C | A |");
}

/// A child added in the middle of a pass joins it: D, added by B with C still to come.
#[test]
fn a_child_added_in_the_middle_of_a_pass_joins_it() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("parent"));
    let add = move |cx: &mut windlass_tests::Cx<'_>| {
        cx.add_below(p, Script::steps(2).spec("D")).unwrap();
    };
    rig.add_below(p, Script::steps(3).spec("A"));
    rig.add_below(p, child(1, add).spec("B"));
    rig.add_below(p, Script::steps(2).spec("C"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig.world), "A B C D | A C D | A |");
}

/// The same, added from outside after B has run.
#[test]
fn a_child_added_from_outside_joins_the_pass() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("parent"));
    for (name, steps) in [("A", 3), ("B", 1), ("C", 2)] {
        rig.add_below(p, Script::steps(steps).spec(name));
    }
    rig.run_until(|rig| rig.world.of("B").runs == 1);
    rig.add_below(p, Script::steps(2).spec("D"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig.world), "A B C D | A C D | A |");
}

/// A child added when all have had their turn waits for the next pass: D, added by the last child, or from outside.
#[test]
fn a_child_added_at_the_end_of_a_pass_waits_for_the_next() {
    for outside in [false, true] {
        let mut rig = Rig::new(8);
        let p = rig.add(parent("parent"));
        let add = move |cx: &mut windlass_tests::Cx<'_>| {
            if !outside {
                cx.add_below(p, Script::steps(2).spec("D")).unwrap();
            }
        };
        rig.add_below(p, Script::steps(3).spec("A"));
        rig.add_below(p, child(2, add).spec("B"));
        rig.run_until(|rig| rig.world.of("B").runs == 1);
        if outside {
            rig.add_below(p, Script::steps(2).spec("D"));
        }
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(passes(&rig.world), "A B | A B D | A D |", "outside: {outside}");
    }
}

/// A child added by the parent in its own turn opens the next pass together with the others.
#[test]
fn a_child_added_by_its_parent_runs_in_the_next_pass() {
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(|cx| {
            if cx.children().total() == 1 {
                cx.add_child(Script::steps(1).spec("B")).unwrap();
                return Outcome::Running;
            }
            cx.children().outcome()
        })
        .spec("parent"),
    );
    rig.add_below(p, Script::steps(3).spec("A"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig.world), "A | A B | A |");
}

/// Adding to a waiting parent wakes it; the child runs in the pass before that turn.
#[test]
fn adding_a_child_wakes_a_waiting_parent() {
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(|cx| if cx.children().succeeded > 0 { Outcome::Success } else { Outcome::Waiting })
            .spec("parent"),
    );
    assert_eq!(rig.run(), Next::OnWake);
    rig.add_below(p, Script::steps(1).spec("A"));
    assert_eq!(rig.s.next(), Next::Now);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig.world), "| A |");
}

/// A parent that waits while its children can run does not stall them; their end wakes it. (The reference stalls.)
#[test]
fn a_waiting_parent_does_not_stall_its_children() {
    let mut rig = Rig::new(8);
    let p = rig.add(
        Script::new(|cx| if cx.children().all_done() { Outcome::Success } else { Outcome::Waiting })
            .spec("parent"),
    );
    rig.add_below(p, Script::steps(3).spec("A"));
    rig.add_below(p, Script::waits().spec("B"));
    assert_eq!(rig.run(), Next::OnWake);
    // One turn at the end of the first pass, one because A has ended.
    assert_eq!(passes(&rig.world), "A B | A A |");
    let b = rig.find("B").unwrap().id();
    rig.s.wake(b).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(passes(&rig.world), "A B | A A | B |");
}

/// Exact fairness: a top-level leaf beside a composite with three leaves. Of the reference's 3000 scheduler cranks 1000 go to the leaf, 1000
/// to the composite (250 to each leaf below it and 250 to itself) and 1000 to the scheduler itself, which takes none here: so 2000.
#[test]
fn turns_are_shared_level_by_level() {
    let mut rig = Rig::new(8);
    rig.add(Script::says(Outcome::Running).spec("leaf"));
    let p = rig.add(parent("parent"));
    for name in ["A", "B", "C"] {
        rig.add_below(p, Script::says(Outcome::Running).spec(name));
    }
    for _ in 0..2_000 {
        rig.step();
    }
    assert_eq!(rig.cranks(), 2_000);
    assert_eq!(rig.world.of("leaf").runs, 1_000);
    for name in ["A", "B", "C", "parent"] {
        assert_eq!(rig.world.of(name).runs, 250, "{name}");
    }
    // No turn is ever taken early: any four turns of the composite are one of each.
    for turns in rig.world.order().chunks(8) {
        assert_eq!(turns, ["leaf", "A", "leaf", "B", "leaf", "C", "leaf", "parent"]);
    }
}

/// A composite that the engine runs takes no turns of its own: its 1000 go to its leaves.
#[test]
fn a_built_in_composite_leaves_its_turns_to_its_leaves() {
    let mut rig = Rig::new(8);
    rig.add(Script::says(Outcome::Running).spec("leaf"));
    let p = rig.add(Spec::parallel("parallel"));
    for name in ["A", "B"] {
        rig.add_below(p, Script::says(Outcome::Running).spec(name));
    }
    let c = rig.add_below(p, Spec::sequence("sequence"));
    rig.add_below(c, Script::says(Outcome::Running).spec("C"));
    for _ in 0..1_200 {
        rig.step();
    }
    let runs = ["leaf", "A", "B", "C"].map(|name| rig.world.of(name).runs);
    assert_eq!((runs, rig.cranks()), ([600, 200, 200, 200], 1_200));
}

/// Two children that wake each other cannot keep a pass from ending: neither their parent nor a sibling starves.
#[test]
fn wakes_starve_nobody() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("parent"));
    let ping = |other: &'static str| {
        Script::new(move |cx| {
            let other = cx.view().nodes().find(|node| node.name() == other).unwrap().id();
            cx.wake(other).unwrap();
            Outcome::Waiting
        })
    };
    rig.add_below(p, ping("pong").spec("ping"));
    rig.add_below(p, ping("ping").spec("pong"));
    rig.add_below(p, Script::says(Outcome::Running).spec("busy"));
    rig.add(Script::says(Outcome::Running).spec("neighbour"));
    for _ in 0..400 {
        rig.step();
    }
    // The two pass one wake to and fro, so one of them runs in each pass.
    let runs = |name| rig.world.of(name).runs;
    assert_eq!(runs("neighbour"), 200);
    assert_eq!((runs("busy"), runs("parent"), runs("ping") + runs("pong")), (66, 66, 68));
    assert!(runs("ping").abs_diff(runs("pong")) <= 1);
}

/// Nor can a circle of works with two wakes on the way, in which the next is always awake before the pass is over: whoever ran in a pass runs in
/// the next one.
#[test]
fn a_circle_of_wakes_does_not_keep_a_pass_from_ending() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("parent"));
    let link = |next: &'static str| {
        let mut first = true;
        Script::new(move |cx| {
            if !std::mem::take(&mut first) {
                let next = cx.view().nodes().find(|node| node.name() == next).unwrap().id();
                cx.wake(next).unwrap();
            }
            Outcome::Waiting
        })
    };
    let [a, _, c] =
        [("a", "b"), ("b", "c"), ("c", "a")].map(|(name, next)| rig.add_below(p, link(next).spec(name)));
    rig.add_below(p, Script::says(Outcome::Running).spec("busy"));
    rig.run_until(|rig| rig.world.of("parent").runs == 1);
    rig.s.wake(a).unwrap();
    rig.s.wake(c).unwrap();
    for _ in 0..400 {
        rig.step();
    }
    let order = rig.world.order();
    for pass in order.split(|name| *name == "parent").filter(|pass| !pass.is_empty()) {
        let count = |name| pass.iter().filter(|other| **other == name).count();
        assert!(["a", "b", "c", "busy"].into_iter().all(|name| count(name) <= 1), "{pass:?}");
    }
    assert!(rig.world.of("parent").runs >= 80 && rig.world.of("busy").runs >= 80);
}

/// A work that wakes itself and waits is one that runs, no more.
#[test]
fn a_work_that_wakes_itself_starves_nobody() {
    let mut rig = Rig::new(8);
    let selfish = Script::new(|cx| {
        let own = cx.id();
        cx.wake(own).unwrap();
        Outcome::Waiting
    });
    let p = rig.add(parent("parent"));
    rig.add_below(p, selfish.spec("selfish"));
    rig.add_below(p, Script::says(Outcome::Running).spec("busy"));
    for _ in 0..300 {
        rig.step();
    }
    assert_eq!(["selfish", "busy", "parent"].map(|name| rig.world.of(name).runs), [100; 3]);
}

/// Nothing runs while all wait: no crank and no wake, however often and however late it is polled.
#[test]
fn nothing_runs_while_all_wait() {
    let mut rig = Rig::new(16);
    let asleep = Script::says(Outcome::WaitFor(std::time::Duration::from_secs(3_600))).spec("asleep");
    let p = rig.add(Script::says(Outcome::Waiting).spec("parent"));
    rig.add_below(p, asleep);
    let q = rig.add(Spec::sequence("sequence"));
    rig.add_below(q, Script::says(Outcome::Waiting).spec("A"));
    rig.add_below(q, Script::steps(1).spec("B"));
    let g = rig.add(Spec::after("gate", q));
    rig.add_below(g, Script::steps(1).spec("C"));
    rig.add(Script::steps(1).spec("paused").paused());
    rig.run_until_idle();
    let before = rig.s.metrics();
    for second in 0..3_600 {
        let now = windlass::Instant::from_secs(second);
        let next = rig.s.poll_work_with(now, &mut rig.world);
        assert_eq!(next, Next::At(windlass::Instant::from_secs(3_600)));
    }
    assert_eq!(rig.s.metrics(), before);
}

/// A poll makes as many cranks as its budget allows, and says so; one crank at a time is the same run.
#[test]
fn the_budget_bounds_a_poll_and_changes_nothing() {
    let run = |budget: Option<u32>| {
        let mut rig = Rig::new(8);
        let p = rig.add(parent("parent"));
        for (name, steps) in [("A", 30), ("B", 10), ("C", 20)] {
            rig.add_below(p, Script::steps(steps).spec(name));
        }
        rig.add(Script::steps(50).spec("D"));
        let Some(budget) = budget else {
            let _ = rig.run();
            return rig.world.order();
        };
        rig.s.set_budget(NonZeroU32::new(budget).unwrap());
        loop {
            let before = rig.cranks();
            let next = rig.s.poll_work_with(windlass::Instant::ZERO, &mut rig.world);
            assert!(rig.cranks() - before <= u64::from(budget));
            if next == Next::Done {
                return rig.world.order();
            }
            assert_eq!((next, rig.cranks() - before), (Next::Now, u64::from(budget)));
        }
    };
    let one_by_one = run(None);
    assert_eq!(one_by_one.len(), 30 + 10 + 20 + 50 + 30);
    for budget in [1, 7, 100, 1_000] {
        assert_eq!(run(Some(budget)), one_by_one);
    }
}

/// "work scheduling and run count", section "multi-level tree".
///
/// The reference cranks `main` 21 times and its scheduler 42 times: after each crank of `main`, the only node at the top, the pass over the root
/// is over, and the root has a turn of its own. Our root has none.
#[test]
fn a_parent_takes_a_turn_after_each_pass_at_every_level() {
    let mut rig = Rig::new(16);
    let main = rig.add(parent("main"));
    rig.add_below(main, leaf().spec("w1"));
    let w2 = rig.add_below(main, parent("w2"));
    rig.add_below(w2, leaf().spec("c1"));
    rig.add_below(w2, leaf().spec("c2"));
    assert_eq!(rig.run(), Next::Done);

    let runs = |name| rig.world.of(name).runs;
    assert_eq!(runs("w1"), 3);
    assert_eq!(runs("w2"), 3);
    assert_eq!((runs("c1"), runs("c2")), (3, 3));
    assert_eq!(runs("main"), 2 * 3 + 3);
    assert_eq!(runs("main"), 9);
    assert_eq!(rig.cranks(), 21);
    assert_eq!(2 * rig.cranks(), 42);
    assert_eq!(rig.steps(), 21);
    for name in ["w1", "c1", "c2"] {
        rig.assert_full_success(name, 3);
    }
}

/// "work scheduling and run count", section "multi-level tree more leaves do not affect scheduling".
#[test]
fn more_leaves_do_not_change_the_turns_of_their_parents() {
    let mut rig = Rig::new(16);
    let main = rig.add(parent("main"));
    for (name, leaves) in [("w1", ["l1", "l2"]), ("w2", ["c1", "c2"])] {
        let branch = rig.add_below(main, parent(name));
        for name in leaves {
            rig.add_below(branch, leaf().spec(name));
        }
    }
    assert_eq!(rig.run(), Next::Done);

    let runs = |name| rig.world.of(name).runs;
    assert_eq!(runs("w2"), 3);
    assert_eq!((runs("c1"), runs("c2")), (3, 3));
    assert_eq!(runs("main"), 2 * 3 + 3);
    assert_eq!(runs("main"), 9);
    // The reference: 27 cranks of main, 54 of its scheduler.
    assert_eq!(rig.cranks(), 27);
    assert_eq!(2 * rig.cranks(), 54);
}

/// Siblings get equal turns whatever the size of their subtrees: beside a leaf, a composite with three leaves. In the reference, of 3000 scheduler
/// cranks 1000 go to the leaf, 1000 to the composite (250 to each of its leaves, 250 to itself) and 1000 to the scheduler itself,
/// which are none here.
#[test]
fn siblings_get_equal_turns_whatever_is_below_them() {
    let mut rig = Rig::new(8);
    rig.add(Script::steps(10_000).takes_time().spec("leaf"));
    let composite = rig.add(parent("composite"));
    for name in ["a", "b", "c"] {
        rig.add_below(composite, Script::steps(10_000).takes_time().spec(name));
    }
    for _ in 0..3_000 - 1_000 {
        rig.step();
    }
    assert_eq!(rig.world.of("leaf").runs, 1_000);
    for name in ["a", "b", "c", "composite"] {
        assert_eq!(rig.world.of(name).runs, 250, "{name}");
    }
}

/// A leaf of three steps below chains of parents. The reference needs 6 * 2^d cranks of its scheduler for *d* levels, because every level
/// takes a turn of its own after each crank below it; half of them are the scheduler's own.
#[test]
fn a_chain_of_parents_doubles_the_turns_at_each_level() {
    for depth in 0..=8 {
        let mut rig = Rig::new(16);
        let mut above = None;
        for _ in 0..depth {
            let parent = parent("parent");
            above = Some(match above {
                None => rig.add(parent),
                Some(above) => rig.add_below(above, parent),
            });
        }
        match above {
            None => rig.add(leaf().spec("leaf")),
            Some(above) => rig.add_below(above, leaf().spec("leaf")),
        };
        assert_eq!(rig.run(), Next::Done);
        assert_eq!(rig.world.of("leaf").runs, 3);
        assert_eq!(2 * rig.cranks(), 6 << depth, "{depth} levels");
    }
}

/// The reference's advice is to use sequences for chains: they cost it 2 cranks per level. Here they cost none.
#[test]
fn a_chain_of_sequences_costs_nothing() {
    for depth in 1..=8_u64 {
        let mut rig = Rig::new(16);
        let mut above = rig.add(windlass::Spec::sequence("sequence"));
        for _ in 1..depth {
            above = rig.add_below(above, windlass::Spec::sequence("sequence"));
        }
        rig.add_below(above, leaf().spec("leaf"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.cranks(), rig.steps()), (3, 3), "{depth} levels");
        // The reference: 6, 8, 10, 12 ... for 0, 1, 2, 3 ... levels.
        assert_eq!(2 * (rig.cranks() + depth), 6 + 2 * depth);
    }
}

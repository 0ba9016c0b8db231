//! How often a parent's turn comes: stellar-core's "work scheduling and run count".

use windlass::Next;
use windlass_tests::{Rig, Script, leaf, parent};

/// "work scheduling and run count", section "multi-level tree".
///
/// The reference cranks `main` 21 times and its scheduler 42 times: after each crank of `main`, the only node at the top, the pass over the root
/// is over, and the root has a turn of its own. Our root has none.
#[test]
fn multi_level_tree() {
    let mut rig = Rig::new(16);
    let main = rig.add(parent("main"));
    rig.add_child(main, leaf().spec("w1"));
    let w2 = rig.add_child(main, parent("w2"));
    rig.add_child(w2, leaf().spec("c1"));
    rig.add_child(w2, leaf().spec("c2"));
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
fn more_leaves_do_not_affect_the_scheduling() {
    let mut rig = Rig::new(16);
    let main = rig.add(parent("main"));
    for (name, leaves) in [("w1", ["l1", "l2"]), ("w2", ["c1", "c2"])] {
        let branch = rig.add_child(main, parent(name));
        for name in leaves {
            rig.add_child(branch, leaf().spec(name));
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
fn turns_are_shared_by_level() {
    let mut rig = Rig::new(8);
    rig.add(Script::steps(10_000).takes_time().spec("leaf"));
    let composite = rig.add(parent("composite"));
    for name in ["a", "b", "c"] {
        rig.add_child(composite, Script::steps(10_000).takes_time().spec(name));
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
                Some(above) => rig.add_child(above, parent),
            });
        }
        match above {
            None => rig.add(leaf().spec("leaf")),
            Some(above) => rig.add_child(above, leaf().spec("leaf")),
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
            above = rig.add_child(above, windlass::Spec::sequence("sequence"));
        }
        rig.add_child(above, leaf().spec("leaf"));
        assert_eq!(rig.run(), Next::Done);
        assert_eq!((rig.cranks(), rig.steps()), (3, 3), "{depth} levels");
        // The reference: 6, 8, 10, 12 ... for 0, 1, 2, 3 ... levels.
        assert_eq!(2 * (rig.cranks() + depth), 6 + 2 * depth);
    }
}

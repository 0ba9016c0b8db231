//! The same three works as a chain and as a sequence: stellar-core's "work scheduling compare trees".

use windlass::{Next, Spec, State};
use windlass_tests::{Rig, leaf, parent};

/// "work scheduling compare trees", section "linked list structure".
#[test]
fn linked_list_structure() {
    let mut rig = Rig::new(8);
    let w1 = rig.add(parent("w1"));
    let w2 = rig.add_child(w1, parent("w2"));
    rig.add_child(w2, leaf().spec("w3"));
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
fn flat_work_sequence() {
    let mut rig = Rig::new(8);
    let sequence = rig.add(Spec::sequence("sequence"));
    rig.add_child(sequence, leaf().spec("w3"));
    rig.add_child(sequence, parent("w2"));
    rig.add_child(sequence, parent("w1"));
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

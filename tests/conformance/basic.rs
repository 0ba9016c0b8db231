//! Single works: stellar-core's "BasicWork test".
use windlass::Next;
use windlass_tests::{Leaf, Rig};

#[test]
fn one_work() {
    let mut rig = Rig::new(4);
    rig.add(Leaf::new("one").spec());
    assert_eq!(rig.run(), Next::Done);
    rig.assert_full_success("one", 3);
    assert_eq!(rig.cranks(), 3);
}

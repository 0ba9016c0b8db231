#![allow(clippy::unwrap_used)]

use super::*;

fn plan(checkpoints: u32, every: u32, transactions: u32, seed: u64) -> Plan {
    Plan::new(checkpoints, Frequency::new(every).unwrap(), transactions, seed).unwrap()
}

fn all(plan: Plan) -> Vec<(ArchiveFile, Vec<u8>)> {
    Archive::new(plan).flat_map(|checkpoint| checkpoint.files).collect()
}

#[test]
fn the_same_plan_makes_the_same_bytes() {
    assert_eq!(all(plan(3, 8, 2, 1)), all(plan(3, 8, 2, 1)));
    assert_ne!(all(plan(3, 8, 2, 1)), all(plan(3, 8, 2, 2)));
}

#[test]
fn the_chain_is_the_same_on_every_machine() {
    let last = Archive::new(plan(2, 8, 2, 1)).last().unwrap().last;
    assert_eq!(last.0, 15);
    assert_eq!(last.1.to_string(), "e415ed42ade6bc8b8a9353cd98643fb6370d3535bfa3bf7586c934392133dd1c");
}

#[test]
fn a_longer_history_begins_like_a_shorter_one() {
    let (short, long) = (all(plan(2, 8, 2, 1)), all(plan(3, 8, 2, 1)));
    assert_eq!(long.len(), 12);
    assert_eq!(short, long[..8]);
}

#[test]
fn has_as_many_checkpoints_as_asked_for() {
    for (checkpoints, every, last) in [(1, 64, 63), (3, 8, 23), (1, 1, 1), (5, 1, 5), (2, 2, 3)] {
        let plan = plan(checkpoints, every, 1, 1);
        assert_eq!(plan.range().to(), last);
        assert_eq!(Archive::new(plan).count(), checkpoints as usize);
    }
}

#[test]
fn refuses_what_cannot_be_made() {
    let refused = |checkpoints, every, transactions| {
        Plan::new(checkpoints, Frequency::new(every).unwrap(), transactions, 1).unwrap_err().to_string()
    };
    assert!(refused(0, 8, 1).contains("1 or more"));
    assert!(refused(u32::MAX, 8, 1).contains("32 bits"));
    assert!(refused(1, 8, 10_001).contains("10000 or fewer"));
}

//! The gates that wait for the end of a node: a list for each node that is waited for. (The root's list is of works that wait for a free slot.)
//!
//! The invariant: a gate is in one list at most, that of the node it waits for. Links go one way, the last gate's to itself, so that a gate knows whether it is
//! in a list. What a gate does when it hears of an end is not known here.

use crate::column::Column;
use crate::links::NONE;
use crate::node::Cold;

/// Puts a gate first among those that wait for `awaited`, unless it is in a list already.
pub(crate) fn add(cold: &mut Column<'_, Cold>, awaited: u32, gate: u32) {
    if is_in_list(cold, gate) {
        return;
    }
    let first = core::mem::replace(&mut cold[awaited].watchers, gate);
    cold[gate].next_watcher = if first == NONE { gate } else { first };
}

pub(crate) fn is_in_list(cold: &Column<'_, Cold>, gate: u32) -> bool {
    cold[gate].next_watcher != NONE
}

/// The gate after this one in its list; [`NONE`] after the last.
pub(crate) fn after(cold: &Column<'_, Cold>, gate: u32) -> u32 {
    let next = cold[gate].next_watcher;
    if next == gate { NONE } else { next }
}

/// Takes a gate out of the list of `awaited`. Cost: the length of that list.
pub(crate) fn remove(cold: &mut Column<'_, Cold>, awaited: u32, gate: u32) {
    let next = after(cold, gate);
    cold[gate].next_watcher = NONE;
    let mut at = cold[awaited].watchers;
    if at == gate {
        cold[awaited].watchers = next;
        return;
    }
    while at != NONE {
        let following = after(cold, at);
        if following == gate {
            cold[at].next_watcher = if next == NONE { at } else { next };
            return;
        }
        at = following;
    }
}

/// Takes all gates out of the list of a node.
pub(crate) fn clear(cold: &mut Column<'_, Cold>, awaited: u32) {
    let mut gate = core::mem::replace(&mut cold[awaited].watchers, NONE);
    while gate != NONE {
        let next = after(cold, gate);
        cold[gate].next_watcher = NONE;
        gate = next;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    const AWAITED: u32 = 4;

    /// Node 4, and gates 2, 1 and 0 that wait for it, in this order.
    fn on(run: impl FnOnce(&mut Column<'_, Cold>)) {
        let (mut nodes, mut root) = ([Cold::EMPTY; 5], Cold::EMPTY);
        let mut cold = Column::new(&mut nodes, &mut root);
        (0..3).for_each(|gate| add(&mut cold, AWAITED, gate));
        run(&mut cold);
    }

    fn all(cold: &Column<'_, Cold>) -> Vec<u32> {
        let first = cold[AWAITED].watchers;
        core::iter::successors(Some(first), |gate| Some(after(cold, *gate)))
            .take_while(|at| *at != NONE)
            .collect()
    }

    #[test]
    fn the_latest_gate_is_the_first() {
        on(|cold| {
            add(cold, AWAITED, 1);
            assert_eq!(all(cold), [2, 1, 0]);
        });
    }

    #[test]
    fn any_gate_can_leave_its_list() {
        for gate in 0..3 {
            on(|cold| {
                remove(cold, AWAITED, gate);
                assert_eq!(all(cold), [2, 1, 0].into_iter().filter(|at| *at != gate).collect::<Vec<_>>());
                assert!(!is_in_list(cold, gate));
                add(cold, AWAITED, gate);
                assert_eq!(all(cold).len(), 3);
            });
        }
    }

    #[test]
    fn a_list_that_is_cleared_lets_its_gates_go() {
        on(|cold| {
            clear(cold, AWAITED);
            assert!(all(cold).is_empty() && !(0..3).any(|gate| is_in_list(cold, gate)));
        });
    }
}

//! The control of `off_costs_nothing.rs`: what is looked for there is found in a program that has an audit.

#[cfg(target_os = "linux")]
mod cost;

use std::hint::black_box;

use allocation_counter::measure;
use windlass_std::audit::Exact;
use windlass_std::pool::{Crew, Deque, Options, Ran, Ring, Worker};

#[test]
#[cfg(target_os = "linux")]
fn the_code_of_the_audit_is_linked() {
    cost::use_everything::<Exact>();
    let linked = cost::linked();
    for part in ["exact::", "register::"] {
        assert!(linked.iter().any(|name| name.starts_with(part)), "{part}: {linked:?}");
    }
}

#[test]
fn a_queue_element_has_a_tag() {
    const CELLS: usize = 1 << 16;
    let info = measure(|| drop(black_box(Ring::<u64>::with_capacity(CELLS))));
    assert_eq!((info.count_total, info.bytes_total), (1, 16 * CELLS as u64));
}

#[test]
fn a_pool_takes_memory_for_slots() {
    const SLOTS: usize = 1 << 20;
    let start = |slots| {
        let options = Options { slots, ..Options::new(1) };
        let mut crew = None;
        let info = measure(|| crew = Crew::<Exact>::start(&options, |_, _: &Worker<Exact>| Ran::Done).ok());
        assert!(crew.is_some(), "threads can be started");
        info.bytes_total
    };
    start(1); // what a thread allocates once
    assert!(start(SLOTS) >= start(1) + 16 * (SLOTS as u64 - 1));
}

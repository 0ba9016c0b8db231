//! Without an audit, a pool has no byte and no code of one. `exact_is_linked.rs` shows that these tests could fail.
//!
//! In a build without optimisation no call is inlined, so whatever a pool would call of an audit has a symbol. In a
//! release the tests hold as well: `cargo xtask test --only off`.
//!
//! Sizes are compared with those under other layers; nothing else in this file may use these, as it would be linked.

#[cfg(target_os = "linux")]
mod cost;

use std::hint::black_box;

use allocation_counter::measure;
use windlass_std::audit::{Audit, Exact, Ledger, Off, Probe};
use windlass_std::pool::{Crew, Deque, Options, Ran, Ring, Worker};
use windlass_std::{Fleet, Pool};

/// The audit's files whose items may appear in the names of a program's symbols: the layer that does nothing, the
/// traits that it implements, and the plain data that every pool is made with.
const FREE: [&str; 3] = ["off::", "probe::", "layout::"];

#[test]
#[cfg(target_os = "linux")]
fn no_code_of_an_audit_is_linked() {
    cost::use_everything::<Off>();
    let linked = cost::linked();
    assert!(!linked.is_empty(), "the names of symbols cannot be read");
    let rest: Vec<_> = linked.iter().filter(|name| !FREE.iter().any(|free| name.starts_with(free))).collect();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_queue_element_is_an_id_and_nothing_else() {
    const CELLS: usize = 1 << 16;
    let info = measure(|| drop(black_box(Ring::<()>::with_capacity(CELLS))));
    assert_eq!((info.count_total, info.bytes_total), (1, 8 * CELLS as u64));
    assert_eq!(size_of::<<Off as Audit>::Tag>(), 0);
}

#[test]
fn a_worker_has_no_byte_of_a_probe() {
    assert_eq!(size_of::<Off>() + size_of::<<Off as Audit>::Probe>(), 0);
    assert_eq!(size_of::<<<Off as Audit>::Probe as Probe>::Ticket>(), 0);
    // What a worker has more under an audit is exactly the probe.
    let without = size_of::<Worker<Off>>();
    assert_eq!(size_of::<Worker<Exact>>(), without + size_of::<<Exact as Audit>::Probe>());
    assert_eq!(size_of::<Worker<Ledger>>(), without + size_of::<<Ledger as Audit>::Probe>());
}

#[test]
fn a_handle_is_as_large_under_no_audit_as_under_any() {
    // All of them hold the audit behind a pointer that they need anyway.
    assert_eq!(size_of::<Crew<Off>>(), size_of::<Crew<Exact>>());
    assert_eq!(size_of::<Pool<Off>>(), size_of::<Pool<Exact>>());
    assert_eq!(size_of::<Fleet<(), Off>>(), size_of::<Fleet<(), Exact>>());
}

#[test]
fn a_pool_takes_no_memory_for_slots() {
    let start = |slots| {
        let options = Options { slots, ..Options::new(1) };
        let mut crew = None;
        let info = measure(|| crew = Crew::<Off>::start(&options, |_, _: &Worker<Off>| Ran::Done).ok());
        assert!(crew.is_some(), "threads can be started");
        info.bytes_total
    };
    start(1); // what a thread allocates once
    assert_eq!(start(1), start(1 << 20));
}

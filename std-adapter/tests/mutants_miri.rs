//! Each flaw of a deque's memory orders is found by Miri on real threads of the unmodified code, and the shipped deque
//! breaks no promise. Only under Miri: `cargo +nightly miri test -p windlass-std --test mutants_miri`.
//!
//! Miri draws the orders of threads, and what an atomic load may still see, from its seed. The rounds of one test go
//! on with the same generator, so a round is as good as a seed, and the same seed gives the same rounds.
#![cfg(miri)]

mod faults;

use faults::race::{CONTROLS, Tool, found_by};

/// Of each race.
const ROUNDS: usize = 40;

#[test]
fn each_flaw_of_memory_orders_is_found() {
    for racer in found_by(Tool::Miri) {
        let found = (0..ROUNDS).find(|_| !(racer.run)(racer.race).is_clean());
        println!("{:?}: round {found:?}", racer.flaw);
        assert!(found.is_some(), "a deque whose {} broke no promise", racer.flaw.text());
    }
}

#[test]
fn what_has_no_flaw_breaks_no_promise() {
    for racer in found_by(Tool::Miri) {
        for (name, run) in CONTROLS {
            for round in 0..ROUNDS {
                let report = run(racer.race);
                assert!(report.is_clean(), "{name}, round {round} of {:?}: {report}", racer.race);
            }
        }
    }
}

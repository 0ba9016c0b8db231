//! Flaws of a deque's memory orders are found by Miri on real threads of the unmodified code, and the shipped deque
//! breaks no promise. Only under Miri: `cargo +nightly miri test -p windlass-std --test mutants_miri`.
//!
//! Miri draws the orders of threads, and what an atomic load may still see, from its seed. The rounds of one test go
//! on with the same generator, so a round is as good as a seed, and the same seed gives the same rounds.
#![cfg(miri)]

mod faults;

use faults::race::{CONTROLS, SMALL, Tool, found_by};

/// Of each race.
const ROUNDS: usize = 12;
/// Miri seldom switches threads, so each race goes on for a while.
const REPEATED: usize = 10;

#[test]
fn flaws_of_memory_orders_are_found() {
    for racer in found_by(Tool::Miri) {
        let found = (0..ROUNDS).find(|_| !(racer.run)(racer.race.repeated(REPEATED)).is_clean());
        println!("{:?}: round {found:?}", racer.flaw);
        assert!(found.is_some(), "a deque in which {} broke no promise", racer.flaw.text());
    }
}

#[test]
fn what_has_no_flaw_breaks_no_promise() {
    // Two races of those that loom tries in full.
    for race in &SMALL[..2] {
        for (name, run) in CONTROLS {
            for round in 0..ROUNDS {
                let report = run(race.repeated(REPEATED));
                assert!(report.is_clean(), "{name}, round {round} of {race:?}: {report}");
            }
        }
    }
}

//! A second, slow and obvious scheduler, and random programs that run on both: every event must be equal.
//!
//! A program builds trees and graphs of every kind of node and then adds, wakes, aborts, pauses, restarts, removes, polls, lets time pass, shuts
//! down; its works do the same from inside, hooks included, and answer or panic as the program says. After every step the two schedulers
//! must have sent the same events, called the same methods with the same things to see, given the same answers, and must show the
//! same nodes, deadlines and totals. At the end everything ends, is removed, and no slot, edge or work may be left.
//!
//! | file | what it is |
//! | --- | --- |
//! | `program` | a program as a value |
//! | `generate`, `decode` | how programs are drawn and how they shrink; how they are read from a fuzzer's bytes |
//! | `script` | runs a program on either side; the only code that handles both |
//! | `engine`, `model` | the two sides |
//! | `compare` | step by step, and what a difference looks like |
//! | `laboratory` | the program once more, in the laboratory with all its oracles |
//! | `fuzzed` | what the fuzzer runs, and a test runs on what the fuzzer kept |
//! | `reach` | what the programs of a run must have reached, so that the comparison means something |
//!
//! `cargo test -p windlass-tests --test model` runs 2,000 programs, always the same. Every night there should be other ones, and more:
//!
//! ```text
//! WINDLASS_PROGRAMS=100000 WINDLASS_SEED=$(date +%s) cargo test --release -p windlass-tests --test model
//! ```
//!
//! (`--release` leaves the engine's debug assertions out; `CARGO_PROFILE_TEST_OPT_LEVEL=2` without it keeps them.) The seed is printed
//! with a difference, and the program is shrunk.
#![allow(clippy::unwrap_used)]

mod compare;
mod decode;
mod engine;
mod fuzzed;
mod generate;
mod laboratory;
mod model;
mod program;
mod reach;
mod script;

use std::cell::RefCell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::reach::Reach;

#[test]
fn random_programs_run_alike_on_the_engine_and_on_the_model() {
    let cases = u32::try_from(number("WINDLASS_PROGRAMS", 2_000)).unwrap();
    let chosen = number("WINDLASS_SEED", 0);
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&chosen.to_le_bytes());
    let config = Config { cases, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let reach = RefCell::new(Reach::default());
    let result = runner.run(&generate::programs(), |program| {
        let lines = compare::compare(&program).map_err(TestCaseError::fail)?;
        reach.borrow_mut().count(&lines);
        Ok(())
    });
    let reach = reach.into_inner();
    println!("{reach}");
    match result {
        Ok(()) if cases < 2_000 => {}
        Ok(()) => assert_eq!(reach.missing(), Vec::<String>::new(), "never happened"),
        Err(TestError::Fail(difference, program)) => {
            panic!("seed {chosen}: {difference}\n\nthe program\n{program}");
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// More are found by `cargo xtask test --deep`.
#[test]
fn what_the_fuzzer_kept_runs_alike() {
    windlass_tests::for_each_kept("operations", fuzzed::operations);
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

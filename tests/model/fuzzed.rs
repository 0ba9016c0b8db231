//! What is done with the bytes of the fuzzer, `tests/fuzz/operations.rs`, and in a test with those that it kept.
//!
//! The invariant: the fuzzer and the test run the same, so what one finds the other finds again.

use crate::{compare, decode, laboratory};

/// The bytes as a program, on the engine and the model, and in the laboratory.
///
/// # Panics
/// If anything is found.
pub(crate) fn operations(bytes: &[u8]) {
    let program = decode::program(bytes);
    if let Err(difference) = compare::compare(&program) {
        panic!("{difference}\n\nthe program\n{program}");
    }
    if let Err(finding) = laboratory::run(&program) {
        panic!("{finding}\n\nthe program\n{program}");
    }
}

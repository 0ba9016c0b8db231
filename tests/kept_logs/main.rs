//! The logs that the fuzzer kept, decoded and replayed.
#![allow(clippy::unwrap_used)]

mod replay;

#[test]
fn what_the_fuzzer_kept_is_decoded_and_replayed() {
    windlass_tests::for_each_kept("log", replay::log);
}

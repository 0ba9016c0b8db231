//! Bytes as a log of inputs: decoded, and replayed.
#![no_main]

#[path = "../kept_logs/replay.rs"]
mod replay;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| replay::log(bytes));

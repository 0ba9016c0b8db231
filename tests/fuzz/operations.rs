//! Bytes as operations: on the engine and on the model, and in the laboratory.
#![no_main]
#![allow(dead_code)]

#[path = "../model/compare.rs"]
mod compare;
#[path = "../model/decode.rs"]
mod decode;
#[path = "../model/engine.rs"]
mod engine;
#[path = "../model/fuzzed.rs"]
mod fuzzed;
#[path = "../model/laboratory.rs"]
mod laboratory;
#[path = "../model/model/mod.rs"]
mod model;
#[path = "../model/program/mod.rs"]
mod program;
#[path = "../model/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::operations(bytes));

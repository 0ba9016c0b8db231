//! What the fuzzers kept, for plain tests.
//!
//! The invariant: no file is left out, and a test without files fails.

use std::fs;
use std::panic::{RefUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// Calls `run` with each file of `tests/fuzz/corpus/<target>`, in the order of their names.
///
/// # Panics
/// If `run` does, after the name of the file; if there is no file, or one cannot be read.
pub fn for_each_kept(target: &str, run: impl Fn(&[u8]) + RefUnwindSafe) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a folder can be listed").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if let Err(payload) = catch_unwind(|| run(&bytes)) {
            eprintln!("the file is {}", file.display());
            resume_unwind(payload);
        }
    }
}

//! The steps that only `cargo xtask test --deep` runs, after the others: what takes minutes, or needs a nightly compiler.
//!
//! Each is bounded: loom by preemptions, the fuzzers by time, Miri and the model by how many programs they run, mutants by how many are drawn. None
//! changes a file that is kept. What a fuzzer finds lies in `tests/fuzz/artifacts`, and belongs into `tests/fuzz/corpus`
//! when it is mended, where a plain test runs it for ever.
//!
//! Nightly, Miri and cargo-fuzz are fetched; where that cannot be, the step is skipped, aloud.

use std::fs;

use anyhow::{Context, Result};

use crate::command::{Invocation, apart, cargo};
use crate::log;
use crate::mutants;
use crate::steps::{Outcome, Step};
use crate::tally::Tally;
use crate::toolchain;
use crate::web;

/// What `test --deep` runs after the steps of `test`.
pub(crate) const DEEP: &[Step] = &[
    Step {
        name: "loom",
        about: "wakes, drains, sleeps, stops and steals in every order of threads",
        run: loom,
    },
    Step {
        name: "soak",
        about: "a thousand million activations of the stealing pool under the audit, without a false alarm",
        run: soak,
    },
    Step { name: "miri", about: "no undefined behaviour and no data race, interpreted", run: miri },
    Step { name: "model", about: "100,000 random programs on the engine and on the model", run: model },
    Step {
        name: "mutants",
        about: "tests find 40 faults drawn for the engine (WINDLASS_MUTANTS=all tries all, WINDLASS_MUTANTS_SEED draws others)",
        run: mutants::run,
    },
    Step { name: "defmt", about: "what a device logs, in QEMU, says what it should", run: log::run },
    Step {
        name: "wasm-pack",
        about: "wasm-pack makes modules for pages, bundlers and Node",
        run: web::wasm_pack,
    },
    Step { name: "fuzz", about: "a minute of each fuzz target, from the kept corpus", run: fuzz },
];

/// The package of the fuzz targets, which is a workspace of its own.
pub(crate) const FUZZ: &str = "tests/fuzz";

/// Which fault of a deque or a pool is found, and by what.
const MUTANTS: &str = "docs/work-stealing-mutants.md";

const FUZZ_TARGETS: &[&str] = &["operations", "log"];

/// Strict about where pointers come from and how they are aligned. What wake sets leak is meant to be leaked.
const MIRIFLAGS: &str = "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check \
    -Zmiri-disable-isolation -Zmiri-ignore-leaks";

/// The same, with four schedules of the threads.
const MIRIFLAGS_THREADS: &str = "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check \
    -Zmiri-disable-isolation -Zmiri-ignore-leaks -Zmiri-many-seeds=0..4";

fn loom() -> Result<Outcome> {
    let models = modelled("loom", &["--package", "windlass", "--package", "windlass-std", "--lib"])
        .args(&["models::"]);
    let mutants = modelled("loom", &["--package", "windlass-std", "--test", "mutants_loom"]);
    tested(&[models, mutants])
}

/// Quick, so `cargo xtask test` runs it without `--deep`.
pub(crate) fn shuttle() -> Result<Outcome> {
    let tests = ["--package", "windlass-std", "--test", "mutants_shuttle", "--test", "crew_shuttle"];
    tested(&[modelled("shuttle", &tests)])
}

fn soak() -> Result<Outcome> {
    cargo(&["run", "--release", "--package", "windlass-std", "--example", "soak", "--"])
        .args(&["--activations", "1010000000"])
        .run()?;
    Ok(Outcome::Passed)
}

/// `cargo test` of a build with this model checker.
fn modelled(checker: &str, what: &[&str]) -> Invocation {
    // A folder of its own: another set of flags would rebuild everything, twice.
    let target = apart(checker);
    cargo(&["test"])
        .args(what)
        .args(&["--features", "windlass/alloc,windlass/waker", "--target-dir"])
        .args(&[target.to_string_lossy()])
        .env("RUSTFLAGS", format!("--cfg {checker}"))
        .env("CARGO_PROFILE_TEST_OPT_LEVEL", "2")
}

/// Shows what is wrong with which deque and pool, as `docs/work-stealing-mutants.md`, and writes that page.
pub(crate) fn pool_mutants() -> Result<()> {
    cargo(&["test", "--package", "windlass-std", "--test", "mutants"]).env("WINDLASS_BLESS", "1").run()?;
    print!("{}", fs::read_to_string(MUTANTS).with_context(|| format!("cannot read {MUTANTS}"))?);
    Ok(())
}

fn miri() -> Result<Outcome> {
    if let Err(why) = toolchain::need_miri() {
        return Ok(Outcome::Skipped(format!("Miri could not be installed: {why:#}")));
    }
    let miri = |package| toolchain::with_nightly(&["miri", "test", "--package", package]);
    // One file of the engine has unsafe code. The rest tries what it stands on; a work that panics, and wakes from threads.
    let engine = miri("windlass")
        .args(&["--features", "alloc,waker", "--lib", "--"])
        // Arithmetic, a hundred thousand times; mutations of the tables.
        .args(&["--skip", "retry::tests", "--skip", "mutations"])
        .env("WINDLASS_PROGRAMS", "1")
        .env("MIRIFLAGS", MIRIFLAGS);
    let behaviour = miri("windlass-tests")
        .args(&["--test", "behaviour", "--", "hooks::", "sequence::", "batch::a_batch_works_on"])
        .args(&["batch::nothing_is_yielded", "batch::an_item_that_fails_last"])
        .env("MIRIFLAGS", MIRIFLAGS);
    let threads = miri("windlass-std")
        .args(&["--lib", "--", "clock::", "mailbox::", "reply::", "shared::"])
        .env("MIRIFLAGS", MIRIFLAGS_THREADS);
    // One seed: what is drawn goes on from round to round, so more seeds are more rounds.
    let audit = miri("windlass-std")
        .args(&["--lib", "--", "audit::", "pool::"])
        // Tens of thousands of steps.
        .args(&[
            "--skip",
            "table::",
            "--skip",
            "a_correct_pool",
            "--skip",
            "threads_that_steal",
            "--skip",
            "too_many_producers",
        ])
        .env("MIRIFLAGS", MIRIFLAGS);
    let mutants = miri("windlass-std").args(&["--test", "mutants_miri"]).env("MIRIFLAGS", MIRIFLAGS);
    tested(&[engine, behaviour, threads, audit, mutants])
}

fn model() -> Result<Outcome> {
    tested(&[cargo(&["test", "--release", "--package", "windlass-tests", "--test", "model"])
        .env("WINDLASS_PROGRAMS", "100000")])
}

fn fuzz() -> Result<Outcome> {
    if let Err(why) = toolchain::need_cargo_fuzz() {
        return Ok(Outcome::Skipped(format!("cargo-fuzz could not be installed: {why:#}")));
    }
    for fuzzed in FUZZ_TARGETS {
        // What is new goes here, not among what is kept.
        let found = apart("fuzz-found").join(fuzzed);
        fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        let found = fs::canonicalize(found)?;
        toolchain::with_nightly(&["fuzz", "run", "--fuzz-dir", FUZZ, fuzzed])
            .args(&[found.to_string_lossy(), format!("{FUZZ}/corpus/{fuzzed}").into()])
            .args(&["--", "-timeout=20", "-max_len=1024", "-max_total_time=60"])
            // Wake sets are never given back.
            .env("ASAN_OPTIONS", "detect_leaks=0")
            .run()?;
    }
    Ok(Outcome::Passed)
}

fn tested(invocations: &[Invocation]) -> Result<Outcome> {
    let mut tally = Tally::default();
    for invocation in invocations {
        invocation.run_watched(|line| tally.read(line))?;
    }
    Ok(Outcome::Tested(tally))
}

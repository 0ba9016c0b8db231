//! The steps of `cargo xtask test` and `cargo xtask ci`, cheapest first, so that a run fails early.
//!
//! The tests themselves come last: the end of a log is then their result. Four steps are of `ci` alone, because a fresh
//! machine compiles their tools for minutes, or because they take minutes themselves.
//!
//! What is missing is fetched, and the network may refuse. Without a target the step fails, because `no_std` is a
//! promise of every commit. Without the old compiler, QEMU, npm's packages, a browser or one of cargo's tools it is skipped, aloud: a later run can
//! catch up.

use anyhow::{Result, bail};

use crate::bench;
use crate::command::{cargo, program};
use crate::deep;
use crate::device;
use crate::size;
use crate::steps::{Outcome, Step};
use crate::tally::Tally;
use crate::toolchain;
use crate::web;

/// What `test` and `ci` run.
pub(crate) const TEST: &[Step] = &[
    Step { name: "fmt", about: "the code is formatted", run: fmt },
    Step { name: "clippy", about: "no lint fires, in any feature set of the engine", run: clippy },
    Step { name: "doc", about: "the documentation builds and every link in it leads somewhere", run: doc },
    Step { name: "no-std", about: "what has no `std` compiles for bare metal and wasm32", run: no_std },
    Step { name: "size", about: "the engine has not grown, in flash and in memory", run: size },
    Step { name: "device", about: "traces, interrupts, Embassy and the update, in QEMU", run: device::run },
    Step { name: "wasm", about: "the engine for JavaScript and the demo compile for wasm32", run: wasm },
    Step { name: "msrv", about: "everything compiles with the oldest supported Rust", run: msrv },
    Step { name: "js", about: "the npm package, its size, the guide, golden traces in Node", run: web::js },
    Step { name: "browser", about: "package, golden traces and demo page in Chromium", run: web::browser },
    Step {
        name: "shuttle",
        about: "racy deques are found out, in drawn orders of threads; ours is not",
        run: deep::shuttle,
    },
    Step { name: "off", about: "without an audit, a release of the pool has no code of one", run: off },
    Step { name: "test-core", about: "the engine's tests, without any of its features", run: test_core },
    Step { name: "test", about: "all tests and doc tests of the workspace, all features", run: test },
];

/// What only `ci` runs, before the rest.
pub(crate) const CI_ONLY: &[Step] = &[
    Step { name: "deny", about: "licences, bans and sources of all dependencies", run: deny },
    Step { name: "gate", about: "no workload takes more instructions than it did", run: gate },
    Step {
        name: "features",
        about: "no lint fires in any of all sets of the engine's features",
        run: features,
    },
    Step {
        name: "semver",
        about: "nothing breaks what the last tag promised, unless the version says so",
        run: semver,
    },
];

/// The engine's feature sets besides all of them together, which the workspace-wide commands cover.
const FEATURE_SETS: &[&str] = &["", "alloc", "portable-atomic", "unstable-door", "waker"];

/// What has code for devices alone is linted for this one.
const DEVICE: &str = "thumbv7em-none-eabihf";

/// For targets without compare-and-swap. Which way `portable-atomic` shall go is for the binary to say, so we say it as one.
const SINGLE_CORE: &str = "waker,defmt,portable-atomic,portable-atomic/unsafe-assume-single-core";

/// Where the engine must compile, with every set of features that makes sense there.
const TARGETS: &[(&str, &[&str])] = &[
    ("thumbv6m-none-eabi", &["", "alloc", SINGLE_CORE]),
    ("riscv32imc-unknown-none-elf", &["", SINGLE_CORE]),
    (DEVICE, &["", "alloc", "waker,defmt"]),
    ("riscv32imac-unknown-none-elf", &["", "alloc", "waker,defmt"]),
    ("wasm32-unknown-unknown", &["", "alloc"]),
];

fn fmt() -> Result<Outcome> {
    toolchain::need_component("fmt", "rustfmt")?;
    cargo(&["fmt", "--all", "--check"]).run()?;
    for manifest in outside() {
        cargo(&["fmt", "--manifest-path", &manifest, "--check"]).run()?;
    }
    cargo(&["fmt", "--manifest-path", &format!("{}/Cargo.toml", deep::FUZZ), "--check"]).run()?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome> {
    toolchain::need_component("clippy", "clippy")?;
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]).run()?;
    for features in FEATURE_SETS {
        cargo(&["clippy", "--package", "windlass", "--all-targets"])
            .args(&with_features(features))
            .args(&["--", "-D", "warnings"])
            .run()?;
    }
    toolchain::need_target(DEVICE)?;
    cargo(&["clippy", "--package", "windlass", "--features", "defmt", "--target", DEVICE])
        .args(&["--", "-D", "warnings"])
        .run()?;
    size::lint()?;
    device::lint()?;
    Ok(Outcome::Passed)
}

fn doc() -> Result<Outcome> {
    cargo(&["doc", "--workspace", "--all-features", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").run()?;
    Ok(Outcome::Passed)
}

fn no_std() -> Result<Outcome> {
    for (target, feature_sets) in TARGETS {
        toolchain::need_target(target)?;
        for features in *feature_sets {
            cargo(&["check", "--package", "windlass", "--package", "windlass-embassy"])
                .args(&["--package", "windlass-golden", "--target", target])
                .args(&with_features(features))
                .run()?;
        }
        cargo(&["check", "--package", "windlass-lab", "--target", target]).run()?;
    }
    cargo(&["check", "--package", "windlass-catchup-job", "--target", "wasm32-unknown-unknown"]).run()?;
    Ok(Outcome::Passed)
}

fn size() -> Result<Outcome> {
    if !size::run(&size::Question::Compare)? {
        bail!("the engine has grown; `cargo xtask size --bless` keeps the new figures");
    }
    Ok(Outcome::Passed)
}

/// This needs rustup alone; [`web`] runs what was compiled.
fn wasm() -> Result<Outcome> {
    toolchain::need_target("wasm32-unknown-unknown")?;
    toolchain::need_component("clippy", "clippy")?;
    cargo(&["clippy", "--package", "windlass-wasm", "--all-targets", "--target", "wasm32-unknown-unknown"])
        .args(&["--", "-D", "warnings"])
        .run()?;
    cargo(&["clippy", "--package", "windlass-demo", "--target", "wasm32-unknown-unknown"])
        .args(&["--", "-D", "warnings"])
        .run()?;
    Ok(Outcome::Passed)
}

fn msrv() -> Result<Outcome> {
    if let Err(why) = toolchain::need_msrv() {
        return Ok(Outcome::Skipped(format!("Rust {} could not be installed: {why:#}", toolchain::MSRV)));
    }
    toolchain::with_msrv(&["check", "--workspace", "--all-features"]).run()?;
    toolchain::with_msrv(&["check", "--package", "windlass"]).run()?;
    Ok(Outcome::Passed)
}

/// The tests say it of a build without optimisation as well, in the step `test`.
fn off() -> Result<Outcome> {
    let mut tally = Tally::default();
    cargo(&["test", "--release", "--package", "windlass-std"])
        .args(&["--test", "off_costs_nothing", "--test", "exact_is_linked"])
        // Optimising once more at the link takes longer than the rest, and would only inline more.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .run_watched(|line| tally.read(line))?;
    Ok(Outcome::Tested(tally))
}

fn test_core() -> Result<Outcome> {
    tested(&["--package", "windlass"])
}

fn test() -> Result<Outcome> {
    tested(&["--workspace", "--all-features"])
}

fn gate() -> Result<Outcome> {
    if let Err(why) = toolchain::need_valgrind() {
        return Ok(Outcome::Skipped(format!("{why:#}")));
    }
    bench::run(&["--gate".into()])?;
    Ok(Outcome::Passed)
}

fn deny() -> Result<Outcome> {
    if let Err(why) = toolchain::need_cargo_deny() {
        return Ok(Outcome::Skipped(format!("cargo-deny could not be installed: {why:#}")));
    }
    for manifest in ["Cargo.toml".to_string()].into_iter().chain(outside()) {
        cargo(&["deny", "--manifest-path", &manifest, "check", "licenses", "bans", "sources"]).run()?;
    }
    Ok(Outcome::Passed)
}

/// Two dozen sets, which is why `clippy` is content with [`FEATURE_SETS`].
fn features() -> Result<Outcome> {
    if let Err(why) = toolchain::need_cargo_hack() {
        return Ok(Outcome::Skipped(format!("cargo-hack could not be installed: {why:#}")));
    }
    toolchain::need_component("clippy", "clippy")?;
    toolchain::need_target(DEVICE)?;
    for place in [&["--all-targets"][..], &["--target", DEVICE]] {
        // `default` is empty, and would only double the sets.
        cargo(&["hack", "--feature-powerset", "--exclude-features", "default"])
            .args(&["clippy", "--package", "windlass"])
            .args(place)
            .args(&["--", "-D", "warnings"])
            .run()?;
    }
    Ok(Outcome::Passed)
}

fn semver() -> Result<Outcome> {
    let last = match program("git", &["describe", "--tags", "--abbrev=0", "--match", "v*"]).read() {
        Ok(last) => last,
        Err(why) => return Ok(Outcome::Skipped(format!("there is no tag to compare with: {why:#}"))),
    };
    if let Err(why) = toolchain::need_cargo_semver_checks() {
        return Ok(Outcome::Skipped(format!("cargo-semver-checks could not be installed: {why:#}")));
    }
    cargo(&["semver-checks", "--workspace", "--baseline-rev", last.trim()]).run()?;
    Ok(Outcome::Passed)
}

/// The manifests of what is built for devices, which the workspace's own commands do not see.
fn outside() -> impl Iterator<Item = String> {
    std::iter::once(size::MANIFEST.into()).chain(device::manifests())
}

/// `cargo test` with these arguments, doc tests and all.
fn tested(args: &[&str]) -> Result<Outcome> {
    let mut tally = Tally::default();
    cargo(&["test"]).args(args).run_watched(|line| tally.read(line))?;
    Ok(Outcome::Tested(tally))
}

fn with_features(features: &str) -> Vec<&str> {
    if features.is_empty() { vec![] } else { vec!["--features", features] }
}

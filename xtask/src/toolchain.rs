//! What a machine may lack: components, compile targets, an older and a nightly compiler, Miri, cargo-deny, cargo-fuzz, wasm-bindgen. Each is installed when first
//! needed.
//!
//! An installation either makes the thing usable or says why not; nothing already there is touched or updated.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{self, Invocation};

/// The oldest compiler we promise to build with: `rust-version` in the workspace's `Cargo.toml`, first patch release.
pub(crate) const MSRV: &str = concat!(env!("CARGO_PKG_RUST_VERSION"), ".0");

/// What Miri and the fuzzers need.
const NIGHTLY: &str = "nightly";

/// Makes `cargo fmt` and `cargo clippy` runnable, which a minimal toolchain lacks.
pub(crate) fn need_component(subcommand: &str, component: &str) -> Result<()> {
    if command::cargo(&[subcommand, "--version"]).succeeds() {
        return Ok(());
    }
    command::program("rustup", &["component", "add", component])
        .run()
        .with_context(|| format!("`cargo {subcommand}` is missing and could not be added"))
}

/// Makes the active toolchain able to compile for `target`.
pub(crate) fn need_target(target: &str) -> Result<()> {
    // Asks the compiler, not rustup, so that a compiler from elsewhere serves as well.
    let libraries = command::program("rustc", &["--print", "target-libdir", "--target", target]).read()?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    command::program("rustup", &["target", "add", target])
        .run()
        .with_context(|| format!("the standard library for {target} is missing and could not be added"))
}

/// Makes the oldest supported compiler runnable through [`with_msrv`].
pub(crate) fn need_msrv() -> Result<()> {
    if command::program("rustup", &["run", MSRV, "rustc", "--version"]).succeeds() {
        return Ok(());
    }
    command::program("rustup", &["toolchain", "install", MSRV, "--profile", "minimal", "--no-self-update"])
        .run()
}

/// Cargo of the oldest supported compiler.
pub(crate) fn with_msrv(args: &[&str]) -> Invocation {
    command::program("rustup", &["run", MSRV, "cargo"]).args(args)
}

/// Makes `cargo deny` runnable; compiling it takes two to four minutes on two cores.
pub(crate) fn need_cargo_deny() -> Result<()> {
    if command::cargo(&["deny", "--version"]).succeeds() {
        return Ok(());
    }
    command::cargo(&["install", "cargo-deny", "--version", "^0.20", "--locked"]).run()
}

/// Makes Miri runnable through [`with_nightly`].
pub(crate) fn need_miri() -> Result<()> {
    if with_nightly(&["miri", "--version"]).succeeds() {
        return Ok(());
    }
    need_nightly()?;
    command::program("rustup", &["component", "add", "--toolchain", NIGHTLY, "miri", "rust-src"]).run()
}

/// Makes `cargo fuzz` runnable through [`with_nightly`]; compiling it takes a minute or two.
pub(crate) fn need_cargo_fuzz() -> Result<()> {
    need_nightly()?;
    if with_nightly(&["fuzz", "--version"]).succeeds() {
        return Ok(());
    }
    command::cargo(&["install", "cargo-fuzz", "--version", "^0.13", "--locked"]).run()
}

/// Makes wasm-bindgen's tool runnable, in the version of the library, and says what it is called; compiling it takes two minutes. One of another version
/// stays where it is, and ours goes below the target directory.
pub(crate) fn need_wasm_bindgen() -> Result<String> {
    let workspace = fs::read_to_string("Cargo.toml").context("cannot read Cargo.toml")?;
    let version =
        workspace.lines().find_map(|line| line.strip_prefix("wasm-bindgen = \"=")?.strip_suffix('"'));
    let version = version.context("Cargo.toml names no exact version of wasm-bindgen")?;
    let root = target_directory()?.join("tools");
    let own = root.join("bin/wasm-bindgen").display().to_string();
    let has_version = |tool: &str| {
        let said = command::program(tool, &["--version"]).read();
        said.is_ok_and(|said| said.split_whitespace().nth(1) == Some(version))
    };
    for tool in ["wasm-bindgen", &own] {
        if has_version(tool) {
            return Ok(tool.into());
        }
    }
    command::cargo(&["install", "wasm-bindgen-cli", "--version", version, "--no-default-features", "--root"])
        .args(&[root.display().to_string()])
        .run()
        .with_context(|| format!("wasm-bindgen {version} is missing and could not be installed"))?;
    Ok(own)
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = command::cargo(&["metadata", "--format-version", "1", "--no-deps"]).read()?;
    let rest = metadata.split_once("\"target_directory\":\"").context("cargo names no target directory")?.1;
    let path = rest.split_once('"').context("cargo's answer is cut off")?.0;
    Ok(PathBuf::from(path.replace("\\\\", "\\")))
}

/// Cargo of the nightly compiler.
pub(crate) fn with_nightly(args: &[&str]) -> Invocation {
    command::program("rustup", &["run", NIGHTLY, "cargo"]).args(args)
}

fn need_nightly() -> Result<()> {
    if command::program("rustup", &["run", NIGHTLY, "rustc", "--version"]).succeeds() {
        return Ok(());
    }
    command::program("rustup", &["toolchain", "install", NIGHTLY, "--profile", "minimal", "--no-self-update"])
        .run()
}

//! What a machine may lack: components, compile targets, an older and a nightly compiler, Miri, cargo-deny, cargo-hack, cargo-semver-checks, cargo-mutants, cargo-fuzz, defmt-print, wasm-bindgen, npm's packages,
//! Chromium, QEMU. Each is installed when first needed; Node is named.
//!
//! An installation either makes the thing usable or says why not; nothing already there is touched or updated.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{self, Invocation};

/// The oldest compiler we promise to build with: `rust-version` in the workspace's `Cargo.toml`, first patch release.
pub(crate) const MSRV: &str = concat!(env!("CARGO_PKG_RUST_VERSION"), ".0");

/// What Miri and the fuzzers need.
const NIGHTLY: &str = "nightly";

/// The version of cargo-mutants.
const MUTANTS: &str = "25.3.1";

/// The oldest Node that the npm package promises to run in.
const NODE: u32 = 20;

/// Where Chromium and its driver are unless a variable says otherwise; the scripts look there, too.
const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

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
    need_installed(&command::cargo(&["deny", "--version"]), "cargo-deny", "^0.20")
}

/// Makes `cargo hack` runnable; compiling it takes a minute.
pub(crate) fn need_cargo_hack() -> Result<()> {
    need_installed(&command::cargo(&["hack", "--version"]), "cargo-hack", "^0.6")
}

/// Makes `cargo semver-checks` runnable; compiling it takes some minutes. A new compiler needs a new version of it.
pub(crate) fn need_cargo_semver_checks() -> Result<()> {
    need_installed(&command::cargo(&["semver-checks", "--version"]), "cargo-semver-checks", ">=0.46")
}

/// Makes cargo-mutants runnable, in the one version whose names for faults are those on our list, and says what it is called; compiling it takes a
/// minute or two. Version 26 and 27 try faults in the fields of structs whether they are asked for or not.
pub(crate) fn need_cargo_mutants() -> Result<String> {
    let has_version = |tool: &str| {
        let said = command::program(tool, &["mutants", "--version"]).read();
        said.is_ok_and(|said| said.split_whitespace().nth(1) == Some(MUTANTS))
    };
    need_tool("cargo-mutants", has_version, &["cargo-mutants", "--version", MUTANTS, "--locked"])
}

/// Makes defmt's decoder runnable; compiling it takes a minute or two.
pub(crate) fn need_defmt_print() -> Result<()> {
    need_installed(&command::program("defmt-print", &["--version"]), "defmt-print", "^1")
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
    need_installed(&with_nightly(&["fuzz", "--version"]), "cargo-fuzz", "^0.13")
}

/// Installs a program unless it runs.
fn need_installed(runs: &Invocation, name: &str, version: &str) -> Result<()> {
    if runs.succeeds() {
        return Ok(());
    }
    command::cargo(&["install", name, "--version", version, "--locked"]).run()
}

/// Makes wasm-bindgen's tools runnable, in the version of the library, and says what the first is called; compiling them takes two minutes. One of
/// another version stays where it is, and ours go below the target directory.
pub(crate) fn need_wasm_bindgen() -> Result<String> {
    let workspace = fs::read_to_string("Cargo.toml").context("cannot read Cargo.toml")?;
    let version =
        workspace.lines().find_map(|line| line.strip_prefix("wasm-bindgen = \"=")?.strip_suffix('"'));
    let version = version.context("Cargo.toml names no exact version of wasm-bindgen")?;
    let has_version = |tool: &str| {
        ["", "-test-runner"].iter().all(|which| {
            let said = command::program(&format!("{tool}{which}"), &["--version"]).read();
            said.is_ok_and(|said| said.split_whitespace().nth(1) == Some(version))
        })
    };
    need_tool(
        "wasm-bindgen",
        has_version,
        &["wasm-bindgen-cli", "--version", version, "--no-default-features"],
    )
}

/// Makes wasm-pack runnable, and says what it is called; compiling it takes two minutes.
pub(crate) fn need_wasm_pack() -> Result<String> {
    let runs = |tool: &str| command::program(tool, &["--version"]).succeeds();
    need_tool("wasm-pack", runs, &["wasm-pack", "--version", "^0.15", "--locked"])
}

/// The program of this name that serves, or else one that is installed below the target directory.
fn need_tool(name: &str, serves: impl Fn(&str) -> bool, install: &[&str]) -> Result<String> {
    let root = target_directory()?.join("tools");
    let own = root.join("bin").join(name).display().to_string();
    if let Some(tool) = [name, &own].into_iter().find(|tool| serves(tool)) {
        return Ok(tool.into());
    }
    command::cargo(&["install"])
        .args(install)
        .args(&["--root".into(), root.display().to_string()])
        .run()
        .with_context(|| format!("{name} is missing and could not be installed"))?;
    Ok(own)
}

/// Fails where there is no Node that is new enough, or no npm.
pub(crate) fn need_node() -> Result<()> {
    let node = command::program("node", &["--version"]).read().unwrap_or_default();
    let major = node.strip_prefix('v').and_then(|version| version.split('.').next()?.parse().ok());
    if major.unwrap_or(0) < NODE {
        bail!("Node {NODE} or later is missing: see nodejs.org");
    }
    if !command::program("npm", &["--version"]).succeeds() {
        bail!("npm is missing, which comes with Node");
    }
    Ok(())
}

/// Puts the packages that a folder's lock file names into its `node_modules`, unless just those are there.
pub(crate) fn need_npm_packages(folder: &str) -> Result<()> {
    let folder = Path::new(folder);
    let read = |name: &str| {
        fs::read_to_string(folder.join(name))
            .with_context(|| format!("cannot read {name} of {}", folder.display()))
    };
    let wanted = read("package.json")? + &read("package-lock.json")?;
    // Written when all the rest is.
    let installed = folder.join("node_modules/.installed");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let command = command::program("npm", &["ci", "--no-audit", "--no-fund", "--prefix"])
        .args(&[folder.display().to_string()]);
    println!("$ {command}");
    command.read().context("npm's packages are missing and could not be fetched")?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

/// Makes headless Chromium startable, and its driver if that is wanted. Only root can install them.
pub(crate) fn need_chromium(with_driver: bool) -> Result<()> {
    let starts = |variable, usual: &str| {
        let chosen = env::var(variable).unwrap_or_else(|_| usual.into());
        command::program(&chosen, &["--version"]).succeeds()
    };
    let lacks = || {
        if !starts("CHROMIUM", CHROMIUM) {
            return Some(("Chromium", "CHROMIUM"));
        }
        (with_driver && !starts("CHROMEDRIVER", CHROMEDRIVER)).then_some(("chromedriver", "CHROMEDRIVER"))
    };
    if lacks().is_none() {
        return Ok(());
    }
    apt_install(&["chromium", "chromium-driver"]);
    if let Some((what, variable)) = lacks() {
        bail!(
            "{what} is missing: apt-get install chromium chromium-driver, or say where it is with {variable}=PATH"
        );
    }
    Ok(())
}

/// Makes a machine that QEMU plays startable. Only root can install it.
pub(crate) fn need_qemu(machine: &str) -> Result<()> {
    let starts = || command::program(machine, &["--version"]).succeeds();
    // The rarer processors are in one package, or, in newer systems, in one each.
    let packages = match machine {
        "qemu-system-riscv32" => &["qemu-system-misc", "qemu-system-riscv"][..],
        _ => &[machine],
    };
    for package in packages {
        if !starts() {
            apt_install(&[package]);
        }
    }
    if !starts() {
        bail!("`{machine}` is missing: apt-get install {}", packages.join(", or "));
    }
    Ok(())
}

/// Makes `valgrind` runnable. Only root can install it.
pub(crate) fn need_valgrind() -> Result<()> {
    let runs = || command::program("valgrind", &["--version"]).succeeds();
    if !runs() {
        apt_install(&["valgrind"]);
    }
    ensure!(runs(), "valgrind is needed to count instructions, and is missing: apt-get install valgrind");
    Ok(())
}

/// Installs packages of the system if it is one of Debian's kind and we are root. Whether that helped is for the caller to see.
fn apt_install(packages: &[&str]) {
    let is_root = command::program("id", &["-u"]).read().is_ok_and(|user| user.trim() == "0");
    if is_root && command::program("apt-get", &["--version"]).succeeds() {
        // Lists of packages may be old, or not there; where that cannot be mended, those there are may do.
        let _ = command::program("apt-get", &["update", "-q"]).run();
        let _ = command::program("apt-get", &["install", "-q", "-y", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .run();
    }
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

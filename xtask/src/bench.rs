//! `cargo xtask bench`: compiles the measuring program and hands everything over to it.
//!
//! The program is a binary of its own, behind a feature, so that neither the engine nor the peers need to compile for the
//! other commands. It runs where the command was typed, so that `--json FILE` means what the shell would take it to mean.

use anyhow::{Result, bail};

use crate::command::{cargo, program};

/// Runs the measuring program with these arguments.
pub(crate) fn run(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--gate") {
        need_valgrind()?;
    }
    cargo(&["run", "--quiet", "--release", "--package", "xtask"])
        .args(&["--features", "bench", "--bin", "bench", "--"])
        .args(args)
        .run()
}

/// Makes `valgrind` runnable, where that takes no password.
pub(crate) fn need_valgrind() -> Result<()> {
    let installed = || program("valgrind", &["--version"]).succeeds();
    if installed() {
        return Ok(());
    }
    const INSTALL: &[&str] = &["install", "--yes", "--no-install-recommends", "valgrind"];
    let is_root = program("id", &["-u"]).read().is_ok_and(|id| id.trim() == "0");
    if is_root && program("apt-get", INSTALL).run().is_ok() && installed() {
        return Ok(());
    }
    bail!("valgrind is needed to count instructions, and is missing: sudo apt-get install valgrind")
}

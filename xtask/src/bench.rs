//! `cargo xtask bench`: compiles the measuring program and hands everything over to it.
//!
//! The program is a binary of its own, behind a feature, so that neither the engine nor the peers need to compile for the
//! other commands. It runs where the command was typed, so that `--json FILE` means what the shell would take it to mean.

use anyhow::Result;

use crate::command::cargo;
use crate::toolchain;

/// Runs the measuring program with these arguments.
pub(crate) fn run(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--gate") {
        toolchain::need_valgrind()?;
    }
    cargo(&["run", "--quiet", "--release", "--package", "xtask"])
        .args(&["--features", "bench", "--bin", "bench", "--"])
        .args(args)
        .run()
}

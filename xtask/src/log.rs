//! The log of a device: an image that logs through defmt runs in QEMU, and what it logged is decoded and compared with what it must say.
//!
//! Invariant: levels, texts and numbers are compared as a person reads them. The texts are not in the image, only in its symbols, so nobody
//! but defmt's own decoder puts them together. `WINDLASS_BLESS=1` keeps what the log says now.

use std::env;
use std::fs::{self, File};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::device::LOG;
use crate::steps::Outcome;
use crate::tally::Tally;
use crate::toolchain;

const EXPECTED: &str = "tests/log/expected.txt";

/// Builds and runs the image, decodes its log, and compares.
pub(crate) fn run() -> Result<Outcome> {
    for needed in [toolchain::need_qemu(LOG.qemu()), toolchain::need_defmt_print()] {
        if let Err(why) = needed {
            return Ok(Outcome::Skipped(format!("{why:#}")));
        }
    }
    LOG.cargo("build")?.env("DEFMT_LOG", "trace").run()?;
    let frames = LOG.path().with_extension("frames");
    LOG.run(File::create(&frames).context("cannot keep the log")?.into())?;
    let log = decoded(File::open(&frames)?)?;
    if env::var_os("WINDLASS_BLESS").is_some() {
        fs::write(EXPECTED, log)?;
        return Ok(Outcome::Passed);
    }
    compare(&fs::read_to_string(EXPECTED)?, &log)?;
    Ok(Outcome::Tested(Tally { passed: 1, ..Tally::default() }))
}

/// One line for each that was logged, with its level.
fn decoded(frames: File) -> Result<String> {
    let mut decoder = Command::new("defmt-print");
    decoder.args(["--log-format", "{L} {s}", "-e"]).arg(LOG.path());
    let output = decoder.stdin(Stdio::from(frames)).output().context("cannot start `defmt-print`")?;
    ensure!(output.status.success(), "`defmt-print` failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("the log is not UTF-8")
}

/// An error that shows the first line that differs.
fn compare(expected: &str, log: &str) -> Result<()> {
    let mut lines = log.lines();
    for (at, expected) in expected.lines().enumerate() {
        let line = lines.next().unwrap_or("(nothing)");
        ensure!(line == expected, "line {} of the log is\n  {line}\nand not\n  {expected}", at + 1);
    }
    lines.next().map_or(Ok(()), |line| bail!("the log goes on: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown() {
        assert!(compare("a\nb\n", "a\nb\n").is_ok());
        for (log, shown) in [("a\nc\n", "line 2"), ("a\n", "(nothing)"), ("a\nb\nc\n", "goes on: c")] {
            let error = compare("a\nb\n", log).expect_err("they differ").to_string();
            assert!(error.contains(shown), "{error}");
        }
    }
}

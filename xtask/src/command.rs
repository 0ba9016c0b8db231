//! Running another program: printed as a person would type it, timed, and an error unless it succeeds.
//!
//! The child writes straight to our own output, so a log reads as if each line had been typed by hand. No shell is
//! involved, and nothing is retried.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// A program, its arguments and what is added to its environment.
pub(crate) struct Invocation {
    program: OsString,
    shown: String,
    args: Vec<String>,
    envs: Vec<(&'static str, String)>,
}

/// The cargo that runs us.
pub(crate) fn cargo(args: &[&str]) -> Invocation {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Invocation { program, shown: "cargo".into(), args: vec![], envs: vec![] }.args(args)
}

/// Cargo for a workspace of its own: a release, built [`apart`].
pub(crate) fn cargo_apart(subcommand: &str, manifest: &str, folder: &str) -> Result<Invocation> {
    let folder = apart(folder);
    let shown = folder.to_str().context("the target directory's name is not UTF-8")?;
    Ok(cargo(&[subcommand, "--release", "--locked", "--manifest-path", manifest, "--target-dir", shown]))
}

/// A folder where no other build puts its files, beside the others that cargo writes to.
pub(crate) fn apart(folder: &str) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from).join(folder)
}

/// Any other program, found on the `PATH` or given by its path.
pub(crate) fn program(name: &str, args: &[&str]) -> Invocation {
    Invocation { program: name.into(), shown: name.into(), args: vec![], envs: vec![] }.args(args)
}

impl Invocation {
    pub(crate) fn args<S: AsRef<str>>(mut self, args: &[S]) -> Self {
        self.args.extend(args.iter().map(|arg| arg.as_ref().to_string()));
        self
    }

    pub(crate) fn env(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.envs.push((key, value.into()));
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<()> {
        println!("$ {self}");
        let started = Instant::now();
        let status = self.command().status().with_context(|| format!("cannot start `{}`", self.shown))?;
        self.finish(status, started)
    }

    /// Runs it to its end and shows `line` every line of its standard output, which is printed as well.
    pub(crate) fn run_watched(&self, mut line: impl FnMut(&str)) -> Result<()> {
        println!("$ {self}");
        let started = Instant::now();
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.shown))?;
        let mut output = BufReader::new(child.stdout.take().context("standard output was asked for")?);
        let mut bytes = Vec::new();
        // By bytes, not `lines()`: a test may print what is not UTF-8.
        while output.read_until(b'\n', &mut bytes)? > 0 {
            let text = String::from_utf8_lossy(&bytes);
            print!("{text}");
            line(text.trim_end());
            bytes.clear();
        }
        self.finish(child.wait()?, started)
    }

    /// Whether it starts and succeeds; shows nothing of it.
    pub(crate) fn succeeds(&self) -> bool {
        let quiet = self.command().stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    }

    /// Its standard output; shows nothing of it.
    pub(crate) fn read(&self) -> Result<String> {
        let output = self.command().output().with_context(|| format!("cannot start `{}`", self.shown))?;
        if !output.status.success() {
            bail!(
                "`{self}` failed with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` printed what is not UTF-8"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.envs.iter().map(|(key, value)| (key, value)));
        command
    }

    fn finish(&self, status: ExitStatus, started: Instant) -> Result<()> {
        println!("  took {:.1} s", started.elapsed().as_secs_f64());
        if !status.success() {
            bail!("`{self}` failed with {status}");
        }
        Ok(())
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.envs {
            write!(f, "{key}={} ", quoted(value))?;
        }
        f.write_str(&self.shown)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// The word as a shell would need it, so that a printed command can be pasted.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_can_be_pasted_into_a_shell() {
        let doc = cargo(&["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(doc.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
        assert_eq!(program("echo", &["it's", ""]).to_string(), r"echo 'it'\''s' ''");
    }

    #[test]
    fn a_failure_and_a_program_that_is_not_there_are_errors() {
        let failed = cargo(&["--no-such-flag"]);
        assert!(!failed.succeeds());
        assert!(failed.read().expect_err("cargo knows no such flag").to_string().contains("--no-such-flag"));
        let absent = program("windlass-no-such-program", &[]);
        assert!(!absent.succeeds());
        assert!(absent.run().expect_err("there is no such program").to_string().contains("cannot start"));
    }

    #[test]
    fn a_watched_run_sees_every_line() -> Result<()> {
        let mut seen = vec![];
        cargo(&["--version"]).run_watched(|line| seen.push(line.to_string()))?;
        assert!(seen.len() == 1 && seen[0].starts_with("cargo "), "{seen:?}");
        Ok(())
    }
}

//! Runs steps in order and sums them up: the first failure stops the run, and nothing skipped goes unsaid.
//!
//! A step is a name and a function; what the functions check is none of this file's business.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::tally::Tally;

/// One named part of a command.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn() -> Result<Outcome>,
}

/// How a step ended, if it did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    /// Passed, and these are the tests it ran.
    Tested(Tally),
    /// Not done, and why not.
    Skipped(String),
}

/// What a run came to.
pub(crate) struct Report {
    rows: Vec<(&'static str, Duration, Result<Outcome>)>,
    not_run: usize,
}

/// The step called `name`, or an error that lists the names there are.
pub(crate) fn find<'a>(steps: &[&'a Step], name: &str) -> Result<&'a Step> {
    let found = steps.iter().find(|step| step.name == name).copied();
    found.with_context(|| format!("there is no step `{name}`; there are\n\n{}", list(steps)))
}

/// The names and what they stand for, one line each.
pub(crate) fn list(steps: &[&Step]) -> String {
    steps.iter().map(|step| format!("{:<12} {}\n", step.name, step.about)).collect()
}

/// Runs the steps until one fails.
pub(crate) fn run(steps: &[&Step]) -> Report {
    let mut rows = Vec::with_capacity(steps.len());
    for (n, step) in steps.iter().enumerate() {
        println!("\n== {} ({} of {}): {}", step.name, n + 1, steps.len(), step.about);
        let started = Instant::now();
        let result = (step.run)();
        let failed = result.is_err();
        rows.push((step.name, started.elapsed(), result));
        if failed {
            break;
        }
    }
    let not_run = steps.len() - rows.len();
    Report { rows, not_run }
}

impl Report {
    pub(crate) fn failed(&self) -> bool {
        self.rows.iter().any(|(_, _, result)| result.is_err())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tests = Tally::default();
        let (mut passed, mut skipped) = (0, 0);
        writeln!(f, "== summary")?;
        for (name, took, result) in &self.rows {
            write!(f, "{name:<12} {:>7.1} s  ", took.as_secs_f64())?;
            match result {
                Ok(Outcome::Passed) => {
                    passed += 1;
                    writeln!(f, "passed")?;
                }
                Ok(Outcome::Tested(tally)) => {
                    passed += 1;
                    tests += *tally;
                    writeln!(f, "passed: {tally}")?;
                }
                Ok(Outcome::Skipped(why)) => {
                    skipped += 1;
                    writeln!(f, "SKIPPED: {why}")?;
                }
                Err(error) => writeln!(f, "FAILED: {error:#}")?,
            }
        }
        let ran: Duration = self.rows.iter().map(|(_, took, _)| *took).sum();
        let seconds = ran.as_secs_f64();
        if self.failed() {
            return writeln!(f, "FAILED after {seconds:.1} s; {} steps not run", self.not_run);
        }
        writeln!(f, "ok: {passed} steps passed, {skipped} skipped, in {seconds:.1} s; {tests}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Step = Step { name: "fine", about: "passes", run: || Ok(Outcome::Passed) };
    const TESTS: Step = Step {
        name: "tests",
        about: "runs three",
        run: || Ok(Outcome::Tested(Tally { passed: 3, ignored: 1 })),
    };
    const OFFLINE: Step =
        Step { name: "offline", about: "cannot", run: || Ok(Outcome::Skipped("no network".into())) };
    const BROKEN: Step = Step { name: "broken", about: "fails", run: || anyhow::bail!("a clear reason") };

    #[test]
    fn the_first_failure_stops_the_run_and_is_named() {
        let report = run(&[&FINE, &BROKEN, &TESTS, &TESTS]);
        assert!(report.failed());
        let text = report.to_string();
        assert!(text.contains("FAILED: a clear reason"), "{text}");
        assert!(text.contains("2 steps not run"), "{text}");
        assert!(!text.contains("3 tests passed"), "{text}");
    }

    #[test]
    fn the_summary_counts_tests_and_admits_what_was_skipped() {
        let report = run(&[&FINE, &OFFLINE, &TESTS, &TESTS]);
        assert!(!report.failed());
        let text = report.to_string();
        assert!(text.contains("SKIPPED: no network"), "{text}");
        assert!(text.contains("3 steps passed, 1 skipped"), "{text}");
        assert!(text.trim_end().ends_with("6 tests passed, 2 ignored"), "{text}");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() -> Result<()> {
        assert_eq!(find(&[&FINE, &BROKEN], "broken")?.name, "broken");
        let message =
            find(&[&FINE, &BROKEN], "nine").map(|step| step.name).expect_err("no such step").to_string();
        assert!(
            message.contains("nine") && message.contains("fine") && message.contains("broken"),
            "{message}"
        );
        Ok(())
    }
}

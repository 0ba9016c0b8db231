//! Instruction counts that are kept, how they are written, and how new ones compare.
//!
//! One line a workload: its key, the count for one of its units, the unit. Lines that begin with `#` say what the file is
//! and, in the last of them, which compiler made the counts. This file counts nothing.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};

/// Growth beyond this part of what is kept is a failure; shrinking by as much is worth keeping.
const TOLERANCE: f64 = 0.03;

const HEAD: &str = "\
# Instructions of our side, inside the clock, for one unit of each workload; `cargo xtask bench --gate` compares with
# them, and `cargo xtask bench --gate --bless` writes them. Counted by callgrind, in a release build by
";

/// A count for each key, and who compiled what was counted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counts {
    pub(crate) compiler: String,
    pub(crate) lines: Vec<Count>,
}

/// Instructions for one unit of a workload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Count {
    pub(crate) key: String,
    pub(crate) each: f64,
    pub(crate) unit: String,
}

/// How a new count compares with the one that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Same,
    Shrank,
    Grew,
    /// Nothing is kept for this key.
    New,
    /// Nothing was counted for a key that is kept.
    Gone,
}

impl Change {
    /// Whether it must not pass.
    pub(crate) const fn fails(self) -> bool {
        matches!(self, Change::Grew | Change::New | Change::Gone)
    }
}

impl Counts {
    /// Reads what [`Counts::text`] wrote.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut counts = Counts { compiler: String::new(), lines: vec![] };
        for (index, line) in text.lines().enumerate() {
            match line.strip_prefix('#') {
                Some(remark) => counts.compiler = remark.trim().to_string(),
                None if line.trim().is_empty() => {}
                None => {
                    let count = parse_line(line).with_context(|| format!("line {}: `{line}`", index + 1))?;
                    counts.lines.push(count);
                }
            }
        }
        Ok(counts)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEAD}# {}\n", self.compiler);
        for Count { key, each, unit } in &self.lines {
            let written = writeln!(text, "{key:<16} {each:>10.2}  {unit}");
            written.expect("writing to a String cannot fail");
        }
        text
    }

    fn find(&self, key: &str) -> Option<f64> {
        self.lines.iter().find(|line| line.key == key).map(|line| line.each)
    }

    /// Every key of either, with what is kept, what is new, and the verdict.
    pub(crate) fn compare(&self, new: &Counts) -> Vec<(String, Option<f64>, Option<f64>, Change)> {
        let gone = self.lines.iter().filter(|line| new.find(&line.key).is_none());
        let keys = new.lines.iter().chain(gone).map(|line| line.key.as_str());
        keys.map(|key| {
            let (kept, new) = (self.find(key), new.find(key));
            (key.to_string(), kept, new, change(kept, new))
        })
        .collect()
    }
}

fn parse_line(line: &str) -> Result<Count> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [key, each, unit] = words.as_slice() else { anyhow::bail!("a key, a count and a unit are needed") };
    let number: f64 = each.parse().with_context(|| format!("`{each}` is not a number"))?;
    ensure!(number.is_finite() && number > 0.0, "`{each}` is no count");
    Ok(Count { key: key.to_string(), each: number, unit: unit.to_string() })
}

fn change(kept: Option<f64>, new: Option<f64>) -> Change {
    match (kept, new) {
        (None, _) => Change::New,
        (_, None) => Change::Gone,
        (Some(kept), Some(new)) if new > kept * (1.0 + TOLERANCE) => Change::Grew,
        (Some(kept), Some(new)) if new < kept * (1.0 - TOLERANCE) => Change::Shrank,
        _ => Change::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(lines: &[(&str, f64)]) -> Counts {
        let line = |&(key, each): &(&str, f64)| Count { key: key.into(), each, unit: "crank".into() };
        Counts { compiler: "rustc 1.95.0".into(), lines: lines.iter().map(line).collect() }
    }

    #[test]
    fn what_is_written_can_be_read() -> Result<()> {
        let counts = counts(&[("flat-1k", 17.25), ("idle", 156.0)]);
        assert_eq!(Counts::parse(&counts.text())?, counts);
        assert_eq!(counts.text().lines().filter(|line| !line.starts_with('#')).count(), 2);
        Ok(())
    }

    #[test]
    fn what_makes_no_sense_is_an_error_that_names_the_line() {
        for line in [
            "flat-1k",
            "flat-1k many crank",
            "flat-1k 1.0",
            "flat-1k 0 crank",
            "flat-1k NaN crank",
            "a 1 b c",
        ] {
            let error = Counts::parse(&format!("# rustc\n{line}\n")).expect_err(line);
            assert!(format!("{error:#}").contains(&format!("line 2: `{line}`")), "{error:#}");
        }
    }

    #[test]
    fn growth_and_shrinking_count_beyond_three_percent_only() {
        assert_eq!(change(Some(100.0), Some(103.0)), Change::Same);
        assert_eq!(change(Some(100.0), Some(103.1)), Change::Grew);
        assert_eq!(change(Some(100.0), Some(97.0)), Change::Same);
        assert_eq!(change(Some(100.0), Some(96.9)), Change::Shrank);
        assert!(Change::Grew.fails() && !Change::Shrank.fails() && !Change::Same.fails());
    }

    #[test]
    fn what_is_only_kept_or_only_new_does_not_pass() {
        let changes: Vec<_> = counts(&[("a", 1.0), ("b", 1.0)]).compare(&counts(&[("b", 1.0), ("c", 1.0)]));
        let changes: Vec<_> = changes.iter().map(|(key, _, _, change)| (key.as_str(), *change)).collect();
        assert_eq!(changes, [("b", Change::Same), ("c", Change::New), ("a", Change::Gone)]);
        assert!(Change::New.fails() && Change::Gone.fails());
    }
}

//! The kept figures: a file with one line a figure, and the comparison with what was measured.
//!
//! A figure that has grown is a failure, and so is one that is kept but not measured, or measured but not kept: nothing slips out of the
//! watch. Another compiler makes other code; so if its minor version is not the kept one, growth is said but does not fail.

use std::fmt::{self, Write as _};

use anyhow::{Context, Result, ensure};

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// What we aim for, at most.
    pub(crate) aim: Option<u64>,
}

/// The contents of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What `rustc --version` said.
    pub(crate) compiler: String,
    pub(crate) figures: Vec<(String, u64)>,
}

/// The two side by side; its display is a table and the judgement.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    kept: &'a Kept,
    measured: &'a [Figure],
    compiler: &'a str,
}

impl Kept {
    pub(crate) fn of(compiler: &str, measured: &[Figure]) -> Self {
        let figures = measured.iter().map(|figure| (figure.name.clone(), figure.bytes)).collect();
        Self { compiler: compiler.into(), figures }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut kept = Self { compiler: String::new(), figures: vec![] };
        for (number, line) in
            (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            let (name, value) =
                line.split_once(" = ").with_context(|| format!("line {number} is not `name = value`"))?;
            if name == "compiler" {
                kept.compiler = value.into();
                continue;
            }
            let bytes =
                value.parse().with_context(|| format!("line {number}: `{value}` is no number of bytes"))?;
            ensure!(kept.bytes(name).is_none(), "line {number}: `{name}` is there twice");
            kept.figures.push((name.into(), bytes));
        }
        ensure!(!kept.compiler.is_empty(), "no line says which compiler was used");
        Ok(kept)
    }

    pub(crate) fn compare<'a>(&'a self, compiler: &'a str, measured: &'a [Figure]) -> Comparison<'a> {
        Comparison { kept: self, measured, compiler }
    }

    fn bytes(&self, name: &str) -> Option<u64> {
        self.figures.iter().find(|figure| figure.0 == name).map(|figure| figure.1)
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Bytes, written by `cargo xtask size --bless`; `cargo xtask size` fails when one of them grows."
        )?;
        writeln!(f, "compiler = {}", self.compiler)?;
        self.figures.iter().try_for_each(|(name, bytes)| writeln!(f, "{name} = {bytes}"))
    }
}

impl Comparison<'_> {
    /// Whether this is a failure.
    pub(crate) fn fails(&self) -> bool {
        !self.strays().is_empty() || (self.same_compiler() && self.grown().next().is_some())
    }

    fn same_compiler(&self) -> bool {
        minor(&self.kept.compiler) == minor(self.compiler)
    }

    fn grown(&self) -> impl Iterator<Item = String> {
        self.measured.iter().filter_map(|figure| {
            let kept = self.kept.bytes(&figure.name).filter(|kept| *kept < figure.bytes)?;
            Some(format!("{} grew from {kept} to {}", figure.name, figure.bytes))
        })
    }

    /// Figures of which there is only one half.
    fn strays(&self) -> Vec<String> {
        let new = self.measured.iter().filter(|figure| self.kept.bytes(&figure.name).is_none());
        let gone =
            self.kept.figures.iter().filter(|kept| !self.measured.iter().any(|figure| figure.name == kept.0));
        new.map(|figure| format!("{} is not kept yet", figure.name))
            .chain(gone.map(|kept| format!("{} is kept but was not measured", kept.0)))
            .collect()
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", table(self.measured, Some(self.kept)))?;
        let (same, strays) = (self.same_compiler(), self.strays());
        if !same {
            let (kept, now) = (&self.kept.compiler, self.compiler);
            writeln!(f, "\nThe kept figures are of {kept}, these are of {now}: growth is no failure.")?;
        }
        let verdict = if same { "error" } else { "warning" };
        let grown: Vec<_> = self.grown().collect();
        if !(grown.is_empty() && strays.is_empty()) {
            writeln!(f)?;
        }
        grown.iter().try_for_each(|line| writeln!(f, "{verdict}: {line}"))?;
        strays.iter().try_for_each(|line| writeln!(f, "error: {line}"))?;
        if self.fails() {
            writeln!(f, "\nIf this is as it should be, `cargo xtask size --bless` keeps it.")?;
        } else if self.measured.iter().any(|figure| self.kept.bytes(&figure.name) > Some(figure.bytes)) {
            writeln!(f, "\nSmaller than before; `cargo xtask size --bless` keeps it so.")?;
        }
        Ok(())
    }
}

/// The figures with their aims, and with what is kept if there is anything to compare with.
pub(crate) fn table(measured: &[Figure], kept: Option<&Kept>) -> String {
    let width = measured.iter().map(|figure| figure.name.len()).max().unwrap_or_default();
    let mut text =
        format!("{:<width$}  {:>7}  {:>7}  {:>7}  {:>7}\n", "bytes", "now", "kept", "change", "aim");
    for Figure { name, bytes, aim } in measured {
        let kept = kept.and_then(|kept| kept.bytes(name));
        let change = kept.map(|kept| i128::from(*bytes) - i128::from(kept)).filter(|change| *change != 0);
        let change = change.map(|change| format!("{change:+}")).unwrap_or_default();
        let kept = kept.map(|kept| kept.to_string()).unwrap_or_default();
        let (aim, verdict) = match aim {
            Some(aim) => (aim.to_string(), if bytes <= aim { "  met" } else { "  not met" }),
            None => (String::new(), ""),
        };
        let line = format!("{name:<width$}  {bytes:>7}  {kept:>7}  {change:>7}  {aim:>7}{verdict}");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// `rustc 1.95` of `rustc 1.95.0 (…)`.
fn minor(version: &str) -> &str {
    let end = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
    version.get(..end).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "rustc 1.95.0 (abc 2026-04-14)";

    fn figures(all: &[(&str, u64)]) -> Vec<Figure> {
        all.iter()
            .map(|(name, bytes)| Figure { name: (*name).into(), bytes: *bytes, aim: Some(10) })
            .collect()
    }

    #[test]
    fn what_is_written_can_be_read() -> Result<()> {
        let kept = Kept::of(OLD, &figures(&[("node, 32-bit", 64), ("leaves, flash", 4_000)]));
        assert_eq!(Kept::parse(&kept.to_string())?, kept);
        Ok(())
    }

    #[test]
    fn a_broken_file_is_an_error_that_names_the_line() {
        for (text, says) in [
            ("", "which compiler"),
            ("a = 1", "which compiler"),
            ("compiler = c\n\na 1", "line 3"),
            ("compiler = c\na = one", "`one`"),
            ("compiler = c\na = -1", "`-1`"),
            ("compiler = c\na = 1\n# b\na = 2", "twice"),
        ] {
            let message = format!("{:#}", Kept::parse(text).expect_err(text));
            assert!(message.contains(says), "{text:?} gave: {message}");
        }
    }

    #[test]
    fn growth_fails_and_says_what_grew() {
        let kept = Kept::of(OLD, &figures(&[("a", 10), ("b", 10), ("c", 10)]));
        let measured = figures(&[("a", 9), ("b", 10), ("c", 11)]);
        let comparison = kept.compare(OLD, &measured);
        assert!(comparison.fails());
        let text = comparison.to_string();
        assert!(text.contains("error: c grew from 10 to 11") && text.contains("+1"), "{text}");
        assert!(text.contains("not met"), "{text}");
        assert!(!text.contains("error: a") && !text.contains("error: b"), "{text}");
    }

    #[test]
    fn what_shrinks_or_stays_passes() {
        let kept = Kept::of(OLD, &figures(&[("a", 10), ("b", 10)]));
        let (smaller, same) = (figures(&[("a", 9), ("b", 10)]), figures(&[("a", 10), ("b", 10)]));
        let comparison = kept.compare(OLD, &smaller);
        assert!(!comparison.fails());
        assert!(comparison.to_string().contains("Smaller than before"));
        let comparison = kept.compare(OLD, &same);
        assert!(!comparison.fails());
        assert!(!comparison.to_string().contains("bless"));
    }

    #[test]
    fn with_another_compiler_growth_is_a_warning() {
        let kept = Kept::of(OLD, &figures(&[("a", 10)]));
        let grown = figures(&[("a", 11)]);
        assert!(kept.compare("rustc 1.95.1 (def 2026-05-01)", &grown).fails());
        let comparison = kept.compare("rustc 1.96.0 (def 2026-05-28)", &grown);
        assert!(!comparison.fails());
        let text = comparison.to_string();
        assert!(text.contains("warning: a grew from 10 to 11") && text.contains("rustc 1.96.0"), "{text}");
    }

    #[test]
    fn a_figure_cannot_slip_out_of_the_watch() {
        let kept = Kept::of(OLD, &figures(&[("a", 10), ("b", 10)]));
        let measured = figures(&[("a", 10), ("c", 10)]);
        for compiler in [OLD, "rustc 1.96.0"] {
            let comparison = kept.compare(compiler, &measured);
            assert!(comparison.fails());
            let text = comparison.to_string();
            assert!(text.contains("error: c is not kept yet"), "{text}");
            assert!(text.contains("error: b is kept but was not measured"), "{text}");
        }
    }
}

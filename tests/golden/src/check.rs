//! Compares a trace with its golden one while it is written.
//!
//! The invariant: the verdict is that of a comparison byte by byte. What is kept is the line that is being written, cut off if it is too long to
//! be shown; the comparison does not rest on it.

use core::fmt;

use heapless::String;

/// A line, as far as it is shown.
pub type Line = String<160>;

/// The first line in which a trace is not the golden one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The scenario.
    pub scenario: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// What the golden trace has there; none if it is over.
    pub expected: Option<&'static str>,
    /// What was written instead; none if nothing was.
    pub found: Option<Line>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, line, expected, found } = self;
        writeln!(f, "{scenario}, line {line}")?;
        writeln!(f, "  expected: {}", expected.unwrap_or("the end"))?;
        write!(f, "  found:    {}", found.as_ref().map_or("the end", |line| line.as_str()))
    }
}

impl core::error::Error for Difference {}

/// Takes a trace, and remembers where it differed.
pub(crate) struct Compare {
    /// What of the golden trace is still to come, without the line that is being written.
    rest: &'static str,
    /// The line that is expected, its end included; empty when the golden trace is over.
    expected: &'static str,
    line: usize,
    /// Bytes of this line that have come, and were as expected.
    matched: usize,
    found: Line,
    differs: bool,
    decided: bool,
}

impl Compare {
    pub(crate) fn with(golden: &'static str) -> Self {
        let (expected, rest) = first_line(golden);
        Self { rest, expected, line: 1, matched: 0, found: Line::new(), differs: false, decided: false }
    }

    #[allow(clippy::result_large_err)]
    pub(crate) fn finish(self, scenario: &'static str) -> Result<(), Difference> {
        let begun = self.differs || self.matched > 0;
        if !begun && self.expected.is_empty() {
            return Ok(());
        }
        Err(Difference {
            scenario,
            line: self.line,
            expected: (!self.expected.is_empty()).then(|| self.expected.trim_end_matches('\n')),
            found: begun.then_some(self.found),
        })
    }

    /// A piece of a line, with its end if it has one.
    fn piece(&mut self, piece: &str) {
        for shown in piece.chars().filter(|shown| *shown != '\n') {
            let _ = self.found.push(shown);
        }
        let ends = piece.ends_with('\n');
        if self.expected.as_bytes().get(self.matched..).is_some_and(|left| left.starts_with(piece.as_bytes()))
        {
            self.matched += piece.len();
        } else {
            self.differs = true;
        }
        if ends && self.differs {
            self.decided = true;
        } else if ends {
            (self.expected, self.rest) = first_line(self.rest);
            self.line += 1;
            self.matched = 0;
            self.found.clear();
        }
    }
}

impl fmt::Write for Compare {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive('\n') {
            if self.decided {
                return Err(fmt::Error);
            }
            self.piece(piece);
        }
        Ok(())
    }
}

fn first_line(text: &'static str) -> (&'static str, &'static str) {
    text.split_at(text.find('\n').map_or(text.len(), |end| end + 1))
}

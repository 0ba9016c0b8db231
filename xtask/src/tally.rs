//! Adds up what the test harness reports, so that a run can end with how many tests it ran.
//!
//! Reads `test result: ok. 3 passed; 0 failed; 1 ignored; ...` lines and nothing else. Whether a run passed is the exit
//! code's business, not this file's.

use std::fmt;

/// How many tests passed and how many were left out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) ignored: u32,
}

impl Tally {
    /// Counts one line of output; a line that is no result changes nothing.
    pub(crate) fn read(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        for count in result.split([';', '.']) {
            match count.trim().split_once(' ') {
                Some((n, "passed")) => self.passed += n.parse().unwrap_or(0),
                Some((n, "ignored")) => self.ignored += n.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tests passed, {} ignored", self.passed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_the_result_lines_alone() {
        let mut tally = Tally::default();
        for line in [
            "running 12 tests",
            "test passes ... ok",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 30 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.50s",
            "a test printed: 7 passed",
        ] {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed: 42, ignored: 2 });
    }
}

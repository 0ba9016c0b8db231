//! Scenarios and their golden traces: what the engine does, in small programs, line by line, the same on every target.
//!
//! The invariant: a scenario is all there is to its trace. It runs on virtual time, with a fixed seed, over a table of fixed size, without an
//! allocator; so a computer, a browser and a microcontroller write the same bytes. A target compares with [`Scenario::check`] as it goes, and
//! keeps no more than one line; the files themselves are blessed on the host (`WINDLASS_BLESS=1 cargo test -p windlass-golden`), by somebody
//! who has read the difference.
//!
//! How to read a trace: the first line says what it is about; each other line has the time, and the node where it is about one. In brackets
//! stands why a state changed. `outside:` is what the scenario does to the scheduler between two polls, and `next:` how a poll answered. The
//! tree at the end is how it all came out.
//!
//! ```
//! for scenario in windlass_golden::SCENARIOS {
//!     if let Err(difference) = scenario.check() {
//!         panic!("{difference}");
//!     }
//! }
//! ```
//!
//! Scenarios run one at a time: the wake set of the one with wake handles is a static. An image with all of them takes 190 kB of flash, half of it
//! the traces, and less than 24 kB of stack (thumbv7em, `opt-level = "s"`, November 2026).

#![no_std]

mod act;
mod check;
mod journal;
mod scenes;
mod stage;

pub use check::{Difference, Line};
pub use scenes::SCENARIOS;

use core::fmt;

use stage::Stage;

/// A small program with its golden trace.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// The name, which is also that of its file.
    pub name: &'static str,
    /// What it shows: the first line of the trace.
    pub about: &'static str,
    /// The trace that it must make.
    pub golden: &'static str,
    perform: Perform,
    play: Play,
}

type Play = fn(&mut Stage<'_>) -> Result<(), windlass::Error>;
type Perform = fn(&'static str, Play, &mut dyn fmt::Write) -> fmt::Result;

impl Scenario {
    /// Runs it, and writes its trace.
    ///
    /// # Errors
    /// That of `out`.
    pub fn run(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        (self.perform)(self.about, self.play, out)
    }

    /// Runs it, and compares its trace with the golden one on the way.
    ///
    /// # Errors
    /// The first line that differs.
    // Made once, at the end, where there may be no heap to put it.
    #[allow(clippy::result_large_err)]
    pub fn check(&self) -> Result<(), Difference> {
        let mut compare = check::Compare::with(self.golden);
        // It answers with an error once a line differs, so that nothing more is written.
        let _ = self.run(&mut compare);
        compare.finish(self.name)
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scenario({})", self.name)
    }
}

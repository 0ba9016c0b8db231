//! Progress as lines for people and logs: time, who, about what, what happened. Nodes that only give the tree its shape are left out.

use std::io::{self, Write};

use windlass::{Event, EventKind};
use windlass_catchup_job::{Journal, SHAPE};

pub(super) fn event(out: &mut dyn Write, event: &Event, journal: &Journal) -> io::Result<()> {
    if SHAPE.contains(&event.name) {
        return Ok(());
    }
    write!(out, "{:>9.3} {}", event.at.as_micros() as f64 / 1e6, event.name)?;
    if let Some(subject) = journal.subject(event.node) {
        write!(out, " {subject}")?;
    }
    match event.kind {
        EventKind::Moved(moved) => writeln!(out, ": {}", moved.to),
        EventKind::Retry { attempt, delay, failure } => {
            let why = journal.explain(failure.reason);
            writeln!(out, ": attempt {attempt} in {:.3} s: {why}", delay.as_secs_f64())
        }
        EventKind::Failed(failure) => match journal.error(failure.reason) {
            Some(error) if failure.origin == event.node => writeln!(out, ": failed: {error}"),
            Some(error) => writeln!(out, ": failed: {}", error.fault.name()),
            None => writeln!(out, ": failed: {}", failure.reason),
        },
        EventKind::Forced => writeln!(out, ": given up"),
        EventKind::TimedOut => writeln!(out, ": timed out"),
        _ => writeln!(out, ": aborting"),
    }
}

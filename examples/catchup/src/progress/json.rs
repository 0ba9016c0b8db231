//! Progress as JSON lines, for programs. The README describes the schema; fields are only ever added.

use std::io::{self, Write};

use serde::Serialize;
use windlass::{Event, EventKind, State};
use windlass_catchup_job::Journal;

use crate::run::Ending;

/// One line about one node.
#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since the run began.
    at: f64,
    event: &'static str,
    node: String,
    name: &'a str,
    /// The file or the ledgers that the node is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// Seconds until the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The last line.
#[derive(Serialize)]
struct Last<'a> {
    status: &'static str,
    last_ledger: Option<u32>,
    last_hash: Option<String>,
    ledgers: u64,
    transactions: u64,
    fee_charged: i64,
    downloads: u64,
    retries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

pub(super) fn event(out: &mut dyn Write, event: &Event, journal: &Journal) -> io::Result<()> {
    let mut line = Line {
        at: event.at.as_micros() as f64 / 1e6,
        event: match event.kind {
            EventKind::Moved(moved) if moved.to == State::Running => "started",
            EventKind::Moved(moved) if moved.to == State::Success => "succeeded",
            EventKind::Moved(_) => "aborted",
            EventKind::Retry { .. } => "retry",
            EventKind::Failed(_) => "failed",
            EventKind::Forced => "forced",
            EventKind::TimedOut => "timed out",
            _ => "aborting",
        },
        node: event.node.to_string(),
        name: event.name,
        subject: journal.subject(event.node).map(|subject| subject.to_string()),
        attempt: None,
        delay: None,
        error: None,
    };
    if let EventKind::Retry { attempt, delay, .. } = event.kind {
        (line.attempt, line.delay) = (Some(attempt), Some(delay.as_secs_f64()));
    }
    if let EventKind::Retry { failure, .. } | EventKind::Failed(failure) = event.kind {
        line.error = Some(journal.explain(failure.reason));
    }
    write(out, &line)
}

pub(super) fn ending(out: &mut dyn Write, ending: &Ending) -> io::Result<()> {
    let error = ending.how.error();
    let last = Last {
        status: ending.how.status(),
        last_ledger: ending.last.as_ref().map(|(ledger, _)| *ledger),
        last_hash: ending.last.as_ref().map(|(_, hash)| hash.to_string()),
        ledgers: ending.ledgers,
        transactions: ending.transactions,
        fee_charged: ending.fee_charged,
        downloads: ending.counts.downloads,
        retries: ending.counts.retries,
        error: error.as_deref(),
    };
    write(out, &last)
}

fn write(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

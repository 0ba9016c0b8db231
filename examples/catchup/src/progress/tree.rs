//! Progress as a tree that fits the terminal: one line a file or checkpoint, what matters first.
//!
//! Invariant: never more lines than the terminal has, nor longer ones. Nodes that only give the tree its shape are not drawn; where there are
//! still too many lines, what is done or idle gives way to what runs, and that to what has trouble; how many are left out is said.

use std::fmt::Write as _;

use windlass::{Instant, Kind, NodeView, State, Status, View};
use windlass_catchup_job::{Catchup, Journal, Outside};

/// Lines and columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    lines: usize,
    columns: usize,
}

/// How much a line matters, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Trunk,
    Trouble,
    Busy,
    Idle,
    Done,
}

struct Row {
    depth: usize,
    weight: Weight,
    mark: Mark,
    text: String,
}

#[derive(Clone, Copy)]
enum Mark {
    Idle,
    Busy,
    Retry,
    Abort,
    Done,
    Failed,
}

impl Size {
    /// The terminal's; 24 by 80 where that is not known.
    pub(super) fn of_terminal() -> Size {
        let size = terminal_size::terminal_size_of(std::io::stdout());
        let (columns, lines) = size.map_or((80, 24), |(width, height)| (width.0, height.0));
        Size { lines: usize::from(lines).max(4), columns: usize::from(columns).max(20) }
    }
}

/// The header and as much of the tree as fits.
pub(super) fn draw<O: Outside>(view: View<'_>, app: &Catchup<O>, size: Size, colours: bool) -> Vec<String> {
    // One line for the header, one for what is left out, one for the cursor.
    let (rows, hidden) = fit(rows(view, app), size.lines.saturating_sub(3));
    let mut lines = vec![clip(&header(view, app), size.columns)];
    lines.extend(rows.iter().map(|row| line(row, size.columns, colours)));
    if hidden > 0 {
        lines.push(format!("  … {hidden} more"));
    }
    lines
}

/// The rows that matter most, in their order, and how many are left out. What is above a row matters at least as much, so no row loses its parent.
fn fit(rows: Vec<Row>, room: usize) -> (Vec<Row>, usize) {
    let hidden = rows.len().saturating_sub(room);
    let mut order: Vec<_> = rows.into_iter().enumerate().collect();
    order.sort_by_key(|(_, row)| row.weight);
    order.truncate(room);
    order.sort_by_key(|(index, _)| *index);
    (order.into_iter().map(|(_, row)| row).collect(), hidden)
}

/// Adds a row below those that are there, and lets what is above it matter as much as the row.
fn push(rows: &mut Vec<Row>, row: Row) {
    let mut below = row.depth;
    for above in rows.iter_mut().rev() {
        if above.depth < below {
            above.weight = above.weight.min(row.weight);
            below = above.depth;
        }
    }
    rows.push(row);
}

fn header<O: Outside>(view: View<'_>, app: &Catchup<O>) -> String {
    let counts = app.counts();
    let (applied, seconds) = (app.ledgers().ledgers, view.now().as_micros() as f64 / 1e6);
    format!(
        "{} of {} ledgers verified, {applied} applied · {} downloads, {} retries · {seconds:.1} s",
        counts.verified, counts.wanted, counts.downloads, counts.retries
    )
}

fn rows<O: Outside>(view: View<'_>, app: &Catchup<O>) -> Vec<Row> {
    let journal = app.journal().borrow();
    let mut rows: Vec<Row> = Vec::new();
    for node in view.nodes() {
        let Some(depth) = shown_depth(&node) else { continue };
        let mut text = node.name().to_owned();
        // What is below a checkpoint is about the same ledgers.
        if let Some(subject) = journal.subject(node.id()).filter(|_| depth == 2) {
            let _ = match subject.checkpoint() {
                Some(checkpoint) => write!(text, " {}-{}", checkpoint.first(), checkpoint.last()),
                None => write!(text, " {subject}"),
            };
        }
        let said = state_of(&node, app.checkpoints(), view.now(), &journal);
        if !said.is_empty() {
            let _ = write!(text, ": {said}");
        }
        let mark = mark(&node, view.now());
        let weight = match mark {
            _ if depth < 2 => Weight::Trunk,
            Mark::Retry | Mark::Abort | Mark::Failed => Weight::Trouble,
            Mark::Busy => Weight::Busy,
            Mark::Idle => Weight::Idle,
            Mark::Done => Weight::Done,
        };
        push(&mut rows, Row { depth, weight, mark, text });
    }
    rows
}

/// How far a node is indented; `None` for nodes that only give shape, and for the steps of a file, which its own line tells.
fn shown_depth(node: &NodeView<'_>) -> Option<usize> {
    Some(match (node.depth(), node.name()) {
        (depth @ (0 | 1), _) => depth,
        (2, _) => 2,
        (_, "transactions" | "results" | "apply") => 3,
        _ => return None,
    })
}

fn state_of(node: &NodeView<'_>, total: u32, now: Instant, journal: &Journal) -> String {
    let counts = node.child_counts();
    match node.state() {
        State::Pending | State::Success => String::new(),
        State::Failure => said(node, journal),
        State::Aborting => "ending".into(),
        State::Aborted => "aborted".into(),
        _ if node.kind() == Kind::Batch => {
            format!("{} of {total} checkpoints done, {} in flight", counts.succeeded, counts.live)
        }
        _ => match node.retry_eta(now) {
            Some(eta) => {
                format!(
                    "attempt {} in {:.1} s: {}",
                    node.attempt() + 1,
                    eta.as_secs_f64(),
                    said(node, journal)
                )
            }
            None => step_of(node),
        },
    }
}

/// Why it failed last, without the name of the file, which the line has already.
fn said(node: &NodeView<'_>, journal: &Journal) -> String {
    let Some(failure) = node.failure() else { return "failed".into() };
    match journal.error(failure.reason) {
        Some(error) => match error.ledger {
            Some(ledger) => format!("ledger {ledger}: {}", error.fault),
            None => error.fault.to_string(),
        },
        None => failure.reason.to_string(),
    }
}

/// What a file is at: the step of its sequence that runs.
fn step_of(node: &NodeView<'_>) -> String {
    let sequence = node.children().find(|child| child.name() == "file");
    let step = sequence.and_then(|sequence| sequence.children().find(|step| !step.state().is_done()));
    let mut text = step.map_or_else(String::new, |step| step.name().to_owned());
    if node.attempt() > 1 {
        let _ = write!(text, ", attempt {}", node.attempt());
    }
    text
}

fn mark(node: &NodeView<'_>, now: Instant) -> Mark {
    match node.status() {
        _ if node.state() == State::Pending => Mark::Idle,
        _ if node.state() == State::Aborting => Mark::Abort,
        Status::Success | Status::Skipped => Mark::Done,
        Status::Failure | Status::Blocked => Mark::Failed,
        Status::Aborted => Mark::Abort,
        _ if node.retry_eta(now).is_some() => Mark::Retry,
        _ => Mark::Busy,
    }
}

fn line(row: &Row, columns: usize, colours: bool) -> String {
    let (sign, colour) = match row.mark {
        Mark::Idle => ('·', "2"),
        Mark::Busy => ('▶', "36"),
        Mark::Retry => ('↻', "33"),
        Mark::Abort => ('⊘', "33"),
        Mark::Done => ('✔', "32"),
        Mark::Failed => ('✘', "31"),
    };
    let indent = "  ".repeat(row.depth);
    let text = clip(&row.text, columns.saturating_sub(indent.len() + 2));
    if colours {
        format!("{indent}\x1b[{colour}m{sign}\x1b[0m {text}")
    } else {
        format!("{indent}{sign} {text}")
    }
}

/// As much of a line as fits, the last column left free.
fn clip(text: &str, columns: usize) -> String {
    let room = columns.saturating_sub(1);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).take(room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(depth: usize, weight: Weight, text: &str) -> Row {
        Row { depth, weight, mark: Mark::Busy, text: text.into() }
    }

    fn texts(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.text.as_str()).collect()
    }

    fn sample() -> Vec<Row> {
        let mut rows = Vec::new();
        for (depth, weight, text) in [
            (0, Weight::Trunk, "root"),
            (1, Weight::Trunk, "replay"),
            (2, Weight::Done, "one"),
            (3, Weight::Done, "one transactions"),
            (2, Weight::Busy, "two"),
            (3, Weight::Busy, "two transactions"),
            (3, Weight::Idle, "two apply"),
            (2, Weight::Idle, "three"),
            (3, Weight::Trouble, "three results"),
            (1, Weight::Trunk, "arrival"),
        ] {
            push(&mut rows, row(depth, weight, text));
        }
        rows
    }

    #[test]
    fn what_has_trouble_comes_before_what_runs_and_that_before_the_rest() {
        for (room, expected) in [
            (3, &["root", "replay", "arrival"][..]),
            (5, &["root", "replay", "three", "three results", "arrival"]),
            (7, &["root", "replay", "two", "two transactions", "three", "three results", "arrival"]),
        ] {
            let (rows, hidden) = fit(sample(), room);
            assert_eq!(texts(&rows), expected);
            assert_eq!(hidden, 10 - room);
        }
        let (rows, hidden) = fit(sample(), 10);
        assert_eq!((texts(&rows), hidden), (texts(&sample()), 0));
    }

    #[test]
    fn lines_leave_the_last_column_free() {
        let long = row(1, Weight::Busy, "a line that is much too long");
        assert_eq!(line(&long, 12, false), "  ▶ a line…");
        assert_eq!(line(&long, 80, false), "  ▶ a line that is much too long");
        assert_eq!(line(&long, 12, true).replace("\x1b[36m", "").replace("\x1b[0m", ""), "  ▶ a line…");
        assert_eq!(clip("grün", 5), "grün");
        assert_eq!(clip("", 0), "");
        assert_eq!((clip("x", 0), clip("xy", 2)), (String::new(), "…".into()));
    }
}

//! One line of the result: a workload, our time for one unit of it, a peer's, and how they compare.
//!
//! A ratio exists only where both sides were measured. Nothing here takes a time.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

/// A workload measured against one peer; times are nanoseconds for each of its `n` units.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) n: u64,
    pub(crate) ours_ns: Option<f64>,
    pub(crate) peer: &'static str,
    pub(crate) peer_ns: f64,
    /// Ours over theirs: below one, we are the faster.
    pub(crate) ratio: Option<f64>,
}

impl Row {
    /// From the times that the whole workload of `n` units took.
    pub(crate) fn new(
        workload: String,
        n: u64,
        ours: Option<Duration>,
        peer: &'static str,
        theirs: Duration,
    ) -> Self {
        let each = |whole: Duration| whole.as_secs_f64() * 1e9 / n as f64;
        let (ours_ns, peer_ns) = (ours.map(each), each(theirs));
        Row { workload, n, ours_ns, peer, peer_ns, ratio: ours_ns.map(|ours| ours / peer_ns) }
    }
}

/// The rows as text, in columns.
pub(crate) fn table(rows: &[Row]) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_string(), |value| format!("{value:.2}"));
    let mut text = String::new();
    let mut line = |workload: &str, n: &str, ours: &str, peer: &str, theirs: &str, ratio: &str| {
        let written = writeln!(text, "{workload:<36} {n:>9} {ours:>9}  {peer:<24} {theirs:>9} {ratio:>7}");
        written.expect("writing to a String cannot fail");
    };
    line("workload", "n", "ours ns", "peer", "peer ns", "ratio");
    for row in rows {
        let (ours, theirs) = (number(row.ours_ns), number(Some(row.peer_ns)));
        line(&row.workload, &row.n.to_string(), &ours, row.peer, &theirs, &number(row.ratio));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: Option<u64>) -> Row {
        Row::new("crank".into(), 1_000, ours.map(Duration::from_micros), "loop", Duration::from_micros(2))
    }

    #[test]
    fn times_are_for_one_unit_and_the_ratio_is_ours_over_theirs() {
        let row = row(Some(3));
        assert!((row.ours_ns.expect("given") - 3.0).abs() < 1e-9);
        assert!((row.peer_ns - 2.0).abs() < 1e-9);
        assert!((row.ratio.expect("both were given") - 1.5).abs() < 1e-9);
    }

    #[test]
    fn without_our_time_there_is_no_ratio_to_show() {
        let row = row(None);
        assert!(row.ratio.is_none());
        let text = table(std::slice::from_ref(&row));
        let words: Vec<_> = text.lines().nth(1).expect("one row").split_whitespace().collect();
        assert_eq!(words, ["crank", "1000", "-", "loop", "2.00", "-"]);
        let json = serde_json::to_value(&row).expect("a row is plain data");
        assert!(json["ours_ns"].is_null() && json["ratio"].is_null(), "{json}");
        assert_eq!(json["n"], 1_000);
    }
}

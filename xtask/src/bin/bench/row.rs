//! The results: for each workload our time for one unit, each peer's, and how they compare.
//!
//! The ratio is ours over the peer's: below one, we are the faster. Nothing here takes a time.

use std::convert::Infallible;
use std::fmt::Write;
use std::mem::size_of;
use std::time::Duration;

use serde::Serialize;
use windlass::Inline;

use crate::aims::{self, Verdict};
use crate::catalogue::Workload;
use crate::clock::Who;
use crate::interleave;

/// What a workload came to for one of ours, in nanoseconds for each of its units.
pub(crate) struct Measured {
    pub(crate) workload: &'static Workload,
    /// Who of ours; most workloads have but one.
    pub(crate) who: Who,
    pub(crate) ours_ns: f64,
    pub(crate) peers: Vec<(Who, f64)>,
}

/// One comparison, as it is written to a file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) n: u64,
    pub(crate) ours_ns: f64,
    pub(crate) peer: &'static str,
    pub(crate) peer_ns: f64,
    /// Ours over theirs.
    pub(crate) ratio: f64,
}

impl Measured {
    /// Runs all contenders in turns. One result for each of ours, all beside the same peers.
    pub(crate) fn all(workload: &'static Workload, rounds: usize) -> Vec<Self> {
        let mut contenders = (workload.contenders)();
        let medians = interleave::medians(&mut contenders, rounds);
        Self::from_medians(workload, contenders.iter().map(|contender| contender.who).zip(medians))
    }

    fn from_medians(
        workload: &'static Workload,
        medians: impl Iterator<Item = (Who, Duration)>,
    ) -> Vec<Self> {
        let each = medians.map(|(who, whole)| (who, whole.as_secs_f64() * 1e9 / workload.n as f64));
        let (ours, peers): (Vec<_>, Vec<_>) = each.partition(|(who, _)| who.is_ours());
        assert!(!ours.is_empty(), "we take part in {}", workload.key);
        ours.into_iter().map(|(who, ours_ns)| Self { workload, who, ours_ns, peers: peers.clone() }).collect()
    }

    /// The workload, and who of ours if there are several.
    pub(crate) fn title(&self) -> String {
        match self.who {
            Who::Ours => self.workload.title.to_string(),
            who => format!("{}: {}", self.workload.title, who.name()),
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row> {
        self.peers.iter().map(|&(peer, peer_ns)| Row {
            workload: self.title(),
            n: self.workload.n,
            ours_ns: self.ours_ns,
            peer: peer.name(),
            peer_ns,
            ratio: self.ours_ns / peer_ns,
        })
    }

    /// The verdicts that belong beside each row.
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = Vec<Verdict>> {
        let key = self.workload.key;
        self.peers.iter().enumerate().map(move |(index, &peer)| {
            let time = aims::on_time(key, self.ours_ns).filter(|_| index == 0);
            time.into_iter().chain(aims::on_peer(key, (self.who, self.ours_ns), peer)).collect()
        })
    }

    /// Whether an aim is not met.
    pub(crate) fn misses(&self) -> bool {
        self.verdicts().flatten().any(|verdict| !verdict.met)
    }
}

/// Bytes that one more node takes in all tables together, without its work, and the verdict.
pub(crate) fn node_bytes() -> (usize, Verdict) {
    // A work that cannot exist takes no room.
    let bytes = (size_of::<Inline<Infallible, 1_001>>() - size_of::<Inline<Infallible, 1>>()) / 1_000;
    (bytes, Verdict { aim: format!("<= {} bytes", aims::NODE_BYTES), met: bytes <= aims::NODE_BYTES })
}

/// How a verdict reads.
pub(crate) fn words(verdicts: &[Verdict]) -> String {
    let one = |verdict: &Verdict| format!("{} {}", verdict.aim, if verdict.met { "met" } else { "NOT MET" });
    verdicts.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A time or a ratio with three digits that matter.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

const HEADER: [&str; 6] = ["workload", "n", "ours ns", "peer", "peer ns", "ours/peer"];

/// The head of the table, for the terminal.
pub(crate) fn head() -> String {
    let [workload, n, ours, peer, theirs, ratio] = HEADER;
    line(workload, n, ours, peer, theirs, ratio, "aim")
}

/// The rows of one workload, for the terminal.
pub(crate) fn table(measured: &Measured) -> String {
    let (mut text, workload) = (String::new(), measured.workload);
    for (row, verdicts) in measured.rows().zip(measured.verdicts()) {
        let numbers = [row.ours_ns, row.peer_ns, row.ratio].map(number);
        let [ours, theirs, ratio] = &numbers;
        let n = format!("{} {}s", row.n, workload.unit);
        text += &line(&row.workload, &n, ours, row.peer, theirs, ratio, &words(&verdicts));
    }
    if !workload.explain.is_empty() && measured.misses() {
        text += &format!("    {}\n", workload.explain);
    }
    text
}

fn line(workload: &str, n: &str, ours: &str, peer: &str, theirs: &str, ratio: &str, aim: &str) -> String {
    let mut text = String::new();
    let written = write!(text, "{workload:<46} {n:>16} {ours:>8}  {peer:<19} {theirs:>8} {ratio:>9}  {aim}");
    written.expect("writing to a String cannot fail");
    text.trim_end().to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn measured() -> Measured {
        let workload = catalogue::named("flat-1k")[0];
        let whole = |ns: u64| Duration::from_nanos(ns * workload.n);
        let medians = [(Who::Ours, whole(3)), (Who::Loop, whole(2)), (Who::Tokio, whole(30))];
        Measured::from_medians(workload, medians.into_iter()).remove(0)
    }

    #[test]
    fn each_of_ours_stands_beside_all_peers() {
        let workload = catalogue::named("stealing-empty-1")[0];
        let medians = [Who::Crew, Who::Pool, Who::Rayon, Who::Tokio];
        let medians = medians.into_iter().zip((1..).map(Duration::from_millis));
        let all = Measured::from_medians(workload, medians);
        let [crew, pool] = &all[..] else { panic!("two are ours") };
        assert!(crew.title().ends_with(": Crew") && pool.title().ends_with(": Pool"));
        assert_eq!((crew.peers.len(), &crew.peers), (2, &pool.peers));
        assert!(!crew.misses() && pool.ours_ns > crew.ours_ns);
    }

    #[test]
    fn times_are_for_one_unit_and_the_ratio_is_ours_over_theirs() {
        let rows: Vec<_> = measured().rows().collect();
        assert_eq!(rows.len(), 2);
        assert!((rows[0].ours_ns - 3.0).abs() < 1e-9);
        assert!((rows[0].peer_ns - 2.0).abs() < 1e-9);
        assert!((rows[0].ratio - 1.5).abs() < 1e-9);
        assert!((rows[1].ratio - 0.1).abs() < 1e-9);
        let json = serde_json::to_value(&rows[0]).expect("a row is plain data");
        assert_eq!(json["peer"], "loop over Box<dyn>");
        assert_eq!(json["n"], 100_000);
    }

    #[test]
    fn the_table_shows_each_peer_and_whether_the_aim_is_met() {
        let text = table(&measured());
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].contains("1.50") && lines[0].ends_with("ratio <= 2 met"), "{text}");
        assert!(lines[1].contains("tokio") && lines[1].ends_with("ratio <= 0.083 NOT MET"), "{text}");
    }

    #[test]
    fn a_node_takes_its_columns_at_least() {
        let (bytes, verdict) = node_bytes();
        let columns: usize = windlass::door::COLUMNS.iter().map(|(_, bytes)| bytes).sum();
        assert!(bytes >= columns, "{bytes}");
        assert_eq!(verdict.met, bytes <= aims::NODE_BYTES);
    }

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(
            [1234.5, 123.4, 12.34, 1.234, 0.1234].map(number),
            ["1234", "123", "12.3", "1.23", "0.123"]
        );
    }
}

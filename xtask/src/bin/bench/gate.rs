//! `cargo xtask bench --gate`: counts the instructions of the core workloads and compares them with those that are kept.
//!
//! Counts hardly vary from run to run, where times do, so a small growth shows. callgrind counts while our
//! [`timed`](crate::clock::timed) runs, so setting up is not in them. Only our side is counted.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::catalogue::{self, Workload};
use crate::instructions::{Change, Count, Counts};

/// What is counted: one workload for each path through the engine.
const CORE: &[&str] = &[
    "flat-1k",
    "tree",
    "wake-1k",
    "handle-100k",
    "timers",
    "retry",
    "abort",
    "graph-10k-build",
    "graph-10k-run",
    "idle",
];

/// Counts and compares; with `bless`, keeps the new counts instead of failing.
pub(crate) fn run(bless: bool) -> Result<()> {
    let kept = match kept() {
        // Nothing that is blessed away needs to be readable.
        Err(_) if bless => Counts { compiler: String::new(), lines: vec![] },
        kept => kept?,
    };
    let new = count()?;
    let changes = kept.compare(&new);
    if kept.compiler != new.compiler {
        println!("kept counts are of {}; these are of {}", or_nobody(&kept.compiler), new.compiler);
    }
    print!("{}", table(&changes));
    let any = |wanted: fn(Change) -> bool| changes.iter().any(|(.., change)| wanted(*change));
    if bless {
        let path = path();
        fs::write(&path, new.text()).with_context(|| format!("cannot write {}", path.display()))?;
        println!("kept in {}", path.display());
    } else if any(Change::fails) {
        bail!(
            "instruction counts do not match; if that is meant, `cargo xtask bench --gate --bless` keeps them"
        );
    } else if any(|change| change == Change::Shrank) {
        println!("please keep what was gained: cargo xtask bench --gate --bless");
    }
    Ok(())
}

/// The counts that are kept.
pub(crate) fn kept() -> Result<Counts> {
    let path = path();
    let text = fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}; `cargo xtask bench --gate --bless` makes it", path.display())
    })?;
    Counts::parse(&text).with_context(|| format!("cannot understand {}", path.display()))
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}

fn or_nobody(compiler: &str) -> &str {
    if compiler.is_empty() { "nobody" } else { compiler }
}

fn count() -> Result<Counts> {
    let lines = CORE.iter().map(|key| {
        let named = catalogue::ALL.iter().find(|workload| workload.key == *key);
        count_one(named.with_context(|| format!("there is no workload `{key}`"))?)
    });
    Ok(Counts { compiler: compiler()?, lines: lines.collect::<Result<_>>()? })
}

fn count_one(workload: &Workload) -> Result<Count> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=*bench::clock::timed*")
        .arg(env::current_exe()?)
        .args(["--count", workload.key]);
    let output = valgrind.output().context("cannot start valgrind; apt-get install valgrind")?;
    let report = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} under valgrind: {}\n{report}", workload.key, output.status);
    let all = collected(&report).with_context(|| format!("callgrind's report has no count:\n{report}"))?;
    ensure!(all > 0, "callgrind found nothing to count in {}", workload.key);
    Ok(Count { key: workload.key.into(), each: all as f64 / workload.n as f64, unit: workload.unit.into() })
}

/// The number in the line `==1== Collected : 8784625`.
fn collected(report: &str) -> Option<u64> {
    let line = report.lines().rev().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

/// Its version and what it compiles for.
pub(crate) fn compiler() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().context("cannot start rustc")?;
    let version = String::from_utf8(output.stdout).context("rustc's version is not text")?;
    Ok(format!("{}, {}-{}", version.trim(), env::consts::ARCH, env::consts::OS))
}

fn table(changes: &[(String, Option<f64>, Option<f64>, Change)]) -> String {
    let number = |count: Option<f64>| count.map_or_else(|| "-".to_string(), |count| format!("{count:.2}"));
    let mut text = format!("{:<16} {:>10} {:>10} {:>9}\n", "workload", "kept", "now", "change");
    for (key, kept, new, change) in changes {
        let growth = |(kept, new): (f64, f64)| ((new / kept - 1.0) * 1_000.0).round() / 10.0;
        // Adding zero makes a positive zero of a negative one.
        let percent = kept.zip(*new).map(growth).map(|percent| format!("{:+.1} %", percent + 0.0));
        let word = match change {
            Change::Same => "",
            Change::Shrank => "  shrank",
            Change::Grew => "  GREW",
            Change::New => "  NOT KEPT",
            Change::Gone => "  NOT COUNTED",
        };
        let (kept, new, percent) = (number(*kept), number(*new), percent.unwrap_or_default());
        text += &format!("{key:<16} {kept:>10} {new:>10} {percent:>9}{word}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_the_report() {
        let report =
            "==7== Events    : Ir\n==7== Collected : 8784625\n==7== \n==7== I   refs:      8,784,625\n";
        assert_eq!(collected(report), Some(8_784_625));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
        assert_eq!(collected("==7== Collected : \n"), None);
    }

    #[test]
    fn every_core_workload_exists() {
        for key in CORE {
            assert!(catalogue::ALL.iter().any(|workload| workload.key == *key), "{key}");
        }
    }

    #[test]
    fn the_table_shows_the_growth_of_each() {
        let text = table(&[
            ("flat-1k".into(), Some(100.0), Some(104.0), Change::Grew),
            ("tree".into(), None, Some(10.0), Change::New),
        ]);
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[1], ["flat-1k", "100.00", "104.00", "+4.0", "%", "GREW"]);
        assert_eq!(lines[2], ["tree", "-", "10.00", "NOT", "KEPT"]);
    }
}

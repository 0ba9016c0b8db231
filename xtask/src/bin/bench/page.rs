//! `cargo xtask bench --page`: writes `docs/performance.md` and its pictures from what this run measured.
//!
//! No number on the page comes from anywhere else, but for the instruction counts, which are those that are kept.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use windlass::door::COLUMNS;

use crate::aims::Verdict;
use crate::catalogue::Workload;
use crate::growth::{self, Growth};
use crate::instructions::Counts;
use crate::plot::{self, Line};
use crate::row::{self, Measured};
use crate::{gate, machine};

/// The peers that are packages.
const PEERS: &[&str] =
    &["async-executor", "bonsai-bt", "crossbeam-deque", "dagrs", "futures-util", "rayon", "tokio"];

/// Where the page and its pictures go.
pub(crate) struct Page {
    folder: PathBuf,
}

impl Page {
    /// Finds out, before anything is measured, that the page can be written.
    pub(crate) fn open() -> Result<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let page = Self { folder };
        fs::create_dir_all(&page.folder).with_context(|| format!("cannot make {}", page.folder.display()))?;
        for name in growth::ALL.iter().map(picture).chain(["performance.md".to_string()]) {
            let path = page.folder.join(name);
            let opened = fs::File::options().create(true).append(true).open(&path);
            opened.with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(page)
    }

    /// Measures how cost grows, and writes all.
    pub(crate) fn write(&self, measured: &[Measured], quick: bool) -> Result<()> {
        let mut plots = vec![];
        for growth in growth::ALL {
            println!("measuring: {}", growth.title);
            let lines = growth.measure(quick);
            self.save(&picture(growth), &plot::svg(growth.title, growth.x, growth.y, &lines)?)?;
            plots.push((growth, lines));
        }
        self.save("performance.md", &text(&head()?, measured, &plots, gate::kept().ok().as_ref()))
    }

    fn save(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: docs/{name}");
        Ok(())
    }
}

fn picture(growth: &Growth) -> String {
    format!("performance-{}.svg", growth.name)
}

fn head() -> Result<String> {
    let lock = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let version =
        |peer: &&str| format!("{peer} {}", machine::version(&lock, peer).unwrap_or_else(|| "?".to_string()));
    let peers: Vec<_> = PEERS.iter().map(version).collect();
    Ok(format!(
        "Measured on {} on {}; {}; {}; with {}.",
        machine::today(),
        machine::processor(),
        machine::system(),
        gate::compiler()?,
        peers.join(", "),
    ))
}

fn text(head: &str, measured: &[Measured], plots: &[(&Growth, Vec<Line>)], kept: Option<&Counts>) -> String {
    let mut text = format!(
        "# Performance\n\n\
         <!-- Written by `cargo xtask bench --page`. What is changed here by hand is lost with the next run. -->\n\n\
         {head}\n\n{INTRODUCTION}\n"
    );
    text += "| workload | windlass, ns | peer | peer, ns | windlass / peer | aim |\n| --- | ---: | --- | ---: | ---: | --- |\n";
    measured.iter().for_each(|one| text += &rows(one));
    let (bytes, verdict) = row::node_bytes();
    text += &format!(
        "| node, without its work | {bytes} bytes | | | | {} |\n",
        words(std::slice::from_ref(&verdict))
    );
    if !verdict.met {
        text += &format!("\n{}\n", node_parts(bytes));
    }
    text += "\n## What is measured\n\n";
    for one in measured.chunk_by(|one, next| one.workload.key == next.workload.key) {
        text += &about(one[0].workload, one.iter().any(Measured::misses));
    }
    text += "\n## How cost grows\n";
    plots.iter().for_each(|(growth, lines)| text += &plot_section(growth, lines));
    if let Some(kept) = kept {
        text += &instructions(kept);
    }
    text
}

/// What a node's bytes are for.
fn node_parts(bytes: usize) -> String {
    let parts: Vec<String> = COLUMNS.iter().map(|(what, bytes)| format!("{bytes} for {what}")).collect();
    format!(
        "The {bytes} bytes of a node: {}. They are there for every node, because any node may get children, dependencies, a deadline and a failure at \
         any time and there is no second capacity that could run out.",
        parts.join("; ")
    )
}

const INTRODUCTION: &str = "\
Times are nanoseconds for one unit of the workload: one crank, wake, run, attempt, node or poll. Each is the median of \
several rounds, in which all contenders take turns, so that whatever else the machine does hits all of them alike. \
`windlass / peer` is our time divided by the peer's: below 1 we are the faster, above 1 the slower. Our works are boxed \
(`DynWork`) in boxed tables, as the steps of the hand-written loop are boxed; setting up and freeing are outside the \
clock unless the workload says otherwise. tokio is its runtime of one thread, but beside our pools the one of several.

To reproduce it, on Linux with rustup's stable Rust:

```sh
cargo xtask bench                # the table
cargo xtask bench --only wake    # a part of it
cargo xtask bench --page         # this page and its pictures
cargo xtask bench --gate         # the instruction counts; needs valgrind
```

## Results
";

fn rows(measured: &Measured) -> String {
    let mut text = String::new();
    for (index, (row, verdicts)) in measured.rows().zip(measured.verdicts()).enumerate() {
        let (title, ours) =
            if index == 0 { (row.workload.as_str(), row::number(row.ours_ns)) } else { ("", String::new()) };
        let [theirs, ratio] = [row.peer_ns, row.ratio].map(row::number);
        let peer = if row.peer.contains('<') { format!("`{}`", row.peer) } else { row.peer.to_string() };
        let aim = words(&verdicts);
        text += &format!("| {title} | {ours} | {peer} | {theirs} | {ratio} | {aim} |\n");
    }
    text
}

fn words(verdicts: &[Verdict]) -> String {
    row::words(verdicts).replace("<=", "≤").replace("NOT MET", "**not met**")
}

fn about(workload: &Workload, misses: bool) -> String {
    let mut text = format!("* **{}** (`{}`). {}", workload.title, workload.key, workload.about);
    if misses && !workload.explain.is_empty() {
        text += &format!(" *Aim not met:* {}", workload.explain);
    }
    text + "\n"
}

fn plot_section(growth: &Growth, lines: &[Line]) -> String {
    let mut text =
        format!("\n### {}\n\n{}\n\n![{}]({})\n\n", growth.title, growth.about, growth.title, picture(growth));
    let sizes = lines.iter().take(1).flat_map(|line| &line.points).map(|(size, _)| plot::grouped(*size));
    let columns: Vec<_> = sizes.collect();
    text += &format!("| {}, by {} | {} |\n", growth.y, growth.x, columns.join(" | "));
    text += &format!("| --- |{}\n", " ---: |".repeat(columns.len()));
    for line in lines {
        let numbers: Vec<_> = line.points.iter().map(|(_, each)| row::number(*each)).collect();
        text += &format!("| {} | {} |\n", line.name, numbers.join(" | "));
    }
    text
}

fn instructions(kept: &Counts) -> String {
    let mut text = format!(
        "\n## Instructions\n\n\
         Counts hardly vary from run to run, where times do. These are kept beside the code (`xtask/instructions.txt`), for \
         our side alone and inside the clock, in a build by {}; `cargo xtask bench --gate` fails if one grows by more than 3 %.\n\n\
         | workload | instructions | for one |\n| --- | ---: | --- |\n",
        kept.compiler
    );
    kept.lines
        .iter()
        .for_each(|line| text += &format!("| `{}` | {:.1} | {} |\n", line.key, line.each, line.unit));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use crate::clock::Who;

    #[test]
    fn the_page_shows_every_row_plot_and_count() {
        let measured: Vec<_> = catalogue::ALL
            .iter()
            .map(|workload| Measured {
                workload,
                who: Who::Ours,
                ours_ns: 100.0,
                peers: vec![(Who::Loop, 1.5), (Who::Tokio, 50.0)],
            })
            .collect();
        let line =
            Line { name: "windlass".into(), ours: true, hue: 0, points: vec![(1e2, 2.0), (1e6, 30.0)] };
        let plots = [(&growth::ALL[0], vec![line])];
        let kept = Counts::parse("# rustc 1.2\nflat-1k 17.25 crank\n").expect("it is well formed");
        let page = text("Measured today.", &measured, &plots, Some(&kept));
        for workload in catalogue::ALL {
            assert_eq!(page.matches(&format!("| {} |", workload.title)).count(), 1, "{page}");
            assert!(page.contains(workload.about), "{page}");
        }
        for part in [
            "Measured today.",
            "| crank, 1,000 flat leaves x 100 | 100 | `loop over Box<dyn>` | 1.50 | 66.7 | ratio ≤ 2 **not met** |",
            "|  |  | tokio | 50.0 | 2.00 |",
            "(performance-nodes.svg)",
            "| ns per crank, by flat leaves | 100 | 1,000,000 |",
            "| windlass | 2.00 | 30.0 |",
            "| `flat-1k` | 17.2 | crank |",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
}

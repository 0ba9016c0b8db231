//! `cargo xtask bench`: the engine and its peers on the same work, in the same run, taking turns.
//!
//! Every number printed was measured by this run. Times differ from machine to machine and from hour to hour, so the ratio is
//! what to read, and no test depends on one.

mod abort;
mod aims;
mod catalogue;
mod clock;
mod executors;
mod flat;
mod gate;
mod graph;
mod growth;
mod idle;
mod instructions;
mod interleave;
mod leaf;
mod machine;
mod memory;
mod page;
mod plot;
mod random;
mod retry;
mod row;
mod stealing;
mod timers;
mod tree;
mod wake;

use std::fs::File;
use std::io::{Seek, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::catalogue::Workload;
use crate::page::Page;
use crate::row::Measured;

/// Measures the engine and its peers side by side.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Options {
    /// Only the workloads whose names begin so; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Lists the workloads
    #[arg(long)]
    list: bool,
    /// How many rounds each workload gets; the median counts
    #[arg(long, value_name = "N")]
    rounds: Option<NonZeroUsize>,
    /// Three rounds each
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Also writes the rows to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also writes docs/performance.md and its pictures
    #[arg(long, conflicts_with_all = ["only", "list"])]
    page: bool,
    /// Counts instructions, under valgrind, and fails if one of the counts that are kept has grown by more than 3 %
    #[arg(long, conflicts_with_all = ["only", "list", "rounds", "quick", "json", "page", "count"])]
    gate: bool,
    /// Keeps the new counts
    #[arg(long, requires = "gate")]
    bless: bool,
    /// Runs our side of one workload once and prints nothing, for a tool that counts instructions
    #[arg(long, value_name = "NAME", conflicts_with_all = ["only", "list", "rounds", "quick", "json", "page"])]
    count: Option<String>,
    /// With --count: runs this contender instead
    #[arg(long, value_name = "CONTENDER", requires = "count")]
    of: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if options.list {
        for workload in catalogue::ALL {
            println!("{:<20} {}", workload.key, workload.about);
        }
        return Ok(());
    }
    if let Some(key) = &options.count {
        return count(key, options.of.as_deref());
    }
    if options.gate {
        return gate::run(options.bless);
    }
    let chosen = chosen(&options.only)?;
    let mut json = options.json.as_deref().map(writable).transpose()?;
    let page = options.page.then(Page::open).transpose()?;
    let measured = measure(&chosen, options);
    if let (Some(file), Some(path)) = (&mut json, &options.json) {
        let rows: Vec<_> = measured.iter().flat_map(Measured::rows).collect();
        write(file, &serde_json::to_string_pretty(&rows)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(page) = page {
        page.write(&measured, options.quick)?;
    }
    Ok(())
}

/// Measures and prints each table as soon as it is there.
fn measure(chosen: &[&'static Workload], options: &Options) -> Vec<Measured> {
    println!("ns are nanoseconds for one of n; ours/peer below 1 means that we are faster\n");
    print!("{}", row::head());
    let mut all = vec![];
    for workload in chosen {
        let rounds = match options.rounds {
            Some(rounds) => rounds.get(),
            None if options.quick => 3,
            None => workload.rounds,
        };
        for measured in Measured::all(workload, rounds) {
            print!("{}", row::table(&measured));
            all.push(measured);
        }
    }
    let (bytes, verdict) = row::node_bytes();
    println!("\na node takes {bytes} bytes without its work: {}", row::words(&[verdict]));
    all
}

fn chosen(only: &[String]) -> Result<Vec<&'static Workload>> {
    let names = if only.is_empty() { &[String::new()] } else { only };
    let mut all: Vec<&Workload> = vec![];
    for name in names {
        let named = catalogue::named(name);
        if named.is_empty() {
            bail!("there is no workload `{name}`; there are {}", catalogue::keys());
        }
        all.extend(named.iter().filter(|new| all.iter().all(|old| old.key != new.key)).collect::<Vec<_>>());
    }
    Ok(all)
}

fn count(key: &str, of: Option<&str>) -> Result<()> {
    let workload = catalogue::ALL.iter().find(|workload| workload.key == key);
    let workload =
        workload.with_context(|| format!("there is no workload `{key}`; there are {}", catalogue::keys()))?;
    let mut contenders = (workload.contenders)();
    let names: Vec<_> = contenders.iter().map(|contender| contender.who.name()).collect();
    let place = of.map_or(Some(0), |of| names.iter().position(|name| *name == of));
    let place =
        place.with_context(|| format!("`{key}` has no such contender; it has {}", names.join(", ")))?;
    (contenders[place].run)();
    Ok(())
}

/// A file that can be written, found out before anything is measured. What it holds stays until there is something new.
fn writable(path: &Path) -> Result<File> {
    let file = File::options().create(true).write(true).truncate(false).open(path);
    file.with_context(|| format!("cannot write {}", path.display()))
}

fn write(file: &mut File, text: &str) -> Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{text}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parsed(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("bench").chain(line.split_whitespace()))
    }

    #[test]
    fn what_fits_together_is_understood() {
        Options::command().debug_assert();
        for line in [
            "",
            "--only wake --only tree --rounds 3 --json f",
            "--quick --page",
            "--gate --bless",
            "--count idle",
            "--count idle --of tokio",
        ] {
            assert!(parsed(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_does_not_is_an_error_that_names_it() {
        for line in [
            "--fast",
            "--json",
            "--only",
            "--rounds 0",
            "--rounds many",
            "--quick --rounds 3",
            "--bless",
            "--gate --page",
            "--page --only wake",
            "--count idle --quick",
            "--of tokio",
        ] {
            let error = parsed(line).expect_err(line).to_string();
            assert!(line.split_whitespace().any(|word| error.contains(word)), "{line}: {error}");
        }
    }

    #[test]
    fn an_unknown_workload_is_answered_with_the_known_ones() {
        for error in [chosen(&["speed".into()]).map(drop), count("flat", None).map(drop)] {
            let error = error.expect_err("there is none").to_string();
            assert!(error.contains("speed") || error.contains("`flat`"), "{error}");
            assert!(error.contains("flat-1k, flat-1m, tree"), "{error}");
        }
    }

    #[test]
    fn an_unknown_contender_is_answered_with_those_of_the_workload() -> Result<()> {
        count("flat-1k", Some("tokio"))?;
        let error = count("flat-1k", Some("rayon")).expect_err("it takes no part").to_string();
        assert!(error.contains("`flat-1k`") && error.contains("tokio, async-executor"), "{error}");
        Ok(())
    }

    #[test]
    fn each_workload_is_chosen_once() -> Result<()> {
        let keys = |only: &[&str]| -> Result<Vec<_>> {
            let only: Vec<_> = only.iter().map(ToString::to_string).collect();
            Ok(chosen(&only)?.iter().map(|workload| workload.key).collect())
        };
        assert_eq!(keys(&[])?.len(), catalogue::ALL.len());
        assert_eq!(keys(&["wake-1m", "wake", "flat-1k"])?, ["wake-1m", "wake-1k", "wake-100k", "flat-1k"]);
        Ok(())
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_and_one_that_can_keeps_what_it_holds() -> Result<()> {
        let error = writable(Path::new("no/such/folder/rows.json")).expect_err("there is no such folder");
        assert!(format!("{error:#}").contains("no/such/folder/rows.json"), "{error:#}");

        let path = std::env::temp_dir().join(format!("windlass-bench-{}.json", std::process::id()));
        std::fs::write(&path, "what was there before, and is longer")?;
        let mut file = writable(&path)?;
        assert_eq!(std::fs::read_to_string(&path)?, "what was there before, and is longer");
        write(&mut file, "[]")?;
        assert_eq!(std::fs::read_to_string(&path)?, "[]\n");
        std::fs::remove_file(path)?;
        Ok(())
    }
}

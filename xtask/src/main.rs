//! `cargo xtask`: the one entry for people and for CI.
//!
//! Reads the command line and hands over; every command runs from the workspace's top directory, wherever it was
//! typed. It does no checking itself: the checks are in [`checks`], the order and the summary in [`steps`].

mod bench;
mod checks;
mod command;
mod deep;
mod demo;
mod device;
mod log;
mod mutants;
#[cfg(test)]
mod repository;
mod size;
mod steps;
mod tally;
mod toolchain;
mod web;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::steps::Step;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--list | --only STEP]   every check and every test
  test --deep [...]             the same, and what takes longer: loom, Miri, 100,000 programs, faults, the fuzzers
  ci   [--list | --only STEP]   as `test`, and licences, instructions, all sets of features, and semver
  bench [OPTIONS]               measure against the peers, side by side; --help tells more
  size [--bless]                memory and flash of the engine; fails if a kept figure grew, or keeps the new ones
  size --symbols IMAGE [--target TARGET]
                                what an image (leaves, composites) is made of, the largest functions first
  mutants                       the table of faults that the audit of pools finds, as kept in docs; written anew
  demo [--port N | --build-only | --test]
                                the page that verifies an archive: build and serve it, or click through it in Chromium";

/// One command line, understood.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Test(Selection),
    Deep(Selection),
    Ci(Selection),
    Bench(Vec<String>),
    Size(size::Question),
    Mutants,
    Demo(demo::Ask),
    Usage,
}

/// Which of a command's steps to run.
#[derive(Debug, PartialEq, Eq)]
enum Selection {
    All,
    Only(String),
    List,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match parse(&args).and_then(run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let top =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies below the workspace's top")?;
    match task {
        Task::Test(selection) => {
            env::set_current_dir(top)?;
            run_steps(&checks::TEST.iter().collect::<Vec<_>>(), &selection)
        }
        Task::Deep(selection) => {
            env::set_current_dir(top)?;
            run_steps(&checks::TEST.iter().chain(deep::DEEP).collect::<Vec<_>>(), &selection)
        }
        Task::Ci(selection) => {
            env::set_current_dir(top)?;
            run_steps(&checks::CI_ONLY.iter().chain(checks::TEST).collect::<Vec<_>>(), &selection)
        }
        Task::Bench(args) => {
            bench::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Size(question) => {
            env::set_current_dir(top)?;
            Ok(if size::run(&question)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Task::Mutants => {
            env::set_current_dir(top)?;
            deep::pool_mutants()?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Demo(ask) => {
            env::set_current_dir(top)?;
            demo::run(&ask)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Usage => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_steps(steps: &[&Step], selection: &Selection) -> Result<ExitCode> {
    let chosen = match selection {
        Selection::All => steps.to_vec(),
        Selection::Only(name) => vec![steps::find(steps, name)?],
        Selection::List => {
            print!("{}", steps::list(steps));
            return Ok(ExitCode::SUCCESS);
        }
    };
    let report = steps::run(&chosen);
    print!("\n{report}");
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn parse(args: &[String]) -> Result<Task> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test", "--deep", rest @ ..] => Ok(Task::Deep(parse_selection(rest)?)),
        ["test", rest @ ..] => Ok(Task::Test(parse_selection(rest)?)),
        ["ci", rest @ ..] => Ok(Task::Ci(parse_selection(rest)?)),
        ["bench", rest @ ..] => Ok(Task::Bench(rest.iter().map(ToString::to_string).collect())),
        ["size", rest @ ..] => Ok(Task::Size(size::parse(rest)?)),
        ["mutants"] => Ok(Task::Mutants),
        ["demo", rest @ ..] => Ok(Task::Demo(demo::parse(rest)?)),
        ["help" | "--help" | "-h"] => Ok(Task::Usage),
        [] => bail!("a command is needed\n\n{USAGE}"),
        other => bail!("`{}` is not understood\n\n{USAGE}", other.join(" ")),
    }
}

fn parse_selection(args: &[&str]) -> Result<Selection> {
    match args {
        [] => Ok(Selection::All),
        ["--list"] => Ok(Selection::List),
        ["--only", name] => Ok(Selection::Only((*name).to_string())),
        ["--only"] => bail!("`--only` needs the name of a step; `--list` shows them"),
        other => bail!("`{}` is not understood\n\n{USAGE}", other.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        parse(&line.split_whitespace().map(str::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn commands_and_their_options_are_understood() -> Result<()> {
        assert_eq!(parsed("test")?, Task::Test(Selection::All));
        assert_eq!(parsed("test --list")?, Task::Test(Selection::List));
        assert_eq!(parsed("test --deep")?, Task::Deep(Selection::All));
        assert_eq!(parsed("test --deep --only loom")?, Task::Deep(Selection::Only("loom".into())));
        assert_eq!(parsed("ci --only deny")?, Task::Ci(Selection::Only("deny".into())));
        assert_eq!(parsed("bench --json f")?, Task::Bench(vec!["--json".into(), "f".into()]));
        assert_eq!(parsed("size")?, Task::Size(size::Question::Compare));
        assert_eq!(parsed("mutants")?, Task::Mutants);
        assert_eq!(parsed("demo --port 8000")?, Task::Demo(demo::Ask::Serve(8000)));
        assert_eq!(parsed("--help")?, Task::Usage);
        Ok(())
    }

    #[test]
    fn anything_else_is_an_error_that_names_it() {
        for line in ["tset", "size --json f", "test --only", "test --only fmt clippy", "ci --fast"] {
            let message = parsed(line).expect_err(line).to_string();
            let wrong = line.split_whitespace().find(|word| message.contains(word));
            assert!(wrong.is_some(), "`{line}` gave: {message}");
        }
        assert!(parsed("").expect_err("no command").to_string().contains("a command is needed"));
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let mut names: Vec<_> =
            checks::CI_ONLY.iter().chain(checks::TEST).chain(deep::DEEP).map(|step| step.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

//! Tests that files of the repository agree: the workflow names the steps there are, and each published package has a copy of the licences.
//!
//! The lists of steps are read from the workflow's text, so each has to stand on one line: `step: [a, b]`, or `{ step: a, .. }`. Whether the rest of
//! it is right is not tried here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::checks::{CI_ONLY, TEST};
use crate::deep::DEEP;

const WORKFLOW: &str = include_str!("../../.github/workflows/ci.yml");

/// The part of the file that is about one job.
fn job(name: &str) -> &'static str {
    let start = WORKFLOW.find(&format!("\n  {name}:\n")).expect("the workflow has this job") + 1;
    let rest = &WORKFLOW[start..];
    // The next line that is indented as little as the job's name.
    let end = rest.match_indices("\n  ").find(|(at, _)| rest[at + 3..].starts_with(char::is_alphabetic));
    &rest[..end.map_or(rest.len(), |(at, _)| at)]
}

/// The steps that a job is a matrix of.
fn matrix(job: &'static str) -> BTreeSet<&'static str> {
    let list = job.lines().find_map(|line| line.trim().strip_prefix("step: [")?.strip_suffix(']'));
    list.expect("the job has a list of steps").split(", ").collect()
}

/// The steps that a job prepares something for.
fn prepared(job: &'static str) -> BTreeSet<&'static str> {
    job.lines()
        .filter_map(|line| line.trim().strip_prefix("- { step: ")?.split_once(','))
        .map(|(step, _)| step)
        .collect()
}

#[test]
fn on_linux_the_workflow_runs_every_step_of_ci() {
    let steps = CI_ONLY.iter().chain(TEST).map(|step| step.name).collect();
    let linux = job("linux");
    assert_eq!(matrix(linux), steps);
    assert!(!prepared(linux).is_empty() && prepared(linux).is_subset(&steps));
    assert!(linux.contains("cargo xtask ci --only ${{ matrix.step }}"));
}

#[test]
fn on_other_hosts_the_workflow_runs_some_steps_of_test() {
    let steps = TEST.iter().map(|step| step.name).collect();
    let hosts = job("hosts");
    assert!(matrix(hosts).is_subset(&steps), "{:?}", matrix(hosts));
    assert!(matrix(hosts).contains("test"));
    assert!(hosts.contains("cargo xtask ci --only ${{ matrix.step }}"));
}

#[test]
fn every_week_the_workflow_runs_the_steps_of_deep() {
    let steps = DEEP.iter().map(|step| step.name).collect();
    let deep = job("deep");
    assert_eq!(matrix(deep), steps);
    assert!(!prepared(deep).is_empty() && prepared(deep).is_subset(&steps));
    assert!(deep.contains("cargo xtask test --deep --only ${{ matrix.step }}"));
    assert!(WORKFLOW.contains("  schedule:\n"));
}

#[test]
fn every_published_package_has_the_licences_of_the_top_directory() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read =
        |file: &str| fs::read(top.join(file)).unwrap_or_else(|why| panic!("cannot read {file}: {why}"));
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        for package in ["core", "lab", "std-adapter", "embassy-adapter", "wasm"] {
            let copy = format!("{package}/{licence}");
            assert!(read(&copy) == read(licence), "{copy} is not the copy it should be");
        }
    }
}

//! Tests that files of the repository agree: the workflow names the steps there are, each published package has a copy of the licences, the page
//! about the engine names what is in it, the quick start is the same wherever it stands, and the guide's programs are all tested.
//!
//! The lists of steps are read from the workflow's text, so each has to stand on one line: `step: [a, b]`, or `{ step: a, .. }`. Whether the rest of
//! it is right is not tried here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::checks::{CI_ONLY, TEST};
use crate::deep::DEEP;

const WORKFLOW: &str = include_str!("../../.github/workflows/ci.yml");

/// A file of the repository.
fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(path).unwrap_or_else(|why| panic!("cannot read {file}: {why}"))
}

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
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        for package in ["core", "lab", "std-adapter", "embassy-adapter", "wasm"] {
            let copy = format!("{package}/{licence}");
            assert!(read(&copy) == read(licence), "{copy} is not the copy it should be");
        }
    }
}

/// The files of the engine and the functions in them that `docs/architecture.md` names: in the lines of its walks, and as `` `file.rs`: `function` ``.
fn named_by_the_architecture_page(page: &str) -> Vec<(String, Option<String>)> {
    let mut named = Vec::new();
    for line in page.lines() {
        let mut words = line.split_whitespace();
        if let (Some(file), Some(function)) =
            (words.next().filter(|word| word.ends_with(".rs")), words.next())
        {
            named.push((file.into(), Some(function.into())));
        }
        let mut file = None;
        for (nth, quoted) in line.split('`').enumerate().filter(|(nth, _)| nth % 2 == 1) {
            if quoted.ends_with(".rs") {
                let lists_functions = line.split('`').nth(nth + 1).is_some_and(|rest| rest.starts_with(": "));
                file = lists_functions.then_some(quoted);
                named.push((quoted.into(), None));
            } else if let Some(file) = file {
                named.push((file.into(), Some(quoted.into())));
            }
        }
    }
    named
}

#[test]
fn the_architecture_page_names_what_there_is() {
    let named = named_by_the_architecture_page(&read("docs/architecture.md"));
    assert!(named.iter().filter(|(_, function)| function.is_some()).count() > 60, "{named:?}");
    for (file, function) in &named {
        let text = read(&format!("core/src/{file}"));
        if let Some(function) = function {
            let is_there = [" fn ", "fn "].iter().any(|word| {
                text.contains(&format!("{word}{function}(")) || text.contains(&format!("{word}{function}<"))
            });
            assert!(is_there, "there is no function {function} in {file}");
        }
    }
}

/// The first program below the heading.
fn quick_start(page: &str) -> &str {
    let (_, section) = page.split_once("# Quick start\n").expect("the page has a quick start");
    let (_, fenced) = section.split_once("```").expect("it has a program");
    let (_, program) = fenced.split_once('\n').expect("which begins on a line of its own");
    program.split_once("```\n").expect("which has an end").0
}

#[test]
fn the_front_page_and_the_documentation_have_the_same_quick_start() {
    let documentation: Vec<_> = read("core/src/lib.rs")
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    let (front_page, documentation) = (read("README.md"), documentation.concat());
    assert!(quick_start(&front_page).contains("fn main()"));
    assert_eq!(quick_start(&front_page), quick_start(&documentation));
}

#[test]
fn the_guide_lists_all_its_chapters_and_all_their_programs_are_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    let (contents, tested) = (read("docs/guide/README.md"), read("tests/src/guide.rs"));
    let files = fs::read_dir(folder).expect("there is the guide");
    let names = files.map(|file| file.expect("its folder can be read").file_name().into_string());
    let names = names.map(|name| name.expect("its names are plain"));
    let mut languages = BTreeSet::new();
    for name in names.filter(|name| name.ends_with(".md")) {
        assert!(name == "README.md" || contents.contains(&format!("]({name})")), "{name} is not listed");
        let page = read(&format!("docs/guide/{name}"));
        // A fence that opens a block, and the one that closes it, take turns.
        let opened: BTreeSet<_> =
            page.lines().filter_map(|line| line.strip_prefix("```")).step_by(2).map(String::from).collect();
        if opened.contains("rust") {
            assert!(tested.contains(&format!("/docs/guide/{name}\"")), "{name} is not tested");
        }
        // What a test of Node reads is one file.
        assert!(name == "browsers.md" || !opened.contains("js"), "JavaScript in {name}");
        languages.extend(opened);
    }
    // Exactly these: a program that shall be ignored, or not be run, would say so behind a comma.
    assert_eq!(languages, ["js", "rust", "sh", "text", "toml"].map(String::from).into());
}

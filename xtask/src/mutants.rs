//! The step `mutants`: faults that cargo-mutants puts into the engine, one at a time, and whether a test finds each.
//!
//! The invariant: what survives is on the list in `xtask/mutants.txt`, each with the reason why it may, and nothing else is on it. A fault is known by
//! its file and by what it changes, not by its line, so that the list outlives changes elsewhere in the file.
//!
//! Which faults there are is for cargo-mutants to say. A fault that a build does not compile, or that keeps the tests from ending, counts as found.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Invocation, apart, cargo, program};
use crate::steps::Outcome;
use crate::toolchain;

/// The survivors that are known, with reasons.
const KEPT: &str = "xtask/mutants.txt";

/// What of the engine is left out: the laboratory and its checks, which are no part of the engine; tests; and what only a device or a model compiles.
const LEFT_OUT: &[&str] = &[
    "core/src/lab.rs",
    "core/src/lab/**",
    "core/src/check.rs",
    "core/src/defmt_log.rs",
    "core/src/sync.rs",
    "**/models.rs",
    "**/tests.rs",
    "**/tests/**",
];

/// Changes that change nothing: where the engine joins bits, they are different ones.
const SAME: &str = r"replace \| with \^";

/// Which faults are tried: `all`, so many drawn ones, or those whose name has this text.
const WHICH: &str = "WINDLASS_MUTANTS";

/// What they are drawn from.
const SEED: &str = "WINDLASS_MUTANTS_SEED";

const DRAWN: usize = 40;

/// How many random programs the tests run. What only the thousandth one finds deserves a test of its own, and every fault that keeps the tests from ending
/// costs the time limit.
const PROGRAMS: &str = "100";

/// All that has tests on a host.
const FEATURES: &str = "windlass/lab,windlass/waker";

/// A fault that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    /// As cargo-mutants lists it: with its line.
    listed: String,
    /// Without its line, but with its number if the file has several of that name.
    name: String,
}

pub(crate) fn run() -> Result<Outcome> {
    let tool = match toolchain::need_cargo_mutants() {
        Ok(tool) => tool,
        Err(why) => return Ok(Outcome::Skipped(format!("cargo-mutants could not be installed: {why:#}"))),
    };
    let faults = faults(&mutants(&tool).args(&["--list"]).read()?)?;
    let kept = kept(&fs::read_to_string(KEPT).with_context(|| format!("cannot read {KEPT}"))?, &faults)?;
    let which = env::var(WHICH).unwrap_or_else(|_| DRAWN.to_string());
    let seed = env::var(SEED).unwrap_or_else(|_| "1".into());
    let seed = seed.parse().with_context(|| format!("{SEED}={seed} is no number"))?;
    let tried = chosen(&faults, &which, seed);
    ensure!(!tried.is_empty(), "{WHICH}={which} chooses none of the {} faults there are", faults.len());
    println!("{} of {} faults, {WHICH}={which} {SEED}={seed}", tried.len(), faults.len());

    let limit = time_limit()?;
    // Without what an earlier run has left, for a build of a fault looks as good as any other.
    let folder = apart("mutants");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = fs::canonicalize(folder)?;
    let mut run = mutants(&tool)
        .args(&["--features", FEATURES, "--test-package", "windlass", "--test-package", "windlass-tests"])
        .args(&["--gitignore", "true", "--no-shuffle", "--baseline", "skip"])
        .args(&["--timeout".into(), limit.as_secs().to_string()])
        .args(&["--output".into(), folder.display().to_string()])
        .env("WINDLASS_PROGRAMS", PROGRAMS)
        .env("CARGO_TARGET_DIR", folder.join("build").display().to_string());
    if tried.len() < faults.len() {
        for fault in &tried {
            run = run.args(&["--re".into(), format!("^{}$", escaped(&fault.listed))]);
        }
    }
    // It also fails when a fault survives. Whether it has done its work, its lists say.
    let ended = run.args(&["--", "--tests"]).run();
    let list = |name| names(&folder.join("mutants.out").join(name), &faults);
    let (caught, endless) = (list("caught.txt")?, list("timeout.txt")?);
    let (survived, unviable) = (list("missed.txt")?, list("unviable.txt")?);
    let all = caught.len() + endless.len() + survived.len() + unviable.len();
    ensure!(all == tried.len(), "{all} of {} faults were tried: {ended:?}", tried.len());
    println!(
        "{} found by a test, {} by a time limit, {} by the compiler; {} survived",
        caught.len(),
        endless.len(),
        unviable.len(),
        survived.len()
    );
    let found: BTreeSet<_> = [caught, endless, unviable].into_iter().flatten().collect();
    verdict(&survived, &found, &kept)?;
    Ok(Outcome::Passed)
}

/// Runs the tests as they are, which must pass, and says how long they may take when there is a fault in the engine. cargo-mutants would do that with the
/// engine's own tests alone.
fn time_limit() -> Result<Duration> {
    let tests =
        ["test", "--package", "windlass", "--package", "windlass-tests", "--features", FEATURES, "--tests"];
    cargo(&tests).args(&["--no-run"]).run()?;
    let started = Instant::now();
    cargo(&tests)
        .args(&["--quiet"])
        .env("WINDLASS_PROGRAMS", PROGRAMS)
        .run()
        .context("the tests fail without a fault")?;
    Ok(started.elapsed() * 3 + Duration::from_secs(20))
}

/// cargo-mutants, on the engine.
fn mutants(tool: &str) -> Invocation {
    let left_out: Vec<_> = LEFT_OUT.iter().flat_map(|files| ["--exclude", files]).collect();
    program(
        tool,
        &["mutants", "--no-config", "--colors", "never", "--package", "windlass", "--exclude-re", SAME],
    )
    .args(&left_out)
}

/// The faults of a list like `core/src/id.rs:7:9: replace a with b`.
fn faults(listing: &str) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let mut counts = BTreeMap::<String, usize>::new();
    for listed in listing.lines() {
        let mut parts = listed.splitn(4, ':');
        let (Some(file), Some(_), Some(_), Some(change)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            bail!("`{listed}` is no fault");
        };
        let name = format!("{file}:{change}");
        *counts.entry(name.clone()).or_default() += 1;
        faults.push(Fault { listed: listed.into(), name });
    }
    let mut numbers = BTreeMap::<String, usize>::new();
    for fault in &mut faults {
        let of = counts[&fault.name];
        if of > 1 {
            let number = numbers.entry(fault.name.clone()).or_default();
            *number += 1;
            fault.name = format!("{} ({number} of {of})", fault.name);
        }
    }
    Ok(faults)
}

/// The names on the list of survivors. Every line that is no comment is a fault there is, ` # `, and a reason.
fn kept(text: &str, faults: &[Fault]) -> Result<BTreeSet<String>> {
    let known: BTreeSet<_> = faults.iter().map(|fault| fault.name.as_str()).collect();
    let mut kept = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, reason) =
            line.split_once(" # ").with_context(|| format!("{KEPT}: no reason in `{line}`"))?;
        ensure!(!reason.trim().is_empty(), "{KEPT}: no reason in `{line}`");
        ensure!(known.contains(name), "{KEPT}: there is no fault `{name}`");
        ensure!(kept.insert(name.to_string()), "{KEPT}: `{name}` is there twice");
    }
    Ok(kept)
}

fn chosen(faults: &[Fault], which: &str, seed: u64) -> Vec<Fault> {
    if which == "all" {
        return faults.to_vec();
    }
    let Ok(count) = which.parse::<usize>() else {
        return faults.iter().filter(|fault| fault.name.contains(which)).cloned().collect();
    };
    let mut left = faults.to_vec();
    let mut state = seed;
    (0..count.min(left.len())).map(|_| left.swap_remove(draw(&mut state) as usize % left.len())).collect()
}

/// SplitMix64.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut drawn = *state;
    drawn = (drawn ^ drawn >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    drawn = (drawn ^ drawn >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    drawn ^ drawn >> 31
}

/// As a regular expression that matches nothing else.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// The faults that one of cargo-mutants' lists names.
fn names(list: &Path, faults: &[Fault]) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(list).unwrap_or_default();
    let name = |listed: &str| {
        let fault = faults.iter().find(|fault| fault.listed == listed);
        fault.map(|fault| fault.name.clone()).with_context(|| format!("`{listed}` was not asked for"))
    };
    text.lines().map(name).collect()
}

fn verdict(survived: &BTreeSet<String>, found: &BTreeSet<String>, kept: &BTreeSet<String>) -> Result<()> {
    let mut wrong: Vec<_> = survived.difference(kept).map(|name| format!("no test finds `{name}`")).collect();
    wrong.extend(found.intersection(kept).map(|name| format!("`{name}` is found now: take it from {KEPT}")));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "core/src/a.rs:7:9: replace < with > in f\n\
        core/src/a.rs:9:9: replace < with > in f\n\
        core/src/b.rs:1:2: replace S::fmt -> fmt::Result with Ok(Default::default())\n";

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_fault_has_a_name_without_its_line() -> Result<()> {
        let names: Vec<_> = faults(LISTING)?.into_iter().map(|fault| fault.name).collect();
        let expected = [
            "core/src/a.rs: replace < with > in f (1 of 2)",
            "core/src/a.rs: replace < with > in f (2 of 2)",
            "core/src/b.rs: replace S::fmt -> fmt::Result with Ok(Default::default())",
        ];
        assert_eq!(names, expected);
        assert!(faults("core/src/a.rs: nothing").is_err());
        Ok(())
    }

    #[test]
    fn the_list_of_survivors_is_read_strictly() -> Result<()> {
        let faults = faults(LISTING)?;
        let entry = "core/src/a.rs: replace < with > in f (2 of 2) # the same";
        let name = "core/src/a.rs: replace < with > in f (2 of 2)";
        assert_eq!(kept(&format!("# why\n\n{entry}\n"), &faults)?, set(&[name]));
        for (text, complaint) in [
            (name.to_string(), "no reason"),
            (format!("{name} #  "), "no reason"),
            ("core/src/a.rs: replace < with > in f # the same".into(), "there is no fault"),
            (format!("{entry}\n{entry}"), "twice"),
        ] {
            let error = kept(&text, &faults).expect_err(&text).to_string();
            assert!(error.contains(complaint), "{error}");
        }
        Ok(())
    }

    #[test]
    fn a_survivor_that_is_not_kept_and_a_kept_one_that_is_found_are_named() {
        let kept = set(&["known"]);
        assert!(verdict(&set(&["known"]), &set(&["other"]), &kept).is_ok());
        let error = verdict(&set(&["new"]), &set(&["known"]), &kept).expect_err("both are wrong").to_string();
        assert!(error.contains("no test finds `new`") && error.contains("`known` is found now"), "{error}");
    }

    #[test]
    fn a_draw_depends_on_its_seed_alone_and_takes_nothing_twice() -> Result<()> {
        let listing: String = (0..100).map(|line| format!("core/src/a.rs:{line}:1: fault\n")).collect();
        let faults = faults(&listing)?;
        let lines = |which, seed| -> Vec<_> {
            chosen(&faults, which, seed).into_iter().map(|fault| fault.listed).collect()
        };
        assert_eq!(lines("10", 1), lines("10", 1));
        assert_ne!(lines("10", 1), lines("10", 2));
        assert_eq!(lines("100", 3).into_iter().collect::<BTreeSet<_>>().len(), 100);
        assert_eq!((lines("1000", 1).len(), lines("all", 1).len()), (100, 100));
        assert_eq!(lines("(7 of", 1), ["core/src/a.rs:6:1: fault"]);
        Ok(())
    }

    #[test]
    fn a_name_is_escaped_letter_by_letter() {
        assert_eq!(escaped("a.rs: f<'_> -> (A|B)"), r"a\.rs: f<'_> \-> \(A\|B\)");
    }
}

//! The golden traces on the host, where they are blessed, and the comparison itself.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_golden::{SCENARIOS, Scenario};

/// Scenarios run one at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn traced(scenario: &Scenario) -> String {
    let mut trace = String::new();
    scenario.run(&mut trace).unwrap();
    trace
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("traces")
}

fn scenario(name: &str) -> &'static Scenario {
    SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap()
}

/// With `WINDLASS_BLESS=1`, writes the files instead.
#[test]
fn every_scenario_makes_its_golden_trace() {
    let _turn = turn();
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        for scenario in SCENARIOS {
            let path = folder().join(scenario.name).with_extension("txt");
            std::fs::write(path, traced(scenario)).unwrap();
        }
        return;
    }
    let mut differences = String::new();
    for difference in SCENARIOS.iter().filter_map(|scenario| scenario.check().err()) {
        writeln!(differences, "{difference}").unwrap();
    }
    assert!(differences.is_empty(), "\n{differences}WINDLASS_BLESS=1 writes them anew");
}

#[test]
fn every_file_is_the_trace_of_a_scenario() {
    let names: BTreeSet<String> = SCENARIOS.iter().map(|scenario| format!("{}.txt", scenario.name)).collect();
    let files = std::fs::read_dir(folder()).unwrap();
    let files: BTreeSet<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!((names.len(), files), (SCENARIOS.len(), names));
}

#[test]
fn a_second_run_makes_the_same_trace() {
    let _turn = turn();
    for scenario in SCENARIOS {
        assert_eq!(traced(scenario), traced(scenario), "{}", scenario.name);
    }
}

/// Together the traces have every kind of event, every change of state that there is, and every cause of an abort.
#[test]
fn nothing_is_left_out() {
    let all: String = SCENARIOS.iter().map(|scenario| scenario.golden).collect();
    for event in [
        ": added",
        "added below",
        ": cranked",
        "attempt 2 in",
        ": failed: ",
        ": forced to end",
        ": timed out",
        ": gate opened",
        ": paused",
        ": resumed",
        ": freed",
        "table full",
        "next: now",
        "next: at",
        "next: on a wake",
        "next: done",
    ] {
        assert!(all.contains(event), "no trace has {event:?}");
    }
    use windlass::{AbortCause, State, Transition};
    for (from, to) in State::ALL.into_iter().flat_map(|from| State::ALL.map(|to| (from, to))) {
        // A node that goes on as it was has not changed, and makes no event.
        if let Some(moved) = Transition::between(from, to).ok().filter(|_| from != to) {
            assert!(all.contains(&format!(": {moved} (")), "no trace has {moved}");
        }
    }
    for cause in AbortCause::ALL {
        assert!(all.contains(&format!("abort: {cause}")), "no trace has an abort because of {cause:?}");
    }
    assert!(
        !all.contains("not refused") && !all.contains("the scenario ends here") && !all.contains("no end")
    );
}

/// The same scenario, of which another trace is expected.
fn with_golden(scenario: &Scenario, golden: String) -> Scenario {
    let mut other = *scenario;
    other.golden = Box::leak(golden.into_boxed_str());
    other
}

fn doctored(scenario: &Scenario, doctor: impl Fn(&mut Vec<&'static str>)) -> Scenario {
    let mut lines: Vec<&str> = scenario.golden.split_inclusive('\n').collect();
    doctor(&mut lines);
    with_golden(scenario, lines.concat())
}

#[test]
fn the_first_line_that_differs_is_reported() {
    let _turn = turn();
    let sequence = scenario("sequence");
    assert_eq!(sequence.check(), Ok(()));
    let lines = sequence.golden.lines().count();

    let other = doctored(sequence, |lines| lines[5] = "0.000000 another line\n").check().unwrap_err();
    assert_eq!(other.line, 6);
    assert_eq!(
        other.to_string(),
        "sequence, line 6\n  expected: 0.000000 another line\n  found:    0.000000 0v1 tea: pending -> running (its turn has come)"
    );
    let missing = doctored(sequence, |lines| lines.truncate(lines.len() - 1)).check().unwrap_err();
    assert_eq!((missing.line, missing.expected), (lines, None));
    let more = doctored(sequence, |lines| lines.push("more\n")).check().unwrap_err();
    assert_eq!((more.line, more.expected, &more.found), (lines + 1, Some("more"), &None));
    assert!(more.to_string().ends_with("found:    the end"));
    let empty = doctored(sequence, |lines| lines.truncate(0)).check().unwrap_err();
    assert_eq!((empty.line, empty.expected), (1, None));
}

/// What each scenario does, compared with what every other one should do: the first line in which the two part is found.
#[test]
fn a_trace_that_is_another_scenarios_is_told_where_they_part() {
    let _turn = turn();
    for scenario in SCENARIOS {
        for other in SCENARIOS.iter().filter(|other| other.name != scenario.name) {
            let same =
                scenario.golden.split('\n').zip(other.golden.split('\n')).take_while(|(one, two)| one == two);
            let line = same.count() + 1;
            let found = with_golden(scenario, other.golden.to_owned()).check().unwrap_err();
            assert_eq!(found.line, line, "{} for {}", scenario.name, other.name);
            assert_eq!(found.expected, other.golden.lines().nth(line - 1));
            let shown = found.found.as_ref().map_or("", |line| line.as_str());
            assert!(scenario.golden.lines().nth(line - 1).unwrap_or_default().starts_with(shown));
        }
    }
}

#[test]
fn an_error_of_the_writer_is_handed_on() {
    struct Small(usize);
    impl std::fmt::Write for Small {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(std::fmt::Error)?;
            Ok(())
        }
    }
    let _turn = turn();
    assert!(scenario("sequence").run(&mut Small(1_000)).is_err());
    assert!(scenario("sequence").run(&mut Small(100_000)).is_ok());
}

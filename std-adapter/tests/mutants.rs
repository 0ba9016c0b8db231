//! Every kind of violation is found in at least one deque or pool with a known fault, by a script that gives the same
//! report each time; and the same scripts give a clean report when nothing is wrong.
#![cfg(not(any(loom, shuttle)))]

mod faults;

use std::fmt::Write as _;

use faults::deque::{Flaw, Flawed, Sound};
use faults::race::{RACERS, Tool};
use faults::scripts::{
    KILLERS, Killer, needless_wakes, panics, shutdown_in_a_steal, shutdown_of_a_pool, slow_steal,
};
use faults::toy::{Fault, on_threads};
use windlass_std::audit::Kind;
use windlass_std::pool::Ring;

#[test]
fn each_fault_is_reported_as_its_kind_first_of_all() {
    for killer in KILLERS {
        let report = (killer.broken)();
        let first = report.violations().first().map(|violation| violation.kind);
        assert_eq!(first, Some(killer.kind), "a {} in which {}: {report}", killer.subject, killer.fault);
        assert_eq!((killer.broken)(), report, "a script gives the same report each time");
    }
}

#[test]
fn without_its_fault_each_script_breaks_no_promise() {
    for killer in KILLERS {
        for sound in killer.sound {
            let report = sound();
            assert!(report.is_clean(), "{:?}, \"{}\": {report}", killer.kind, killer.fault);
        }
    }
}

#[test]
fn every_kind_has_a_killer() {
    for kind in Kind::ALL {
        let killed = KILLERS.iter().any(|killer| {
            killer.kind == *kind
                && (killer.broken)().violations().first().map(|first| first.kind) == Some(*kind)
        });
        assert!(killed, "{kind:?} is found in no deque and no pool");
    }
}

#[test]
fn every_fault_of_the_pool_and_every_flaw_of_the_deque_is_found_somewhere() {
    for fault in Fault::ALL.iter().filter(|fault| **fault != Fault::None) {
        assert!(KILLERS.iter().any(|killer| killer.fault == fault.text()), "{fault:?} has no script");
    }
    for flaw in Flaw::ALL.iter().filter(|flaw| **flaw != Flaw::Sound) {
        assert!(RACERS.iter().any(|racer| racer.flaw == *flaw), "{flaw:?} has no race");
    }
}

/// The table of kinds, and that of races.
fn page() -> String {
    let mut page = String::from(
        "<!-- `cargo xtask mutants` writes this page; a test compares it. -->\n\n\
         Each kind of violation, and a fault in an otherwise sound deque or pool that is reported as this kind first of all. Scripts of \
         one thread (`std-adapter/tests/faults/scripts.rs`) show them, in `cargo test -p windlass-std --test mutants`; without the fault, the same scripts give a clean report.\n\n\
         | kind | where | what is wrong | script |\n| --- | --- | --- | --- |\n",
    );
    for killer in KILLERS {
        let Killer { kind, subject, fault, script, .. } = killer;
        let _ = writeln!(page, "| `{kind:?}` | {subject} | {fault} | `{script}` |");
    }
    page.push_str(
        "\nThe flaws of deques in threads that race, and what finds a broken promise there, with the audit as the only judge. In the same \
         races the shipped deque breaks none: `cargo xtask test --only shuttle`, and `cargo xtask test --deep --only loom` or `miri`.\n\n\
         | what is wrong with the deque | shuttle | loom | Miri |\n| --- | --- | --- | --- |\n",
    );
    for racer in RACERS {
        let found = [Tool::Shuttle, Tool::Loom, Tool::Miri].map(|tool| match racer.tools.contains(&tool) {
            true => "finds it",
            false => "",
        });
        let _ = writeln!(page, "| {} | {} | {} | {} |", racer.flaw.text(), found[0], found[1], found[2]);
    }
    page
}

/// With `WINDLASS_BLESS=1`, writes the page instead.
#[test]
fn the_page_says_what_is_found() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/work-stealing-mutants.md");
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        std::fs::write(path, page()).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert!(kept == page(), "docs/work-stealing-mutants.md is out of date: `cargo xtask mutants` writes it");
}

#[test]
fn a_slow_steal_is_counted_and_no_violation() {
    let report = slow_steal();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.totals.stolen, report.totals.slow_steals), (2, 1));
    assert_eq!(report.worst.map(|worst| worst.nanoseconds), Some(1_000_000));
}

#[test]
fn needless_wakes_are_no_violation() {
    let report = needless_wakes();
    assert!(report.is_clean(), "{report}");
    assert!(report.totals.waked > report.totals.started, "{report}");
}

#[test]
fn tasks_that_panic_are_no_violation() {
    let report = panics();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.totals.panicked, report.totals.retired), (3, 3));
}

#[test]
fn a_shutdown_is_no_violation() {
    for report in
        [shutdown_in_a_steal::<Ring<u64>>(), shutdown_in_a_steal::<Flawed<Sound>>(), shutdown_of_a_pool()]
    {
        assert!(report.is_clean(), "{report}");
        assert!(report.totals.released > 0, "{report}");
    }
}

#[test]
fn a_pool_of_threads_is_never_accused() {
    for _ in 0..200 {
        let report = on_threads::<Ring<u64>>(Fault::None, 100);
        assert!(report.is_clean(), "{report}");
    }
}

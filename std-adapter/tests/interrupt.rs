//! Ctrl-C, end to end: this test starts itself again as another process and sends signals to that very process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use common::{Do, bounded};
use windlass::{AbortStep, Boxed, DynWork, Outcome, Scheduler, Spec};
use windlass_std::Driver;

/// Which role the process plays; not set in the test run itself.
const ROLE: &str = "WINDLASS_INTERRUPT_ROLE";

fn say(line: &str) {
    // Past the harness, which would keep it to itself.
    let mut out = std::io::stdout();
    writeln!(out, "\nchild: {line}").unwrap();
    out.flush().unwrap();
}

/// The other process. Does nothing in an ordinary run.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(4);
    let answer = if role == "polite" { AbortStep::Done } else { AbortStep::Waiting };
    let work = Do::new(|_| {
        say("running");
        Outcome::Waiting
    })
    .on_abort(move |_| {
        say("aborting");
        answer
    });
    scheduler
        .add(Spec::work(if role == "polite" { "polite" } else { "stubborn" }, DynWork::new(work)))
        .unwrap();
    let drain = if role == "forced" { Duration::from_millis(1) } else { Duration::MAX };
    let mut driver = Driver::new(scheduler).on_interrupt(drain).unwrap();
    let report = driver.run_until_done();
    say(&report.to_string());
    std::process::exit(report.exit_code().into());
}

struct Run {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Run {
    fn start(role: &str) -> Self {
        bounded();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut run = Self { process, lines };
        assert_eq!(run.line(), "running");
        run
    }

    /// What it says next. Nothing if it has ended.
    fn line(&mut self) -> String {
        let lines = self.lines.by_ref().map(Result::unwrap);
        lines.filter_map(|line| line.strip_prefix("child: ").map(str::to_owned)).next().unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Only matters if an assertion has failed; the process is ours.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn one_press_aborts_cleans_up_and_ends_with_a_report() {
    for signal in ["-INT", "-TERM"] {
        let mut run = Run::start("polite");
        run.signal(signal);
        assert_eq!(run.line(), "aborting");
        assert_eq!(run.line(), "interrupted: 0 succeeded, 0 failed, 1 aborted");
        assert_eq!(run.exit_code(), Some(130));
    }
}

#[test]
fn a_second_press_ends_the_process_at_once() {
    let mut run = Run::start("stubborn");
    run.signal("-INT");
    assert_eq!(run.line(), "aborting");
    run.signal("-INT");
    assert_eq!(run.line(), "", "no report");
    assert_eq!(run.exit_code(), Some(130));
}

#[test]
fn what_does_not_finish_in_time_is_ended_by_force_and_named() {
    let mut run = Run::start("forced");
    run.signal("-INT");
    let mut report = run.line();
    if report == "aborting" {
        report = run.line();
    }
    assert_eq!(report, "interrupted: 0 succeeded, 0 failed, 1 aborted, by force: stubborn");
    assert_eq!(run.exit_code(), Some(130));
}

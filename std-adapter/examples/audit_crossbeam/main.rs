//! Audits somebody else's work-stealing pool: a soak of a pool around `crossbeam-deque`, and what the audit says of it.
//!
//! ```text
//! cargo run --release -p windlass-std --example audit_crossbeam
//! cargo run --release -p windlass-std --example audit_crossbeam -- --fault push-twice
//! ```
//!
//! The invariant: *the exit code is 0 only if no promise was broken*. This file reads the arguments and prints; how a
//! pool reports to an audit is in `pool.rs`.

#[path = "../common/number.rs"]
mod number;
mod pool;

use std::process::ExitCode;
use std::time::Instant;

use number::number;
use pool::{Fault, Outcome, Plan};
use windlass_std::audit::{Exact, Flight, Kind, Ledger, Mode, Off};

/// What runs the plan under a layer of the audit.
type Run = fn(&Plan) -> Outcome;

const AUDITS: [(&str, Run); 4] = [
    ("off", pool::run::<Off>),
    ("ledger", pool::run::<Ledger>),
    ("exact", pool::run::<Exact>),
    ("flight", pool::run::<Flight<16>>),
];

/// What the arguments ask for.
enum Request {
    Help,
    Soak { plan: Plan, audit: (&'static str, Run) },
}

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned())) {
        Ok(Request::Help) => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        Ok(Request::Soak { plan, audit }) => soak(&plan, audit),
        Err(why) => {
            eprintln!("error: {why}\n\n{}", help());
            ExitCode::from(2)
        }
    }
}

fn soak(plan: &Plan, (audit, run): (&str, Run)) -> ExitCode {
    if let Some(fault) = plan.fault {
        let (name, about) = fault.describe();
        println!("fault {name}: {about}");
        println!("  the exact audit should report: {}", names(fault.causes().iter().copied()));
    }
    let began = Instant::now();
    let Outcome { report, calls, expected, injected, slots } = run(plan);
    let seconds = began.elapsed().as_secs_f64();
    println!("{calls} activations of {expected} expected, {injected} tasks from outside, {slots} slots");
    let rate = calls as f64 / seconds / 1e6;
    println!(
        "{} workers, audit {audit}: {seconds:.2} s, {rate:.2} million activations per second",
        plan.workers
    );
    print!("{report}");
    let found: Vec<Kind> = report.found().map(|(kind, _)| kind).collect();
    match plan.fault {
        Some(fault) if found == fault.causes() => println!("the violations are those of the fault"),
        Some(_) if found.is_empty() => println!("the fault was not noticed: this layer does not see it"),
        Some(_) => println!("the violations are not those that the exact audit should report"),
        None => {}
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn names(kinds: impl Iterator<Item = Kind>) -> String {
    kinds.map(|kind| format!("\"{kind}\"")).collect::<Vec<_>>().join(", ")
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut plan = Plan { workers: 2, activations: 20_000_000, mode: Mode::Observe, fault: None };
    let mut audit = AUDITS[2];
    while let Some(option) = arguments.next() {
        if option == "--help" || option == "-h" {
            return Ok(Request::Help);
        }
        let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--activations" => plan.activations = number(&option, &value()?, 1..=1_000_000_000_000)?,
            "--workers" => plan.workers = number(&option, &value()?, 2..=256)?,
            "--fault" => {
                let name = value()?;
                let fault = Fault::ALL.into_iter().find(|fault| fault.describe().0 == name);
                plan.fault = Some(fault.ok_or_else(|| format!("there is no fault \"{name}\""))?);
            }
            "--audit" => {
                let name = value()?;
                let found = AUDITS.into_iter().find(|(known, _)| *known == name);
                audit = found.ok_or_else(|| format!("there is no audit \"{name}\""))?;
            }
            _ => return Err(format!("unknown argument \"{option}\"")),
        }
    }
    Ok(Request::Soak { plan, audit })
}

fn help() -> String {
    let mut text = String::from(
        "Runs a work-stealing pool around crossbeam-deque under an audit, and reports which promises it broke.

Usage: audit_crossbeam [OPTION]...

  --activations N  about how many activations, 1 to 1000000000000 [default: 20000000]
  --workers N      threads that run and steal, 2 to 256 [default: 2]
  --audit NAME     off, ledger, exact or flight, which shows the last events as well [default: exact]
  --fault NAME     lets the pool make one mistake, which the audit should find:
",
    );
    for (name, about) in Fault::ALL.map(Fault::describe) {
        text += &format!("                     {name:<14} {about}\n");
    }
    text + "  --help           this text

Exit code: 0 if the audit is clean, 1 if it found violations (with --fault, that is expected), 2 for wrong arguments.
"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read() {
        let Ok(Request::Soak { plan, audit }) =
            parsed("--workers 3 --activations 7 --fault drop-held --audit ledger")
        else {
            panic!("this is right");
        };
        assert_eq!((plan.workers, plan.activations, audit.0), (3, 7, "ledger"));
        assert!(plan.fault == Some(Fault::DropHeld));
        assert!(matches!(parsed("--workers 3 --help"), Ok(Request::Help)));
    }

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        for (line, why) in [
            ("soak", "unknown argument \"soak\""),
            ("--workers", "--workers needs a value"),
            ("--workers 1", "--workers needs a whole number from 2 to 256, not \"1\""),
            ("--activations many", "not \"many\""),
            ("--fault none", "there is no fault \"none\""),
            ("--audit none", "there is no audit \"none\""),
        ] {
            let said = parsed(line).err().expect("this is wrong");
            assert!(said.contains(why), "{line}: {said}");
        }
    }

    #[test]
    fn the_help_names_every_fault() {
        for fault in Fault::ALL {
            assert!(help().contains(fault.describe().0));
        }
    }
}

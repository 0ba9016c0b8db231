//! Soaks our own stealing pool under the audit: progress, throughput, and what the audit says in the end.
//!
//! ```text
//! cargo run --release -p windlass-std --example soak
//! cargo run --release -p windlass-std --example soak -- --fault steal-drops
//! ```
//!
//! With a fault, the pool is the shipped one, and its deques are not: they come from the tests, which have one for each
//! fault. The invariant: *the exit code is 0 only if no promise was broken and all tasks have ended*.

#[allow(dead_code)]
#[path = "../../tests/faults/deque.rs"]
mod deque;
mod load;
#[path = "../common/number.rs"]
mod number;

/// What the deques with faults are made of.
mod sync {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
}

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use deque::{Flaw, Flawed};
use load::{Load, SLOTS, Shared, WORKERS};
use number::number;
use windlass_std::audit::{Audit, Exact, Flight, Ledger, Moment, Off, Settings};
use windlass_std::pool::{Crew, Deque, Options, Ring};

/// What runs the plan with some deque under some layer of the audit.
type Run = fn(&Plan) -> std::io::Result<ExitCode>;

const AUDITS: [(&str, Run); 4] = [
    ("off", soak::<Off, Ring<()>>),
    ("ledger", soak::<Ledger, Ring<u64>>),
    ("exact", soak::<Exact, Ring<u64>>),
    ("flight", soak::<Flight<16>, Ring<u64>>),
];

/// The faults that threads bring to light in a moment. Races are not among them: model checkers find those, in
/// `cargo xtask test`.
const FAULTS: [(&str, Flaw, Run); 6] = [
    ("steal-drops", Flaw::StealDrops, with::<deque::StealDrops>),
    ("steal-newest", Flaw::StealTakesNewest, with::<deque::StealTakesNewest>),
    ("steal-second", Flaw::StealSkipsOldest, with::<deque::StealSkipsOldest>),
    ("pop-oldest", Flaw::PopTakesOldest, with::<deque::PopTakesOldest>),
    ("pop-overlooks", Flaw::PopOverlooksLast, with::<deque::PopOverlooksLast>),
    ("push-overwrites", Flaw::OverwritesWhenFull, with::<deque::OverwritesWhenFull>),
];

struct Plan {
    workers: usize,
    activations: u64,
    flaw: Option<Flaw>,
}

enum Request {
    Help,
    Soak(Plan, Run),
}

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned())) {
        Ok(Request::Help) => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        Ok(Request::Soak(plan, run)) => run(&plan).unwrap_or_else(|error| {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }),
        Err(why) => {
            eprintln!("error: {why}\n\n{}", help());
            ExitCode::from(2)
        }
    }
}

fn with<F: deque::Has>(plan: &Plan) -> std::io::Result<ExitCode> {
    soak::<Flight<16>, Flawed<F>>(plan)
}

fn soak<A: Audit, D: Deque<A::Tag>>(plan: &Plan) -> std::io::Result<ExitCode> {
    if let Some(flaw) = plan.flaw {
        println!("a pool in which {}", flaw.text());
    }
    let began = Instant::now();
    let load = Load::new(plan.workers, plan.activations, std::thread::current());
    // Small deques, so that they overflow now and then.
    let options = Options {
        local: 4,
        batch: 8,
        slots: SLOTS as usize,
        audit: Settings { keep: 8, ..Settings::default() },
        ..Options::new(plan.workers)
    };
    let crew: Crew<A, D> = Crew::start(&options, Shared(load.clone()))?;
    load.begin(&crew);
    watch(plan, &load, &crew, began);
    let seconds = began.elapsed().as_secs_f64();
    let ended = load.is_over();
    let all_returned = crew.shutdown(Duration::from_secs(10)).unreturned.is_empty();
    println!("{} ({:.1} s, {} sleeps)", rate(load.ran(), seconds), seconds, crew.parks());
    // A pool that still runs is not quiet: what is under way is no violation.
    let report = crew.report(if all_returned { Moment::Quiescent } else { Moment::Live });
    print!("{report}");
    if !ended && plan.flaw.is_none() {
        println!("tasks are left that nobody runs");
    }
    Ok(if report.is_clean() && ended { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows the progress until all tasks have ended; with a fault, until it was found, or nothing moves any more.
fn watch<A: Audit, D: Deque<A::Tag>>(plan: &Plan, load: &Load, crew: &Crew<A, D>, began: Instant) {
    let line = std::io::stderr().is_terminal();
    let (mut shown, mut before, mut still) = (began, 0, 0);
    while !load.is_over() {
        std::thread::park_timeout(Duration::from_millis(100));
        let ran = load.ran();
        if plan.flaw.is_some() && !crew.report(Moment::Live).is_clean() {
            return;
        }
        still = if ran == before { still + 1 } else { 0 };
        before = ran;
        if still >= 100 {
            return;
        }
        let every = Duration::from_secs(if line { 1 } else { 30 });
        if shown.elapsed() >= every {
            shown = Instant::now();
            let percent = ran as f64 * 100.0 / plan.activations as f64;
            let text = format!("{percent:5.1} %: {}", rate(ran, began.elapsed().as_secs_f64()));
            // Nobody sees it, and nothing is lost.
            let _ = write!(std::io::stderr(), "{}", if line { format!("\r{text} ") } else { text + "\n" });
        }
    }
    if line {
        eprintln!();
    }
}

fn rate(ran: u64, seconds: f64) -> String {
    format!("{ran} activations, {:.1} million a second", ran as f64 / seconds / 1e6)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut plan = Plan { workers: 2, activations: 100_000_000, flaw: None };
    let mut run = AUDITS[2].1;
    let (mut audit, mut fault) = (None, None);
    while let Some(option) = arguments.next() {
        if option == "--help" || option == "-h" {
            return Ok(Request::Help);
        }
        let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--activations" => plan.activations = number(&option, &value()?, 1..=1_000_000_000_000)?,
            "--workers" => plan.workers = number(&option, &value()?, 1..=WORKERS)?,
            "--audit" => audit = Some(value()?),
            "--fault" => fault = Some(value()?),
            _ => return Err(format!("unknown argument \"{option}\"")),
        }
    }
    match (audit, fault) {
        (Some(_), Some(_)) => return Err("a fault has an audit of its own: flight".to_owned()),
        (Some(name), None) => {
            let found = AUDITS.into_iter().find(|(known, _)| *known == name);
            run = found.ok_or_else(|| format!("there is no audit \"{name}\""))?.1;
        }
        (None, Some(name)) => {
            let found = FAULTS.into_iter().find(|(known, ..)| *known == name);
            let (_, flaw, soak) = found.ok_or_else(|| format!("there is no fault \"{name}\""))?;
            (plan.flaw, run) = (Some(flaw), soak);
        }
        (None, None) => {}
    }
    Ok(Request::Soak(plan, run))
}

fn help() -> String {
    let mut text = format!(
        "Runs the stealing pool under an audit, and reports which promises it broke.

Usage: soak [OPTION]...

  --activations N  about how many activations, 1 to 1000000000000 [default: 100000000]
  --workers N      threads, 1 to {WORKERS} [default: 2]
  --audit NAME     off, ledger, exact or flight, which shows the last events as well [default: exact]
  --fault NAME     gives the pool deques with a fault, which the audit should find (two workers at least):
"
    );
    for (name, flaw, _) in FAULTS {
        text += &format!("                     {name:<16} {}\n", flaw.text());
    }
    text + "  --help           this text

Exit code: 0 if the audit is clean and all tasks have ended, 1 if not (with --fault, that is expected), 2 for wrong
arguments.
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
        let Ok(Request::Soak(plan, _)) = parsed("--workers 3 --activations 7 --fault steal-drops") else {
            panic!("this is right");
        };
        assert_eq!((plan.workers, plan.activations, plan.flaw), (3, 7, Some(Flaw::StealDrops)));
        assert!(matches!(parsed("--workers 3 --help"), Ok(Request::Help)));
    }

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        for (line, why) in [
            ("soak", "unknown argument \"soak\""),
            ("--workers", "--workers needs a value"),
            ("--workers 0", "--workers needs a whole number from 1 to 8, not \"0\""),
            ("--activations many", "not \"many\""),
            ("--fault none", "there is no fault \"none\""),
            ("--audit none", "there is no audit \"none\""),
            ("--audit exact --fault steal-drops", "a fault has an audit of its own"),
        ] {
            let said = parsed(line).err().expect("this is wrong");
            assert!(said.contains(why), "{line}: {said}");
        }
    }

    #[test]
    fn the_sound_pool_is_clean_under_every_layer() {
        for (name, run) in AUDITS {
            let plan = Plan { workers: 2, activations: 100_000, flaw: None };
            assert_eq!(run(&plan).expect("threads"), ExitCode::SUCCESS, "{name}");
        }
    }
}

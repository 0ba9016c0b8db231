//! The program `catchup`: reads the command line, does what it says, and turns errors into one line and an exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrongly asked for, 124 the deadline passed, 130 interrupted.

use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;

use anyhow::Context as _;
use clap::Parser as _;
use windlass_catchup::cli::{Cli, Command, GenerateArgs, ServeArgs};
use windlass_catchup::progress::{Form, Screen};
use windlass_catchup::run::{self, Ending};
use windlass_catchup::server::Server;
use windlass_catchup::{demo, generate};
use windlass_catchup_job::generate::Plan;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        None => demo::run().map(|ending| end(&ending)),
        Some(Command::Run(args)) => match args.options() {
            Ok(options) => {
                let screen = Screen::stdout(Form::decide(options.progress));
                run::run(&options, screen).map(|ending| end(&ending))
            }
            Err(invalid) => return refuse(&invalid),
        },
        Some(Command::Generate(args)) => match args.plan() {
            Ok(plan) => write_archive(&args, plan).map(|()| ExitCode::SUCCESS),
            Err(invalid) => return refuse(&invalid),
        },
        Some(Command::Serve(args)) => serve(&args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn refuse(invalid: &impl Display) -> ExitCode {
    eprintln!("error: {invalid}");
    ExitCode::from(2)
}

fn end(ending: &Ending) -> ExitCode {
    if let Some(error) = ending.how.error() {
        eprintln!("error: {error}");
    }
    ExitCode::from(ending.how.exit_code())
}

/// Prints a line; a reader that has gone away is no reason to stop.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn write_archive(args: &GenerateArgs, plan: Plan) -> anyhow::Result<()> {
    let made = generate::write(&args.out, plan)?;
    say(format_args!(
        "{}: {} checkpoints, {} transactions, {} bytes; ledger {} is {}",
        args.out.display(),
        args.checkpoints,
        made.transactions,
        made.bytes,
        made.ledger,
        made.hash
    ));
    Ok(())
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let (interrupted, interrupt) = mpsc::channel();
    ctrlc::set_handler(move || {
        // A second Ctrl-C may find that the first one is being seen to.
        let _ = interrupted.send(());
    })
    .context("could not listen for Ctrl-C")?;
    let server = Server::start(&args.archive, args.port, args.faults.clone(), args.seed)
        .with_context(|| format!("could not serve {} on port {}", args.archive.display(), args.port))?;
    say(format_args!("serving {} at {} until Ctrl-C", args.archive.display(), server.url()));
    interrupt.recv().context("the handler of Ctrl-C is gone")?;
    let counts = server.stop();
    say(format_args!(
        "{} requests: {} plain, {} slow, {} answered 503, {} cut off, {} missing",
        counts.requests, counts.plain, counts.slow, counts.unavailable, counts.cut, counts.missing
    ));
    Ok(())
}

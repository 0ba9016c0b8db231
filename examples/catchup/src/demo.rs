//! The demonstration: a small archive, a bad line to it, and a run that gets there all the same.
//!
//! Invariant: it needs nothing but loopback and a temporary directory, and leaves nothing.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use windlass_catchup_job::generate::Plan;
use windlass_catchup_job::layout::Frequency;

use crate::cli::{Progress, RunOptions};
use crate::generate;
use crate::progress::{Form, Screen};
use crate::run::{self, Ending};
use crate::server::Server;
use crate::source::{FetchLimits, Source};

const CHECKPOINTS: u32 = 24;
const TRANSACTIONS: u32 = 3;
const FAULTS: &str = "503=0.15,cut=0.15,slow=0.4";
const SEED: u64 = 7;

/// Prints a line; a reader that has gone away is no reason to stop.
macro_rules! say {
    ($($words:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Makes an archive, serves it with faults, and catches up from there.
pub fn run() -> anyhow::Result<Ending> {
    let place = tempfile::Builder::new().prefix("catchup-demo-").tempdir()?;
    let archive = place.path().join("archive");
    let made = generate::write(&archive, Plan::new(CHECKPOINTS, Frequency::PUBLIC, TRANSACTIONS, SEED)?)?;
    say!("made an archive of {CHECKPOINTS} checkpoints, {} transactions", made.transactions);
    let server = Server::start(&archive, 0, FAULTS.parse()?, SEED).context("could not serve the archive")?;
    say!("serving it at {} with faults {FAULTS}", server.url());
    say!("catching up from there to ledger {}, hash {}", made.ledger, made.hash);
    let options = RunOptions {
        source: Source::open(&server.url(), FetchLimits::default())?,
        frequency: Frequency::PUBLIC,
        from: None,
        to: None,
        trusted: Some(made.hash),
        concurrency: 4,
        retries: 10,
        retry_base: Duration::from_millis(250),
        work_dir: None,
        deadline: None,
        progress: Progress::Auto,
        seed: SEED,
    };
    let ending = run::run(&options, Screen::stdout(Form::decide(options.progress)))?;
    let served = server.stop();
    say!(
        "the server answered {} requests: {} with 503, {} cut off, {} slowly",
        served.requests,
        served.unavailable,
        served.cut,
        served.slow
    );
    place.close().context("could not remove the archive")?;
    Ok(ending)
}

//! One run, from checked options to its ending: threads, work directory, driver, progress.
//!
//! Invariant: however it ends, there is one [`Ending`], no temporary file, and nothing in the work directory that was not verified. Exit codes:
//! 0 arrived, 1 failed, 124 the deadline passed, 130 interrupted.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use stellar_xdr::Hash;
use windlass::{Boxed, Failure, Jitter, NodeId, Reason, Retry, Scheduler, State};
use windlass_catchup_job::layout::ArchiveFile;
use windlass_catchup_job::{self as job, Ask, Catchup, Counts, DRAIN, Step};
use windlass_std::{Driver, End};

use crate::cli::RunOptions;
use crate::machine::{Errand, Machine};
use crate::progress::Screen;
use crate::workdir::WorkDir;

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How a run ended, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub how: How,
    /// The ledger applied first; later than asked for where the archive begins late.
    pub first: Option<u32>,
    /// The ledger applied last, and its hash.
    pub last: Option<(u32, Hash)>,
    /// Ledgers applied.
    pub ledgers: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Fees charged for them, in stroops.
    pub fee_charged: i64,
    /// What was done on the way.
    pub counts: Counts,
    /// The most table slots that were in use.
    pub high_water: usize,
    /// How long it took.
    pub took: Duration,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Everything was verified and applied.
    Arrived,
    /// It failed, for this reason.
    Failed {
        /// The file that was wrong, where one was.
        file: Option<ArchiveFile>,
        /// What was wrong, on one line.
        error: String,
    },
    /// The deadline passed.
    Late,
    /// It was interrupted.
    Interrupted,
}

impl How {
    /// What the program exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            How::Arrived => 0,
            How::Failed { .. } => 1,
            How::Late => 124,
            How::Interrupted => 130,
        }
    }

    /// The word for it in the last line of JSON.
    pub fn status(&self) -> &'static str {
        match self {
            How::Arrived => "success",
            How::Failed { .. } => "failed",
            How::Late => "deadline",
            How::Interrupted => "interrupted",
        }
    }

    /// What went wrong; `None` if nothing did.
    pub fn error(&self) -> Option<String> {
        match self {
            How::Arrived => None,
            How::Failed { error, .. } => Some(error.clone()),
            How::Late => Some("the deadline passed before the end was reached".into()),
            How::Interrupted => Some("interrupted before the end was reached".into()),
        }
    }
}

/// Catches up, and shows how that goes. An error is one of this machine, before anything began or after everything ended.
pub fn run(options: &RunOptions, screen: Screen) -> anyhow::Result<Ending> {
    match &options.work_dir {
        Some(root) => run_in(root, options, screen),
        None => {
            let place = tempfile::Builder::new()
                .prefix("catchup-")
                .tempdir()
                .context("could not create a temporary work directory")?;
            let ending = run_in(place.path(), options, screen)?;
            place.close().context("could not remove the temporary work directory")?;
            Ok(ending)
        }
    }
}

/// The policy for a file: full jitter over a doubling delay, so that many that failed together do not come back together.
pub fn retry(retries: u8, base: Duration) -> Retry {
    Retry::times(retries.into()).exponential(base, 2, base * 32).jitter(Jitter::Full)
}

fn run_in(root: &Path, options: &RunOptions, screen: Screen) -> anyhow::Result<Ending> {
    let work = WorkDir::open(root)?;
    let machine = Machine::new(options.source.clone(), work, options.concurrency)
        .context("could not start the threads")?;
    let ask = Ask {
        frequency: options.frequency,
        from: options.from,
        to: options.to,
        trusted: options.trusted.clone(),
        concurrency: options.concurrency,
        retry: retry(options.retries, options.retry_base),
        deadline: options.deadline.unwrap_or(Duration::MAX),
    };
    let mut app = Catchup::new(ask.clone(), machine);
    let store: Boxed<Step<Errand>> = Boxed::with_capacity(job::capacity(options.concurrency));
    let screen = screen.reading(app.journal().clone());
    let mut scheduler = Scheduler::with_store(store).observed_by(screen);
    scheduler.set_seed(options.seed);
    let root = job::plant(&mut scheduler, &ask)?;

    let mut driver = Driver::new(scheduler).on_interrupt(DRAIN)?;
    loop {
        let until = driver.now() + TICK;
        let next = driver.run_until_with(until, &mut app);
        let drawn = driver.scheduler().observer().draw(driver.scheduler().view(), &app);
        driver.scheduler_mut().observer_mut().show(&drawn);
        if next == windlass::Next::Done {
            break;
        }
    }

    let ending = ending(&driver, root, &app);
    let in_a_hurry = ending.how != How::Arrived && driver.scheduler().metrics().forced > 0;
    driver.scheduler_mut().observer_mut().finish(&ending);
    drop(driver);
    app.into_outside().close(in_a_hurry)?;
    Ok(ending)
}

fn ending(driver: &Driver<Boxed<Step<Errand>>, Screen>, root: NodeId, app: &Catchup<Machine>) -> Ending {
    let scheduler = driver.scheduler();
    let failure = scheduler.node(root).ok().and_then(|root| root.failure());
    let how = match scheduler.state(root) {
        Ok(State::Success) => How::Arrived,
        _ if driver.report().end == End::Interrupted => How::Interrupted,
        _ => failed(failure, root, app),
    };
    let ledgers = app.ledgers();
    Ending {
        how,
        first: ledgers.first(),
        last: ledgers.last().map(|(ledger, hash)| (ledger, hash.clone())),
        ledgers: ledgers.ledgers,
        transactions: ledgers.transactions,
        fee_charged: ledgers.fees_charged,
        counts: app.counts(),
        high_water: scheduler.metrics().high_water,
        took: Duration::from_micros(driver.now().as_micros()),
    }
}

fn failed(failure: Option<Failure>, root: NodeId, app: &Catchup<Machine>) -> How {
    let Some(failure) = failure else {
        return How::Failed { file: None, error: "the job ended without a reason".into() };
    };
    if failure.reason == Reason::TIMEOUT && failure.origin == root {
        return How::Late;
    }
    let journal = app.journal().borrow();
    let file = journal.error(failure.reason).map(|error| error.file);
    How::Failed { file, error: journal.explain(failure.reason) }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, &self.last) {
            (Some(first), Some((last, hash))) => {
                let how = if self.how == How::Arrived { "caught up with" } else { "stopped after" };
                writeln!(f, "{how} ledgers {first} to {last}, hash {hash}")?;
            }
            _ => writeln!(f, "no ledger was applied")?,
        }
        let Counts { downloads, kept, retries, .. } = self.counts;
        write!(f, "{} ledgers, {} transactions, ", self.ledgers, self.transactions)?;
        write!(f, "{} stroops of fees; {downloads} downloads, ", self.fee_charged)?;
        if kept > 0 {
            write!(f, "{kept} files kept from before, ")?;
        }
        write!(f, "{retries} retries; {:.1} s", self.took.as_secs_f64())
    }
}

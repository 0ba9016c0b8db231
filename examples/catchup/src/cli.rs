//! The command line: what may be typed, and what becomes of it.
//!
//! Invariant: options that come out of here are valid by themselves; what only the archive can tell (does it reach that far?) is found out
//! later. What is wrong is an [`Invalid`], for which the program ends with exit code 2, as it does for what clap refuses.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stellar_xdr::Hash;
use windlass_catchup_job::error::Invalid;
use windlass_catchup_job::generate::Plan;
use windlass_catchup_job::layout::Frequency;

use crate::faults::Faults;
use crate::source::{FetchLimits, Source};

/// Catches up with a ledger's history archive.
///
/// Without a command: makes a small archive, serves it on loopback with faults, and catches up from there.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 124 deadline passed, 130 interrupted."
)]
pub struct Cli {
    /// What to do; the demo if not given.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The forms of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Catch up with an archive
    Run(RunArgs),
    /// Make an archive of synthetic ledgers
    Generate(GenerateArgs),
    /// Serve an archive on loopback, spoiling some requests, until Ctrl-C
    Serve(ServeArgs),
}

/// What `run` takes.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Where the archive is: a directory, or http://host:port/prefix
    #[arg(long, value_name = "DIR|URL")]
    pub archive: String,
    /// Ledgers in one checkpoint
    #[arg(long, default_value = "64", value_name = "LEDGERS")]
    pub checkpoint_frequency: Frequency,
    /// First ledger to catch up with [default: the first there is]
    #[arg(long, value_name = "LEDGER", value_parser = clap::value_parser!(u32).range(1..))]
    pub from: Option<u32>,
    /// Last ledger to catch up with [default: the last there is]
    #[arg(long, value_name = "LEDGER", value_parser = clap::value_parser!(u32).range(1..))]
    pub to: Option<u32>,
    /// Hash that the last ledger must have, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    pub trusted_hash: Option<Hash>,
    /// Downloads in flight at a time
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: u16,
    /// How often a failed download is tried again
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub retries: u8,
    /// Milliseconds before the first retry; each further one may take twice as long, up to 32 times
    #[arg(long, default_value_t = 500, value_name = "MS", value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub retry_base: u32,
    /// Longest that a server may stay silent, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    pub timeout: u16,
    /// Where to keep downloaded files [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub deadline: Option<u32>,
    /// How to show progress
    #[arg(long, default_value = "auto", value_name = "FORM")]
    pub progress: Progress,
    /// Seed of everything random
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A tree on a terminal, plain lines elsewhere
    Auto,
    /// The tree of works, redrawn in place
    Tree,
    /// One line an event
    Plain,
    /// One JSON object an event
    Json,
    /// Nothing
    None,
}

/// What `run` needs, checked.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the archive is.
    pub source: Source,
    /// Ledgers in one checkpoint.
    pub frequency: Frequency,
    /// First ledger wanted.
    pub from: Option<u32>,
    /// Last ledger wanted; not before `from`.
    pub to: Option<u32>,
    /// Hash of the last ledger.
    pub trusted: Option<Hash>,
    /// Downloads in flight at a time; 1 or more.
    pub concurrency: u16,
    /// How often a failed download is tried again.
    pub retries: u8,
    /// The longest delay before the first retry.
    pub retry_base: Duration,
    /// Where to keep downloaded files; a temporary directory if not given.
    pub work_dir: Option<PathBuf>,
    /// When to give up; not zero.
    pub deadline: Option<Duration>,
    /// How to show progress.
    pub progress: Progress,
    /// Seed of everything random.
    pub seed: u64,
}

/// What `generate` takes.
#[derive(Clone, Debug, Args)]
pub struct GenerateArgs {
    /// Directory to write to, empty or new
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Checkpoints to make
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoints: u32,
    /// Ledgers in one checkpoint
    #[arg(long, default_value = "64", value_name = "LEDGERS")]
    pub checkpoint_frequency: Frequency,
    /// Transactions in a ledger; one ledger in eight or so is left empty
    #[arg(long, default_value_t = 3, value_name = "M")]
    pub transactions_per_ledger: u32,
    /// Seed of everything random
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

/// What `serve` takes.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Directory of the archive
    #[arg(long, value_name = "DIR")]
    pub archive: PathBuf,
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Requests to spoil, such as 503=0.05,cut=0.05,slow=0.02,missing=PATH
    #[arg(long, default_value = "", value_name = "LIST")]
    pub faults: Faults,
    /// Seed of the faults
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

impl RunArgs {
    /// Checks what concerns several options, and opens the source.
    pub fn options(self) -> Result<RunOptions, Invalid> {
        if let (Some(from), Some(to)) = (self.from, self.to) {
            if from > to {
                let found = format!("{from} to {to}");
                return Err(Invalid::new("ledger range", found, "--from that is not after --to"));
            }
        }
        let silence = Duration::from_secs(self.timeout.into());
        let limits = FetchLimits { silence, ..FetchLimits::default() };
        Ok(RunOptions {
            source: Source::open(&self.archive, limits)?,
            frequency: self.checkpoint_frequency,
            from: self.from,
            to: self.to,
            trusted: self.trusted_hash,
            concurrency: self.concurrency,
            retries: self.retries,
            retry_base: Duration::from_millis(self.retry_base.into()),
            work_dir: self.work_dir,
            deadline: self.deadline.map(|seconds| Duration::from_secs(seconds.into())),
            progress: self.progress,
            seed: self.seed,
        })
    }
}

impl GenerateArgs {
    /// What to generate.
    pub fn plan(&self) -> Result<Plan, Invalid> {
        Plan::new(self.checkpoints, self.checkpoint_frequency, self.transactions_per_ledger, self.seed)
    }
}

fn parse_hash(text: &str) -> Result<Hash, Invalid> {
    text.parse().map_err(|_| Invalid::new("hash", text, "64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Debug, Parser)]
    struct Run {
        #[command(flatten)]
        args: RunArgs,
    }

    fn run(line: &str) -> Result<RunOptions, String> {
        let args = Run::try_parse_from(line.split(' ')).map_err(|e| e.to_string())?.args;
        args.options().map_err(|e| e.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
        Run::command().debug_assert();
    }

    #[test]
    fn run_has_the_stated_defaults() {
        let options = run("run --archive http://127.0.0.1:1").unwrap();
        assert_eq!(options.frequency, Frequency::PUBLIC);
        assert_eq!((options.from, options.to, options.trusted), (None, None, None));
        assert_eq!((options.concurrency, options.retries, options.seed), (16, 5, 1));
        assert_eq!((options.work_dir, options.deadline), (None, None));
        assert_eq!(options.progress, Progress::Auto);
        assert_eq!(options.retry_base, Duration::from_millis(500));
    }

    #[test]
    fn run_takes_what_is_given() {
        let hash = "5a".repeat(32);
        let options = run(&format!(
            "run --archive http://host/prefix --checkpoint-frequency 8 --from 5 --to 5 --trusted-hash {hash} \
             --concurrency 1 --retries 0 --retry-base 0 --timeout 1 --work-dir w --deadline 3 --progress json --seed 9"
        ))
        .unwrap();
        assert_eq!((options.from, options.to, options.trusted), (Some(5), Some(5), Some(Hash([0x5a; 32]))));
        assert_eq!((options.concurrency, options.retries, options.seed), (1, 0, 9));
        assert_eq!((options.deadline, options.retry_base), (Some(Duration::from_secs(3)), Duration::ZERO));
        assert_eq!(options.progress, Progress::Json);
    }

    #[test]
    fn run_refuses_what_cannot_be() {
        for (arguments, about) in [
            ("", "--archive"),
            (" --archive https://host", "https"),
            (" --archive http://", "http://host"),
            (" --archive http://host/?q=1", "http://host"),
            (" --archive /no/such/directory", "directory that exists"),
            (" --archive http://h --from 6 --to 5", "6 to 5"),
            (" --archive http://h --from 0", "0 is not in 1.."),
            (" --archive http://h --to 4294967296", "4294967296"),
            (" --archive http://h --trusted-hash 00", "64 hexadecimal digits"),
            (" --archive http://h --concurrency 0", "1..=1024"),
            (" --archive http://h --checkpoint-frequency 0", "1 to 4096"),
            (" --archive http://h --deadline 0", "0 is not in 1.."),
            (" --archive http://h --timeout 0", "0 is not in 1.."),
            (" --archive http://h --retry-base 60001", "60001 is not in 0..=60000"),
            (" --archive http://h --progress loud", "auto"),
        ] {
            let error = run(&format!("run{arguments}")).unwrap_err();
            assert!(error.contains(about), "{arguments}: {error}");
        }
    }
}

//! What the tests share: a generated archive that can be spoiled, and the oracle, which catches up in a straight line.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::io::{self, BufRead, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use stellar_xdr::{Hash, Limits, ReadXdr, WriteXdr};
use tempfile::TempDir;
use windlass_catchup::cli::{Progress, RunOptions};
use windlass_catchup::generate::{self, Summary};
use windlass_catchup::progress::{Form, Screen};
use windlass_catchup::run::{self, Ending, How};
use windlass_catchup::source::{FetchLimits, Source};
use windlass_catchup::workdir::WorkDir;
use windlass_catchup_job::apply::{Closed, LedgerState};
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::generate::Plan;
use windlass_catchup_job::layout::{ArchiveFile, ArchiveState, Checkpoint, Frequency};
use windlass_catchup_job::records::{Headers, Record, Records, Results, Transactions};
use windlass_catchup_job::verify::{self, Chain, Link};

/// What to catch up with.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) frequency: Frequency,
    pub(crate) from: Option<u32>,
    pub(crate) to: Option<u32>,
    pub(crate) trusted: Option<Hash>,
    pub(crate) retries: u32,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caught {
    pub(crate) state: LedgerState,
    /// Files fetched, the archive state included.
    pub(crate) fetched: u32,
    /// Fetches that had to be tried again.
    pub(crate) retried: u32,
}

/// Catches up step by step, one thing after the other: what any cleverer way must agree with.
pub(crate) fn catch_up_plain(source: &Source, work: &WorkDir, ask: &Ask) -> Result<Caught, Error> {
    let mut caught = Caught { state: LedgerState::default(), fetched: 0, retried: 0 };
    let archive = caught.retrying(ask.retries, || {
        let mut json = Vec::new();
        source.fetch(ArchiveFile::State, &mut json, &|| false)?;
        ArchiveState::parse(ArchiveFile::State, &json)
    })?;
    let range = archive.range(ask.frequency, ask.from, ask.to)?;

    for checkpoint in range.checkpoints() {
        caught.obtain(source, work, ask, checkpoint, verify::headers)?;
    }
    let mut chain = Chain::new(range, ask.trusted.clone());
    for checkpoint in range.checkpoints().rev() {
        let headers = caught.obtain(source, work, ask, checkpoint, verify::headers)?;
        chain.step(&Link::of(&headers, range)?)?;
    }
    for checkpoint in range.checkpoints() {
        let headers = caught.obtain(source, work, ask, checkpoint, verify::headers)?;
        caught.obtain::<_>(source, work, ask, checkpoint, |sets: &Transactions| {
            verify::transactions(&headers, sets)
        })?;
        let results = caught
            .obtain(source, work, ask, checkpoint, |results: &Results| verify::results(&headers, results))?;
        for entry in verify::wanted(&headers, range) {
            caught.state.apply(checkpoint, &Closed::of(entry, results.of(entry.ledger())))?;
        }
    }
    assert_eq!(caught.state.last(), chain.tip());
    Ok(caught)
}

impl Caught {
    fn retrying<T>(
        &mut self,
        retries: u32,
        mut attempt: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut left = retries;
        loop {
            self.fetched += 1;
            match attempt() {
                Err(error) if error.is_retryable() && left > 0 => left -= 1,
                done => return done,
            }
            self.retried += 1;
        }
    }

    /// A verified file: the one in the work directory, or a fresh one that is then kept there.
    fn obtain<T: Record>(
        &mut self,
        source: &Source,
        work: &WorkDir,
        ask: &Ask,
        checkpoint: Checkpoint,
        check: impl Fn(&Records<T>) -> Result<(), Error>,
    ) -> Result<Records<T>, Error> {
        let file = T::file(checkpoint);
        let read = |compressed: Vec<u8>| {
            let records = Records::read(checkpoint, &compressed)?;
            check(&records).map(|()| records)
        };
        if let Some(compressed) = work.read(file)? {
            match read(compressed) {
                Err(error) if error.is_retryable() => work.discard(file)?,
                done => return done,
            }
        }
        self.retrying(ask.retries, || {
            let download = work.download(source, file, &|| false)?;
            let records = read(download.read()?)?;
            download.keep()?;
            Ok(records)
        })
    }
}

/// A generated archive and a work directory, in a temporary place.
pub(crate) struct Fixture {
    pub(crate) place: TempDir,
    pub(crate) frequency: Frequency,
    pub(crate) made: Summary,
}

impl Fixture {
    /// Checkpoints of 8 ledgers with 2 transactions each.
    pub(crate) fn new(checkpoints: u32) -> Fixture {
        let place = tempfile::tempdir().unwrap();
        let frequency = Frequency::new(8).unwrap();
        let plan = Plan::new(checkpoints, frequency, 2, 7).unwrap();
        let made = generate::write(&place.path().join("archive"), plan).unwrap();
        Fixture { place, frequency, made }
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.place.path().join("archive")
    }

    pub(crate) fn work(&self) -> WorkDir {
        WorkDir::open(&self.place.path().join("work")).unwrap()
    }

    pub(crate) fn source(&self) -> Source {
        Source::open(self.archive().to_str().unwrap(), FetchLimits::default()).unwrap()
    }

    pub(crate) fn ask(&self) -> Ask {
        Ask {
            frequency: self.frequency,
            from: None,
            to: None,
            trusted: Some(self.made.hash.clone()),
            retries: 0,
        }
    }

    pub(crate) fn catch_up(&self) -> Result<Caught, Error> {
        catch_up_plain(&self.source(), &self.work(), &self.ask())
    }

    /// Catches up without a trusted hash, both ways, and expects the same error.
    pub(crate) fn fault(&self) -> Error {
        let error = self.plain_fault();
        let ending = self.run(|options| options.trusted = None);
        assert_eq!(ending.how, How::Failed { file: Some(error.file), error: error.to_string() });
        assert_eq!(ending.how.exit_code(), 1);
        error
    }

    /// As [`Fixture::fault`], in a straight line only: where several files are wrong, and it depends on the threads which is seen first.
    pub(crate) fn plain_fault(&self) -> Error {
        let ask = Ask { trusted: None, ..self.ask() };
        let error = catch_up_plain(&self.source(), &self.work(), &ask).unwrap_err();
        assert_eq!(error.to_string().lines().count(), 1);
        assert!(self.leftovers().is_empty(), "{:?}", self.leftovers());
        error
    }

    /// What the program does: runs the tree from the directory, in a work directory of its own, and sees that it leaves no temporary file.
    pub(crate) fn run(&self, change: impl FnOnce(&mut RunOptions)) -> Ending {
        let place = tempfile::tempdir().unwrap();
        let mut options = self.options();
        options.work_dir = Some(place.path().to_path_buf());
        change(&mut options);
        run_quietly(&options)
    }

    pub(crate) fn options(&self) -> RunOptions {
        RunOptions {
            source: self.source(),
            frequency: self.frequency,
            from: None,
            to: None,
            trusted: Some(self.made.hash.clone()),
            concurrency: 4,
            retries: 0,
            retry_base: Duration::from_millis(1),
            work_dir: None,
            deadline: None,
            progress: Progress::None,
            seed: 1,
        }
    }

    /// Temporary files in the work directory.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        leftovers(&self.work_path())
    }

    pub(crate) fn work_path(&self) -> PathBuf {
        self.place.path().join("work")
    }

    pub(crate) fn checkpoint(&self, ledger: u32) -> Checkpoint {
        self.frequency.checkpoint_of(ledger).unwrap()
    }

    pub(crate) fn path(&self, file: ArchiveFile) -> PathBuf {
        self.archive().join(file.path())
    }

    /// Changes a file as it lies there.
    pub(crate) fn edit(&self, file: ArchiveFile, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(file)).unwrap();
        change(&mut bytes);
        fs::write(self.path(file), bytes).unwrap();
    }

    /// Changes the records of a file, and compresses it again.
    pub(crate) fn edit_records<T: Record + WriteXdr>(
        &self,
        checkpoint: Checkpoint,
        change: impl FnOnce(&mut Vec<T>),
    ) {
        self.edit(T::file(checkpoint), |bytes| {
            let mut records = split(&gunzip(bytes)).iter().map(|r| decode(r)).collect();
            change(&mut records);
            *bytes = gzip(&join(&records.iter().map(encode).collect::<Vec<_>>()));
        });
    }

    pub(crate) fn headers(&self, checkpoint: Checkpoint) -> Headers {
        let compressed = fs::read(self.path(ArchiveFile::Ledger(checkpoint))).unwrap();
        Headers::read(checkpoint, &compressed).unwrap()
    }
}

/// Runs without showing anything, and sees that no temporary file is left.
pub(crate) fn run_quietly(options: &RunOptions) -> Ending {
    let ending = run::run(options, Screen::new(Form::Quiet, io::sink())).unwrap();
    if let Some(work) = &options.work_dir {
        assert!(leftovers(work).is_empty(), "{:?}", leftovers(work));
    }
    ending
}

/// Files right in a work directory, where only temporary ones are.
pub(crate) fn leftovers(work: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(work).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

/// All files below a directory, as relative paths in order.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn gunzip(mut bytes: &[u8]) -> Vec<u8> {
    let mut inflated = Vec::new();
    GzDecoder::new(&mut bytes as &mut dyn BufRead).read_to_end(&mut inflated).unwrap();
    inflated
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The bodies of a record stream; written apart from the code under test.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = (u32::from_be_bytes(bytes[..4].try_into().unwrap()) - (1 << 31)) as usize;
        records.push(bytes[4..4 + length].to_vec());
        bytes = &bytes[4 + length..];
    }
    records
}

pub(crate) fn join(records: &[Vec<u8>]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|record| [&(record.len() as u32 + (1 << 31)).to_be_bytes()[..], record].concat())
        .collect()
}

pub(crate) fn decode<T: ReadXdr>(bytes: &[u8]) -> T {
    T::from_xdr(bytes, Limits::none()).unwrap()
}

pub(crate) fn encode<T: WriteXdr>(record: &T) -> Vec<u8> {
    record.to_xdr(Limits::none()).unwrap()
}

/// The name of a fault, for tables of expectations.
pub(crate) fn name(fault: &Fault) -> String {
    format!("{fault:?}").split([' ', '{']).next().unwrap().to_owned()
}

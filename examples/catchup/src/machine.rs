//! The world outside, on a machine with threads: an archive, a work directory, and a bounded pool that waits for both.
//!
//! Invariant: at most as many downloads and checks at a time as there are threads. A file reaches its place in the work directory only after its check;
//! what is neither checked nor kept is gone when the machine is closed, even if a thread still hangs in a silent server's connection.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use windlass::WakeHandle;
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::inspect::{Found, Part, inspect};
use windlass_catchup_job::layout::{ArchiveFile, ArchiveState, Checkpoint, LedgerRange};
use windlass_catchup_job::{Answer, Outside, Task};
use windlass_std::{CancelToken, Job, Pool};

use crate::source::Source;
use crate::workdir::{Download, WorkDir};

/// Threads, an archive and a work directory.
#[derive(Debug)]
pub struct Machine {
    pool: Option<Pool>,
    desk: Arc<Desk>,
}

/// An errand of a [`Machine`].
#[derive(Debug)]
pub struct Errand {
    /// `None` if the pool took no more jobs, until that has been said.
    job: Option<Job<Result<Answer, Error>>>,
    file: ArchiveFile,
}

/// What the threads share.
#[derive(Debug)]
struct Desk {
    source: Source,
    work: WorkDir,
    /// Files between their download and their check.
    at_hand: Mutex<HashMap<ArchiveFile, AtHand>>,
}

#[derive(Debug)]
enum AtHand {
    Fresh(Download),
    /// Left by an earlier run, and checked already.
    Kept(Found),
}

impl Machine {
    /// A machine with so many threads. Fails if the system has no more.
    pub fn new(source: Source, work: WorkDir, threads: u16) -> std::io::Result<Machine> {
        let threads = usize::from(threads);
        // Two files of each checkpoint in flight.
        let pool = Pool::new(threads, 2 * threads)?;
        Ok(Machine { pool: Some(pool), desk: Arc::new(Desk { source, work, at_hand: Mutex::default() }) })
    }

    /// Removes what was not kept. Waits for the threads unless `in_a_hurry`: then a thread that hangs is left to the end of the process.
    pub fn close(mut self, in_a_hurry: bool) -> anyhow::Result<()> {
        match self.pool.take() {
            Some(pool) if in_a_hurry => mem::forget(pool),
            pool => drop(pool),
        }
        self.desk.at_hand().clear();
        self.desk.work.close()
    }
}

impl Outside for Machine {
    type Errand = Errand;

    fn begin(&mut self, task: Task, done: WakeHandle) -> Errand {
        let desk = Arc::clone(&self.desk);
        let spawned =
            self.pool.as_ref().map(|pool| pool.spawn(Some(done), move |token| desk.run(task, token)));
        Errand { job: spawned.and_then(Result::ok), file: task.file() }
    }

    fn look(&mut self, errand: &mut Errand) -> Option<Result<Answer, Error>> {
        let Some(job) = &mut errand.job else {
            let refused = "the pool takes no more jobs";
            return Some(Err(Error::io(errand.file, "find a thread for it", refused)));
        };
        Some(match job.poll()? {
            Ok(answer) => answer,
            Err(windlass_std::JobError::Cancelled) => Err(Error::new(errand.file, Fault::Cancelled)),
            Err(panicked) => Err(Error::io(errand.file, "read it", panicked)),
        })
    }

    fn cancel(&mut self, errand: &mut Errand) {
        if let Some(job) = &mut errand.job {
            job.cancel();
        }
    }
}

impl Desk {
    fn run(&self, task: Task, token: &CancelToken) -> Result<Answer, Error> {
        match task {
            Task::State => {
                let mut json = Vec::new();
                self.source.fetch(ArchiveFile::State, &mut json, &|| token.is_cancelled())?;
                ArchiveState::parse(ArchiveFile::State, &json).map(Answer::State)
            }
            Task::Download(part, checkpoint, range) => self.download(part, checkpoint, range, token),
            Task::Check(part, checkpoint, range) => self.check(part, checkpoint, range).map(Answer::Found),
        }
    }

    fn download(
        &self,
        part: Part,
        checkpoint: Checkpoint,
        range: LedgerRange,
        token: &CancelToken,
    ) -> Result<Answer, Error> {
        let file = part.file(checkpoint);
        if let Some(kept) = self.work.read(file)? {
            match inspect(part, checkpoint, range, &kept, || self.headers(checkpoint)) {
                Ok(found) => {
                    self.at_hand().insert(file, AtHand::Kept(found));
                    return Ok(Answer::Kept);
                }
                Err(error) if error.file == file && error.is_retryable() => self.work.discard(file)?,
                Err(error) => return Err(error),
            }
        }
        let fresh = self.work.download(&self.source, file, &|| token.is_cancelled())?;
        self.at_hand().insert(file, AtHand::Fresh(fresh));
        Ok(Answer::Fetched)
    }

    fn check(&self, part: Part, checkpoint: Checkpoint, range: LedgerRange) -> Result<Found, Error> {
        let file = part.file(checkpoint);
        let at_hand = self.at_hand().remove(&file);
        match at_hand {
            Some(AtHand::Kept(found)) => Ok(found),
            Some(AtHand::Fresh(fresh)) => {
                let found = inspect(part, checkpoint, range, &fresh.read()?, || self.headers(checkpoint))?;
                fresh.keep()?;
                Ok(found)
            }
            // Only after the machine was closed.
            None => Err(Error::new(file, Fault::Cancelled)),
        }
    }

    /// The checkpoint's ledger file, which is in the work directory by now; looked at anew, as files may change.
    fn headers(&self, checkpoint: Checkpoint) -> Result<Vec<u8>, Error> {
        let file = ArchiveFile::Ledger(checkpoint);
        self.work.read(file)?.ok_or_else(|| Error::io(file, "read it again", std::io::ErrorKind::NotFound))
    }

    fn at_hand(&self) -> std::sync::MutexGuard<'_, HashMap<ArchiveFile, AtHand>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

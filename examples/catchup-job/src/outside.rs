//! What the job needs of the world outside: three questions, which a machine with threads and a browser answer each in its own way.
//!
//! Invariant: an [`Outside`] never blocks the thread that asks. It begins an errand, is looked at when it has woken the node, and gives the
//! answer once. What an errand holds on the way, such as a file downloaded but not checked, stays outside. Without threads an answer may be made
//! while it is looked for, which then takes as long as one file does: see `in_place`.

use windlass::WakeHandle;

use crate::error::Error;
use crate::inspect::{Found, Part};
use crate::layout::{ArchiveFile, ArchiveState, Checkpoint, LedgerRange};

/// Something to be done outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Fetch and read the archive state. Answered by [`Answer::State`].
    State,
    /// Have a file at hand: the verified one of an earlier run, or else a fresh download. Answered by [`Answer::Kept`] or [`Answer::Fetched`].
    Download(Part, Checkpoint, LedgerRange),
    /// Inflate, parse and check the file that is at hand, and keep it if it is sound. Answered by [`Answer::Found`].
    Check(Part, Checkpoint, LedgerRange),
}

impl Task {
    /// The file that it is about.
    pub fn file(self) -> ArchiveFile {
        match self {
            Task::State => ArchiveFile::State,
            Task::Download(part, checkpoint, _) | Task::Check(part, checkpoint, _) => part.file(checkpoint),
        }
    }
}

/// What came of a [`Task`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// How far the archive reaches.
    State(ArchiveState),
    /// The file was there already, and is sound.
    Kept,
    /// The file was downloaded.
    Fetched,
    /// The file is sound, and this is in it.
    Found(Found),
}

/// The world outside.
pub trait Outside {
    /// Something under way. Dropping it gives it up.
    type Errand;

    /// Begins a task, and wakes `done` when there is an answer. Must not block.
    fn begin(&mut self, task: Task, done: WakeHandle) -> Self::Errand;

    /// The answer, if there is one; given once, and looked for as soon as the errand has begun, too. An errand that was cancelled answers too, when it has really ended.
    fn look(&mut self, errand: &mut Self::Errand) -> Option<Result<Answer, Error>>;

    /// Asks an errand to end early.
    fn cancel(&mut self, errand: &mut Self::Errand);
}

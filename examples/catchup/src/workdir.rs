//! The files this machine already has, in the archive's own layout.
//!
//! Invariant: a file under its final name is complete, since it got there by a rename of a finished [`Download`]; a download that is dropped
//! leaves nothing, and after [`WorkDir::close`] there is no temporary file, whatever threads are still at it. One process uses a work directory
//! at a time. Whether contents are right is for the caller to verify, before [`Download::keep`] and again when it reads what an earlier run left.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tempfile::NamedTempFile;
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::layout::ArchiveFile;

use crate::source::{MAX_BYTES, Source};

const PREFIX: &str = ".download-";

/// A directory for verified files. A clone is the same one.
#[derive(Clone, Debug)]
pub struct WorkDir {
    root: PathBuf,
    /// Held while files come and go; true once it is closed.
    closed: Arc<Mutex<bool>>,
}

/// A file on its way into a [`WorkDir`]; deleted when dropped.
#[derive(Debug)]
pub struct Download {
    file: ArchiveFile,
    temporary: NamedTempFile,
    target: PathBuf,
    closed: Arc<Mutex<bool>>,
}

impl WorkDir {
    /// A work directory, created if need be. Downloads that a killed process left behind are removed.
    pub fn open(root: &Path) -> anyhow::Result<WorkDir> {
        let unusable = || format!("could not use {} as work directory", root.display());
        fs::create_dir_all(root).with_context(unusable)?;
        remove_downloads(root).with_context(unusable)?;
        Ok(WorkDir { root: root.to_path_buf(), closed: Arc::default() })
    }

    /// The contents of a file that is here, or `None`.
    pub fn read(&self, file: ArchiveFile) -> Result<Option<Vec<u8>>, Error> {
        match File::open(self.root.join(file.path())) {
            Ok(open) => contents(file, open).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(file, "open it in the work directory", e)),
        }
    }

    /// Removes a file that turned out to be wrong; fine if it is not there.
    pub fn discard(&self, file: ArchiveFile) -> Result<(), Error> {
        match fs::remove_file(self.root.join(file.path())) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(file, "remove it from the work directory", e))
            }
            _ => Ok(()),
        }
    }

    /// Fetches a file into a temporary one.
    pub fn download(
        &self,
        source: &Source,
        file: ArchiveFile,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Download, Error> {
        let mut temporary = while_open(&self.closed, file, || {
            tempfile::Builder::new()
                .prefix(PREFIX)
                .tempfile_in(&self.root)
                .map_err(|e| Error::io(file, "create a temporary file in the work directory", e))
        })?;
        source.fetch(file, &mut temporary, cancelled)?;
        temporary.flush().map_err(|e| Error::io(file, "store it", e))?;
        Ok(Download {
            file,
            temporary,
            target: self.root.join(file.path()),
            closed: Arc::clone(&self.closed),
        })
    }

    /// Refuses downloads from now on, and removes those that are under way, even in a thread that hangs. Files that were kept stay.
    pub fn close(&self) -> anyhow::Result<()> {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        remove_downloads(&self.root).with_context(|| format!("could not tidy up {}", self.root.display()))
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Download {
    /// The file that was fetched.
    pub fn file(&self) -> ArchiveFile {
        self.file
    }

    /// Its contents.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let reopened = self.temporary.reopen().map_err(|e| Error::io(self.file, "open its download", e))?;
        contents(self.file, reopened)
    }

    /// Gives it its final name, in the place of what may be there.
    pub fn keep(self) -> Result<(), Error> {
        let folder = self.target.parent().unwrap_or(&self.target);
        while_open(&self.closed, self.file, || {
            fs::create_dir_all(folder)
                .and_then(|()| self.temporary.persist(&self.target).map_err(|e| e.error))
                .map_err(|e| Error::io(self.file, "move it to its place in the work directory", e))?;
            Ok(())
        })
    }
}

/// All of a file, or so much of it that no reader will take it for whole: it may have grown since its download was measured.
fn contents(file: ArchiveFile, open: File) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    open.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(file, "read it", e))?;
    Ok(bytes)
}

/// Does something that no closing may come in between.
fn while_open<T>(
    closed: &Mutex<bool>,
    file: ArchiveFile,
    act: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let closed = closed.lock().unwrap_or_else(PoisonError::into_inner);
    if *closed {
        return Err(Error::new(file, Fault::Cancelled));
    }
    act()
}

fn remove_downloads(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        match fs::remove_file(entry.path()) {
            // Its thread was quicker.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

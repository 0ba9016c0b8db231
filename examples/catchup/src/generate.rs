//! Writes a synthetic archive into a directory.
//!
//! Invariant: nothing that is there is overwritten, and the state file comes last, so what is half written is no archive.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use stellar_xdr::Hash;
use windlass_catchup_job::generate::{Archive, Plan};
use windlass_catchup_job::layout::ArchiveFile;

/// What [`write()`] has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The last ledger.
    pub ledger: u32,
    /// Its hash.
    pub hash: Hash,
    /// Transactions in all ledgers.
    pub transactions: u64,
    /// Bytes in all files.
    pub bytes: u64,
}

/// Writes an archive into a directory that is empty or does not exist yet. The state file comes last: what is half written is no archive.
pub fn write(out: &Path, plan: Plan) -> anyhow::Result<Summary> {
    fs::create_dir_all(out).with_context(|| format!("could not create {}", out.display()))?;
    let mut present = fs::read_dir(out).with_context(|| format!("could not read {}", out.display()))?;
    if present.next().is_some() {
        bail!("{} is not empty: an archive is generated into an empty or new directory", out.display());
    }
    let mut archive = Archive::new(plan);
    let mut summary = Summary { ledger: 0, hash: Hash::default(), transactions: 0, bytes: 0 };
    for checkpoint in archive.by_ref() {
        (summary.ledger, summary.hash) = checkpoint.last;
        summary.transactions += checkpoint.transactions;
        for (file, contents) in &checkpoint.files {
            summary.bytes += store(out, *file, contents)?;
        }
    }
    let (file, contents) = archive.state();
    summary.bytes += store(out, file, &contents)?;
    Ok(summary)
}

fn store(out: &Path, file: ArchiveFile, contents: &[u8]) -> anyhow::Result<u64> {
    let path = out.join(file.path());
    let folder = path.parent().unwrap_or(out);
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    fs::write(&path, contents).with_context(|| format!("could not write {}", path.display()))?;
    Ok(contents.len() as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use windlass_catchup_job::layout::Frequency;

    use super::*;

    fn plan(checkpoints: u32) -> Plan {
        Plan::new(checkpoints, Frequency::new(8).unwrap(), 2, 1).unwrap()
    }

    #[test]
    fn writes_only_where_nothing_is() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("new/archive");
        let summary = write(&out, plan(2)).unwrap();
        assert_eq!(summary.ledger, 15);
        assert!(out.join(ArchiveFile::State.path()).is_file());
        let error = format!("{:#}", write(&out, plan(2)).unwrap_err());
        assert!(error.contains("not empty"), "{error}");

        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let error = format!("{:#}", write(&file, plan(1)).unwrap_err());
        assert!(error.contains("could not create"), "{error}");
    }
}

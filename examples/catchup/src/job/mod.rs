//! Catching up, as a tree of works.
//!
//! ```text
//! catch up                     sequence, --deadline
//! ├─ archive state             fetch and read it; tried again
//! ├─ ledger headers            batch of --concurrency, newest checkpoint first
//! │  └─ ledgers                one for each checkpoint; tried again
//! │     └─ file                sequence
//! │        ├─ download
//! │        └─ check            gunzip, parse, every header against its hash
//! ├─ ledger chain              newest to oldest, one checkpoint a crank
//! ├─ replay                    batch of --concurrency, oldest checkpoint first
//! │  └─ checkpoint             sequence
//! │     ├─ files               parallel
//! │     │  ├─ transactions     tried again; below it a sequence as above
//! │     │  └─ results          tried again; below it a sequence as above
//! │     └─ turn                gate: the checkpoint before has been applied
//! │        └─ apply            one ledger a crank: its totals follow from the ledger before
//! └─ arrival                   callback: the ledger applied last is the one that the chain began with
//! ```
//!
//! Invariant: the size of the table and the memory in use do not depend on the number of checkpoints, but for the [`Link`] of about 100 bytes that
//! each checkpoint of the range leaves between its check and the walk along the chain. A checkpoint in flight holds about 100 bytes for each of its
//! ledgers; headers are read again, from the work directory, when its transactions and results are checked.
//!
//! One budget of retries covers a file, whether its transfer breaks or its contents are wrong; that is why the node with the budget stands above the
//! steps. What a new download cannot cure ends the job at once. Nothing here knows files, sockets, threads or a terminal: an [`Outside`] does
//! what takes time, so the same works can run in a browser.
//!
//! [`Link`]: crate::verify::Link

mod journal;
mod outside;
mod state;
mod tree;
mod works;

pub use journal::{Journal, SharedJournal, Subject};
pub use outside::{Answer, Outside, Task};
pub use state::{Ask, Catchup, Counts};
pub use tree::{DRAIN, SHAPE, capacity, plant};
pub use works::Step;

#[cfg(test)]
mod tests;

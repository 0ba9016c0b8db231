//! Catching up with a ledger: the main job of the Windlass examples, as a tree of works that run on a machine with threads and in a browser alike.
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
//! One budget of retries covers a file, whether its transfer breaks or its contents are wrong; that is why the node with the budget stands above the
//! steps. What a new download cannot cure ends the job at once.
//!
//! ```text
//! pure      layout   which checkpoint, which path          records   XDR stream              error
//!           gunzip   bounded inflation                     verify    hashes, chain of ledgers
//!           apply    totals carried forward                inspect   one file, from bytes to its essence
//! job       works, tree, state, journal
//! outside   what the job asks of the world                 in_place  the world of one that has no threads
//! generate  synthetic archives, and random                 (with the feature of that name)
//! ```
//!
//! Invariant: the pure modules know no engine, and nothing here knows files, sockets, threads, clocks or a terminal: an [`Outside`] does what takes
//! time. The size of the table and the memory in use do not depend on the number of checkpoints, but for the [`Link`](verify::Link) of about
//! 100 bytes that each checkpoint of the range leaves between its check and the walk along the chain. A checkpoint in flight holds about 100 bytes
//! for each of its ledgers; headers are read again when its transactions and results are checked.
//!
//! The crate is `no_std` with `alloc`. What it depends on is not yet: stellar-xdr writes and reads with the traits of `std::io`, so the target must
//! have a `std`. `wasm32-unknown-unknown` has one.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod apply;
pub mod error;
#[cfg(feature = "generate")]
pub mod generate;
pub mod gunzip;
pub mod in_place;
pub mod inspect;
mod journal;
pub mod layout;
mod outside;
#[cfg(feature = "generate")]
pub mod random;
pub mod records;
mod state;
mod tree;
pub mod verify;
mod works;

pub use journal::{Journal, SharedJournal, Subject};
pub use outside::{Answer, Outside, Task};
pub use state::{Ask, Catchup, Counts};
pub use tree::{DRAIN, SHAPE, capacity, plant};
pub use works::Step;

#[cfg(test)]
mod tests;

//! Catching up with a ledger: the main job of the Windlass examples, and everything it needs to know about history archives.
//!
//! ```text
//! pure      layout   which checkpoint, which path          records   gunzip, XDR stream      error
//!           verify   hashes, chain of ledgers              apply     totals carried forward
//!           inspect  one file, from bytes to its essence   faults    which request is spoiled       random
//! job       the tree of works; what takes time is done by an `Outside`
//! outside   machine  the `Outside` of a system with threads
//!           source   directory or http:// server           workdir   temporary, then renamed
//!           server   loopback, with faults                 generate  synthetic archives
//! program   run      driver, progress, ending              demo      progress      cli
//! ```
//!
//! Invariant: the pure modules read no file, no clock and no network (but for `generate::write`), and know no engine; the job knows the
//! engine and the pure modules only. Both run wherever the engine runs; the others are left out where there is no system below.

pub mod apply;
#[cfg(not(target_family = "wasm"))]
pub mod cli;
#[cfg(not(target_family = "wasm"))]
pub mod demo;
pub mod error;
pub mod faults;
pub mod generate;
pub mod inspect;
pub mod job;
pub mod layout;
#[cfg(not(target_family = "wasm"))]
pub mod machine;
#[cfg(not(target_family = "wasm"))]
pub mod progress;
pub mod random;
pub mod records;
#[cfg(not(target_family = "wasm"))]
pub mod run;
#[cfg(not(target_family = "wasm"))]
pub mod server;
#[cfg(not(target_family = "wasm"))]
pub mod source;
pub mod verify;
#[cfg(not(target_family = "wasm"))]
pub mod workdir;

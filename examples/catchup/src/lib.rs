//! Catching up with a ledger: everything about history archives that the job needs, below the engine.
//!
//! ```text
//! pure      layout   which checkpoint, which path          records   gunzip, XDR stream      error
//!           verify   hashes, chain of ledgers              apply     totals carried forward
//!           faults   which request is spoiled              random    seeded numbers
//! outside   source   directory or http:// server           workdir   temporary, then renamed
//!           server   loopback, with faults                 generate  synthetic archives      cli
//! ```
//!
//! Invariant: nothing here knows the engine. The pure modules read no file, no clock and no network (but for `generate::write`), so they run
//! wherever the engine runs; the others are left out where there is no system below. How the steps are put in order is the job's business.

pub mod apply;
#[cfg(not(target_family = "wasm"))]
pub mod cli;
pub mod error;
pub mod faults;
pub mod generate;
pub mod layout;
pub mod random;
pub mod records;
#[cfg(not(target_family = "wasm"))]
pub mod server;
#[cfg(not(target_family = "wasm"))]
pub mod source;
pub mod verify;
#[cfg(not(target_family = "wasm"))]
pub mod workdir;

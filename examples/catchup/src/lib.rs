//! Catching up with a ledger, on a machine with threads: what the job of `windlass_catchup_job` needs of the world, and the program around it.
//!
//! ```text
//! outside   machine  the `Outside` of a system with threads
//!           source   directory or http:// server           workdir   temporary, then renamed
//! archives  generate writes a synthetic one                server    loopback, with faults           faults
//! program   run      driver, progress, ending              demo      progress      cli
//! ```
//!
//! Invariant: what an archive must be, and what the works do, is said in the job alone.

pub mod cli;
pub mod demo;
pub mod faults;
pub mod generate;
pub mod machine;
pub mod progress;
pub mod run;
pub mod server;
pub mod source;
pub mod workdir;

//! The laboratory: where you test your works, on virtual time, with faults at every step, in every order.
//!
//! `poll_work(now)` has no clock and no chance of its own, so the engine that you ship is its own simulator. A [`Lab`] owns a scheduler, your application
//! and a clock that jumps to the next deadline; what reaches them is one input after the other, in a [`Log`] that repeats the run. After each input
//! every [`Oracle`] looks: at the tables ([`Scheduler::check_invariants`](crate::Scheduler::check_invariants)), at the events, and at what you said
//! must hold yourself.
//!
//! # Quick start
//!
//! A *scenario* builds the tree and says what must hold, whatever fails or is aborted. One line each then tries it: with an abort of every node after
//! every step, with a fault at every crank, and in every order of what happens outside.
//!
//! ```
//! use windlass::lab::{self, Lab, Outside};
//! use windlass::{Cx, NodeId, Outcome, Retry, Spec, Work};
//!
//! /// The disk, as the works see it.
//! #[derive(Default)]
//! struct Disk { writing: Option<NodeId>, temporary: bool, file: bool }
//!
//! impl Outside for Disk {
//!     fn pending(&self) -> usize { usize::from(self.writing.is_some()) }
//!     fn complete(&mut self, _: usize) -> Option<NodeId> { self.writing.take() }
//! }
//!
//! enum Save { Write { begun: bool }, Rename }
//!
//! impl Work<Disk> for Save {
//!     fn on_run(&mut self, cx: &mut Cx<'_, Self, Disk>) -> Outcome {
//!         let id = cx.id();
//!         let disk = cx.app();
//!         match self {
//!             Save::Write { begun: false } => {
//!                 (disk.temporary, disk.writing) = (true, Some(id));
//!                 *self = Save::Write { begun: true };
//!                 Outcome::Waiting
//!             }
//!             Save::Write { .. } if disk.writing.is_some() => Outcome::Waiting, // woken for nothing
//!             Save::Write { .. } => Outcome::Success,
//!             Save::Rename => {
//!                 (disk.temporary, disk.file) = (false, true);
//!                 Outcome::Success
//!             }
//!         }
//!     }
//!
//!     // Called whenever an attempt is over and has not succeeded: cleaning up belongs here.
//!     fn on_reset(&mut self, cx: &mut Cx<'_, Self, Disk>) {
//!         let disk = cx.app();
//!         (disk.temporary, disk.writing) = (false, None);
//!         if let Save::Write { begun } = self {
//!             *begun = false;
//!         }
//!     }
//! }
//!
//! fn save(lab: &mut Lab<Save, Disk>) {
//!     let job = lab.add(Spec::sequence("save")).unwrap();
//!     lab.add_child(job, Spec::work("write", Save::Write { begun: false }).retry(Retry::A_FEW)).unwrap();
//!     lab.add_child(job, Spec::work("rename", Save::Rename)).unwrap();
//!     lab.at_end("no temporary file is left", |lab| !lab.app().temporary);
//! }
//!
//! # /*
//! #[test]
//! fn it_cleans_up_wherever_it_is_aborted() {
//!     lab::abort_everywhere(save).unwrap();
//! }
//! # */
//! let found = lab::abort_everywhere(save).unwrap_err();
//! assert_eq!(found.violation().detail, "no temporary file is left");
//! assert_eq!(found.log().to_string(), "574c4142010101030001010600010101");
//! ```
//!
//! It does not hold: an abort between `write` and `rename` leaves the file, as a work that has succeeded is never reset. The finding says so, with the
//! inputs that lead there, the tree, and the last events:
//!
//! ```text
//! the scenario's own condition holds: no temporary file is left
//! after step 5, at 0.000000, by these inputs:
//!   crank
//!   complete no. 0
//!   crank
//!   abort 0v1
//!   crank
//! the tree:
//!   └─ ⊘ save (sequence): aborted: asked for
//!      ├─ ✔ write: succeeded
//!      └─ ⊘ rename: aborted: asked for
//! the last events:
//!   ...
//! to see it again: lab::replay(&"574c4142010101030001010600010101".parse()?, scenario)
//! ```
//!
//! So the cleaning up belongs to the job and not to one of its members: a work of its own around both.
//!
//! # What there is
//!
//! | | |
//! | --- | --- |
//! | [`run`] | one run, and once more from its log |
//! | [`abort_everywhere`] | an abort of every node after every step |
//! | [`fail_everywhere`], [`strike_everywhere`] | every fault at every crank; these faults |
//! | [`every_order`] | every order of what happens outside while nothing can be cranked, up to a bound |
//! | [`every_interleaving`] | the same, and so often in a run it comes before a crank, too |
//! | [`every_seed`] | orders and disturbances from seeds; a log that fails is made short |
//! | [`replay`] | a log from a finding, again |
//! | [`Lab`] | a run by hand: `step`, `run`, and all that a scheduler has |
//! | [`Lab::inject`] | a fault script: at this node, attempt and step, or in this [`Hook`], that [`Fault`] |
//! | [`Lab::offer`] | what happens outside once: another job, an abort |
//! | [`Outside`] | operations that your application has under way, for the lab to complete |
//! | [`EventHash`], [`Trail`] | the certificate of a run, and the first step at which two runs differ |
//! | [`shrink`] | makes a failing log short |
//!
//! Runs repeat only if the works do: a work that asks a real clock, a random source or the order of a `HashMap` is found by [`Oracle::OneHash`].
//! Handles of a wake set work as in production; the set's memory is shared by all runs of a search and never given back.
//!
//! Faults come from a work of the lab's own around each of yours. The engine knows nothing of it, and it costs nothing where this feature is off.

mod chaos;
mod fault;
mod finding;
mod guest;
mod hash;
mod log;
mod look;
pub(crate) mod oracle;
mod order;
mod outside;
mod panic;
mod run;
mod search;
mod shrink;
mod watch;

#[cfg(test)]
mod mutations;

pub use chaos::Disturb;
pub use fault::{At, Fault, Hook, INJECTED};
pub use finding::Finding;
pub use hash::{EventHash, HASH_VERSION, Trail};
pub use log::{Input, Log, LogError};
pub use oracle::{Oracle, Violation};
pub use order::{Order, Outside};
pub use run::Lab;
pub use search::{
    Coverage, abort_everywhere, every_interleaving, every_order, every_seed, fail_everywhere, replay, run,
    strike_everywhere,
};
pub use shrink::shrink;

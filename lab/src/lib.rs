//! The laboratory: tests your works on virtual time, with faults at every step, in every order.
//!
//! The engine has no clock and no randomness of its own, so the engine that you ship is also its simulator. A [`Lab`] owns a scheduler, your application
//! and a clock that jumps to the next deadline. It gives them one input after the other, and writes a [`Log`] that repeats the run. After each input
//! every [`Oracle`] checks: the tables ([`Scheduler::check_invariants`](windlass::Scheduler::check_invariants)), the events, and your own
//! conditions.
//!
//! # Testing your own works
//!
//! You write three things. What happens [`Outside`] of the works: the operations that your application has under way, which the lab completes in
//! any order. A *scenario*: a function that plants the tree, and says what must hold always or at the end. And which searches to run: each
//! is one line, runs the scenario hundreds of times, and gives the first [`Finding`].
//!
//! ```
//! use windlass::{NodeId, prelude::*};
//! use windlass_lab::{self as lab, Lab, Outside};
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
//! enum Save { Job, Write { begun: bool }, Rename }
//!
//! impl Work<Self, Disk> for Save {
//!     fn on_run(&mut self, cx: &mut Cx<'_, Self, Disk>) -> Outcome {
//!         let id = cx.id();
//!         match self {
//!             Save::Job => cx.children().outcome(),
//!             Save::Write { begun: false } => {
//!                 (cx.app().temporary, cx.app().writing) = (true, Some(id));
//!                 *self = Save::Write { begun: true };
//!                 Outcome::Waiting
//!             }
//!             Save::Write { .. } if cx.app().writing.is_some() => Outcome::Waiting, // woken for nothing
//!             Save::Write { .. } => Outcome::Success,
//!             Save::Rename => {
//!                 (cx.app().temporary, cx.app().file) = (false, true);
//!                 Outcome::Success
//!             }
//!         }
//!     }
//!
//!     // Called before each start, and when an attempt is over and has not succeeded: cleaning up belongs here.
//!     fn on_reset(&mut self, cx: &mut Cx<'_, Self, Disk>) {
//!         (cx.app().temporary, cx.app().writing) = (false, None);
//!         if let Save::Write { begun } = self {
//!             *begun = false;
//!         }
//!     }
//! }
//!
//! fn plant(lab: &mut Lab<Save, Disk>, job: Spec<Save>) {
//!     let job = lab.add(job).unwrap();
//!     let steps = lab.add_below(job, Spec::sequence("steps")).unwrap();
//!     lab.add_below(steps, Spec::work("write", Save::Write { begun: false }).retry(Retry::A_FEW)).unwrap();
//!     lab.add_below(steps, Spec::work("rename", Save::Rename)).unwrap();
//!     lab.at_end("no temporary file is left", |lab| !lab.app().temporary);
//! }
//!
//! // In a test of yours, each of these is a test.
//! let scenario = |lab: &mut Lab<Save, Disk>| plant(lab, Spec::work("save", Save::Job));
//! lab::abort_everywhere(scenario).unwrap();
//! lab::fail_everywhere(scenario).unwrap();
//! lab::every_interleaving(1_000, 1, scenario).unwrap();
//! lab::every_seed(0..20, lab::Disturb::NOTHING.wakes().faults().aborts(), scenario).unwrap();
//!
//! // Without a work around both steps, nothing is cleaned up between them: a work that has succeeded is not reset.
//! let careless = |lab: &mut Lab<Save, Disk>| plant(lab, Spec::parallel("save"));
//! let found = lab::abort_everywhere(careless).unwrap_err();
//! assert_eq!(found.violation().detail, "no temporary file is left");
//! assert_eq!(found.log().to_string(), "574c4142010101030001010600010101");
//! ```
//!
//! A finding displays what did not hold, the inputs that led there, the tree, and the last events. Unwrapped in a test, it is the
//! message of the panic:
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
//!   └─ ⊘ save (parallel): aborted: asked for
//!      └─ ⊘ steps (sequence): aborted: asked for
//!         ├─ ✔ write: succeeded
//!         └─ ⊘ rename: aborted: asked for
//! the last events:
//!   ...
//! to see it again: lab::replay(&"574c4142010101030001010600010101".parse()?, scenario)
//! ```
//!
//! If a function of your program plants the tree in a scheduler, let another function make the specs: a scenario can call that one.
//!
//! # What there is
//!
//! | | |
//! | --- | --- |
//! | [`run`] | one run, and once more from its log |
//! | [`abort_everywhere`] | an abort of every node after every step |
//! | [`fail_everywhere`], [`strike_everywhere`] | every fault at every crank; these faults |
//! | [`every_order`] | every order of what happens outside while nothing can be cranked, up to a bound |
//! | [`every_interleaving`] | the same; a given number of times in a run, it also happens before a crank |
//! | [`every_seed`] | orders and disturbances from seeds; a log that fails is made short |
//! | [`replay`] | a log from a finding, again |
//! | [`Lab`] | a run by hand: `step`, `run`, and all that a scheduler has |
//! | [`Lab::inject`] | a fault script: at this node, attempt and step, or in this [`Hook`], that [`Fault`] |
//! | [`Lab::offer`] | what happens outside once: another job, an abort |
//! | [`Outside`] | operations that your application has under way, for the lab to complete |
//! | [`EventHash`], [`Trail`] | the certificate of a run, and the first step at which two runs differ |
//! | [`shrink`] | makes a failing log short |
//!
//! Some things no search tries, so a scenario must bring them: other capacities ([`Lab::set_capacity`]), panics and wakes in [`Hook`]s ([`Lab::inject`]),
//! restarts and removals ([`Lab::offer`]). What happens outside happens between two cranks, never within one.
//!
//! A run repeats only if the works do. A work that asks a real clock, a random source or the order of a `HashMap` is found by [`Oracle::OneHash`].
//! Handles of a wake set work as in production; the set's memory is shared by all runs of a search and never freed.
//!
//! Faults come from a wrapper that the lab puts around each of your works. The engine does not know of it.
//! The lab reads the engine's tables through the module [`windlass::door`], which is off by default.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
// Catches the panics that fault scripts throw.
#[cfg(not(target_os = "none"))]
extern crate std;

mod chaos;
mod fault;
mod finding;
mod guest;
mod hash;
mod log;
mod look;
mod oracle;
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

/// The code of the package's front page, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct FrontPage;

//! What the engine promises, one shelf for each behaviour; a test's name is the promise.
//!
//! Many tests come from two reference systems, stellar-core and henyey-work. Their names and sections are in the first line of the test. What
//! the reference asserts is asserted here, and so are run counts and virtual times that follow from its algorithms. Three things are said
//! differently throughout:
//!
//! * The scheduler is no node. Where the reference asserts that it is *waiting*, there is nothing to crank ([`Rig::is_idle`]); where that it
//!   is *aborted*, it was shut down and says [`Next::Done`]; where scheduling returns null, adding is refused with
//!   [`Error::Aborting`].
//! * Finished children of a work are freed once it has seen them, so states of nodes that are gone are asked of the [`Journal`].
//! * A node that was aborted before it started is aborted at once, without a run. In the reference it stays pending, or is cranked through
//!   its abort.
//!
//! **Crank counts.** The reference counts cranks of its scheduler: one path from the root each, and one more at the end of each pass, on the
//! root itself. This engine counts calls of works. With one node at the top every call of the reference ends a pass over the root, so it
//! needs two cranks where we need one call; and its composites take turns of their own where ours take none. Each test that counts says the
//! reference's number and how ours gives it.
//!
//! [`Rig::is_idle`]: windlass_tests::Rig::is_idle
//! [`Next::Done`]: windlass::Next::Done
//! [`Error::Aborting`]: windlass::Error::Aborting
//! [`Journal`]: windlass_tests::Journal

#![allow(clippy::unwrap_used)]

mod abort;
mod bad_input;
mod batch;
mod cleanup;
mod failure;
mod gates;
mod graph;
mod hooks;
mod observation;
mod panics;
mod parallel;
mod parents;
mod pause;
mod porting;
mod quorum;
mod real_time;
mod restart;
mod retry;
mod sequence;
mod slots;
mod stores;
mod timeout;
mod turns;
mod wakes;

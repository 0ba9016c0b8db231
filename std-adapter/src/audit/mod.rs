//! Watches a work-stealing pool while it runs, and reports when one of its promises is broken.
//!
//! This module knows nothing of our own pool: any pool that reports the events of [`Probe`] in the order given there
//! can be audited.
//!
//! | promise | how it is checked |
//! | --- | --- |
//! | single ownership | a word per id says who has it; queueing and taking change it by compare-and-swap |
//! | no double execution | only who took an id may start it, and only who started it may end it, once |
//! | no lost work | a quiet pool has nothing queued, held, running or woken in vain; while it runs, an id that the owner's empty queue must have given away has to be in some thief's hands |
//! | a steal transfers ownership atomically | the tag beside each element names its activation, so an element that is taken twice, late, or instead of another is seen |
//! | LIFO for the owner, FIFO for thieves | the owner's pop is compared with a private stack of its pushes; a thief's element must be newer than all that was stolen before its attempt began |
//!
//! Each layer is a type, so what is not chosen is not in the program.
//!
//! | layer | what it sees | for |
//! | --- | --- | --- |
//! | [`Off`] | nothing: its calls do nothing, and its types take no space | the default |
//! | [`Ledger`] | whether what left the queues is what entered them, when the pool is quiet | production |
//! | [`Exact`] | all promises, each broken one with its id, at the event that breaks it | tests, staging |
//! | [`Flight`] | the same, with the last events of the workers involved | finding the cause |
//! | `(A, B)` | what both see | |
//!
//! # A pool of your own
//!
//! ```
//! use windlass_std::audit::{Audit, Exact, Finish, Layout, Moment, Order, Probe, Seat, Settings, Verdict};
//!
//! let mut layout = Layout::new(1, 16); // one worker, ids in slots 0 to 15
//! let queue = layout.queue(Order::LifoOwner, Some(0), 16);
//! let audit = Exact::new(&layout, &Settings::default());
//! let mut probe = audit.probe(Seat::Worker(0));
//!
//! let mut stack = Vec::new();
//! for id in 0..3 {
//!     let tag = probe.enqueue(id, queue); // before the push: a thief might be quick
//!     stack.push((id, tag));
//! }
//! loop {
//!     let found = stack.pop();
//!     let verdict = probe.popped(queue, found);
//!     let Some((id, _)) = found else { break };
//!     if verdict == Verdict::Run && probe.started(id) == Verdict::Run {
//!         // The task would be called here.
//!         probe.finished(id, Finish::Done); // before it could be queued again
//!     }
//!     probe.safe_point();
//! }
//! let report = audit.report(Moment::Quiescent);
//! assert!(report.is_clean(), "{report}");
//! assert_eq!(report.totals.done, 3);
//! ```
//!
//! `docs/work-stealing.md` in the repository says why each event comes when it does, how each promise is checked, and
//! which faults are found. The example `audit_crossbeam` audits a whole pool of somebody else's.
//!
//! # What it cannot see
//!
//! * On x86 the audit's own locked instructions are fences, and may hide that the pool lacks one. Models find that: in
//!   them the audit's state is invisible.
//! * Steals that overlap in time are not compared in order; a wrong one is found later, by the owner's stack.
//! * An element that is still in a queue and one that a thief dropped look the same: both are [`Kind::LostInQueue`].
//!   Only if it comes out later without having been reported lost is it [`Kind::EmptyWitness`].
//! * The order of an injector is compared for one producer and one consumer at a time.

mod desk;
mod exact;
mod layout;
mod ledger;
mod off;
mod pair;
mod probe;
mod register;
mod report;
mod shadow;
#[cfg(test)]
mod tests;
mod word;

pub use exact::{Exact, Flight, FlightProbe, Ticket};
pub use layout::{Layout, Mode, Order, Queue, Settings};
pub use ledger::{Ledger, LedgerProbe, LedgerTicket};
pub use off::Off;
pub use probe::{Attempt, Audit, Finish, Missed, Moment, Probe, QueueId, Seat, Tag, Verdict};
pub use report::{
    Counts, Event, InFlight, Kind, Latency, Recent, Report, SeatCounts, State, Violation, What, Worst,
};

/// The code of the page on work stealing, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/work-stealing.md")]
pub struct Page;

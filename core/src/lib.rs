//! Runs long, multi-step jobs as a tree of small state machines.
//!
//! A *work* does one short step each time it is *cranked* (called). The *scheduler* decides which one is cranked next, waits, retries with back-off,
//! aborts with clean-up, and says when it wants to be called again. It has no clock, no thread, no allocation and no global state inside: the same works
//! run on a microcontroller, in a browser and on a server, and the same inputs give the same events on all of them.
//!
//! ```text
//!          your works: an enum, DynWork, &mut dyn Work
//!                | add, add_below         ^ on_run(&mut self, &mut Cx) -> Outcome
//!                v                        |
//!  +------------------------ Scheduler<S, O> ----------------------+
//!  | poll_work(now):  wakes -> deadlines -> cranks, up to a budget |
//!  | node table: tree, states, run queues, deadlines               |
//!  +------+----------------------------------------^---------------+
//!         | Next::{Now, At(instant), OnWake, Done} | WakeHandle::wake
//!         v                                        |
//!     a driver that sleeps            an interrupt, a thread, a callback
//! ```
//!
//! # Quick start
//!
//! Firmware that updates itself: fetch with retries, then flash within a time limit.
//!
//! ```
//! use windlass::prelude::*;
//!
//! enum Update { Fetch { failures: u32 }, Flash { pages: u32 } }
//!
//! impl Work for Update {
//!     fn on_run(&mut self, _cx: &mut Cx<'_, Self>) -> Outcome {
//!         match self {
//!             Update::Fetch { failures: 0 } | Update::Flash { pages: 0 } => return Outcome::Success,
//!             Update::Fetch { failures } => *failures -= 1,
//!             Update::Flash { pages } => {
//!                 *pages -= 1;
//!                 return Outcome::Sleep(Duration::from_millis(20)); // the chip is busy
//!             }
//!         }
//!         Outcome::Failure(Reason::new("no answer"))
//!     }
//! }
//!
//! fn main() -> Result<(), windlass::Error> {
//!     let mut s = Scheduler::<Inline<Update, 16>>::new(); // 16 nodes inside; `const`, so it could be a static
//!     let job = s.add(Spec::sequence("update"))?;
//!     s.add_below(job, Spec::work("fetch", Update::Fetch { failures: 2 }).retry(Retry::A_FEW))?;
//!     s.add_below(job, Spec::work("flash", Update::Flash { pages: 3 }).timeout(Duration::from_secs(30)))?;
//!
//!     let end = s.fast_forward(Instant::ZERO, Instant::MAX); // on virtual time, which jumps from deadline to deadline
//!     assert_eq!(s.tree(end).to_string(), "\
//! └─ ✔ update (sequence): succeeded
//!    ├─ ✔ fetch, attempt 3: succeeded
//!    └─ ✔ flash: succeeded
//! ");
//!     Ok(())
//! }
//! ```
//!
//! `fast_forward` is for tests and first steps. In a program, a driver polls and sleeps. The crates `windlass-std` and `windlass-embassy` have one for
//! threads and one for a task of Embassy. A driver is a loop around [`Scheduler::poll_work`], which says when it wants to be called again:
//!
//! ```
//! # use windlass::prelude::*;
//! # struct Once;
//! # impl Work for Once { fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome { Outcome::Success } }
//! # let mut s = Scheduler::<Inline<Once, 16>>::new();
//! # s.add(Spec::work("once", Once))?;
//! # let clock = || Instant::ZERO;
//! # let sleep = |_: Option<Instant>| {};
//! loop {
//!     match s.poll_work(clock) {
//!         Next::Now => {}
//!         Next::At(instant) => sleep(Some(instant)), // until then, or until somebody wakes a node
//!         Next::OnWake => sleep(None),
//!         Next::Done => break,
//!     }
//! }
//! # Ok::<(), windlass::Error>(())
//! ```
//!
//! # Where things are
//!
//! * [`Work`] is what you write; [`Cx`] is what it may do while it runs; [`Spec`] says what a node is: a work, or a composite (sequence,
//!   parallel, quorum, race, batch, gate, callback, graph) with its concurrency, retries, timeout and policies.
//! * [`Scheduler`] runs them over an [`Inline`] or [`Boxed`] table of fixed capacity. A full table is an error
//!   ([`Refused`] gives everything back), and so is a stale [`NodeId`]. A panic is a bug of this crate.
//! * [`State`] is the state machine, [`Retry`] the back-off, [`WakeSet`] how interrupts, threads and callbacks wake a node.
//! * [`View`] and [`NodeView`] show the tree: states, why a node waits, what is stalled, what retries could cost. [`Observer`] and
//!   [`EventLog`] receive the events, each of which prints as one line of a trace.
//! * The [guide](https://github.com/windlass-rs/windlass/blob/main/docs/guide/README.md) explains all of it in short chapters.
//!
//! # Abort
//!
//! An abort takes time. The request reaches a node and all below it in the same call: sleepers wake, timers are cancelled, nodes that have not
//! started end without a run, and from then on nothing starts there. Then [`Work::on_abort`] is cranked, children before parents, until it says
//! [`AbortStep::Done`], or until the [`cleanup_timeout`](Spec::cleanup_timeout) or the deadline of the call ends it by force.
//!
//! # Features
//!
//! None is on by default. `alloc`: tables on the heap and boxed works; all allocation happens when they are made.
//! `portable-atomic`: wake handles on targets without compare-and-swap. `waker`: works that poll futures (`AsyncWork`), without allocation;
//! it brings the crate's one file with unsafe code. `defmt`: on devices, formats for their logger, and an observer that logs.
//! `unstable-door`: for the crate `windlass-lab`, which tests your works on virtual time; not covered by semantic versioning.

#![no_std]
#![cfg_attr(not(feature = "waker"), forbid(unsafe_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, loom))]
extern crate std;

#[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
mod check;
mod children;
mod column;
mod composite;
mod cx;
mod deadlines;
#[cfg(all(feature = "defmt", target_os = "none"))]
mod defmt_log;
#[cfg(any(feature = "unstable-door", all(test, feature = "alloc")))]
#[cfg_attr(docsrs, doc(cfg(feature = "unstable-door")))]
pub mod door;
#[cfg(feature = "alloc")]
mod dynamic;
mod edges;
mod engine;
mod error;
mod explain;
mod id;
mod kind;
mod label;
mod lifecycle;
mod links;
mod lint;
mod marks;
mod metrics;
mod next;
mod node;
mod observe;
mod ops;
mod phase;
mod reason;
mod retry;
mod root;
mod run_queue;
mod scheduler;
mod siblings;
mod slab;
mod slots;
mod span;
mod spec;
mod state;
mod store;
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
mod sync;
mod table;
mod time;
mod timers;
mod tree;
mod view;
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
mod wake;
#[cfg(not(any(target_has_atomic = "32", feature = "portable-atomic")))]
#[path = "wake_none.rs"]
mod wake;
// The one file with unsafe code.
#[cfg(all(feature = "waker", any(target_has_atomic = "32", feature = "portable-atomic")))]
#[allow(unsafe_code)]
mod waker;
mod watchers;
mod work;

pub use children::Children;
pub use cx::Cx;
#[cfg(all(feature = "defmt", target_os = "none"))]
pub use defmt_log::DefmtLog;
#[cfg(feature = "alloc")]
pub use dynamic::{DynWork, SendWork};
pub use error::{Error, Refused};
pub use id::NodeId;
pub use kind::Kind;
pub use lint::Lint;
pub use metrics::{Metrics, Totals};
pub use next::Next;
pub use observe::{Event, EventKind, EventLog, Observer, Verbosity};
pub use reason::{AbortCause, Failure, Reason};
pub use retry::{Jitter, Retry};
pub use scheduler::Scheduler;
pub use spec::{OnFailure, Setting, Spec};
pub use state::{IllegalTransition, State, Status, Transition};
#[cfg(feature = "alloc")]
pub use store::Boxed;
pub use store::{Inline, Store};
pub use time::{Clock, Instant};
pub use view::{Drain, NodeView, View};
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub use wake::{Notify, WakeHandle, WakeSet, WakeWord};
#[cfg(all(feature = "waker", any(target_has_atomic = "32", feature = "portable-atomic")))]
pub use waker::{AsyncLeaf, AsyncWork, Rerun, Routine, WakeCell};
pub use work::{AbortStep, Check, Generated, Outcome, Work};

/// What most programs use.
pub mod prelude {
    pub use core::time::Duration;

    pub use crate::{
        AbortStep, Check, Cx, Generated, Inline, Instant, Next, Outcome, Reason, Retry, Scheduler, Spec,
        State, Work,
    };
}

/// The code of the project's front page, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct FrontPage;

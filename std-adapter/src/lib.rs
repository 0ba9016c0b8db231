//! Runs Windlass schedulers on threads: a driver, wake-ups, Ctrl-C, a bounded pool for blocking work, a fleet of trees.
//!
//! The engine ([`windlass`]) has no clock and no thread; this crate gives it both. The same works run here, on a
//! microcontroller and in a browser.
//!
//! ```text
//!   this thread          Driver::run_until_done    park until Next::At or a wake, never spin
//!   a thread of its own  Driver::serve -> Handle   add, abort, wake, snapshot from anywhere
//!   trees on all cores   Fleet -> FleetHandle      each tree on one of several threads
//!   blocking calls       Pool, Blocking            a bounded pool that steals work; a panic is a failure
//!   tasks of your own    pool::Crew                runs them by id on the same queues
//!   work-stealing pools  audit                     reports when one breaks a promise: this one, or one of yours
//!   Ctrl-C               Driver::on_interrupt      once: abort and clean up; twice: exit
//! ```
//!
//! # Quick start
//!
//! A job of two steps: fetch in the pool, with retries, then note the result.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use windlass::{DynWork, prelude::*};
//! use windlass_std::{Blocking, Driver, Pool};
//!
//! /// What the works share: the application's own type.
//! #[derive(Default)]
//! struct App {
//!     fetched: Option<String>,
//! }
//!
//! struct Note;
//! impl<W> Work<W, App> for Note {
//!     fn on_run(&mut self, cx: &mut Cx<'_, W, App>) -> Outcome {
//!         match &cx.app().fetched {
//!             Some(text) if !text.is_empty() => Outcome::Success,
//!             _ => Outcome::Fatal(Reason::new("nothing to note")),
//!         }
//!     }
//! }
//!
//! let pool = Pool::new(4, 16)?; // four threads; sixteen jobs may wait
//! let attempts = AtomicU32::new(0);
//! let fetch = Blocking::new(pool.spawner(), move |_cancelled| {
//!     if attempts.fetch_add(1, Ordering::Relaxed) == 0 {
//!         return Err(Reason::new("no answer")); // retried
//!     }
//!     Ok("hello".to_owned())
//! })
//! .deliver(|app: &mut App, text| app.fetched = Some(text));
//!
//! let mut scheduler = Scheduler::with_capacity(16);
//! let job = scheduler.add(Spec::sequence("job"))?;
//! let retry = Retry::A_FEW.constant(Duration::from_millis(1));
//! scheduler.add_below(job, Spec::work("fetch", DynWork::new(fetch)).retry(retry))?;
//! scheduler.add_below(job, Spec::work("note", DynWork::new(Note)))?;
//!
//! let mut driver = Driver::new(scheduler);
//! let report = driver.run_until_done_with(&mut App::default());
//! assert!(report.is_success(), "{report}");
//! assert_eq!(driver.scheduler().tree(driver.now()).to_string(), "\
//! └─ ✔ job (sequence): succeeded
//!    ├─ ✔ fetch, attempt 2: succeeded
//!    └─ ✔ note: succeeded
//! ");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What can be relied on
//!
//! * **No spinning, no early or needless poll.** The thread sleeps until the earliest deadline or a wake. An idle
//!   driver makes no poll and has no wake-ups of its own, but one an hour if the next deadline is farther than that,
//!   and one every 10 ms for a wake set of your own that notifies no [`Bell`].
//! * **No wake is lost**, wherever it comes from and whenever it comes.
//! * **A panic in a work is a failure of its node**, with its message in [`Driver::last_panic`] and the [`Report`]; a
//!   panic in a work's drop, when its node is freed, is told there, too; a panic in a pool's job is the job's result. None
//!   of them ends a thread, or keeps other works from cleaning up. (A build with `panic = "abort"` ends the
//!   process, as it asks for.)
//! * **Everything has a bound**: threads, queued jobs, nodes. What does not fit is given back.
//! * **No call waits for a thread that has ended**: every call of a [`Handle`] is answered.
//! * **A scheduler may change its driver.** It keeps its wake set, so handles stay good and jobs in flight are heard; see [`Bell`].
//! * Wake sets are never freed, because handles to them may still exist. They are used again, so a program leaks no more
//!   than it needed at its busiest moment.
//!
//! A tree that has started is never moved: all works of a scheduler run on the thread that drives it. A
//! [`Fleet`] moves roots between threads before they have started, and a [`Pool`] moves jobs. What blocks or computes for
//! long belongs into the [`Pool`].
//!
//! The guide has chapters on [hosts] and on [futures], which need a wake set of your own.
//!
//! [hosts]: https://github.com/windlass-rs/windlass/blob/main/docs/guide/hosts.md
//! [futures]: https://github.com/windlass-rs/windlass/blob/main/docs/guide/futures.md

pub mod audit;
mod blocking;
mod clock;
mod driver;
mod fleet;
mod handle;
mod interrupt;
mod mailbox;
#[cfg(all(test, loom))]
mod models;
mod panics;
pub mod pool;
mod reply;
mod report;
mod seat;
mod shared;
mod snapshot;
mod spawn;
mod sync;

pub use blocking::{Blocking, Deliver, Discard, Failed};
pub use clock::{Clock, Monotonic, Park, Signal};
pub use driver::{Driver, Stats};
pub use fleet::{
    Current, Drained, Fleet, FleetCounts, FleetError, FleetHandle, FleetLook, FleetObserver, FleetOptions,
    FleetScheduler, ForcedNode, NotQueued, PlantError, Tree, TreeEnd, TreeId, TreeLook, WorkerLook,
};
pub use handle::{CallError, Done, Handle, NotAdded, WaitError};
pub use interrupt::{Interrupt, InterruptError};
pub use panics::Panic;
pub use pool::{CancelToken, Job, JobError, Pool, Rejected, Spawner};
pub use report::{End, Report};
pub use seat::Bell;
pub use shared::Stop;
pub use snapshot::{NodeSnapshot, Snapshot};
pub use spawn::{Finished, JoinError, Thread};

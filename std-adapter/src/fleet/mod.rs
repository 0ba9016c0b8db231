//! Many independent trees of works on a few threads.
//!
//! The invariant: *a tree belongs to one worker from its first crank to its end*; only its root, before it has started, goes
//! from queue to queue. So a tree's works need no lock and no `Send`, and a tree that sleeps is a line in its worker's
//! heap of deadlines.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `options` | the sizes |
//! | `tree` | one tree: its stages, and who waits for its end |
//! | `table` | all trees, by id |
//! | `watch` | what a worker is at, and which of its trees have ended |
//! | `core` | what all share, and the end of all |
//! | `run` | one worker |
//! | `handle` | what others may ask |
//! | `report` | how all of it looks from outside |

mod core;
mod handle;
#[cfg(all(test, loom))]
mod models;
mod options;
mod report;
mod run;
mod table;
mod tree;
mod watch;

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use windlass::Work;

use self::core::Core;
use self::run::Run;
use crate::audit::{Audit, Moment, Off, Report};
use crate::clock::{Clock, Monotonic, lock};
use crate::panics::{discard, message};
use crate::pool::{Hub, Ring, Threads, Worker};
use crate::reply;
use crate::spawn::Closing;

pub use handle::{FleetError, FleetHandle, NotQueued};
pub use options::FleetOptions;
pub use report::{Drained, FleetCounts, FleetLook, WorkerLook};
pub use tree::{FleetScheduler, PlantError, Tree, TreeEnd, TreeId, TreeLook};
pub use watch::{Current, FleetObserver, ForcedNode};

/// Runs many independent trees of works on a few threads.
///
/// Roots wait in queues, from which workers take them and steal them from each other. The worker that takes one owns the
/// tree from then on: its scheduler runs it, beside all others of that worker. A tree that sleeps costs no poll, and
/// one that has ended leaves its room to others.
///
/// Dropped, it is shut down with nine seconds for the clean-up, and workers that have not returned a second later go on
/// alone. Dropped by one of its own works, it is shut down and not waited for.
///
/// ```
/// use std::time::Duration;
/// use windlass::{Cx, Outcome, Spec, Work};
/// use windlass_std::{Fleet, FleetOptions};
///
/// struct Visit(u32);
/// impl Work for Visit {
///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
///         self.0 -= 1;
///         if self.0 == 0 { Outcome::Success } else { Outcome::WaitFor(Duration::from_millis(1)) }
///     }
/// }
///
/// let fleet: Fleet<Visit> = Fleet::start(&FleetOptions::new(2), |_worker| ())?;
/// let handle = fleet.handle();
/// let trees: Result<Vec<_>, _> = (1..=100).map(|n| handle.add(Spec::work("visit", Visit(n)))).collect();
/// for tree in trees? {
///     assert!(tree.wait()?.is_success());
/// }
/// let drained = fleet.shutdown(Duration::from_secs(1));
/// assert_eq!(drained.to_string(), "100 succeeded, 0 failed, 0 aborted, 0 not planted, 0 never started");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Fleet<W: 'static, A: Audit = Off> {
    core: Arc<Core<W>>,
    hub: Arc<Hub<A, Ring<A::Tag>>>,
    threads: Threads,
}

/// How long a drop gives to the clean-up.
const DRAIN_ON_DROP: Duration = Duration::from_secs(9);
/// How much longer than the clean-up may take the workers are waited for.
const GRACE: Duration = Duration::from_secs(1);

impl<W: 'static, A: Audit> Fleet<W, A> {
    /// Starts the workers. Each makes its own application first, for its works to reach through
    /// [`Cx::app`](windlass::Cx::app): on its own thread, so that it need not be [`Send`].
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for sizes that are impossible, those of the operating system when it starts
    /// threads, and [`io::ErrorKind::Other`] if `app` panics.
    pub fn start<P>(
        options: &FleetOptions,
        app: impl Fn(usize) -> P + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        W: Work<W, P>,
        P: 'static,
    {
        Self::start_with_clock(options, Monotonic::new(), app)
    }

    /// As [`Fleet::start`], with another clock. Tests put an `Arc` of their fake here; a worker that sleeps looks at it
    /// when something ends its sleep.
    ///
    /// # Errors
    /// As [`Fleet::start`].
    pub fn start_with_clock<P>(
        options: &FleetOptions,
        clock: impl Clock + 'static,
        app: impl Fn(usize) -> P + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        W: Work<W, P>,
        P: 'static,
    {
        let hub = Arc::new(Hub::new(&options.queues()?)?);
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let core = Arc::new(Core::new(options, Arc::clone(&hub) as _, &clock));
        // Made first: if a thread cannot be started, its drop ends those that were.
        let fleet = Self { core, hub, threads: Threads::default() };
        let app = Arc::new(app);
        let mut answers = Vec::new();
        for number in 0..options.workers {
            let (promise, answer) = reply::pair();
            answers.push((number, answer));
            let (core, hub, app) = (Arc::clone(&fleet.core), Arc::clone(&fleet.hub), Arc::clone(&app));
            let options = options.clone();
            fleet.threads.start(fleet.core.thread(number), number, move || {
                let mailbox = Arc::clone(&core.stations[number].mailbox);
                mailbox.move_in();
                let _closing = Closing(&mailbox);
                match catch_unwind(AssertUnwindSafe(|| app(number))) {
                    Ok(app) => {
                        let run = Run::new(core, Worker::new(hub, number), app, &options);
                        promise.fulfil(None);
                        run.run();
                    }
                    Err(payload) => {
                        promise.fulfil(Some(message(&payload)));
                        discard(payload);
                    }
                }
            })?;
        }
        for (number, mut answer) in answers {
            if let Some(text) = answer.wait().unwrap_or_else(|| Some("it has ended".to_owned())) {
                return Err(io::Error::other(format!("the application of worker {number}: {text}")));
            }
        }
        Ok(fleet)
    }

    /// What reaches the fleet from any thread.
    #[must_use]
    pub fn handle(&self) -> FleetHandle<W> {
        FleetHandle::new(Arc::clone(&self.core))
    }

    /// Takes no more roots, lets those that wait end without a start, and aborts all trees; what has not finished after
    /// `drain` is ended by force. Then waits for the workers, for a second longer than that at most, and says how all of
    /// it went.
    ///
    /// A worker whose work blocks for ever cannot be ended: it is named, with that work, and its trees stay as they are.
    /// May be called again, to wait longer. One of the fleet's own works may call it; then nothing is waited for.
    pub fn shutdown(&self, drain: Duration) -> Drained {
        self.core.close(drain);
        let limit = if self.core.is_own_thread() { Duration::ZERO } else { drain.saturating_add(GRACE) };
        let unreturned = self.threads.wait(limit);
        let fleet = self.core.look();
        let looks = fleet.workers.iter().filter(|look| unreturned.contains(&look.worker));
        Drained { unreturned: looks.cloned().collect(), forced: lock(&self.core.forced).clone(), fleet }
    }

    /// The audit's view of the queues, in which the activation of a tree's id is its planting. [`Moment::Quiescent`] is
    /// for the caller to be sure of: all trees have started, or the fleet was shut down and everybody has returned.
    #[must_use]
    pub fn report(&self, moment: Moment) -> Report {
        self.hub.report(moment)
    }
}

impl<W: 'static, A: Audit> Drop for Fleet<W, A> {
    fn drop(&mut self) {
        self.shutdown(DRAIN_ON_DROP);
    }
}

impl<W: 'static, A: Audit> fmt::Debug for Fleet<W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fleet({})", self.core.look())
    }
}

//! Drives a scheduler on the calling thread.
//!
//! The invariant: *a poll happens only when there is something to poll for*: a runnable node, a wake, or a deadline
//! that the clock has reached. Between two polls the thread sleeps; whatever ends the sleep (a notification, a limit,
//! nothing at all) only makes the driver ask [`Scheduler::next`] and the clock again, which costs O(1) and cranks
//! nothing.
//!
//! ```text
//!        +-> requests to stop -> Scheduler::next -+- Done -------> report
//!        |                                        +- due: poll --+
//!        |                                        +- not: park --+
//!        +-------------------------------------------------------+
//! ```
//!
//! A wake sets its bit before it notifies, and the driver looks at the bits after the notification is taken: so a
//! wake that comes between the last look and the sleep ends that sleep. This file starts no thread and knows no
//! command but "stop"; see [`crate::spawn`].

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use windlass::{Instant, Next, NodeId, Observer, Scheduler, Store, Work};

use crate::clock::{Clock, Monotonic, Park, Signal};
use crate::interrupt::{Interrupt, InterruptError};
use crate::panics::{Panic, Payload, discard, message};
use crate::report::{End, Report};
use crate::seat::Seat;
use crate::shared::{Shared, Stop};

/// How long one poll may take, unless the scheduler says otherwise; between two polls, a driver hears requests.
const TIME_BUDGET: Duration = Duration::from_millis(1);

/// The longest single sleep: far below what any operating system's timers can hold. A later deadline is slept towards
/// in pieces.
const PIECE: Duration = Duration::from_secs(3_600);

/// As `PIECE`, if the scheduler has a wake set of the user's that does not tell the driver of wakes.
const UNTOLD_PIECE: Duration = Duration::from_millis(10);

/// Drives one scheduler: knows the time, sleeps when there is nothing to do, is woken by
/// [`WakeHandle`](windlass::WakeHandle)s.
///
/// A panic of a work is caught and becomes a failure of its node ([`Reason::PANICKED`](windlass::Reason::PANICKED),
/// not retried), if panics unwind in this build. So is a panic of the drop of a work, when its node is freed: it fails the
/// work or the batch that the node was a child of, or nobody if it was at the top. A panic of an observer goes on to the
/// caller: it may come in the middle of a change, so the scheduler cannot be polled on.
///
/// ```
/// use std::time::Duration;
/// use windlass::{Cx, Outcome, Scheduler, Spec, Work};
/// use windlass_std::Driver;
///
/// struct Blink(u32);
/// impl Work for Blink {
///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
///         self.0 -= 1;
///         if self.0 == 0 { Outcome::Success } else { Outcome::WaitFor(Duration::from_millis(1)) }
///     }
/// }
///
/// let mut scheduler = Scheduler::with_capacity(16);
/// scheduler.add(Spec::work("blink", Blink(3)))?;
/// let report = Driver::new(scheduler).run_until_done();
/// assert!(report.is_success());
/// # Ok::<(), windlass::Error>(())
/// ```
pub struct Driver<S, O = ()> {
    scheduler: Scheduler<S, O>,
    shared: Arc<Shared>,
    end: End,
    stats: Stats,
    last_panic: Option<Panic>,
    on_panic: Option<OnPanic>,
    interrupt: Option<Interrupt>,
    /// A drop has panicked: there may be more to free, though nothing is due.
    unfreed: bool,
    seat: Seat,
}

type OnPanic = Box<dyn FnMut(&Panic) + Send>;

/// What a driver has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Polls of the scheduler.
    pub polls: u64,
    /// Sleeps.
    pub parks: u64,
    /// Panics of works that were caught.
    pub panics: u64,
}

/// What one step of a driver was.
pub(crate) enum Step {
    /// A poll or a sleep. There may be more.
    Moved,
    /// Nothing: the deadline of the run has come.
    Late,
    /// Nothing: every node has ended.
    Over,
}

impl<S: Store, O: Observer> Driver<S, O> {
    /// Takes a scheduler into hand, with the monotonic clock and the calling thread's sleep.
    ///
    /// The scheduler keeps its wake set, and with it all handles made before: one of your own, or that of an earlier driver. One that has none is given
    /// one. A set of your own should notify a [`Bell`](crate::Bell). If it does not, nothing ends the driver's sleep when a wake comes: it looks for
    /// wakes every 10 ms then.
    ///
    /// Unless the scheduler has a [seed](Scheduler::set_seed), it gets a random one, so that programs that fail together do not retry together. Set one for
    /// runs that can be repeated.
    ///
    /// Unless the scheduler has a [time budget](Scheduler::set_time_budget), it gets one of a millisecond, so that a request to stop is heard after the
    /// crank that is going on.
    #[must_use]
    pub fn new(scheduler: Scheduler<S, O>) -> Self {
        Self::with_clock(scheduler, Monotonic::new(), Signal::default())
    }

    /// As [`Driver::new`], with another clock and another way to sleep. Tests put `Arc`s of their fakes here.
    #[must_use]
    pub fn with_clock(
        scheduler: Scheduler<S, O>,
        clock: impl Clock + 'static,
        park: impl Park + 'static,
    ) -> Self {
        Self::with_shared(scheduler, Shared::new(Box::new(clock), Box::new(park)))
    }

    /// As [`Driver::with_clock`], with what others have in hand already.
    pub(crate) fn with_shared(mut scheduler: Scheduler<S, O>, shared: Arc<Shared>) -> Self {
        let seat = Seat::take(&mut scheduler, Arc::clone(&shared));
        let mut driver = Self {
            scheduler,
            shared,
            end: End::Done,
            stats: Stats::default(),
            last_panic: None,
            on_panic: None,
            interrupt: None,
            unfreed: false,
            seat,
        };
        if driver.scheduler.seed().is_none() {
            // Its keys come from the operating system.
            driver.scheduler.set_seed(RandomState::new().hash_one(()));
        }
        if driver.scheduler.time_budget().is_none() {
            driver.scheduler.set_time_budget(TIME_BUDGET);
        }
        driver
    }

    /// Calls `callback` at each panic of a work. Its node is failed by the poll that follows. A callback that panics itself is not called again, and is
    /// counted, too.
    ///
    /// ```
    /// use windlass::{Cx, Outcome, Scheduler, Spec, Work};
    /// use windlass_std::Driver;
    ///
    /// struct Careless;
    /// impl Work for Careless {
    ///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
    ///         panic!("forgot the keys")
    ///     }
    /// }
    ///
    /// let mut scheduler = Scheduler::with_capacity(1);
    /// scheduler.add(Spec::work("leave", Careless))?;
    /// let mut driver = Driver::new(scheduler).on_panic(|panic| eprintln!("{panic}"));
    /// let report = driver.run_until_done();
    /// assert_eq!(report.exit_code(), 1);
    /// assert_eq!(
    ///     report.to_string(),
    ///     "done: 0 succeeded, 1 failed, 0 aborted; 1 panic, the last: 0v1 leave panicked: forgot the keys"
    /// );
    /// # Ok::<(), windlass::Error>(())
    /// ```
    #[must_use]
    pub fn on_panic(mut self, callback: impl FnMut(&Panic) + Send + 'static) -> Self {
        self.on_panic = Some(Box::new(callback));
        self
    }

    /// Lets Ctrl-C (and a request to terminate) end the run: the first aborts everything and gives it `drain` to
    /// clean up, the second ends the process with exit code 130. See [`Interrupt`].
    ///
    /// # Errors
    /// [`InterruptError`] if the operating system refuses the handler.
    pub fn on_interrupt(mut self, drain: Duration) -> Result<Self, InterruptError> {
        self.interrupt = Some(Interrupt::new(self.stop(), drain)?);
        Ok(self)
    }

    /// Runs until every node has ended.
    ///
    /// A node that waits for a wake that nobody will ever send keeps it for ever;
    /// [`View::stalled`](windlass::View::stalled) finds such nodes, and [`Driver::stop`] ends them.
    pub fn run_until_done(&mut self) -> Report
    where
        S::Work: Work,
    {
        self.run_until_done_with(&mut ())
    }

    /// As [`Driver::run_until_done`], for works that reach the application through [`Cx::app`](windlass::Cx::app).
    pub fn run_until_done_with<A: ?Sized>(&mut self, app: &mut A) -> Report
    where
        S::Work: Work<S::Work, A>,
    {
        while !matches!(self.step(app, None, false), Step::Over) {}
        self.report()
    }

    /// Runs until every node has ended or the clock ([`Driver::now`]) has reached `deadline`, whichever comes first,
    /// and says when the scheduler wants to be polled next. Nothing is aborted; the next run goes on where this one
    /// stopped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass::{Cx, Next, Outcome, Scheduler, Spec, Work};
    /// use windlass_std::Driver;
    ///
    /// struct Nap;
    /// impl Work for Nap {
    ///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
    ///         Outcome::WaitFor(Duration::from_secs(3_600))
    ///     }
    /// }
    ///
    /// let mut scheduler = Scheduler::with_capacity(1);
    /// scheduler.add(Spec::work("nap", Nap))?;
    /// let mut driver = Driver::new(scheduler);
    /// let soon = driver.now() + Duration::from_millis(10);
    /// assert_ne!(driver.run_until(soon), Next::Done); // it still sleeps
    /// # Ok::<(), windlass::Error>(())
    /// ```
    pub fn run_until(&mut self, deadline: Instant) -> Next
    where
        S::Work: Work,
    {
        self.run_until_with(deadline, &mut ())
    }

    /// As [`Driver::run_until`], for works that reach the application.
    pub fn run_until_with<A: ?Sized>(&mut self, deadline: Instant, app: &mut A) -> Next
    where
        S::Work: Work<S::Work, A>,
    {
        while matches!(self.step(app, Some(deadline), false), Step::Moved) {}
        self.scheduler.next()
    }

    /// Polls once, due or not, and never sleeps: for programs that have a main loop of their own.
    pub fn poll(&mut self) -> Next
    where
        S::Work: Work,
    {
        self.poll_with(&mut ())
    }

    /// As [`Driver::poll`], for works that reach the application.
    pub fn poll_with<A: ?Sized>(&mut self, app: &mut A) -> Next
    where
        S::Work: Work<S::Work, A>,
    {
        self.obey(false);
        let now = self.now();
        self.poll_at(now, app);
        self.scheduler.next()
    }

    /// The scheduler, to add, abort and look. Do not give it another wake set.
    pub const fn scheduler_mut(&mut self) -> &mut Scheduler<S, O> {
        &mut self.scheduler
    }

    /// The scheduler.
    pub const fn scheduler(&self) -> &Scheduler<S, O> {
        &self.scheduler
    }

    /// Gives the scheduler back, with its wake set: what is woken from now on is cranked by whoever polls it next, another driver for instance.
    #[must_use]
    pub fn into_scheduler(self) -> Scheduler<S, O> {
        self.scheduler
    }

    /// What asks this driver to stop, from any thread.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(Arc::clone(&self.shared))
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// What this driver has done so far.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// The last panic of a work.
    #[must_use]
    pub const fn last_panic(&self) -> Option<&Panic> {
        self.last_panic.as_ref()
    }

    /// How things stand at the top, and why the last run ended. Cost: one look at each node.
    #[must_use]
    pub fn report(&self) -> Report {
        let end = match self.end {
            End::Done if self.scheduler.is_shut_down() => End::ShutDown,
            end => end,
        };
        let mut report = Report::new(&self.scheduler, end);
        report.panics = self.stats.panics;
        report.last_panic.clone_from(&self.last_panic);
        report
    }

    /// One turn of the loop: a poll if one is due, else a sleep. With `stay`, a scheduler that is done but not shut
    /// down is waited with.
    pub(crate) fn step<A: ?Sized>(&mut self, app: &mut A, until: Option<Instant>, stay: bool) -> Step
    where
        S::Work: Work<S::Work, A>,
    {
        self.step_with(app, until, stay, Shared::park)
    }

    /// As [`Driver::step`], with another way to sleep. What notifies the driver must end that sleep, too.
    pub(crate) fn step_with<A: ?Sized>(
        &mut self,
        app: &mut A,
        until: Option<Instant>,
        stay: bool,
        sleep: impl FnOnce(&Shared, Option<Duration>),
    ) -> Step
    where
        S::Work: Work<S::Work, A>,
    {
        self.obey(stay);
        if std::mem::take(&mut self.unfreed) {
            let now = self.now();
            self.poll_at(now, app);
            return Step::Moved;
        }
        let next = self.scheduler.next();
        if next == Next::Done && (!stay || self.scheduler.is_shut_down()) {
            return Step::Over;
        }
        let now = self.now();
        if until.is_some_and(|until| until <= now) {
            return Step::Late;
        }
        let wake_at = match next {
            Next::At(at) if at > now => Some(at),
            Next::OnWake | Next::Done => None,
            _ => {
                self.poll_at(now, app);
                return Step::Moved;
            }
        };
        let first = wake_at.into_iter().chain(until).min();
        let limit = first.map(|at| (at - now).min(PIECE));
        let untold = !self.seat.is_told() && next != Next::Done;
        self.stats.parks += 1;
        sleep(&self.shared, if untold { Some(limit.unwrap_or(PIECE).min(UNTOLD_PIECE)) } else { limit });
        Step::Moved
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn obey(&mut self, stay: bool) {
        let Some(request) = self.shared.take_request() else { return };
        if self.scheduler.next() == Next::Done && !stay {
            return;
        }
        self.scheduler.shutdown(request.deadline);
        if request.interrupt {
            self.end = End::Interrupted;
        } else if self.end == End::Done {
            self.end = End::ShutDown;
        }
    }

    fn poll_at<A: ?Sized>(&mut self, now: Instant, app: &mut A)
    where
        S::Work: Work<S::Work, A>,
    {
        let Err(payload) = self.call(now, app) else { return };
        let node = self.scheduler.interrupted();
        if node.is_none() && !self.scheduler.was_dropping() {
            // Not a work's, but an observer's. The engine may be in the middle of something.
            resume_unwind(payload);
        }
        self.note_panic(payload, node, now);
        self.unfreed = node.is_none();
    }

    fn note_panic(&mut self, payload: Payload, node: Option<NodeId>, now: Instant) {
        let name = node.and_then(|node| self.scheduler.node(node).ok()).map_or("", |node| node.name());
        let panic = Panic { message: message(&payload), node, name, at: now };
        discard(payload);
        self.stats.panics += 1;
        let panic = self.last_panic.insert(panic);
        let Some(callback) = &mut self.on_panic else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(panic))) {
            discard(payload);
            self.stats.panics += 1;
            discard(self.on_panic.take());
        }
    }

    fn call<A: ?Sized>(&mut self, now: Instant, app: &mut A) -> Result<(), Payload>
    where
        S::Work: Work<S::Work, A>,
    {
        self.stats.polls += 1;
        // The engine keeps its tables whole; what a half-done work is worth, its node's failure says.
        catch_unwind(AssertUnwindSafe(|| {
            let (mut first, shared) = (Some(now), &*self.shared);
            let clock = || first.take().unwrap_or_else(|| shared.now());
            let _ = self.scheduler.poll_work_with(clock, app);
        }))
    }
}

impl<S: Store, O: Observer> fmt::Debug for Driver<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("scheduler", &self.scheduler)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

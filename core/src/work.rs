//! What a user writes: a state machine that does one short step each time it is cranked.

use core::fmt;
use core::time::Duration;

use crate::cx::Cx;
use crate::reason::Reason;
use crate::time::Instant;

/// What a work says at the end of a crank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Outcome {
    /// More to do: crank me again in the next pass.
    Running,
    /// Nothing to do before a wake: from a [`WakeHandle`](crate::WakeHandle), from [`Scheduler::wake`](crate::Scheduler::wake), or
    /// because a child was added or has ended.
    Waiting,
    /// As `Waiting`, but no longer than this. `Duration::MAX` is `Waiting`.
    WaitFor(Duration),
    /// Nothing to do for so long. No wake ends it, and no child's end; only time does, a timeout, or an abort.
    Sleep(Duration),
    /// As `Sleep`, but until then; for what shall happen at fixed times, without the drift of delays that are added up. A time that has come is `Running`.
    SleepUntil(Instant),
    /// Done. Children that still live are aborted first.
    Success,
    /// Done, because there was nothing to do. As `Success`, and shown as skipped.
    Skipped,
    /// Failed; tried again while the retry budget lasts, after the policy's delay. Children that still live are aborted first.
    Failure(Reason),
    /// Failed for good, whatever the budget.
    Fatal(Reason),
    /// As `Failure`, but with exactly this delay (rounded up to a microsecond), for a peer that says when to come back. Uses up the budget
    /// all the same.
    RetryAfter(Duration, Reason),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Success
    }
}

/// Success, or a failure that is tried again while the budget lasts.
impl<E: Into<Reason>> From<Result<(), E>> for Outcome {
    fn from(result: Result<(), E>) -> Self {
        result.map_or_else(|error| Self::Failure(error.into()), Self::from)
    }
}

/// So that `?` works in a step: let a function of yours give a `Result<Outcome, Reason>`, and `on_run` end with `.into()`.
///
/// ```
/// use windlass::{Cx, Outcome, Reason, Spec, Work};
///
/// struct Root;
///
/// impl Root {
///     fn step(&mut self, cx: &mut Cx<'_, Self>) -> Result<Outcome, Reason> {
///         cx.add_child(Spec::work("leaf", Root))?; // a full table is a failure
///         Ok(Outcome::Waiting)
///     }
/// }
///
/// impl Work for Root {
///     fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
///         self.step(cx).into()
///     }
/// }
/// ```
impl<E: Into<Reason>> From<Result<Self, E>> for Outcome {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::Failure(error.into()))
    }
}

/// What a work says when it is cranked while aborting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum AbortStep {
    /// Clean: the node is aborted.
    Done,
    /// More to do: crank me again in the next pass.
    Running,
    /// Nothing to do before a wake.
    Waiting,
    /// As `Waiting`, but no longer than this.
    WaitFor(Duration),
}

/// What a gate or a callback says when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[must_use]
pub enum Check {
    /// The gate opens; the callback succeeds.
    Yes,
    /// The gate stays shut and is asked again; the callback fails.
    No,
    /// The gate, or the callback, fails with this reason.
    Fail(Reason),
}

impl From<bool> for Check {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// What a batch's generator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[must_use]
pub enum Generated {
    /// It added one child with [`Cx::add_child`] (and whatever belongs below it).
    Added,
    /// There is nothing more.
    Exhausted,
}

/// A unit of work, cranked by the scheduler.
///
/// `W` is the one work type of the scheduler, the type of the children that this work can add; `A` is the application's own type, reached
/// through [`Cx::app`]. Three shapes compile: an enum (or struct) that is its own `W`, [`DynWork`](crate::DynWork)
/// with the `alloc` feature, and `&mut dyn Work<W, A>`.
///
/// Every method is called from the crank loop only, one at a time, and should be short: nothing else moves meanwhile. It may add children,
/// wake, abort, pause and look at other nodes through `cx`. A wake may be spurious: it means "look again", never "it is done".
///
/// ```
/// use windlass::{Cx, Inline, Next, Instant, Outcome, Scheduler, Spec, Work};
///
/// enum Blink { Steps(u32) }
///
/// impl Work for Blink {
///     fn on_run(&mut self, _cx: &mut Cx<'_, Self>) -> Outcome {
///         let Blink::Steps(left) = self;
///         *left -= 1;
///         if *left == 0 { Outcome::Success } else { Outcome::Running }
///     }
/// }
///
/// let mut s: Scheduler<Inline<Blink, 4>> = Scheduler::new();
/// s.add(Spec::work("blink", Blink::Steps(3))).unwrap();
/// assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
/// assert_eq!(s.metrics().cranks, 3);
/// ```
///
/// A work that the application keeps, lent to the scheduler:
///
/// ```
/// use windlass::{Cx, Inline, Instant, Next, Outcome, Scheduler, Spec, Work};
///
/// struct Count(u32);
///
/// // Any `W` will do for a work that adds no children.
/// impl<W> Work<W> for Count {
///     fn on_run(&mut self, _cx: &mut Cx<'_, W>) -> Outcome {
///         self.0 += 1;
///         Outcome::Success
///     }
/// }
///
/// struct Lent<'a>(&'a mut dyn Work<Lent<'a>>);
///
/// impl<'a> Work for Lent<'a> {
///     fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
///         self.0.on_run(cx)
///     }
/// }
///
/// let (mut one, mut two) = (Count(0), Count(0));
/// let mut s: Scheduler<Inline<Lent<'_>, 4>> = Scheduler::new();
/// s.add(Spec::work("one", Lent(&mut one))).unwrap();
/// s.add(Spec::work("two", Lent(&mut two))).unwrap();
/// assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
/// drop(s);
/// assert_eq!((one.0, two.0), (1, 1));
/// ```
pub trait Work<W = Self, A: ?Sized = ()> {
    /// One step. A node with children is called at the end of each pass over them while it says `Running`, and when a child ends while
    /// it says `Waiting`.
    fn on_run(&mut self, cx: &mut Cx<'_, W, A>) -> Outcome;

    /// One step of cleaning up, after the children are done. The default is done at once.
    fn on_abort(&mut self, cx: &mut Cx<'_, W, A>) -> AbortStep {
        let _ = cx;
        AbortStep::Done
    }

    /// Restore the initial state. Called before every start, so before the first run too, and after every attempt that has failed and every abort that has
    /// been cleaned up. So it may be called twice with no run in between. Never called on success, after a panic, or after an end by force.
    ///
    /// A parent that is tried again or restarted does not reset its children: the members of a composite are reset when they start again, and what a work or
    /// a batch has added is dropped.
    fn on_reset(&mut self, cx: &mut Cx<'_, W, A>) {
        let _ = cx;
    }

    /// The node is about to succeed.
    fn on_success(&mut self, cx: &mut Cx<'_, W, A>) {
        let _ = cx;
    }

    /// The attempt failed and will be retried; [`Cx::failure`] says why.
    fn on_failure_retry(&mut self, cx: &mut Cx<'_, W, A>) {
        let _ = cx;
    }

    /// The node is about to fail for good; [`Cx::failure`] says why.
    fn on_failure_raise(&mut self, cx: &mut Cx<'_, W, A>) {
        let _ = cx;
    }

    /// Asked as the generator of a batch, as often as the batch has room: add one child through `cx`, or say that there are no more.
    fn on_next(&mut self, cx: &mut Cx<'_, W, A>) -> Generated {
        let _ = cx;
        Generated::Exhausted
    }

    /// Whether [`Work::on_reset`] takes the generator of a batch back to its first item. If not (the default), a batch that has asked it for items is not tried
    /// again, and fails for good if something above it is: what the first attempt took out would be missing from the second, which would succeed without it.
    fn rewinds(&self) -> bool {
        false
    }

    /// Asked as the predicate of a gate (until it says yes) or as a callback (once).
    fn on_check(&mut self, cx: &mut Cx<'_, W, A>) -> Check {
        let _ = cx;
        Check::Yes
    }

    /// Says more about this work for status and tree displays, on one line. The default says nothing.
    ///
    /// # Errors
    /// Those of the formatter.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        Ok(())
    }
}

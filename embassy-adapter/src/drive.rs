//! The task: poll, rest, and again until all is done.
//!
//! The invariant: *between two polls the task rests until a deadline or a ring, and sleeps meanwhile*. Whatever else
//! wakes it (an alarm that was overtaken, a neighbour in the same task) sends it back to sleep without a poll. All that
//! outlives an `await` is in the scheduler and in the bell, so a future that is dropped loses nothing.
//!
//! ```text
//!        +-> shut down, if asked -> poll_work(now) -+- Done -> return
//!        |                                          |
//!        +-- rest <---------------------------------+
//!              Now: one turn of the other tasks
//!              At: one timer, rounded up, or a ring
//!              OnWake: a ring, no timer
//! ```
//!
//! A wake sets its bit before it rings, and the bell is silenced before the poll that takes the bits: so a wake that
//! comes between the poll and the sleep ends that sleep.

use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_time::{Duration, Timer};
use windlass::{Next, Observer, Scheduler, Store, Work};

use crate::bell::Bell;
use crate::clock::{now, to_alarm};

/// The longest single sleep: one hour. A later deadline is slept towards in pieces; the poll between two of them costs
/// O(1) and cranks nothing.
///
/// Below 2 to the power of 32 microseconds (71 minutes), so a chip's 32-bit alarm holds it; and an alarm that a chip
/// loses in its sleep delays a job by an hour at most, not for ever.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);

/// Runs a scheduler until every node has ended.
///
/// `bell` is what the scheduler's wake set notifies; [`Bell::shutdown`] ends it early. How each node ended, the
/// scheduler tells afterwards: [`Scheduler::state`], and [`View::drain`](windlass::View::drain) for who did not finish
/// in time.
///
/// * After each poll the other tasks of the executor get their turn. [`Scheduler::set_budget`] says how many cranks a
///   poll may make before that, and [`Scheduler::set_time_budget`] how long they may take.
/// * Cancel-safe: dropped at any `await` and called again, it goes on where it was. Deadlines that passed meanwhile are
///   late, wakes are kept.
/// * A node that waits for a wake that nobody will ever send keeps it for ever;
///   [`View::stalled`](windlass::View::stalled) finds such nodes.
pub async fn run<S, O>(scheduler: &mut Scheduler<S, O>, bell: &Bell)
where
    S::Work: Work,
    S: Store,
    O: Observer,
{
    run_with(scheduler, bell, &mut ()).await;
}

/// As [`run`], for works that reach the application through [`Cx::app`](windlass::Cx::app).
pub async fn run_with<S, O, A>(scheduler: &mut Scheduler<S, O>, bell: &Bell, app: &mut A)
where
    S::Work: Work<S::Work, A>,
    S: Store,
    O: Observer,
    A: ?Sized,
{
    loop {
        if let Some(by) = bell.take_shutdown() {
            scheduler.shutdown(by);
        }
        match scheduler.poll_work_with(now, app) {
            Next::Done => return,
            next => rest(next, bell).await,
        }
    }
}

/// Rests until the scheduler that answered `next` should be polled again: the rest of a loop of your own, for adding
/// or aborting nodes while others run.
///
/// Returns after the other tasks had one turn for [`Next::Now`], at the deadline for [`Next::At`] (or before, if that is
/// more than [`LONGEST_SLEEP`] away), and for all but `Now` when the bell rings. Arms no timer for [`Next::OnWake`] and
/// [`Next::Done`]. Cancel-safe: a ring that comes while nobody rests ends the next rest.
///
/// ```
/// use core::time::Duration;
///
/// use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
/// use embassy_sync::signal::Signal;
/// use windlass::{Cx, Inline, Next, NodeId, Outcome, Scheduler, Spec, State, Work, wake_set};
/// use windlass_embassy::{Bell, now, rest};
///
/// struct Blink;
/// impl Work for Blink {
///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
///         Outcome::WaitFor(Duration::from_millis(500))
///     }
/// }
///
/// static BELL: Bell = Bell::new();
/// wake_set!(static WAKES: 4, notify = &BELL);
/// /// Which light shall go out. Whoever sets it rings the bell.
/// static OUT: Signal<CriticalSectionRawMutex, NodeId> = Signal::new();
///
/// async fn lights(scheduler: &mut Scheduler<Inline<Blink, 4>>) -> Result<(), windlass::Error> {
///     loop {
///         if let Some(light) = OUT.try_take() {
///             scheduler.abort(light)?;
///         }
///         match scheduler.poll_work(now()) {
///             Next::Done => return Ok(()),
///             next => rest(next, &BELL).await,
///         }
///     }
/// }
///
/// let mut scheduler = Scheduler::new();
/// scheduler.set_wakes(&WAKES);
/// let red = scheduler.add(Spec::work("red", Blink))?;
/// let button = async {
///     embassy_futures::yield_now().await; // it blinks
///     OUT.signal(red);
///     BELL.ring();
/// };
/// embassy_futures::block_on(embassy_futures::join::join(lights(&mut scheduler), button)).0?;
/// assert_eq!(scheduler.state(red)?, State::Aborted);
/// # Ok::<(), windlass::Error>(())
/// ```
pub async fn rest(next: Next, bell: &Bell) {
    if next == Next::Now || bell.is_rung() {
        // Without this, a bell that rings all the time would keep the others from their turn.
        yield_now().await;
    } else if let Next::At(at) = next {
        let limit = embassy_time::Instant::now().saturating_add(LONGEST_SLEEP);
        select(bell.rung(), Timer::at(to_alarm(at).min(limit))).await;
    } else {
        bell.rung().await;
    }
    bell.silence();
}

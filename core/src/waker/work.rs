//! A future as a work: polled when the node is cranked, dropped when its attempt is over.
//!
//! The invariant: a future is polled only between the start and the end of one attempt, and it is dropped on every way out: it has finished, the
//! attempt failed or timed out, the node was aborted, or the work itself is dropped. Nothing here is unsafe.
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::DerefMut;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::WakeCell;
use crate::cx::Cx;
use crate::reason::Reason;
use crate::work::{AbortStep, Outcome, Work};

/// What an [`AsyncWork`] polls: a [`Routine`](crate::Routine) of any type.
pub trait Rerun {
    /// Goes on with the future that has been begun; begins one if there is none. A future that has finished is dropped before this returns.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome>;

    /// Drops the future that has been begun, wherever it is. Nothing happens if there is none.
    fn cancel(self: Pin<&mut Self>);
}

/// A work that polls a future: waiting while it is pending, and ended by its output.
///
/// Each retry and each restart begins with a fresh future. An abort is a cancellation, as async code knows it: the future is dropped at its
/// last `await`, and nothing in it runs but destructors; so is a future whose attempt timed out. What has to be awaited on the way out belongs
/// into a node of its own. A forced end calls no hooks, so then the future is dropped with the work, when the slot is freed. The
/// future of an output that does not end the attempt ([`Outcome::WaitFor`], say) is dropped as well, and the next crank begins another one.
///
/// It is a work for any application and any scheduler, alone or inside your own enum. A node without a waker (see [`Cx::waker`]) fails with
/// [`Reason::NO_WAKER`], at once and for good.
///
/// `P` is how the routine is held: [`AsyncLeaf`] for futures of different types, `&mut Routine<_, _>` for one type without dynamic
/// calls, `Box<dyn Rerun>` on the heap.
///
/// ```
/// use core::pin::pin;
/// use futures_lite::future::yield_now;
/// use windlass::{
///     AsyncLeaf, Inline, Instant, Next, Reason, Retry, Routine, Scheduler, Spec, WakeCell, wake_set,
/// };
///
/// async fn fetch(try_number: u32) -> Result<(), Reason> {
///     yield_now().await; // pending, until its waker is called; here that is at once
///     if try_number == 1 { Err(Reason::new("no answer")) } else { Ok(()) }
/// }
///
/// wake_set!(static WAKES: 8);
/// static CELLS: [WakeCell; 8] = WakeCell::row(&WAKES);
///
/// let mut tries = 0;
/// let fetch = pin!(Routine::new(|| {
///     tries += 1;
///     fetch(tries)
/// }));
/// let flash = pin!(Routine::new(|| async { yield_now().await }));
///
/// let mut s: Scheduler<Inline<AsyncLeaf<'_>, 8>> = Scheduler::new();
/// s.set_wakes(&WAKES);
/// let job = s.add(Spec::sequence("update"))?;
/// s.add_below(job, Spec::work("fetch", AsyncLeaf::new(fetch, &CELLS)).retry(Retry::A_FEW))?;
/// s.add_below(job, Spec::work("flash", AsyncLeaf::new(flash, &CELLS)))?;
///
/// let mut now = Instant::ZERO;
/// loop {
///     match s.poll_work(now) {
///         Next::Now => {}
///         Next::At(at) => now = at,
///         Next::OnWake => unreachable!("these futures wake themselves"),
///         Next::Done => break,
///     }
/// }
/// assert_eq!(s.metrics().retries, 1);
/// assert!(s.status(job)?.is_done());
/// # Ok::<(), windlass::Error>(())
/// ```
pub struct AsyncWork<P: DerefMut<Target: Rerun>> {
    routine: Pin<P>,
    cells: &'static [WakeCell],
}

/// A work that polls a future of any type, which lies somewhere else: see [`AsyncWork`]. `AsyncLeaf::new` takes any pinned `&mut` [`Routine`](crate::Routine).
pub type AsyncLeaf<'a> = AsyncWork<&'a mut (dyn Rerun + 'a)>;

impl<P: DerefMut<Target: Rerun>> AsyncWork<P> {
    /// A work that polls `routine`. `cells` is the scheduler's whole [`WakeCell::row`], the same for all its works.
    #[must_use]
    pub const fn new(routine: Pin<P>, cells: &'static [WakeCell]) -> Self {
        Self { routine, cells }
    }
}

impl<P: DerefMut<Target: Rerun>, A: ?Sized, W> Work<W, A> for AsyncWork<P> {
    fn on_run(&mut self, cx: &mut Cx<'_, W, A>) -> Outcome {
        let Ok(waker) = cx.waker(self.cells) else { return Outcome::Fatal(Reason::NO_WAKER) };
        match self.routine.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => Outcome::Waiting,
            Poll::Ready(outcome) => outcome,
        }
    }

    fn on_abort(&mut self, _: &mut Cx<'_, W, A>) -> AbortStep {
        self.routine.as_mut().cancel();
        AbortStep::Done
    }

    fn on_reset(&mut self, _: &mut Cx<'_, W, A>) {
        self.routine.as_mut().cancel();
    }
}

/// Drops the future, too, even if the routine lives on.
impl<P: DerefMut<Target: Rerun>> Drop for AsyncWork<P> {
    fn drop(&mut self) {
        self.routine.as_mut().cancel();
    }
}

impl<P: DerefMut<Target: Rerun>> fmt::Debug for AsyncWork<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncWork")
    }
}

//! What other threads may do to a scheduler that runs on a thread of its own.
//!
//! The invariant: *no call hangs and none is lost*: each becomes a command in the scheduler's mailbox, which answers
//! every one, and what was offered and not taken comes back. This file knows what can be asked; how it gets there is
//! the mailbox's.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use windlass::{Error, Instant, Metrics, NodeId, Observer, Scheduler, Spec, Store};

use crate::mailbox::{Desk, Mailbox, Waiter};
use crate::reply::{self, Answer};
use crate::shared::Stop;
use crate::snapshot::{NodeSnapshot, Snapshot};

/// Reaches a scheduler that runs on another thread; see [`Driver::serve`](crate::Driver::serve).
///
/// A clone reaches the same one. Each call waits for the scheduler's thread to come to it, that is, for the end of
/// the poll it is in. When the thread has ended, every call says [`CallError::Ended`]; nothing hangs.
pub struct Handle<S, O = ()> {
    mailbox: Arc<Mailbox<S, O>>,
}

/// Why a call did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The scheduler's thread has ended.
    Ended,
    /// The caller is the scheduler's own thread, which cannot wait for itself. A work has its `cx` for this.
    OwnThread,
    /// The engine refused.
    Engine(Error),
}

/// An addition that came to nothing: why, and everything that was offered.
pub struct NotAdded<W> {
    /// Why.
    pub error: CallError,
    /// What was offered, the work included.
    pub spec: Spec<W>,
}

/// The end of a node, to block for or to await. Dropping it means nothing.
#[must_use = "it does nothing unless it is waited for"]
pub struct Done {
    answer: Answer<Result<NodeSnapshot, WaitError>>,
}

/// Why the end of a node cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// It ended and its slot was freed before anybody could look: a child that its parent has taken note of, or a
    /// detached node.
    Freed,
    /// It could not be asked for.
    Call(CallError),
}

impl<S, O> Handle<S, O>
where
    S: Store<Work: Send + 'static> + 'static,
    O: Observer + 'static,
{
    /// Adds a node at the top, as [`Scheduler::add`].
    ///
    /// # Errors
    /// [`NotAdded`], with the spec.
    pub fn add(&self, spec: Spec<S::Work>) -> Result<NodeId, NotAdded<S::Work>> {
        self.offer(spec, Scheduler::add)
    }

    /// Adds a node below another, as [`Scheduler::add_below`]. Children that belong together are better added in one
    /// [`Handle::with`], so that none runs before the last is there.
    ///
    /// # Errors
    /// [`NotAdded`], with the spec.
    pub fn add_below(&self, parent: NodeId, spec: Spec<S::Work>) -> Result<NodeId, NotAdded<S::Work>> {
        self.offer(spec, move |scheduler, spec| scheduler.add_below(parent, spec))
    }

    /// Aborts a node and all below it, as [`Scheduler::abort`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn abort(&self, node: NodeId) -> Result<(), CallError> {
        self.abort_within(node, Duration::MAX)
    }

    /// As [`Handle::abort`], and what has not finished after `drain` is ended by force.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn abort_within(&self, node: NodeId, drain: Duration) -> Result<(), CallError> {
        self.call(move |scheduler, now| scheduler.abort_by(node, now + drain))
    }

    /// Wakes a node, as [`Scheduler::wake`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn wake(&self, node: NodeId) -> Result<(), CallError> {
        self.call(move |scheduler, _| scheduler.wake(node))
    }

    /// Keeps a node and all below it from being cranked, as [`Scheduler::pause`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn pause(&self, node: NodeId) -> Result<(), CallError> {
        self.call(move |scheduler, _| scheduler.pause(node))
    }

    /// Lets a paused node go on, as [`Scheduler::resume`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn resume(&self, node: NodeId) -> Result<(), CallError> {
        self.call(move |scheduler, _| scheduler.resume(node))
    }

    /// Starts an ended node again, as [`Scheduler::restart`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn restart(&self, node: NodeId) -> Result<(), CallError> {
        self.call(move |scheduler, _| scheduler.restart(node))
    }

    /// Frees an ended top-level node and gives its work back, as [`Scheduler::remove`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn remove(&self, node: NodeId) -> Result<Option<S::Work>, CallError> {
        self.call(move |scheduler, _| scheduler.remove(node))
    }

    /// Copies everything there is to see.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn snapshot(&self) -> Result<Snapshot, CallError> {
        self.with(|scheduler, now| Snapshot::of(scheduler, now))
    }

    /// The totals.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn metrics(&self) -> Result<Metrics, CallError> {
        self.with(|scheduler, _| scheduler.metrics())
    }

    /// The tree as text.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn tree(&self) -> Result<String, CallError> {
        self.with(|scheduler, now| scheduler.tree(now).to_string())
    }

    /// Does anything at all to the scheduler, between two polls, with the time of the call: several things in one go,
    /// or what has no method here. A panic of `f` goes on in the caller.
    ///
    /// # Errors
    /// [`CallError`], and then `f` was not called.
    ///
    /// ```
    /// use windlass::{Boxed, Scheduler, SendWork, Spec};
    /// use windlass_std::Driver;
    ///
    /// let scheduler = Scheduler::<Boxed<SendWork>>::with_capacity(8);
    /// let server = Driver::new(scheduler).serve(())?;
    /// let job = server.handle().with(|scheduler, _now| {
    ///     let job = scheduler.add(Spec::sequence("job"))?;
    ///     scheduler.add_below(job, Spec::parallel("first"))?;
    ///     scheduler.add_below(job, Spec::parallel("second"))?;
    ///     Ok::<_, windlass::Error>(job)
    /// })??;
    /// // The end of a node is a future, too.
    /// let end = futures_lite::future::block_on(server.handle().done(job))?;
    /// assert_eq!(end.children.succeeded, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Scheduler<S, O>, Instant) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        self.ask(move |desk| desk.map(|desk| f(desk.scheduler, desk.now)))
    }

    /// The end of a node, to await or to block for: how it looked when it had ended.
    pub fn done(&self, node: NodeId) -> Done {
        let (promise, answer) = reply::pair();
        self.mailbox.submit(Box::new(move |desk| match desk {
            Ok(desk) if desk.scheduler.node(node).is_ok() => desk.waiters.push(Waiter { node, promise }),
            Ok(_) => promise.fulfil(Err(WaitError::Call(CallError::Engine(Error::UnknownNode)))),
            Err(error) => promise.fulfil(Err(WaitError::Call(error))),
        }));
        Done { answer }
    }

    /// Blocks until a node has ended: [`Handle::done`] and [`Done::wait`].
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait_done(&self, node: NodeId) -> Result<NodeSnapshot, WaitError> {
        self.done(node).wait()
    }

    /// Aborts everything and lets the thread end; what has not finished after `drain` is ended by force. Does not
    /// wait: see [`Thread::join`](crate::Thread::join).
    pub fn shutdown(&self, drain: Duration) {
        self.stop().shutdown(drain);
    }

    /// What asks the scheduler's thread to stop, without naming the scheduler's type.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(Arc::clone(self.mailbox.shared()))
    }

    /// Whether the scheduler's thread still takes calls.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.mailbox.is_open()
    }

    fn offer(
        &self,
        spec: Spec<S::Work>,
        add: impl FnOnce(&mut Scheduler<S, O>, Spec<S::Work>) -> Result<NodeId, windlass::Refused<S::Work>>
        + Send
        + 'static,
    ) -> Result<NodeId, NotAdded<S::Work>> {
        self.ask(move |desk| match desk {
            Ok(desk) => add(desk.scheduler, spec)
                .map_err(|refused| NotAdded { error: CallError::Engine(refused.error), spec: refused.spec }),
            Err(error) => Err(NotAdded { error, spec }),
        })
    }

    fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Scheduler<S, O>, Instant) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, CallError> {
        self.ask(move |desk| {
            let desk = desk?;
            f(desk.scheduler, desk.now).map_err(CallError::Engine)
        })
    }

    /// Has `f` called, on the scheduler's thread if that can be, and waits for what it says.
    fn ask<R: Send + 'static>(
        &self,
        f: impl FnOnce(Result<Desk<'_, S, O>, CallError>) -> R + Send + 'static,
    ) -> R {
        let (promise, mut answer) = reply::pair();
        self.mailbox.submit(Box::new(move |desk| promise.fulfil(catch_unwind(AssertUnwindSafe(|| f(desk))))));
        match answer.wait().expect("every command is answered") {
            Ok(value) => value,
            Err(payload) => resume_unwind(payload),
        }
    }
}

impl<S, O> Handle<S, O> {
    pub(crate) fn new(mailbox: Arc<Mailbox<S, O>>) -> Self {
        Self { mailbox }
    }
}

impl Done {
    /// Blocks until the node has ended.
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait(mut self) -> Result<NodeSnapshot, WaitError> {
        self.answer.wait().unwrap_or(Err(WaitError::Call(CallError::Ended)))
    }
}

impl Future for Done {
    type Output = Result<NodeSnapshot, WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        Poll::Ready(answer.unwrap_or(Err(WaitError::Call(CallError::Ended))))
    }
}

impl<S, O> Clone for Handle<S, O> {
    fn clone(&self) -> Self {
        Self { mailbox: Arc::clone(&self.mailbox) }
    }
}

impl<S, O> fmt::Debug for Handle<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.mailbox.is_open() { "Handle(open)" } else { "Handle(ended)" })
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Done({})", if self.answer.is_settled() { "settled" } else { "pending" })
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the scheduler's thread has ended"),
            Self::OwnThread => f.write_str("the scheduler's own thread cannot wait for itself"),
            Self::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Freed => f.write_str("the node has ended and its slot was freed"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WaitError {}

impl<W> fmt::Debug for NotAdded<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotAdded({:?}, {:?})", self.error, self.spec.name())
    }
}

impl<W> fmt::Display for NotAdded<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot add {:?}: {}", self.spec.name(), self.error)
    }
}

impl<W> std::error::Error for NotAdded<W> {}

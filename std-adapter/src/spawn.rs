//! A scheduler on a thread of its own.
//!
//! The invariant: *the thread ends with everything it ran*: after a shutdown it goes on until each abort is over or
//! its time is up, and then gives back the scheduler, the application and a report. What others want of the scheduler
//! meanwhile comes through a [`Handle`].

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use windlass::{Observer, Scheduler, Store, Work};

use crate::driver::{Driver, Step};
use crate::handle::Handle;
use crate::mailbox::{Desk, Mailbox, settle};
use crate::panics::{discard, message};
use crate::report::Report;
use crate::sync::thread::{self, JoinHandle};

/// How long a drop waits for aborts before it ends them by force.
const DRAIN_ON_DROP: Duration = Duration::from_secs(10);

/// A thread that runs a scheduler.
///
/// Dropping it shuts the scheduler down, with ten seconds for the aborts, and waits for the thread.
pub struct Thread<S, O = (), A = ()>
where
    S: Store<Work: Send + 'static> + 'static,
    O: Observer + 'static,
{
    handle: Handle<S, O>,
    thread: Option<JoinHandle<Finished<S, O, A>>>,
}

/// What a thread gives back when it has ended.
#[non_exhaustive]
pub struct Finished<S, O = (), A = ()>
where
    S: Store,
    O: Observer,
{
    /// The scheduler, with all nodes as they ended.
    pub scheduler: Scheduler<S, O>,
    /// The application.
    pub app: A,
    /// How it ended.
    pub report: Report,
}

/// Why a thread gave nothing back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It panicked, not in a work but in an observer; this is what it said.
    Panicked(String),
    /// The caller is that very thread.
    OwnThread,
}

impl<S, O> Driver<S, O>
where
    S: Store<Work: Send + 'static> + Send + 'static,
    O: Observer + Send + 'static,
{
    /// Runs the scheduler on a new thread until every node has ended, or it is shut down.
    ///
    /// # Errors
    /// Those of the operating system when it starts a thread; the driver is dropped then.
    ///
    /// ```
    /// use windlass::{Cx, Outcome, Scheduler, Spec, Work};
    /// use windlass_std::Driver;
    ///
    /// struct Count;
    /// impl Work<Self, u32> for Count {
    ///     fn on_run(&mut self, cx: &mut Cx<'_, Self, u32>) -> Outcome {
    ///         *cx.app() += 1;
    ///         Outcome::Success
    ///     }
    /// }
    ///
    /// let mut scheduler = Scheduler::with_capacity(4);
    /// scheduler.add(Spec::work("count", Count))?;
    /// let finished = Driver::new(scheduler).spawn(41)?.join()?;
    /// assert_eq!(finished.app, 42);
    /// assert!(finished.report.is_success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<A>(self, app: A) -> io::Result<Thread<S, O, A>>
    where
        S::Work: Work<S::Work, A>,
        A: Send + 'static,
    {
        self.start(app, false)
    }

    /// Runs the scheduler on a new thread until it is shut down. While there is nothing to do, the thread sleeps and
    /// takes calls.
    ///
    /// # Errors
    /// As [`Driver::spawn`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass::{Boxed, Cx, Outcome, Scheduler, SendWork, Spec, State, Work};
    /// use windlass_std::Driver;
    ///
    /// struct Answer;
    /// impl<W> Work<W, ()> for Answer {
    ///     fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
    ///         Outcome::Success
    ///     }
    /// }
    ///
    /// let scheduler = Scheduler::<Boxed<SendWork>>::with_capacity(100);
    /// let server = Driver::new(scheduler).serve(())?;
    /// let handle = server.handle();
    /// let id = handle.add(Spec::work("answer", SendWork::new(Answer)))?;
    /// assert_eq!(handle.wait_done(id)?.state, State::Success);
    /// assert_eq!(handle.tree()?, "└─ ✔ answer: succeeded\n");
    /// assert!(server.shutdown(Duration::from_secs(1))?.report.is_success());
    /// assert!(handle.metrics().is_err()); // the thread has ended
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn serve<A>(self, app: A) -> io::Result<Thread<S, O, A>>
    where
        S::Work: Work<S::Work, A>,
        A: Send + 'static,
    {
        self.start(app, true)
    }

    fn start<A>(self, app: A, stay: bool) -> io::Result<Thread<S, O, A>>
    where
        S::Work: Work<S::Work, A>,
        A: Send + 'static,
    {
        let mailbox = Mailbox::new(Arc::clone(self.shared()));
        let handle = Handle::new(Arc::clone(&mailbox));
        let thread = thread::Builder::new().name("windlass".to_owned());
        let thread = thread.spawn(move || {
            mailbox.move_in();
            let _closing = Closing(&mailbox);
            run(self, app, &mailbox, stay)
        })?;
        Ok(Thread { handle, thread: Some(thread) })
    }
}

/// Closes the mailbox however the thread ends.
pub(crate) struct Closing<'a, S, O>(pub &'a Mailbox<S, O>);

impl<S, O> Drop for Closing<'_, S, O> {
    fn drop(&mut self) {
        self.0.close();
    }
}

pub(crate) fn run<S, O, A>(
    mut driver: Driver<S, O>,
    mut app: A,
    mailbox: &Mailbox<S, O>,
    stay: bool,
) -> Finished<S, O, A>
where
    S::Work: Work<S::Work, A>,
    S: Store,
    O: Observer,
{
    let mut waiters = Vec::new();
    loop {
        let commands = mailbox.take();
        if !commands.is_empty() {
            let now = driver.now();
            for command in commands {
                let (scheduler, waiters) = (driver.scheduler_mut(), &mut waiters);
                command(Ok(Desk { scheduler, now, waiters }));
            }
        }
        settle(&mut waiters, driver.scheduler(), driver.now());
        if matches!(driver.step(&mut app, None, stay), Step::Over) {
            break;
        }
    }
    // Those who come too late hear so before the report is made, and those who wait hear how it ended.
    mailbox.close();
    settle(&mut waiters, driver.scheduler(), driver.now());
    let report = driver.report();
    Finished { scheduler: driver.into_scheduler(), app, report }
}

impl<S, O, A> Thread<S, O, A>
where
    S: Store<Work: Send + 'static> + 'static,
    O: Observer + 'static,
{
    /// What reaches the scheduler from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle<S, O> {
        self.handle.clone()
    }

    /// Waits until the thread has ended by itself, or was shut down by somebody.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn join(mut self) -> Result<Finished<S, O, A>, JoinError> {
        self.wait()
    }

    /// Aborts everything, gives it `drain` to clean up, and waits for the thread.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn shutdown(mut self, drain: Duration) -> Result<Finished<S, O, A>, JoinError> {
        self.handle.shutdown(drain);
        self.wait()
    }

    fn wait(&mut self) -> Result<Finished<S, O, A>, JoinError> {
        match self.thread.take() {
            Some(thread) if thread.thread().id() != thread::current().id() => {
                thread.join().map_err(|payload| {
                    let text = message(&payload);
                    discard(payload);
                    JoinError::Panicked(text)
                })
            }
            _ => Err(JoinError::OwnThread),
        }
    }
}

impl<S, O, A> Drop for Thread<S, O, A>
where
    S: Store<Work: Send + 'static> + 'static,
    O: Observer + 'static,
{
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.handle.shutdown(DRAIN_ON_DROP);
            // What it gives back is dropped; that is what the caller chose.
            discard(self.wait());
        }
    }
}

impl<S, O, A> fmt::Debug for Thread<S, O, A>
where
    S: Store<Work: Send + 'static> + 'static,
    O: Observer + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Thread").field(&self.handle).finish()
    }
}

impl<S: Store, O: Observer, A> fmt::Debug for Finished<S, O, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finished({})", self.report)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "the scheduler's thread panicked: {message}"),
            Self::OwnThread => f.write_str("a thread cannot wait for itself"),
        }
    }
}

impl std::error::Error for JoinError {}

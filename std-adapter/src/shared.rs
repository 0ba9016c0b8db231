//! What a driver shares with the threads that want something of it: its clock, its sleep, and requests to stop.
//!
//! The invariant: *a request is visible before its notification*, so a driver that looks for requests after each
//! sleep sees all of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use windlass::Instant;

use crate::clock::{Clock, Park, lock};
use crate::sync::{AtomicBool, Mutex, Ordering};

pub(crate) struct Shared {
    clock: Box<dyn Clock>,
    park: Box<dyn Park>,
    /// Whether `request` holds something: one load for a driver between two polls.
    asked: AtomicBool,
    request: Mutex<Option<Request>>,
}

/// What is to be done at the next opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// When what has not finished its abort is ended by force.
    pub deadline: Instant,
    /// Whether a user pressed Ctrl-C, or something like it.
    pub interrupt: bool,
}

impl Shared {
    pub(crate) fn new(clock: Box<dyn Clock>, park: Box<dyn Park>) -> Arc<Self> {
        Arc::new(Self { clock, park, asked: AtomicBool::new(false), request: Mutex::new(None) })
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn park(&self, limit: Option<Duration>) {
        self.park.park(limit);
    }

    pub(crate) fn notify(&self) {
        self.park.notify();
    }

    pub(crate) fn take_request(&self) -> Option<Request> {
        if !self.asked.load(Ordering::Acquire) {
            return None;
        }
        let mut request = lock(&self.request);
        self.asked.store(false, Ordering::Release);
        request.take()
    }

    fn ask(&self, drain: Duration, interrupt: bool) {
        let asked = Request { deadline: self.now() + drain, interrupt };
        let mut request = lock(&self.request);
        *request = Some(match *request {
            None => asked,
            Some(earlier) => Request {
                deadline: earlier.deadline.min(asked.deadline),
                interrupt: earlier.interrupt || asked.interrupt,
            },
        });
        self.asked.store(true, Ordering::Release);
        drop(request);
        self.notify();
    }
}

/// Asks a driver to stop, from any thread.
///
/// A clone asks the same driver. It may outlive the driver; then asking does nothing.
///
/// ```
/// use std::time::Duration;
/// use windlass::{Cx, Outcome, Scheduler, Spec, Work};
/// use windlass_std::{Driver, End};
///
/// struct Server;
/// impl Work for Server {
///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
///         Outcome::Waiting // for ever
///     }
/// }
///
/// let mut scheduler = Scheduler::with_capacity(4);
/// scheduler.add(Spec::work("server", Server)).unwrap();
/// let mut driver = Driver::new(scheduler);
/// let stop = driver.stop();
/// std::thread::spawn(move || stop.shutdown(Duration::from_secs(5)));
/// assert_eq!(driver.run_until_done().end, End::ShutDown);
/// ```
#[derive(Clone)]
pub struct Stop(pub(crate) Arc<Shared>);

impl Stop {
    /// Aborts everything and refuses what is new; what has not finished its abort after `drain` is ended by force
    /// (`Duration::MAX`: never). Asking again changes nothing, except that an earlier end replaces a later one. A
    /// driver that is not running does it when it runs next.
    pub fn shutdown(&self, drain: Duration) {
        self.0.ask(drain, false);
    }

    /// As [`Stop::shutdown`], and the report says that the run was interrupted.
    pub fn interrupt(&self, drain: Duration) {
        self.0.ask(drain, true);
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stop({:?})", lock(&self.0.request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Signal;

    struct At(u64);
    impl Clock for At {
        fn now(&self) -> Instant {
            Instant::from_secs(self.0)
        }
    }

    #[test]
    fn requests_add_up_to_the_earliest_end() {
        let shared = Shared::new(Box::new(At(10)), Box::new(Signal::default()));
        assert_eq!(shared.take_request(), None);
        let stop = Stop(Arc::clone(&shared));
        stop.interrupt(Duration::from_secs(5));
        stop.shutdown(Duration::from_secs(3));
        stop.shutdown(Duration::MAX);
        shared.park(None); // it was notified
        assert_eq!(
            shared.take_request(),
            Some(Request { deadline: Instant::from_secs(13), interrupt: true })
        );
        assert_eq!(shared.take_request(), None);
    }
}

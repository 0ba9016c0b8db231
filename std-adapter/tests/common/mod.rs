//! What the tests share: a world whose time stands still but for sleeps, and works made of closures.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use windlass::{AbortStep, Cx, Instant, Outcome, Work};
use windlass_std::{Clock, Park};

/// Makes a hang a failure: this test process has ten minutes, which is a thousand times what it needs.
pub(crate) fn bounded() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::thread::spawn(|| {
            std::thread::sleep(Duration::from_secs(600));
            eprintln!("a test hangs");
            std::process::exit(101);
        });
    });
}

/// Clock, sleep and notification in one, all under the test's control.
///
/// A sleep first plays the next event of the script; then it ends at once if somebody has notified, or lets its time
/// pass. A sleep without limit that nothing ends is a failure, not a hang.
#[derive(Default)]
pub(crate) struct World(Mutex<State>);

#[derive(Default)]
struct State {
    now: Instant,
    raised: bool,
    startled: bool,
    limits: Vec<Option<Duration>>,
    script: VecDeque<Event>,
}

type Event = Box<dyn FnOnce(&World) + Send>;

impl World {
    pub(crate) fn new() -> Arc<Self> {
        bounded();
        Arc::default()
    }

    /// What happens at the beginning of the next sleep that has no event yet: after the driver's last look, before it
    /// is asleep.
    pub(crate) fn at_park(&self, event: impl FnOnce(&World) + Send + 'static) {
        self.0.lock().unwrap().script.push_back(Box::new(event));
    }

    pub(crate) fn set(&self, now: Instant) {
        self.0.lock().unwrap().now = now;
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.0.lock().unwrap();
        state.now = state.now + by;
    }

    /// The sleep that is about to begin ends for no reason, and no time passes.
    pub(crate) fn startle(&self) {
        self.0.lock().unwrap().startled = true;
    }

    /// The limits of all sleeps so far.
    pub(crate) fn limits(&self) -> Vec<Option<Duration>> {
        self.0.lock().unwrap().limits.clone()
    }
}

impl Clock for World {
    fn now(&self) -> Instant {
        self.0.lock().unwrap().now
    }
}

impl Park for World {
    fn park(&self, limit: Option<Duration>) {
        let event = {
            let mut state = self.0.lock().unwrap();
            state.limits.push(limit);
            assert!(state.limits.len() < 100_000, "there is no end to these sleeps");
            state.script.pop_front()
        };
        if let Some(event) = event {
            event(self);
        }
        let mut state = self.0.lock().unwrap();
        if std::mem::take(&mut state.raised) || std::mem::take(&mut state.startled) {
            return;
        }
        state.now = state.now + limit.expect("nothing will ever end this sleep");
    }

    fn notify(&self) {
        self.0.lock().unwrap().raised = true;
    }
}

type OnRun<W, A> = Box<dyn FnMut(&mut Cx<'_, W, A>) -> Outcome + Send>;
type OnAbort<W, A> = Box<dyn FnMut(&mut Cx<'_, W, A>) -> AbortStep + Send>;

/// A work made of closures.
pub(crate) struct Do<W, A: ?Sized = ()> {
    run: OnRun<W, A>,
    abort: OnAbort<W, A>,
}

impl<W, A: ?Sized> Do<W, A> {
    pub(crate) fn new(run: impl FnMut(&mut Cx<'_, W, A>) -> Outcome + Send + 'static) -> Self {
        Self { run: Box::new(run), abort: Box::new(|_| AbortStep::Done) }
    }

    pub(crate) fn on_abort(
        mut self,
        abort: impl FnMut(&mut Cx<'_, W, A>) -> AbortStep + Send + 'static,
    ) -> Self {
        self.abort = Box::new(abort);
        self
    }
}

impl<W, A: ?Sized> Work<W, A> for Do<W, A> {
    fn on_run(&mut self, cx: &mut Cx<'_, W, A>) -> Outcome {
        (self.run)(cx)
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, W, A>) -> AbortStep {
        (self.abort)(cx)
    }
}

/// Says these outcomes, one a crank, then succeeds.
pub(crate) fn says<W, A: ?Sized>(outcomes: impl IntoIterator<Item = Outcome>) -> Do<W, A> {
    let mut outcomes: VecDeque<Outcome> = outcomes.into_iter().collect();
    Do::new(move |_| outcomes.pop_front().unwrap_or(Outcome::Success))
}

//! Where a scenario is played: a scheduler in a store that is lent to it, and a virtual clock that jumps to the next deadline.
//!
//! The invariant: every scenario ends. A run that polls for ever is cut off, and says so in its trace, where it is a difference.

use core::fmt;

use windlass::{Error, Inline, Instant, Next, NodeId, Scheduler, Spec, Store};

use crate::act::Act;
use crate::journal::{Journal, Pen};

/// The most edges of a scenario.
const EDGES: usize = 8;
/// The most polls of one run.
const POLLS: usize = 200;

/// One type for all capacities, so that an image has the engine once.
pub(crate) type Engine<'o> = Scheduler<&'o mut dyn Store<Work = Act>, Pen<'o>>;

/// A scheduler, its clock and its trace.
pub(crate) struct Stage<'o> {
    pub s: Engine<'o>,
    pub pen: Pen<'o>,
    now: Instant,
}

/// Plays a scenario with `N` slots.
pub(crate) fn perform<const N: usize>(
    about: &'static str,
    play: fn(&mut Stage<'_>) -> Result<(), Error>,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let mut store = Inline::<Act, N, EDGES>::new();
    let journal = Journal::new(out);
    let pen = journal.pen();
    pen.line(format_args!("{about}"));
    let store: &mut dyn Store<Work = Act> = &mut store;
    let mut stage = Stage { s: Scheduler::with_store(store).observed_by(pen), pen, now: Instant::ZERO };
    if let Err(error) = play(&mut stage) {
        pen.line(format_args!("the scenario ends here: {error}"));
    }
    stage.show();
    journal.result()
}

impl Stage<'_> {
    /// Adds a node at the top.
    pub(crate) fn add(&mut self, spec: Spec<Act>) -> Result<NodeId, Error> {
        Ok(self.s.add(spec)?)
    }

    /// Adds a node below another one.
    pub(crate) fn child(&mut self, parent: NodeId, spec: Spec<Act>) -> Result<NodeId, Error> {
        Ok(self.s.add_below(parent, spec)?)
    }

    /// Does something from outside, and writes down what.
    pub(crate) fn outside<R>(&mut self, what: &'static str, call: impl FnOnce(&mut Self) -> R) -> R {
        self.pen.outside(self.now, what);
        call(self)
    }

    /// Something that must be refused, and why it is.
    pub(crate) fn refused<T>(&self, what: &str, result: Result<T, impl Into<Error>>) {
        match result {
            Ok(_) => self.pen.line(format_args!("{} {what}: not refused", self.now)),
            Err(error) => self.pen.line(format_args!("{} {what}: refused, {}", self.now, error.into())),
        }
    }

    /// One poll, and its answer.
    pub(crate) fn poll(&mut self) -> Next {
        let next = self.s.poll_work_with(self.now, &mut self.pen);
        match next {
            Next::Now => self.pen.line(format_args!("{} next: now", self.now)),
            Next::At(at) => self.pen.line(format_args!("{} next: at {at}", self.now)),
            Next::OnWake => self.pen.line(format_args!("{} next: on a wake", self.now)),
            Next::Done => self.pen.line(format_args!("{} next: done", self.now)),
        }
        next
    }

    /// Polls until nothing more happens.
    pub(crate) fn run(&mut self) {
        self.run_until(Instant::MAX);
    }

    /// Polls until this time, or until nothing more happens; the clock then shows that time.
    pub(crate) fn run_until(&mut self, end: Instant) {
        for _ in 0..POLLS {
            match self.poll() {
                Next::Now => {}
                Next::At(at) if at < end => self.wait_until(at),
                Next::At(_) | Next::OnWake | Next::Done => {
                    // Polled once more, so that what is done next from outside is done at that time.
                    if end != Instant::MAX {
                        self.wait_until(end);
                        let _ = self.poll();
                    }
                    return;
                }
            }
        }
        self.pen.line(format_args!("{} no end in sight", self.now));
    }

    /// Moves the clock.
    pub(crate) fn wait_until(&mut self, at: Instant) {
        self.now = at;
        self.pen.time_passes();
    }

    pub(crate) const fn now(&self) -> Instant {
        self.now
    }

    /// The tree as it stands, and who was ended by force.
    pub(crate) fn show(&mut self) {
        self.pen.line(format_args!("{} how it stands:", self.now));
        self.pen.lines(format_args!("{}", self.s.tree(self.now)));
        if self.s.view().drain().forced().next().is_some() {
            self.pen.line(format_args!("{}", self.s.view().drain()));
        }
    }
}

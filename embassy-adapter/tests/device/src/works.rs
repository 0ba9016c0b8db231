//! The works of the test, and the report that they write.
//!
//! The invariant: *every crank that waited for a time says whether it came before it*, by the engine's clock and by
//! Embassy's.

use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;

use windlass::{AbortStep, AsyncLeaf, Cx, Instant, Outcome, Reason, Work};
use windlass_embassy::to_alarm;

use crate::{BELL, EAGER, ENOUGH, clock};

/// Microseconds that the works sleep: less than a tick, a tick and some, and more than an interrupt apart.
pub const NAPS: &[u64] = &[1, 30, 31, 61, 999, 12_345, 100_001];
/// The same for the work beside them.
pub const NAPS_BESIDE: &[u64] = &[7_000, 70_000, 7, 50];
/// How often "fetch" fails.
pub const RETRIES: usize = 3;
/// What "fetch" waits before it tries again.
pub const BACK_OFF: Duration = Duration::from_micros(4_321);
/// How often something runs that has waited for a time.
pub const TIMED_RUNS: usize = NAPS.len() + NAPS_BESIDE.len() + RETRIES;
/// How often "busy" is cranked.
pub const BUSY_CRANKS: u32 = 400;
/// How many letters the interrupt posts.
pub const LETTERS: u32 = 100;

/// A work of the test.
pub enum Step<'a> {
    /// Sleeps so many microseconds, one after the other.
    Naps { left: &'static [u64], due: Option<Instant> },
    /// Fails so many times, and is then content.
    Fetch { failures_left: usize, due: Option<Instant> },
    /// Wants to run all the time.
    Busy { cranks_left: u32 },
    /// Waits for the interrupt's letters.
    Post,
    /// A future, which awaits Embassy's timers.
    Future(AsyncLeaf<'a>),
    /// Ends everything.
    Close,
    /// Waits, and does not end when it is told to.
    Stubborn,
}

/// What happened.
pub struct Report {
    lines: [Option<Line>; TIMED_RUNS],
    runs: usize,
    early: u32,
    letters: u32,
}

/// One crank that waited for a time.
struct Line {
    name: &'static str,
    due: Instant,
    now: Instant,
    tick: u64,
}

impl Step<'_> {
    /// Naps of so many microseconds.
    pub const fn naps(micros: &'static [u64]) -> Self {
        Self::Naps { left: micros, due: None }
    }

    /// A work that fails so many times.
    pub const fn fetch(failures: usize) -> Self {
        Self::Fetch { failures_left: failures, due: None }
    }
}

impl Work<Self, Report> for Step<'_> {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, Report>) -> Outcome {
        match self {
            Self::Naps { left, due } => {
                Report::note(cx, *due);
                let Some((&first, rest)) = left.split_first() else { return Outcome::Success };
                let nap = Duration::from_micros(first);
                (*left, *due) = (rest, Some(promised(cx.now() + nap)));
                Outcome::WaitFor(nap)
            }
            Self::Fetch { failures_left, due } => {
                Report::note(cx, *due);
                let Some(left) = failures_left.checked_sub(1) else { return Outcome::Success };
                (*failures_left, *due) = (left, Some(cx.now() + BACK_OFF));
                Outcome::Failure(Reason::new("no answer"))
            }
            Self::Busy { cranks_left } => {
                EAGER.signal(());
                let Some(left) = cranks_left.checked_sub(1) else {
                    ENOUGH.store(true, Ordering::Relaxed);
                    return Outcome::Success;
                };
                *cranks_left = left;
                Outcome::Running
            }
            Self::Post => {
                let letters = clock::read();
                cx.app().letters = letters;
                if letters == LETTERS {
                    clock::post_to(None);
                    return Outcome::Success;
                }
                if letters == 0 {
                    clock::post_to(cx.own_wake_handle().ok());
                }
                Outcome::Waiting
            }
            Self::Future(leaf) => leaf.on_run(cx),
            Self::Close => {
                BELL.shutdown(Duration::from_millis(50));
                Outcome::Success
            }
            Self::Stubborn => Outcome::Waiting,
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self, Report>) -> AbortStep {
        match self {
            Self::Future(leaf) => leaf.on_abort(cx),
            Self::Stubborn => AbortStep::Waiting,
            _ => AbortStep::Done,
        }
    }

    fn on_reset(&mut self, cx: &mut Cx<'_, Self, Report>) {
        if let Self::Future(leaf) = self {
            leaf.on_reset(cx);
        }
    }
}

/// When a nap says that it will be over.
fn promised(due: Instant) -> Instant {
    if cfg!(feature = "doctored") { due + Duration::from_secs(3_600) } else { due }
}

impl Report {
    /// Nothing has happened.
    pub const fn new() -> Self {
        Self { lines: [const { None }; TIMED_RUNS], runs: 0, early: 0, letters: 0 }
    }

    /// Cranks that waited for a time.
    pub const fn runs(&self) -> usize {
        self.runs
    }

    /// Those of them that came before it.
    pub const fn early(&self) -> u32 {
        self.early
    }

    /// Letters that came.
    pub const fn letters(&self) -> u32 {
        self.letters
    }

    /// Writes down a crank that waited until `due`, if it has waited.
    fn note(cx: &mut Cx<'_, Step<'_>, Self>, due: Option<Instant>) {
        let Some(due) = due else { return };
        let clock = embassy_time::Instant::now();
        let line = Line { name: cx.name(), due, now: cx.now(), tick: clock.as_ticks() };
        let is_early = line.now < due || clock < to_alarm(due);
        let report = cx.app();
        report.early += u32::from(is_early);
        if let Some(slot) = report.lines.get_mut(report.runs) {
            *slot = Some(line);
        }
        report.runs += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { name, due, now, tick } in self.lines.iter().flatten() {
            writeln!(f, "tick {tick:6}: {name} ran at {now}, due at {due}")?;
        }
        write!(f, "{} timed runs, {} of them early; {} letters", self.runs, self.early, self.letters)
    }
}

//! An executor that runs what is woken and nothing else, a clock to move by hand, and works that say what they did.
//!
//! The invariant: *a task is polled only if its waker was called*. That makes a lost wake a task that never ends, and a
//! needless one a number that is too high. There is one mock clock for all tests of this program, so whoever holds the
//! [`Rig`] has it alone.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use embassy_time::MockDriver;
use windlass::{AbortStep, Cx, Inline, Outcome, Scheduler, Work};

/// More polls than any test needs before it has nothing to do.
const LIVELOCK: u32 = 10_000;

pub(crate) type Table<W> = Scheduler<Inline<W, 8>>;

/// The clock, and the tasks that run by it.
pub(crate) struct Rig<'a> {
    tasks: Vec<Task<'a>>,
    _alone: MutexGuard<'static, ()>,
}

struct Task<'a> {
    future: Option<Pin<Box<dyn Future<Output = ()> + 'a>>>,
    flag: Arc<Flag>,
    polls: u32,
}

/// Whether a task was woken, and how often.
#[derive(Default)]
pub(crate) struct Flag {
    raised: AtomicBool,
    wakes: AtomicU32,
}

impl Flag {
    pub(crate) fn waker() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self::default());
        (Arc::clone(&flag), flag.into())
    }

    pub(crate) fn wakes(&self) -> u32 {
        self.wakes.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.raised.store(true, Ordering::SeqCst);
    }
}

impl<'a> Rig<'a> {
    /// The clock at zero, and no task.
    pub(crate) fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        // A test that failed leaves nothing behind: the clock is set anew.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        MockDriver::get().reset();
        Self { tasks: Vec::new(), _alone: alone }
    }

    /// Starts a task without running it, and says its number.
    pub(crate) fn place(&mut self, future: impl Future<Output = ()> + 'a) -> usize {
        let flag = Arc::new(Flag { raised: AtomicBool::new(true), ..Flag::default() });
        self.tasks.push(Task { future: Some(Box::pin(future)), flag, polls: 0 });
        self.tasks.len() - 1
    }

    /// Starts a task, and lets all run until none is woken.
    pub(crate) fn spawn(&mut self, future: impl Future<Output = ()> + 'a) -> usize {
        let task = self.place(future);
        self.settle();
        task
    }

    /// Runs the tasks that are woken, in turns, until none is.
    pub(crate) fn settle(&mut self) {
        for _ in 0..LIVELOCK {
            if !self.turn() {
                return;
            }
        }
        panic!("the tasks never come to rest");
    }

    /// Polls each task that is woken once; says whether there was one.
    pub(crate) fn turn(&mut self) -> bool {
        let mut any = false;
        for task in &mut self.tasks {
            let Some(future) = &mut task.future else { continue };
            if !task.flag.raised.swap(false, Ordering::SeqCst) {
                continue;
            }
            any = true;
            task.polls += 1;
            let waker = Arc::clone(&task.flag).into();
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                task.future = None;
            }
        }
        any
    }

    /// Moves the clock by so many ticks (of a microsecond, on the mock clock) in one jump, and lets the tasks run.
    pub(crate) fn advance(&mut self, ticks: u64) {
        MockDriver::get().advance(embassy_time::Duration::from_ticks(ticks));
        self.settle();
    }

    /// How often a task was polled.
    pub(crate) fn polls(&self, task: usize) -> u32 {
        self.tasks[task].polls
    }

    /// Whether a task has ended.
    pub(crate) fn is_over(&self, task: usize) -> bool {
        self.tasks[task].future.is_none()
    }

    /// Drops a task's future.
    pub(crate) fn cancel(&mut self, task: usize) {
        self.tasks[task].future = None;
    }
}

/// What the works of a test said: at which microsecond, who, what.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    /// All lines since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn note<W>(&self, cx: &Cx<'_, W>, what: &str) {
        self.0.lock().unwrap().push(format!("{} {} {what}", cx.now().as_micros(), cx.name()));
    }
}

/// A work that gives these outcomes, one a crank, and notes each crank.
pub(crate) struct Script {
    diary: Diary,
    outcomes: std::vec::IntoIter<Outcome>,
    /// What it answers to an abort.
    abort: AbortStep,
}

impl Script {
    pub(crate) fn new(diary: &Diary, outcomes: Vec<Outcome>) -> Self {
        Self { diary: diary.clone(), outcomes: outcomes.into_iter(), abort: AbortStep::Done }
    }

    /// As this, but an abort is answered so.
    pub(crate) fn on_abort(self, abort: AbortStep) -> Self {
        Self { abort, ..self }
    }
}

impl Work for Script {
    fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
        self.diary.note(cx, "runs");
        self.outcomes.next().unwrap_or(Outcome::Success)
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self>) -> AbortStep {
        self.diary.note(cx, "cleans up");
        self.abort
    }
}

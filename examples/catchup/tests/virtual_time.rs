//! The same tree without files, sockets, threads or clock: a world outside that answers on virtual time, as a browser's would on real.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use windlass::{
    Boxed, Event, EventKind, Instant, Metrics, Next, Observer, Scheduler, State, WakeHandle, WakeSet,
};
use windlass_catchup::faults::{Faults, Treatment};
use windlass_catchup::run::retry;
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::generate::{Archive, Plan};
use windlass_catchup_job::inspect::inspect;
use windlass_catchup_job::layout::{ArchiveFile, ArchiveState, Frequency};
use windlass_catchup_job::random::Random;
use windlass_catchup_job::{self as job, Answer, Ask, Catchup, Counts, Outside, Step, Task};

/// An archive in memory, some way off.
struct World {
    files: HashMap<ArchiveFile, Vec<u8>>,
    faults: Faults,
    seed: u64,
    random: Random,
    asked: HashMap<String, u64>,
    now: Rc<Cell<Instant>>,
    /// What is under way: when it will be done, and whom to tell.
    agenda: Rc<RefCell<Vec<(Instant, WakeHandle)>>>,
}

struct Errand {
    due: Instant,
    answer: Option<Result<Answer, Error>>,
}

impl World {
    fn answer(&mut self, task: Task) -> Result<Answer, Error> {
        let file = task.file();
        let bytes = |file: ArchiveFile| {
            self.files.get(&file).ok_or(Error::new(file, Fault::Missing { archive: "memory".into() }))
        };
        if let Task::Check(part, checkpoint, range) = task {
            let headers = || bytes(ArchiveFile::Ledger(checkpoint));
            return inspect(part, checkpoint, range, bytes(file)?, headers).map(Answer::Found);
        }
        let nth = self.asked.entry(file.path()).or_default();
        *nth += 1;
        match self.faults.treat(self.seed, &file.path(), *nth) {
            Treatment::Unavailable => Err(Error::new(file, Fault::Status { code: 503 })),
            Treatment::Missing => Err(Error::new(file, Fault::Missing { archive: "memory".into() })),
            _ if file == ArchiveFile::State => ArchiveState::parse(file, bytes(file)?).map(Answer::State),
            _ => bytes(file).map(|_| Answer::Fetched),
        }
    }
}

impl Outside for World {
    type Errand = Errand;

    fn begin(&mut self, task: Task, done: WakeHandle) -> Errand {
        let takes = match task {
            Task::Check(..) => Duration::from_millis(3),
            _ => Duration::from_millis(20 + self.random.below(200)),
        };
        let due = self.now.get() + takes;
        self.agenda.borrow_mut().push((due, done));
        Errand { due, answer: Some(self.answer(task)) }
    }

    fn look(&mut self, errand: &mut Errand) -> Option<Result<Answer, Error>> {
        if self.now.get() < errand.due { None } else { errand.answer.take() }
    }

    fn cancel(&mut self, errand: &mut Errand) {
        errand.due = self.now.get();
    }
}

/// Every event as its line.
#[derive(Default)]
struct Trace {
    lines: Vec<String>,
    applied: usize,
    in_flight: usize,
    most_in_flight: usize,
}

impl Observer for Trace {
    fn on_event(&mut self, event: &Event) {
        self.lines.push(event.to_string());
        match event.kind {
            EventKind::Moved(moved) if event.name == "apply" && moved.to == State::Success => {
                self.applied += 1;
            }
            EventKind::Moved(moved) if event.name == "ledgers" && moved.from == State::Pending => {
                self.in_flight += 1;
            }
            EventKind::Moved(moved) if event.name == "ledgers" && moved.to.is_done() => self.in_flight -= 1,
            _ => {}
        }
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }
}

struct Ran {
    state: State,
    counts: Counts,
    ledgers: u64,
    transactions: u64,
    /// Transactions that the archive was made with.
    made: u64,
    error: Option<String>,
    metrics: Metrics,
    trace: Trace,
    at: Instant,
}

const CHECKPOINTS: u32 = 40;

fn run(faults: &str, seed: u64, concurrency: u16, deadline: Duration) -> Ran {
    let frequency = Frequency::new(8).unwrap();
    let mut archive = Archive::new(Plan::new(CHECKPOINTS, frequency, 2, 9).unwrap());
    let checkpoints: Vec<_> = archive.by_ref().collect();
    let made = checkpoints.iter().map(|checkpoint| checkpoint.transactions).sum();
    let mut files: HashMap<_, _> = checkpoints.into_iter().flat_map(|checkpoint| checkpoint.files).collect();
    files.extend([archive.state()]);

    let (now, agenda) = (Rc::new(Cell::new(Instant::ZERO)), Rc::new(RefCell::new(Vec::new())));
    let world = World {
        files,
        faults: faults.parse().unwrap(),
        seed,
        random: Random::new(seed),
        asked: HashMap::new(),
        now: Rc::clone(&now),
        agenda: Rc::clone(&agenda),
    };
    let ask = Ask {
        frequency,
        from: None,
        to: None,
        trusted: None,
        concurrency,
        retry: retry(8, Duration::from_millis(500)),
        deadline,
    };
    let nodes = job::capacity(concurrency);
    let store: Boxed<Step<Errand>> = Boxed::with_capacity(nodes);
    let mut scheduler = Scheduler::with_store(store).observed_by(Trace::default());
    scheduler.set_seed(seed);
    scheduler.set_wakes(WakeSet::leaked(nodes, None));
    let root = job::plant(&mut scheduler, &ask).unwrap();
    let mut app = Catchup::new(ask, world);

    // Every errand and every retry takes a few polls; a run that goes round in circles fails.
    for _ in 0..100_000 {
        let next = scheduler.poll_work_with(now.get(), &mut app);
        let first = agenda.borrow().iter().map(|(due, _)| *due).min();
        let until = match (next, first) {
            (Next::Done, _) => break,
            (Next::Now, _) => continue,
            (Next::At(at), Some(first)) => at.min(first),
            (Next::At(at), None) => at,
            (Next::OnWake, first) => first.expect("somebody must wake it"),
        };
        now.set(until);
        agenda.borrow_mut().retain(|(due, done)| {
            if *due <= until {
                done.wake();
            }
            *due > until
        });
    }
    assert_eq!(scheduler.next(), Next::Done);
    let failure = scheduler.node(root).unwrap().failure();
    let error = failure.map(|failure| app.journal().borrow().explain(failure.reason));
    Ran {
        state: scheduler.state(root).unwrap(),
        counts: app.counts(),
        ledgers: app.ledgers().ledgers,
        transactions: app.ledgers().transactions,
        made,
        error,
        metrics: scheduler.metrics(),
        trace: std::mem::take(scheduler.observer_mut()),
        at: now.get(),
    }
}

#[test]
fn a_seed_says_all_there_is_to_say() {
    let ran = run("503=0.25", 1, 4, Duration::MAX);
    assert_eq!((ran.state, ran.error), (State::Success, None));
    // One state, and three files for each of 40 checkpoints; what was refused was asked for again.
    let refused = ran.counts.retries;
    assert_eq!((ran.counts.downloads, refused), (121 + 40, 40));
    assert_eq!((ran.counts.verified, ran.ledgers, ran.transactions), (319, 319, ran.made));
    // Six of the trunk; four for a ledger file and twelve for a checkpoint; a retried attempt at a file makes three new nodes. The archive
    // state is retried in place.
    let state_retries = ran.trace.lines.iter().filter(|line| line.contains("archive state: attempt")).count();
    let added = 6 + (4 + 12) * u64::from(CHECKPOINTS) + 3 * (refused - state_retries as u64);
    assert_eq!((ran.metrics.added, ran.metrics.retries), (added, refused));
    assert_eq!((ran.metrics.refused, ran.metrics.forced), (0, 0));
    assert_eq!(ran.trace.applied, 40);
    assert_eq!(ran.trace.most_in_flight, 4);
    assert!(ran.metrics.high_water <= job::capacity(4));

    let again = run("503=0.25", 1, 4, Duration::MAX);
    assert_eq!((again.trace.lines, again.at), (ran.trace.lines.clone(), ran.at));
    assert_ne!(run("503=0.25", 2, 4, Duration::MAX).trace.lines, ran.trace.lines);
}

#[test]
fn checkpoints_are_applied_in_order_however_their_files_arrive() {
    for concurrency in [1, 3, 16] {
        let ran = run("503=0.3", 5, concurrency, Duration::MAX);
        assert_eq!((ran.state, ran.ledgers), (State::Success, 319));
        assert!(ran.metrics.high_water <= job::capacity(concurrency));
        let (mut applying, mut applied) = (0, 0);
        for line in &ran.trace.lines {
            applying += usize::from(line.ends_with("apply: pending -> running"));
            applied += usize::from(line.ends_with("apply: running -> success"));
            assert!(applying - applied <= 1, "two at once: {line}");
        }
        assert_eq!((applying, applied), (40, 40));
    }
}

#[test]
fn a_file_that_never_comes_ends_the_job_with_its_error() {
    let missing = "results/00/00/00/results-0000004f.xdr.gz";
    let ran = run(&format!("missing={missing}"), 1, 4, Duration::MAX);
    assert_eq!(ran.state, State::Failure);
    assert_eq!(ran.error.unwrap(), format!("{missing}: not in the archive memory"));
    assert_eq!((ran.counts.verified, ran.counts.retries), (319, 0));
    assert!(ran.ledgers < 72, "ledgers 72 to 79 have no results");
    assert_eq!(ran.metrics.forced, 0);

    let ran = run("503=1", 1, 4, Duration::MAX);
    let error = ".well-known/stellar-history.json: the server answered 503, expected 200";
    assert_eq!(ran.error.unwrap(), error);
    assert_eq!((ran.counts.downloads, ran.counts.retries), (9, 8));
}

#[test]
fn the_deadline_aborts_what_is_under_way() {
    let ran = run("", 1, 4, Duration::from_millis(1_500));
    assert_eq!(ran.state, State::Failure);
    assert_eq!(ran.error.unwrap(), "timed out");
    assert_eq!(ran.at, Instant::from_millis(1_500));
    assert!(ran.metrics.aborted > 0 && ran.metrics.forced == 0);
}

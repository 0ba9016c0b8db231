//! The whole job on one thread, as a page in a browser runs it: files come when the world likes, and everything else happens in place.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use windlass::{Boxed, Instant, Metrics, Next, Retry, Scheduler, State, WakeHandle, WakeSet};
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::generate::{Archive, Plan};
use windlass_catchup_job::in_place::{Errand, Fetch, InPlace};
use windlass_catchup_job::layout::{ArchiveFile, Frequency};
use windlass_catchup_job::random::Random;
use windlass_catchup_job::{Ask, Catchup, Counts, Step, capacity, plant};

const CHECKPOINTS: u32 = 6;
const CONCURRENCY: u16 = 2;

type Files = BTreeMap<ArchiveFile, Vec<u8>>;

/// What the page has asked for and not got.
type Promises = Rc<RefCell<Vec<(Rc<Cell<bool>>, WakeHandle)>>>;

/// Fetches from memory.
struct Page {
    files: Files,
    promises: Promises,
    /// How many of the next answers are refusals.
    refusals: u32,
}

struct Transfer {
    file: ArchiveFile,
    settled: Rc<Cell<bool>>,
    cancelled: bool,
}

impl Fetch for Page {
    type Transfer = Transfer;

    fn begin(&mut self, file: ArchiveFile, done: WakeHandle) -> Transfer {
        let settled = Rc::new(Cell::new(false));
        self.promises.borrow_mut().push((Rc::clone(&settled), done));
        Transfer { file, settled, cancelled: false }
    }

    fn look(&mut self, transfer: &mut Transfer) -> Option<Result<Vec<u8>, Error>> {
        if transfer.cancelled {
            return Some(Err(Error::new(transfer.file, Fault::Cancelled)));
        }
        if !transfer.settled.get() {
            return None;
        }
        if self.refusals > 0 {
            self.refusals -= 1;
            return Some(Err(Error::new(transfer.file, Fault::Status { code: 503 })));
        }
        let missing = || Error::new(transfer.file, Fault::Missing { archive: "memory".into() });
        Some(self.files.get(&transfer.file).cloned().ok_or_else(missing))
    }

    fn cancel(&mut self, transfer: &mut Transfer) {
        transfer.cancelled = true;
    }
}

fn frequency() -> Frequency {
    Frequency::new(4).unwrap()
}

/// An archive's files, and the hash of its last ledger.
fn archive() -> (Files, stellar_xdr::Hash) {
    let mut archive = Archive::new(Plan::new(CHECKPOINTS, frequency(), 2, 11).unwrap());
    let checkpoints: Vec<_> = archive.by_ref().collect();
    let hash = checkpoints.last().unwrap().last.1.clone();
    let mut files: Files = checkpoints.into_iter().flat_map(|checkpoint| checkpoint.files).collect();
    files.extend([archive.state()]);
    (files, hash)
}

struct Ran {
    state: State,
    error: Option<String>,
    counts: Counts,
    ledgers: u64,
    last: Option<(u32, stellar_xdr::Hash)>,
    metrics: Metrics,
    most_held: usize,
    held: usize,
    /// Transfers that never ended, as nobody waited for them.
    open: usize,
}

/// Runs the job as an event loop does: a poll, then a transfer that ends or a timer that fires.
fn run(files: Files, refusals: u32, seed: u64, deadline: Duration) -> Ran {
    let promises = Promises::default();
    let page = Page { files, promises: Rc::clone(&promises), refusals };
    let ask = Ask {
        frequency: frequency(),
        from: None,
        to: None,
        trusted: None,
        concurrency: CONCURRENCY,
        retry: Retry::times(3).constant(Duration::from_secs(1)),
        deadline,
    };
    let nodes = capacity(CONCURRENCY);
    let store: Boxed<Step<Errand<Transfer>>> = Boxed::with_capacity(nodes);
    let mut scheduler = Scheduler::with_store(store);
    scheduler.set_wakes(WakeSet::leaked(nodes, None));
    // Not longer at a time than the check of one file.
    scheduler.set_budget(NonZeroU32::MIN);
    let root = plant(&mut scheduler, &ask).unwrap();
    let mut app = Catchup::new(ask, InPlace::new(page));

    let (mut now, mut random, mut most_held) = (Instant::ZERO, Random::new(seed), 0);
    // A run that goes round in circles fails.
    for _ in 0..100_000 {
        let next = scheduler.poll_work_with(now, &mut app);
        most_held = most_held.max(app.outside().held());
        let open = promises.borrow().len();
        match next {
            Next::Done => break,
            Next::Now => {}
            Next::At(_) | Next::OnWake if open > 0 => {
                let (settled, done) = promises.borrow_mut().swap_remove(random.below(open as u64) as usize);
                settled.set(true);
                done.wake();
                now = now + Duration::from_millis(10);
            }
            Next::At(at) => now = at,
            Next::OnWake => panic!("nobody will wake it"),
        }
    }
    assert_eq!(scheduler.next(), Next::Done);
    let failure = scheduler.node(root).unwrap().failure();
    Ran {
        state: scheduler.state(root).unwrap(),
        error: failure.map(|failure| app.journal().borrow().explain(failure.reason)),
        counts: app.counts(),
        ledgers: app.ledgers().ledgers,
        last: app.ledgers().last().map(|(ledger, hash)| (ledger, hash.clone())),
        metrics: scheduler.metrics(),
        most_held,
        held: app.outside().held(),
        open: promises.borrow().len(),
    }
}

#[test]
fn it_arrives_whatever_the_order_in_which_files_come() {
    let (files, hash) = archive();
    for seed in 0..20 {
        let ran = run(files.clone(), 0, seed, Duration::MAX);
        assert_eq!((ran.state, ran.error), (State::Success, None));
        assert_eq!((ran.ledgers, ran.last), (23, Some((23, hash.clone()))));
        assert_eq!((ran.counts.verified, ran.counts.downloads), (23, 1 + 3 * u64::from(CHECKPOINTS)));
        assert_eq!((ran.metrics.refused, ran.metrics.forced), (0, 0));
        // All ledger files, and two more files for each checkpoint in flight.
        assert!(ran.most_held <= CHECKPOINTS as usize + 2 * usize::from(CONCURRENCY), "{}", ran.most_held);
        assert_eq!(ran.held, 0);
    }
}

#[test]
fn what_is_refused_is_asked_for_again() {
    let (files, hash) = archive();
    let ran = run(files, 3, 1, Duration::MAX);
    assert_eq!((ran.state, ran.last), (State::Success, Some((23, hash))));
    assert_eq!((ran.counts.retries, ran.counts.downloads), (3, 3 + 1 + 3 * u64::from(CHECKPOINTS)));
}

#[test]
fn a_deadline_cancels_what_is_under_way() {
    let (files, _) = archive();
    let ran = run(files, 0, 1, Duration::from_millis(55));
    assert_eq!((ran.state, ran.error.as_deref()), (State::Failure, Some("timed out")));
    assert!(ran.metrics.aborted > 0 && ran.metrics.forced == 0 && ran.open > 0);
}

/// Whatever bytes a file has, the end is a success or one line that names the file. No hash covers all of a transaction file, gzip's header says
/// more than matters, and so does the archive state; but what ledgers and results say is covered to the last bit.
#[test]
fn no_bytes_are_too_bad() {
    let (files, hash) = archive();
    let names: Vec<_> = files.keys().copied().collect();
    let mut failures = 0;
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let file = names[random.below(names.len() as u64) as usize];
        let mut spoiled = files.clone();
        let bytes = spoiled.get_mut(&file).unwrap();
        let mut must_fail = false;
        if seed % 2 == 0 && file.to_string().ends_with(".gz") {
            let mut contents = Vec::new();
            GzDecoder::new(&bytes[..]).read_to_end(&mut contents).unwrap();
            spoil(&mut contents, &mut random);
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&contents).unwrap();
            *bytes = encoder.finish().unwrap();
            must_fail = matches!(file, ArchiveFile::Ledger(_) | ArchiveFile::Results(_));
        } else {
            spoil(bytes, &mut random);
        }
        let ran = run(spoiled, 0, seed, Duration::MAX);
        match ran.state {
            State::Success => assert!(!must_fail && ran.last == Some((23, hash.clone())), "{seed}: {file}"),
            State::Failure => {
                let error = ran.error.unwrap();
                assert!(error.lines().count() == 1 && error.contains(&file.to_string()), "{file}: {error}");
                failures += 1;
            }
            other => panic!("{seed}: {file}: {other}"),
        }
    }
    assert!(failures > 75, "{failures}");
}

/// Cuts, turns a bit over, or puts another byte in between.
fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(bytes.len() as u64) as usize;
    match (random.below(3), bytes.get_mut(place)) {
        (0, Some(_)) => bytes.truncate(place),
        (1, Some(byte)) => *byte ^= 1 << random.below(8),
        _ => bytes.insert(place, random.below(256) as u8),
    }
}

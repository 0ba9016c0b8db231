//! A world outside for the laboratory: an archive in memory, and a desk with the errands under way, which end when the laboratory says.
//!
//! Invariant: what an errand leaves is what a thread of the machine would leave: a download makes a temporary file, a check makes a kept one of it,
//! and what is cancelled or given up makes neither. What no sound job would ask for is noted, and is never forgiven.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use stellar_xdr::Hash;
use windlass::{NodeId, Retry, WakeHandle};
use windlass_lab as lab;

use crate::error::{Error, Fault};
use crate::generate::{self, Plan};
use crate::inspect::{Found, Part, inspect};
use crate::layout::{ArchiveFile, ArchiveState, Checkpoint, Frequency, LedgerRange};
use crate::records::{Headers, Record as _};
use crate::{Answer, Ask, Catchup, Outside, Task};

pub(super) const CHECKPOINTS: u32 = 2;
const LEDGERS: u32 = 4;

/// An archive, read once.
pub(super) struct Archive {
    pub(super) state: ArchiveState,
    pub(super) range: LedgerRange,
    pub(super) hashes: BTreeMap<u32, Hash>,
    found: BTreeMap<(Part, Checkpoint), Found>,
}

pub(super) static ARCHIVE: LazyLock<Archive> = LazyLock::new(|| {
    let plan = Plan::new(CHECKPOINTS, frequency(), 1, 3).unwrap();
    let range = plan.range();
    let mut archive = generate::Archive::new(plan);
    let files: BTreeMap<_, _> = archive.by_ref().flat_map(|checkpoint| checkpoint.files).collect();
    let (file, json) = archive.state();
    let state = ArchiveState::parse(file, &json).unwrap();
    let bytes = |part: Part, checkpoint| files[&part.file(checkpoint)].as_slice();
    let (mut found, mut hashes) = (BTreeMap::new(), BTreeMap::new());
    for checkpoint in range.checkpoints() {
        let ledgers = bytes(Part::Headers, checkpoint);
        for part in Part::ALL {
            let essence = inspect(part, checkpoint, range, bytes(part, checkpoint), || Ok(ledgers)).unwrap();
            found.insert((part, checkpoint), essence);
        }
        let headers = Headers::read(checkpoint, ledgers).unwrap();
        hashes.extend(headers.entries().iter().map(|entry| (entry.ledger(), entry.hash.clone())));
    }
    Archive { state, range, hashes, found }
});

fn frequency() -> Frequency {
    Frequency::new(LEDGERS).unwrap()
}

/// What is under way, and what lies about.
#[derive(Default)]
pub(super) struct Desk {
    under_way: Vec<UnderWay>,
    answers: BTreeMap<u64, Result<Answer, Error>>,
    begun: u64,
    pub(super) temporary: BTreeSet<ArchiveFile>,
    pub(super) kept: BTreeSet<ArchiveFile>,
    /// Files that were there already, and wait for their check.
    kept_at_hand: BTreeSet<ArchiveFile>,
    /// Downloads that are still to be refused, and with what.
    refusals: BTreeMap<ArchiveFile, Refusal>,
    /// Errands that were dropped before they had ended.
    pub(super) given_up: usize,
    /// What no sound job would ask for.
    pub(super) wrong: Option<&'static str>,
}

/// How often, and with what.
type Refusal = (u32, fn() -> Fault);

struct UnderWay {
    number: u64,
    task: Task,
    done: WakeHandle,
    cancelled: bool,
}

/// The world: a hand on the desk.
#[derive(Default)]
pub(super) struct World(pub(super) Rc<RefCell<Desk>>);

/// An errand of this world. Dropping it gives it up.
pub(super) struct Errand {
    number: u64,
    desk: Rc<RefCell<Desk>>,
}

impl Drop for Errand {
    fn drop(&mut self) {
        let mut desk = self.desk.borrow_mut();
        let before = desk.under_way.len();
        desk.under_way.retain(|errand| errand.number != self.number);
        desk.given_up += before - desk.under_way.len();
        desk.answers.remove(&self.number);
    }
}

impl World {
    /// Refuses the next downloads of this file.
    pub(super) fn refuse(&self, file: ArchiveFile, times: u32, fault: fn() -> Fault) {
        self.0.borrow_mut().refusals.insert(file, (times, fault));
    }
}

impl Outside for World {
    type Errand = Errand;

    fn begin(&mut self, task: Task, done: WakeHandle) -> Errand {
        let mut desk = self.0.borrow_mut();
        desk.begun += 1;
        let number = desk.begun;
        desk.under_way.push(UnderWay { number, task, done, cancelled: false });
        Errand { number, desk: Rc::clone(&self.0) }
    }

    fn look(&mut self, errand: &mut Errand) -> Option<Result<Answer, Error>> {
        self.0.borrow_mut().answers.remove(&errand.number)
    }

    fn cancel(&mut self, errand: &mut Errand) {
        for other in &mut self.0.borrow_mut().under_way {
            other.cancelled |= other.number == errand.number;
        }
    }
}

impl Desk {
    pub(super) fn busy(&self) -> usize {
        self.under_way.len()
    }

    fn end(&mut self, nth: usize) {
        let UnderWay { number, task, done, cancelled } = self.under_way.remove(nth);
        let answer =
            if cancelled { Err(Error::new(task.file(), Fault::Cancelled)) } else { self.answer(task) };
        self.answers.insert(number, answer);
        done.wake();
    }

    fn answer(&mut self, task: Task) -> Result<Answer, Error> {
        let file = task.file();
        if let Task::Check(part, checkpoint, _) = task {
            return self.check(part, checkpoint);
        }
        if let Some((left, fault)) = self.refusals.get_mut(&file).filter(|(left, _)| *left > 0) {
            *left -= 1;
            return Err(Error::new(file, fault()));
        }
        if task == Task::State {
            return Ok(Answer::State(ARCHIVE.state.clone()));
        }
        if self.kept.contains(&file) {
            self.kept_at_hand.insert(file);
            return Ok(Answer::Kept);
        }
        // One that an attempt before has left is replaced.
        self.temporary.insert(file);
        Ok(Answer::Fetched)
    }

    fn check(&mut self, part: Part, checkpoint: Checkpoint) -> Result<Answer, Error> {
        let file = part.file(checkpoint);
        if part != Part::Headers && !self.kept.contains(&Part::Headers.file(checkpoint)) {
            self.wrong = Some("a file is checked before its headers");
        }
        let at_hand =
            self.kept_at_hand.remove(&file) || self.temporary.remove(&file) && self.kept.insert(file);
        if !at_hand {
            self.wrong = Some("a file is checked that is not at hand");
        }
        Ok(Answer::Found(ARCHIVE.found[&(part, checkpoint)].clone()))
    }
}

/// What the laboratory may let happen: any errand under way may end next.
impl lab::Outside for Catchup<World> {
    fn pending(&self) -> usize {
        self.outside.0.borrow().busy()
    }

    fn complete(&mut self, nth: usize) -> Option<NodeId> {
        self.outside.0.borrow_mut().end(nth);
        // It was woken through its handle.
        None
    }
}

/// A job over this world, one for each run of a search.
impl Default for Catchup<World> {
    fn default() -> Self {
        let ask = Ask {
            frequency: frequency(),
            from: None,
            to: None,
            trusted: ARCHIVE.hashes.values().next_back().cloned(),
            concurrency: 2,
            retry: Retry::times(2).constant(Duration::from_secs(1)),
            deadline: Duration::MAX,
        };
        Catchup::new(ask, World::default())
    }
}

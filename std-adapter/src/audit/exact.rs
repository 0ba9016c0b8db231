//! Follows every id through the pool, and judges each event when it is reported.
//!
//! The invariant: *one word per slot says who has the id, and only a legal event changes it*. A failed check leaves the
//! word unchanged, so that one fault gives one report. In observe mode the pool then starts and finishes an id that it
//! should not have; the probe remembers that id, and does not report it again.
//!
//! Several threads may take or queue an id at once, so these change the word by compare-and-swap. Only the holder starts
//! and finishes it, and queues it again in the same breath: a load, a check and a store. A wake during a run comes from other threads, and is therefore kept
//! beside the word, with the activation that it came in; the next activation makes it obsolete without a write.
//!
//! # Why there are no false alarms
//!
//! *Words.* The events of one id are ordered by the pool itself: queueing is reported before the push, taking after
//! it, and so on. Where the pool synchronises, the later event sees what the earlier wrote. A check that fails looks
//! a second time, by a read-modify-write, which cannot read an old value.
//!
//! *Watermarks.* A thief reads the highest sequence stolen so far (`hi`) before the first load of its attempt, and
//! `hi` is raised only after a steal has claimed its element. So every steal counted in it claimed before ours began.
//! The oldest element leaves first, so ours must be newer. What the owner of a stack takes from its oldest end is
//! counted likewise, but in a cell that only the owner writes (`own`), which needs no read-modify-write.
//!
//! *Empty queues.* The owner was told that its deque is empty, so whatever it pushed and has not popped was claimed by
//! thieves before that answer. Such a thief entered its attempt (odd phase, then a release fence) before its claim,
//! and the owner has seen the claim, as otherwise it would not have been told that the deque is empty; after an
//! acquire fence it sees the phase as well. It either sees it odd, and waits until it changes, or it sees a later
//! value, which the thief writes (release) when all that it claimed is recorded. Thieves that enter later cannot have
//! claimed any of these. So when each of those phases has changed, an id whose word has not changed was lost. Only the
//! owner pushes into its queue, so it knows when an id came back meanwhile, and stops watching that id. If others push
//! there as well, nothing is judged. A steal from one's own queue claims nothing of another owner's, so it has no phase.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex};

use super::desk::{Cells, Desk, add};
use super::register::{Producer, Register, Stopwatch, lock};
use super::report::{InFlight, Kind, Report, State, Violation, What};
use super::shadow::Shadow;
use super::word::{self, Word, generation, slot, tag};
use super::{Audit, Finish, Layout, Missed, Mode, Moment, Order, Probe, QueueId, Seat, Settings, Verdict};

/// Follows every id: ownership, order, loss, wakes. See the [module page](super) for what it sees.
///
/// Cost: 16 bytes per slot; two compare-and-swaps per activation, one if it follows the last at once. Making a probe takes a lock and `O(queues)`; a report
/// is `O(slots + probes)`.
pub type Exact = Flight<0>;

/// [`Exact`], and keeps the last `K` events of every probe, which each violation then shows. Best a power of two.
///
/// Cost: a few more stores per event; `24 * K` bytes per probe.
#[derive(Clone, Debug)]
pub struct Flight<const K: usize> {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mode: Mode,
    slots: Arc<[Slot]>,
    /// [`Word::key`] of the activation during which the id of each slot was last woken. Apart from the words, so that
    /// twice as many of these fit into a cache.
    wakes: Box<[AtomicU64]>,
    lines: Box<[Line]>,
    layout: Layout,
    register: Register,
    /// What the owners knew of their queues whose probes are gone.
    left: Mutex<BTreeMap<u16, Box<[View]>>>,
}

#[derive(Debug, Default)]
struct Slot {
    word: AtomicU64,
}

/// What all know of a queue.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line {
    /// The newest sequence that was stolen.
    hi: AtomicU64,
    /// The newest sequence that the owner of a stack took as its oldest; only the owner writes it.
    own: AtomicU64,
    /// The newest sequence when the owner last found the queue empty although thieves had to have something.
    empty: AtomicU64,
    /// Not only the owner pushes and pops: order is not judged.
    muddled: AtomicBool,
}

/// What one probe knows of a queue.
#[derive(Debug)]
struct View {
    order: Order,
    capacity: usize,
    mine: bool,
    owned: bool,
    /// The tag of the owner's last push.
    last: u64,
    /// Of a stack of this worker's.
    shadow: Option<Shadow>,
    /// The watermark after the owner's last event, for queues whose owner takes the oldest.
    known: u64,
    /// The last sequence seen of each producer.
    producers: Vec<u64>,
    filed: Vec<Filed>,
    /// To be filed when those before are settled.
    waiting: Vec<Filed>,
    /// Who was inside a steal when `filed` was filed, and in which phase.
    inside: Vec<(Arc<Desk>, u64)>,
}

/// An id that must leave its queue.
#[derive(Clone, Copy, Debug)]
struct Filed {
    id: u64,
    tag: u64,
    word: u64,
}

/// The probe of [`Flight`] and [`Exact`].
#[derive(Debug)]
pub struct FlightProbe<const K: usize> {
    shared: Arc<Shared>,
    /// The slots of `shared`, which every event needs: so there is one pointer less to follow.
    slots: Arc<[Slot]>,
    desk: Arc<Desk>,
    me: u16,
    doubled: bool,
    producer: Producer,
    views: Box<[View]>,
    /// Attempts to steal that are under way.
    open: u32,
    /// Whether any view has filed something.
    watching: bool,
    /// Ids that this thread took or started illegally: what it does with them was reported already.
    strays: Vec<u64>,
    stopwatch: Stopwatch,
    step: u64,
    colleagues: Vec<Arc<Desk>>,
    colleagues_version: u64,
}

/// An attempt to steal, as [`Exact`] remembers it.
#[derive(Debug)]
pub struct Ticket {
    queue: QueueId,
    /// The queue is this probe's own.
    mine: bool,
    hi: u64,
    empty: u64,
    began: u64,
    got: bool,
}

/// How a taking was judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Fair,
    /// Fair, but something about this element was reported before.
    Known,
    Foul,
}

/// Strays that are remembered at most.
const STRAYS: usize = 256;

impl<const K: usize> Audit for Flight<K> {
    type Tag = u64;
    type Probe = FlightProbe<K>;

    fn new(layout: &Layout, settings: &Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                mode: settings.mode,
                slots: (0..layout.slots).map(|_| Slot::default()).collect(),
                wakes: (0..layout.slots).map(|_| AtomicU64::default()).collect(),
                lines: layout.queues.iter().map(|_| Line::default()).collect(),
                layout: layout.clone(),
                register: Register::new(layout, settings),
                left: Mutex::default(),
            }),
        }
    }

    fn probe(&self, seat: Seat) -> FlightProbe<K> {
        let entry = self.shared.register.enter(seat, K);
        let me = word::holder(seat);
        let left = if entry.doubled { None } else { lock(&self.shared.left).remove(&me) };
        let owns = |owner: Option<u16>| owner.is_some() && owner.map(Seat::Worker) == Some(seat);
        if entry.doubled {
            for (queue, line) in self.shared.layout.queues.iter().zip(&self.shared.lines) {
                line.muddled.fetch_or(owns(queue.owner), Ordering::Relaxed);
            }
        }
        let view = |queue: &super::Queue| View::new(queue, owns(queue.owner) && !entry.doubled);
        FlightProbe {
            views: left.unwrap_or_else(|| self.shared.layout.queues.iter().map(view).collect()),
            shared: Arc::clone(&self.shared),
            slots: Arc::clone(&self.shared.slots),
            desk: entry.desk,
            me,
            doubled: entry.doubled,
            producer: entry.producer,
            open: 0,
            watching: true,
            strays: Vec::new(),
            stopwatch: Stopwatch::default(),
            step: 0,
            colleagues: Vec::new(),
            colleagues_version: 0,
        }
    }

    fn report(&self, moment: Moment) -> Report {
        let in_flight = self.shared.scan(moment);
        let mut report = self.shared.register.sum_up();
        report.in_flight = in_flight;
        report
    }

    fn reset(&self) {
        self.shared.register.reset();
        for slot in self.shared.slots.iter() {
            slot.word.fetch_and(!Word::REPORTED, Ordering::Relaxed);
        }
    }

    fn slots(&self) -> Option<usize> {
        Some(self.shared.slots.len())
    }
}

impl<const K: usize> Flight<K> {
    /// Puts the activation of a slot where a test wants it.
    #[cfg(test)]
    pub(super) fn preset_activation(&self, id: u64, activation: u32) {
        let word = Word::new(id, State::Idle, 0).0 | u64::from(activation) << 40;
        self.shared.slots[slot(id)].word.store(word, Ordering::Relaxed);
    }
}

impl Shared {
    /// Counts what is under way and, if the pool is quiet, reports it: nothing may be.
    fn scan(&self, moment: Moment) -> InFlight {
        let mut in_flight = InFlight::default();
        for (index, (slot, wake)) in self.slots.iter().zip(&self.wakes).enumerate() {
            let word = if moment == Moment::Live { slot.load() } else { slot.load_certain() };
            let kind = match word.state() {
                State::Queued => {
                    in_flight.queued += 1;
                    Kind::LostInQueue
                }
                State::Held => {
                    in_flight.held += 1;
                    Kind::LostInTransfer
                }
                State::Running => {
                    in_flight.running += 1;
                    Kind::NeverFinished
                }
                State::Idle if !word.has(Word::OVER) && wake.load(Ordering::Relaxed) == word.key() => {
                    Kind::LostWake
                }
                _ => continue,
            };
            if moment == Moment::Quiescent && !word.has(Word::REPORTED) {
                slot.word.fetch_or(Word::REPORTED, Ordering::Relaxed);
                let id = index as u64 | u64::from(word.generation()) << 32;
                let mut violation = describe(kind, Some(id), word);
                violation.recent = self.register.recent(violation.holder, self.owner(violation.queued_in));
                self.register.report(violation);
            }
        }
        in_flight
    }

    fn owner(&self, queue: Option<QueueId>) -> Option<Seat> {
        self.layout.queues.get(usize::from(queue?.0))?.owner.map(Seat::Worker)
    }

    #[inline]
    fn word(&self, id: u64) -> Option<&Slot> {
        self.slots.get(slot(id))
    }

    fn is_muddled(&self, queue: QueueId) -> bool {
        self.lines.get(usize::from(queue.0)).is_none_or(|line| line.muddled.load(Ordering::Relaxed))
    }

    #[cold]
    fn muddle(&self, queue: QueueId) {
        if let Some(line) = self.lines.get(usize::from(queue.0)) {
            line.muddled.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the element is in the queue, as far as its word says.
    fn is_queued(&self, (id, tag): (u64, u64), queue: QueueId) -> Option<Word> {
        let word = self.word(id)?.load();
        (word.is_queued(id, tag, queue) && tag & tag::ILLEGAL == 0).then_some(word)
    }
}

impl Slot {
    #[inline]
    fn load(&self) -> Word {
        Word(self.word.load(Ordering::Relaxed))
    }

    /// The newest value, for judgements: a load might read an older one.
    fn load_certain(&self) -> Word {
        Word(self.word.fetch_or(0, Ordering::AcqRel))
    }

    #[inline]
    fn swap(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.0, to.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn store(&self, word: Word) {
        self.word.store(word.0, Ordering::Relaxed);
    }

    /// Changes the word as `judge` says, or returns what is wrong with it.
    fn change(&self, judge: impl Fn(Word) -> Result<Word, Kind>) -> Result<(Word, Word), (Kind, Word)> {
        // If the first look finds nothing wrong, and the swap succeeds, it saw the newest value.
        let word = self.load();
        if let Ok(to) = judge(word) {
            if self.swap(word, to) {
                return Ok((word, to));
            }
        }
        loop {
            let word = self.load_certain();
            let to = judge(word).map_err(|kind| (kind, word))?;
            if self.swap(word, to) {
                return Ok((word, to));
            }
        }
    }
}

impl Line {
    /// The newest sequence that was taken as the oldest, by whomever.
    #[inline]
    fn stolen(&self) -> u64 {
        tag::newer(self.hi.load(Ordering::Acquire), self.own.load(Ordering::Acquire))
    }

    /// The owner of a stack took its oldest.
    #[inline]
    fn raise_own(&self, sequence: u64) {
        if !tag::not_after(sequence, self.own.load(Ordering::Relaxed)) {
            self.own.store(sequence, Ordering::Release);
        }
    }

    fn raise(&self, sequence: u64) {
        let mut hi = self.hi.load(Ordering::Relaxed);
        while !tag::not_after(sequence, hi) {
            match self.hi.compare_exchange(hi, sequence, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => hi = now,
            }
        }
    }
}

impl View {
    fn new(queue: &super::Queue, mine: bool) -> Self {
        let stacked = mine && matches!(queue.order, Order::LifoOwner | Order::Slot);
        Self {
            order: queue.order,
            capacity: queue.capacity,
            mine,
            owned: queue.owner.is_some(),
            last: 0,
            shadow: stacked.then(|| Shadow::new(queue.capacity)),
            known: 0,
            producers: Vec::new(),
            filed: Vec::new(),
            waiting: Vec::new(),
            inside: Vec::new(),
        }
    }

    /// The element came back into the queue, or was never pushed: it is not watched any more.
    #[cold]
    fn forget(&mut self, id: u64) {
        self.filed.retain(|filed| filed.id != id);
        self.waiting.retain(|filed| filed.id != id);
    }

    /// Whether this is the next of its producer.
    fn follows(&mut self, tag: u64) -> Result<(), u64> {
        let (producer, sequence) = tag::produced(tag);
        if sequence == 0 {
            return Ok(());
        }
        if self.producers.len() <= producer {
            self.producers.resize(producer + 1, 0);
        }
        match self.producers.get_mut(producer) {
            Some(last) if tag::not_after_shared(sequence, *last) => Err(*last),
            Some(last) => {
                *last = sequence;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// A violation with all that a word tells.
fn describe(kind: Kind, id: Option<u64>, word: Word) -> Violation {
    let state = word.state();
    Violation {
        id,
        activation: word.activation(),
        state,
        holder: matches!(state, State::Held | State::Running).then(|| word::seat(word.holder())),
        queued_in: (state == State::Queued).then(|| QueueId(word.holder())),
        ..Violation::new(kind)
    }
}

/// The kind for an id that is not of the slot's generation, or whose slot is retired.
fn other_generation(id: u64, word: Word) -> Option<Kind> {
    if word.state() == State::Unused {
        return None;
    }
    if word.generation() != generation(id) {
        return Some(Kind::StaleId);
    }
    (word.state() == State::Retired).then_some(Kind::UseAfterRetire)
}

/// Whether an id's generation comes after the slot's, modulo 16 bits.
fn is_newer(id: u64, word: Word) -> bool {
    let ahead = generation(id).wrapping_sub(word.generation());
    ahead != 0 && ahead < 1 << 15
}

/// What an id becomes that is queued, if that needs no second look: it is idle, or the first in its slot, or it follows
/// one that was retired.
#[inline]
fn queued_plainly(id: u64, word: Word, queue: QueueId) -> Option<Word> {
    let queued = Word::new(id, State::Queued, word::place(queue));
    let plain = word.without(Word::OVER);
    let free = plain.is(Word::new(id, State::Idle, 0))
        || plain.is(Word::default())
        || plain.is(Word::new(word::predecessor(id), State::Retired, 0));
    free.then(|| plain.becomes(queued).next_activation())
}

/// May the id be queued?
fn judge_enqueue(id: u64, word: Word, queue: QueueId) -> Result<Word, Kind> {
    let to = word.becomes(Word::new(id, State::Queued, word::place(queue))).next_activation();
    if word.state() == State::Unused {
        return Ok(to);
    }
    if is_newer(id, word) {
        let free = word.state() == State::Retired || word.has(Word::LEAVING);
        return if free { Ok(to) } else { Err(Kind::ReuseWithoutRetire) };
    }
    match other_generation(id, word) {
        Some(kind) => Err(kind),
        None => match word.state() {
            State::Idle => Ok(to),
            State::Running => Err(Kind::QueuedWhileRunning),
            _ => Err(Kind::MultipleOwners),
        },
    }
}

/// May the element be taken from this queue?
fn judge_take(id: u64, tag: u64, word: Word, queue: QueueId, me: u16) -> Result<Word, Kind> {
    if word.state() == State::Unused {
        return Err(Kind::Phantom);
    }
    if let Some(kind) = other_generation(id, word) {
        return Err(kind);
    }
    if word.activation() as u16 != tag::activation(tag) {
        return Err(Kind::StaleEntry);
    }
    match word.state() {
        State::Queued if word.holder() == word::place(queue) => {
            Ok(word.passes_to(Word::new(id, State::Held, me)))
        }
        State::Queued => Err(Kind::WrongQueue),
        State::Held => Err(Kind::DoubleTake),
        State::Running => Err(Kind::DoubleExecution),
        _ => Err(Kind::StaleEntry),
    }
}

/// May it be started?
fn judge_start(id: u64, word: Word, me: u16) -> Result<Word, Kind> {
    if let Some(kind) = other_generation(id, word) {
        return Err(kind);
    }
    match word.state() {
        State::Held if word.holder() == me => Ok(word.passes_to(Word::new(id, State::Running, me))),
        State::Held => Err(Kind::NotOwner),
        State::Running => Err(Kind::DoubleExecution),
        _ => Err(Kind::StartWithoutTake),
    }
}

/// What an id becomes whose activation is over.
fn ended(id: u64, word: Word, over: bool) -> Word {
    let state = if word.has(Word::LEAVING) { State::Retired } else { State::Idle };
    word.becomes(Word::new(id, state, 0)).with(if over { Word::OVER } else { 0 })
}

/// May its activation end so?
fn judge_finish(id: u64, word: Word, me: u16, over: bool) -> Result<Word, Kind> {
    if let Some(kind) = other_generation(id, word) {
        return Err(kind);
    }
    match word.state() {
        State::Running if word.holder() == me => Ok(ended(id, word, over)),
        State::Running => Err(Kind::ForeignCompletion),
        State::Idle => Err(Kind::DoubleCompletion),
        _ => Err(Kind::CompletionWithoutStart),
    }
}

/// May what was taken be given up?
fn judge_release(id: u64, word: Word, me: u16) -> Result<Word, Kind> {
    if let Some(kind) = other_generation(id, word) {
        return Err(kind);
    }
    match word.state() {
        State::Held if word.holder() == me => Ok(ended(id, word, false)),
        State::Held | State::Running => Err(Kind::NotOwner),
        State::Idle => Err(Kind::DoubleCompletion),
        _ => Err(Kind::CompletionWithoutStart),
    }
}

/// May it be pushed into another queue?
fn judge_move(id: u64, word: Word, to: QueueId, me: u16) -> Result<Word, Kind> {
    if let Some(kind) = other_generation(id, word) {
        return Err(kind);
    }
    match word.state() {
        State::Held if word.holder() == me => {
            Ok(word.passes_to(Word::new(id, State::Queued, word::place(to))))
        }
        State::Queued => Err(Kind::MultipleOwners),
        State::Running => Err(Kind::QueuedWhileRunning),
        _ => Err(Kind::NotOwner),
    }
}

/// May it be retired? What is in use is marked: it becomes retired when the use ends.
fn judge_retire(id: u64, word: Word) -> Result<Word, Kind> {
    let retired = word.becomes(Word::new(id, State::Retired, 0));
    match word.state() {
        State::Unused => return Ok(retired),
        State::Retired if is_newer(id, word) => return Ok(retired),
        _ if is_newer(id, word) => return Err(Kind::ReuseWithoutRetire),
        _ => {}
    }
    match other_generation(id, word) {
        Some(kind) => Err(kind),
        None => match word.state() {
            State::Idle => Ok(retired),
            State::Queued => Err(Kind::RetiredWhileQueued),
            _ => Err(Kind::RetiredWhileRunning),
        },
    }
}

impl<const K: usize> Probe for FlightProbe<K> {
    type Tag = u64;
    type Ticket = Ticket;

    #[inline(always)]
    fn enqueue(&mut self, id: u64, queue: QueueId) -> u64 {
        self.note(|cells| &cells.enqueued, What::Enqueue, Some(id), Some(queue));
        if let Some(slot) = self.slots.get(slot(id)) {
            let word = slot.load();
            if let Some(to) = queued_plainly(id, word, queue) {
                if slot.swap(word, to) {
                    return self.tag(id, queue, to.activation());
                }
            }
        }
        self.enqueue_slowly(id, queue)
    }

    #[cold]
    fn rejected(&mut self, id: u64, queue: QueueId, tag: u64) {
        self.note(|cells| &cells.rejected, What::Rejected, Some(id), Some(queue));
        if let Some(shadow) = self.shadow(queue) {
            shadow.remove((id, tag), |_| true);
        }
        if tag & tag::ILLEGAL != 0 {
            return;
        }
        let result = self.change(id, |word| {
            if word.is_queued(id, tag, queue) {
                Ok(ended(id, word, false))
            } else {
                Err(Kind::MultipleOwners)
            }
        });
        if let Err((kind, word)) = result {
            self.report(kind, id, word, Some(queue), Some(tag), None);
        }
    }

    #[inline(always)]
    fn popped(&mut self, queue: QueueId, found: Option<(u64, u64)>) -> Verdict {
        let Some((id, tag)) = found else {
            self.note(|cells| &cells.found_empty, What::FoundEmpty, None, Some(queue));
            self.found_empty(queue);
            return Verdict::Run;
        };
        self.note(|cells| &cells.popped, What::Popped, Some(id), Some(queue));
        let taken = self.take(id, tag, queue);
        match self.shadow(queue).map(|shadow| shadow.pop((id, tag))) {
            Some(true) if taken == Taken::Fair => return Verdict::Run,
            Some(true) => {}
            Some(false) => self.not_the_top(queue, id, tag, taken),
            None => self.popped_elsewhere(queue, id, tag, taken),
        }
        self.verdict(taken)
    }

    #[inline]
    fn steal_begin(&mut self, victim: QueueId) -> Ticket {
        self.note(|cells| &cells.attempts, What::StealBegin, None, Some(victim));
        let mine = self.views.get(usize::from(victim.0)).is_some_and(|view| view.mine);
        if !mine {
            if self.open == 0 {
                self.desk.enter_steal();
            }
            self.open += 1;
        }
        let began = self.stopwatch.begin(&self.shared.register, victim);
        let (hi, empty) = match self.shared.lines.get(usize::from(victim.0)) {
            Some(line) => (line.stolen(), line.empty.load(Ordering::Acquire)),
            None => (0, 0),
        };
        Ticket { queue: victim, mine, hi, empty, began, got: false }
    }

    #[inline]
    fn stolen(&mut self, mut ticket: Ticket, id: u64, tag: u64) -> Verdict {
        let verdict = self.stolen_part(&mut ticket, id, tag);
        self.close(&ticket);
        verdict
    }

    #[inline]
    fn stolen_part(&mut self, ticket: &mut Ticket, id: u64, tag: u64) -> Verdict {
        let queue = ticket.queue;
        self.note(|cells| &cells.stolen, What::Stolen, Some(id), Some(queue));
        if !ticket.got {
            self.stopwatch.got(&self.shared.register, &self.desk, ticket.began, queue, id);
            ticket.got = true;
        }
        let taken = self.take(id, tag, queue);
        if taken == Taken::Fair && self.took_bottom(ticket, id, tag) {
            return Verdict::Run;
        }
        self.judge_stolen(ticket, id, tag, taken)
    }

    #[inline]
    fn steal_missed(&mut self, ticket: Ticket, why: Missed) {
        if !ticket.got {
            self.record(What::StealMissed(why), None, Some(ticket.queue));
            self.desk.missed(why);
            self.stopwatch.missed(why == Missed::Contended, ticket.began, ticket.queue);
        }
        self.close(&ticket);
    }

    fn moved(&mut self, id: u64, to: QueueId) -> u64 {
        self.note(|cells| &cells.moved, What::Moved, Some(id), Some(to));
        let me = self.me;
        match self.change(id, |word| judge_move(id, word, to, me)) {
            Ok((_, now)) => self.tag(id, to, now.activation()),
            Err((kind, word)) => {
                if !self.pardon(id) {
                    self.report(kind, id, word, Some(to), None, None);
                }
                self.condemned_tag(id, to, word)
            }
        }
    }

    #[inline]
    fn started(&mut self, id: u64) -> Verdict {
        self.note(|cells| &cells.started, What::Started, Some(id), None);
        if let Some(slot) = self.slots.get(slot(id)) {
            let word = slot.load();
            let held = Word::new(id, State::Held, self.me);
            if word.is(held) {
                slot.store(word.turns(held, Word::new(id, State::Running, self.me)));
                return Verdict::Run;
            }
        }
        self.started_slowly(id)
    }

    #[inline]
    fn finished(&mut self, id: u64, end: Finish) {
        self.record(What::Finished(end), Some(id), None);
        self.desk.finished(end);
        if let Some(slot) = self.slots.get(slot(id)) {
            let word = slot.load();
            let running = Word::new(id, State::Running, self.me);
            if word.is(running) {
                let over = if end == Finish::Pending { 0 } else { Word::OVER };
                slot.store(word.turns(running, Word::new(id, State::Idle, 0)).with(over));
                return;
            }
        }
        self.finished_slowly(id, end);
    }

    #[inline]
    fn finished_for_good(&mut self, id: u64, end: Finish) {
        let running = Word::new(id, State::Running, self.me);
        let word = self.slots.get(slot(id)).map(Slot::load).filter(|word| word.is(running));
        let Some(word) = word else {
            self.finished(id, end);
            return self.retired(id);
        };
        self.record(What::Finished(end), Some(id), None);
        self.desk.finished(end);
        self.note(|cells| &cells.retired, What::Retired, Some(id), None);
        if let Some(slot) = self.slots.get(slot(id)) {
            slot.store(word.turns(running, Word::new(id, State::Retired, 0)));
        }
    }

    #[inline]
    fn finished_again(&mut self, id: u64, queue: QueueId) -> u64 {
        let running = Word::new(id, State::Running, self.me);
        let word = self.slots.get(slot(id)).map(Slot::load).filter(|word| word.is(running));
        let Some(word) = word else {
            self.finished(id, Finish::Pending);
            return self.enqueue(id, queue);
        };
        self.record(What::Finished(Finish::Pending), Some(id), None);
        self.desk.finished(Finish::Pending);
        self.note(|cells| &cells.enqueued, What::Enqueue, Some(id), Some(queue));
        // A store: until the push, only its holder changes the word of an id that runs.
        let to = word.turns(running, Word::new(id, State::Queued, word::place(queue))).next_activation();
        if let Some(slot) = self.slots.get(slot(id)) {
            slot.store(to);
        }
        self.tag(id, queue, to.activation())
    }

    fn waked(&mut self, id: u64) {
        self.note(|cells| &cells.waked, What::Waked, Some(id), None);
        let (Some(slot), Some(wake)) = (self.shared.word(id), self.shared.wakes.get(slot(id))) else {
            self.report(Kind::UnknownId, id, Word::default(), None, None, None);
            return;
        };
        let word = slot.load();
        if word.state() == State::Running && word.generation() == generation(id) {
            wake.store(word.key(), Ordering::Relaxed);
        }
    }

    fn released(&mut self, id: u64) {
        self.note(|cells| &cells.released, What::Released, Some(id), None);
        let me = self.me;
        if let Err((kind, word)) = self.change(id, |word| judge_release(id, word, me)) {
            if !self.pardon(id) {
                self.report(kind, id, word, None, None, None);
            }
        }
    }

    fn retired(&mut self, id: u64) {
        self.note(|cells| &cells.retired, What::Retired, Some(id), None);
        if let Err((kind, word)) = self.change(id, |word| judge_retire(id, word)) {
            if matches!(kind, Kind::RetiredWhileQueued | Kind::RetiredWhileRunning) {
                if let Some(slot) = self.shared.word(id) {
                    slot.word.fetch_or(Word::LEAVING, Ordering::Relaxed);
                }
                if word.has(Word::LEAVING) {
                    self.report(Kind::UseAfterRetire, id, word, None, None, None);
                    return;
                }
            }
            self.report(kind, id, word, None, None, None);
        }
    }

    #[inline]
    fn safe_point(&mut self) {
        if self.open > 0 {
            self.open = 0;
            self.desk.leave_steal();
        }
        if self.watching {
            self.settle();
        }
    }
}

impl<const K: usize> FlightProbe<K> {
    /// Counts an event and records it.
    #[inline]
    fn note(
        &mut self,
        pick: impl Fn(&Cells) -> &AtomicU64,
        what: What,
        id: Option<u64>,
        queue: Option<QueueId>,
    ) {
        add(pick(&self.desk.cells), 1);
        self.record(what, id, queue);
    }

    /// Records an event if there is a ring.
    #[inline]
    fn record(&mut self, what: What, id: Option<u64>, queue: Option<QueueId>) {
        if K > 0 {
            self.desk.mark::<K>(self.step, what, id, queue);
            self.step += 1;
        }
    }

    /// What this worker pushed into a stack of its own.
    #[inline]
    fn shadow(&mut self, queue: QueueId) -> Option<&mut Shadow> {
        self.views.get_mut(usize::from(queue.0))?.shadow.as_mut()
    }

    /// The tag of an element that goes into the queue.
    #[inline]
    fn tag(&mut self, id: u64, queue: QueueId, activation: u32) -> u64 {
        if let Some(view) = self.views.get_mut(usize::from(queue.0)) {
            if let Some(shadow) = &mut view.shadow {
                let tag = tag::next(view.last, activation);
                view.last = tag;
                shadow.push((id, tag));
                if self.watching {
                    view.forget(id);
                }
                return tag;
            }
        }
        self.tag_elsewhere(queue, activation)
    }

    /// The tag in a queue that is not a stack of this worker's.
    #[inline(never)]
    fn tag_elsewhere(&mut self, queue: QueueId, activation: u32) -> u64 {
        match self.views.get_mut(usize::from(queue.0)) {
            Some(view) if view.mine => {
                view.last = tag::next(view.last, activation);
                view.last
            }
            Some(view) if !view.owned => self.produce(activation),
            _ => {
                self.shared.muddle(queue);
                tag::owned(0, activation)
            }
        }
    }

    #[inline]
    fn produce(&mut self, activation: u32) -> u64 {
        if self.producer.number == 0 {
            return tag::shared(0, 0, activation);
        }
        self.producer.sequence = tag::after_shared(self.producer.sequence);
        tag::shared(self.producer.sequence, self.producer.number, activation)
    }

    /// The tag of an element whose push was reported as illegal.
    fn condemned_tag(&mut self, id: u64, queue: QueueId, word: Word) -> u64 {
        let tag = self.tag(id, queue, word.activation());
        if let Some(shadow) = self.shadow(queue) {
            if shadow.pop((id, tag)) {
                shadow.push((id, tag | tag::ILLEGAL));
            }
        }
        tag | tag::ILLEGAL
    }

    #[cold]
    fn enqueue_slowly(&mut self, id: u64, queue: QueueId) -> u64 {
        match self.change(id, |word| judge_enqueue(id, word, queue)) {
            Ok((_, now)) => self.tag(id, queue, now.activation()),
            Err((kind, word)) => {
                self.report(kind, id, word, Some(queue), None, None);
                self.condemned_tag(id, queue, word)
            }
        }
    }

    #[inline]
    fn take(&mut self, id: u64, tag: u64, queue: QueueId) -> Taken {
        if let Some(slot) = self.slots.get(slot(id)) {
            let word = slot.load();
            let queued = Word::new(id, State::Queued, word::place(queue));
            if word.is(queued)
                && word.activation() as u16 == tag::activation(tag)
                && tag & tag::ILLEGAL == 0
                && slot.swap(word, word.turns(queued, Word::new(id, State::Held, self.me)))
            {
                return Taken::Fair;
            }
        }
        self.take_slowly(id, tag, queue)
    }

    #[cold]
    fn take_slowly(&mut self, id: u64, tag: u64, queue: QueueId) -> Taken {
        if tag & tag::ILLEGAL == 0 {
            let me = self.me;
            match self.change(id, |word| judge_take(id, tag, word, queue, me)) {
                Ok((was, _)) if was.has(Word::REPORTED) => return Taken::Known,
                Ok(_) => return Taken::Fair,
                Err((kind, word)) => self.report(kind, id, word, Some(queue), Some(tag), None),
            }
        }
        self.add_stray(id);
        Taken::Foul
    }

    #[cold]
    fn started_slowly(&mut self, id: u64) -> Verdict {
        let me = self.me;
        match self.change(id, |word| judge_start(id, word, me)) {
            Ok(_) => Verdict::Run,
            Err(_) if self.strays.contains(&id) => Verdict::Run,
            Err((kind, word)) => {
                self.report(kind, id, word, None, None, None);
                self.add_stray(id);
                self.verdict(Taken::Foul)
            }
        }
    }

    #[cold]
    fn finished_slowly(&mut self, id: u64, end: Finish) {
        let me = self.me;
        if let Err((kind, word)) = self.change(id, |word| judge_finish(id, word, me, end != Finish::Pending))
        {
            if !self.pardon(id) {
                self.report(kind, id, word, None, None, None);
            }
        }
    }

    fn change(
        &self,
        id: u64,
        judge: impl Fn(Word) -> Result<Word, Kind>,
    ) -> Result<(Word, Word), (Kind, Word)> {
        match self.shared.word(id) {
            Some(slot) => slot.change(judge),
            None => Err((Kind::UnknownId, Word::default())),
        }
    }

    /// The pool will go on with an id that it should not have.
    fn add_stray(&mut self, id: u64) {
        if self.shared.mode == Mode::Observe {
            if self.strays.len() >= STRAYS {
                self.strays.remove(0);
            }
            self.strays.push(id);
        }
    }

    /// Whether the id is one of these, which it then no longer is.
    fn pardon(&mut self, id: u64) -> bool {
        let place = self.strays.iter().position(|stray| *stray == id);
        place.map(|place| self.strays.swap_remove(place)).is_some()
    }

    #[inline]
    fn verdict(&self, taken: Taken) -> Verdict {
        if taken == Taken::Foul && self.shared.mode == Mode::Enforce { Verdict::Refuse } else { Verdict::Run }
    }

    #[inline]
    fn close(&mut self, ticket: &Ticket) {
        if ticket.mine {
            return;
        }
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.desk.leave_steal();
        }
    }

    /// Whether this worker took the oldest of its own stack as it should, so that nothing more is to be judged.
    #[inline]
    fn took_bottom(&mut self, ticket: &mut Ticket, id: u64, tag: u64) -> bool {
        let place = usize::from(ticket.queue.0);
        let (Some(view), Some(line)) = (self.views.get_mut(place), self.shared.lines.get(place)) else {
            return false;
        };
        let Some(shadow) = &mut view.shadow else { return false };
        let sequence = tag::sequence(tag);
        if tag::not_after(sequence, ticket.hi)
            || tag::not_after(sequence, ticket.empty)
            || !shadow.drop_bottom((id, tag))
        {
            return false;
        }
        line.raise_own(sequence);
        ticket.hi = sequence;
        true
    }

    /// Judges the order of what was stolen.
    #[inline(never)]
    fn judge_stolen(&mut self, ticket: &mut Ticket, id: u64, tag: u64, taken: Taken) -> Verdict {
        let queue = ticket.queue;
        let place = usize::from(queue.0);
        let (Some(view), Some(line)) = (self.views.get_mut(place), self.shared.lines.get(place)) else {
            return self.verdict(taken);
        };
        if !view.owned {
            self.judge_producer(queue, id, tag, taken);
            return self.verdict(taken);
        }
        let sequence = tag::sequence(tag);
        if sequence == 0 || view.order == Order::Unordered {
            return self.verdict(taken);
        }
        match &mut view.shadow {
            Some(shadow) if taken == Taken::Foul => _ = shadow.remove((id, tag), |_| true),
            Some(shadow) => {
                shadow.drop_through(tag);
                line.raise_own(sequence);
            }
            None if taken == Taken::Foul => {}
            None => line.raise(sequence),
        }
        if taken == Taken::Foul {
            return self.verdict(taken);
        }
        let wrong = if tag::not_after(sequence, ticket.hi) {
            Some((Kind::FifoOrder, ticket.hi))
        } else if tag::not_after(sequence, ticket.empty) {
            Some((Kind::EmptyWitness, ticket.empty))
        } else {
            // What comes next from this attempt is newer.
            ticket.hi = sequence;
            None
        };
        if let (Some((kind, after)), Taken::Fair) = (wrong, taken) {
            self.report_order(kind, id, queue, tag, after);
        }
        self.verdict(taken)
    }

    /// The owner popped something else than its newest. Why?
    #[cold]
    fn not_the_top(&mut self, queue: QueueId, id: u64, tag: u64, taken: Taken) {
        let shared = &self.shared;
        let Some(view) = self.views.get_mut(usize::from(queue.0)) else { return };
        let Some(shadow) = &mut view.shadow else { return };
        let is_slot = view.order == Order::Slot;
        // What is above and has left the queue was taken by thieves: it is not the owner that is wrong.
        let (was_there, newer) =
            shadow.remove((id, tag), |one| is_slot || shared.is_queued(one, queue).is_some());
        let sequence = tag::sequence(tag);
        if taken != Taken::Fair || sequence == 0 {
            return;
        }
        let (empty, own) = shared
            .lines
            .get(usize::from(queue.0))
            .map_or((0, 0), |line| (line.empty.load(Ordering::Relaxed), line.own.load(Ordering::Relaxed)));
        let kind = if was_there {
            match newer {
                // It was displaced by the one above.
                1 if is_slot => return,
                0 => Kind::FifoOrder,
                _ => Kind::LifoOrder,
            }
        } else if tag::not_after(sequence, empty) {
            Kind::EmptyWitness
        } else if shadow.forgot(tag) {
            return;
        } else if tag::not_after(sequence, own) {
            Kind::FifoOrder
        } else {
            Kind::LifoOrder
        };
        let last = tag::sequence(view.last);
        self.report_order(kind, id, queue, tag, last);
    }

    /// Popped from a queue that is not a stack of this worker's.
    #[inline(never)]
    fn popped_elsewhere(&mut self, queue: QueueId, id: u64, tag: u64, taken: Taken) {
        let (Some(view), Some(line)) =
            (self.views.get_mut(usize::from(queue.0)), self.shared.lines.get(usize::from(queue.0)))
        else {
            return;
        };
        if !view.owned {
            self.judge_producer(queue, id, tag, taken);
            return;
        }
        if !view.mine {
            self.shared.muddle(queue);
            return;
        }
        let sequence = tag::sequence(tag);
        if view.order == Order::Unordered || sequence == 0 || taken == Taken::Foul {
            return;
        }
        // The owner is a consumer as any other, but its attempt has no beginning of its own: it began after the
        // owner's last event here.
        let empty = line.empty.load(Ordering::Relaxed);
        let wrong = if tag::not_after(sequence, view.known) {
            Some((Kind::FifoOrder, view.known))
        } else if tag::not_after(sequence, empty) {
            Some((Kind::EmptyWitness, empty))
        } else {
            None
        };
        line.raise(sequence);
        view.known = line.hi.load(Ordering::Acquire);
        if let (Some((kind, after)), Taken::Fair) = (wrong, taken) {
            self.report_order(kind, id, queue, tag, after);
        }
    }

    /// A queue of everybody's: what one producer pushed must come in that order.
    fn judge_producer(&mut self, queue: QueueId, id: u64, tag: u64, taken: Taken) {
        let Some(view) = self.views.get_mut(usize::from(queue.0)) else { return };
        if view.order != Order::Injector || taken == Taken::Foul {
            return;
        }
        if let (Err(after), Taken::Fair) = (view.follows(tag), taken) {
            self.report_order(Kind::FifoOrder, id, queue, tag, after);
        }
    }

    #[inline]
    fn found_empty(&mut self, queue: QueueId) {
        let Some(view) = self.views.get_mut(usize::from(queue.0)) else { return };
        if !view.mine {
            return;
        }
        if view.shadow.as_ref().is_some_and(|shadow| !shadow.is_empty()) {
            self.all_must_be_stolen(queue);
        } else if view.order == Order::FifoOwner {
            if let Some(line) = self.shared.lines.get(usize::from(queue.0)) {
                let last = tag::sequence(view.last);
                if line.empty.load(Ordering::Relaxed) != last {
                    line.empty.store(last, Ordering::Release);
                }
            }
        }
    }

    /// The owner's stack is empty, so thieves have all that it did not pop. Watches those of which no thief has said
    /// so.
    #[cold]
    fn all_must_be_stolen(&mut self, queue: QueueId) {
        let shared = &self.shared;
        let (Some(view), Some(line)) =
            (self.views.get_mut(usize::from(queue.0)), shared.lines.get(usize::from(queue.0)))
        else {
            return;
        };
        let Some(shadow) = &mut view.shadow else { return };
        line.empty.store(tag::sequence(view.last), Ordering::Release);
        let limit = view.capacity.saturating_add(1);
        let waiting = &mut view.waiting;
        let mut unwatched = 0;
        shadow.drain(|(id, tag)| {
            if let Some(word) = shared.is_queued((id, tag), queue) {
                if waiting.len() < limit {
                    waiting.push(Filed { id, tag, word: word.0 });
                } else {
                    unwatched += 1;
                }
            }
        });
        if unwatched > 0 {
            shared.register.unwatched.fetch_add(unwatched, Ordering::Relaxed);
        }
        if !view.waiting.is_empty() {
            self.watching = true;
            self.file(queue);
        }
    }

    /// Files what waits, unless something is filed already.
    fn file(&mut self, queue: QueueId) {
        let Some(view) = self.views.get_mut(usize::from(queue.0)) else { return };
        if !view.filed.is_empty() || view.waiting.is_empty() {
            return;
        }
        std::mem::swap(&mut view.filed, &mut view.waiting);
        // Pairs with the fence in `Desk::enter_steal`: what was claimed before the answer "empty" was claimed by
        // somebody whose phase is seen here.
        fence(Ordering::Acquire);
        self.shared.register.colleagues(&mut self.colleagues, &mut self.colleagues_version);
        view.inside.clear();
        for desk in &self.colleagues {
            let phase = desk.phase.load(Ordering::Acquire);
            if phase & 1 == 1 && !Arc::ptr_eq(desk, &self.desk) {
                view.inside.push((Arc::clone(desk), phase));
            }
        }
    }

    /// Reports what is filed and still in its queue, if every thief that could have had it has said what it got.
    #[cold]
    fn settle(&mut self) {
        self.watching = false;
        for index in 0..self.views.len() {
            let Ok(number) = u16::try_from(index) else { return };
            let queue = QueueId(number);
            let Some(view) = self.views.get_mut(index) else { return };
            view.inside.retain(|(desk, phase)| desk.phase.load(Ordering::Acquire) == *phase);
            if view.inside.is_empty() {
                for filed in std::mem::take(&mut view.filed) {
                    self.judge_filed(filed, queue);
                }
                self.file(queue);
            }
            self.watching |= self.views.get(index).is_some_and(|view| !view.filed.is_empty());
        }
    }

    fn judge_filed(&mut self, filed: Filed, queue: QueueId) {
        if self.shared.is_muddled(queue) {
            return;
        }
        let Some(slot) = self.shared.word(filed.id) else { return };
        let word = Word(filed.word);
        // Only if the word is what it was: a compare-and-swap never sees an old value.
        if slot.swap(word, word.with(Word::REPORTED)) && !word.has(Word::REPORTED) {
            self.report(Kind::LostInQueue, filed.id, word, Some(queue), None, Some(filed.tag));
        }
    }

    fn report_order(&self, kind: Kind, id: u64, queue: QueueId, tag: u64, after: u64) {
        if !self.shared.is_muddled(queue)
            || self.views.get(usize::from(queue.0)).is_some_and(|view| !view.owned)
        {
            let word = self.shared.word(id).map(Slot::load).unwrap_or_default();
            self.report(kind, id, word, Some(queue), Some(tag), Some(after));
        }
    }

    #[cold]
    fn report(
        &self,
        kind: Kind,
        id: u64,
        word: Word,
        queue: Option<QueueId>,
        found: Option<u64>,
        expected: Option<u64>,
    ) {
        let mut violation = describe(kind, Some(id), word);
        (violation.queue, violation.found, violation.expected) = (queue, found, expected);
        violation.by = Some(self.desk.seat);
        violation.step = self.desk.cells.read().events().saturating_sub(1);
        if K > 0 {
            let other = violation.holder.or_else(|| self.shared.owner(violation.queued_in.or(queue)));
            violation.recent = self.shared.register.recent(violation.by, other);
        }
        self.shared.register.report(violation);
    }
}

impl<const K: usize> Drop for FlightProbe<K> {
    fn drop(&mut self) {
        if self.open > 0 {
            self.desk.leave_steal();
        }
        if !self.doubled && matches!(self.desk.seat, Seat::Worker(_)) {
            lock(&self.shared.left).insert(self.me, std::mem::take(&mut self.views));
        }
        self.shared.register.leave(&self.desk, self.producer);
    }
}

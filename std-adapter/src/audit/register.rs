//! All probes of an audit, what their seats have counted, and the violations they found.
//!
//! The invariant: *what was counted is never lost and never counted twice*. The counts of a probe that is dropped are
//! added to its seat's; memory is bounded by the probes alive and the seats there are. Everything here is behind
//! locks, as it happens when a probe is made or dropped, when something is wrong, or when a report is made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::desk::{Desk, add};
use super::report::{Counts, Kind, Latency, Recent, Report, SeatCounts, Violation, Worst};
use super::word::{self, tag};
use super::{Layout, QueueId, Seat, Settings};

type Times = [u64; Latency::BUCKETS];

#[derive(Debug)]
pub(super) struct Register {
    workers: usize,
    settings: Settings,
    /// Raised whenever a probe comes or goes.
    changes: AtomicU64,
    book: Mutex<Book>,
    findings: Mutex<Vec<Violation>>,
    kinds: [AtomicU64; Kind::ALL.len()],
    /// The time of the worst steal, to look at without the lock.
    worst: AtomicU64,
    pub(super) unwatched: AtomicU64,
}

#[derive(Debug)]
struct Book {
    desks: Vec<Arc<Desk>>,
    /// What probes that are gone have counted, by seat.
    past: BTreeMap<u16, Counts>,
    past_times: Times,
    past_balance: Balance,
    /// What was counted when the audit was last reset.
    base: BTreeMap<u16, Counts>,
    base_times: Times,
    worst: Option<Worst>,
    strangers: u64,
    doubled: u64,
    /// Numbers of producers that are gone, with what they had pushed.
    free: Vec<Producer>,
    next: u16,
}

/// A number to tell producers apart, and its last sequence. Number 0 is of those that are not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Producer {
    pub(super) number: u16,
    pub(super) sequence: u64,
}

/// What went into queues, and what came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// In minus out.
    pub(super) count: i64,
    pub(super) hash: u64,
}

/// What a probe gets when it is made.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) desk: Arc<Desk>,
    pub(super) producer: Producer,
    /// Its seat has another probe that is alive.
    pub(super) doubled: bool,
}

impl Register {
    pub(super) fn new(layout: &Layout, settings: &Settings) -> Self {
        let book = Book {
            desks: Vec::new(),
            past: BTreeMap::new(),
            past_times: [0; Latency::BUCKETS],
            past_balance: Balance::default(),
            base: BTreeMap::new(),
            base_times: [0; Latency::BUCKETS],
            worst: None,
            strangers: 0,
            doubled: 0,
            free: Vec::new(),
            next: 1,
        };
        Self {
            workers: layout.workers,
            settings: settings.clone(),
            changes: AtomicU64::new(0),
            book: Mutex::new(book),
            findings: Mutex::default(),
            kinds: std::array::from_fn(|_| AtomicU64::new(0)),
            worst: AtomicU64::new(0),
            unwatched: AtomicU64::new(0),
        }
    }

    pub(super) fn enter(&self, seat: Seat, events: usize) -> Entry {
        let mut book = lock(&self.book);
        let doubled = book.desks.iter().any(|desk| desk.seat == seat);
        let is_worker = matches!(seat, Seat::Worker(_));
        book.doubled += u64::from(doubled && is_worker);
        book.strangers +=
            u64::from(matches!(seat, Seat::Worker(number) if usize::from(number) >= self.workers));
        let next = book.next;
        let producer = match book.free.pop() {
            Some(producer) => producer,
            None if next < tag::PRODUCERS => {
                book.next += 1;
                Producer { number: next, sequence: 0 }
            }
            None => Producer::default(),
        };
        let desk = Arc::new(Desk::new(seat, events));
        book.desks.push(Arc::clone(&desk));
        self.changes.fetch_add(1, Ordering::Release);
        Entry { desk, producer, doubled: doubled && is_worker }
    }

    pub(super) fn leave(&self, desk: &Arc<Desk>, producer: Producer) {
        let mut book = lock(&self.book);
        book.desks.retain(|one| !Arc::ptr_eq(one, desk));
        let past = book.past.entry(word::holder(desk.seat)).or_default();
        *past = past.zip(&desk.cells.read(), u64::wrapping_add);
        book.past_balance = book.past_balance.with(desk);
        for (sum, more) in book.past_times.iter_mut().zip(desk.latency()) {
            *sum += more;
        }
        if producer.number != 0 {
            book.free.push(producer);
        }
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Counts a violation, and keeps it if there is room.
    pub(super) fn report(&self, violation: Violation) {
        if let Some(count) = self.kinds.get(violation.kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let mut kept = lock(&self.findings);
        if kept.len() < self.settings.keep {
            kept.push(violation);
        }
    }

    /// The last events of two seats.
    pub(super) fn recent(&self, one: Option<Seat>, other: Option<Seat>) -> Vec<Recent> {
        let book = lock(&self.book);
        let other = other.filter(|other| Some(*other) != one);
        let of = |seat| {
            let events =
                book.desks.iter().filter(|desk| desk.seat == seat).flat_map(|desk| desk.recent()).collect();
            Recent { seat, events }
        };
        one.into_iter().chain(other).map(of).filter(|recent| !recent.events.is_empty()).collect()
    }

    /// Brings a list of all desks up to date.
    pub(super) fn colleagues(&self, list: &mut Vec<Arc<Desk>>, version: &mut u64) {
        let now = self.changes.load(Ordering::Acquire);
        if *version != now {
            let book = lock(&self.book);
            // Under the lock, it cannot change.
            *version = self.changes.load(Ordering::Acquire);
            list.clone_from(&book.desks);
        }
    }

    /// A steal took so long.
    pub(super) fn time(&self, desk: &Desk, nanoseconds: u64, victim: QueueId, id: u64) {
        desk.time(nanoseconds);
        if self.settings.slow_steal.is_some_and(|limit| u128::from(nanoseconds) > limit.as_nanos()) {
            add(&desk.cells.slow_steals, 1);
        }
        if nanoseconds > self.worst.load(Ordering::Relaxed) {
            let mut book = lock(&self.book);
            if book.worst.is_none_or(|worst| worst.nanoseconds < nanoseconds) {
                book.worst = Some(Worst { nanoseconds, thief: desk.seat, victim, id });
                self.worst.store(nanoseconds, Ordering::Relaxed);
            }
        }
    }

    /// What is in the queues, as far as the sums tell.
    pub(super) fn balance(&self) -> Balance {
        let book = lock(&self.book);
        book.desks.iter().fold(book.past_balance, |sum, desk| sum.with(desk))
    }

    pub(super) fn sum_up(&self) -> Report {
        let mut report = Report::default();
        let book = lock(&self.book);
        let none = Counts::default();
        for (holder, counts) in book.counts() {
            let base = book.base.get(&holder).unwrap_or(&none);
            let counts = counts.zip(base, u64::wrapping_sub);
            report.totals = report.totals.zip(&counts, u64::wrapping_add);
            report.seats.push(SeatCounts { seat: word::seat(holder), counts });
        }
        report.latency = Latency { buckets: book.times() };
        for (bucket, base) in report.latency.buckets.iter_mut().zip(book.base_times) {
            *bucket -= base;
        }
        (report.worst, report.strangers, report.doubled) = (book.worst, book.strangers, book.doubled);
        drop(book);
        report.unwatched = self.unwatched.load(Ordering::Relaxed);
        report.violations.clone_from(&lock(&self.findings));
        report.kinds = self.kinds.each_ref().map(|count| count.load(Ordering::Relaxed));
        report
    }

    pub(super) fn reset(&self) {
        let mut book = lock(&self.book);
        book.base = book.counts();
        book.base_times = book.times();
        (book.worst, book.strangers, book.doubled) = (None, 0, 0);
        self.worst.store(0, Ordering::Relaxed);
        drop(book);
        self.unwatched.store(0, Ordering::Relaxed);
        lock(&self.findings).clear();
        self.kinds.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

impl Book {
    fn counts(&self) -> BTreeMap<u16, Counts> {
        let mut all = self.past.clone();
        for desk in &self.desks {
            let counts = all.entry(word::holder(desk.seat)).or_default();
            *counts = counts.zip(&desk.cells.read(), u64::wrapping_add);
        }
        all
    }

    fn times(&self) -> Times {
        let mut all = self.past_times;
        for desk in &self.desks {
            all.iter_mut().zip(desk.latency()).for_each(|(sum, more)| *sum += more);
        }
        all
    }
}

impl Balance {
    fn with(self, desk: &Desk) -> Self {
        let count = desk.cells.read().in_queues();
        let hash = desk.hash.load(Ordering::Relaxed);
        Self { count: self.count.wrapping_add(count), hash: self.hash.wrapping_add(hash) }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Measures steals, if there is a clock: from the first attempt on a queue that was only beaten by others.
#[derive(Debug, Default)]
pub(super) struct Stopwatch {
    beaten: Option<(QueueId, u64)>,
}

impl Stopwatch {
    #[inline]
    pub(super) fn begin(&self, register: &Register, victim: QueueId) -> u64 {
        let Some(clock) = register.settings.clock else { return 0 };
        match self.beaten {
            Some((queue, since)) if queue == victim => since,
            _ => clock(),
        }
    }

    #[inline]
    pub(super) fn got(&mut self, register: &Register, desk: &Desk, began: u64, victim: QueueId, id: u64) {
        if let Some(clock) = register.settings.clock {
            self.beaten = None;
            register.time(desk, clock().saturating_sub(began), victim, id);
        }
    }

    #[inline]
    pub(super) fn missed(&mut self, was_beaten: bool, began: u64, victim: QueueId) {
        self.beaten = was_beaten.then_some((victim, began));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_probe_outlive_it() {
        let register = Register::new(&Layout::new(1, 1), &Settings::default());
        for _ in 0..3 {
            let entry = register.enter(Seat::Worker(0), 0);
            add(&entry.desk.cells.started, 5);
            register.leave(&entry.desk, entry.producer);
        }
        assert_eq!(register.sum_up().totals.started, 15);
        register.reset();
        assert_eq!(register.sum_up().totals, Counts::default());
    }

    #[test]
    fn a_producer_number_is_used_again_with_its_sequence() {
        let register = Register::new(&Layout::new(1, 1), &Settings::default());
        let entry = register.enter(Seat::Outside(0), 0);
        let number = entry.producer.number;
        register.leave(&entry.desk, Producer { sequence: 40, ..entry.producer });
        let entry = register.enter(Seat::Outside(9), 0);
        assert_eq!((entry.producer.number, entry.producer.sequence), (number, 40));
    }

    #[test]
    fn too_many_producers_share_number_zero() {
        let register = Register::new(&Layout::new(1, 1), &Settings::default());
        let numbers: Vec<u16> =
            (0..4_100).map(|number| register.enter(Seat::Outside(number), 0).producer.number).collect();
        assert_eq!(numbers[4_094], 4_095);
        assert!(numbers[4_095..].iter().all(|number| *number == 0));
    }

    #[test]
    fn strangers_and_doubles_are_counted() {
        let register = Register::new(&Layout::new(1, 1), &Settings::default());
        assert!(!register.enter(Seat::Worker(0), 0).doubled);
        assert!(register.enter(Seat::Worker(0), 0).doubled);
        register.enter(Seat::Worker(7), 0);
        let report = register.sum_up();
        assert_eq!((report.strangers, report.doubled), (1, 1));
    }
}

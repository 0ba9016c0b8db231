//! Sums up what went into the queues and what came out, and compares the two when the pool is quiet.
//!
//! The invariant: *every element adds a hash of its id and tag when it enters a queue, and subtracts it when it leaves*.
//! So "the same id twice instead of another", which counts cannot see, changes the sum. It knows no single id, no
//! owner and no order; for those there is [`Exact`](super::Exact).

use std::sync::{Arc, Mutex};

use super::desk::{Cells, Desk, add};
use super::register::{Balance, Producer, Register, Stopwatch, lock};
use super::report::{Kind, Report, Violation};
use super::{Audit, Finish, Layout, Missed, Moment, Probe, QueueId, Seat, Settings, Verdict};

/// Counts and hashes what goes into the queues and what comes out.
///
/// Cost: a few stores per event, none of them to shared memory. A report is `O(probes)`.
#[derive(Clone, Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    register: Register,
    /// The imbalance that was reported.
    known: Mutex<Balance>,
}

/// The probe of [`Ledger`].
#[derive(Debug)]
pub struct LedgerProbe {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    producer: Producer,
    stopwatch: Stopwatch,
}

/// An attempt to steal, as [`Ledger`] remembers it.
#[derive(Debug)]
pub struct LedgerTicket {
    queue: QueueId,
    began: u64,
    got: bool,
}

/// Spreads an element over 64 bits, so that different multisets have different sums. One multiplication, of which
/// both halves count; the constants are arbitrary.
#[inline]
fn hash(id: u64, tag: u64) -> u64 {
    let product = u128::from(id ^ 0x9e37_79b9_7f4a_7c15) * u128::from(tag ^ 0xd6e8_feb8_6659_fd93);
    product as u64 ^ (product >> 64) as u64
}

impl Audit for Ledger {
    type Tag = u64;
    type Probe = LedgerProbe;

    fn new(layout: &Layout, settings: &Settings) -> Self {
        let register = Register::new(layout, settings);
        Self { shared: Arc::new(Shared { register, known: Mutex::default() }) }
    }

    fn probe(&self, seat: Seat) -> LedgerProbe {
        let entry = self.shared.register.enter(seat, 0);
        LedgerProbe {
            shared: Arc::clone(&self.shared),
            desk: entry.desk,
            producer: entry.producer,
            stopwatch: Stopwatch::default(),
        }
    }

    fn report(&self, moment: Moment) -> Report {
        if moment == Moment::Quiescent {
            self.shared.judge();
        }
        self.shared.register.sum_up()
    }

    fn reset(&self) {
        self.shared.register.reset();
    }
}

impl Shared {
    fn judge(&self) {
        let now = self.register.balance();
        let mut known = lock(&self.known);
        let count = now.count.wrapping_sub(known.count);
        if *known == now {
            return;
        }
        *known = now;
        self.register.report(Violation::new(match count {
            1.. => Kind::LedgerLost,
            0 => Kind::Unbalanced,
            _ => Kind::LedgerDuplicate,
        }));
    }
}

impl LedgerProbe {
    #[inline]
    fn note(&self, pick: impl Fn(&Cells) -> &std::sync::atomic::AtomicU64) {
        add(pick(&self.desk.cells), 1);
    }

    /// A tag that no other element has: sequence 48, producer 16.
    #[inline]
    fn enter(&mut self, id: u64) -> u64 {
        self.producer.sequence = self.producer.sequence.wrapping_add(1);
        let tag = self.producer.sequence << 16 | u64::from(self.producer.number);
        add(&self.desk.hash, hash(id, tag));
        tag
    }

    #[inline]
    fn leave(&self, id: u64, tag: u64) {
        add(&self.desk.hash, hash(id, tag).wrapping_neg());
    }
}

impl Probe for LedgerProbe {
    type Tag = u64;
    type Ticket = LedgerTicket;

    #[inline]
    fn enqueue(&mut self, id: u64, _: QueueId) -> u64 {
        self.note(|cells| &cells.enqueued);
        self.enter(id)
    }

    fn rejected(&mut self, id: u64, _: QueueId, tag: u64) {
        self.note(|cells| &cells.rejected);
        self.leave(id, tag);
    }

    #[inline]
    fn popped(&mut self, _: QueueId, found: Option<(u64, u64)>) -> Verdict {
        match found {
            Some((id, tag)) => {
                self.note(|cells| &cells.popped);
                self.leave(id, tag);
            }
            None => self.note(|cells| &cells.found_empty),
        }
        Verdict::Run
    }

    #[inline]
    fn steal_begin(&mut self, victim: QueueId) -> LedgerTicket {
        self.note(|cells| &cells.attempts);
        let began = self.stopwatch.begin(&self.shared.register, victim);
        LedgerTicket { queue: victim, began, got: false }
    }

    #[inline]
    fn stolen(&mut self, mut ticket: LedgerTicket, id: u64, tag: u64) -> Verdict {
        self.stolen_part(&mut ticket, id, tag)
    }

    #[inline]
    fn stolen_part(&mut self, ticket: &mut LedgerTicket, id: u64, tag: u64) -> Verdict {
        self.note(|cells| &cells.stolen);
        if !ticket.got {
            self.stopwatch.got(&self.shared.register, &self.desk, ticket.began, ticket.queue, id);
            ticket.got = true;
        }
        self.leave(id, tag);
        Verdict::Run
    }

    #[inline]
    fn steal_missed(&mut self, ticket: LedgerTicket, why: Missed) {
        if !ticket.got {
            self.desk.missed(why);
            self.stopwatch.missed(why == Missed::Contended, ticket.began, ticket.queue);
        }
    }

    fn moved(&mut self, id: u64, _: QueueId) -> u64 {
        self.note(|cells| &cells.moved);
        self.enter(id)
    }

    #[inline]
    fn started(&mut self, _: u64) -> Verdict {
        self.note(|cells| &cells.started);
        Verdict::Run
    }

    #[inline]
    fn finished(&mut self, _: u64, end: Finish) {
        self.desk.finished(end);
    }

    fn waked(&mut self, _: u64) {
        self.note(|cells| &cells.waked);
    }

    fn released(&mut self, _: u64) {
        self.note(|cells| &cells.released);
    }

    #[inline]
    fn retired(&mut self, _: u64) {
        self.note(|cells| &cells.retired);
    }

    #[inline]
    fn safe_point(&mut self) {}
}

impl Drop for LedgerProbe {
    fn drop(&mut self) {
        self.shared.register.leave(&self.desk, self.producer);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const QUEUE: QueueId = QueueId(0);

    /// Takes out what a queue with two elements in it gives: places in the list of what went in.
    fn script(kind: Kind) -> Option<&'static [usize]> {
        Some(match kind {
            Kind::LedgerLost => &[0],
            Kind::LedgerDuplicate => &[0, 1, 1],
            Kind::Unbalanced => &[1, 1],
            _ => return None,
        })
    }

    pub(in super::super) fn has_script(kind: Kind) -> bool {
        script(kind).is_some()
    }

    fn play(script: &[usize]) -> Ledger {
        let ledger = Ledger::new(&Layout::new(1, 0), &Settings::default());
        let (mut owner, mut thief) = (ledger.probe(Seat::Worker(0)), ledger.probe(Seat::Worker(1)));
        let elements = [7, 8].map(|id| (id, owner.enqueue(id, QUEUE)));
        for place in script {
            let (id, tag) = elements[*place];
            let _ = thief.attempt(QUEUE).got(id, tag);
            let _ = thief.started(id);
            thief.finished(id, Finish::Done);
        }
        ledger
    }

    #[test]
    fn every_kind_of_the_ledger_is_found_once() {
        for kind in [Kind::LedgerLost, Kind::LedgerDuplicate, Kind::Unbalanced] {
            let ledger = play(script(kind).unwrap_or_default());
            assert!(ledger.report(Moment::Live).is_clean(), "only a quiet pool is judged");
            for _ in 0..2 {
                assert_eq!(ledger.report(Moment::Quiescent).found().collect::<Vec<_>>(), [(kind, 1)]);
            }
            ledger.reset();
            assert!(ledger.report(Moment::Quiescent).is_clean(), "it was said before");
        }
    }

    #[test]
    fn one_activation_twice_instead_of_the_next_is_seen() {
        let ledger = Ledger::new(&Layout::new(1, 0), &Settings::default());
        let mut owner = ledger.probe(Seat::Worker(0));
        let first = owner.enqueue(7, QUEUE);
        owner.enqueue(7, QUEUE);
        for _ in 0..2 {
            let _ = owner.popped(QUEUE, Some((7, first)));
        }
        assert_eq!(ledger.report(Moment::Quiescent).count(Kind::Unbalanced), 1);
    }

    #[test]
    fn what_goes_in_and_comes_out_balances() {
        let ledger = play(&[0, 1]);
        let (mut one, mut two) = (ledger.probe(Seat::Worker(0)), ledger.probe(Seat::Outside(0)));
        let tag = two.enqueue(7, QUEUE);
        two.rejected(7, QUEUE, tag);
        let tag = two.enqueue(7, QUEUE);
        let _ = one.attempt(QUEUE).got(7, tag);
        let tag = one.moved(7, QUEUE);
        let _ = one.popped(QUEUE, Some((7, tag)));
        one.released(7);
        one.attempt(QUEUE).missed(Missed::Empty);
        drop(one);
        let report = ledger.report(Moment::Quiescent);
        assert!(report.is_clean());
        assert_eq!((report.totals.enqueued, report.totals.stolen, report.totals.missed_empty), (4, 3, 1));
    }
}

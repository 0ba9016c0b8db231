//! Two layers at once.
//!
//! The invariant: *both see every event, in the same order*. What one refuses is refused.

use super::{Audit, Finish, Layout, Missed, Moment, Probe, QueueId, Report, Seat, Settings, Verdict};

impl<A: Audit, B: Audit> Audit for (A, B) {
    type Tag = (A::Tag, B::Tag);
    type Probe = (A::Probe, B::Probe);

    fn new(layout: &Layout, settings: &Settings) -> Self {
        (A::new(layout, settings), B::new(layout, settings))
    }

    fn probe(&self, seat: Seat) -> Self::Probe {
        (self.0.probe(seat), self.1.probe(seat))
    }

    fn report(&self, moment: Moment) -> Report {
        self.0.report(moment).merged(self.1.report(moment))
    }

    fn reset(&self) {
        self.0.reset();
        self.1.reset();
    }

    fn slots(&self) -> Option<usize> {
        match (self.0.slots(), self.1.slots()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

impl Verdict {
    fn and(self, other: Self) -> Self {
        if other == Self::Refuse { other } else { self }
    }
}

impl<A: Probe, B: Probe> Probe for (A, B) {
    type Tag = (A::Tag, B::Tag);
    type Ticket = (A::Ticket, B::Ticket);

    #[inline]
    fn enqueue(&mut self, id: u64, queue: QueueId) -> Self::Tag {
        (self.0.enqueue(id, queue), self.1.enqueue(id, queue))
    }

    #[inline]
    fn rejected(&mut self, id: u64, queue: QueueId, tag: Self::Tag) {
        self.0.rejected(id, queue, tag.0);
        self.1.rejected(id, queue, tag.1);
    }

    #[inline]
    fn popped(&mut self, queue: QueueId, found: Option<(u64, Self::Tag)>) -> Verdict {
        let one = self.0.popped(queue, found.map(|(id, tag)| (id, tag.0)));
        one.and(self.1.popped(queue, found.map(|(id, tag)| (id, tag.1))))
    }

    #[inline]
    fn steal_begin(&mut self, victim: QueueId) -> Self::Ticket {
        (self.0.steal_begin(victim), self.1.steal_begin(victim))
    }

    #[inline]
    fn stolen(&mut self, ticket: Self::Ticket, id: u64, tag: Self::Tag) -> Verdict {
        self.0.stolen(ticket.0, id, tag.0).and(self.1.stolen(ticket.1, id, tag.1))
    }

    #[inline]
    fn stolen_part(&mut self, ticket: &mut Self::Ticket, id: u64, tag: Self::Tag) -> Verdict {
        self.0.stolen_part(&mut ticket.0, id, tag.0).and(self.1.stolen_part(&mut ticket.1, id, tag.1))
    }

    #[inline]
    fn steal_missed(&mut self, ticket: Self::Ticket, why: Missed) {
        self.0.steal_missed(ticket.0, why);
        self.1.steal_missed(ticket.1, why);
    }

    #[inline]
    fn moved(&mut self, id: u64, to: QueueId) -> Self::Tag {
        (self.0.moved(id, to), self.1.moved(id, to))
    }

    #[inline]
    fn started(&mut self, id: u64) -> Verdict {
        self.0.started(id).and(self.1.started(id))
    }

    #[inline]
    fn finished(&mut self, id: u64, end: Finish) {
        self.0.finished(id, end);
        self.1.finished(id, end);
    }

    #[inline]
    fn finished_for_good(&mut self, id: u64, end: Finish) {
        self.0.finished_for_good(id, end);
        self.1.finished_for_good(id, end);
    }

    #[inline]
    fn finished_again(&mut self, id: u64, queue: QueueId) -> Self::Tag {
        (self.0.finished_again(id, queue), self.1.finished_again(id, queue))
    }

    #[inline]
    fn waked(&mut self, id: u64) {
        self.0.waked(id);
        self.1.waked(id);
    }

    #[inline]
    fn released(&mut self, id: u64) {
        self.0.released(id);
        self.1.released(id);
    }

    #[inline]
    fn retired(&mut self, id: u64) {
        self.0.retired(id);
        self.1.retired(id);
    }

    #[inline]
    fn safe_point(&mut self) {
        self.0.safe_point();
        self.1.safe_point();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Exact, Kind, Ledger, Mode, Off, Order};
    use super::*;

    #[test]
    fn both_layers_see_a_double_take_and_one_refuses_it() {
        let mut layout = Layout::new(1, 8);
        let queue = layout.queue(Order::LifoOwner, Some(0), 8);
        let settings = Settings { mode: Mode::Enforce, ..Settings::default() };
        let audit = <(Ledger, (Off, Exact))>::new(&layout, &settings);
        let mut probe = audit.probe(Seat::Worker(0));
        let tag = probe.enqueue(3, queue);
        assert_eq!(probe.popped(queue, Some((3, tag))), Verdict::Run);
        assert_eq!(probe.attempt(queue).got(3, tag), Verdict::Refuse);
        assert_eq!(probe.started(3), Verdict::Run);
        probe.finished(3, Finish::Done);
        let report = audit.report(Moment::Quiescent);
        assert_eq!(
            report.found().collect::<Vec<_>>(),
            [(Kind::DoubleTake, 1), (Kind::LedgerDuplicate, 1)],
            "{report}"
        );
        assert_eq!((report.totals.enqueued, audit.slots()), (1, Some(8)));
        audit.reset();
        assert!(audit.report(Moment::Quiescent).is_clean());
    }
}

//! No audit: nothing is stored, nothing is called.

use super::{Audit, Finish, Layout, Missed, Moment, Probe, QueueId, Report, Seat, Settings, Verdict};

/// No audit. Every value is of size zero and every call is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Audit for Off {
    type Tag = ();
    type Probe = Self;

    fn new(_: &Layout, _: &Settings) -> Self {
        Self
    }

    fn probe(&self, _: Seat) -> Self {
        Self
    }

    fn report(&self, _: Moment) -> Report {
        Report::default()
    }

    fn reset(&self) {}
}

impl Probe for Off {
    type Tag = ();
    type Ticket = ();

    #[inline]
    fn enqueue(&mut self, _: u64, _: QueueId) {}
    #[inline]
    fn rejected(&mut self, _: u64, _: QueueId, (): ()) {}
    #[inline]
    fn popped(&mut self, _: QueueId, _: Option<(u64, ())>) -> Verdict {
        Verdict::Run
    }
    #[inline]
    fn steal_begin(&mut self, _: QueueId) {}
    #[inline]
    fn stolen(&mut self, (): (), _: u64, (): ()) -> Verdict {
        Verdict::Run
    }
    #[inline]
    fn steal_missed(&mut self, (): (), _: Missed) {}
    #[inline]
    fn moved(&mut self, _: u64, _: QueueId) {}
    #[inline]
    fn started(&mut self, _: u64) -> Verdict {
        Verdict::Run
    }
    #[inline]
    fn finished(&mut self, _: u64, _: Finish) {}
    #[inline]
    fn waked(&mut self, _: u64) {}
    #[inline]
    fn released(&mut self, _: u64) {}
    #[inline]
    fn retired(&mut self, _: u64) {}
    #[inline]
    fn safe_point(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::super::{Attempt, Tag};
    use super::*;

    #[test]
    fn no_audit_has_no_size_anywhere() {
        assert_eq!(size_of::<Off>(), 0);
        assert_eq!(size_of::<<Off as Audit>::Probe>(), 0);
        assert_eq!(size_of::<<Off as Audit>::Tag>(), 0);
        assert_eq!(size_of::<<() as Tag>::Cell>(), 0);
        assert_eq!(size_of::<<Off as Probe>::Ticket>(), 0);
        assert_eq!(size_of::<<(Off, Off) as Audit>::Tag>(), 0);
        assert_eq!(size_of::<(u64, <Off as Audit>::Tag)>(), size_of::<u64>());
        // A reference and an option of nothing: inlining removes both.
        assert!(size_of::<Attempt<'_, Off>>() <= 2 * size_of::<usize>());
    }

    #[test]
    fn no_audit_refuses_nothing_and_reports_nothing() {
        let audit = Off::new(&Layout::new(1, 1), &Settings::default());
        let mut probe = audit.probe(Seat::Worker(0));
        assert_eq!(probe.popped(QueueId(0), Some((7, ()))), Verdict::Run);
        assert_eq!(probe.attempt(QueueId(0)).got(7, ()), Verdict::Run);
        assert_eq!(probe.started(7), Verdict::Run);
        assert!(audit.report(Moment::Quiescent).is_clean());
        assert_eq!(audit.slots(), None);
    }
}

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

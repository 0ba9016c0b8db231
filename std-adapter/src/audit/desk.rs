//! What one probe counts, where a report can read it.
//!
//! The invariant: *only its probe writes to a desk*, by a load and a store, so that counting needs no locked
//! instruction; anybody may read. A desk fills cache lines of its own.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::report::{Counts, Event, Latency, What, each_count};
use super::{Finish, Missed, QueueId, Seat};

macro_rules! cells {
    ($($name:ident $title:literal,)+) => {
        /// A cell for each of [`Counts`].
        #[derive(Debug, Default)]
        pub(super) struct Cells {
            $(pub(super) $name: AtomicU64,)+
        }

        impl Cells {
            pub(super) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed)),+ }
            }
        }
    };
}
each_count!(cells);

/// Adds to a cell of one's own.
#[inline]
pub(super) fn add(cell: &AtomicU64, more: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// Of one probe.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Desk {
    pub(super) seat: Seat,
    pub(super) cells: Cells,
    /// Odd inside an attempt to steal.
    pub(super) phase: AtomicU64,
    /// The sum of the hashes of what went into queues, less that of what came out.
    pub(super) hash: AtomicU64,
    latency: [AtomicU64; Latency::BUCKETS],
    ring: Box<[Mark]>,
}

/// An event in the ring. The stamp is 0 while the rest is written, and then 1 more than the step.
#[derive(Debug, Default)]
struct Mark {
    stamp: AtomicU64,
    id: AtomicU64,
    /// Queue 16, whether there is one 1, whether there is an id 1, what 8.
    rest: AtomicU64,
}

impl Desk {
    pub(super) fn new(seat: Seat, events: usize) -> Self {
        Self {
            seat,
            cells: Cells::default(),
            phase: AtomicU64::new(0),
            hash: AtomicU64::new(0),
            latency: std::array::from_fn(|_| AtomicU64::new(0)),
            ring: (0..events).map(|_| Mark::default()).collect(),
        }
    }

    /// An attempt to steal begins. The fence makes it visible to whoever sees what the attempt claims.
    #[inline]
    pub(super) fn enter_steal(&self) {
        add(&self.phase, 1);
        fence(Ordering::Release);
    }

    /// What it got is recorded.
    #[inline]
    pub(super) fn leave_steal(&self) {
        self.phase.store(self.phase.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    pub(super) fn time(&self, nanoseconds: u64) {
        if let Some(bucket) = self.latency.get(Latency::bucket(nanoseconds)) {
            add(bucket, 1);
        }
    }

    pub(super) fn missed(&self, why: Missed) {
        add(
            match why {
                Missed::Empty => &self.cells.missed_empty,
                Missed::Contended => &self.cells.missed_contended,
                Missed::Dropped => &self.cells.missed_dropped,
            },
            1,
        );
    }

    #[inline]
    pub(super) fn finished(&self, end: Finish) {
        add(
            match end {
                Finish::Done => &self.cells.done,
                Finish::Pending => &self.cells.pending,
                Finish::Panicked => &self.cells.panicked,
            },
            1,
        );
    }

    /// Writes an event into the ring, which has `K` places: a constant, so that a power of two costs no division.
    #[inline]
    pub(super) fn mark<const K: usize>(
        &self,
        step: u64,
        what: What,
        id: Option<u64>,
        queue: Option<QueueId>,
    ) {
        let Some(mark) = step.checked_rem(K as u64).and_then(|place| self.ring.get(place as usize)) else {
            return;
        };
        mark.stamp.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        mark.id.store(id.unwrap_or_default(), Ordering::Relaxed);
        let place = queue.map_or(0, |queue| u64::from(queue.0) | 1 << 16);
        let rest = place | u64::from(id.is_some()) << 17 | code(what) << 18;
        mark.rest.store(rest, Ordering::Relaxed);
        mark.stamp.store(step.wrapping_add(1), Ordering::Release);
    }

    /// The events in the ring, oldest first, without those that are being written at this moment.
    pub(super) fn recent(&self) -> Vec<Event> {
        let mut events: Vec<Event> = self.ring.iter().filter_map(Mark::read).collect();
        events.sort_unstable_by_key(|event| event.step);
        events
    }

    pub(super) fn latency(&self) -> [u64; Latency::BUCKETS] {
        self.latency.each_ref().map(|cell| cell.load(Ordering::Relaxed))
    }
}

impl Mark {
    fn read(&self) -> Option<Event> {
        let stamp = self.stamp.load(Ordering::Acquire);
        let (id, rest) = (self.id.load(Ordering::Relaxed), self.rest.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        if stamp == 0 || self.stamp.load(Ordering::Relaxed) != stamp {
            return None;
        }
        Some(Event {
            step: stamp - 1,
            what: WHATS.get((rest >> 18) as usize).copied()?,
            id: (rest >> 17 & 1 == 1).then_some(id),
            queue: (rest >> 16 & 1 == 1).then_some(QueueId(rest as u16)),
        })
    }
}

const WHATS: [What; 17] = [
    What::Enqueue,
    What::Rejected,
    What::Popped,
    What::FoundEmpty,
    What::StealBegin,
    What::Stolen,
    What::StealMissed(Missed::Empty),
    What::StealMissed(Missed::Contended),
    What::StealMissed(Missed::Dropped),
    What::Moved,
    What::Started,
    What::Finished(Finish::Done),
    What::Finished(Finish::Pending),
    What::Finished(Finish::Panicked),
    What::Waked,
    What::Released,
    What::Retired,
];

const fn code(what: What) -> u64 {
    match what {
        What::Enqueue => 0,
        What::Rejected => 1,
        What::Popped => 2,
        What::FoundEmpty => 3,
        What::StealBegin => 4,
        What::Stolen => 5,
        What::StealMissed(Missed::Empty) => 6,
        What::StealMissed(Missed::Contended) => 7,
        What::StealMissed(Missed::Dropped) => 8,
        What::Moved => 9,
        What::Started => 10,
        What::Finished(Finish::Done) => 11,
        What::Finished(Finish::Pending) => 12,
        What::Finished(Finish::Panicked) => 13,
        What::Waked => 14,
        What::Released => 15,
        What::Retired => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_events_in_order() {
        let desk = Desk::new(Seat::Worker(0), 4);
        for (step, what) in WHATS.into_iter().enumerate() {
            assert_eq!(code(what), step as u64);
            desk.mark::<4>(step as u64, what, (step != 15).then_some(7), (step == 13).then_some(QueueId(3)));
        }
        let events = desk.recent();
        assert_eq!(events.iter().map(|event| event.step).collect::<Vec<_>>(), [13, 14, 15, 16]);
        assert_eq!(events[0].what, What::Finished(Finish::Panicked));
        assert_eq!((events[0].queue, events[1].queue), (Some(QueueId(3)), None));
        assert_eq!((events[1].id, events[2].id), (Some(7), None));
    }

    #[test]
    fn a_desk_without_a_ring_keeps_no_events() {
        let desk = Desk::new(Seat::Worker(0), 0);
        desk.mark::<0>(0, What::Waked, None, None);
        assert!(desk.recent().is_empty());
    }
}

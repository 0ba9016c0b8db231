//! A bounded deque of ids that one thread owns and every thread may steal from.
//!
//! The invariant: *each element that was pushed is taken exactly once*, by the owner, newest first, or by a thief,
//! oldest first. The algorithm is Chase and Lev's (2005) with the C11 orders of Lê, Pop, Cohen and Zappa Nardelli
//! (2013), with one difference: the elements are ids in atomic cells, so the whole deque is safe code, and a mistake in
//! it could lose or double an id but never touch memory that it must not.
//!
//! Positions count up in 64 bits and never come round, so a thief that slept for long cannot mistake a later element
//! for the one it looked at. Why not the layout with one compare-and-swap a pop and no fence (two 32-bit counters in
//! one word): there a thief that sleeps while the owner pops 2^32 times takes a stale element.
//!
//! This file knows nothing of workers and their sleep.

use crate::audit::Tag;
use crate::sync::{AtomicU64, Ordering, fence};

use super::padded::Padded;

/// What a pool's queue of its own must offer. `push` and `pop` are for its owner alone.
///
/// It is a trait so that tests can put deques with known faults in the place of [`Ring`].
pub trait Deque<T: Tag>: Send + Sync + 'static {
    /// An empty deque that holds at least `capacity` elements.
    fn with_capacity(capacity: usize) -> Self;
    /// Adds an element at the owner's end. Owner only.
    ///
    /// # Errors
    /// [`Full`]: nothing has changed.
    fn push(&self, id: u64, tag: T) -> Result<(), Full>;
    /// Takes the newest element. Owner only.
    fn pop(&self) -> Option<(u64, T)>;
    /// Takes the oldest element. Any thread.
    fn steal(&self) -> Steal<T>;
    /// Takes the oldest element. Owner only; it may be cheaper for it.
    fn take_oldest(&self) -> Steal<T> {
        self.steal()
    }
    /// About how many elements there are; exact if nobody else is at it.
    fn len(&self) -> usize;
    /// Whether there are none, likewise.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The most elements it holds.
    fn capacity(&self) -> usize;
}

/// There is no room for another element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What a steal got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steal<T> {
    /// This element, which was the oldest.
    Taken(u64, T),
    /// Nothing: there is none.
    Empty,
    /// Nothing: another thread took the oldest meanwhile. There may be more.
    Contended,
}

/// The deque that pools use: a ring of a power of two of cells.
#[derive(Debug)]
pub struct Ring<T: Tag> {
    /// The position of the oldest element. Whoever raises it has taken that element.
    pub(super) top: Padded<AtomicU64>,
    /// The position after the newest. Only the owner writes it.
    pub(super) bottom: Padded<AtomicU64>,
    cells: Box<[Cell<T>]>,
}

#[derive(Default)]
pub(super) struct Cell<T: Tag> {
    pub(super) id: AtomicU64,
    pub(super) tag: T::Cell,
}

impl<T: Tag> Ring<T> {
    /// Two cells at least, so that positions always differ from their neighbours'.
    const LEAST: usize = 2;

    pub(super) fn cell(&self, position: u64) -> &Cell<T> {
        // The length is a power of two, so this is the position modulo the length.
        &self.cells[position as usize & (self.cells.len() - 1)]
    }

    pub(super) fn read(&self, position: u64) -> (u64, T) {
        let cell = self.cell(position);
        (cell.id.load(Ordering::Relaxed), T::load(&cell.tag))
    }

    /// Takes the element at `top`, unless somebody else has.
    pub(super) fn claim(&self, top: u64) -> bool {
        self.top.compare_exchange(top, top + 1, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }
}

impl<T: Tag> Deque<T> for Ring<T> {
    fn with_capacity(capacity: usize) -> Self {
        // More cells than memory has cannot be made; a vector of that length says so.
        let cells = capacity.max(Self::LEAST).checked_next_power_of_two().unwrap_or(usize::MAX);
        Self {
            // Not zero: the owner's pop counts down before it looks.
            top: Padded::new(AtomicU64::new(1)),
            bottom: Padded::new(AtomicU64::new(1)),
            cells: (0..cells).map(|_| Cell::default()).collect(),
        }
    }

    fn push(&self, id: u64, tag: T) -> Result<(), Full> {
        let bottom = self.bottom.load(Ordering::Relaxed);
        // Acquire: a thief reads the cell before it raises `top`, so from then on the cell may be overwritten.
        let top = self.top.load(Ordering::Acquire);
        if bottom - top >= self.cells.len() as u64 {
            return Err(Full);
        }
        let cell = self.cell(bottom);
        cell.id.store(id, Ordering::Relaxed);
        tag.store(&cell.tag);
        // A fence, not a release store: the owner's pop stores `bottom` relaxed afterwards, and a thief that reads
        // that later value must see this element, too.
        fence(Ordering::Release);
        self.bottom.store(bottom + 1, Ordering::Relaxed);
        Ok(())
    }

    fn pop(&self) -> Option<(u64, T)> {
        let bottom = self.bottom.load(Ordering::Relaxed);
        // `top` only grows: if it has reached `bottom`, which is ours, there is nothing, and no fence is due.
        if self.top.load(Ordering::Relaxed) >= bottom {
            return None;
        }
        let newest = bottom - 1;
        self.bottom.store(newest, Ordering::Relaxed);
        // Between this and a thief's fence one comes first: either the thief sees the lower `bottom`, or we its `top`.
        fence(Ordering::SeqCst);
        let top = self.top.load(Ordering::Relaxed);
        if top < newest {
            return Some(self.read(newest));
        }
        // The last one, if it is still there: thieves may be at it, so it is claimed as they claim it.
        let element = self.read(newest);
        let ours = top == newest && self.claim(top);
        self.bottom.store(bottom, Ordering::Relaxed);
        ours.then_some(element)
    }

    fn steal(&self) -> Steal<T> {
        let top = self.top.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        // Acquire: with the fence of the push, the cell of whatever this counts is visible.
        let bottom = self.bottom.load(Ordering::Acquire);
        if top >= bottom {
            return Steal::Empty;
        }
        let (id, tag) = self.read(top);
        // Until the claim, the cell may belong to a later element; if it does, `top` has moved, and the claim fails.
        if self.claim(top) { Steal::Taken(id, tag) } else { Steal::Contended }
    }

    fn take_oldest(&self) -> Steal<T> {
        // As a steal, but without its fence: `bottom` is this thread's own.
        let bottom = self.bottom.load(Ordering::Relaxed);
        let top = self.top.load(Ordering::Relaxed);
        if top >= bottom {
            return Steal::Empty;
        }
        let (id, tag) = self.read(top);
        if self.claim(top) { Steal::Taken(id, tag) } else { Steal::Contended }
    }

    fn len(&self) -> usize {
        let bottom = self.bottom.load(Ordering::Relaxed);
        bottom.saturating_sub(self.top.load(Ordering::Relaxed)) as usize
    }

    fn capacity(&self) -> usize {
        self.cells.len()
    }
}

impl<T: Tag> std::fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.id.load(Ordering::Relaxed))
    }
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the queue is full")
    }
}

impl std::error::Error for Full {}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::audit::{
        Audit, Exact, Layout, Missed, Moment, Order, Probe, QueueId, Seat, Settings, Verdict,
    };

    #[test]
    fn the_owner_takes_the_newest_and_a_thief_the_oldest() {
        let ring = Ring::<u64>::with_capacity(4);
        (0..4).for_each(|id| ring.push(id, id + 10).expect("there is room"));
        assert_eq!(ring.push(9, 9), Err(Full));
        assert_eq!(ring.pop(), Some((3, 13)));
        assert_eq!(ring.steal(), Steal::Taken(0, 10));
        assert_eq!((ring.len(), ring.is_empty()), (2, false));
        assert_eq!(ring.steal(), Steal::Taken(1, 11));
        assert_eq!(ring.pop(), Some((2, 12)));
        assert_eq!((ring.pop(), ring.steal()), (None, Steal::Empty));
        assert!(ring.is_empty());
    }

    #[test]
    fn cells_are_used_again_for_ever() {
        let ring = Ring::<()>::with_capacity(3);
        assert_eq!(ring.capacity(), 4);
        for round in 0..1_000 {
            (0..4).for_each(|n| ring.push(round * 4 + n, ()).expect("there is room"));
            assert_eq!(ring.push(0, ()), Err(Full));
            assert_eq!(ring.steal(), Steal::Taken(round * 4, ()));
            for n in (1..4).rev() {
                assert_eq!(ring.pop(), Some((round * 4 + n, ())));
            }
        }
    }

    #[test]
    fn a_capacity_of_nothing_is_rounded_up() {
        let ring = Ring::<()>::with_capacity(0);
        assert_eq!(ring.push(1, ()), Ok(()));
        assert_eq!(ring.push(2, ()), Ok(()));
        assert_eq!(ring.push(3, ()), Err(Full));
    }

    #[test]
    fn without_an_audit_an_element_is_eight_bytes() {
        assert_eq!(size_of::<Cell<()>>(), size_of::<AtomicU64>());
    }

    /// Two thieves and an owner that pushes and pops in bursts, under the exact audit.
    #[test]
    fn threads_that_steal_break_no_promise() {
        const IDS: u64 = 20_000;
        const THIEVES: u16 = 2;
        let mut layout = Layout::new(1 + usize::from(THIEVES), IDS as usize);
        let queue = layout.queue(Order::LifoOwner, Some(0), 64);
        let audit = Exact::new(&layout, &Settings::default());
        let ring = Ring::<u64>::with_capacity(64);
        let done = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thief in 1..=THIEVES {
                let (audit, ring, done) = (&audit, &ring, &done);
                scope.spawn(move || {
                    let mut probe = audit.probe(Seat::Worker(thief));
                    while done.load(Ordering::Relaxed) < IDS {
                        let attempt = probe.attempt(queue);
                        match ring.steal() {
                            Steal::Taken(id, tag) => {
                                assert_eq!(attempt.got(id, tag), Verdict::Run);
                                run(&mut probe, id);
                                done.fetch_add(1, Ordering::Relaxed);
                            }
                            Steal::Empty => {
                                attempt.missed(Missed::Empty);
                                std::thread::yield_now();
                            }
                            Steal::Contended => attempt.missed(Missed::Contended),
                        }
                    }
                });
            }
            let mut probe = audit.probe(Seat::Worker(0));
            let mut next = 0;
            while done.load(Ordering::Relaxed) < IDS {
                for _ in 0..1 + next % 7 {
                    if next < IDS && ring.len() < ring.capacity() {
                        push(&mut probe, &ring, next, queue);
                        next += 1;
                    }
                }
                for _ in 0..next % 5 {
                    take(&mut probe, &ring, queue, &done);
                }
                if next == IDS {
                    take(&mut probe, &ring, queue, &done);
                }
            }
        });
        let report = audit.report(Moment::Quiescent);
        assert!(report.is_clean(), "{report}");
        assert!(ring.is_empty());
    }

    fn run(probe: &mut impl Probe, id: u64) {
        assert_eq!(probe.started(id), Verdict::Run);
        probe.finished(id, crate::audit::Finish::Done);
    }

    fn push(probe: &mut impl Probe<Tag = u64>, ring: &Ring<u64>, id: u64, queue: QueueId) {
        let tag = probe.enqueue(id, queue);
        if ring.push(id, tag).is_err() {
            probe.rejected(id, queue, tag);
        }
    }

    fn take(
        probe: &mut impl Probe<Tag = u64>,
        ring: &Ring<u64>,
        queue: QueueId,
        done: &std::sync::atomic::AtomicU64,
    ) {
        let found = ring.pop();
        assert_eq!(probe.popped(queue, found), Verdict::Run);
        if let Some((id, _)) = found {
            run(probe, id);
            done.fetch_add(1, Ordering::Relaxed);
        }
        probe.safe_point();
    }
}

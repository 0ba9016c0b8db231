//! One plain Chase-Lev deque whose type says which fault it has.
//!
//! The invariant: [`Flawed<Sound>`](Flawed) is a correct deque, and every other differs from it in the lines that name
//! its [`Flaw`]. It knows nothing of the audit but that a tag of 64 bits stands beside each id.

use std::marker::PhantomData;

use windlass_std::pool::{Deque, Full, Ring, Steal};

use super::sync::{AtomicU64, Ordering, fence};

macro_rules! flaws {
    ($($(#[$meta:meta])* $name:ident $text:literal,)+) => {
        /// What is wrong with a deque.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($(#[$meta])* $name,)+
        }

        impl Flaw {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As in "a deque in which ...".
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }

        $(
            $(#[$meta])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl Has for $name {
                const FLAW: Flaw = Flaw::$name;
            }
        )+
    };
}

flaws! {
    /// The control.
    Sound "nothing is wrong",
    LastWithoutClaim "the owner takes the last element without compare-and-swap",
    PopWithoutFence "the pop has no fence between its store and its load",
    PublishByReleaseStore "the push publishes by a release store, not by a fence",
    PublishRelaxed "the push publishes by a relaxed store",
    StealWithoutClaim "a thief raises the top by a store",
    StealDrops "a thief claims an element and drops it",
    StealTakesNewest "a thief takes the newest",
    StealSkipsOldest "a thief leaves the oldest and takes the next",
    /// The shape of CVE-2021-32810: one element twice, another never.
    StealReturnsStale "a thief looks for a new place, and returns what it read at the old one",
    StealHalfByOneClaim "a thief claims a batch by one compare-and-swap, although the owner takes from the other end",
    PopTakesOldest "the owner takes the oldest",
    PopOverlooksLast "the owner finds nothing while one element is left",
    NarrowPositions "positions have 3 bits and come round",
    OverwritesWhenFull "the push overwrites the oldest element when it is full",
    StealReadsUnwritten "a thief takes from an empty deque, where nothing was ever written",
}

/// Names a flaw by a type.
pub(crate) trait Has: Send + Sync + 'static {
    const FLAW: Flaw;
    /// Bits of a position that are left out.
    const NARROW: u32 = if matches!(Self::FLAW, Flaw::NarrowPositions) { 61 } else { 0 };
}

/// A deque with the flaw `F`.
#[derive(Debug)]
pub(crate) struct Flawed<F> {
    top: AtomicU64,
    bottom: AtomicU64,
    /// Id and tag.
    cells: Box<[(AtomicU64, AtomicU64)]>,
    flaw: PhantomData<F>,
}

/// A deque that a script can stop inside an attempt to steal: between what the thief reads and its claim.
pub(crate) trait Paused: Deque<u64> {
    /// Whether thieves take half.
    const HALF: bool = false;

    fn steal_paused(&self, between: impl FnOnce()) -> Steal<u64>;

    /// Takes the older half, at least one.
    fn steal_half_paused(&self, between: impl FnOnce()) -> Vec<(u64, u64)> {
        between();
        let mut half = Vec::new();
        for _ in 0..self.len().div_ceil(2) {
            if let Steal::Taken(id, tag) = self.steal() {
                half.push((id, tag));
            }
        }
        half
    }
}

/// The shipped one has no place to stop, so the pause comes first.
impl Paused for Ring<u64> {
    fn steal_paused(&self, between: impl FnOnce()) -> Steal<u64> {
        between();
        self.steal()
    }
}

impl<F: Has> Flawed<F> {
    /// A position that is so many after another.
    fn after(position: u64, more: u64) -> u64 {
        position.wrapping_add(more) << F::NARROW >> F::NARROW
    }

    /// How far the bottom is ahead of the top; -1 while the owner's pop looks at an empty deque.
    fn ahead(bottom: u64, top: u64) -> i64 {
        (bottom.wrapping_sub(top) << F::NARROW).cast_signed() >> F::NARROW
    }

    fn cell(&self, position: u64) -> &(AtomicU64, AtomicU64) {
        &self.cells[position as usize & (self.cells.len() - 1)]
    }

    fn read(&self, position: u64) -> (u64, u64) {
        let (id, tag) = self.cell(position);
        (id.load(Ordering::Relaxed), tag.load(Ordering::Relaxed))
    }

    fn write(&self, position: u64, element: (u64, u64)) {
        let (id, tag) = self.cell(position);
        id.store(element.0, Ordering::Relaxed);
        tag.store(element.1, Ordering::Relaxed);
    }

    fn claim(&self, top: u64, elements: u64) -> bool {
        let to = Self::after(top, elements);
        self.top.compare_exchange(top, to, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    fn pop_oldest(&self) -> Option<(u64, u64)> {
        loop {
            match self.steal() {
                Steal::Taken(id, tag) => return Some((id, tag)),
                Steal::Empty => return None,
                Steal::Contended => {}
            }
        }
    }

    /// A thief's view: top and bottom.
    fn look(&self) -> (u64, u64) {
        let top = self.top.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        (top, self.bottom.load(Ordering::Acquire))
    }

    fn steal_again_with(&self, stale: (u64, u64)) -> Steal<u64> {
        let (top, bottom) = self.look();
        if Self::ahead(bottom, top) <= 0 || !self.claim(top, 1) {
            return Steal::Contended;
        }
        Steal::Taken(stale.0, stale.1)
    }
}

impl<F: Has> Deque<u64> for Flawed<F> {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            top: AtomicU64::new(1),
            bottom: AtomicU64::new(1),
            cells: (0..capacity.max(2).next_power_of_two()).map(|_| Default::default()).collect(),
            flaw: PhantomData,
        }
    }

    fn push(&self, id: u64, tag: u64) -> Result<(), Full> {
        let bottom = self.bottom.load(Ordering::Relaxed);
        let top = self.top.load(Ordering::Acquire);
        if Self::ahead(bottom, top) >= self.cells.len() as i64 {
            match F::FLAW {
                Flaw::OverwritesWhenFull => self.top.store(Self::after(top, 1), Ordering::SeqCst),
                _ => return Err(Full),
            }
        }
        self.write(bottom, (id, tag));
        let order = match F::FLAW {
            Flaw::PublishRelaxed => Ordering::Relaxed,
            Flaw::PublishByReleaseStore => Ordering::Release,
            _ => {
                fence(Ordering::Release);
                Ordering::Relaxed
            }
        };
        self.bottom.store(Self::after(bottom, 1), order);
        Ok(())
    }

    fn pop(&self) -> Option<(u64, u64)> {
        if F::FLAW == Flaw::PopTakesOldest {
            return self.pop_oldest();
        }
        let bottom = self.bottom.load(Ordering::Relaxed);
        let most = Self::ahead(bottom, self.top.load(Ordering::Relaxed));
        if most <= i64::from(F::FLAW == Flaw::PopOverlooksLast) {
            return None;
        }
        let newest = Self::after(bottom, u64::MAX);
        self.bottom.store(newest, Ordering::Relaxed);
        if F::FLAW != Flaw::PopWithoutFence {
            fence(Ordering::SeqCst);
        }
        let top = self.top.load(Ordering::Relaxed);
        let below = Self::ahead(newest, top);
        if below > 0 || (F::FLAW == Flaw::LastWithoutClaim && below == 0) {
            return Some(self.read(newest));
        }
        let element = self.read(newest);
        let ours = below == 0 && self.claim(top, 1);
        self.bottom.store(bottom, Ordering::Relaxed);
        ours.then_some(element)
    }

    fn steal(&self) -> Steal<u64> {
        self.steal_paused(|| {})
    }

    fn len(&self) -> usize {
        let bottom = self.bottom.load(Ordering::Relaxed);
        usize::try_from(Self::ahead(bottom, self.top.load(Ordering::Relaxed))).unwrap_or(0)
    }

    fn capacity(&self) -> usize {
        self.cells.len()
    }
}

impl<F: Has> Paused for Flawed<F> {
    const HALF: bool = matches!(F::FLAW, Flaw::StealHalfByOneClaim);

    fn steal_paused(&self, between: impl FnOnce()) -> Steal<u64> {
        let (top, bottom) = self.look();
        let there = Self::ahead(bottom, top);
        if there <= 0 && F::FLAW != Flaw::StealReadsUnwritten {
            between();
            return Steal::Empty;
        }
        let next = Self::after(top, 1);
        let newest = Self::after(bottom, u64::MAX);
        let (id, tag) = match F::FLAW {
            Flaw::StealTakesNewest => self.read(newest),
            Flaw::StealSkipsOldest if there > 1 => self.read(next),
            _ => self.read(top),
        };
        between();
        let ours = match F::FLAW {
            Flaw::StealTakesNewest => {
                self.bottom.compare_exchange(bottom, newest, Ordering::SeqCst, Ordering::Relaxed).is_ok()
            }
            Flaw::StealSkipsOldest if there > 1 => {
                self.write(next, self.read(top));
                self.claim(top, 1)
            }
            Flaw::StealWithoutClaim => {
                self.top.store(next, Ordering::SeqCst);
                true
            }
            Flaw::StealDrops => {
                self.claim(top, 1);
                false
            }
            Flaw::StealReturnsStale if !self.claim(top, 1) => return self.steal_again_with((id, tag)),
            Flaw::StealReturnsStale => true,
            _ => self.claim(top, 1),
        };
        if ours { Steal::Taken(id, tag) } else { Steal::Contended }
    }

    fn steal_half_paused(&self, between: impl FnOnce()) -> Vec<(u64, u64)> {
        let (top, bottom) = self.look();
        let half = u64::try_from(Self::ahead(bottom, top)).unwrap_or(0).div_ceil(2);
        if F::FLAW == Flaw::StealHalfByOneClaim {
            let elements = (0..half).map(|more| self.read(Self::after(top, more))).collect();
            between();
            return if half > 0 && self.claim(top, half) { elements } else { Vec::new() };
        }
        between();
        let one = |_| match self.steal() {
            Steal::Taken(id, tag) => Some((id, tag)),
            Steal::Empty | Steal::Contended => None,
        };
        (0..half).filter_map(one).collect()
    }
}

//! Which of the things that can happen next does happen next.
//!
//! The invariant: every choice is made here, from a seed or along a path, so that a run can be repeated; and the paths of an exhaustive search are
//! visited in order, each once. This file does not know what it chooses between.

use alloc::vec::Vec;

use windlass::NodeId;

/// What goes on outside: operations that works have begun and that complete some time later. The application implements it.
///
/// In production, operations complete when they do. In the lab, [`Outside::pending`] says how many are under way, and the lab decides which of
/// them completes next and when. An application without any says `impl Outside for MyApp {}`.
///
/// ```
/// use windlass::NodeId;
/// use windlass_lab::Outside;
///
/// #[derive(Default)]
/// struct Disk { reads: Vec<(NodeId, u32)>, blocks: Vec<u32> }
///
/// impl Outside for Disk {
///     fn pending(&self) -> usize { self.reads.len() }
///     fn complete(&mut self, nth: usize) -> Option<NodeId> {
///         let (reader, block) = self.reads.remove(nth);
///         self.blocks.push(block);
///         Some(reader) // is woken
///     }
/// }
/// ```
pub trait Outside {
    /// How many operations are under way.
    fn pending(&self) -> usize {
        0
    }

    /// Completes one of them, where `nth` is less than [`Outside::pending`], and gives the node that is to be woken for it, if it is not woken through a
    /// wake handle.
    fn complete(&mut self, nth: usize) -> Option<NodeId> {
        let _ = nth;
        None
    }
}

/// Nothing goes on outside.
impl Outside for () {}

/// The order in which the lab lets things happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Whatever can be cranked first, then what happens outside, oldest first, then the clock.
    #[default]
    Calm,
    /// As the seed says. What happens outside also comes while there is something to crank, and the clock may come before either.
    Seeded(u64),
}

/// Makes the choices.
#[derive(Clone, Debug)]
pub(crate) enum Chooser {
    Calm,
    Seeded(Random),
    Path(Path),
}

impl Chooser {
    pub(crate) const fn new(order: Order) -> Self {
        match order {
            Order::Calm => Self::Calm,
            Order::Seeded(seed) => Self::Seeded(Random(seed)),
        }
    }

    /// One of `of` things; `of` is not 0.
    pub(crate) fn choose(&mut self, of: usize) -> usize {
        match self {
            Self::Calm => 0,
            Self::Seeded(random) => random.below(of),
            Self::Path(path) => path.choose(of),
        }
    }

    /// Whether the outside comes before the next crank.
    pub(crate) fn interrupts(&mut self) -> bool {
        match self {
            Self::Calm => false,
            Self::Seeded(random) => random.below(4) == 0,
            Self::Path(path) => path.interrupts(),
        }
    }
}

/// One path through all choices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    /// What was chosen, of how many.
    taken: Vec<(usize, usize)>,
    at: usize,
    /// How often something from outside may come before a crank, in all and in what is left of this run.
    interruptions: u32,
    left: u32,
}

impl Path {
    pub(crate) fn with(interruptions: u32) -> Self {
        Self { interruptions, left: interruptions, ..Self::default() }
    }

    fn interrupts(&mut self) -> bool {
        let does = self.left > 0 && self.choose(2) == 1;
        self.left -= u32::from(does);
        does
    }

    fn choose(&mut self, of: usize) -> usize {
        let at = self.at;
        if of <= 1 {
            return 0;
        }
        self.at += 1;
        if let Some((chosen, known)) = self.taken.get_mut(at) {
            *known = of;
            return (*chosen).min(of - 1);
        }
        self.taken.push((0, of));
        0
    }

    /// The next path, if there is one that was not visited.
    pub(crate) fn next(mut self) -> Option<Self> {
        self.taken.truncate(self.at);
        while let Some((chosen, of)) = self.taken.pop() {
            if chosen + 1 < of {
                self.taken.push((chosen + 1, of));
                (self.at, self.left) = (0, self.interruptions);
                return Some(self);
            }
        }
        None
    }
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the same on every target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(pub u64);

impl Random {
    /// An even draw from 0 to `of` - 1, with a bias that does not matter here; 0 if `of` is 0.
    pub(crate) fn below(&mut self, of: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((u128::from(z) * of as u128) >> 64) as usize
    }
}

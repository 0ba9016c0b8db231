//! Names of nodes: a place in the table, and which tenant of that place.
//!
//! A slot's generation grows each time it is freed, so an old id is refused instead of naming a stranger. A slot whose
//! generation is used up is retired rather than wrapped: a stale id never becomes valid again.

use core::fmt;
use core::num::NonZeroU32;

/// Names one node of one scheduler for as long as that node exists.
///
/// 8 bytes, `Copy`, and so is `Option<NodeId>`. Ids of another scheduler are not told apart.
///
/// ```
/// use windlass::NodeId;
/// # use windlass::{Scheduler, Spec, Outcome, Cx, Work, Inline};
/// # struct W; impl Work for W { fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome { Outcome::Success } }
/// # let mut s: Scheduler<Inline<W, 4>> = Scheduler::new();
/// let id = s.add(Spec::work("blink", W)).unwrap();
/// assert_eq!(id.to_string(), "0v1");
/// assert_eq!(NodeId::from_bits(id.to_bits()), Some(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    index: u32,
    generation: NonZeroU32,
}

impl NodeId {
    pub(crate) const fn new(index: u32, generation: NonZeroU32) -> Self {
        Self { index, generation }
    }

    /// The slot in the node table.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Which tenant of the slot, counted from 1.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation.get()
    }

    /// Packs the id into one integer, for foreign interfaces.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// Reads what [`NodeId::to_bits`] wrote; `None` for a number that no id has.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match NonZeroU32::new((bits >> 32) as u32) {
            Some(generation) => Some(Self { index: bits as u32, generation }),
            None => None,
        }
    }
}

/// `7v2`: slot 7, second tenant.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index, self.generation)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

//! Wake-ups from outside the engine: interrupts, other threads, callbacks of a browser.
//!
//! A set of bits in three levels: one leaf bit per node, one summary bit per leaf word, one top word whose bits each cover an
//! equal block of summary words. The invariant: *a word that is not zero will be drained*, for its bit is set one level up, or
//! the wake that filled it is about to set that bit, or a running drain has taken that bit and is on its way. This file does
//! not know what a node is, and never calls one.
//!
//! **No wake is lost.** A wake sets its leaf bit. Whoever turns a word from zero to non-zero also sets the bit above it; a wake
//! that finds its word non-zero may stop there, because somebody else has taken on the rest. The drain goes the other way: it
//! empties a word *before* it reads the words below, so a bit that arrives later either is still found below or has raised the
//! emptied word again, for the next drain. All changes are `AcqRel` read-modify-writes, so the drain sees whatever was written
//! before a wake it takes; loom tries all of this in `models`. One caveat of all such sets: if a wake is interrupted between two
//! levels, later wakes of the same word rest on it. They are not lost, but come through only when the interrupted one goes on.
//!
//! **Repeated wakes collapse.** The bit is set already; the second wake is one atomic operation. The driver is told once, when
//! the top word turns from zero to non-zero.
//!
//! **A stale handle may poke a stranger.** A bit cannot carry a generation, so a handle that outlived its node wakes the slot's
//! next tenant. This is harmless by contract: a wake only means "look again". The bit is cleared when a slot is freed, so
//! only a wake that really comes after the end of its node is spurious. Why not a counter per node: four bytes each, and a
//! compare-and-swap loop in every wake, to save a crank that hardly ever happens.
//!
//! **Order.** A drain reports in index order, whatever the order of arrival: the same set of wakes makes the same run.

use core::any::Any;
use core::fmt;
#[cfg(feature = "alloc")]
use core::sync::atomic::AtomicBool;

use crate::id::NodeId;
use crate::sync::{AtomicU32, Ordering};

#[cfg(all(test, loom))]
pub(crate) mod models;
#[cfg(all(test, not(loom)))]
mod tests;

/// How a driver learns that there is something to poll for.
///
/// Called once each time a [`WakeSet`] turns from empty to non-empty, in the context of whoever wakes: an interrupt, another
/// thread, a callback. It must not poll the scheduler and must not block; it sets a flag, signals, or schedules a poll. A
/// driver drains and polls first, and sleeps only if it has not been notified since it began to.
///
/// `Any`, so that a driver can see whether a set that it was given notifies one of its own kind: see [`WakeSet::notifier`].
pub trait Notify: Any + Sync {
    /// Tells the driver to poll soon.
    fn notify(&self);
}

/// One word of a [`WakeSet`]'s memory; `WakeWord::new(0)` is empty.
pub type WakeWord = AtomicU32;

/// The wake-ups that have not been polled for yet, one bit for each node.
///
/// Lives in a `static`, which [`wake_set!`](crate::wake_set) makes. 129 kB for a million nodes. One set serves one scheduler.
///
/// ```
/// use windlass::{WakeSet, wake_set};
///
/// wake_set!(static WAKES: 64);
///
/// assert_eq!(WAKES.capacity(), 64);
/// assert!(WAKES.is_empty());
/// ```
pub struct WakeSet {
    /// Leaf words, then summary words.
    words: &'static [WakeWord],
    /// How many of `words` are leaves.
    leaves: usize,
    /// A top bit covers 2 to this power summary words.
    block_shift: u32,
    top: AtomicU32,
    notify: Option<&'static dyn Notify>,
    /// Whether a scheduler has it. Only programs that make sets while they run need to know.
    #[cfg(feature = "alloc")]
    held: AtomicBool,
}

/// Wakes one node, from anywhere.
///
/// `Copy`; dropping it means nothing. It stays safe to use after the node's end (see [`WakeHandle::wake`]).
#[derive(Clone, Copy)]
pub struct WakeHandle {
    set: &'static WakeSet,
    id: NodeId,
}

impl WakeSet {
    /// The number of words that a set for `nodes` nodes needs.
    ///
    /// ```
    /// use windlass::{WakeSet, WakeWord};
    ///
    /// static WORDS: [WakeWord; WakeSet::words_for(1_000)] = [const { WakeWord::new(0) }; WakeSet::words_for(1_000)];
    /// static WAKES: WakeSet = WakeSet::new(&WORDS);
    /// assert_eq!(WAKES.capacity(), 1_024);
    /// ```
    #[must_use]
    pub const fn words_for(nodes: usize) -> usize {
        let leaves = nodes.div_ceil(BITS);
        leaves + leaves.div_ceil(BITS)
    }

    /// A set in the given words, for a driver that polls without being told.
    ///
    /// The words should be zero, and belong to this set alone: bits left in them are at worst spurious or late wakes.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(words: &'static [WakeWord]) -> Self {
        Self::build(words, AtomicU32::new(0), None)
    }

    /// A set in the given words that tells `notify` when it turns non-empty.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn with_notify(words: &'static [WakeWord], notify: &'static dyn Notify) -> Self {
        Self::build(words, AtomicU32::new(0), Some(notify))
    }

    /// A set for at least `nodes` nodes in memory that is never given back: for programs that make few of them.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn leaked(nodes: usize, notify: Option<&'static dyn Notify>) -> &'static Self {
        let words: alloc::vec::Vec<_> = (0..Self::words_for(nodes)).map(|_| WakeWord::new(0)).collect();
        alloc::boxed::Box::leak(alloc::boxed::Box::new(Self::build(words.leak(), AtomicU32::new(0), notify)))
    }

    /// How many nodes the set has bits for: what was asked for, rounded up to a multiple of 32.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.leaves.saturating_mul(BITS)
    }

    /// Who is told when the set turns non-empty.
    #[must_use]
    pub const fn notifier(&self) -> Option<&'static dyn Notify> {
        self.notify
    }

    /// Whether a scheduler has it: one that it was given to, and that was neither dropped nor given another one since. If none has it, it may be given to
    /// a new scheduler; handles that are left can then wake that one's nodes, which is harmless.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Release);
    }

    /// The handle that wakes node `id` of the scheduler this set belongs to; `None` if the set has no bit for it.
    #[must_use]
    pub fn handle(&'static self, id: NodeId) -> Option<WakeHandle> {
        let index = usize::try_from(id.index()).ok()?;
        if index >= self.capacity() {
            return None;
        }
        Some(WakeHandle { set: self, id })
    }

    /// Whether no wake waits to be polled for. One load.
    ///
    /// A hint only where wakes come from other threads: what a driver sleeps on is its [`Notify`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.top.load(Ordering::Acquire) == 0
    }

    /// Takes all wakes and passes each node's index to `f` once, in ascending order.
    ///
    /// A wake that arrives meanwhile is either still taken or left for the next drain. Costs one load if there is nothing. Else
    /// a load for each summary word in the blocks that have wakes, and an exchange for each word that is not zero. At a
    /// million nodes a block is 32 summary words. `f` may wake, but must not panic: what the current word still holds would be lost.
    pub(crate) fn drain(&self, mut f: impl FnMut(u32)) {
        if self.is_empty() {
            return;
        }
        let (leaves, summaries) = self.levels();
        for block in Ones(self.top.swap(0, Ordering::AcqRel)) {
            let first = (block as usize) << self.block_shift;
            let rest = summaries.get(first..).unwrap_or_default();
            let block = rest.get(..1 << self.block_shift).unwrap_or(rest);
            for (at, summary) in (first..).zip(block) {
                // The exchange of the top word shows us all that was raised for this drain, so a zero here is no wake of ours.
                if summary.load(Ordering::Relaxed) == 0 {
                    continue;
                }
                for bit in Ones(summary.swap(0, Ordering::AcqRel)) {
                    let at = at * BITS + bit as usize;
                    let Some(leaf) = leaves.get(at) else { break };
                    for bit in Ones(leaf.swap(0, Ordering::AcqRel)) {
                        f((at * BITS) as u32 + bit);
                    }
                }
            }
        }
    }

    /// Forgets a wake that has not been drained: the slot is free. One atomic operation.
    ///
    /// The levels above may stay raised, which costs the next drain a look at an empty word.
    pub(crate) fn clear(&self, index: u32) {
        let (word, bit) = place(index as usize);
        if let Some(leaf) = self.levels().0.get(word) {
            leaf.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// Sets the leaf bit of `index`, and what must follow of the levels above.
    pub(crate) fn raise(&self, index: usize) {
        let (leaves, summaries) = self.levels();
        let (word, bit) = place(index);
        let Some(leaf) = leaves.get(word) else { return };
        if leaf.fetch_or(bit, Ordering::AcqRel) != 0 {
            return;
        }
        let (word, bit) = place(word);
        let Some(summary) = summaries.get(word) else { return };
        if summary.fetch_or(bit, Ordering::AcqRel) != 0 {
            return;
        }
        if self.top.fetch_or(1 << (word >> self.block_shift), Ordering::AcqRel) != 0 {
            return;
        }
        if let Some(notify) = self.notify {
            notify.notify();
        }
    }

    /// Leaf words, and summary words.
    fn levels(&self) -> (&[WakeWord], &[WakeWord]) {
        self.words.split_at_checked(self.leaves).unwrap_or_default()
    }

    /// Splits the words: every 32 leaves, or the rest of them, take one summary word.
    const fn build(words: &'static [WakeWord], top: AtomicU32, notify: Option<&'static dyn Notify>) -> Self {
        let leaves = words.len() - words.len().div_ceil(BITS + 1);
        let summaries = leaves.div_ceil(BITS);
        let mut block_shift = 0;
        while summaries > BITS << block_shift {
            block_shift += 1;
        }
        Self {
            words,
            leaves,
            block_shift,
            top,
            notify,
            #[cfg(feature = "alloc")]
            held: AtomicBool::new(false),
        }
    }
}

impl fmt::Debug for WakeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WakeSet({} nodes, {})", self.capacity(), if self.is_empty() { "empty" } else { "raised" })
    }
}

impl WakeHandle {
    /// The node this handle was made for.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Asks for another crank of the node: soon, at least once, after everything written before this call.
    ///
    /// One to three atomic operations, and a [`Notify::notify`] if the set was empty; lock-free. Call it from an interrupt,
    /// another thread or a callback. If the node has ended, nothing happens, or at worst its slot's next tenant is cranked once
    /// for nothing.
    pub fn wake(&self) {
        self.set.raise(self.id.index() as usize);
    }

    /// Whether it raises bits of this set.
    #[cfg(feature = "waker")]
    pub(crate) fn is_of(&self, set: &WakeSet) -> bool {
        core::ptr::eq(self.set, set)
    }
}

impl fmt::Debug for WakeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WakeHandle({})", self.id)
    }
}

/// Makes a `static` [`WakeSet`] and its words: for how many nodes, and whom to notify.
///
/// ```
/// use core::sync::atomic::{AtomicBool, Ordering};
/// use windlass::{Notify, wake_set};
///
/// struct Driver(AtomicBool);
///
/// impl Notify for Driver {
///     fn notify(&self) {
///         self.0.store(true, Ordering::Release); // the main loop polls when it sees this
///     }
/// }
///
/// static DRIVER: Driver = Driver(AtomicBool::new(false));
///
/// wake_set! {
///     /// What the interrupts of this board wake.
///     pub static WAKES: 16, notify = &DRIVER
/// }
/// assert!(WAKES.is_empty());
/// ```
#[macro_export]
macro_rules! wake_set {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $nodes:expr $(, cells = $cells:ident)? $(, notify = $notify:expr)? $(,)?) => {
        $(
            /// The cells of the async works.
            $vis static $cells: [$crate::WakeCell; $nodes] = $crate::WakeCell::row(&$name);
        )?
        $(#[$meta])*
        $vis static $name: $crate::WakeSet = {
            const WAKE_WORD_COUNT: usize = $crate::WakeSet::words_for($nodes);
            static WAKE_WORDS: [$crate::WakeWord; WAKE_WORD_COUNT] =
                [const { $crate::WakeWord::new(0) }; WAKE_WORD_COUNT];
            $crate::wake_set!(@set &WAKE_WORDS $(, $notify)?)
        };
    };
    (@set $words:expr) => {
        $crate::WakeSet::new($words)
    };
    (@set $words:expr, $notify:expr) => {
        $crate::WakeSet::with_notify($words, $notify)
    };
}

const BITS: usize = u32::BITS as usize;

/// The word that holds bit `index`, and the bit in it.
const fn place(index: usize) -> (usize, u32) {
    (index / BITS, 1 << (index % BITS))
}

/// The positions of the bits that are one, in ascending order.
struct Ones(u32);

impl Iterator for Ones {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let without_lowest = self.0 & self.0.checked_sub(1)?;
        let position = self.0.trailing_zeros();
        self.0 = without_lowest;
        Some(position)
    }
}

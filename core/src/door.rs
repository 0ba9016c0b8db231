//! What the laboratory (`windlass-lab`) needs of the engine and its users do not.
//!
//! The invariant: what is behind this door shows nothing of how the engine stores its nodes and works. It is for the laboratory of exactly this version:
//! any release may change it, and semantic versioning does not cover it.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

pub use crate::check::{Invariant, Violation};
use crate::cx::Cx;
use crate::node::{Cold, Hot, Note};
use crate::siblings::Sibling;
use crate::slots::Slots;
use crate::time::Human;
use crate::timers::Alarm;

/// The columns of the node table, less the works: what each is for, and the bytes it takes for a node. For those who measure and explain them.
pub const COLUMNS: [(&str, usize); 5] = [
    ("what a crank needs: links, phase, marks", size_of::<Hot>()),
    ("its family, times and policies", size_of::<Cold>()),
    ("its name and why it failed", size_of::<Note>()),
    ("its place among its siblings", size_of::<Sibling>()),
    ("its place among the timers", size_of::<Alarm>()),
];

/// Works that a guest has added, on their way to their host's table.
///
/// Empty between two calls of [`call_guest`]. It may be used for any table.
#[derive(Debug)]
pub struct Stage<V> {
    /// One place for each slot.
    works: Vec<Option<V>>,
    /// The generations of the slots when the call began.
    generations: Vec<u32>,
}

impl<V> Stage<V> {
    /// An empty stage.
    #[must_use]
    pub const fn new() -> Self {
        Self { works: Vec::new(), generations: Vec::new() }
    }
}

impl<V> Default for Stage<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a host's application holds for its guests: their stage, and their own application.
pub type Split<A, V, B> = fn(&mut A) -> (&mut Stage<V>, &mut B);

/// Calls a guest: a work of type `V` that the running work, the host of type `W`, has inside. The guest sees the engine as if the tree were made of
/// works of its own type: what it does there happens to the tables at once. What it adds is `wrap`ped into a host when the call ends, even by a panic.
///
/// Cost: a look at each slot that was ever used, before and after.
pub fn call_guest<W, A, V, B, R>(
    cx: &mut Cx<'_, W, A>,
    split: Split<A, V, B>,
    wrap: fn(V) -> W,
    call: impl FnOnce(&mut Cx<'_, V, B>) -> R,
) -> R {
    let mut visit = Visit::new(cx, split, wrap);
    visit.call(call)
}

struct Visit<'v, 'a, W, A, V, B> {
    host: &'v mut Cx<'a, W, A>,
    split: Split<A, V, B>,
    wrap: fn(V) -> W,
}

impl<'v, 'a, W, A, V, B> Visit<'v, 'a, W, A, V, B> {
    fn new(host: &'v mut Cx<'a, W, A>, split: Split<A, V, B>, wrap: fn(V) -> W) -> Self {
        let (stage, _) = split(host.app);
        let view = host.lend.view();
        stage.works.resize_with(view.capacity(), || None);
        stage.generations.clear();
        stage.generations.extend((0..view.globals.slab.fresh()).map(|index| view.hot.at(index).generation));
        Self { host, split, wrap }
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut Cx<'_, V, B>) -> R) -> R {
        let Cx { lend, slots, app } = &mut *self.host;
        let (stage, app) = (self.split)(app);
        let (lower, upper) = stage.works.split_at_mut(slots.running() as usize);
        let upper = upper.get_mut(1..).unwrap_or_default();
        call(&mut Cx { lend: &mut **lend, slots: Slots { lower, upper }, app })
    }
}

impl<W, A, V, B> Drop for Visit<'_, '_, W, A, V, B> {
    fn drop(&mut self) {
        let Cx { lend, slots, app } = &mut *self.host;
        let (stage, _) = (self.split)(app);
        let view = lend.view();
        for (index, staged) in (0..view.globals.slab.fresh()).zip(&mut stage.works) {
            let Some(slot) = slots.slot(index) else { continue };
            let before = stage.generations.get(index as usize);
            // The guest's context has freed the slot, and could not drop a host.
            if before.is_some_and(|generation| *generation != view.hot.at(index).generation) {
                *slot = None;
            }
            if let Some(work) = staged.take() {
                *slot = Some((self.wrap)(work));
            }
        }
    }
}

/// Forgets all wakes that have not been polled for, so that another scheduler may be given the set.
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub fn forget_wakes(wakes: &crate::wake::WakeSet) {
    wakes.drain(|_| {});
}

/// Displays a duration as the events do: `350 us`, `80 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn human(duration: Duration) -> impl fmt::Display {
    Human(duration)
}

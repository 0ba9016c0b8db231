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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use alloc::boxed::Box;
    use alloc::rc::Rc;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::id::NodeId;
    use crate::next::Next;
    use crate::reason::Reason;
    use crate::scheduler::Scheduler;
    use crate::spec::Spec;
    use crate::store::Boxed;
    use crate::time::Instant;
    use crate::work::{Outcome, Work};

    type Act = fn(&mut Guest, &mut Cx<'_, Guest, Note>) -> Outcome;

    /// A work that does what it is told, and counts as alive until it is dropped.
    struct Guest {
        act: Act,
        alive: Rc<()>,
    }

    impl Guest {
        /// Another guest, as a node.
        fn spec(&self, name: &'static str, act: Act) -> Spec<Self> {
            Spec::work(name, Self { act, alive: Rc::clone(&self.alive) })
        }
    }

    struct Host(Guest);

    /// What the guests have as their application: what one of them said.
    #[derive(Default)]
    struct Note(&'static str);

    #[derive(Default)]
    struct House {
        stage: Stage<Guest>,
        note: Note,
    }

    impl House {
        fn split(&mut self) -> (&mut Stage<Guest>, &mut Note) {
            (&mut self.stage, &mut self.note)
        }
    }

    impl Work<Self, House> for Host {
        fn on_run(&mut self, cx: &mut Cx<'_, Self, House>) -> Outcome {
            call_guest(cx, House::split, Host, |cx| (self.0.act)(&mut self.0, cx))
        }
    }

    type Engine = Scheduler<Boxed<Host>>;

    /// A scheduler with one host, around a guest that does this.
    fn hosting(act: Act, alive: &Rc<()>) -> (Engine, NodeId) {
        let mut s = Scheduler::with_capacity(4);
        let guest = Guest { act, alive: Rc::clone(alive) };
        let top = s.add(Spec::work("top", Host(guest))).unwrap();
        (s, top)
    }

    /// Nodes, and those of them that have a host.
    fn count(s: &Engine) -> (usize, usize) {
        (s.nodes().count(), s.nodes().filter(|node| matches!(s.work(node.id()), Ok(Some(_)))).count())
    }

    #[test]
    fn a_guest_sees_its_own_application_and_its_own_node() {
        let alive = Rc::new(());
        let act: Act = |_, cx| {
            assert_eq!((cx.name(), cx.attempt()), ("top", 1));
            cx.app().0 = "was here";
            Outcome::Success
        };
        let (mut s, _) = hosting(act, &alive);
        let mut house = House::default();
        assert_eq!(s.poll_work_with(Instant::ZERO, &mut house), Next::Done);
        assert_eq!(house.note.0, "was here");
    }

    #[test]
    fn what_a_guest_adds_has_a_host_when_the_call_has_ended_even_by_a_panic() {
        let alive = Rc::new(());
        let acts: [Act; 2] = [
            |guest, cx| {
                cx.add_child(guest.spec("child", |_, _| Outcome::Success)).unwrap();
                Outcome::Waiting
            },
            |guest, cx| {
                cx.add_child(guest.spec("child", |_, _| Outcome::Success)).unwrap();
                std::panic::resume_unwind(Box::new("as told"))
            },
        ];
        for act in acts {
            let (mut s, top) = hosting(act, &alive);
            let mut house = House::default();
            let polled = catch_unwind(AssertUnwindSafe(|| s.crank_with(Instant::ZERO, &mut house)));
            assert_eq!(s.interrupted().is_some(), polled.is_err());
            assert_eq!(count(&s), (2, 2));
            assert_eq!(s.node(top).unwrap().children().count(), 1);
            assert_eq!(Rc::strong_count(&alive), 3);
            assert!(house.stage.works.iter().all(Option::is_none));
        }
    }

    #[test]
    fn a_slot_that_a_guest_frees_loses_its_host_and_may_get_another_in_the_same_call() {
        let alive = Rc::new(());
        let fails: Act = |guest, cx| {
            cx.add_child(guest.spec("child", |_, _| Outcome::Success)).unwrap();
            Outcome::Fatal(Reason::new("as told"))
        };
        let acts: [(Act, usize); 2] = [
            (
                |_, cx| {
                    let ended = cx.view().nodes().next().unwrap().id();
                    cx.restart(ended).unwrap();
                    Outcome::Success
                },
                2,
            ),
            (
                |guest, cx| {
                    let ended = cx.view().nodes().next().unwrap().id();
                    cx.restart(ended).unwrap();
                    cx.add_child(guest.spec("other", |_, _| Outcome::Success)).unwrap();
                    Outcome::Waiting
                },
                3,
            ),
        ];
        for (act, left) in acts {
            let (mut s, _) = hosting(fails, &alive);
            let mut house = House::default();
            assert_eq!(s.poll_work_with(Instant::ZERO, &mut house), Next::Done);
            assert_eq!(
                (count(&s), Rc::strong_count(&alive)),
                ((2, 2), 3),
                "an ended work keeps its children"
            );
            s.add(Spec::work("restarts", Host(Guest { act, alive: Rc::clone(&alive) }))).unwrap();
            let _ = s.crank_with(Instant::ZERO, &mut house);
            assert_eq!((count(&s), Rc::strong_count(&alive)), ((left, left), left + 1));
        }
    }

    #[test]
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    fn forgotten_wakes_wake_nobody() {
        let wakes = crate::wake::WakeSet::leaked(4, None);
        let alive = Rc::new(());
        let (mut s, top) = hosting(|_, _| Outcome::Waiting, &alive);
        s.set_wakes(wakes);
        let handle = s.wake_handle(top).unwrap();
        assert_eq!(s.poll_work_with(Instant::ZERO, &mut House::default()), Next::OnWake);
        handle.wake();
        assert_eq!(s.next(), Next::Now);
        forget_wakes(wakes);
        assert_eq!(s.next(), Next::OnWake);
    }
}

//! The scheduler: tables, totals and an observer, under one name; how it is made, acted on and looked at.

use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::column::Column;
use crate::error::{Error, Refused};
use crate::id::NodeId;
use crate::marks::mark;
use crate::node::ROOT;
use crate::observe::{Observer, Verbosity};
use crate::ops;
use crate::root::Root;
use crate::slots::Slots;
use crate::spec::Spec;
use crate::state::{State, Status};
use crate::store::{Inline, Store, Tables};
use crate::table::Table;
use crate::time::{Instant, UNLIMITED, micros, micros_ceil};
use crate::tree::Tree;
use crate::view::{NodeView, View};
use crate::work::Work;

mod poll;

/// Runs a tree of works.
///
/// Generic over the memory `S` of its tables, which says what type the works have, and an observer `O`, which costs nothing when it is `()`. It has no
/// clock, starts no thread and allocates nothing after it was built: a driver calls [`Scheduler::poll_work`] and sleeps until what
/// that returns.
pub struct Scheduler<S, O = ()> {
    store: S,
    root: Root,
    observer: O,
}

impl<W, const N: usize, const E: usize> Scheduler<Inline<W, N, E>> {
    /// An empty scheduler with its tables inside. `const`, for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self::build(Inline::new(), ())
    }
}

impl<W, const N: usize, const E: usize> Default for Scheduler<Inline<W, N, E>> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "alloc")]
impl<W> Scheduler<crate::store::Boxed<W>> {
    /// An empty scheduler with room for `nodes` nodes, and as many edges, on the heap.
    #[must_use]
    pub fn with_capacity(nodes: usize) -> Self {
        Self::build(crate::store::Boxed::with_capacity(nodes), ())
    }
}

impl<S, O> Scheduler<S, O> {
    const fn build(store: S, observer: O) -> Self {
        Self { store, root: Root::UNUSED, observer }
    }

    /// An empty scheduler over these tables, with an observer. `const`, for a `static`.
    ///
    /// ```
    /// use windlass::{Cx, EventLog, Inline, Outcome, Scheduler, Work};
    ///
    /// struct Once;
    /// impl Work for Once {
    ///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome { Outcome::Success }
    /// }
    ///
    /// type Engine = Scheduler<Inline<Once, 16>, EventLog<8>>;
    ///
    /// // In firmware, a cell that gives a `&'static mut Engine` once: that of the crate static_cell, for example.
    /// static ENGINE: std::sync::Mutex<Engine> = std::sync::Mutex::new(Engine::observed(Inline::new(), EventLog::new()));
    ///
    /// assert_eq!(ENGINE.lock().unwrap().capacity(), 16);
    /// ```
    #[must_use]
    pub const fn observed(store: S, observer: O) -> Self
    where
        S: Store,
        O: Observer,
    {
        Self::build(store, observer)
    }
}

impl<S> Scheduler<S> {
    /// An empty scheduler over these tables.
    #[must_use]
    pub const fn with_store(store: S) -> Self
    where
        S: Store,
    {
        Self::build(store, ())
    }

    /// The same scheduler with an observer. Where it must not be moved, as in a `static`, see [`Scheduler::observed`].
    #[must_use]
    pub fn observed_by<O: Observer>(self, observer: O) -> Scheduler<S, O> {
        Scheduler { store: self.store, root: self.root, observer }
    }
}

/// Settings.
impl<S: Store, O: Observer> Scheduler<S, O> {
    /// Sets how many cranks one poll may make; the default is 256.
    pub fn set_budget(&mut self, cranks: NonZeroU32) {
        self.root.globals.budget = cranks.get();
    }

    /// Sets how long one poll may take; the default is no limit. The clock is then looked at between cranks, after every one if they take long: what has become
    /// due, and whoever was woken, is heard at once, and the poll ends after the crank in which the time is over. It does not shorten a crank.
    pub fn set_time_budget(&mut self, time: Duration) {
        self.root.globals.time_budget = micros_ceil(time).max(1);
    }

    /// What [`Scheduler::set_time_budget`] set.
    #[must_use]
    pub const fn time_budget(&self) -> Option<Duration> {
        match self.root.globals.time_budget {
            0 | UNLIMITED => None,
            budget => Some(micros(budget)),
        }
    }

    /// Sets the seed of the retry jitter; the default is 0. The same seed gives the same delays on every target.
    pub fn set_seed(&mut self, seed: u64) {
        (self.root.globals.seed, self.root.globals.seeded) = (seed, true);
    }

    /// What [`Scheduler::set_seed`] set. A driver that can get randomness sets a seed if there is none.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.root.globals.seeded.then_some(self.root.globals.seed)
    }

    /// Sets where wakes from interrupts, threads and callbacks arrive. One set serves one scheduler.
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    pub fn set_wakes(&mut self, wakes: &'static crate::wake::WakeSet) {
        #[cfg(feature = "alloc")]
        if let Some(before) = self.root.globals.wakes {
            before.set_held(false);
        }
        #[cfg(feature = "alloc")]
        wakes.set_held(true);
        self.root.globals.wakes = Some(wakes);
    }

    /// What [`Scheduler::set_wakes`] set.
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    #[must_use]
    pub const fn wakes(&self) -> Option<&'static crate::wake::WakeSet> {
        self.root.globals.wakes
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// The observer, to take events out of it.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }
}

impl<S: Store, O: Observer> Scheduler<S, O> {
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    fn parts(&mut self) -> (Table<'_>, &mut [Option<S::Work>]) {
        if !self.root.has_begun() {
            self.root.begin();
        }
        let Root { hot: own_hot, cold: own_cold, note, globals } = &mut self.root;
        let sink = if O::ENABLED {
            let verbosity = self.observer.verbosity();
            own_hot.clear(mark::STEPS);
            if verbosity == Verbosity::Steps {
                own_hot.set(mark::STEPS);
            }
            (verbosity != Verbosity::Nothing).then_some(&mut self.observer as _)
        } else {
            None
        };
        let Tables { hot, cold, notes, siblings, alarms, edges, works } = self.store.tables();
        let (hot, cold, notes) =
            (Column::new(hot, own_hot), Column::new(cold, own_cold), Column::new(notes, note));
        (Table { hot, cold, notes, siblings, alarms, edges, globals, clock: None, sink }, works)
    }

    pub(crate) fn table(&mut self) -> Table<'_> {
        self.parts().0
    }
}

/// Acting on the tree. None of this calls user code; what it changes shows in the next poll. Not for interrupts.
impl<S: Store, O: Observer> Scheduler<S, O> {
    /// Adds a node at the top. It runs in the next poll.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Aborting`] after a shutdown, [`Error::ZeroConcurrency`], [`Error::UnknownNode`] if the node that a gate
    /// waits for does not exist; the spec comes back.
    pub fn add(&mut self, spec: Spec<S::Work>) -> Result<NodeId, Refused<S::Work>> {
        let (mut table, works) = self.parts();
        ops::add(&mut table, &mut Slots::all(works), ROOT, spec)
    }

    /// Adds a node below `parent`, at any time before that ends; if it has not started yet, the child waits for it. A waiting work is woken.
    ///
    /// # Errors
    /// As [`Scheduler::add`], and [`Error::UnknownNode`], [`Error::Aborting`] or [`Error::Ended`] for the parent's sake,
    /// [`Error::WrongKind`] for a second child of a gate, a child of a callback, or a child of a batch from anyone but its generator,
    /// [`Error::WouldCycle`] for a gate that waits for a node above it.
    pub fn add_below(&mut self, parent: NodeId, spec: Spec<S::Work>) -> Result<NodeId, Refused<S::Work>> {
        let (mut table, works) = self.parts();
        ops::add_below(&mut table, &mut Slots::all(works), parent, spec)
    }

    /// Adds a child to a graph together with what it depends on: all or nothing.
    ///
    /// # Errors
    /// As [`Scheduler::add_below`] and [`Scheduler::depend`].
    pub fn add_after(
        &mut self,
        graph: NodeId,
        spec: Spec<S::Work>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Refused<S::Work>> {
        let (mut table, works) = self.parts();
        ops::add_after(&mut table, &mut Slots::all(works), graph, spec, dependencies)
    }

    /// Makes `node`, a child of a graph that has not started, wait for the success of `dependency`, another child of the same graph. If that has
    /// failed already, `node` is blocked at once.
    ///
    /// Cost: the smaller of the two degrees; a walk over all that depends on `node` if something does.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::WrongKind`] outside a graph, [`Error::WrongState`] if `node` has started, [`Error::Duplicate`],
    /// [`Error::WouldCycle`], [`Error::EdgesFull`].
    pub fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        ops::depend(&mut self.table(), node, dependency)
    }

    /// Wakes a node: if it waits, it is cranked in the next poll. For calls from where the scheduler is at hand; from elsewhere, use a
    /// [`WakeHandle`](crate::WakeHandle).
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        ops::wake(&mut self.table(), node)
    }

    /// The handle that wakes a node from an interrupt, another thread or a callback.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::NoWakeSet`].
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    pub fn wake_handle(&mut self, node: NodeId) -> Result<crate::wake::WakeHandle, Error> {
        ops::wake_handle(&mut self.table(), node)
    }

    /// Asks a node and everything below it to end. Does nothing to what has ended.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn abort(&mut self, node: NodeId) -> Result<(), Error> {
        self.abort_by(node, Instant::MAX)
    }

    /// As [`Scheduler::abort`], and what has not finished by `deadline` is ended by force.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        ops::abort(&mut self.table(), node, None, deadline)
    }

    /// Aborts everything and refuses what is new from now on; what has not finished by `deadline` is ended by force. Poll on until
    /// [`Next::Done`](crate::Next::Done); [`View::drain`] then says who did not finish.
    pub fn shutdown(&mut self, deadline: Instant) {
        self.table().shut_down(deadline.as_micros());
    }

    /// Whether the scheduler was shut down.
    #[must_use]
    pub const fn is_shut_down(&self) -> bool {
        self.root.globals.closed
    }

    /// Starts an ended node again, with everything below it made new and a fresh retry budget. A node at the top, or a child of a work that has
    /// not been freed yet; members of composites are restarted with their composite.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::WrongState`] if it has not ended, [`Error::WrongKind`] for a member of a composite,
    /// [`Error::Aborting`] or [`Error::Ended`] for the parent's sake.
    pub fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        let (mut table, works) = self.parts();
        ops::restart(&mut table, &mut Slots::all(works), node)
    }

    /// Keeps a node and everything below it from being cranked. Deadlines go on; what they lead to waits for the resume. An abort of the node, or of
    /// one above it, lifts the pause; if only a node below is aborted, its clean-up waits for the resume or the drain deadline.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::WrongState`] if it is aborting or has ended, [`Error::Ended`] while it
    /// ends and its children are being aborted.
    pub fn pause(&mut self, node: NodeId) -> Result<(), Error> {
        ops::pause(&mut self.table(), node, true)
    }

    /// Lets a paused node go on. Nothing that happened meanwhile is lost.
    ///
    /// # Errors
    /// As [`Scheduler::pause`].
    pub fn resume(&mut self, node: NodeId) -> Result<(), Error> {
        ops::pause(&mut self.table(), node, false)
    }

    /// Frees an ended top-level node and everything below it, and gives its work back if it had one.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::WrongState`] if it has not ended, [`Error::WrongKind`] if it is not at the top.
    pub fn remove(&mut self, node: NodeId) -> Result<Option<S::Work>, Error> {
        let (mut table, works) = self.parts();
        ops::remove(&mut table, &mut Slots::all(works), node)
    }

    /// The work of a node, if it has one.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn work_mut(&mut self, node: NodeId) -> Result<Option<&mut S::Work>, Error> {
        let (table, works) = self.parts();
        let index = table.resolve(node)?;
        Ok(works.get_mut(index as usize).and_then(Option::as_mut))
    }
}

/// Looking.
impl<S: Store, O: Observer> Scheduler<S, O> {
    /// Everything there is to see.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        let root = if self.root.has_begun() { &self.root } else { Root::empty() };
        View::new(self.store.nodes(), root)
    }

    /// All nodes, parents before their children.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        self.view().nodes()
    }

    /// One node.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn node(&self, id: NodeId) -> Result<NodeView<'_>, Error> {
        self.view().node(id)
    }

    /// The state of a node.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn state(&self, id: NodeId) -> Result<State, Error> {
        Ok(self.node(id)?.state())
    }

    /// The public status of a node.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn status(&self, id: NodeId) -> Result<Status, Error> {
        Ok(self.node(id)?.status())
    }

    /// The work of a node, if it has one.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn work(&self, id: NodeId) -> Result<Option<&S::Work>, Error> {
        self.node(id)?;
        Ok(self.store.works().get(id.index() as usize).and_then(Option::as_ref))
    }

    /// Draws all nodes as a tree, one line each, as they are at `now`.
    pub fn tree(&self, now: Instant) -> impl fmt::Display {
        self.view().tree(now)
    }

    /// As [`Scheduler::tree`], with what each work says of itself through [`Work::describe`].
    pub fn described_tree<A: ?Sized>(&self, now: Instant) -> impl fmt::Display
    where
        S::Work: Work<S::Work, A>,
    {
        let works = self.store.works();
        let describe = move |index: u32, f: &mut fmt::Formatter<'_>| match works.get(index as usize) {
            Some(Some(work)) => write_if_any(f, &Described(work, PhantomData::<fn(&A)>)),
            _ => Ok(()),
        };
        Tree { view: self.view(), now, describe }
    }

    /// Slots in the table.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.store.works().len()
    }
}

/// What a work says about itself.
struct Described<'a, W, A: ?Sized>(&'a W, PhantomData<fn(&A)>);

impl<W: Work<W, A>, A: ?Sized> fmt::Display for Described<'_, W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)
    }
}

/// Writes `; text`, or nothing if there is no text.
fn write_if_any(f: &mut fmt::Formatter<'_>, text: &dyn fmt::Display) -> fmt::Result {
    struct Length(usize);

    impl fmt::Write for Length {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }

    let mut length = Length(0);
    fmt::write(&mut length, format_args!("{text}"))?;
    if length.0 == 0 { Ok(()) } else { write!(f, "; {text}") }
}

impl<S: Store, O: Observer> fmt::Debug for Scheduler<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("next", &self.next())
            .field("nodes", &self.view())
            .finish_non_exhaustive()
    }
}

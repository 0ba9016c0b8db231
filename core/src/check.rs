//! The invariants of the tables, checked one by one.
//!
//! Slow, and for tests: the cost is that of looking at every node several times. Nothing here changes anything; what cannot be seen in the tables at
//! one moment (orders, delays, what an abort forbids) is for the oracles over events.

use alloc::vec::Vec;
use core::fmt;

use crate::deadlines::Timer;
use crate::id::NodeId;
use crate::kind::Kind;
use crate::links::List;
use crate::marks::mark;
use crate::node::{Cold, Hot, ROOT};
use crate::observe::Observer;
use crate::phase::Phase;
use crate::scheduler::Scheduler;
use crate::store::Store;
use crate::time::UNLIMITED;
use crate::view::View;

#[cfg(test)]
mod mutations;

/// One thing that must hold in the tables between any two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No node stays in a state that it only passes through.
    LegalMoves,
    /// A parent ends only after its children have ended.
    ChildrenFirst,
    /// An abort reaches every descendant in the call that asks for it.
    AbortReachesAll,
    /// A node that has ended has no deadline and is in no ring and no queue.
    EndedIsQuiet,
    /// A node is in its parent's ring exactly if it is runnable.
    RingIsRunnable,
    /// Every waiting node has something that will wake it, or else is listed by [`View::stalled`].
    WakeSource,
    /// No node is to be retried more often than its policy says.
    RetryBudget,
    /// A member of a sequence starts only when all before it have ended.
    SequenceOrder,
    /// No more children are active than the concurrency allows.
    Concurrency,
    /// Free and live slots add up to the capacity.
    SlotsConserved,
    /// The links of the tree, the lists, the counters and the deadline heap agree with each other.
    TablesAgree,
    /// What was asked to end does not wait for ever.
    Ends,
}

impl Invariant {
    /// All invariants, in the order of their declaration.
    pub const ALL: [Self; 12] = [
        Self::LegalMoves,
        Self::ChildrenFirst,
        Self::AbortReachesAll,
        Self::EndedIsQuiet,
        Self::RingIsRunnable,
        Self::WakeSource,
        Self::RetryBudget,
        Self::SequenceOrder,
        Self::Concurrency,
        Self::SlotsConserved,
        Self::TablesAgree,
        Self::Ends,
    ];

    /// What it says, in one sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::LegalMoves => "every state change is an arrow of the state machine",
            Self::ChildrenFirst => "a parent settles only after its children",
            Self::AbortReachesAll => "an abort reaches every descendant",
            Self::EndedIsQuiet => "an ended node has no deadline and is in no ring",
            Self::RingIsRunnable => "a node is in a ring exactly if it is runnable",
            Self::WakeSource => "every waiting node has a wake source or is listed as stalled",
            Self::RetryBudget => "retries stay within the budget",
            Self::SequenceOrder => "a sequence keeps its order",
            Self::Concurrency => "the concurrency is kept",
            Self::SlotsConserved => "slots are conserved",
            Self::TablesAgree => "links, counters and deadlines agree",
            Self::Ends => "everything ends",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// An invariant that does not hold: which, at which node, and what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What should hold.
    pub invariant: Invariant,
    /// Where; none if it is about the whole scheduler.
    pub node: Option<NodeId>,
    /// What was seen instead.
    pub detail: &'static str,
}

/// `a sequence keeps its order: 3v1: an earlier member has not ended`
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.invariant)?;
        if let Some(node) = self.node {
            write!(f, "{node}: ")?;
        }
        f.write_str(self.detail)
    }
}

impl core::error::Error for Violation {}

type Checked = Result<(), Violation>;

impl<S: Store, O: Observer> Scheduler<S, O> {
    /// Checks every invariant of the tables, at any time between two calls. Cost: several looks at every node.
    ///
    /// # Errors
    /// The first invariant that does not hold. It is a bug of this crate.
    pub fn check_invariants(&self) -> Checked {
        Checker { view: self.view() }.all()
    }
}

/// A violation unless `holds`.
fn ensure(holds: bool, invariant: Invariant, node: Option<NodeId>, detail: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(Violation { invariant, node, detail }) }
}

struct Checker<'a> {
    view: View<'a>,
}

impl<'a> Checker<'a> {
    fn all(&self) -> Checked {
        let live = self.slots()?;
        let mut reached = 0;
        for parent in live.iter().copied().chain([ROOT]) {
            reached += self.parent(parent)?;
        }
        ensure(reached == live.len(), Invariant::TablesAgree, None, "a node is not a child of its parent")?;
        for index in &live {
            self.node(*index)?;
        }
        self.timers(&live)
    }

    fn hot(&self, index: u32) -> &'a Hot {
        self.view.hot.at(index)
    }

    fn cold(&self, index: u32) -> &'a Cold {
        self.view.cold.at(index)
    }

    /// The time of the node's timer, if it has one.
    fn timer(&self, index: u32) -> Option<u64> {
        self.view.globals.timers.time_of(self.view.alarms, index)
    }

    fn ensure(&self, holds: bool, invariant: Invariant, index: u32, detail: &'static str) -> Checked {
        ensure(holds, invariant, (index != ROOT).then(|| self.view.id(index)), detail)
    }

    /// The live slots; every other one that was ever used is in the free list.
    fn slots(&self) -> Result<Vec<u32>, Violation> {
        let slab = &self.view.globals.slab;
        let live: Vec<u32> = (0..slab.fresh()).filter(|index| self.hot(*index).has(mark::LIVE)).collect();
        let mut free = 0;
        let mut at = slab.first_free();
        while at != ROOT {
            self.ensure(
                !self.hot(at).has(mark::LIVE),
                Invariant::SlotsConserved,
                at,
                "the slot is free and taken",
            )?;
            free += 1;
            ensure(free <= slab.fresh(), Invariant::SlotsConserved, None, "the free list has no end")?;
            at = self.hot(at).link.next();
        }
        let slots = Invariant::SlotsConserved;
        ensure(
            live.len() + free as usize == slab.fresh() as usize,
            slots,
            None,
            "a slot is neither free nor taken",
        )?;
        ensure(live.len() == slab.used() as usize, slots, None, "the count of used slots is wrong")?;
        Ok(live)
    }

    /// A circular list through `next` and `prev`, sorted.
    fn list(&self, list_of: List) -> Result<Vec<u32>, Violation> {
        let mut list = Vec::new();
        let head = list_of.first();
        let mut at = head;
        while at != ROOT {
            list.push(at);
            let ends = list.len() <= self.view.globals.slab.fresh() as usize;
            self.ensure(ends, Invariant::TablesAgree, head, "the list it is in has no end")?;
            let next = self.hot(at).link.next();
            self.ensure(
                self.hot(next).link.prev() == at,
                Invariant::TablesAgree,
                at,
                "its neighbour does not point back",
            )?;
            at = list_of.or_end(next);
        }
        list.sort_unstable();
        Ok(list)
    }

    fn children(&self, parent: u32) -> Result<Vec<u32>, Violation> {
        let cold = self.cold(parent);
        let mut children = Vec::new();
        let (mut at, mut last) = (cold.children.first(), ROOT);
        while at != ROOT {
            self.ensure(
                self.hot(at).parent == parent,
                Invariant::TablesAgree,
                at,
                "it is in another node's children",
            )?;
            let linked = self.view.sibling(at).prev() == last
                && children.len() < self.view.globals.slab.fresh() as usize;
            self.ensure(linked, Invariant::TablesAgree, at, "its sibling does not point back")?;
            children.push(at);
            last = at;
            at = self.view.next_sibling(at);
        }
        self.ensure(
            cold.children.last() == last,
            Invariant::TablesAgree,
            parent,
            "its last child is another one",
        )?;
        Ok(children)
    }

    /// What must hold between a node and its children. Gives their number.
    fn parent(&self, parent: u32) -> Result<usize, Violation> {
        let children = self.children(parent)?;
        self.lists(parent, &children)?;
        self.counters(parent, &children)?;
        self.places(parent, &children)?;
        self.endings(parent, &children)?;
        if self.hot(parent).kind == Kind::Sequence {
            self.sequence(parent, &children)?;
        }
        Ok(children.len())
    }

    fn lists(&self, parent: u32, children: &[u32]) -> Checked {
        let (hot, cold) = (self.hot(parent), self.cold(parent));
        let with = |flags: u32| {
            let mut list: Vec<u32> =
                children.iter().copied().filter(|child| self.hot(*child).has(flags)).collect();
            list.sort_unstable();
            list
        };
        let ring = self.list(hot.ring.children())?;
        self.ensure(ring == with(mark::IN_RING), Invariant::RingIsRunnable, parent, "its ring holds others")?;
        let queue = self.list(cold.queue)?;
        self.ensure(queue == with(mark::QUEUED), Invariant::TablesAgree, parent, "its queue holds others")?;
        let cursor = hot.ring.is_over() || ring.contains(&hot.ring.cursor());
        self.ensure(cursor, Invariant::TablesAgree, parent, "its cursor is outside its ring")?;
        let unseen = hot.has(mark::UNSEEN) != cold.ended.is_empty();
        self.ensure(unseen, Invariant::TablesAgree, parent, "the mark of its unseen children is wrong")?;
        for child in self.list(cold.ended)? {
            let ended = children.contains(&child) && self.hot(child).phase.is_done();
            self.ensure(ended, Invariant::TablesAgree, child, "it is among the ended children")?;
        }
        Ok(())
    }

    fn counters(&self, parent: u32, children: &[u32]) -> Checked {
        let (hot, cold) = (self.hot(parent), self.cold(parent));
        let count = |f: &dyn Fn(Phase) -> bool| {
            children.iter().filter(|child| f(self.hot(**child).phase)).count() as u32
        };
        let live = cold.live == count(&|phase| !phase.is_done());
        self.ensure(live, Invariant::TablesAgree, parent, "its count of live children is wrong")?;
        if parent != ROOT && !hot.kind.is_dynamic() && hot.phase != Phase::Pending {
            let ended = cold.succeeded == count(&|phase| phase == Phase::Success)
                && cold.failed == count(&|phase| phase == Phase::Failure)
                && cold.aborted == count(&|phase| phase == Phase::Aborted);
            self.ensure(ended, Invariant::TablesAgree, parent, "its counts of ended children are wrong")?;
        }
        Ok(())
    }

    fn places(&self, parent: u32, children: &[u32]) -> Checked {
        let (hot, cold) = (self.hot(parent), self.cold(parent));
        let active = children.iter().filter(|child| self.hot(**child).has(mark::ACTIVE)).count() as u32;
        self.ensure(cold.active == active, Invariant::TablesAgree, parent, "its count of places is wrong")?;
        let draining = children.iter().filter(|child| self.hot(**child).phase == Phase::Aborting).count();
        let width = active <= cold.places.saturating_add(draining as u32);
        self.ensure(width, Invariant::Concurrency, parent, "it has more active children than places")?;
        if hot.phase != Phase::Settling && hot.phase != Phase::Aborting && !cold.queue.is_empty() {
            let shut = hot.kind.is_gate() && !hot.has(mark::OPEN);
            let full = shut || active >= cold.places || hot.has(mark::TURN);
            self.ensure(full, Invariant::TablesAgree, parent, "a child queues for a place that is free")?;
        }
        Ok(())
    }

    fn endings(&self, parent: u32, children: &[u32]) -> Checked {
        let (hot, cold) = (self.hot(parent), self.cold(parent));
        if hot.phase.is_done() {
            self.ensure(
                cold.live == 0,
                Invariant::ChildrenFirst,
                parent,
                "it has ended before its children",
            )?;
        }
        if hot.phase != Phase::Aborting && hot.phase != Phase::Settling {
            return Ok(());
        }
        for child in children {
            let phase = self.hot(*child).phase;
            let reached =
                phase.is_done() || phase == Phase::Aborting || self.view.globals.call.running == *child;
            self.ensure(reached, Invariant::AbortReachesAll, *child, "its parent is ending and it is not")?;
        }
        if hot.phase == Phase::Settling {
            let ending = cold.live > 0 || hot.has(mark::TURN) || self.view.globals.call.running == parent;
            self.ensure(ending, Invariant::Ends, parent, "it settles for ever")?;
        }
        Ok(())
    }

    fn sequence(&self, parent: u32, children: &[u32]) -> Checked {
        let hot = self.hot(parent);
        if hot.phase == Phase::Aborting || (hot.phase == Phase::Settling) {
            return Ok(());
        }
        let mut started = children.iter().skip_while(|child| self.hot(**child).phase.is_done()).skip(1);
        let early = started.find(|child| {
            let phase = self.hot(**child).phase;
            !phase.is_done() && phase != Phase::Pending
        });
        let early = early.copied();
        self.ensure(
            early.is_none(),
            Invariant::SequenceOrder,
            early.unwrap_or(parent),
            "an earlier member has not ended",
        )
    }

    fn node(&self, index: u32) -> Checked {
        let (hot, cold) = (self.hot(index), self.cold(index));
        let armed = self.timer(index).is_some();
        let running = self.view.globals.call.running == index;
        let ensure = |holds, invariant, detail| self.ensure(holds, invariant, index, detail);
        let ring = hot.has(mark::IN_RING) == hot.is_runnable();
        ensure(ring, Invariant::RingIsRunnable, "it is runnable and in no ring, or the other way round")?;
        ensure(hot.phase != Phase::Retrying, Invariant::LegalMoves, "it has stayed retrying")?;
        let turn = hot.phase != Phase::Pending || hot.has(mark::TURN);
        ensure(turn, Invariant::TablesAgree, "it has not started and wants no turn")?;
        let parent = hot.has(mark::PARENT) || cold.children.first() == ROOT;
        ensure(parent, Invariant::TablesAgree, "it has children and does not know")?;
        let blamed = hot.has(mark::BLAMED) == self.view.notes.at(index).failure().is_some();
        ensure(blamed, Invariant::TablesAgree, "the mark of its failure is wrong")?;
        let limited =
            hot.has(mark::LIMITED) == (!cold.timeout.is_forever() || cold.retry.elapsed_limit().is_some());
        ensure(limited, Invariant::TablesAgree, "the mark of its time limit is wrong")?;
        let drained = hot.has(mark::DRAINED) != cold.drain.is_forever();
        ensure(drained, Invariant::TablesAgree, "the mark of its drain limit is wrong")?;
        let watched = hot.has(mark::WATCHED) || cold.watchers == ROOT;
        ensure(watched, Invariant::TablesAgree, "a gate waits for it and it does not know")?;
        let hook = self.view.globals.call.hook != index || running;
        ensure(hook, Invariant::TablesAgree, "it is in a hook that is over")?;
        if hot.phase.is_done() {
            let busy = mark::TURN | mark::QUEUED | mark::ACTIVE;
            ensure(!hot.has(busy), Invariant::EndedIsQuiet, "it has ended and still wants something")?;
            ensure(!armed, Invariant::EndedIsQuiet, "it has ended and still has a deadline")?;
        }
        if hot.phase == Phase::Aborting && hot.kind != Kind::Work && !running {
            ensure(cold.live > 0 || hot.has(mark::TURN), Invariant::Ends, "a composite aborts for ever")?;
        }
        if hot.phase == Phase::BackingOff {
            let delayed = armed || self.view.at(index).is_stalled();
            ensure(delayed, Invariant::WakeSource, "nothing will retry it")?;
            let budget = cold.retries_used < cold.retry.budget();
            ensure(budget, Invariant::RetryBudget, "it is to be retried once too often")?;
        }
        if matches!(hot.phase, Phase::Running | Phase::TimedOut) && hot.kind == Kind::Work {
            ensure(hot.has(mark::TURN), Invariant::TablesAgree, "it runs and has no turn")?;
        }
        self.wake_source(index)?;
        let waits = matches!(hot.phase, Phase::Running | Phase::Waiting) && hot.kind != Kind::Work;
        if waits && !running && !hot.has(mark::TURN) {
            self.idle_composite(index)?;
        }
        Ok(())
    }

    /// A node that waits has something that will wake it, exactly if it is not listed as stalled.
    fn wake_source(&self, index: u32) -> Checked {
        let (hot, cold) = (self.hot(index), self.cold(index));
        let armed = self.timer(index).is_some();
        let waits = match hot.phase {
            Phase::Waiting | Phase::Sleeping | Phase::BackingOff | Phase::Requeued => true,
            Phase::Aborting => !hot.has(mark::TURN),
            _ => false,
        };
        if !waits || self.view.globals.call.running == index {
            return Ok(());
        }
        let awaits = hot.kind.is_gate() && !hot.has(mark::OPEN);
        let hungry = self.view.at(index).waits_for_a_slot();
        let other = cold.live > 0 || awaits || hungry || hot.has(mark::HANDLE | mark::QUEUED);
        let source = armed || other && !matches!(hot.phase, Phase::BackingOff | Phase::Sleeping);
        let listed = self.view.at(index).is_stalled();
        self.ensure(
            source != listed,
            Invariant::WakeSource,
            index,
            "it is stalled and not listed, or the other way round",
        )
    }

    /// A composite that wants no turn waits for something that will come.
    fn idle_composite(&self, index: u32) -> Checked {
        let (hot, cold) = (self.hot(index), self.cold(index));
        let ensure = |holds, detail| self.ensure(holds, Invariant::WakeSource, index, detail);
        if !hot.kind.is_gate() || hot.has(mark::OPEN) {
            ensure(hot.phase == Phase::Running, "a composite waits")?;
            return ensure(cold.live > 0, "a composite waits for nobody");
        }
        ensure(hot.phase == Phase::Waiting, "a shut gate does not wait")?;
        if hot.kind == Kind::When {
            // At the end of time, the next question is never.
            let never = cold.param.saturating_add(self.view.globals.now) == UNLIMITED;
            return ensure(self.timer(index).is_some() || never, "a gate asks nobody");
        }
        let awaited = NodeId::from_bits(cold.param).and_then(|id| self.view.node(id).ok());
        let awaited = awaited.filter(|node| !node.state().is_done()).map(|node| node.id().index());
        ensure(awaited.is_some(), "a gate waits for nobody")?;
        let mut at = awaited.map_or(ROOT, |awaited| self.cold(awaited).watchers);
        for _ in 0..self.view.globals.slab.fresh() {
            if at == index || at == ROOT {
                break;
            }
            at = self.view.next_watcher(at);
        }
        ensure(at == index, "nobody will tell a gate")
    }

    fn timers(&self, live: &[u32]) -> Checked {
        let mut count = 0;
        for index in live {
            let (hot, cold) = (self.hot(*index), self.cold(*index));
            let timer = self.timer(*index);
            let ensure = |holds, detail| self.ensure(holds, Invariant::TablesAgree, *index, detail);
            ensure(hot.has(mark::ARMED) == timer.is_some(), "the mark of its deadline is wrong")?;
            count += u32::from(timer.is_some());
            let Some(at) = timer else {
                ensure(cold.limit_at == UNLIMITED, "it has a limit and no deadline")?;
                continue;
            };
            ensure(at <= cold.limit_at, "its deadline is after its limit")?;
            ensure(cold.timer.is_limit() == (at == cold.limit_at), "its deadline means something else")?;
            let fits = match cold.timer {
                Timer::Wake => matches!(hot.phase, Phase::Waiting | Phase::Sleeping),
                Timer::Retry => hot.phase == Phase::BackingOff,
                // A hook of a node whose time is up can ask for its abort by a deadline, and panic before that is looked at.
                Timer::AttemptLimit if self.view.globals.call.hook == *index => true,
                Timer::AttemptLimit => matches!(hot.phase, Phase::Running | Phase::Waiting | Phase::Sleeping),
                Timer::CleanUp | Timer::DrainBegin => hot.phase == Phase::Aborting,
                Timer::DrainLimit => hot.phase.is_ending(),
            };
            ensure(fits, "it has a deadline of another phase")?;
        }
        let timers = &self.view.globals.timers;
        ensure(count == timers.len(), Invariant::TablesAgree, None, "the count of deadlines is wrong")?;
        let fault = timers.fault(self.view.alarms);
        self.ensure(
            fault.is_none(),
            Invariant::TablesAgree,
            fault.unwrap_or(ROOT),
            "its deadline is out of order",
        )
    }
}

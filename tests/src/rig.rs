//! A scheduler in a world, cranked one work at a time.
//!
//! The invariant: the clock moves only by what works take, or, when nothing can be cranked, to the next deadline or the next thing outside. After
//! every crank the whole tree is looked at.

use std::time::Duration;

use windlass::{
    Boxed, Error, Instant, Kind, Next, NodeId, NodeView, Refused, Scheduler, Spec, State, Status, View,
    WakeSet,
};

use crate::works::Any;
use crate::{Journal, World};

/// Steps that a rig makes before it gives up on its scheduler.
const LIMIT: u64 = 200_000;

/// A scheduler, its world, and a bounded driver.
#[derive(Debug)]
pub struct Rig {
    /// The scheduler.
    pub s: Scheduler<Any, Boxed<Any>, Journal>,
    /// The application.
    pub world: World,
    steps: u64,
    lazy: bool,
    told: Instant,
}

impl Rig {
    /// An empty scheduler of this capacity with a wake set, at time zero.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let mut s = Scheduler::with_capacity(capacity).observed_by(Journal::default());
        s.set_wakes(WakeSet::leaked(capacity, None));
        Self { s, world: World::default(), steps: 0, lazy: false, told: Instant::ZERO }
    }

    /// The same rig with another seed for the retry delays.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.s.set_seed(seed);
        self
    }

    /// The same rig with a driver that lets no timer fire while there is something to do, as the reference's virtual host does.
    #[must_use]
    pub const fn fires_timers_when_idle(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// Adds a node at the top.
    #[track_caller]
    pub fn add(&mut self, spec: Spec<Any>) -> NodeId {
        added(self.s.add(spec))
    }

    /// Adds a child.
    #[track_caller]
    pub fn add_child(&mut self, parent: NodeId, spec: Spec<Any>) -> NodeId {
        added(self.s.add_child(parent, spec))
    }

    /// Moves the clock if nothing else can be done, then makes one crank.
    ///
    /// # Panics
    /// When it has been called too often: the scheduler does not end.
    #[track_caller]
    pub fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps <= LIMIT, "no end in sight:\n{}", self.s.tree());
        self.world.deliver();
        let next = self.s.next();
        let idle_until = match next {
            Next::Now | Next::Done => None,
            Next::At(at) => Some(self.world.next_outside().map_or(at, |outside| outside.min(at))),
            Next::OnWake => self.world.next_outside(),
        };
        if let Some(at) = idle_until {
            self.world.now = self.world.now.max(at);
            self.world.deliver();
        }
        self.told = self.clock();
        let next = self.s.crank_with(self.told, &mut self.world);
        assert_eq!(next, self.s.next());
        check_tree(self.s.view());
    }

    /// Steps until nothing more can happen: everything has ended, or waits for a wake that nobody is going to send.
    #[track_caller]
    pub fn run(&mut self) -> Next {
        while !self.is_stuck() {
            self.step();
        }
        self.s.next()
    }

    /// Steps until this holds.
    ///
    /// # Panics
    /// When nothing more can happen and it does not hold yet.
    #[track_caller]
    pub fn run_until(&mut self, mut holds: impl FnMut(&Self) -> bool) {
        while !holds(self) {
            assert!(!self.is_stuck(), "nothing more happens:\n{}", self.s.tree());
            self.step();
        }
    }

    /// Steps until the scheduler has nothing to do right now: what the reference calls a waiting scheduler.
    #[track_caller]
    pub fn run_until_idle(&mut self) {
        self.run_until(Self::is_idle);
    }

    /// Whether nothing can be cranked at this moment.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.s.next() != Next::Now
    }

    /// Shuts the scheduler down and steps until it is done.
    #[track_caller]
    pub fn shut_down(&mut self) {
        self.s.shutdown(Instant::MAX);
        check_tree(self.s.view());
        assert_eq!(self.run(), Next::Done, "{}", self.s.tree());
    }

    /// The state of a node that must be there.
    #[track_caller]
    #[must_use]
    pub fn state(&self, id: NodeId) -> State {
        there(self.s.state(id))
    }

    /// The public status of a node that must be there.
    #[track_caller]
    #[must_use]
    pub fn status(&self, id: NodeId) -> Status {
        there(self.s.status(id))
    }

    /// A look at a node that must be there.
    #[track_caller]
    #[must_use]
    pub fn node(&self, id: NodeId) -> NodeView<'_> {
        there(self.s.node(id))
    }

    /// The first node of this name in the tree; none if it is not there (any more).
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NodeView<'_>> {
        self.s.nodes().find(|node| node.name() == name)
    }

    /// How often user code was called, hooks not counted.
    #[must_use]
    pub fn cranks(&self) -> u64 {
        self.s.metrics().cranks
    }

    /// How many cranks the driver has made, each of which called one work (and maybe a gate's predicate on the way to it), or found nothing
    /// to do.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The last state of the node of this name, whether it is still there or not.
    ///
    /// # Panics
    /// If there was none.
    #[track_caller]
    #[must_use]
    pub fn last_state(&self, name: &str) -> State {
        match self.s.observer().last_state(name) {
            Some(state) => state,
            None => panic!("there was no {name}"),
        }
    }

    /// The virtual time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.world.now - Instant::ZERO
    }

    /// Checks what the reference calls full success: so many runs, one success, no failure, no retry.
    #[track_caller]
    pub fn assert_full_success(&self, name: &str, steps: u32) {
        let c = self.world.of(name);
        assert_eq!((c.runs, c.successes, c.failures, c.retries), (steps, 1, 0, 0), "{name}");
        assert_eq!(self.last_state(name), State::Success, "{name}");
    }

    /// What the driver says the time is. A lazy one stays just before the next deadline while there is something to do.
    fn clock(&self) -> Instant {
        match self.s.next_deadline() {
            Some((at, _)) if self.lazy && self.s.next() == Next::Now => {
                let before = Instant::from_micros(at.as_micros().saturating_sub(1));
                self.world.now.min(before).max(self.told)
            }
            _ => self.world.now,
        }
    }

    fn is_stuck(&self) -> bool {
        match self.s.next() {
            Next::Now | Next::At(_) => false,
            Next::OnWake => self.world.next_outside().is_none(),
            Next::Done => true,
        }
    }
}

/// What must hold of every tree at every moment, as far as it can be seen from outside.
///
/// # Panics
/// When it does not hold.
#[track_caller]
pub fn check_tree(view: View<'_>) {
    for node in view.nodes() {
        let children: Vec<NodeView<'_>> = node.children().collect();
        let live = children.iter().filter(|child| !child.state().is_done()).count();
        assert_eq!(node.child_counts().live as usize, live, "live children of {node:?}");
        if node.state().is_done() {
            assert_eq!(live, 0, "{node:?} ended before its children");
            assert_eq!(node.deadline(), None, "{node:?} has ended and is waited for");
        }
        if node.state() == State::Aborting {
            for child in &children {
                let state = child.state();
                assert!(
                    state.is_done() || state == State::Aborting,
                    "the abort of {node:?} missed {child:?}"
                );
            }
        }
        if node.state() == State::Pending {
            for child in &children {
                let state = child.state();
                assert!(
                    state == State::Pending || state.is_done(),
                    "{child:?} runs before its parent {node:?}"
                );
            }
        }
        if node.kind() == Kind::Sequence {
            check_order(node, &children);
        }
    }
}

/// A sequence is at one member at a time: those before it have ended, those after it have not started or were aborted with it.
fn check_order(sequence: NodeView<'_>, members: &[NodeView<'_>]) {
    let mut at = members.iter().skip_while(|member| member.state().is_done());
    let _current = at.next();
    for later in at {
        assert!(
            matches!(later.state(), State::Pending | State::Aborted),
            "{later:?} is out of order in {sequence:?}"
        );
    }
}

#[track_caller]
fn added(result: Result<NodeId, Refused<Any>>) -> NodeId {
    match result {
        Ok(id) => id,
        Err(refused) => panic!("{refused}"),
    }
}

#[track_caller]
fn there<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Leaf, Parent, STEP};

    #[test]
    #[should_panic(expected = "no end in sight")]
    fn a_scheduler_that_never_ends_is_noticed() {
        let mut rig = Rig::new(1);
        rig.add(Leaf::new("endless").steps(u32::MAX).spec());
        let _ = rig.run();
    }

    #[test]
    #[should_panic(expected = "nothing more happens")]
    fn a_condition_that_cannot_come_true_is_noticed() {
        let mut rig = Rig::new(1);
        rig.add(Leaf::new("one").spec());
        rig.run_until(|rig| rig.world.of("one").runs == 4);
    }

    #[test]
    fn the_clock_jumps_only_when_nothing_can_be_cranked() {
        let mut rig = Rig::new(4);
        rig.add(Leaf::new("sleeper").steps(2).sleeps(STEP * 50).spec());
        rig.add(Parent::new().with(|| Leaf::new("busy").steps(10).spec()).spec("parent"));
        rig.world.later(STEP * 20, |world| world.pass(STEP * 5));
        assert_eq!(rig.run(), Next::Done);
        // One step and a sleep of 50, during which ten steps and what happens outside have room, and another step.
        assert_eq!(rig.elapsed(), STEP * 52);
        assert_eq!(rig.world.next_outside(), None);
    }
}

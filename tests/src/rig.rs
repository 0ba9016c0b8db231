//! A scheduler in a world, cranked one work at a time.
//!
//! The invariant: the clock moves only by what works take, or, when nothing can be cranked, to the next deadline or the next thing outside. After
//! every crank the engine's invariants are checked.

use std::time::Duration;

use windlass::{Error, Instant, Kind, Next, NodeId, NodeView, Refused, Spec, State, Status, WakeSet};

use crate::script::Any;
use crate::{Journal, Scheduler, World};

/// Steps that a rig makes before it gives up on its scheduler.
const LIMIT: u64 = 200_000;

/// A scheduler, its world, and a bounded driver.
#[derive(Debug)]
pub struct Rig {
    /// The scheduler.
    pub s: Scheduler<Journal>,
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
    pub fn add_below(&mut self, parent: NodeId, spec: Spec<Any>) -> NodeId {
        added(self.s.add_below(parent, spec))
    }

    /// The time of the last poll.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.s.view().now()
    }

    /// The tree as of the last poll.
    #[must_use]
    pub fn tree(&self) -> String {
        self.s.tree(self.now()).to_string()
    }

    /// Moves the clock if nothing else can be done, then makes one crank.
    ///
    /// # Panics
    /// When it has been called too often: the scheduler does not end.
    #[track_caller]
    pub fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps <= LIMIT, "no end in sight:\n{}", self.tree());
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
        self.check();
    }

    /// Checks what must hold between any two calls: the engine's own invariants, and the order between a parent and its children.
    ///
    /// # Panics
    /// When it does not hold.
    #[track_caller]
    pub fn check(&self) {
        if let Err(violation) = self.s.check_invariants() {
            panic!("{violation}:\n{}", self.tree());
        }
        for node in self.s.nodes() {
            check_children(node);
        }
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
            assert!(!self.is_stuck(), "nothing more happens:\n{}", self.tree());
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
        self.check();
        assert_eq!(self.run(), Next::Done, "{}", self.tree());
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

/// What the invariants of the tables do not say: nothing has started below a node that has not, and what comes later in a sequence than the member
/// it is at has not started, or was aborted with it.
#[track_caller]
fn check_children(parent: NodeView<'_>) {
    let mut children = parent.children();
    if parent.state() == State::Pending {
        let started = children.find(|child| child.state() != State::Pending && !child.state().is_done());
        assert!(started.is_none(), "{started:?} runs before its parent {parent:?}");
    } else if parent.kind() == Kind::Sequence {
        let mut later = children.skip_while(|member| member.state().is_done()).skip(1);
        let early = later.find(|member| !matches!(member.state(), State::Pending | State::Aborted));
        assert!(early.is_none(), "{early:?} is out of order in {parent:?}");
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
    use crate::{STEP, Script, leaf, parent};

    #[test]
    #[should_panic(expected = "no end in sight")]
    fn a_scheduler_that_never_ends_is_noticed() {
        let mut rig = Rig::new(1);
        rig.add(Script::steps(u32::MAX).takes_time().spec("endless"));
        let _ = rig.run();
    }

    #[test]
    #[should_panic(expected = "nothing more happens")]
    fn a_condition_that_cannot_come_true_is_noticed() {
        let mut rig = Rig::new(1);
        rig.add(leaf().spec("one"));
        rig.run_until(|rig| rig.world.of("one").runs == 4);
    }

    #[test]
    fn the_clock_jumps_only_when_nothing_can_be_cranked() {
        let mut rig = Rig::new(4);
        rig.add(Script::steps(2).takes_time().sleeps(STEP * 50).spec("sleeper"));
        let p = rig.add(parent("parent"));
        rig.add_below(p, Script::steps(10).takes_time().spec("busy"));
        rig.world.later(STEP * 20, |world| world.pass(STEP * 5));
        assert_eq!(rig.run(), Next::Done);
        // One step and a sleep of 50, during which ten steps and what happens outside have room, and another step.
        assert_eq!(rig.elapsed(), STEP * 52);
        assert_eq!(rig.world.next_outside(), None);
    }
}

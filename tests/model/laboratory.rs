//! A program once more, in the laboratory: whatever is done to the shipped engine and whatever its works do, every oracle holds after every
//! step.
//!
//! The invariant: the steps are those that the comparison takes, through the same script; only the polls are the lab's, one crank each. What
//! the works see and what they are answered is not looked at here.

use std::rc::Rc;
use std::time::Duration;

use windlass::{Error, Instant, Metrics, Next, NodeId, Refused};
use windlass_lab::{Finding, Input, Lab, Log, Outside};

use crate::engine::{Scripted, answer, seen, spec};
use crate::program::{Deed, Program};
use crate::script::{self, Hands, Me, Newcomer, Place, Seen, Side, World};

/// Cranks of one poll; works that always run again do so for ever.
const CRANKS: u32 = 8;

/// Runs a program in the laboratory, shuts it down, and lets it end.
///
/// # Errors
/// The first oracle that does not hold.
pub(crate) fn run(program: &Program) -> Result<(), Finding> {
    let mut program = program.clone();
    // The lab catches its own panics alone.
    let turns = program.plans.iter_mut().flat_map(|plan| &mut plan.turns);
    turns.for_each(|turn| turn.deed = turn.deed.filter(|deed| !matches!(deed, Deed::Panic)));
    let program = Rc::new(program);
    let mut lab = Lab::new(World::new(Rc::clone(&program)));
    lab.set_capacity(program.capacity);
    lab.set_seed(program.seed);
    lab.allow_stall();
    let mut bench = Bench { lab, works: Rc::new(()), found: None };
    // Ends the building: what is added from now on is under the oracles' eyes.
    bench.input(None);
    for step in &program.steps {
        script::take(&mut bench, step);
        if let Some(found) = bench.found.take() {
            return Err(found);
        }
    }
    bench.lab.shutdown(bench.lab.now() + Duration::from_millis(20));
    bench.lab.run().map(drop)
}

struct Bench {
    lab: Lab<Scripted, World>,
    works: Rc<()>,
    found: Option<Finding>,
}

impl Outside for World {}

impl Bench {
    fn input(&mut self, input: Option<Input>) {
        let found = self.lab.replay(&input.into_iter().collect::<Log>()).err();
        self.found = self.found.take().or(found);
    }

    fn added(
        &mut self,
        newcomer: Newcomer<'_>,
        add: impl FnOnce(&mut Lab<Scripted, World>, windlass::Spec<Scripted>) -> Result<NodeId, Refused<Scripted>>,
    ) -> Result<NodeId, Error> {
        let spec = spec(newcomer, &self.works, None);
        answer(newcomer, add(&mut self.lab, spec))
    }
}

impl Hands for Bench {
    fn world(&mut self) -> &mut World {
        self.lab.app_mut()
    }

    fn own(&self) -> Option<NodeId> {
        None
    }

    fn add(&mut self, place: Place, newcomer: Newcomer<'_>) -> Result<NodeId, Error> {
        match place {
            Place::Top | Place::Here => self.added(newcomer, Lab::add),
            Place::Below(parent) => self.added(newcomer, |lab, spec| lab.add_below(parent, spec)),
        }
    }

    fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        self.lab.depend(node, dependency)
    }

    fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        self.lab.wake(node)
    }

    fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        self.lab.abort_by(node, deadline)
    }

    fn pause(&mut self, node: NodeId, paused: bool) -> Result<(), Error> {
        if paused { self.lab.pause(node) } else { self.lab.resume(node) }
    }

    fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        self.lab.restart(node)
    }

    fn take_handle(&mut self, node: NodeId) -> Result<(), Error> {
        self.lab.view().node(node).map(drop)
    }

    fn raise(&mut self, node: NodeId) {
        let _ = self.lab.wake(node);
    }
}

impl Side for Bench {
    fn add_after(
        &mut self,
        graph: NodeId,
        newcomer: Newcomer<'_>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Error> {
        self.added(newcomer, |lab, spec| lab.add_after(graph, spec, dependencies))
    }

    fn remove(&mut self, node: NodeId) -> Result<Option<Me>, Error> {
        self.lab.remove(node).map(|work| work.map(|work| work.me))
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.lab.shutdown(deadline);
    }

    fn poll(&mut self, now: Instant, one_crank: bool) -> Next {
        self.input((now > self.lab.now()).then_some(Input::Clock(now)));
        self.input(Some(Input::Crank(if one_crank { 1 } else { CRANKS })));
        self.lab.next()
    }

    fn next(&self) -> Next {
        self.lab.next()
    }

    fn next_deadline(&self) -> Option<(Instant, NodeId)> {
        if let Next::At(at) = self.lab.next() { Some((at, NodeId::from_bits(u64::MAX)?)) } else { None }
    }

    fn nodes(&self) -> Vec<Seen> {
        self.lab.view().nodes().map(|node| seen(node, self.lab.now())).collect()
    }

    fn stalled(&self) -> Vec<NodeId> {
        self.lab.view().stalled().map(|node| node.id()).collect()
    }

    fn metrics(&self) -> Metrics {
        self.lab.metrics()
    }
}

//! The scheduler under test, handled as a program wants it.
//!
//! The invariant: nothing is lost on the way: a refused addition gives its work back, and at the end no work is left.

use std::rc::Rc;

use windlass::door::Violation;
use windlass::{
    AbortStep, Boxed, Check, Cx, Error, Event, Generated, Instant, Metrics, Next, NodeId, NodeView, Observer,
    Outcome, Refused, Scheduler, Spec, WakeSet, Work,
};

use crate::program::Program;
use crate::script::{self, Hands, Inside, Line, Log, Me, Method, Newcomer, Place, Seen, Side, Sight, World};

/// The engine with its world.
pub(crate) struct Engine<O> {
    scheduler: Scheduler<Boxed<Scripted>, O>,
    wakes: &'static WakeSet,
    world: World,
    /// One count for each work that is still somewhere, and one for this.
    works: Rc<()>,
}

/// A work of the program's.
pub(crate) struct Scripted {
    pub(crate) me: Me,
    works: Rc<()>,
    /// None in the laboratory, which has its own.
    wakes: Option<&'static WakeSet>,
}

pub(crate) struct Watch(Log);

impl Observer for Watch {
    fn on_event(&mut self, event: &Event) {
        self.0.borrow_mut().push(Line::Event(*event));
    }
}

impl Engine<Watch> {
    /// Its events are written among the other lines.
    pub(crate) fn new(program: &Rc<Program>) -> Self {
        Self::observed(program, |log| Watch(Rc::clone(log)))
    }
}

impl Engine<()> {
    /// Nobody looks: it goes shorter ways where it can.
    pub(crate) fn unobserved(program: &Rc<Program>) -> Self {
        Self::observed(program, |_| ())
    }
}

impl<O: Observer> Engine<O> {
    fn observed(program: &Rc<Program>, observer: impl FnOnce(&Log) -> O) -> Self {
        let world = World::new(Rc::clone(program));
        let store = Boxed::with_edges(program.capacity, program.edges);
        let mut scheduler = Scheduler::with_store(store).observed_by(observer(&world.log));
        let wakes = WakeSet::leaked(program.capacity, None);
        scheduler.set_wakes(wakes);
        scheduler.set_seed(program.seed);
        scheduler.set_budget(program.budget.try_into().expect("a budget is not zero"));
        Self { scheduler, wakes, world, works: Rc::new(()) }
    }

    /// Works that have not been dropped.
    pub(crate) fn works(&self) -> usize {
        Rc::strong_count(&self.works) - 1
    }

    /// Whether the tables are whole.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        self.scheduler.check_invariants()
    }

    pub(crate) fn tree(&self) -> String {
        self.scheduler.tree(self.scheduler.view().now()).to_string()
    }

    fn spec(&self, newcomer: Newcomer<'_>) -> Spec<Scripted> {
        spec(newcomer, &self.works, Some(self.wakes))
    }
}

pub(crate) fn spec(
    newcomer: Newcomer<'_>,
    works: &Rc<()>,
    wakes: Option<&'static WakeSet>,
) -> Spec<Scripted> {
    let work = Scripted { me: newcomer.me, works: Rc::clone(works), wakes };
    newcomer.plan.spec(work, newcomer.awaited)
}

fn raise(wakes: &'static WakeSet, node: NodeId) {
    if let Some(handle) = wakes.handle(node) {
        handle.wake();
    }
}

/// A refusal must give back what was offered.
pub(crate) fn answer(
    newcomer: Newcomer<'_>,
    result: Result<NodeId, Refused<Scripted>>,
) -> Result<NodeId, Error> {
    result.map_err(|refused| {
        let error = refused.error;
        let work = refused.into_work().map(|work| work.me);
        assert_eq!(work, newcomer.plan.has_work().then_some(newcomer.me), "a refusal lost the work");
        error
    })
}

impl<O: Observer> Hands for Engine<O> {
    fn world(&mut self) -> &mut World {
        &mut self.world
    }

    fn own(&self) -> Option<NodeId> {
        None
    }

    fn add(&mut self, place: Place, newcomer: Newcomer<'_>) -> Result<NodeId, Error> {
        let spec = self.spec(newcomer);
        let result = match place {
            Place::Top | Place::Here => self.scheduler.add(spec),
            Place::Below(parent) => self.scheduler.add_below(parent, spec),
        };
        answer(newcomer, result)
    }

    fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        self.scheduler.depend(node, dependency)
    }

    fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        self.scheduler.wake(node)
    }

    fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        self.scheduler.abort_by(node, deadline)
    }

    fn pause(&mut self, node: NodeId, paused: bool) -> Result<(), Error> {
        if paused { self.scheduler.pause(node) } else { self.scheduler.resume(node) }
    }

    fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        self.scheduler.restart(node)
    }

    fn take_handle(&mut self, node: NodeId) -> Result<(), Error> {
        self.scheduler.wake_handle(node).map(drop)
    }

    fn raise(&mut self, node: NodeId) {
        raise(self.wakes, node);
    }
}

impl<O: Observer> Side for Engine<O> {
    fn add_after(
        &mut self,
        graph: NodeId,
        newcomer: Newcomer<'_>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Error> {
        let spec = self.spec(newcomer);
        answer(newcomer, self.scheduler.add_after(graph, spec, dependencies))
    }

    fn remove(&mut self, node: NodeId) -> Result<Option<Me>, Error> {
        self.scheduler.remove(node).map(|work| work.map(|work| work.me))
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.scheduler.shutdown(deadline);
    }

    fn poll(&mut self, now: Instant, one_crank: bool) -> Next {
        if one_crank {
            self.scheduler.crank_with(now, &mut self.world)
        } else {
            self.scheduler.poll_work_with(now, &mut self.world)
        }
    }

    fn next(&self) -> Next {
        self.scheduler.next()
    }

    fn next_deadline(&self) -> Option<(Instant, NodeId)> {
        self.scheduler.next_deadline()
    }

    fn nodes(&self) -> Vec<Seen> {
        let now = self.scheduler.view().now();
        self.scheduler.nodes().map(|node| seen(node, now)).collect()
    }

    fn stalled(&self) -> Vec<NodeId> {
        self.scheduler.view().stalled().map(|node| node.id()).collect()
    }

    fn metrics(&self) -> Metrics {
        self.scheduler.metrics()
    }
}

pub(crate) fn seen(node: NodeView<'_>, now: Instant) -> Seen {
    Seen {
        id: node.id(),
        name: node.name(),
        kind: node.kind(),
        state: node.state(),
        status: node.status(),
        parent: node.parent().map(|parent| parent.id()),
        children: node.child_counts(),
        dependencies: node.dependencies().map(|on| on.id()).collect(),
        attempt: node.attempt(),
        retries_left: node.retries_left(),
        retry_eta: node.retry_eta(now),
        deadline: node.deadline(),
        failure: node.failure(),
        abort_cause: node.abort_cause(),
        aborted_by: node.aborted_by(),
        paused: node.is_paused(),
        forced: node.was_forced(),
        stalled: node.is_stalled(),
    }
}

// ---- from inside ----

struct Running<'a, 'b> {
    cx: &'a mut Cx<'b, Scripted, World>,
    work: &'a Scripted,
}

impl Hands for Running<'_, '_> {
    fn world(&mut self) -> &mut World {
        self.cx.app()
    }

    fn own(&self) -> Option<NodeId> {
        Some(self.cx.id())
    }

    fn add(&mut self, place: Place, newcomer: Newcomer<'_>) -> Result<NodeId, Error> {
        let spec = spec(newcomer, &self.work.works, self.work.wakes);
        let result = match place {
            Place::Top => self.cx.add(spec),
            Place::Here => self.cx.add_child(spec),
            Place::Below(parent) => self.cx.add_below(parent, spec),
        };
        answer(newcomer, result)
    }

    fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        self.cx.depend(node, dependency)
    }

    fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        self.cx.wake(node)
    }

    fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        self.cx.abort_by(node, deadline)
    }

    fn pause(&mut self, node: NodeId, paused: bool) -> Result<(), Error> {
        if paused { self.cx.pause(node) } else { self.cx.resume(node) }
    }

    fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        self.cx.restart(node)
    }

    fn take_handle(&mut self, _own: NodeId) -> Result<(), Error> {
        self.cx.own_wake_handle().map(drop)
    }

    fn raise(&mut self, node: NodeId) {
        match self.work.wakes {
            Some(wakes) => raise(wakes, node),
            None => {
                let _ = self.cx.wake(node);
            }
        }
    }
}

impl Inside for Running<'_, '_> {
    fn sight(&mut self) -> Sight {
        let free_nodes = self.cx.free_nodes();
        let (cx, now) = (&*self.cx, self.cx.now());
        let own = seen(cx.view().node(cx.id()).expect("a running node exists"), now);
        assert_eq!((cx.name(), cx.attempt(), cx.children()), (own.name, own.attempt, own.children));
        assert_eq!((cx.parent(), cx.failure(), cx.view().now()), (own.parent, own.failure, now));
        assert_eq!(cx.abort_cause(), own.abort_cause.filter(|_| !own.state.is_done()));
        let ended = cx.ended_children().map(|child| child.id()).collect();
        Sight { now, own, ended, time_left: cx.time_left(), free_nodes }
    }
}

impl Work<Self, World> for Scripted {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, World>) -> Outcome {
        script::on_run(&mut Running { cx, work: self }, self.me)
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self, World>) -> AbortStep {
        script::on_abort(&mut Running { cx, work: self }, self.me)
    }

    fn on_reset(&mut self, cx: &mut Cx<'_, Self, World>) {
        script::hook(&mut Running { cx, work: self }, self.me, Method::Reset);
    }

    fn on_success(&mut self, cx: &mut Cx<'_, Self, World>) {
        script::hook(&mut Running { cx, work: self }, self.me, Method::Success);
    }

    fn on_failure_retry(&mut self, cx: &mut Cx<'_, Self, World>) {
        script::hook(&mut Running { cx, work: self }, self.me, Method::FailureRetry);
    }

    fn on_failure_raise(&mut self, cx: &mut Cx<'_, Self, World>) {
        script::hook(&mut Running { cx, work: self }, self.me, Method::FailureRaise);
    }

    fn rewinds(&self) -> bool {
        self.me.rewinds()
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self, World>) -> Generated {
        script::on_next(&mut Running { cx, work: self }, self.me)
    }

    fn on_check(&mut self, cx: &mut Cx<'_, Self, World>) -> Check {
        script::on_check(&mut Running { cx, work: self }, self.me)
    }
}

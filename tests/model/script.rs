//! Runs a program's turns and steps on either scheduler.
//!
//! The invariant: both schedulers are handled by this code and no other, through [`Hands`] and [`Side`], and everything they answer and
//! everything they call goes into the log, in order. It knows neither of them.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use windlass::{
    AbortCause, AbortStep, Check, Children, Error, Event, Failure, Generated, Instant, Kind, Metrics, Next,
    NodeId, Outcome, State, Status,
};

use crate::program::{Deed, Item, Plan, PlanNumber, Program, Say, Shape, Step, Target, Turn};

/// Additions that a program may ask for: works that add works that add works must end.
const NEWCOMERS: usize = 60;

/// One line of what the two schedulers must agree on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// What an observer is told.
    Event(Event),
    /// A call of user code, and what that sees.
    Called(Method, Sight),
    /// The answer to a deed.
    Answered(Answer),
}

/// The answer to anything done to a scheduler: the id if it was an addition.
pub(crate) type Answer = Result<Option<NodeId>, Error>;

/// The methods of a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Run,
    Abort,
    Next,
    Check,
    Reset,
    Success,
    FailureRetry,
    FailureRaise,
}

/// What a running work sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sight {
    pub(crate) now: Instant,
    pub(crate) own: Seen,
    pub(crate) ended: Vec<NodeId>,
    pub(crate) time_left: Option<Duration>,
    pub(crate) free_nodes: usize,
}

/// Everything that can be seen of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) id: NodeId,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) status: Status,
    pub(crate) parent: Option<NodeId>,
    pub(crate) children: Children,
    pub(crate) dependencies: Vec<NodeId>,
    pub(crate) attempt: u32,
    pub(crate) retries_left: u16,
    pub(crate) retry_eta: Option<Duration>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) failure: Option<Failure>,
    pub(crate) abort_cause: Option<AbortCause>,
    pub(crate) aborted_by: Option<NodeId>,
    pub(crate) paused: bool,
    pub(crate) forced: bool,
    pub(crate) stalled: bool,
}

/// A log that an observer, the works and the program write.
pub(crate) type Log = Rc<RefCell<Vec<Line>>>;

/// A work: which plan it follows, and the so-manieth of all that were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Me {
    pub(crate) plan: usize,
    pub(crate) ordinal: usize,
}

impl Me {
    /// Whether it can begin again as the generator of a batch: two in three can.
    pub(crate) const fn rewinds(self) -> bool {
        !self.ordinal.is_multiple_of(3)
    }
}

/// A node that was added.
#[derive(Clone, Copy, Debug)]
struct Born {
    id: NodeId,
    parent: Option<NodeId>,
    is_graph: bool,
}

/// What one scheduler's works know in common.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) program: Rc<Program>,
    pub(crate) log: Log,
    /// The time of the latest poll.
    pub(crate) now: Instant,
    /// All nodes that were ever added, in that order.
    born: Vec<Born>,
    /// Those that were paused.
    paused: Vec<NodeId>,
    /// Those that a wake handle was taken for.
    handles: Vec<NodeId>,
    /// Calls of each work.
    calls: Vec<usize>,
}

impl World {
    pub(crate) fn new(program: Rc<Program>) -> Self {
        let log = Log::default();
        Self {
            program,
            log,
            now: Instant::ZERO,
            born: vec![],
            paused: vec![],
            handles: vec![],
            calls: vec![],
        }
    }

    pub(crate) fn write(&self, line: Line) {
        self.log.borrow_mut().push(line);
    }

    pub(crate) fn has_handles(&self) -> bool {
        !self.handles.is_empty()
    }

    /// Half of the targets are among the latest nodes, which most likely are still there.
    fn target(&self, target: Target) -> NodeId {
        let ids: Vec<NodeId> = self.born.iter().rev().map(|born| born.id).collect();
        self.one_of(&ids, if target < 128 { target / 16 } else { target })
    }

    /// Mostly a graph, if there is one.
    fn graph(&self, target: Target) -> NodeId {
        let graphs: Vec<NodeId> =
            self.born.iter().rev().filter(|born| born.is_graph).map(|born| born.id).collect();
        if graphs.is_empty() || odd_one(target) { self.target(target) } else { self.one_of(&graphs, target) }
    }

    /// Mostly a child of this node, if it has had one.
    fn member(&self, graph: NodeId, target: Target) -> NodeId {
        let members = self.born.iter().rev().filter(|born| born.parent == Some(graph));
        let members: Vec<NodeId> = members.map(|born| born.id).collect();
        if members.is_empty() || odd_one(target) {
            self.target(target)
        } else {
            self.one_of(&members, target)
        }
    }

    fn one_of(&self, ids: &[NodeId], target: Target) -> NodeId {
        // Nobody has the last id.
        let nobody = NodeId::from_bits(u64::MAX).expect("its generation is not zero");
        around(ids, target).unwrap_or(nobody)
    }

    fn turn_of(&mut self, me: Me) -> Turn {
        let Some(calls) = self.calls.get_mut(me.ordinal) else { return Turn::LAST };
        *calls += 1;
        let plan = &self.program.plans[me.plan];
        plan.turns.get(*calls - 1).cloned().unwrap_or(Turn::LAST)
    }
}

/// One target in eight is not what would make sense.
fn odd_one(target: Target) -> bool {
    target % 8 == 7
}

fn around<T: Copy>(list: &[T], number: u8) -> Option<T> {
    list.get(number as usize % list.len().max(1)).copied()
}

/// A node to be added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newcomer<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) me: Me,
    /// What it waits for, if it is a gate that waits for a node.
    pub(crate) awaited: NodeId,
}

/// Where a node is to be added.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Top,
    /// Below the running work.
    Here,
    Below(NodeId),
}

/// What can be done from inside a work and from outside.
pub(crate) trait Hands {
    fn world(&mut self) -> &mut World;
    /// The node of the running work; none outside.
    fn own(&self) -> Option<NodeId>;
    fn add(&mut self, place: Place, newcomer: Newcomer<'_>) -> Result<NodeId, Error>;
    fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error>;
    fn wake(&mut self, node: NodeId) -> Result<(), Error>;
    fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error>;
    fn pause(&mut self, node: NodeId, paused: bool) -> Result<(), Error>;
    fn restart(&mut self, node: NodeId) -> Result<(), Error>;
    fn take_handle(&mut self, node: NodeId) -> Result<(), Error>;
    /// Wakes through a handle.
    fn raise(&mut self, node: NodeId);
}

/// A running work's hands.
pub(crate) trait Inside: Hands {
    fn sight(&mut self) -> Sight;
}

/// One of the two schedulers, from outside.
pub(crate) trait Side: Hands {
    fn add_after(
        &mut self,
        graph: NodeId,
        newcomer: Newcomer<'_>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Error>;
    /// Gives back the work.
    fn remove(&mut self, node: NodeId) -> Result<Option<Me>, Error>;
    fn shutdown(&mut self, deadline: Instant);
    fn poll(&mut self, now: Instant, one_crank: bool) -> Next;
    fn next(&self) -> Next;
    fn next_deadline(&self) -> Option<(Instant, NodeId)>;
    fn nodes(&self) -> Vec<Seen>;
    fn stalled(&self) -> Vec<NodeId>;
    fn metrics(&self) -> Metrics;
}

// ---- from inside: the methods of a work ----

pub(crate) fn on_run(hands: &mut impl Inside, me: Me) -> Outcome {
    match call(hands, me, Method::Run).run {
        Say::This(outcome) => outcome,
        Say::Children => hands.sight().own.children.outcome(),
    }
}

pub(crate) fn on_abort(hands: &mut impl Inside, me: Me) -> AbortStep {
    call(hands, me, Method::Abort).abort
}

pub(crate) fn on_check(hands: &mut impl Inside, me: Me) -> Check {
    call(hands, me, Method::Check).check
}

pub(crate) fn on_next(hands: &mut impl Inside, me: Me) -> Generated {
    match call(hands, me, Method::Next).item {
        Item::None => return Generated::Exhausted,
        Item::Add(plan) => answer_addition(hands, Place::Here, plan),
        Item::Lie => {}
    }
    Generated::Added
}

pub(crate) fn hook(hands: &mut impl Inside, me: Me, method: Method) {
    call(hands, me, method);
}

fn call(hands: &mut impl Inside, me: Me, method: Method) -> Turn {
    let sight = hands.sight();
    let world = hands.world();
    world.write(Line::Called(method, sight));
    let turn = world.turn_of(me);
    if let Some(deed) = turn.deed {
        perform(hands, deed);
    }
    turn
}

// ---- from both ----

fn perform(hands: &mut impl Hands, deed: Deed) {
    let own = hands.own();
    let now = hands.world().now;
    let on = |world: &mut World, target| world.target(target);
    let done = match deed {
        Deed::AddTop(plan) => return answer_addition(hands, Place::Top, plan),
        Deed::AddHere(plan) => {
            let place = if own.is_some() { Place::Here } else { Place::Top };
            return answer_addition(hands, place, plan);
        }
        Deed::AddBelow(_, plan) if hands.world().born.is_empty() => {
            return answer_addition(hands, Place::Top, plan);
        }
        Deed::AddBelow(parent, plan) => {
            let parent = on(hands.world(), parent);
            return answer_addition(hands, Place::Below(parent), plan);
        }
        Deed::Depend(graph, node, dependency) => {
            let world = hands.world();
            let graph = world.graph(graph);
            let node = world.member(graph, node);
            let dependency = world.member(graph, dependency);
            hands.depend(node, dependency)
        }
        Deed::Wake(node) => {
            let node = on(hands.world(), node);
            hands.wake(node)
        }
        Deed::Abort(node) => {
            let node = on(hands.world(), node);
            hands.abort_by(node, Instant::MAX)
        }
        Deed::AbortBy(node, time) => {
            let node = on(hands.world(), node);
            hands.abort_by(node, now + time)
        }
        Deed::Pause(node) => {
            let node = on(hands.world(), node);
            pause(hands, node)
        }
        Deed::Resume(node) => {
            let world = hands.world();
            let node = around(&world.paused, node).unwrap_or_else(|| world.target(node));
            hands.pause(node, false)
        }
        Deed::Restart(node) => {
            let node = on(hands.world(), node);
            hands.restart(node)
        }
        Deed::TakeHandle(node) => {
            let node = own.unwrap_or_else(|| on(hands.world(), node));
            let taken = hands.take_handle(node);
            if taken.is_ok() {
                hands.world().handles.push(node);
            }
            taken
        }
        Deed::Raise(handle) => {
            if let Some(node) = around(&hands.world().handles, handle) {
                hands.raise(node);
            }
            return;
        }
        Deed::WakeSelf | Deed::AbortSelf | Deed::AbortSelfBy(_) | Deed::PauseSelf | Deed::Panic => {
            let Some(own) = own else { return };
            match deed {
                Deed::WakeSelf => hands.wake(own),
                Deed::AbortSelf => hands.abort_by(own, Instant::MAX),
                Deed::AbortSelfBy(time) => hands.abort_by(own, now + time),
                Deed::PauseSelf => pause(hands, own),
                _ => resume_unwind(Box::new(AsTold)),
            }
        }
    };
    hands.world().write(Line::Answered(done.map(|()| None)));
}

fn pause(hands: &mut impl Hands, node: NodeId) -> Result<(), Error> {
    let paused = hands.pause(node, true);
    if paused.is_ok() {
        hands.world().paused.push(node);
    }
    paused
}

fn answer_addition(hands: &mut impl Hands, place: Place, plan: PlanNumber) {
    let parent = match place {
        Place::Top => None,
        Place::Here => hands.own(),
        Place::Below(parent) => Some(parent),
    };
    add(hands, parent, plan, |hands, newcomer| hands.add(place, newcomer));
}

fn add<H: Hands>(
    hands: &mut H,
    parent: Option<NodeId>,
    plan: PlanNumber,
    add: impl FnOnce(&mut H, Newcomer<'_>) -> Result<NodeId, Error>,
) {
    let world = hands.world();
    if world.calls.len() >= NEWCOMERS {
        return;
    }
    let program = Rc::clone(&world.program);
    let me = Me { plan: program.plan(plan), ordinal: world.calls.len() };
    world.calls.push(0);
    let plan = &program.plans[me.plan];
    let awaited = match plan.shape {
        Shape::After(target) | Shape::AfterSuccess(target) => world.target(target),
        _ => world.target(0),
    };
    let answer = add(hands, Newcomer { plan, me, awaited });
    let world = hands.world();
    let is_graph = matches!(plan.shape, Shape::Graph);
    world.born.extend(answer.map(|id| Born { id, parent, is_graph }));
    world.write(Line::Answered(answer.map(Some)));
}

// ---- from outside ----

/// What a step came to, besides the lines it wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effect {
    None,
    Removed(Result<Option<Me>, Error>),
    Polled(Next),
    /// A work panicked, as told.
    Panicked,
}

pub(crate) fn take(side: &mut impl Side, step: &Step) -> Effect {
    let now = side.world().now;
    match *step {
        Step::Do(deed) => perform(side, deed),
        Step::AddAfter(graph, plan, ref dependencies) => {
            let world = side.world();
            let graph = world.graph(graph);
            let ids: Vec<NodeId> = dependencies.iter().map(|on| world.member(graph, *on)).collect();
            add(side, Some(graph), plan, |side, newcomer| side.add_after(graph, newcomer, &ids));
        }
        Step::Remove(node) => {
            let node = side.world().target(node);
            return Effect::Removed(side.remove(node));
        }
        Step::Shutdown(time) => side.shutdown(time.map_or(Instant::MAX, |time| now + time)),
        Step::Poll => return poll(side, now, false),
        Step::Crank => return poll(side, now, true),
        Step::Pass(time) => return poll(side, now + time, false),
        Step::Jump => {
            let at = side.next_deadline().map_or(now, |(at, _)| at);
            return poll(side, at, false);
        }
        Step::Back(time) => {
            let earlier = now.as_micros().saturating_sub(time.as_micros() as u64);
            return poll(side, Instant::from_micros(earlier), false);
        }
        Step::Forever => return poll(side, Instant::MAX, false),
    }
    Effect::None
}

/// What a panicking work throws.
struct AsTold;

fn poll(side: &mut impl Side, now: Instant, one_crank: bool) -> Effect {
    let world = side.world();
    world.now = world.now.max(now);
    match catch_unwind(AssertUnwindSafe(|| side.poll(now, one_crank))) {
        Ok(next) => Effect::Polled(next),
        Err(thrown) if thrown.is::<AsTold>() => Effect::Panicked,
        Err(thrown) => resume_unwind(thrown),
    }
}

//! The other scheduler: slow and obvious.
//!
//! The invariant: everything that can be found by looking is found by looking. Nodes lie in a vector and stay there for ever; a parent
//! has a vector of its children; the children in turn order, those in the queue and those that have ended are vectors too, and a
//! deadline is found by reading all nodes. What a node waits for and how many children live is counted anew each time. It
//! is written from the documentation of the engine, and where that leaves an order open, from the one that its modules state.
//!
//! | file | what it says |
//! | --- | --- |
//! | here | nodes: their ids, their states, adding and freeing them |
//! | `order` | who may run, whose turn it is, who waits for a place |
//! | `life` | wakes, pauses, attempts, restarts, ends |
//! | `abort` | request, drain, force |
//! | `crank` | a poll, a crank, a turn, what a work's answer leads to |
//! | `composite` | when composites end, generators, gates |
//! | `graph` | dependencies |
//! | `face` | the scheduler as programs see it |

use std::collections::BTreeSet;
use std::rc::Rc;

use windlass::{
    AbortCause, Error, Event, EventKind, Failure, Instant, Kind, Metrics, NodeId, OnFailure, Reason, Retry,
    Setting, State, Transition,
};

use crate::program::{Plan, Program, Shape};
use crate::script::{Line, Me, Newcomer, World};

mod abort;
mod composite;
mod crank;
mod face;
mod graph;
mod life;
mod order;

/// A node's place in the vector. It is never used again, so it names the node for ever.
type Key = usize;

/// The scheduler itself, as a node.
const ROOT: Key = 0;

/// The model with its world.
pub(crate) struct Model {
    world: World,
    /// All nodes that ever were.
    nodes: Vec<Node>,
    capacity: usize,
    edges: usize,
    budget: u32,
    seed: u64,
    now: Instant,
    /// Slots that were given back; the last one is used first.
    free: Vec<u32>,
    /// Works that have found the table full, first come, first served.
    hungry: Vec<Key>,
    /// How many tenants each slot has had.
    tenants: Vec<u32>,
    /// How many deadlines were armed.
    armed: u64,
    /// Whose user code runs, or ended in a panic that no poll has seen yet.
    running: Option<Key>,
    closed: bool,
    /// A poll is going on, so `now` is the time.
    polling: bool,
    /// Slots that were woken through a handle.
    woken: BTreeSet<u32>,
    /// Whether the wake set says that it has something; it may be wrong about that.
    raised: bool,
    /// The totals; what is counted by looking is left at zero.
    metrics: Metrics,
}

/// One node.
struct Node {
    id: NodeId,
    gone: bool,
    plan: Plan,
    me: Me,
    kind: Kind,
    width: u32,
    /// A child that waits for a retry lends its place.
    lends: bool,
    on_failure: OnFailure,
    retry: Retry,
    /// The node that a gate waits for.
    awaited: Option<Key>,

    // The tree.
    parent: Key,
    children: Vec<Key>,
    /// The runnable children in turn order. Those before `position` have had their turn in this pass.
    order: Vec<Key>,
    position: usize,
    pass: u64,
    /// The parent's pass in which it last stopped being runnable.
    stopped_in: Option<u64>,
    queue: Vec<Key>,
    /// Children that have ended and that this node has not seen yet.
    ended: Vec<Key>,
    /// Children of this attempt by how they ended, and all of earlier attempts.
    succeeded: u32,
    failed: u32,
    aborted: u32,
    earlier: u32,
    /// What a child of a graph depends on, and what depends on it, in the order of the calls.
    dependencies: Vec<Key>,
    dependents: Vec<Key>,

    // Its life.
    state: State,
    /// It wants its own turn.
    turn: bool,
    /// It has a place among the active children of its parent.
    place: bool,
    paused: bool,
    detached: bool,
    /// It waits out a retry delay.
    delayed: bool,
    /// Its end is decided, and comes when its children have drained.
    settling: Option<Verdict>,
    /// A hook of its end is being called.
    in_hook: bool,
    /// Woken while it was running.
    woken: bool,
    /// Aborted in a hook of its end.
    abort_asked: bool,
    timed_out: bool,
    /// Woken, and not had its turn since.
    fresh: bool,
    /// Its limit has passed, but it was woken before.
    late: bool,
    /// It waits, and no wake ends that.
    asleep: bool,
    skipped: bool,
    /// Lives before this one.
    lives: u16,
    /// It, or a member of it, has failed for good in this attempt.
    fatal: bool,
    /// Its abort was asked for between two polls: its drain is counted from the next one.
    untimed: bool,
    /// The gate is open; the generator is exhausted.
    open: bool,
    forced: bool,
    handle: bool,
    wake_at: Instant,
    limit_at: Instant,
    /// The earlier of the two as it was armed, and how many were armed before.
    alarm: Option<(Instant, u64)>,
    started_at: Instant,
    retries_used: u16,
    failure: Option<Failure>,
    cause: AbortCause,
    aborted_by: Option<NodeId>,
}

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Success,
    /// Retried if the budget lasts, after this delay or the policy's.
    Failure(Option<std::time::Duration>),
    Fatal,
    Panicked,
    Aborted,
}

impl Model {
    pub(crate) fn new(program: &Rc<Program>) -> Self {
        let root_plan =
            Plan { width: None, ..program.plans.first().cloned().expect("a program has at least one plan") };
        let id = NodeId::from_bits(u64::MAX).expect("its generation is not zero");
        let mut root = Node::new(id, ROOT, Kind::Work, &root_plan, Me { plan: 0, ordinal: usize::MAX });
        root.state = State::Running;
        root.place = true;
        root.turn = false;
        Self {
            world: World::new(Rc::clone(program)),
            nodes: vec![root],
            capacity: program.capacity,
            edges: program.edges,
            budget: program.budget,
            seed: program.seed,
            now: Instant::ZERO,
            free: vec![],
            hungry: vec![],
            tenants: vec![],
            armed: 0,
            running: None,
            closed: false,
            polling: false,
            woken: BTreeSet::new(),
            raised: false,
            metrics: Metrics::default(),
        }
    }

    // ---- looking ----

    fn find(&self, id: NodeId) -> Result<Key, Error> {
        let found = self.nodes.iter().skip(1).position(|node| !node.gone && node.id == id);
        found.map(|position| position + 1).ok_or(Error::UnknownNode)
    }

    /// The id, but for the root.
    fn id_of(&self, key: Key) -> Option<NodeId> {
        (key != ROOT).then(|| self.nodes[key].id)
    }

    /// Children that have not ended.
    fn live(&self, key: Key) -> u32 {
        let children = self.nodes[key].children.iter();
        children.filter(|child| !self.nodes[**child].state.is_done()).count() as u32
    }

    /// All children of this attempt.
    fn total(&self, key: Key) -> u32 {
        let node = &self.nodes[key];
        self.live(key) + node.succeeded + node.failed + node.aborted
    }

    fn is_inside(&self, mut key: Key, top: Key) -> bool {
        while key != top && key != ROOT {
            key = self.nodes[key].parent;
        }
        key == top
    }

    fn used_slots(&self) -> usize {
        self.nodes.iter().skip(1).filter(|node| !node.gone).count()
    }

    fn used_edges(&self) -> usize {
        let live = self.nodes.iter().filter(|node| !node.gone);
        live.map(|node| node.dependencies.len()).sum()
    }

    // ---- events and states ----

    fn emit(&self, key: Key, kind: EventKind) {
        let node = &self.nodes[key];
        self.world.write(Line::Event(Event {
            at: self.now,
            node: node.id,
            name: node.plan.name(),
            tag: None,
            kind,
        }));
    }

    /// Changes a state along one of the sixteen arrows.
    fn go(&mut self, key: Key, to: State) {
        let from = std::mem::replace(&mut self.nodes[key].state, to);
        let number = match (from, to) {
            (State::Pending, State::Running) => 1,
            (State::Pending, State::Aborting) => 2,
            (State::Running, State::Running) => 3,
            (State::Running, State::Waiting) => 4,
            (State::Running, State::Success) => 5,
            (State::Running, State::Failure) => 6,
            (State::Running, State::Retrying) => 7,
            (State::Running, State::Aborting) => 8,
            (State::Waiting, State::Running) => 9,
            (State::Waiting, State::Aborting) => 10,
            (State::Retrying, State::Waiting) => 11,
            (State::Success, State::Pending) => 12,
            (State::Failure, State::Pending) => 13,
            (State::Aborting, State::Aborting) => 14,
            (State::Aborting, State::Aborted) => 15,
            (State::Aborted, State::Pending) => 16,
            _ => panic!("the model would go from {from} to {to}"),
        };
        if from != to {
            self.emit(key, EventKind::Moved(Transition { number, from, to }));
        }
    }

    // ---- adding and freeing ----

    /// Whether a child could be added.
    fn accepts(&self, parent: Key) -> Result<(), Error> {
        let node = &self.nodes[parent];
        if self.closed || node.state == State::Aborting {
            return Err(Error::Aborting);
        }
        if node.state.is_done() || node.settling.is_some() || node.in_hook {
            return Err(Error::Ended);
        }
        let is_gate = matches!(node.kind, Kind::When | Kind::After | Kind::AfterSuccess);
        let refuses = match node.kind {
            Kind::Callback => true,
            Kind::Batch => self.running != Some(parent),
            _ => is_gate && self.total(parent) > 0,
        };
        if refuses { Err(Error::WrongKind) } else { Ok(()) }
    }

    fn insert(&mut self, parent: Key, newcomer: Newcomer<'_>) -> Result<Key, Error> {
        let plan = newcomer.plan;
        self.accepts(parent)?;
        if self.used_slots() == self.capacity {
            self.sweep(ROOT);
        }
        if plan.width == Some(0) {
            return Err(Error::ZeroConcurrency);
        }
        let kind = plan.kind();
        let useless = [
            (plan.width.is_some() && !plan.takes_width(), Setting::Concurrency),
            (plan.on_failure.is_some() && !plan.takes_on_failure(), Setting::OnFailure),
            (plan.detached && parent != ROOT, Setting::Detached),
            (plan.lends.is_some() && !plan.takes_width(), Setting::LendPlaces),
        ];
        if let Some((_, setting)) = useless.into_iter().find(|(useless, _)| *useless) {
            return Err(Error::NoUse { setting, kind });
        }
        // A sequence has always one place.
        let width = if kind == Kind::Sequence { 1 } else { plan.width.unwrap_or(u32::MAX) };
        let awaited = match plan.shape {
            Shape::After(_) | Shape::AfterSuccess(_) => Some(self.find(newcomer.awaited)?),
            _ => None,
        };
        if awaited.is_some_and(|awaited| self.is_inside(parent, awaited)) {
            return Err(Error::WouldCycle);
        }
        let Some(id) = self.take_slot() else {
            self.metrics.totals.refused += 1;
            self.wait_for_a_slot();
            if parent != ROOT {
                self.emit(parent, EventKind::Full);
            }
            return Err(Error::Full);
        };
        let key = self.nodes.len();
        let mut node = Node::new(id, parent, kind, plan, newcomer.me);
        node.width = width;
        node.awaited = awaited;
        self.nodes.push(node);
        self.nodes[parent].children.push(key);
        self.metrics.totals.added += 1;
        self.metrics.high_water = self.metrics.high_water.max(self.used_slots());
        self.emit(key, EventKind::Added(self.id_of(parent)));
        Ok(key)
    }

    /// Lets a new node run as soon as there is a place for it.
    fn offer_new(&mut self, key: Key) {
        self.offer(key);
        // A running work finds its new child itself.
        let parent = self.nodes[key].parent;
        if self.nodes[parent].kind == Kind::Work && self.running != Some(parent) {
            self.wake(parent);
        }
    }

    fn take_slot(&mut self) -> Option<NodeId> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.tenants.len() < self.capacity => {
                self.tenants.push(0);
                self.tenants.len() as u32 - 1
            }
            None => return None,
        };
        let tenants = &mut self.tenants[slot as usize];
        *tenants += 1;
        NodeId::from_bits(u64::from(*tenants) << 32 | u64::from(slot))
    }

    /// Frees a node and all below it, children first. All of them have ended.
    fn free(&mut self, key: Key) {
        for child in self.nodes[key].children.clone() {
            self.free(child);
        }
        self.emit(key, EventKind::Freed);
        let (parent, slot) = (self.nodes[key].parent, self.nodes[key].id.index());
        self.nodes[parent].children.retain(|child| *child != key);
        self.nodes[key].gone = true;
        if self.nodes[key].handle {
            self.woken.remove(&slot);
        }
        if self.running == Some(key) {
            self.running = None;
        }
        self.free.push(slot);
        self.hungry.retain(|hungry| *hungry != key);
        for hungry in std::mem::take(&mut self.hungry) {
            self.wake(hungry);
        }
    }

    /// A running work has found the table full.
    fn wait_for_a_slot(&mut self) {
        if let Some(running) = self.running {
            if self.nodes[running].kind == Kind::Work && !self.hungry.contains(&running) {
                self.hungry.push(running);
            }
        }
    }

    /// Frees the ended children that a node has seen.
    fn sweep(&mut self, parent: Key) {
        // What is woken by a free slot while it looks at its children is woken in its turn.
        let before = self.running;
        if parent != ROOT {
            self.running = Some(parent);
        }
        for child in std::mem::take(&mut self.nodes[parent].ended) {
            self.free(child);
        }
        self.running = before;
    }
}

impl Node {
    fn new(id: NodeId, parent: Key, kind: Kind, plan: &Plan, me: Me) -> Self {
        let on_failure = match kind {
            Kind::Graph => OnFailure::Finish,
            _ => OnFailure::Stop,
        };
        Self {
            id,
            gone: false,
            plan: plan.clone(),
            me,
            kind,
            width: u32::MAX,
            lends: plan.lends.unwrap_or(kind != Kind::Batch) && plan.width.is_some(),
            on_failure: plan.on_failure.unwrap_or(on_failure),
            retry: plan.retry.policy(),
            awaited: None,
            parent,
            children: vec![],
            order: vec![],
            position: 0,
            pass: 0,
            stopped_in: None,
            queue: vec![],
            ended: vec![],
            succeeded: 0,
            failed: 0,
            aborted: 0,
            earlier: 0,
            dependencies: vec![],
            dependents: vec![],
            state: State::Pending,
            turn: true,
            place: false,
            paused: plan.paused,
            detached: plan.detached,
            delayed: false,
            settling: None,
            in_hook: false,
            woken: false,
            abort_asked: false,
            timed_out: false,
            fresh: false,
            late: false,
            asleep: false,
            skipped: false,
            lives: 0,
            fatal: false,
            untimed: false,
            open: false,
            forced: false,
            handle: false,
            wake_at: Instant::MAX,
            limit_at: Instant::MAX,
            alarm: None,
            started_at: Instant::ZERO,
            retries_used: 0,
            failure: None,
            cause: AbortCause::User,
            aborted_by: None,
        }
    }

    fn is_gate(&self) -> bool {
        matches!(self.kind, Kind::When | Kind::After | Kind::AfterSuccess)
    }

    /// Whether its children come and go while it runs.
    fn is_dynamic(&self) -> bool {
        matches!(self.kind, Kind::Work | Kind::Batch)
    }

    /// Whether it is ending: nothing starts below it any more.
    fn is_ending(&self) -> bool {
        self.state == State::Aborting || self.settling.is_some()
    }
}

/// Why the parent of this node fails, if it does.
fn blame_for(node: &Node) -> Failure {
    match node.failure {
        Some(failure) if node.state == State::Failure => failure,
        _ => Failure { reason: Reason::CHILD_ABORTED, origin: node.id },
    }
}

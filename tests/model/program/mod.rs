//! Programs: what is done to a scheduler from outside, and what its works do and say from inside.
//!
//! The invariant: a program is a value, and everything in it is numbers and names, so two schedulers can be given the same one. A work
//! says what its plan's next turn says; nothing else decides.

use std::fmt;
use std::time::Duration;

use windlass::{AbortStep, Check, Jitter, Kind, NodeId, OnFailure, Outcome, Retry, Spec};

/// A node that was added once: the so-manieth, counted around. It may have gone since.
pub(crate) type Target = u8;

/// Which plan a new node follows, counted around.
pub(crate) type PlanNumber = u8;

/// One program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) capacity: usize,
    pub(crate) edges: usize,
    pub(crate) budget: u32,
    pub(crate) seed: u64,
    pub(crate) plans: Vec<Plan>,
    pub(crate) steps: Vec<Step>,
}

/// For the report of a difference: a line for each plan, turn and step.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capacity, edges, budget, seed, .. } = self;
        writeln!(f, "{capacity} nodes, {edges} edges, budget {budget}, seed {seed}")?;
        for (number, plan) in self.plans.iter().enumerate() {
            let Plan { shape, retry, width, lends, on_failure, timeout, drain, paused, detached, turns } =
                plan;
            write!(f, "plan {number}: {shape:?} {retry:?} width {width:?} lends {lends:?} {on_failure:?} ")?;
            writeln!(f, "timeout {timeout:?} drain {drain:?} paused {paused} detached {detached}")?;
            turns.iter().try_for_each(|turn| writeln!(f, "    {turn:?}"))?;
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step:?}"))
    }
}

impl Program {
    pub(crate) fn plan(&self, number: PlanNumber) -> usize {
        number as usize % self.plans.len()
    }
}

/// What a node is, and what its work does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    pub(crate) retry: Retries,
    pub(crate) width: Option<u32>,
    /// Whether a child that waits for a retry lends its place.
    pub(crate) lends: Option<bool>,
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) drain: Option<Duration>,
    pub(crate) paused: bool,
    pub(crate) detached: bool,
    /// One for each call of the work, whichever method is called; when they are used up, the work ends as soon as it can.
    pub(crate) turns: Vec<Turn>,
}

/// The kinds of nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Work,
    Callback,
    Sequence,
    Parallel,
    Quorum(u32),
    Race,
    Batch { item_nodes: u32 },
    When { poll_every: Duration },
    After(Target),
    AfterSuccess(Target),
    Graph,
}

/// A retry policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    pub(crate) budget: u16,
    pub(crate) delay: Duration,
    pub(crate) jitter: bool,
    pub(crate) within: Option<Duration>,
}

impl Retries {
    pub(crate) fn policy(self) -> Retry {
        let retry = Retry::times(self.budget).exponential(self.delay, 2, Duration::from_millis(5));
        let retry = if self.jitter { retry.jitter(Jitter::Full) } else { retry };
        match self.within {
            Some(within) => retry.within(within),
            None => retry,
        }
    }
}

impl Plan {
    /// The name that its nodes bear.
    pub(crate) const fn name(&self) -> &'static str {
        match self.shape {
            Shape::Work => "work",
            Shape::Callback => "callback",
            Shape::Sequence => "sequence",
            Shape::Parallel => "parallel",
            Shape::Quorum(_) => "quorum",
            Shape::Race => "race",
            Shape::Batch { .. } => "batch",
            Shape::When { .. } => "when",
            Shape::After(_) => "after",
            Shape::AfterSuccess(_) => "after success",
            Shape::Graph => "graph",
        }
    }

    /// The kind of its nodes.
    pub(crate) const fn kind(&self) -> Kind {
        match self.shape {
            Shape::Work => Kind::Work,
            Shape::Callback => Kind::Callback,
            Shape::Sequence => Kind::Sequence,
            Shape::Parallel => Kind::Parallel,
            Shape::Quorum(_) => Kind::Quorum,
            Shape::Race => Kind::Race,
            Shape::Batch { .. } => Kind::Batch,
            Shape::When { .. } => Kind::When,
            Shape::After(_) => Kind::After,
            Shape::AfterSuccess(_) => Kind::AfterSuccess,
            Shape::Graph => Kind::Graph,
        }
    }

    /// Whether several children can be active at once.
    pub(crate) const fn takes_width(&self) -> bool {
        matches!(
            self.shape,
            Shape::Work
                | Shape::Parallel
                | Shape::Quorum(_)
                | Shape::Race
                | Shape::Batch { .. }
                | Shape::Graph
        )
    }

    /// Whether what a failed child means is not settled by the shape.
    pub(crate) const fn takes_on_failure(&self) -> bool {
        !matches!(self.shape, Shape::Work | Shape::Callback | Shape::Quorum(_) | Shape::Race)
    }

    /// Without the settings that its nodes would be refused for, wherever they are added.
    pub(crate) fn useful(mut self) -> Self {
        self.width = self.width.filter(|width| *width == 0 || self.takes_width());
        self.lends = self.lends.filter(|_| self.takes_width());
        self.on_failure = self.on_failure.filter(|_| self.takes_on_failure());
        self
    }

    /// Whether its nodes have a work of their own.
    pub(crate) const fn has_work(&self) -> bool {
        matches!(self.shape, Shape::Work | Shape::Callback | Shape::Batch { .. } | Shape::When { .. })
    }

    /// What the real scheduler is given.
    pub(crate) fn spec<W>(&self, work: W, awaited: NodeId) -> Spec<W> {
        let name = self.name();
        let spec = match self.shape {
            Shape::Work => Spec::work(name, work),
            Shape::Callback => Spec::callback(name, work),
            Shape::Sequence => Spec::sequence(name),
            Shape::Parallel => Spec::parallel(name),
            Shape::Quorum(needed) => Spec::quorum(name, needed),
            Shape::Race => Spec::race(name),
            Shape::Batch { item_nodes } => Spec::batch(name, work).item_nodes(item_nodes),
            Shape::When { poll_every } => Spec::when(name, work).poll_every(poll_every),
            Shape::After(_) => Spec::after(name, awaited),
            Shape::AfterSuccess(_) => Spec::after_success(name, awaited),
            Shape::Graph => Spec::graph(name),
        };
        let spec = spec.retry(self.retry.policy());
        let spec = self.width.into_iter().fold(spec, Spec::concurrency);
        let spec = self.lends.into_iter().fold(spec, Spec::lend_places);
        let spec = self.on_failure.into_iter().fold(spec, Spec::on_failure);
        let spec = self.timeout.into_iter().fold(spec, Spec::timeout);
        let spec = self.drain.into_iter().fold(spec, Spec::cleanup_timeout);
        let spec = if self.paused { spec.paused() } else { spec };
        if self.detached { spec.detached() } else { spec }
    }
}

/// What a work does and says in one call. Only what fits the method that is called is said.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) deed: Option<Deed>,
    pub(crate) run: Say,
    pub(crate) abort: AbortStep,
    pub(crate) check: Check,
    pub(crate) item: Item,
}

/// What a work says to `on_run`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Say {
    /// Always this.
    This(Outcome),
    /// What its children are at.
    Children,
}

/// What a generator does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    None,
    Add(PlanNumber),
    /// It says that it added something, and did not.
    Lie,
}

impl Turn {
    /// For a work whose turns are used up.
    pub(crate) const LAST: Self = Self {
        deed: None,
        run: Say::This(Outcome::Success),
        abort: AbortStep::Done,
        check: Check::Yes,
        item: Item::None,
    };
}

/// What can be done from inside a work and from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    AddTop(PlanNumber),
    /// From outside: at the top.
    AddHere(PlanNumber),
    AddBelow(Target, PlanNumber),
    /// In this graph: which child, on which.
    Depend(Target, Target, Target),
    Wake(Target),
    Abort(Target),
    AbortBy(Target, Duration),
    Pause(Target),
    Resume(Target),
    Restart(Target),
    TakeHandle(Target),
    /// A wake through one of the handles that were taken, counted around. From inside, it is an interrupt that comes while a work runs.
    Raise(u8),
    /// From inside only: this very node.
    WakeSelf,
    AbortSelf,
    AbortSelfBy(Duration),
    PauseSelf,
    Panic,
}

/// What is done from outside.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Do(Deed),
    AddAfter(Target, PlanNumber, Vec<Target>),
    Remove(Target),
    Shutdown(Option<Duration>),
    Poll,
    /// Polls with one crank.
    Crank,
    /// Polls after this time.
    Pass(Duration),
    /// Polls at the next deadline.
    Jump,
    /// Polls with a clock that went back.
    Back(Duration),
    /// Polls at the end of time.
    Forever,
}

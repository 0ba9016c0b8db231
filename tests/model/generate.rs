//! How random programs are drawn, and how they shrink: fewer steps, fewer plans, simpler answers.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use windlass::{AbortStep, Check, Instant, OnFailure, Outcome, Reason};

use crate::program::{Deed, Item, Plan, PlanNumber, Program, Retries, Say, Shape, Step, Target, Turn};

/// What a program is mostly made of.
#[derive(Clone, Copy, Debug)]
enum Flavour {
    Works,
    Composites,
    Graphs,
}

/// Random programs. The first variant of each choice is the simplest.
pub(crate) fn programs() -> impl Strategy<Value = Program> {
    prop_oneof![
        3 => program(Flavour::Works),
        5 => program(Flavour::Composites),
        3 => program(Flavour::Graphs),
    ]
}

fn program(flavour: Flavour) -> impl Strategy<Value = Program> {
    let nodes = prop_oneof![1 => 1..6usize, 5 => 6..40usize];
    let edges = prop_oneof![1 => 0..4usize, 5 => 4..30usize];
    let numbers = (nodes, edges, prop_oneof![8 => 1..8u32, 2 => Just(256)], any::<u64>());
    (numbers, vec(plan(flavour), 1..8), vec(growth(flavour), 1..30), vec(step(), 0..120)).prop_map(
        move |((capacity, edges, budget, seed), mut plans, growth, steps)| {
            let mut steps: Vec<Step> = growth.into_iter().chain(steps).collect();
            if matches!(flavour, Flavour::Graphs) {
                plans[0].shape = Shape::Graph;
                steps.insert(0, Step::Do(Deed::AddTop(0)));
            }
            Program { capacity, edges, budget, seed, plans, steps }
        },
    )
}

/// Mostly trees and graphs, before anything else is done with them.
fn growth(flavour: Flavour) -> impl Strategy<Value = Step> {
    let graphs = if matches!(flavour, Flavour::Graphs) { 12 } else { 1 };
    prop_oneof![
        3 => plan_number().prop_map(|plan| Step::Do(Deed::AddTop(plan))),
        6 => (target(), plan_number()).prop_map(|(parent, plan)| Step::Do(Deed::AddBelow(parent, plan))),
        graphs => add_after(),
        graphs => depend().prop_map(Step::Do),
        1 => step(),
    ]
}

fn plan(flavour: Flavour) -> impl Strategy<Value = Plan> {
    // Queues, and places that are lent during a retry delay, need composites that are narrow.
    let (narrow, retried) = if matches!(flavour, Flavour::Graphs) { (0.5, 5) } else { (0.25, 3) };
    let limits = (
        weighted(narrow, prop_oneof![1 => Just(0u32), 12 => 1..3u32]),
        weighted(0.3, any::<bool>()),
        weighted(0.2, prop_oneof![Just(OnFailure::Stop), Just(OnFailure::Finish), Just(OnFailure::Ignore)]),
        weighted(0.15, time()),
        weighted(0.15, time()),
    );
    let flags =
        (proptest::bool::weighted(0.06), proptest::bool::weighted(0.04), proptest::bool::weighted(0.04));
    (shape(flavour), retries(retried), limits, flags, vec(turn(), 0..12)).prop_map(
        |(shape, retry, (width, lends, on_failure, timeout, drain), (paused, detached, useless), turns)| {
            let plan =
                Plan { shape, retry, width, lends, on_failure, timeout, drain, paused, detached, turns };
            if useless { plan } else { plan.useful() }
        },
    )
}

fn shape(flavour: Flavour) -> impl Strategy<Value = Shape> {
    let (works, composites, graphs) = match flavour {
        Flavour::Works => (20, 1, 1),
        Flavour::Composites => (8, 2, 3),
        Flavour::Graphs => (12, 1, 12),
    };
    prop_oneof![
        works => Just(Shape::Work),
        composites => Just(Shape::Sequence),
        composites => Just(Shape::Parallel),
        composites => (0..4u32).prop_map(Shape::Quorum),
        composites => Just(Shape::Race),
        composites => Just(Shape::Callback),
        composites => (0..3u32).prop_map(|item_nodes| Shape::Batch { item_nodes }),
        composites => time().prop_map(|poll_every| Shape::When { poll_every }),
        composites => target().prop_map(Shape::After),
        composites => target().prop_map(Shape::AfterSuccess),
        graphs => Just(Shape::Graph),
    ]
}

fn retries(retried: u32) -> impl Strategy<Value = Retries> {
    let budget = prop_oneof![5 => Just(0u16), retried => 1..3u16];
    (budget, time(), any::<bool>(), weighted(0.2, time()))
        .prop_map(|(budget, delay, jitter, within)| Retries { budget, delay, jitter, within })
}

fn turn() -> impl Strategy<Value = Turn> {
    (weighted(0.3, deed()), say(), abort(), check(), item())
        .prop_map(|(deed, run, abort, check, item)| Turn { deed, run, abort, check, item })
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        4 => Just(Say::This(Outcome::Running)),
        2 => Just(Say::This(Outcome::Success)),
        3 => Just(Say::Children),
        3 => Just(Say::This(Outcome::Waiting)),
        3 => time().prop_map(|time| Say::This(Outcome::WaitFor(time))),
        2 => time().prop_map(|time| Say::This(Outcome::Sleep(time))),
        1 => (0..20_000u64).prop_map(|at| Say::This(Outcome::SleepUntil(Instant::from_micros(at)))),
        1 => Just(Say::This(Outcome::Skipped)),
        3 => reason().prop_map(|reason| Say::This(Outcome::Failure(reason))),
        1 => reason().prop_map(|reason| Say::This(Outcome::Fatal(reason))),
        1 => (time(), reason()).prop_map(|(time, reason)| Say::This(Outcome::RetryAfter(time, reason))),
    ]
}

fn abort() -> impl Strategy<Value = AbortStep> {
    prop_oneof![
        3 => Just(AbortStep::Done),
        1 => Just(AbortStep::Running),
        1 => Just(AbortStep::Waiting),
        1 => time().prop_map(AbortStep::WaitFor),
    ]
}

fn check() -> impl Strategy<Value = Check> {
    prop_oneof![
        3 => Just(Check::Yes),
        3 => Just(Check::No),
        1 => reason().prop_map(Check::Fail),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        1 => Just(Item::None),
        4 => plan_number().prop_map(Item::Add),
        1 => Just(Item::Lie),
    ]
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        3 => (0..3u32).prop_map(|code| Reason::new("as told").with_code(code)),
        1 => Just(Reason::CHILD_FAILED),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => plan_number().prop_map(Deed::AddHere),
        2 => (target(), plan_number()).prop_map(|(parent, plan)| Deed::AddBelow(parent, plan)),
        1 => plan_number().prop_map(Deed::AddTop),
        3 => depend(),
        2 => target().prop_map(Deed::Wake),
        2 => target().prop_map(Deed::Abort),
        1 => (target(), time()).prop_map(|(node, time)| Deed::AbortBy(node, time)),
        1 => target().prop_map(Deed::Pause),
        1 => target().prop_map(Deed::Resume),
        2 => target().prop_map(Deed::Restart),
        4 => target().prop_map(Deed::TakeHandle),
        2 => (0..8u8).prop_map(Deed::Raise),
        1 => Just(Deed::WakeSelf),
        1 => Just(Deed::AbortSelf),
        1 => time().prop_map(Deed::AbortSelfBy),
        1 => Just(Deed::PauseSelf),
        1 => Just(Deed::Panic),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => Just(Step::Crank),
        6 => Just(Step::Poll),
        14 => deed().prop_map(Step::Do),
        4 => (target(), plan_number()).prop_map(|(parent, plan)| Step::Do(Deed::AddBelow(parent, plan))),
        2 => add_after(),
        2 => target().prop_map(Step::Remove),
        3 => (0..8u8).prop_map(|handle| Step::Do(Deed::Raise(handle))),
        6 => time().prop_map(Step::Pass),
        4 => Just(Step::Jump),
        1 => rare_step(),
    ]
}

fn rare_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => time().prop_map(Step::Back),
        3 => weighted(0.5, time()).prop_map(Step::Shutdown),
        1 => Just(Step::Forever),
    ]
}

fn add_after() -> impl Strategy<Value = Step> {
    (target(), plan_number(), vec(target(), 0..4))
        .prop_map(|(graph, plan, on)| Step::AddAfter(graph, plan, on))
}

fn depend() -> impl Strategy<Value = Deed> {
    (target(), target(), target()).prop_map(|(graph, node, on)| Deed::Depend(graph, node, on))
}

/// Mostly a few milliseconds, so that times meet; now and then nothing, for ever, or an odd one that is rounded up.
fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        10 => (0..6u64).prop_map(Duration::from_millis),
        1 => (0..3_000_000u64).prop_map(Duration::from_nanos),
        1 => Just(Duration::MAX),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    any::<Target>()
}

fn plan_number() -> impl Strategy<Value = PlanNumber> {
    0..8u8
}

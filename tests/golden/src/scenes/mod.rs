//! The scenarios, by what they are about.
//!
//! The invariant: each shows one thing, and its first line says which. To add one: write it, list it here, make an empty file of its name in
//! `traces`, bless, and read what was blessed.

use core::time::Duration;

use windlass::{AbortStep, Outcome, Reason};

use crate::Scenario;

mod aborts;
mod catchup;
mod composites;
mod gates;
mod graphs;
mod life;
mod release;
mod retries;

macro_rules! scenarios {
    ($($(#[$when:meta])* $room:ident::$name:ident, $nodes:literal, $about:literal;)*) => {
        /// All scenarios.
        pub const SCENARIOS: &[Scenario] = &[$($(#[$when])* Scenario {
            name: stringify!($name),
            about: $about,
            golden: include_str!(concat!("../../traces/", stringify!($name), ".txt")),
            perform: crate::stage::perform::<$nodes>,
            play: $room::$name,
        }),*];
    };
}

scenarios! {
    composites::sequence, 8, "A sequence: the second step starts when the first has ended.";
    composites::sequence_fails, 8, "A sequence whose second step fails: the third never runs.";
    composites::parallel, 8, "Side by side: all must succeed, and each gets a turn in each pass.";
    composites::parallel_stops, 8, "Side by side, and one fails: the others are aborted at once.";
    composites::parallel_finishes, 8, "Side by side, and one fails: the others may finish first, then the failure counts.";
    composites::parallel_ignores, 8, "Side by side, and one fails, which is ignored.";
    composites::any, 8, "Side by side: the first success is enough, and the others are aborted and cleaned up before.";
    composites::quorum, 8, "Side by side: two of three are enough.";
    composites::quorum_out_of_reach, 8, "Side by side: two of three would be enough, but two fail.";
    composites::race, 8, "A race: the first to end decides, here by failing.";
    composites::width, 8, "Side by side, but two at a time, in the order they were added.";
    composites::batch, 12, "A batch: a generator yields three items, two at a time, and ended ones give their slots back.";
    composites::batch_waits_for_room, 4, "A batch in a small table: the generator is asked only when there is room for an item.";
    gates::gate_when, 8, "A gate with a predicate: asked again after 100 ms and when woken; the third answer is yes.";
    gates::gate_after, 8, "A gate behind another node: opens when that has ended, though it failed.";
    gates::gate_after_success, 8, "Two gates behind the success of other nodes: one opens, one can never open.";
    gates::callback, 8, "Callbacks: yes is success, no is failure.";
    graphs::graph_diamond, 8, "A graph: the roof waits for both walls, and they wait for the ground.";
    graphs::graph_blocked, 8, "A graph: what depends on a failure is blocked, and so is what depends on that; the rest goes on.";
    graphs::graph_first_come, 8, "A graph of width 1: what is ready first starts first.";
    graphs::graph_bad_edges, 8, "A graph: edges that make no sense are refused.";
    retries::retry_outcomes, 8, "Failure is retried, RetryAfter after its own delay, Fatal never.";
    retries::retry_policies, 12, "Retry policies, each with its delays; the seed is fixed, and so is every jitter.";
    retries::retry_whole, 8, "A sequence is retried as a whole: its steps are made new.";
    retries::timeout, 8, "A time limit for each attempt: the first takes too long, the second does not.";
    aborts::abort_by_user, 8, "An abort from outside: it reaches all at once, children clean up before their parent, nothing starts.";
    aborts::abort_by_failure, 8, "A parent fails: its child is aborted and cleans up before the failure counts.";
    aborts::abort_by_success, 8, "A parent succeeds while a child is still at it: the child is aborted first.";
    aborts::abort_by_timeout, 8, "A parent runs out of time: what is below it is aborted.";
    aborts::abort_by_sibling, 8, "A work aborts another one.";
    aborts::abort_by_force, 8, "A drain deadline: who does not finish in time is ended by force, and named.";
    aborts::abort_by_shutdown, 8, "A shutdown: everything is aborted, nothing new is taken, and the rest is forced at the deadline.";
    life::turns, 12, "Siblings get equal turns, however many nodes are below each.";
    life::budget, 8, "A poll makes no more cranks than its budget, and says so.";
    life::children, 8, "A work adds children while it runs, and waits for them.";
    life::pause, 8, "A paused tree is not cranked; what came meanwhile is there at the resume.";
    life::restart, 8, "An ended job is started again, removed, and its id refused.";
    life::full, 3, "A full table refuses an addition and gives the work back.";
    life::detached, 4, "A detached node gives its slot back when it ends; the next tenant has another id.";
    life::hooks, 8, "The hooks of an attempt that fails, one that succeeds, one that fails for good, and one that is aborted.";
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    life::wakes, 8, "Wake handles: a batch of wakes is taken in the order of the table, and twice is once.";
    release::release, 24, "A release of a small program, with everything that can happen to it.";
    catchup::catchup, 24, "Catching up in small: three checkpoints, two at a time, applied in order; one download is flaky.";
    catchup::catchup_corrupt, 24, "Catching up: the second checkpoint is corrupt, so the job fails, and what is under way is aborted.";
    catchup::catchup_interrupted, 24, "Catching up, interrupted: downloads under way are given time to end, then nothing is left.";
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const DONE: Outcome = Outcome::Success;
const MORE: Outcome = Outcome::Running;
const WAITS: Outcome = Outcome::Waiting;
const ONE_SECOND: Outcome = Outcome::WaitFor(secs(1));
const TWO_SECONDS: Outcome = Outcome::WaitFor(secs(2));
const THREE_SECONDS: Outcome = Outcome::WaitFor(secs(3));
const ONE_MINUTE: Outcome = Outcome::WaitFor(secs(60));
const CLEAN_IN_A_SECOND: AbortStep = AbortStep::WaitFor(secs(1));
const CLEAN_IN_A_MINUTE: AbortStep = AbortStep::WaitFor(secs(60));
const BUSY: Reason = Reason::new("busy").with_code(503);
const BROKEN: Reason = Reason::new("broken");

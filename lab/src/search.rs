//! Searches: one scenario in many runs, each with all oracles, each repeated from its log.
//!
//! The invariant: a search is exhaustive within what it says, and says how much that was; a finding of any of its runs ends it. Runs are deterministic, so
//! a prefix is repeated rather than kept: *n* steps and *m* nodes cost *n · m* runs of *n* steps.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::Range;
use core::time::Duration;

use windlass::{Next, NodeId, Work};

use crate::chaos::{Chaos, Disturb};
use crate::fault::Fault;
use crate::finding::Finding;
use crate::hash::Trail;
use crate::log::{Input, Log};
use crate::oracle::{Oracle, Violation};
use crate::order::{Chooser, Order, Outside, Path};
use crate::run::{Lab, Wakes};
use crate::shrink::shrink;

/// Logs that are tried to make one short.
const SHRINK_RUNS: usize = 2_000;

/// How much a search has covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// Steps of the undisturbed run.
    pub steps: usize,
    /// Runs, each of which was repeated from its log as well.
    pub runs: usize,
    /// Runs in which something was disturbed: a node aborted, a step struck, another order taken.
    pub disturbed: usize,
    /// Whether the search came to its end; only [`every_order`] and [`every_interleaving`] may not.
    pub complete: bool,
}

/// Runs a scenario once, and once more from its log.
///
/// # Errors
/// The first [`Finding`].
pub fn run<W, A>(scenario: impl Fn(&mut Lab<W, A>)) -> Result<Coverage, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    let search = Search::new(scenario);
    let steps = search.finish(search.lab())?.steps();
    Ok(Coverage { steps, runs: 1, disturbed: 0, complete: true })
}

/// Runs the scenario again from a log, and then to its end.
///
/// # Errors
/// The finding that the log leads to.
pub fn replay<W, A>(log: &Log, scenario: impl Fn(&mut Lab<W, A>)) -> Result<Trail, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    let search = Search::new(scenario);
    let mut lab = search.lab();
    lab.replay(log)?;
    search.end(&mut lab)?;
    Ok(lab.trail().clone())
}

/// Runs a scenario to its end and counts its steps; then, for each step and each node that lives after it, runs again to there, aborts that node, and
/// runs on to the end.
///
/// The first runs are done with the scenario's own order; a step is a crank, a move of the clock, or something from outside.
///
/// # Errors
/// The first [`Finding`].
pub fn abort_everywhere<W, A>(scenario: impl Fn(&mut Lab<W, A>)) -> Result<Coverage, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    let alive = |lab: &Lab<W, A>| {
        let live = lab.view().nodes().filter(|node| !node.state().is_done());
        live.map(|node| node.id()).collect::<Vec<NodeId>>()
    };
    Search::new(scenario).everywhere(alive, |search, lab, node| {
        // It lives, so it can be aborted.
        let _ = lab.abort(*node);
        search.run_on(lab)?;
        if lab.state(*node).is_ok_and(|state| !state.is_done()) {
            let waits = Violation::new(Oracle::Ends, *node, "it was aborted, and waits for ever");
            return Err(Finding::new(lab, waits));
        }
        Ok(())
    })
}

/// [`strike_everywhere`] with every fault that works can clean up after: all but a panic. What comes late comes a second late.
///
/// # Errors
/// The first [`Finding`].
pub fn fail_everywhere<W, A>(scenario: impl Fn(&mut Lab<W, A>)) -> Result<Coverage, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    let late = Fault::Delay(Duration::from_secs(1));
    strike_everywhere(&[Fault::Fail, Fault::FailForGood, late, Fault::Wake], scenario)
}

/// Runs a scenario to its end; then, for each crank of it and each of these faults, runs again to there, lets the fault strike, and runs on to the end.
///
/// # Errors
/// The first [`Finding`].
pub fn strike_everywhere<W, A>(
    faults: &[Fault],
    scenario: impl Fn(&mut Lab<W, A>),
) -> Result<Coverage, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    let cranks = |lab: &Lab<W, A>| if lab.next() == Next::Now { faults.to_vec() } else { Vec::new() };
    Search::new(scenario).everywhere(cranks, |_, lab, fault| {
        lab.strike(*fault);
        Ok(())
    })
}

/// Runs a scenario in every order in which what happens outside, and the clock, can come while there is nothing to crank; at most `limit` of them.
///
/// What comes while there is something to crank is a matter of [`every_interleaving`].
///
/// # Errors
/// The first [`Finding`].
pub fn every_order<W, A>(limit: usize, scenario: impl Fn(&mut Lab<W, A>)) -> Result<Coverage, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    every_interleaving(limit, 0, scenario)
}

/// As [`every_order`], and so many times in a run something from outside may also come while there is something to crank, before any crank.
///
/// Each interruption multiplies the runs by about the number of steps; most of what an interruption can break, one or two do.
///
/// # Errors
/// The first [`Finding`].
pub fn every_interleaving<W, A>(
    limit: usize,
    interruptions: u32,
    scenario: impl Fn(&mut Lab<W, A>),
) -> Result<Coverage, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    let search = Search::new(scenario);
    let mut coverage = Coverage::default();
    let mut path = Some(Path::with(interruptions));
    while let Some(this) = path.take().filter(|_| coverage.runs < limit) {
        let mut lab = search.lab();
        lab.chooser = Chooser::Path(this);
        search.run_on(&mut lab)?;
        coverage.steps = if coverage.runs == 0 { lab.trail().steps() } else { coverage.steps };
        path = match &lab.chooser {
            Chooser::Path(path) => path.clone().next(),
            _ => None,
        };
        coverage.complete = path.is_none();
        search.finish(lab)?;
        coverage.disturbed += usize::from(coverage.runs > 0);
        coverage.runs += 1;
    }
    Ok(coverage)
}

/// Runs a scenario with each of these seeds: for the order, for the jitter, and for disturbances. The log of a run that fails is made short.
///
/// # Errors
/// The first [`Finding`].
pub fn every_seed<W, A>(
    seeds: Range<u64>,
    disturb: Disturb,
    scenario: impl Fn(&mut Lab<W, A>),
) -> Result<Coverage, Finding>
where
    W: Work<W, A>,
    A: Outside + Default,
{
    let search = Search::new(scenario);
    let mut coverage = Coverage { complete: true, ..Coverage::default() };
    for seed in seeds {
        let mut lab = search.lab();
        lab.set_order(Order::Seeded(seed));
        lab.chaos = Some(Chaos::new(seed, disturb));
        let ran = search.run_on(&mut lab).and_then(|()| search.end(&mut lab));
        let disturbed = lab.log().inputs().iter().any(|input| {
            !matches!(input, Input::Crank(_) | Input::Clock(_) | Input::Complete(_) | Input::Act(_))
        });
        match ran {
            Ok(()) => coverage.steps = search.finish(lab)?.steps(),
            Err(finding) => return Err(search.shorten(finding)),
        }
        coverage.runs += 1;
        coverage.disturbed += usize::from(disturbed);
    }
    Ok(coverage)
}

/// A scenario and what its runs share.
struct Search<W, A, F> {
    scenario: F,
    wakes: Wakes,
    types: PhantomData<fn(W, A)>,
}

impl<W, A, F> Search<W, A, F>
where
    W: Work<W, A>,
    A: Outside + Default,
    F: Fn(&mut Lab<W, A>),
{
    fn new(scenario: F) -> Self {
        Self { scenario, wakes: Wakes::default(), types: PhantomData }
    }

    fn lab(&self) -> Lab<W, A> {
        let mut lab = Lab::sharing(A::default(), self.wakes.clone());
        (self.scenario)(&mut lab);
        lab
    }

    /// The undisturbed run, and then, for each of the things that `look` saw before each of its steps, one that is disturbed there.
    fn everywhere<T>(
        &self,
        look: impl Fn(&Lab<W, A>) -> Vec<T>,
        disturb: impl Fn(&Self, &mut Lab<W, A>, &T) -> Result<(), Finding>,
    ) -> Result<Coverage, Finding> {
        let (base, seen) = self.base(look)?;
        let mut coverage = Coverage { steps: base.steps(), runs: 1, disturbed: 0, complete: true };
        for (step, things) in seen.iter().enumerate() {
            for thing in things {
                let mut lab = self.up_to(step, &base)?;
                disturb(self, &mut lab, thing)?;
                self.finish(lab)?;
                coverage.runs += 1;
                coverage.disturbed += 1;
            }
        }
        Ok(coverage)
    }

    /// The undisturbed run, and what `look` saw before each of its steps.
    fn base<T>(&self, look: impl Fn(&Lab<W, A>) -> T) -> Result<(Trail, Vec<T>), Finding> {
        let mut lab = self.lab();
        let mut seen = Vec::new();
        loop {
            let before = look(&lab);
            if !lab.step()? {
                break;
            }
            seen.push(before);
        }
        Ok((self.finish(lab)?, seen))
    }

    /// A new run up to a step of the undisturbed one.
    fn up_to(&self, step: usize, base: &Trail) -> Result<Lab<W, A>, Finding> {
        let mut lab = self.lab();
        // Ends the building even if there is no step to take.
        lab.replay(&Log::default())?;
        for _ in 0..step {
            lab.step()?;
        }
        if lab.trail().hash_after(step) == base.hash_after(step) {
            return Ok(lab);
        }
        Err(Finding::new(
            &lab,
            Violation::new(Oracle::OneHash, None, "the scenario ran otherwise the first time"),
        ))
    }

    fn run_on(&self, lab: &mut Lab<W, A>) -> Result<(), Finding> {
        while lab.step()? {}
        Ok(())
    }

    /// Runs to the end, where nothing may be left that waits for ever unless the scenario allows it.
    fn end(&self, lab: &mut Lab<W, A>) -> Result<(), Finding> {
        if lab.run()? == Next::Done || lab.may_stall {
            return Ok(());
        }
        let stalled = lab.view().stalled().next().map(|node| node.id());
        let waits = Violation::new(Oracle::Ends, stalled, "it waits, and nothing will ever wake it");
        Err(Finding::new(lab, waits))
    }

    /// Runs to the end, and once more from the log.
    fn finish(&self, mut lab: Lab<W, A>) -> Result<Trail, Finding> {
        self.end(&mut lab)?;
        let (trail, log) = (lab.trail().clone(), lab.log().clone());
        drop(lab);
        let mut again = self.lab();
        again.replay(&log)?;
        match trail.first_difference(again.trail()) {
            None => Ok(trail),
            Some(step) => Err(Finding::new(&again, differs(&trail, again.trail(), step))),
        }
    }

    /// The same finding with a shorter log.
    fn shorten(&self, finding: Finding) -> Finding {
        let Violation { oracle, detail, .. } = finding.violation();
        let fails = |log: &Log| {
            let mut lab = self.lab();
            let ran = lab.replay(log).and_then(|()| self.end(&mut lab));
            ran.err().filter(|other| (other.violation().oracle, other.violation().detail) == (oracle, detail))
        };
        let steps = finding.log().steps();
        let short = shrink(finding.log(), SHRINK_RUNS, |log| fails(log).is_some());
        fails(&short).map_or(finding, |short| short.shrunk_from(steps))
    }
}

/// Two runs of one log that differ first after `step`.
pub(crate) fn differs(one: &Trail, other: &Trail, step: usize) -> Violation {
    let (one, other) = (one.events_of(step), other.events_of(step));
    let pair = one.iter().zip(other).find(|(one, other)| one != other);
    let longer = one.get(other.len()).or(other.get(one.len()));
    let node = pair.map(|(_, other)| other.node).or(longer.map(|event| event.node));
    Violation::new(Oracle::OneHash, node, "the same inputs gave other events")
}

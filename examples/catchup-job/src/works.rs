//! What each work of the tree does when it is cranked.
//!
//! Invariant: a crank is short. What takes time is an errand outside; the walk along the chain does one checkpoint a crank, an apply one ledger.

use alloc::vec::Vec;
use core::fmt;

use windlass::{AbortStep, Check, Cx, Generated, NodeId, Outcome, Reason, Work};

use crate::inspect::Part;
use crate::layout::{Checkpoint, LedgerRange};
use crate::outside::{Outside, Task};
use crate::state::{Catchup, Refusal};
use crate::tree;

/// A work of the tree; `E` is the [`Outside`]'s errand.
#[derive(Debug)]
pub enum Step<E> {
    /// A task done outside, and the errand that does it.
    Errand(Task, Option<E>),
    /// A file, as often as it takes: below it, one attempt.
    Obtain(Part, Checkpoint, LedgerRange),
    /// Generates an item for each ledger file, newest first; so many are made.
    Headers(u32),
    /// Walks along the chain, newest first; so many checkpoints are walked.
    Chain(u32),
    /// Generates an item for each checkpoint, oldest first; so many are made, and this is the apply of the latest.
    Replay(u32, Option<NodeId>),
    /// Applies a checkpoint's ledgers; so many are applied.
    Apply(Checkpoint, usize),
    /// Asks whether the end of the replay is the beginning of the chain.
    Arrival,
}

impl<E> Step<E> {
    pub(crate) fn errand(task: Task) -> Step<E> {
        Step::Errand(task, None)
    }

    pub(crate) fn headers() -> Step<E> {
        Step::Headers(0)
    }

    pub(crate) fn chain() -> Step<E> {
        Step::Chain(0)
    }

    pub(crate) fn replay() -> Step<E> {
        Step::Replay(0, None)
    }
}

impl<O: Outside> Work<Self, Catchup<O>> for Step<O::Errand> {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, Catchup<O>>) -> Outcome {
        match self {
            Step::Errand(task, errand) => run_errand(*task, errand, cx),
            Step::Obtain(part, checkpoint, range) => obtain((*part, *checkpoint, *range), cx),
            Step::Chain(walked) => {
                let app = cx.app();
                let Some(checkpoint) = app.range.and_then(|range| nth_newest(range, *walked)) else {
                    app.counts.wanted = app.counts.verified;
                    return Outcome::Success;
                };
                *walked += 1;
                match app.walk(checkpoint) {
                    Ok(()) => Outcome::Running,
                    Err(refusal) => refusal.outcome(&mut app.journal_mut()),
                }
            }
            Step::Apply(checkpoint, applied) => {
                let app = cx.app();
                let ledgers = app.ready.get(checkpoint).map_or(&[][..], Vec::as_slice);
                let Some(closed) = ledgers.get(*applied) else {
                    app.ready.remove(checkpoint);
                    return Outcome::Success;
                };
                *applied += 1;
                match app.ledgers.apply(*checkpoint, closed) {
                    Ok(()) => Outcome::Running,
                    Err(error) => Refusal::fatal(error).outcome(&mut app.journal_mut()),
                }
            }
            // Asked through the hooks of their composites.
            Step::Headers(_) | Step::Replay(..) | Step::Arrival => Outcome::Success,
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Self, Catchup<O>>) -> AbortStep {
        let Step::Errand(_, Some(errand)) = self else { return AbortStep::Done };
        let outside = &mut cx.app().outside;
        outside.cancel(errand);
        if outside.look(errand).is_some() { AbortStep::Done } else { AbortStep::Waiting }
    }

    fn on_reset(&mut self, _: &mut Cx<'_, Self, Catchup<O>>) {
        if let Step::Errand(_, errand) = self {
            *errand = None;
        }
    }

    fn on_failure_retry(&mut self, cx: &mut Cx<'_, Self, Catchup<O>>) {
        cx.app().counts.retries += 1;
    }

    fn on_next(&mut self, cx: &mut Cx<'_, Self, Catchup<O>>) -> Generated {
        let Some(range) = cx.app().range else { return Generated::Exhausted };
        match self {
            Step::Headers(made) => {
                let Some(checkpoint) = nth_newest(range, *made) else { return Generated::Exhausted };
                *made += 1;
                // The batch has reserved the room; if it were not there, the batch would see that nothing was added, and fail.
                let _ = tree::add_file::<O>(cx, None, (Part::Headers, checkpoint, range));
            }
            Step::Replay(made, latest) => {
                let Some(checkpoint) = range.checkpoint(*made) else { return Generated::Exhausted };
                *made += 1;
                match tree::add_replay::<O>(cx, (checkpoint, range), *latest) {
                    Ok(apply) => *latest = Some(apply),
                    // As above; and what there is of the item must not pass for the whole.
                    Err(_) => drop(cx.abort(cx.id())),
                }
            }
            _ => return Generated::Exhausted,
        }
        Generated::Added
    }

    fn on_check(&mut self, cx: &mut Cx<'_, Self, Catchup<O>>) -> Check {
        let app = cx.app();
        match app.arrived() {
            Ok(()) => Check::Yes,
            Err(refusal) => match refusal.outcome(&mut app.journal_mut()) {
                Outcome::Fatal(reason) | Outcome::Failure(reason) => Check::Fail(reason),
                _ => Check::No,
            },
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Obtain(part, checkpoint, _)
            | Step::Errand(Task::Download(part, checkpoint, _) | Task::Check(part, checkpoint, _), _) => {
                write!(f, "{}", part.file(*checkpoint))
            }
            Step::Headers(made) | Step::Replay(made, _) => write!(f, "{made} checkpoints begun"),
            Step::Chain(walked) => write!(f, "{walked} checkpoints walked"),
            Step::Apply(_, applied) => write!(f, "{applied} ledgers applied"),
            Step::Errand(Task::State, _) | Step::Arrival => Ok(()),
        }
    }
}

fn run_errand<O: Outside>(
    task: Task,
    errand: &mut Option<O::Errand>,
    cx: &mut Cx<'_, Step<O::Errand>, Catchup<O>>,
) -> Outcome {
    let under_way = match errand {
        Some(errand) => errand,
        None => {
            let Ok(done) = cx.own_wake_handle() else {
                return Outcome::Fatal(Reason::new("no wake set, so an errand could not be waited for"));
            };
            errand.insert(cx.app().outside.begin(task, done))
        }
    };
    let app = cx.app();
    let Some(answer) = app.outside.look(under_way) else { return Outcome::Waiting };
    *errand = None;
    let accepted = match answer {
        Ok(answer) => app.accept(task, answer),
        Err(error) => Err(app.refuse(task, error)),
    };
    match accepted {
        Ok(()) => Outcome::Success,
        Err(refusal) => refusal.outcome(&mut app.journal_mut()),
    }
}

/// Tries a file once. A composite that fails is tried again whatever the reason; so that a broken chain is not, a work stands above it.
fn obtain<O: Outside>(
    file: (Part, Checkpoint, LedgerRange),
    cx: &mut Cx<'_, Step<O::Errand>, Catchup<O>>,
) -> Outcome {
    if cx.children().total() == 0 {
        return match tree::add_attempt::<O>(cx, file) {
            Ok(_) => Outcome::Waiting,
            // The batch has reserved the room.
            Err(_) => Outcome::Fatal(Reason::TABLE_FULL),
        };
    }
    match cx.children().outcome() {
        Outcome::Failure(child_failed) => {
            let failure = cx.failure();
            let journal = cx.app().journal_mut();
            if failure.is_none_or(|failure| journal.is_fatal(failure.reason)) {
                Outcome::Fatal(child_failed)
            } else {
                Outcome::Failure(child_failed)
            }
        }
        other => other,
    }
}

fn nth_newest(range: LedgerRange, index: u32) -> Option<Checkpoint> {
    range.checkpoint(range.checkpoint_count().checked_sub(index.checked_add(1)?)?)
}

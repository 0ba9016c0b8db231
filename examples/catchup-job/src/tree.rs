//! The shape of the tree, and how large it can get.
//!
//! Invariant: an item of a batch never has more nodes than its batch reserves for it, so a table of [`capacity`] nodes is never full, however many
//! checkpoints there are.

use core::time::Duration;

use windlass::{Cx, Error, NodeId, Observer, Refused, Scheduler, Spec, Store};

use crate::inspect::Part;
use crate::journal::Subject;
use crate::layout::{Checkpoint, LedgerRange};
use crate::outside::{Outside, Task};
use crate::state::{Ask, Catchup};
use crate::works::Step;

/// The longest that a download may take to end after it was cancelled; then the job goes on without it.
pub const DRAIN: Duration = Duration::from_secs(2);

/// Names of nodes that only give the tree its shape, for displays that leave them out.
pub const SHAPE: [&str; 3] = ["file", "files", "turn"];

/// The root and its five children.
const TRUNK: usize = 6;
/// A file, tried again: the node with the budget, the sequence, download, check.
const FILE: u32 = 4;
/// A checkpoint to replay: the sequence, its two files side by side, the gate and the apply.
const REPLAY: u32 = 2 + 2 * FILE + 2;

type Context<'a, O> = Cx<'a, Step<<O as Outside>::Errand>, Catchup<O>>;
type Added<O> = Result<NodeId, Refused<Step<<O as Outside>::Errand>>>;

/// The slots that the tree takes at most: 6 + 12 · concurrency.
pub fn capacity(concurrency: u16) -> usize {
    TRUNK + REPLAY as usize * usize::from(concurrency)
}

/// Adds the tree to a scheduler, and returns its root.
///
/// # Errors
/// [`Error::Full`] if the table has less than [`capacity`] free slots.
pub fn plant<E, S, Seen>(scheduler: &mut Scheduler<S, Seen>, ask: &Ask) -> Result<NodeId, Error>
where
    S: Store<Work = Step<E>>,
    Seen: Observer,
{
    let (root, children) = trunk(ask);
    let root = scheduler.add(root)?;
    for child in children {
        scheduler.add_below(root, child)?;
    }
    Ok(root)
}

/// The root and its children, for whoever plants them.
pub(crate) fn trunk<E>(ask: &Ask) -> (Spec<Step<E>>, [Spec<Step<E>>; TRUNK - 1]) {
    let width = u32::from(ask.concurrency);
    let batch = |name, generator, nodes| Spec::batch(name, generator).concurrency(width).item_nodes(nodes);
    let root = Spec::sequence("catch up").timeout(ask.deadline);
    let children = [
        Spec::work("archive state", Step::errand(Task::State)).retry(ask.retry).cleanup_timeout(DRAIN),
        batch("ledger headers", Step::headers(), FILE),
        Spec::work("ledger chain", Step::chain()),
        batch("replay", Step::replay(), REPLAY),
        Spec::callback("arrival", Step::Arrival),
    ];
    (root, children)
}

/// Adds a file below `parent`, or below the running generator: what tries it, and tries it again.
pub(crate) fn add_file<O: Outside>(
    cx: &mut Context<'_, O>,
    parent: Option<NodeId>,
    (part, checkpoint, range): (Part, Checkpoint, LedgerRange),
) -> Added<O> {
    let spec = Spec::work(part.name(), Step::Obtain(part, checkpoint, range)).retry(cx.app().ask.retry);
    let node = match parent {
        Some(parent) => cx.add_below(parent, spec)?,
        None => cx.add_child(spec)?,
    };
    cx.app().journal_mut().label(node, Subject::File(part.file(checkpoint)));
    Ok(node)
}

/// Adds what one attempt at a file does, below the running work.
pub(crate) fn add_attempt<O: Outside>(
    cx: &mut Context<'_, O>,
    (part, checkpoint, range): (Part, Checkpoint, LedgerRange),
) -> Added<O> {
    let file = cx.add_child(Spec::sequence("file"))?;
    let errands = [
        ("download", Task::Download(part, checkpoint, range)),
        ("check", Task::Check(part, checkpoint, range)),
    ];
    for (name, task) in errands {
        let step = cx.add_below(file, Spec::work(name, Step::errand(task)).cleanup_timeout(DRAIN))?;
        cx.app().journal_mut().label(step, Subject::File(part.file(checkpoint)));
    }
    Ok(file)
}

/// Adds a checkpoint to replay below the running generator; `before` is the apply that comes before its own. Returns its apply.
pub(crate) fn add_replay<O: Outside>(
    cx: &mut Context<'_, O>,
    (checkpoint, range): (Checkpoint, LedgerRange),
    before: Option<NodeId>,
) -> Added<O> {
    let subject = Subject::Checkpoint(checkpoint);
    let item = cx.add_child(Spec::sequence("checkpoint"))?;
    let files = cx.add_below(item, Spec::parallel("files"))?;
    add_file::<O>(cx, Some(files), (Part::Transactions, checkpoint, range))?;
    add_file::<O>(cx, Some(files), (Part::Results, checkpoint, range))?;
    // An apply that is gone from the table has succeeded: had it failed, the batch would have.
    let turn = match before.filter(|before| cx.view().node(*before).is_ok()) {
        Some(before) => Spec::after_success("turn", before),
        None => Spec::sequence("turn"),
    };
    let turn = cx.add_below(item, turn)?;
    let apply = cx.add_below(turn, Spec::work("apply", Step::Apply(checkpoint, 0)))?;
    for node in [item, files, turn, apply] {
        cx.app().journal_mut().label(node, subject);
    }
    Ok(apply)
}

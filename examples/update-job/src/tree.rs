//! The shape of the tree, and its limits.
//!
//! Invariant: an item of the batch has [`ITEM`] nodes, which the batch reserves, so a table with room for [`NODES`] is never full.

use core::time::Duration;

use windlass::{Cx, Error, Jitter, NodeId, Observer, Refused, Retry, Scheduler, Spec, Store};

use crate::board::Board;
use crate::update::{Update, WIDTH};
use crate::works::{Stage, Step};

/// Nodes that the tree takes at most.
pub const NODES: usize = TRUNK + ITEM as usize * WIDTH;

/// Update, button, install, offer, battery, unseal, pages, verify, seal, clean up, wipe.
const TRUNK: usize = 11;
/// Page, fetch, write.
const ITEM: u32 = 3;

/// A link that is down for a second is worth waiting for.
const LINK: Retry = Retry::times(7)
    .exponential(Duration::from_millis(20), 2, Duration::from_millis(500))
    .jitter(Jitter::Full)
    .floor(Duration::from_millis(5));
/// A page of flash that does not hold what it was given may do so the next time.
const FLASH: Retry = Retry::times(2).constant(Duration::from_millis(5));
/// Everything, once more.
const INSTALL: Retry = Retry::ONCE.constant(Duration::from_millis(100));
/// Between two looks at the battery.
const BATTERY: Duration = Duration::from_millis(50);

/// What an update is in a scheduler: two nodes at the top.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// Installs the new image; how it ends is how the update ends.
    pub update: NodeId,
    /// Comes after that, however it ends.
    pub clean_up: NodeId,
}

/// Adds an update to a scheduler, whose works are steps or something that a step can become a part of.
///
/// # Errors
/// [`Error::Full`] if the table has less than [`NODES`] free slots; nothing is added then.
pub fn plant<W, S, O>(scheduler: &mut Scheduler<S, O>) -> Result<Planted, Error>
where
    W: From<Step>,
    S: Store<Work = W>,
    O: Observer,
{
    if scheduler.capacity().saturating_sub(scheduler.nodes().count()) < NODES {
        return Err(Error::Full);
    }
    plant_with(|parent, spec| match parent {
        Some(parent) => scheduler.add_below(parent, spec),
        None => scheduler.add(spec),
    })
}

/// Adds the trunk with `add`, which takes the parent of a node and the node.
pub(crate) fn plant_with<W: From<Step>>(
    mut add: impl FnMut(Option<NodeId>, Spec<W>) -> Result<NodeId, Refused<W>>,
) -> Result<Planted, Error> {
    let update = add(None, Spec::race("update"))?;
    add(Some(update), Spec::work("button", Step::Button { listening: false }.into()))?;
    let install = add(Some(update), Spec::sequence("install").retry(INSTALL))?;
    add(Some(install), Spec::work("offer", Step::Offer(None).into()).retry(LINK))?;
    let gate = add(Some(install), Spec::when("battery", Step::Battery.into()).poll_every(BATTERY))?;
    add(Some(gate), Spec::work("unseal", Step::Unseal.into()))?;
    let pages =
        Spec::batch("pages", Step::Pages { begun: 0 }.into()).concurrency(WIDTH as u32).item_nodes(ITEM);
    add(Some(install), pages)?;
    add(Some(install), Spec::work("verify", Step::Verify { pages: 0, sum: 0 }.into()))?;
    add(Some(install), Spec::work("seal", Step::Seal(Stage::Erase).into()).retry(FLASH))?;
    let clean_up = add(None, Spec::after("clean up", update))?;
    add(Some(clean_up), Spec::work("wipe", Step::Wipe.into()))?;
    Ok(Planted { update, clean_up })
}

/// Adds a page below the running batch.
pub(crate) fn add_page<B: Board, W: From<Step>>(
    cx: &mut Cx<'_, W, Update<B>>,
    nth: u16,
) -> Result<(), Error> {
    let page = cx.add_child(Spec::sequence("page"))?;
    cx.add_below(page, Spec::work("fetch", Step::Fetch(nth, None).into()).retry(LINK))?;
    cx.add_below(page, Spec::work("write", Step::Write(nth, Stage::Erase).into()).retry(FLASH))?;
    Ok(())
}

//! The shape of the tree, and its limits.
//!
//! Invariant: an item of the batch has [`ITEM`] nodes, which the batch reserves, so a table with room for [`NODES`] is never full.

use core::time::Duration;

use windlass::{Cx, Error, Jitter, OnFailure, Retry, Spec};

use crate::board::Board;
use crate::update::{Update, WIDTH};
use crate::works::{Stage, Step};

/// Nodes that the tree takes at most.
pub const NODES: usize = TRUNK + ITEM as usize * WIDTH;

/// Update, button, attempt, install, offer, battery, unseal, pages, verify, seal, clean up.
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

/// The update, to be added to a scheduler; it adds what belongs below it when it starts.
pub const fn job() -> Spec<Step> {
    Spec::work("update", Step::Update { begun: false })
}

/// Adds all that stands below the running update: its button, and the installation.
pub(crate) fn plant<B: Board>(cx: &mut Cx<'_, Step, Update<B>>) -> Result<(), Error> {
    cx.add_child(Spec::work("button", Step::Button { listening: false }))?;
    let attempt = cx.add_child(Spec::sequence("attempt").on_failure(OnFailure::Finish))?;
    let install = cx.add(attempt, Spec::sequence("install").retry(INSTALL))?;
    cx.add(install, Spec::work("offer", Step::Offer(None)).retry(LINK))?;
    let gate = cx.add(install, Spec::when("battery", Step::Battery).poll_every(BATTERY))?;
    cx.add(gate, Spec::work("unseal", Step::Unseal))?;
    let pages = Spec::batch("pages", Step::Pages { begun: 0 }).width(WIDTH as u32).item_nodes(ITEM);
    cx.add(install, pages)?;
    cx.add(install, Spec::work("verify", Step::Verify { pages: 0, sum: 0 }))?;
    cx.add(install, Spec::work("seal", Step::Seal(Stage::Erase)).retry(FLASH))?;
    cx.add(attempt, Spec::work("clean up", Step::CleanUp))?;
    Ok(())
}

/// Adds a page below the running batch.
pub(crate) fn add_page<B: Board>(cx: &mut Cx<'_, Step, Update<B>>, nth: u16) -> Result<(), Error> {
    let page = cx.add_child(Spec::sequence("page"))?;
    cx.add(page, Spec::work("fetch", Step::Fetch(nth, None)).retry(LINK))?;
    cx.add(page, Spec::work("write", Step::Write(nth, Stage::Erase)).retry(FLASH))?;
    Ok(())
}

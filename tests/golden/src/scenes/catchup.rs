//! Catching up with an archive, in small: the tree of the example of that name, with works that only say what the real ones would.
//!
//! ```text
//! catch up             sequence
//! ├─ archive state    tried again
//! ├─ replay           batch, two checkpoints at a time
//! │  └─ checkpoint    sequence
//! │     ├─ download   tried again
//! │     ├─ check
//! │     └─ turn       gate: the checkpoint before has been applied
//! │        └─ apply
//! └─ arrival          callback
//! ```

use windlass::{AbortStep, Check, Error, Generated, Instant, NodeId, Outcome, Reason, Retry, Spec};

use super::{BUSY, CLEAN_IN_A_SECOND, DONE, MORE, ONE_MINUTE, ONE_SECOND, TWO_SECONDS, secs};
use crate::act::{Act, Context};
use crate::stage::Stage;

type Played = Result<(), Error>;

/// Nodes of a checkpoint.
const CHECKPOINT: u32 = 5;
const NAMES: [&str; 3] = ["ledgers 1-7", "ledgers 8-15", "ledgers 16-23"];
const RETRY: Retry = Retry::times(3).constant(secs(4));
const WRONG: Reason = Reason::new("wrong hash");

/// What the archive is like.
#[derive(Clone, Copy)]
struct Archive {
    downloads: [&'static [Outcome]; 3],
    checks: [&'static [Outcome]; 3],
}

/// All is well, but that the first download fails the first time, and so comes after the others.
const FLAKY: Archive = Archive {
    downloads: [
        &[ONE_SECOND, Outcome::Failure(BUSY), ONE_SECOND, DONE],
        &[TWO_SECONDS, DONE],
        &[ONE_SECOND, DONE],
    ],
    checks: [&[DONE]; 3],
};

/// The second file is not what the ledger says, however often it is downloaded.
const CORRUPT: Archive = Archive {
    downloads: [&[ONE_SECOND, DONE], &[TWO_SECONDS, DONE], &[ONE_MINUTE, DONE]],
    checks: [&[DONE], &[MORE, Outcome::Fatal(WRONG)], &[DONE]],
};

fn plant(
    stage: &mut Stage<'_>,
    replay: fn(&mut Act, &mut Context<'_, '_>) -> Generated,
) -> Result<NodeId, Error> {
    let job = stage.add(Spec::sequence("catch up"))?;
    stage.child(job, Act::says(&[ONE_SECOND, DONE]).spec("archive state").retry(RETRY))?;
    let replay = Spec::batch("replay", Act::yields(replay)).concurrency(2).item_nodes(CHECKPOINT);
    stage.child(job, replay)?;
    stage.child(job, Spec::callback("arrival", Act::asked(&[Check::Yes])))?;
    Ok(job)
}

/// Adds the next checkpoint. The batch has reserved the room for it.
fn next(archive: &Archive, generator: &mut Act, cx: &mut Context<'_, '_>) -> Generated {
    let nth = generator.step;
    let (Some(name), Some(download), Some(check)) =
        (NAMES.get(nth), archive.downloads.get(nth), archive.checks.get(nth))
    else {
        return Generated::Exhausted;
    };
    generator.last = add(cx, name, download, check, generator.last).ok();
    Generated::Added
}

fn add(
    cx: &mut Context<'_, '_>,
    name: &'static str,
    download: &'static [Outcome],
    check: &'static [Outcome],
    before: Option<NodeId>,
) -> Result<NodeId, Error> {
    let checkpoint = cx.add_child(Spec::sequence(name))?;
    let download = Act::says(download).aborts(&[CLEAN_IN_A_SECOND, AbortStep::Done]);
    cx.add_below(checkpoint, download.spec("download").retry(RETRY).cleanup_timeout(secs(2)))?;
    cx.add_below(checkpoint, Act::says(check).spec("check"))?;
    // An apply that is gone from the table has succeeded: had it failed, the batch would have.
    let turn = match before.filter(|before| cx.view().node(*before).is_ok()) {
        Some(before) => Spec::after_success("turn", before),
        None => Spec::sequence("turn"),
    };
    let turn = cx.add_below(checkpoint, turn)?;
    Ok(cx.add_below(turn, Act::says(&[MORE, DONE]).spec("apply"))?)
}

pub(super) fn catchup(stage: &mut Stage<'_>) -> Played {
    plant(stage, |generator, cx| next(&FLAKY, generator, cx))?;
    stage.run();
    Ok(())
}

pub(super) fn catchup_corrupt(stage: &mut Stage<'_>) -> Played {
    plant(stage, |generator, cx| next(&CORRUPT, generator, cx))?;
    stage.run();
    Ok(())
}

pub(super) fn catchup_interrupted(stage: &mut Stage<'_>) -> Played {
    plant(stage, |generator, cx| next(&FLAKY, generator, cx))?;
    stage.run_until(Instant::from_millis(2_500));
    stage.show();
    stage.outside("shutdown, by 30.000000", |stage| stage.s.shutdown(Instant::from_secs(30)));
    stage.run();
    Ok(())
}

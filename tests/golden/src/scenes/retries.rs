//! Retries and time limits.

use core::time::Duration;

use windlass::{Error, Jitter, OnFailure, Outcome, Retry, Spec};

use super::{BROKEN, BUSY, DONE, ONE_SECOND, TWO_SECONDS, secs};
use crate::act::Act;
use crate::stage::Stage;

type Played = Result<(), Error>;

pub(super) fn retry_outcomes(stage: &mut Stage<'_>) -> Played {
    const COME_BACK: Outcome = Outcome::RetryAfter(secs(5), BUSY);
    let retry = Retry::times(2).constant(secs(1));
    stage.add(Act::says(&[Outcome::Failure(BUSY), DONE]).spec("succeeds at last").retry(retry))?;
    stage.add(Act::says(&[COME_BACK, DONE]).spec("is told when").retry(retry))?;
    stage.add(Act::says(&[Outcome::Failure(BUSY)]).spec("never succeeds").retry(retry))?;
    stage.add(Act::says(&[Outcome::Fatal(BROKEN)]).spec("is beyond hope").retry(retry))?;
    stage.run();
    Ok(())
}

pub(super) fn retry_policies(stage: &mut Stage<'_>) -> Played {
    const MILLIS: Duration = Duration::from_millis(100);
    let three = Retry::times(3);
    stage.s.set_seed(42);
    let all = stage.add(Spec::parallel("policies").on_failure(OnFailure::Ignore))?;
    for (name, retry) in [
        ("never", Retry::NEVER),
        ("default", three),
        ("constant", three.constant(secs(2))),
        ("exponential", three.exponential(MILLIS, 3, secs(60))),
        ("full jitter", three.exponential(MILLIS, 2, secs(60)).jitter(Jitter::Full)),
        ("equal jitter", three.constant(secs(1)).jitter(Jitter::Equal)),
        ("a tenth more or less", three.constant(secs(1)).jitter(Jitter::PlusMinus(10))),
        ("capped, with a floor", three.exponential(MILLIS, 9, secs(1)).floor(MILLIS * 2)),
        ("within 5 s", Retry::A_LOT.constant(secs(2)).within(secs(5))),
    ] {
        stage.child(all, Act::says(&[Outcome::Failure(BUSY)]).spec(name).retry(retry))?;
    }
    stage.run();
    Ok(())
}

pub(super) fn retry_whole(stage: &mut Stage<'_>) -> Played {
    let retry = Retry::ONCE.constant(secs(3));
    let update = stage.add(Spec::sequence("update").retry(retry))?;
    stage.child(update, Act::says(&[DONE]).spec("fetch"))?;
    stage.child(update, Act::says(&[Outcome::Failure(BROKEN), DONE]).spec("flash"))?;
    stage.run();
    Ok(())
}

pub(super) fn timeout(stage: &mut Stage<'_>) -> Played {
    let script = &[TWO_SECONDS, ONE_SECOND, DONE];
    let retry = Retry::ONCE.constant(secs(5));
    stage.add(Act::says(script).spec("answer").timeout(Duration::from_millis(1_500)).retry(retry))?;
    stage.run();
    Ok(())
}

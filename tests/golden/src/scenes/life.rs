//! Turns, children, pauses, restarts, slots, hooks and wakes.

use core::num::NonZeroU32;

use windlass::{AbortStep, Error, Instant, Outcome, Retry, Spec};

use super::{BROKEN, DONE, MORE, ONE_SECOND, THREE_SECONDS, WAITS, secs};
use crate::act::{Act, Context};
use crate::stage::Stage;

type Played = Result<(), Error>;

pub(super) fn turns(stage: &mut Stage<'_>) -> Played {
    stage.add(Act::says(&[MORE, MORE, DONE]).spec("alone"))?;
    let crowd = stage.add(Spec::parallel("crowd"))?;
    for name in ["one", "two", "three"] {
        stage.child(crowd, Act::says(&[MORE, DONE]).spec(name))?;
    }
    stage.run();
    Ok(())
}

pub(super) fn budget(stage: &mut Stage<'_>) -> Played {
    stage.s.set_budget(NonZeroU32::MIN.saturating_add(1));
    stage.add(Act::says(&[MORE, MORE, DONE]).spec("three steps"))?;
    stage.run();
    Ok(())
}

fn explore(act: &mut Act, cx: &mut Context<'_, '_>) -> Outcome {
    let children: &[&str] = match act.step {
        0 => &["left", "right"],
        1 => &["deeper"],
        _ => return cx.children().outcome(),
    };
    for name in children {
        if cx.add_child(Act::says(&[MORE, DONE]).spec(name)).is_err() {
            return Outcome::Fatal(BROKEN);
        }
    }
    if act.step == 0 { MORE } else { WAITS }
}

pub(super) fn children(stage: &mut Stage<'_>) -> Played {
    stage.add(Act::does(explore).spec("explore"))?;
    stage.run();
    Ok(())
}

pub(super) fn pause(stage: &mut Stage<'_>) -> Played {
    let job = stage.add(Spec::parallel("job"))?;
    stage.child(job, Act::says(&[ONE_SECOND, DONE]).spec("asleep"))?;
    let waiting = stage.child(job, Act::says(&[WAITS, DONE]).spec("waiting"))?;
    stage.add(Act::says(&[THREE_SECONDS, DONE]).spec("beside"))?;
    let _ = stage.poll();
    stage.outside("job is paused", |stage| stage.s.pause(job))?;
    stage.run_until(Instant::from_secs(2));
    stage.outside("waiting is woken", |stage| stage.s.wake(waiting))?;
    stage.run_until(Instant::from_secs(4));
    stage.outside("job is resumed", |stage| stage.s.resume(job))?;
    stage.run();
    let late = stage.s.pause(job);
    stage.refused("a pause after the end", late);
    Ok(())
}

pub(super) fn restart(stage: &mut Stage<'_>) -> Played {
    let job = stage.add(Spec::sequence("job"))?;
    let first = stage.child(job, Act::says(&[DONE]).spec("first"))?;
    stage.child(job, Act::says(&[Outcome::Failure(BROKEN), DONE]).spec("second"))?;
    let early = stage.s.restart(job);
    stage.refused("a restart before the end", early);
    stage.run();
    let member = stage.s.restart(first);
    stage.refused("a restart of a member", member);
    stage.outside("job is restarted", |stage| stage.s.restart(job))?;
    stage.run();
    stage.outside("job is restarted, and aborted", |stage| {
        stage.s.restart(job)?;
        stage.s.abort(job)
    })?;
    stage.run();
    stage.outside("job is restarted", |stage| stage.s.restart(job))?;
    stage.run();
    stage.outside("job is removed", |stage| stage.s.remove(job)).map(drop)?;
    let stale = stage.s.restart(job);
    stage.refused("its id", stale);
    stage.run();
    Ok(())
}

/// Adds a child, finds no room for a second one, and waits until there is.
fn grow(act: &mut Act, cx: &mut Context<'_, '_>) -> Outcome {
    if act.step == 4 {
        return cx.children().outcome();
    }
    match cx.add_child(Act::says(&[ONE_SECOND, DONE]).spec("child")) {
        Ok(_) if act.step == 0 => MORE,
        // Its child has ended, but the slot is free only when this turn is over.
        Err(_) if act.step == 2 => MORE,
        _ => WAITS,
    }
}

pub(super) fn full(stage: &mut Stage<'_>) -> Played {
    let job = stage.add(Act::does(grow).spec("job"))?;
    stage.add(Act::says(&[DONE]).spec("beside"))?;
    let _ = stage.poll();
    stage.outside("another child is added", |_| ());
    if let Err(refused) = stage.s.add_below(job, Act::says(&[DONE]).spec("another")) {
        stage.pen.line(format_args!("{} {refused}", stage.now()));
        if refused.into_work().is_some() {
            stage.pen.line(format_args!("{} the work came back", stage.now()));
        }
    }
    stage.run();
    Ok(())
}

pub(super) fn detached(stage: &mut Stage<'_>) -> Played {
    let first = stage.add(Act::says(&[DONE]).spec("first").detached())?;
    stage.run();
    stage.add(Act::says(&[ONE_SECOND, DONE]).spec("second"))?;
    let stale = stage.s.abort(first);
    stage.refused("an abort of the first", stale);
    stage.run();
    Ok(())
}

pub(super) fn hooks(stage: &mut Stage<'_>) -> Played {
    let retry = Retry::ONCE.constant(secs(1));
    stage.add(Act::says(&[Outcome::Failure(BROKEN), DONE]).tells().spec("succeeds").retry(retry))?;
    stage.add(Act::says(&[Outcome::Fatal(BROKEN)]).tells().spec("fails").retry(retry))?;
    let aborted = stage
        .add(Act::says(&[WAITS]).aborts(&[AbortStep::Running, AbortStep::Done]).tells().spec("is aborted"))?;
    let _ = stage.poll();
    stage.outside("the third is aborted", |stage| stage.s.abort(aborted))?;
    stage.run();
    Ok(())
}

#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub(super) fn wakes(stage: &mut Stage<'_>) -> Played {
    windlass::wake_set!(static WAKES: 32);

    stage.s.set_wakes(&WAKES);
    let [a, b, c] = ["a", "b", "c"].map(|name| stage.add(Act::says(&[WAITS, WAITS, DONE]).spec(name)));
    let (a, b, c) = (a?, b?, c?);
    let _ = stage.poll();
    let (wake_a, wake_b, wake_c) =
        (stage.s.wake_handle(a)?, stage.s.wake_handle(b)?, stage.s.wake_handle(c)?);
    stage.outside("c, a and c again are woken", |_| [wake_c, wake_a, wake_c].map(|handle| handle.wake()));
    stage.run();
    stage.outside("b, c and a are woken", |_| [wake_b, wake_c, wake_a].map(|handle| handle.wake()));
    stage.run();
    stage.outside("a, which has ended, and b are woken", |_| [wake_a, wake_b].map(|handle| handle.wake()));
    stage.run();
    Ok(())
}

//! Aborts, by who asks for them.

use windlass::{AbortStep, Error, Instant, Outcome, Spec};

use super::{
    BROKEN, CLEAN_IN_A_MINUTE, CLEAN_IN_A_SECOND, DONE, MORE, ONE_MINUTE, ONE_SECOND, TWO_SECONDS, WAITS,
    secs,
};
use crate::act::{Act, Context};
use crate::stage::Stage;

type Played = Result<(), Error>;

/// A work that needs this to clean up.
const fn tidy(script: &'static [Outcome], aborts: &'static [AbortStep]) -> Act {
    Act::says(script).aborts(aborts)
}

pub(super) fn abort_by_user(stage: &mut Stage<'_>) -> Played {
    let job = stage.add(tidy(&[WAITS], &[AbortStep::Running, AbortStep::Done]).spec("job"))?;
    stage.child(job, tidy(&[ONE_MINUTE], &[CLEAN_IN_A_SECOND, AbortStep::Done]).spec("asleep"))?;
    stage.child(job, tidy(&[WAITS], &[AbortStep::Waiting, AbortStep::Done]).spec("waiting"))?;
    let steps = stage.child(job, Spec::sequence("steps"))?;
    stage.child(steps, tidy(&[TWO_SECONDS], &[AbortStep::Done]).spec("under way"))?;
    stage.child(steps, Act::says(&[DONE]).spec("never started"))?;
    stage.run_until(Instant::from_secs(1));
    stage.outside("job is aborted", |stage| stage.s.abort(job))?;
    let late = stage.s.add_below(job, Act::says(&[DONE]).spec("late"));
    stage.refused("a late child", late);
    stage.run_until(Instant::from_secs(3));
    stage.outside("all below job are woken", |stage| {
        let [mut first, mut second] = [None; 2];
        for child in stage.s.node(job)?.children().filter(|child| !child.state().is_done()) {
            (first, second) = (second, Some(child.id()));
        }
        [first, second].into_iter().flatten().try_for_each(|child| stage.s.wake(child))
    })?;
    stage.run();
    stage.outside("job is aborted again, which changes nothing", |stage| stage.s.abort(job))?;
    stage.run();
    Ok(())
}

/// Adds a child, and then says this.
fn parent(act: &mut Act, cx: &mut Context<'_, '_>, then: Outcome) -> Outcome {
    if act.step > 0 {
        return then;
    }
    let child = tidy(&[ONE_MINUTE], &[CLEAN_IN_A_SECOND, AbortStep::Done]).spec("child");
    // Refused, it would be missing in the trace.
    drop(cx.add_child(child));
    ONE_SECOND
}

pub(super) fn abort_by_failure(stage: &mut Stage<'_>) -> Played {
    stage.add(Act::does(|act, cx| parent(act, cx, Outcome::Failure(BROKEN))).spec("parent"))?;
    stage.run();
    Ok(())
}

pub(super) fn abort_by_success(stage: &mut Stage<'_>) -> Played {
    stage.add(Act::does(|act, cx| parent(act, cx, DONE)).spec("parent"))?;
    stage.run();
    Ok(())
}

pub(super) fn abort_by_timeout(stage: &mut Stage<'_>) -> Played {
    let job = stage.add(Spec::parallel("job").timeout(secs(3)))?;
    stage.child(job, tidy(&[WAITS], &[AbortStep::Running, AbortStep::Done]).spec("waiting"))?;
    stage.child(job, Act::says(&[ONE_SECOND, DONE]).spec("in time"))?;
    stage.run();
    Ok(())
}

pub(super) fn abort_by_sibling(stage: &mut Stage<'_>) -> Played {
    let job = stage.add(Spec::parallel("job").on_failure(windlass::OnFailure::Ignore))?;
    stage.child(job, Act::says(&[WAITS]).spec("victim"))?;
    stage.child(
        job,
        Act::does(|_, cx| {
            let victim = cx.view().nodes().find(|node| node.name() == "victim").map(|node| node.id());
            match victim.map(|victim| cx.abort(victim)) {
                Some(Ok(())) => DONE,
                _ => Outcome::Fatal(BROKEN),
            }
        })
        .spec("culprit"),
    )?;
    stage.run();
    Ok(())
}

pub(super) fn abort_by_force(stage: &mut Stage<'_>) -> Played {
    let job = stage.add(Spec::parallel("job"))?;
    stage.child(job, tidy(&[WAITS], &[AbortStep::Running, AbortStep::Done]).spec("tidy"))?;
    stage.child(job, tidy(&[WAITS], &[AbortStep::Waiting]).spec("stubborn").cleanup_timeout(secs(5)))?;
    stage.child(job, tidy(&[WAITS], &[CLEAN_IN_A_MINUTE]).spec("slow"))?;
    let _ = stage.poll();
    stage.outside("job is aborted, by 20.000000", |stage| stage.s.abort_by(job, Instant::from_secs(20)))?;
    stage.run_until(Instant::from_secs(6));
    stage.outside("earlier: by 10.000000", |stage| stage.s.abort_by(job, Instant::from_secs(10)))?;
    stage.run();
    Ok(())
}

pub(super) fn abort_by_shutdown(stage: &mut Stage<'_>) -> Played {
    stage.add(tidy(&[MORE], &[CLEAN_IN_A_SECOND, AbortStep::Done]).spec("busy"))?;
    stage.add(tidy(&[WAITS], &[AbortStep::Waiting]).spec("stubborn"))?;
    stage.s.set_budget(core::num::NonZeroU32::MIN.saturating_add(1));
    let _ = stage.poll();
    stage.add(Act::says(&[DONE]).spec("not started"))?;
    stage.outside("shutdown, by 5.000000", |stage| stage.s.shutdown(Instant::from_secs(5)));
    let late = stage.s.add(Act::says(&[DONE]).spec("late"));
    stage.refused("a late job", late);
    stage.run();
    Ok(())
}

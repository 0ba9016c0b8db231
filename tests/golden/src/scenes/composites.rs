//! Sequences, what runs side by side, and batches.

use windlass::{AbortStep, Error, Generated, OnFailure, Outcome, Spec};

use super::{BROKEN, CLEAN_IN_A_SECOND, DONE, MORE, ONE_SECOND, TWO_SECONDS, WAITS};
use crate::act::{Act, Context};
use crate::stage::Stage;

type Played = Result<(), Error>;

pub(super) fn sequence(stage: &mut Stage<'_>) -> Played {
    let tea = stage.add(Spec::sequence("tea"))?;
    stage.child(tea, Act::says(&[MORE, DONE]).spec("boil"))?;
    stage.child(tea, Act::says(&[TWO_SECONDS, DONE]).spec("steep"))?;
    stage.child(tea, Act::says(&[DONE]).spec("pour"))?;
    stage.run();
    Ok(())
}

pub(super) fn sequence_fails(stage: &mut Stage<'_>) -> Played {
    let tea = stage.add(Spec::sequence("tea"))?;
    stage.child(tea, Act::says(&[DONE]).spec("boil"))?;
    stage.child(tea, Act::says(&[Outcome::Failure(BROKEN)]).spec("steep"))?;
    stage.child(tea, Act::says(&[DONE]).spec("pour"))?;
    stage.run();
    Ok(())
}

pub(super) fn parallel(stage: &mut Stage<'_>) -> Played {
    let meal = stage.add(Spec::parallel("meal"))?;
    stage.child(meal, Act::says(&[MORE, MORE, DONE]).spec("rice"))?;
    stage.child(meal, Act::says(&[MORE, DONE]).spec("beans"))?;
    stage.child(meal, Act::says(&[TWO_SECONDS, DONE]).spec("bread"))?;
    stage.run();
    Ok(())
}

fn one_fails(stage: &mut Stage<'_>, policy: OnFailure) -> Played {
    let meal = stage.add(Spec::parallel("meal").on_failure(policy))?;
    stage.child(meal, Act::says(&[MORE, DONE]).spec("rice"))?;
    stage.child(meal, Act::says(&[Outcome::Failure(BROKEN)]).spec("beans"))?;
    stage.child(meal, Act::says(&[DONE]).spec("bread"))?;
    stage.run();
    Ok(())
}

pub(super) fn parallel_stops(stage: &mut Stage<'_>) -> Played {
    one_fails(stage, OnFailure::Stop)
}

pub(super) fn parallel_finishes(stage: &mut Stage<'_>) -> Played {
    one_fails(stage, OnFailure::Finish)
}

pub(super) fn parallel_ignores(stage: &mut Stage<'_>) -> Played {
    one_fails(stage, OnFailure::Ignore)
}

pub(super) fn any(stage: &mut Stage<'_>) -> Played {
    let mirror = stage.add(Spec::any("mirror"))?;
    stage.child(mirror, Act::says(&[Outcome::Failure(BROKEN)]).spec("north"))?;
    stage.child(mirror, Act::says(&[ONE_SECOND, DONE]).spec("south"))?;
    stage.child(mirror, Act::says(&[WAITS]).aborts(&[CLEAN_IN_A_SECOND, AbortStep::Done]).spec("west"))?;
    stage.run();
    Ok(())
}

pub(super) fn quorum(stage: &mut Stage<'_>) -> Played {
    let vote = stage.add(Spec::quorum("vote", 2))?;
    stage.child(vote, Act::says(&[DONE]).spec("first"))?;
    stage.child(vote, Act::says(&[WAITS]).spec("second"))?;
    stage.child(vote, Act::says(&[MORE, DONE]).spec("third"))?;
    stage.run();
    Ok(())
}

pub(super) fn quorum_out_of_reach(stage: &mut Stage<'_>) -> Played {
    let vote = stage.add(Spec::quorum("vote", 2))?;
    stage.child(vote, Act::says(&[Outcome::Failure(BROKEN)]).spec("first"))?;
    stage.child(vote, Act::says(&[WAITS]).spec("second"))?;
    stage.child(vote, Act::says(&[Outcome::Failure(BROKEN)]).spec("third"))?;
    stage.run();
    Ok(())
}

pub(super) fn race(stage: &mut Stage<'_>) -> Played {
    let race = stage.add(Spec::race("race"))?;
    stage.child(race, Act::says(&[TWO_SECONDS, DONE]).spec("tortoise"))?;
    stage.child(race, Act::says(&[ONE_SECOND, Outcome::Failure(BROKEN)]).spec("hare"))?;
    stage.run();
    Ok(())
}

pub(super) fn width(stage: &mut Stage<'_>) -> Played {
    let ovens = stage.add(Spec::parallel("ovens").concurrency(2))?;
    stage.child(ovens, Act::says(&[TWO_SECONDS, DONE]).spec("bread"))?;
    stage.child(ovens, Act::says(&[ONE_SECOND, DONE]).spec("cake"))?;
    stage.child(ovens, Act::says(&[DONE]).spec("tart"))?;
    stage.child(ovens, Act::says(&[DONE]).spec("pie"))?;
    stage.run();
    Ok(())
}

/// Three items of one node each.
fn letters(generator: &mut Act, cx: &mut Context<'_, '_>) -> Generated {
    let script: &[Outcome] = if generator.step == 0 { &[ONE_SECOND, DONE] } else { &[DONE] };
    let Some(name) = ["a", "b", "c"].get(generator.step) else { return Generated::Exhausted };
    match cx.add_child(Act::says(script).spec(name)) {
        Ok(_) => Generated::Added,
        Err(_) => Generated::Exhausted,
    }
}

pub(super) fn batch(stage: &mut Stage<'_>) -> Played {
    stage.add(Spec::batch("letters", Act::yields(letters)).concurrency(2))?;
    stage.run();
    Ok(())
}

/// Two items of two nodes each.
fn pairs(generator: &mut Act, cx: &mut Context<'_, '_>) -> Generated {
    let Some(name) = ["first pair", "second pair"].get(generator.step) else { return Generated::Exhausted };
    let Ok(item) = cx.add_child(Spec::parallel(name)) else { return Generated::Exhausted };
    match cx.add_below(item, Act::says(&[DONE]).spec("half")) {
        Ok(_) => Generated::Added,
        Err(_) => Generated::Exhausted,
    }
}

pub(super) fn batch_waits_for_room(stage: &mut Stage<'_>) -> Played {
    stage.add(Spec::batch("pairs", Act::yields(pairs)).concurrency(2).item_nodes(2))?;
    stage.add(Act::says(&[TWO_SECONDS, DONE]).spec("beside"))?;
    stage.run();
    Ok(())
}

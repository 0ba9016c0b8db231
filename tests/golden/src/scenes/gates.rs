//! Gates and callbacks.

use core::time::Duration;

use windlass::{Check, Error, Instant, Outcome, Spec};

use super::{BROKEN, DONE, ONE_SECOND};
use crate::act::Act;
use crate::stage::Stage;

type Played = Result<(), Error>;

pub(super) fn gate_when(stage: &mut Stage<'_>) -> Played {
    let asked = Act::asked(&[Check::No, Check::No, Check::Yes]);
    let gate = stage.add(Spec::when("daylight", asked).poll_every(Duration::from_millis(100)))?;
    stage.child(gate, Act::says(&[DONE]).spec("walk"))?;
    stage.run_until(Instant::from_millis(50));
    stage.outside("daylight is woken", |stage| stage.s.wake(gate))?;
    stage.run();
    Ok(())
}

pub(super) fn gate_after(stage: &mut Stage<'_>) -> Played {
    let guests = stage.add(Act::says(&[ONE_SECOND, Outcome::Failure(BROKEN)]).spec("guests"))?;
    let gate = stage.add(Spec::after("when they have gone", guests))?;
    stage.child(gate, Act::says(&[DONE]).spec("sweep"))?;
    stage.run();
    Ok(())
}

pub(super) fn gate_after_success(stage: &mut Stage<'_>) -> Played {
    let baked = stage.add(Act::says(&[DONE]).spec("bake"))?;
    let bought = stage.add(Act::says(&[Outcome::Failure(BROKEN)]).spec("buy"))?;
    for (name, awaited) in [("if baked", baked), ("if bought", bought)] {
        let gate = stage.add(Spec::after_success(name, awaited))?;
        stage.child(gate, Act::says(&[DONE]).spec("eat"))?;
    }
    stage.run();
    Ok(())
}

pub(super) fn callback(stage: &mut Stage<'_>) -> Played {
    for (name, answer) in [
        ("agrees", &[Check::Yes]),
        ("declines", &[Check::No]),
        ("cannot say", const { &[Check::Fail(BROKEN)] }),
    ] {
        stage.add(Spec::callback(name, Act::asked(answer)))?;
    }
    stage.run();
    Ok(())
}

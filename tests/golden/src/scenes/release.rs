//! The release of a small program: every composite in one tree, seen as it goes, and shut down at last.

use windlass::{AbortStep, Check, Error, Instant, Outcome, Reason, Retry, Spec};

use super::{DONE, MORE, ONE_SECOND, TWO_SECONDS, WAITS, secs};
use crate::act::Act;
use crate::stage::Stage;

const BUSY: Outcome = Outcome::RetryAfter(secs(3), super::BUSY);
const NO_ROUTE: Outcome = Outcome::Fatal(Reason::new("no route"));

pub(super) fn release(stage: &mut Stage<'_>) -> Result<(), Error> {
    let release = stage.add(Spec::sequence("release").retry(Retry::ONCE))?;
    let build = stage.child(release, Spec::graph("build").concurrency(2))?;
    let fetch = Act::says(&[TWO_SECONDS, BUSY, DONE]).spec("fetch").retry(Retry::A_FEW);
    let fetch = stage.child(build, fetch)?;
    let compile = stage.s.add_after(build, Act::says(&[MORE, MORE, DONE]).spec("compile"), &[fetch])?;
    stage.s.add_after(build, Act::says(&[DONE]).spec("document"), &[fetch])?;
    let test = Act::does(|_, cx| cx.children().outcome()).spec("test").timeout(secs(10));
    let test = stage.s.add_after(build, test, &[compile])?;
    for name in ["unit", "system"] {
        stage.child(test, Act::says(&[MORE, DONE]).spec(name))?;
    }
    let mirror = stage.child(release, Spec::any("mirror"))?;
    stage.child(mirror, Act::says(&[ONE_SECOND, NO_ROUTE]).spec("north"))?;
    stage.child(mirror, Act::says(&[TWO_SECONDS, DONE]).spec("south"))?;
    stage.child(
        mirror,
        Act::says(&[WAITS]).aborts(&[super::CLEAN_IN_A_SECOND, AbortStep::Done]).spec("west"),
    )?;

    let announce = stage.add(Spec::after_success("announce", release))?;
    let mail = Act::says(&[WAITS]).aborts(&[AbortStep::Running, AbortStep::Done]).spec("mail");
    stage.child(announce, mail.retry(Retry::ONCE).timeout(secs(20)))?;

    let watch = Act::asked(&[Check::No, Check::No, Check::Yes]);
    let watch = stage.add(Spec::when("watch", watch).poll_every(secs(4)))?;
    stage.child(
        watch,
        Act::says(&[WAITS]).aborts(&[AbortStep::Waiting]).spec("alarm").cleanup_timeout(secs(5)),
    )?;

    stage.show();
    for time in [1, 6, 8] {
        stage.run_until(Instant::from_secs(time));
        stage.show();
    }
    stage.run_until(Instant::from_secs(15));
    stage.outside("announce is paused, and goes on", |stage| {
        stage.s.pause(announce)?;
        stage.s.resume(announce)
    })?;
    stage.run_until(Instant::from_secs(30));
    stage.show();
    stage.run_until(Instant::from_secs(40));
    stage.outside("shutdown, by 50.000000", |stage| stage.s.shutdown(Instant::from_secs(50)));
    let _ = stage.poll();
    stage.show();
    stage.run();
    stage.outside("watch is removed", |stage| stage.s.remove(watch)).map(drop)
}

//! Graphs: children with dependencies.

use windlass::{Error, Outcome, Spec};

use super::{BROKEN, DONE, MORE, ONE_SECOND};
use crate::act::Act;
use crate::stage::Stage;

type Played = Result<(), Error>;

pub(super) fn graph_diamond(stage: &mut Stage<'_>) -> Played {
    let house = stage.add(Spec::graph("house"))?;
    // The roof is added first, and waits all the same.
    let roof = stage.child(house, Act::says(&[DONE]).spec("roof"))?;
    let ground = stage.child(house, Act::says(&[MORE, DONE]).spec("ground"))?;
    for (name, script) in [("left wall", &[ONE_SECOND, DONE]), ("right wall", &[MORE, DONE])] {
        let wall = stage.s.add_after(house, Act::says(script).spec(name), &[ground])?;
        stage.s.depend(roof, wall)?;
    }
    stage.run();
    Ok(())
}

pub(super) fn graph_blocked(stage: &mut Stage<'_>) -> Played {
    let release = stage.add(Spec::graph("release"))?;
    let build = stage.child(release, Act::says(&[Outcome::Failure(BROKEN)]).spec("build"))?;
    let test = stage.s.add_after(release, Act::says(&[DONE]).spec("test"), &[build])?;
    stage.s.add_after(release, Act::says(&[DONE]).spec("publish"), &[test])?;
    let write = stage.child(release, Act::says(&[MORE, DONE]).spec("write"))?;
    stage.s.add_after(release, Act::says(&[DONE]).spec("print"), &[write])?;
    stage.run();
    Ok(())
}

pub(super) fn graph_first_come(stage: &mut Stage<'_>) -> Played {
    let kiln = stage.add(Spec::graph("kiln").concurrency(1))?;
    let last = stage.child(kiln, Act::says(&[DONE]).spec("glaze"))?;
    let first = stage.child(kiln, Act::says(&[DONE]).spec("dry"))?;
    stage.child(kiln, Act::says(&[DONE]).spec("tile"))?;
    stage.s.depend(last, first)?;
    stage.run();
    Ok(())
}

pub(super) fn graph_bad_edges(stage: &mut Stage<'_>) -> Played {
    let graph = stage.add(Spec::graph("graph"))?;
    let [a, b, c] = ["a", "b", "c"].map(|name| stage.child(graph, Act::says(&[DONE]).spec(name)));
    let (a, b, c) = (a?, b?, c?);
    let stranger = stage.add(Act::says(&[DONE]).spec("stranger"))?;
    stage.s.depend(b, a)?;
    stage.s.depend(c, b)?;
    for (what, node, dependency) in
        [("b on a again", b, a), ("a on c", a, c), ("a on itself", a, a), ("a on a stranger", a, stranger)]
    {
        let result = stage.s.depend(node, dependency);
        stage.refused(what, result);
    }
    stage.run();
    let result = stage.s.depend(c, a);
    stage.refused("c on a, after the end", result);
    Ok(())
}

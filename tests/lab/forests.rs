//! Wild works in the laboratory: in every seed's order and with every disturbance, all oracles hold.

use std::time::Duration;

use windlass::{Instant, Kind, NodeId};
use windlass_lab::{self as lab, Disturb, Lab};

use crate::wild::{Wild, World, seeds};

/// Calls after which works only end, so that every run does.
const CALLS: u32 = 300;

/// A forest drawn by `seed`; more is added while it runs, and at last everything is shut down.
fn forest(seed: u64) -> impl Fn(&mut Lab<Wild, World>) {
    move |lab| {
        lab.set_capacity(8 + seed as usize % 40);
        lab.allow_stall();
        *lab.app_mut() = World::new(seed, CALLS);
        for _ in 0..20 {
            plant(lab);
        }
        for label in ["first", "second", "third"] {
            lab.offer(label, plant);
        }
        lab.offer("shut down", |lab| {
            let hurried = lab.app_mut().draw(2) == 0;
            lab.shutdown(if hurried { lab.now() + Duration::from_millis(20) } else { Instant::MAX });
        });
    }
}

fn plant(lab: &mut Lab<Wild, World>) {
    let spec = lab.app_mut().spec();
    let below = lab.app_mut().any();
    let at_top = lab.app_mut().draw(3) == 0;
    let added = match below {
        Some(parent) if !at_top => lab.add_below(parent, spec),
        _ => lab.add(spec),
    };
    if let Ok(id) = added {
        lab.app_mut().ids.push(id);
    }
    // Whatever is in a graph may depend on each other.
    for _ in 0..2 {
        let members =
            lab.view().nodes().filter(|node| node.parent().is_some_and(|up| up.kind() == Kind::Graph));
        let members: Vec<NodeId> = members.map(|node| node.id()).collect();
        let mut any = || members.get(lab.app_mut().draw(members.len().max(1) as u64) as usize).copied();
        if let (Some(node), Some(dependency)) = (any(), any()) {
            let _ = lab.depend(node, dependency);
        }
    }
}

#[test]
fn whatever_works_do_every_oracle_holds() {
    let mut steps = 0;
    for seed in 0..seeds(150) {
        steps += lab::run(forest(seed)).unwrap().steps;
    }
    assert!(steps > 20 * seeds(150) as usize, "the forests are not worth the name: {steps} steps");
}

#[test]
fn whatever_is_disturbed_every_oracle_holds() {
    let mut disturbed = 0;
    for seed in 0..seeds(150) {
        disturbed += lab::every_seed(seed..seed + 3, Disturb::EVERYTHING, forest(seed)).unwrap().disturbed;
    }
    assert!(disturbed as u64 > 2 * seeds(150), "{disturbed} runs were disturbed");
}

//! The job in the laboratory: an abort at every step, a fault at every crank, the power cut after every step, the button at any moment.
//!
//! Invariant of every run here, however it is disturbed: what starts next is the old image or the new one, whole; and what was begun and did not
//! succeed is wiped.
#![allow(clippy::unwrap_used)]

use windlass::{Error, Inline, Instant, Next, NodeId, Reason, Scheduler, State};
use windlass_lab::{self as lab, Disturb, Fault, Input};

use self::bench::{Bed, Bench, NEW, OLD};
use crate::sim::{Battery, Link};
use crate::tree::plant_with;
use crate::{Bank, NODES, Planted, Step, Update, boot};

mod bench;

/// Plants the job, and says what must hold whatever happens.
fn plant(lab: &mut Bench) -> NodeId {
    let Planted { update, clean_up } = plant_with(|parent, spec| match parent {
        Some(parent) => lab.add_below(parent, spec),
        None => lab.add(spec),
    })
    .unwrap();
    lab.always("the old image would start, or the whole new one", |lab| {
        let version = lab.app().board.would_start(lab.now());
        version == Some(OLD.version()) || version == Some(NEW.version())
    });
    lab.always("the flash is asked for nothing while it is busy", |lab| {
        lab.app().board.flash.collisions == 0
    });
    lab.always("nothing is erased without enough charge", |lab| lab.app().board.starved == 0);
    lab.always("the table is never full", |lab| lab.metrics().refused == 0);
    lab.at_end("nothing is asked for any more", |lab| lab.app().board.link.is_idle());
    lab.at_end("the new image starts if it was installed", move |lab| {
        lab.state(update) != Ok(State::Success) || starts(lab) == NEW.version()
    });
    lab.at_end("what was begun and did not succeed is wiped", move |lab| {
        let spare = lab.app().spare();
        let is_settled =
            is_blank(lab, spare) || lab.app().board.sealed(spare).is_ok_and(|seal| seal.is_some());
        is_settled || lab.state(clean_up) != Ok(State::Success)
    });
    update
}

fn starts(lab: &Bench) -> u32 {
    boot(&lab.app().board).unwrap().1.version
}

fn is_blank(lab: &Bench, bank: Bank) -> bool {
    bank.pages().chain([bank.seal()]).all(|page| lab.app().is_blank(page))
}

fn failure(lab: &Bench, node: NodeId) -> Option<Reason> {
    lab.view().node(node).unwrap().failure().map(|failure| failure.reason)
}

/// Frames are lost and damaged, and some pages of the flash do not hold what they are given at first.
fn flaky(lab: &mut Bench) {
    plant(lab);
    lab.app_mut().board.link = Link::new(NEW, 5).flaky(20);
    lab.app_mut().board.flash.wear(20);
}

/// There is not enough charge at first.
fn discharged(lab: &mut Bench) {
    plant(lab);
    lab.app_mut().board.battery = Battery { charged_at: Instant::from_millis(300) };
}

/// The checksum is wrong, however often the image is fetched.
fn forged(lab: &mut Bench) {
    plant(lab);
    lab.app_mut().board.link = Link::new(NEW.forged(), 1);
}

/// Whatever fails once is tried again, but for the button's work; a failure that is final ends the update, and the old image stays.
fn hardy(lab: &mut Bench) {
    let update = plant(lab);
    lab.at_end("one failure is not the end, unless it is final", move |lab| {
        let is_button = || {
            let mut children = lab.view().node(update).unwrap().children();
            children.any(|node| node.name() == "button" && node.state() == State::Failure)
        };
        let is_final = || lab.log().inputs().contains(&Input::Strike(Fault::FailForGood));
        match lab.state(update) {
            Ok(State::Success) => true,
            Ok(State::Failure) => is_button() || (is_final() && starts(lab) == OLD.version()),
            _ => false,
        }
    });
}

#[test]
fn undisturbed_it_installs_the_new_image() {
    let mut lab = Bench::new(Update::default());
    let update = plant(&mut lab);
    assert_eq!(lab.run().unwrap(), Next::Done);
    assert_eq!(lab.state(update), Ok(State::Success));
    assert_eq!((starts(&lab), lab.metrics().retries), (NEW.version(), 0));
    assert_eq!(lab.app().running().unwrap().0, Bank::A, "until the next start");
    assert_eq!(boot(&lab.app().board).unwrap().0, Bank::B);
}

#[test]
fn a_bad_link_and_worn_flash_cost_retries_only() {
    let mut lab = Bench::new(Update::default());
    flaky(&mut lab);
    assert_eq!(lab.run().unwrap(), Next::Done);
    assert_eq!(starts(&lab), NEW.version());
    assert!(lab.metrics().retries > 3, "{}", lab.metrics().retries);
}

#[test]
fn it_waits_for_the_battery_before_it_erases_anything() {
    let mut lab = Bench::new(Update::default());
    discharged(&mut lab);
    while lab.now() < Instant::from_millis(300) {
        assert_eq!(lab.app().offer().map_or(2, |offer| offer.version), NEW.version());
        assert!(!lab.app().is_open());
        assert!(lab.step().unwrap());
    }
    assert_eq!(lab.run().unwrap(), Next::Done);
    assert_eq!(starts(&lab), NEW.version());
}

#[test]
fn a_wrong_checksum_is_tried_once_more_and_then_rolled_back() {
    let mut lab = Bench::new(Update::default());
    forged(&mut lab);
    assert_eq!(lab.run().unwrap(), Next::Done);
    let update = lab.view().nodes().next().unwrap();
    assert_eq!(update.explain(Instant::ZERO).to_string(), "failed: wrong checksum at verify");
    let install = update.children().find(|node| node.name() == "install").unwrap();
    assert_eq!(install.attempt(), 2);
    assert_eq!(starts(&lab), OLD.version());
    assert_eq!(lab.app().wiped(), 9);
}

#[test]
fn the_button_aborts_it_and_what_it_began_is_wiped() {
    let mut lab = Bench::new(Update::default());
    let update = plant(&mut lab);
    while !lab.app().board.flash.read(Bank::B.page(1).unwrap()).starts_with(&NEW.page(1)[..4]) {
        assert!(lab.step().unwrap());
    }
    lab.app_mut().board.press();
    assert_eq!(lab.run().unwrap(), Next::Done);
    assert_eq!(lab.state(update), Ok(State::Aborted));
    assert_eq!(starts(&lab), OLD.version());
    assert!(is_blank(&lab, Bank::B));
    assert!(
        lab.tree().to_string().starts_with("├─ ⊘ update (race): aborted: asked for by button\n"),
        "{}",
        lab.tree()
    );
}

#[test]
fn what_is_not_newer_or_no_offer_is_refused_at_once() {
    let mut lab = Bench::new(Update::default());
    let update = plant(&mut lab);
    lab.app_mut().board.link = Link::new(OLD, 1);
    assert_eq!(lab.run().unwrap(), Next::Done);
    assert_eq!(failure(&lab, update).unwrap().to_string(), "the offer is no newer version (1)");

    let mut update = Update::new(Bed::default());
    assert_eq!(update.accept(&[0; crate::CHUNK]).unwrap_err().to_string(), "this is no offer");
    assert_eq!(update.accept(&NEW.seal().encode()), Ok(()));
}

#[test]
fn a_board_without_an_image_gets_one() {
    let mut bed = Bed::default();
    bed.flash.erase(Bank::A.seal(), Instant::ZERO);
    let update = Update::new(bed);
    assert_eq!((update.running(), update.spare()), (None, Bank::A));
    let mut lab = Bench::new(update);
    let Planted { update, .. } = plant_with(|parent, spec| match parent {
        Some(parent) => lab.add_below(parent, spec),
        None => lab.add(spec),
    })
    .unwrap();
    assert_eq!(lab.run().unwrap(), Next::Done);
    assert_eq!((lab.state(update), starts(&lab)), (Ok(State::Success), NEW.version()));
}

#[test]
fn the_table_needs_the_nodes_it_says_and_less_is_refused() {
    let mut lab = Bench::new(Update::default());
    lab.set_capacity(NODES);
    plant(&mut lab);
    assert_eq!(lab.run().unwrap(), Next::Done);
    assert_eq!((starts(&lab), lab.metrics().refused), (NEW.version(), 0));

    let mut engine: Scheduler<Inline<Step, { NODES - 1 }>> = Scheduler::new();
    assert_eq!(crate::plant(&mut engine).unwrap_err(), Error::Full);
    assert_eq!(engine.nodes().count(), 0, "nothing was added");
}

/// After every step of an update that has its troubles, the power is cut; what starts then is whole, and can be updated.
#[test]
fn the_power_may_be_cut_after_every_step() {
    let (mut steps, mut old, mut new) = (0, 0, 0);
    loop {
        let mut lab = Bench::new(Update::default());
        flaky(&mut lab);
        let alive = (0..steps).all(|_| lab.step().unwrap());
        let mut flash = lab.app().board.flash.clone();
        flash.cut(lab.now());
        let again = Update::new(Bed { flash, ..Bed::default() });
        match again.running().unwrap().1.version {
            1 => old += 1,
            _ => new += 1,
        }
        if !alive {
            break;
        }
        if again.running().unwrap().1 == OLD.seal() {
            let mut lab = Bench::new(again);
            plant(&mut lab);
            assert_eq!(lab.run().unwrap(), Next::Done, "after {steps} steps");
            assert_eq!(starts(&lab), NEW.version(), "after {steps} steps");
        }
        steps += 1;
    }
    assert!(old > 50 && new > 2, "{old} times the old image, {new} times the new one");
}

#[test]
fn an_abort_at_every_step_leaves_the_old_image_or_the_new_one() {
    let coverage = lab::abort_everywhere(flaky).unwrap();
    assert!(coverage.disturbed > 4 * coverage.steps, "{coverage:?}");
}

#[test]
fn a_fault_at_every_crank_leaves_the_old_image_or_the_new_one() {
    for scenario in [hardy, forged] {
        let coverage = lab::fail_everywhere(scenario).unwrap();
        assert!(coverage.disturbed > 150, "{coverage:?}");
    }
}

#[test]
fn the_button_may_be_pressed_after_every_step() {
    let (mut steps, mut aborted) = (0, 0);
    loop {
        let mut lab = Bench::new(Update::default());
        let update = plant(&mut lab);
        let alive = (0..steps).all(|_| lab.step().unwrap());
        lab.app_mut().board.press();
        assert_eq!(lab.run().unwrap(), Next::Done, "after {steps} steps");
        match lab.state(update) {
            Ok(State::Aborted) => {
                aborted += 1;
                assert!(starts(&lab) == OLD.version() || !is_blank(&lab, Bank::B), "after {steps} steps");
            }
            ended => assert_eq!((ended, starts(&lab)), (Ok(State::Success), NEW.version())),
        }
        if !alive {
            break;
        }
        steps += 1;
    }
    assert!(aborted > 50 && aborted < steps, "{aborted} of {steps}");
}

#[test]
fn answers_may_come_in_any_order_and_too_late() {
    let coverage = lab::every_order(200, |lab| {
        plant(lab);
    })
    .unwrap();
    assert_eq!(coverage.runs, 200);
}

#[test]
fn every_seed_is_borne() {
    let gentle = Disturb::NOTHING.wakes().faults().aborts().pauses();
    for scenario in [flaky, discharged, forged] {
        let coverage = lab::every_seed(0..60, gentle, scenario).unwrap();
        assert!(coverage.disturbed > 30, "{coverage:?}");
    }
}

/// What is looked for is found where it is: the conditions can fail.
#[test]
fn a_wrong_turn_is_found() {
    let found = |what: fn(&mut Bench)| {
        let scenario = move |lab: &mut Bench| {
            plant(lab);
            lab.offer("something goes wrong", what);
        };
        lab::run(scenario).unwrap_err().violation().detail
    };
    assert_eq!(
        found(|lab| lab.app_mut().board.flash.erase(Bank::A.page(0).unwrap(), Instant::MAX)),
        "the old image would start, or the whole new one"
    );
    assert_eq!(
        found(|lab| lab.app_mut().board.flash.collisions += 1),
        "the flash is asked for nothing while it is busy"
    );
    assert_eq!(found(|lab| lab.app_mut().board.starved += 1), "nothing is erased without enough charge");

    let mut lab = Bench::new(Update::default());
    forged(&mut lab);
    while is_blank(&lab, Bank::B) {
        assert!(lab.step().unwrap());
    }
    // Nothing opens it again: this offer is refused.
    lab.app_mut().board.link = Link::new(OLD, 1);
    lab.app_mut().close();
    assert_eq!(lab.run().unwrap_err().violation().detail, "what was begun and did not succeed is wiped");
}

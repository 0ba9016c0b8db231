//! The job in the laboratory: its own works and tree, with an abort at every step, a fault at every crank, and errands that end in any order.
//!
//! Invariant of every run here, however it is disturbed: ledgers are applied once and in order, nothing is checked too early, nothing is left
//! under way, and it ends in success or with one failure that says why.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use windlass::{NodeId, Reason, State};
use windlass_lab::{self as lab, Disturb, INJECTED, Lab, Log, Order};

use self::world::{ARCHIVE, CHECKPOINTS, Errand, World};
use crate::error::Fault;
use crate::inspect::Part;
use crate::layout::ArchiveFile;
use crate::{Catchup, Step, capacity, tree};

mod world;

type Bench = Lab<Step<Errand>, Catchup<World>>;

/// Plants the tree, and says what must hold whatever happens.
fn plant(lab: &mut Bench) -> NodeId {
    let ask = lab.app().ask.clone();
    lab.set_capacity(capacity(ask.concurrency));
    let (root, children) = tree::trunk(&ask);
    let root = lab.add(root).unwrap();
    for child in children {
        lab.add_below(root, child).unwrap();
    }
    lab.always("ledgers are applied once and in order", |lab| {
        let ledgers = lab.app().ledgers();
        match (ledgers.first(), ledgers.last()) {
            (Some(first), Some((last, hash))) => {
                first == ARCHIVE.range.from()
                    && u64::from(last - first) + 1 == ledgers.ledgers
                    && ARCHIVE.hashes.get(&last) == Some(hash)
            }
            _ => ledgers.ledgers == 0,
        }
    });
    lab.always("a ledger is applied only when all of them are verified", |lab| {
        let (app, ledgers) = (lab.app(), lab.app().ledgers());
        ledgers.ledgers == 0 || app.counts().verified == app.counts().wanted
    });
    lab.always("no file is checked that is not there, or too early", |lab| desk(lab).wrong.is_none());
    lab.always("two files at most wait for their check in each checkpoint in flight", |lab| {
        desk(lab).temporary.len() <= 2 * usize::from(lab.app().ask.concurrency)
    });
    lab.always("the table is never full", |lab| lab.metrics().refused == 0);
    lab.at_end("nothing is left under way", |lab| desk(lab).busy() == 0 || lab.metrics().forced > 0);
    lab.at_end("it ends as a whole, or with one failure that says why", move |lab| {
        let (desk, app) = (desk(lab), lab.app());
        let wanted = u64::from(ARCHIVE.range.to() - ARCHIVE.range.from()) + 1;
        match lab.state(root).unwrap() {
            State::Success => {
                app.ledgers().ledgers == wanted
                    && desk.temporary.is_empty()
                    && desk.kept.len() == 3 * CHECKPOINTS as usize
                    && app.ready.is_empty()
                    && app.links.is_empty()
            }
            State::Failure => {
                let failure = lab.view().node(root).unwrap().failure();
                failure.is_some_and(|failure| explained(lab, failure.reason))
            }
            state => state == State::Aborted,
        }
    });
    root
}

fn desk(lab: &Bench) -> std::cell::Ref<'_, world::Desk> {
    lab.app().outside.0.borrow()
}

/// Whether a reason is one that a sound archive can lead to: what the laboratory did, or what this world refused.
fn explained(lab: &Bench, reason: Reason) -> bool {
    match lab.app().journal().borrow().error(reason) {
        Some(error) => {
            matches!(error.fault, Fault::Missing { .. } | Fault::Status { .. } | Fault::Cancelled)
                && error.to_string().lines().count() == 1
        }
        None => {
            [INJECTED, Reason::NOTHING_ADDED, Reason::CHILD_ABORTED, Reason::GATE_CLOSED, Reason::TIMEOUT]
                .contains(&reason)
        }
    }
}

fn sound(lab: &mut Bench) {
    plant(lab);
}

fn file(part: Part, nth: u32) -> ArchiveFile {
    part.file(ARCHIVE.range.checkpoint(nth).unwrap())
}

/// The archive's state and a file are refused at first.
fn flaky(lab: &mut Bench) {
    plant(lab);
    let world = &lab.app().outside;
    world.refuse(ArchiveFile::State, 1, || Fault::Status { code: 503 });
    world.refuse(file(Part::Transactions, 0), 2, || Fault::Status { code: 503 });
}

/// An earlier run has left one checkpoint's files.
fn resumed(lab: &mut Bench) {
    plant(lab);
    lab.app().outside.0.borrow_mut().kept.extend(Part::ALL.map(|part| file(part, 0)));
}

/// A file is not there at all.
fn incomplete(lab: &mut Bench) {
    let root = plant(lab);
    lab.app().outside.refuse(file(Part::Results, 1), 9, || Fault::Missing { archive: "memory".into() });
    lab.at_end("it does not succeed", move |lab| lab.state(root) != Ok(State::Success));
}

/// The deadline may pass before any errand ends.
fn hurried(lab: &mut Bench) {
    lab.app_mut().ask.deadline = Duration::from_secs(60);
    plant(lab);
}

#[test]
fn undisturbed_it_arrives() {
    let mut lab = Bench::new(Catchup::default());
    let root = plant(&mut lab);
    let _ = lab.run().unwrap();
    assert_eq!(lab.state(root), Ok(State::Success));
    assert_eq!(lab.app().counts().downloads, 1 + 3 * u64::from(CHECKPOINTS));
    assert_eq!(lab.app().counts().retries, 0);

    let mut lab = Bench::new(Catchup::default());
    flaky(&mut lab);
    let _ = lab.run().unwrap();
    assert_eq!(lab.app().counts().downloads, 3 + 1 + 3 * u64::from(CHECKPOINTS));
    assert_eq!((lab.app().counts().retries, lab.metrics().succeeded > 0), (3, true));
    assert_eq!(lab.app().ledgers().last().map(|(ledger, _)| ledger), Some(ARCHIVE.range.to()));

    let mut lab = Bench::new(Catchup::default());
    resumed(&mut lab);
    let _ = lab.run().unwrap();
    assert_eq!((lab.app().counts().kept, lab.app().counts().downloads), (3, 1 + 3));
}

#[test]
fn what_is_missing_is_named() {
    let mut lab = Bench::new(Catchup::default());
    incomplete(&mut lab);
    let _ = lab.run().unwrap();
    let failure = lab.view().nodes().next().unwrap().failure().unwrap();
    let journal = lab.app().journal().borrow();
    let error = journal.error(failure.reason).unwrap().to_string();
    assert_eq!(error, format!("{}: not in the archive memory", file(Part::Results, 1)));
}

#[test]
fn an_abort_at_every_step_leaves_nothing_behind() {
    let coverage = lab::abort_everywhere(|lab| {
        flaky(lab);
        lab.at_end("every errand has ended before its work", |lab| desk(lab).given_up == 0);
    });
    let coverage = coverage.unwrap();
    // At each step, a dozen nodes live.
    assert!(coverage.disturbed > 10 * coverage.steps, "{coverage:?}");
}

#[test]
fn a_fault_at_every_crank_is_one_clear_failure() {
    let coverage = lab::fail_everywhere(flaky).unwrap();
    assert!(coverage.disturbed > 200, "{coverage:?}");
}

#[test]
fn errands_may_end_in_any_order() {
    let coverage = lab::every_order(300, sound).unwrap();
    assert_eq!(coverage.runs, 300);
    let coverage = lab::every_order(300, hurried).unwrap();
    assert_eq!(coverage.runs, 300);
}

#[test]
fn every_seed_is_borne() {
    let gentle = Disturb::NOTHING.wakes().faults().aborts().pauses();
    for (scenario, disturb) in [
        (flaky as fn(&mut Bench), gentle),
        (resumed, gentle),
        (incomplete, gentle),
        (hurried, gentle.forces()),
    ] {
        let coverage = lab::every_seed(0..60, disturb, scenario).unwrap();
        assert!(coverage.disturbed > 30, "{coverage:?}");
    }
}

#[test]
fn a_log_repeats_the_run_to_the_last_event() {
    for seed in 0..10 {
        let mut lab = Bench::new(Catchup::default());
        flaky(&mut lab);
        lab.set_order(Order::Seeded(seed));
        let _ = lab.run().unwrap();
        let log: Log = lab.log().to_string().parse().unwrap();
        assert_eq!(lab::replay(&log, flaky).unwrap().hash(), lab.trail().hash());
    }
}

/// What is looked for is found where it is: the conditions can fail.
#[test]
fn a_wrong_turn_is_found() {
    let found = |what: fn(&mut Bench)| {
        let scenario = |lab: &mut Bench| {
            plant(lab);
            lab.offer("something goes wrong", what);
        };
        lab::run(scenario).unwrap_err().violation().detail
    };
    assert_eq!(found(|lab| lab.app_mut().ledgers.ledgers += 1), "ledgers are applied once and in order");
    assert_eq!(
        found(|lab| lab
            .app_mut()
            .outside
            .0
            .borrow_mut()
            .temporary
            .extend((0..2).flat_map(|nth| Part::ALL.map(|part| file(part, nth))))),
        "two files at most wait for their check in each checkpoint in flight"
    );
    assert_eq!(
        found(|lab| lab.app_mut().outside.0.borrow_mut().kept.extend([ArchiveFile::State])),
        "it ends as a whole, or with one failure that says why"
    );
    assert_eq!(
        found(|lab| lab.app_mut().outside.0.borrow_mut().wrong = Some("as told")),
        "no file is checked that is not there, or too early"
    );
}

//! A fleet in every order in which its threads can run, up to a few preemptions: a root that is added while the only
//! worker goes to sleep, and the end of it all. A root or a command that is slept through is a deadlock, which loom
//! reports. Queues, mailbox, driver and sleep are the shipped ones.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use loom::thread;
use windlass::{Cx, Instant, Outcome, Spec, Work};

use super::{FleetHandle, FleetOptions, TreeEnd, core::Core, run::Run};
use crate::Clock;
use crate::audit::{Exact, Moment};
use crate::pool::{Hub, Ring, Worker};

type Pool = Hub<Exact, Ring<u64>>;

/// It always shows zero.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant::ZERO
    }
}

/// Succeeds at once, or waits for ever.
struct Says(Outcome);

impl Work for Says {
    fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
        self.0
    }
}

/// Runs the only worker of a fleet here, and `others` elsewhere.
fn model(room: usize, preemptions: usize, others: fn(&FleetHandle<Says>)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let options = FleetOptions { trees: room, nodes: 1, queued: 2, ..FleetOptions::new(1) };
        let hub: Arc<Pool> = Arc::new(Hub::new(&options.queues().unwrap()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(Stopped);
        let core = Arc::new(Core::new(&options, Arc::clone(&hub) as _, &clock));
        let handle = FleetHandle::new(Arc::clone(&core));
        let thread = thread::spawn(move || {
            others(&handle);
            handle.shutdown(Duration::MAX);
        });
        core.stations[0].mailbox.move_in();
        Run::new(core, Worker::new(Arc::clone(&hub), 0), (), &options).run();
        thread.join().unwrap();
        let report = hub.report(Moment::Quiescent);
        assert!(report.is_clean(), "broken: {report}");
    });
}

#[test]
fn a_root_that_is_added_is_never_slept_through() {
    model(2, 3, |handle| {
        let tree = handle.add(Spec::work("at once", Says(Outcome::Success))).unwrap();
        assert!(tree.wait().unwrap().is_success());
    });
}

#[test]
fn a_worker_without_room_does_not_sleep_through_the_abort_that_makes_room() {
    model(1, 2, |handle| {
        let first = handle.add(Spec::work("waits", Says(Outcome::Waiting))).unwrap();
        let second = handle.add(Spec::work("at once", Says(Outcome::Success))).unwrap();
        first.abort();
        assert!(second.wait().unwrap().is_success());
        assert!(first.ended().is_some());
    });
}

#[test]
fn roots_that_wait_while_the_fleet_closes_end() {
    model(1, 3, |handle| {
        let trees = [(); 2].map(|()| handle.add(Spec::work("at once", Says(Outcome::Success))).unwrap());
        handle.shutdown(Duration::MAX);
        for tree in trees {
            let end = tree.wait().unwrap();
            assert!(matches!(end, TreeEnd::Ran(_) | TreeEnd::NeverStarted(_)));
        }
    });
}

#[test]
fn a_root_that_is_added_while_the_fleet_closes_ends() {
    model(1, 2, |handle| {
        let late = handle.clone();
        let thread = thread::spawn(move || {
            if let Ok(tree) = late.add(Spec::work("at once", Says(Outcome::Success))) {
                let end = tree.wait().unwrap();
                assert!(matches!(end, TreeEnd::Ran(_) | TreeEnd::NeverStarted(_)));
            }
        });
        handle.shutdown(Duration::MAX);
        thread.join().unwrap();
    });
}

#[test]
fn a_worker_that_gives_up_its_search_leaves_no_root_to_a_sleeper() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let options = FleetOptions { trees: 1, nodes: 1, queued: 1, ..FleetOptions::new(2) };
        let hub: Arc<Pool> = Arc::new(Hub::new(&options.queues().unwrap()).unwrap());
        // One looks once, up to a deadline, and is busy with something else from then on; the other has nothing else.
        let (busy, idle) = (Arc::clone(&hub), Arc::clone(&hub));
        let once = move || Worker::new(busy, 0).wait(Some(Duration::ZERO)).is_some();
        let once = thread::spawn(once);
        let idle = thread::spawn(move || {
            let worker = Worker::new(Arc::clone(&idle), 1);
            while !idle.is_closed() {
                if worker.wait(None).is_some() {
                    return true;
                }
            }
            false
        });
        let _ = hub.put(0);
        let found = once.join().unwrap();
        if found {
            hub.close();
        }
        assert_ne!(idle.join().unwrap(), found);
    });
}

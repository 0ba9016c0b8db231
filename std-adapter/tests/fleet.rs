//! Many trees on a few workers, with the exact audit on their queues: where they start, who owns them, and how they end.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

use common::{Do, World, bounded, says};
use futures_lite::future::block_on;
use windlass::{
    AbortCause, AbortStep, Cx, DynWork, Error, NodeId, Outcome, Reason, SendWork, Spec, State, Status,
    WakeHandle,
};
use windlass_std::audit::{Exact, Moment};
use windlass_std::{
    Drained, Fleet, FleetError, FleetHandle, FleetOptions, FleetScheduler, PlantError, Tree, TreeEnd, TreeId,
    TreeLook,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Each worker's application is its number.
type W = SendWork<usize>;
type Crew = Fleet<W, Exact>;

fn fleet(options: &FleetOptions) -> (Crew, FleetHandle<W>) {
    bounded();
    let fleet = Fleet::start(options, |worker| worker).unwrap();
    let handle = fleet.handle();
    (fleet, handle)
}

fn spec(run: impl FnMut(&mut Cx<'_, W, usize>) -> Outcome + Send + 'static) -> Spec<W> {
    Spec::work("work", W::new(Do::new(run)))
}

fn says_spec(outcomes: impl IntoIterator<Item = Outcome>) -> Spec<W> {
    Spec::work("says", W::new(says(outcomes)))
}

/// Ends the fleet, which must have nothing left and have broken no promise.
fn end(fleet: &Crew) -> Drained {
    let drained = fleet.shutdown(HOUR);
    assert!(drained.unreturned.is_empty(), "{drained}");
    assert_eq!((drained.fleet.queued, drained.fleet.running), (0, 0));
    let report = fleet.report(Moment::Quiescent);
    assert!(report.is_clean(), "{report}");
    drained
}

/// A work that says on which worker it runs and then blocks that worker until it is let go.
fn gate() -> (Spec<W>, Receiver<usize>, Sender<()>) {
    let (tell, told) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let spec = Spec::work(
        "gate",
        W::new(Do::new(move |cx: &mut Cx<'_, W, usize>| {
            tell.send(*cx.app()).unwrap();
            // It goes on when the sender is dropped.
            wait.recv().unwrap_err();
            Outcome::Success
        })),
    );
    (spec, told, go)
}

/// Blocks a worker. It goes on when the sender is dropped.
fn block(handle: &FleetHandle<W>) -> (usize, Sender<()>, Tree<W>) {
    let (spec, told, go) = gate();
    let tree = handle.add(spec).unwrap();
    (told.recv().unwrap(), go, tree)
}

fn root(end: TreeEnd) -> windlass_std::NodeSnapshot {
    match end {
        TreeEnd::Ran(root) => root,
        other => panic!("{other}"),
    }
}

#[test]
fn sizes_that_are_impossible_are_refused_with_a_reason() {
    let two = FleetOptions::new(2);
    for (options, reason) in [
        (FleetOptions::new(0), "a fleet without workers would never run a tree"),
        (FleetOptions::new(40_000), "40000 workers: at most 32767 are possible"),
        (FleetOptions { trees: 0, ..two.clone() }, "a worker with room for no tree would never run one"),
        (FleetOptions { nodes: 0, ..two.clone() }, "a tree has one node at least"),
        (FleetOptions { queued: 0, ..two.clone() }, "a queue of no capacity takes no root"),
        (
            FleetOptions { queued: usize::MAX, ..two.clone() },
            "a queue of 18446744073709551615 roots: at most 16777216 are possible",
        ),
        (
            FleetOptions { trees: usize::MAX, ..two.clone() },
            "18446744073709551615 trees of 16 nodes on a worker: at most 16777216 nodes are possible",
        ),
        (
            FleetOptions { trees: 1 << 24, nodes: 1, ..FleetOptions::new(300) },
            "16777216 trees on each of 300 workers: that is too many",
        ),
        (
            FleetOptions::new(usize::MAX),
            "1024 trees on each of 18446744073709551615 workers: that is too many",
        ),
    ] {
        let error = Crew::start(&options, |worker| worker).expect_err("must be refused");
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, reason));
    }
}

#[test]
fn an_application_that_panics_is_an_error_and_ends_all_workers() {
    bounded();
    let (tell, told) = mpsc::channel::<()>();
    let tell = Mutex::new(tell);
    let error = Crew::start(&FleetOptions::new(3), move |worker| {
        let _held = &tell;
        assert!(worker != 1, "no database");
        worker
    })
    .expect_err("must be refused");
    assert_eq!(error.to_string(), "the application of worker 1: no database");
    // The closure is gone, so all threads are.
    assert!(told.recv().is_err());
}

#[test]
fn roots_are_stolen_from_a_worker_that_does_not_come_to_them() {
    let (fleet, handle) = fleet(&FleetOptions::new(2));
    let (first, go_first, _) = block(&handle);
    let (second, go_second, _) = block(&handle);
    assert_ne!(first, second);
    // The oldest of these blocks, too: the first worker has a share of the others in line then.
    let (gate, told, go) = gate();
    let blocks = handle.add(gate).unwrap();
    let (tell, ran_on) = mpsc::channel();
    let trees: Vec<_> = (0..39)
        .map(|_| {
            let tell = tell.clone();
            let run = move |cx: &mut Cx<'_, W, usize>| {
                tell.send(*cx.app()).unwrap();
                Outcome::Success
            };
            handle.add(spec(run)).unwrap()
        })
        .collect();
    assert_eq!(handle.look().queued, 40);
    drop(go_first);
    assert_eq!(told.recv(), Ok(first));
    assert!(ran_on.try_recv().is_err());
    // Half of them, but for the one that it runs, are in its own line now.
    assert_eq!(fleet.report(Moment::Live).totals.moved, 20);
    drop(go_second);
    for tree in trees {
        assert!(tree.wait().unwrap().is_success());
    }
    assert!(ran_on.try_iter().all(|worker| worker == second));
    assert_eq!(blocks.ended(), None);
    drop(go);
    assert_eq!(end(&fleet).fleet.counts.succeeded, 42);
}

#[test]
fn a_tree_stays_with_the_worker_that_took_it() {
    let (fleet, handle) = fleet(&FleetOptions::new(3));
    let trees: Vec<_> = (0..200)
        .map(|_| {
            let (mut owner, mut left) = (None, 20);
            let run = move |cx: &mut Cx<'_, W, usize>| {
                assert_eq!(*owner.get_or_insert(*cx.app()), *cx.app());
                left -= 1;
                if left == 0 { Outcome::Success } else { Outcome::Running }
            };
            handle.add(spec(run)).unwrap()
        })
        .collect();
    assert!(trees.into_iter().all(|tree| tree.wait().unwrap().is_success()));
    end(&fleet);
}

#[test]
fn works_that_are_not_send_are_planted_where_they_run() {
    bounded();
    struct Adds(Rc<()>);
    impl windlass::Work<DynWork<Rc<AtomicU64>>, Rc<AtomicU64>> for Adds {
        fn on_run(&mut self, cx: &mut Cx<'_, DynWork<Rc<AtomicU64>>, Rc<AtomicU64>>) -> Outcome {
            assert_eq!(Rc::strong_count(&self.0), 2);
            cx.app().fetch_add(1, Ordering::Relaxed);
            Outcome::Success
        }
    }
    let fleet: Fleet<DynWork<Rc<AtomicU64>>> =
        Fleet::start(&FleetOptions::new(2), |_| Rc::new(AtomicU64::new(0))).unwrap();
    let tree = fleet.handle().plant(|scheduler| {
        let both = Rc::new(());
        let job = scheduler.add(Spec::sequence("job"))?;
        for _ in 0..2 {
            scheduler.add_below(job, Spec::work("adds", DynWork::new(Adds(Rc::clone(&both)))))?;
        }
        // Each shares it with the other alone... and with this closure until it returns.
        drop(both);
        Ok(job)
    });
    let root = root(block_on(tree.unwrap()));
    assert_eq!((root.name, root.status, root.children.succeeded), ("job", Status::Success, 2));
}

#[test]
fn sleeping_trees_cost_no_poll_and_no_worker() {
    const SLEEPERS: u64 = 10_000;
    let world = World::new();
    let options = FleetOptions { trees: 10_000, nodes: 1, queued: 10_000, ..FleetOptions::new(2) };
    let crew: Crew = Fleet::start_with_clock(&options, Arc::clone(&world), |worker| worker).unwrap();
    let handle = crew.handle();
    let (tell, told) = mpsc::channel();
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|_| {
            let (tell, mut slept) = (tell.clone(), false);
            let run = move |_: &mut Cx<'_, W, usize>| {
                if std::mem::replace(&mut slept, true) {
                    return Outcome::Success;
                }
                tell.send(()).unwrap();
                Outcome::WaitFor(HOUR)
            };
            handle.add(spec(run)).unwrap()
        })
        .collect();
    assert_eq!(told.iter().take(SLEEPERS as usize).count() as u64, SLEEPERS);
    // Each worker comes to this after the poll in which the last of its sleepers has run.
    assert_eq!(handle.metrics().unwrap().in_state(State::Waiting) as u64, SLEEPERS);
    let polls = || handle.look().workers.iter().map(|worker| worker.polls).sum::<u64>();
    let before = polls();
    for _ in 0..100 {
        assert!(handle.add(says_spec([])).unwrap().wait().unwrap().is_success());
    }
    // One for each, and at most one that was under way for each worker.
    assert!(polls() - before <= 100 + 2, "{} polls", polls() - before);
    assert_eq!((handle.look().running as u64, handle.look().queued), (SLEEPERS, 0));

    let before = polls();
    world.advance(HOUR);
    // A look ends the sleep of each worker, which then asks the clock.
    handle.metrics().unwrap();
    handle.join().unwrap();
    // A poll cranks 256 nodes at most.
    assert!(polls() - before <= SLEEPERS / 256 + 2 * 2, "{} polls", polls() - before);
    assert!(sleepers.iter().all(|tree| tree.ended().unwrap().is_success()));
    assert_eq!(handle.metrics().unwrap().nodes, 0);
    end(&crew);
}

#[test]
fn a_root_goes_to_a_worker_with_room_and_waits_if_there_is_none() {
    let (fleet, handle) = fleet(&FleetOptions { trees: 1, nodes: 1, ..FleetOptions::new(2) });
    let (tell, told) = mpsc::channel();
    let waits = || {
        let tell = tell.clone();
        handle.add(spec(move |cx| {
            tell.send(*cx.app()).unwrap();
            Outcome::Waiting
        }))
    };
    let (first, second) = (waits().unwrap(), waits().unwrap());
    let on: Vec<_> = told.iter().take(2).collect();
    assert_ne!(on[0], on[1]);
    let third = waits().unwrap();
    let look = handle.look();
    assert_eq!((look.queued, look.running), (1, 2));
    assert_eq!(third.look(), Ok(TreeLook::Queued));
    second.abort();
    assert_eq!(root(second.wait().unwrap()).status, Status::Aborted);
    told.recv().unwrap();
    first.abort();
    third.abort();
    handle.join().unwrap();
    end(&fleet);
}

#[test]
fn a_tree_is_woken_from_outside_whether_its_worker_has_room_or_not() {
    for trees in [1, 2] {
        let (fleet, handle) = fleet(&FleetOptions { trees, nodes: 1, ..FleetOptions::new(1) });
        let (tell, told) = mpsc::channel::<WakeHandle>();
        let open = Arc::new(AtomicBool::new(false));
        let is_open = Arc::clone(&open);
        let tree = handle
            .add(spec(move |cx| {
                if is_open.load(Ordering::Relaxed) {
                    return Outcome::Success;
                }
                tell.send(cx.own_wake_handle().unwrap()).unwrap();
                Outcome::Waiting
            }))
            .unwrap();
        let wake = told.recv().unwrap();
        open.store(true, Ordering::Relaxed);
        wake.wake();
        assert!(tree.wait().unwrap().is_success());
        end(&fleet);
    }
}

#[test]
fn a_tree_is_aborted_wherever_it_is() {
    let (fleet, handle) = fleet(&FleetOptions::new(1));
    // Sleeping.
    let (tell, told) = mpsc::channel();
    let sleeps = handle
        .add(spec(move |_| {
            tell.send(()).unwrap();
            Outcome::WaitFor(HOUR)
        }))
        .unwrap();
    told.recv().unwrap();
    sleeps.abort();
    let end_of_sleep = root(sleeps.wait().unwrap());
    assert_eq!((end_of_sleep.state, end_of_sleep.abort_cause), (State::Aborted, Some(AbortCause::User)));
    // Running, and not at once done with it; and queued behind that.
    let (_, go, running) = block(&handle);
    let queued = handle.add(says_spec([])).unwrap();
    queued.abort();
    assert_eq!(queued.wait(), Ok(TreeEnd::NeverStarted(AbortCause::User)));
    assert_eq!(handle.find(queued.id()).map(|tree| tree.id()), None);
    drop(go);
    assert!(running.wait().unwrap().is_success());
    running.abort(); // does nothing
    end(&fleet);
}

#[test]
fn a_stubborn_tree_is_ended_by_force_when_its_time_is_up() {
    let (fleet, handle) = fleet(&FleetOptions::new(1));
    let (tell, told) = mpsc::channel();
    let run = move |_: &mut Cx<'_, W, usize>| {
        tell.send(()).unwrap();
        Outcome::Waiting
    };
    let stubborn = Do::new(run).on_abort(|_| AbortStep::Waiting);
    let tree = handle.add(Spec::work("stubborn", W::new(stubborn))).unwrap();
    told.recv().unwrap();
    tree.abort();
    // Asked again, it has less time.
    tree.abort_within(Duration::ZERO);
    let root = root(tree.wait().unwrap());
    assert_eq!((root.state, root.forced), (State::Aborted, true));
    // Only a shutdown lists them.
    assert!(end(&fleet).is_clean());
}

#[test]
fn aborted_roots_do_not_fill_the_queue() {
    let (fleet, handle) = fleet(&FleetOptions { queued: 2, ..FleetOptions::new(1) });
    let (_, go, _) = block(&handle);
    let stays = handle.add(says_spec([])).unwrap();
    let mut slots = 0;
    for _ in 0..10_000 {
        let tree = handle.add(says_spec([])).unwrap();
        tree.abort();
        slots = slots.max(tree.id().slot());
    }
    assert!(slots < 100, "{slots} slots for three trees");
    assert_eq!(handle.look().queued, 1);
    drop(go);
    assert!(stays.wait().unwrap().is_success());
    assert_eq!(end(&fleet).fleet.counts.never_started, 10_000);
}

#[test]
fn a_full_queue_gives_the_root_back() {
    let (fleet, handle) = fleet(&FleetOptions { queued: 3, ..FleetOptions::new(1) });
    let (_, go, _) = block(&handle);
    let trees: Vec<_> = (0..3).map(|_| handle.add(says_spec([])).unwrap()).collect();
    let refused = handle.add(says_spec([]).retry(windlass::Retry::A_FEW)).unwrap_err();
    assert_eq!((refused.error, refused.root.name()), (FleetError::Full, "says"));
    assert_eq!(refused.to_string(), "not put in line: as many roots wait as may");
    let plant = |scheduler: &mut FleetScheduler<W>| Ok(scheduler.add(says_spec([]))?);
    let plant = handle.plant(plant).unwrap_err().root;
    drop(go);
    assert!(trees.iter().all(|tree| tree.wait().unwrap().is_success()));
    // Now there is room for both.
    assert!(handle.add(refused.root).unwrap().wait().unwrap().is_success());
    assert!(handle.plant(plant).unwrap().wait().unwrap().is_success());
    end(&fleet);
    assert_eq!(handle.add(says_spec([])).unwrap_err().error, FleetError::Closed);
}

#[test]
fn a_panic_ends_its_tree_and_no_other() {
    let (fleet, handle) = fleet(&FleetOptions::new(1));
    let (tell, told) = mpsc::channel();
    let lives = handle.add(spec(move |_| {
        tell.send(()).unwrap();
        Outcome::Waiting
    }));
    told.recv().unwrap();
    let failed = root(handle.add(spec(|_| panic!("out of ink"))).unwrap().wait().unwrap());
    assert_eq!(failed.failure.map(|failure| failure.reason), Some(Reason::PANICKED));
    let look = handle.look();
    assert_eq!((look.panics, look.last_panic.unwrap().message.as_str()), (1, "out of ink"));

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    // At the root, below it, in what is never planted, and in a panic of the planting itself.
    let bomb = || {
        let bomb = Bomb;
        spec(move |_| {
            let _held = &bomb;
            Outcome::Success
        })
    };
    assert!(handle.add(bomb()).unwrap().wait().unwrap().is_success());
    let nested = handle.plant(move |scheduler| {
        let job = scheduler.add(Spec::parallel("job"))?;
        for _ in 0..3 {
            let spec = bomb();
            scheduler.add_below(job, spec)?;
        }
        Ok(job)
    });
    assert!(nested.unwrap().wait().unwrap().is_success());
    let (_, go, _) = block(&handle);
    let dropped = handle.add(bomb()).unwrap();
    dropped.abort();
    drop(go);
    assert_eq!(dropped.wait(), Ok(TreeEnd::NeverStarted(AbortCause::User)));
    let payload = handle.plant(|_| std::panic::panic_any(Bomb)).unwrap();
    let not_text = TreeEnd::NotPlanted(PlantError::Panicked("not a text".to_owned()));
    assert_eq!(payload.wait(), Ok(not_text));

    assert_eq!(lives.unwrap().ended(), None);
    assert_eq!(handle.metrics().unwrap().nodes, 1);
    assert_eq!(end(&fleet).fleet.panics, 1 + 1 + 3);
}

#[test]
fn what_cannot_be_planted_leaves_nothing_behind() {
    let (fleet, handle) = fleet(&FleetOptions { trees: 2, nodes: 2, ..FleetOptions::new(1) });
    type Planted = Result<NodeId, Error>;
    let too_large = |scheduler: &mut FleetScheduler<W>| -> Planted {
        let job = scheduler.add(Spec::sequence("job"))?;
        for _ in 0..4 {
            scheduler.add_below(job, says_spec([]))?;
        }
        Ok(job)
    };
    let panics = |scheduler: &mut FleetScheduler<W>| -> Planted {
        scheduler.add(says_spec([]))?;
        panic!("no seed")
    };
    let two_roots = |scheduler: &mut FleetScheduler<W>| -> Planted {
        scheduler.add(says_spec([]))?;
        Ok(scheduler.add(says_spec([]))?)
    };
    let inner = |scheduler: &mut FleetScheduler<W>| -> Planted {
        let job = scheduler.add(Spec::sequence("job"))?;
        Ok(scheduler.add_below(job, says_spec([]))?)
    };
    let none = |_: &mut FleetScheduler<W>| -> Planted { Ok(NodeId::from_bits(1 << 32).unwrap()) };
    for (plant, why) in [
        (
            Box::new(too_large) as Box<dyn FnOnce(&mut FleetScheduler<W>) -> Planted + Send>,
            "the node table is full",
        ),
        (Box::new(panics), "panicked: no seed"),
        (Box::new(two_roots), "a tree has one root, whose id is returned; 2 were added at the top"),
        (Box::new(inner), "a tree has one root, whose id is returned; 1 were added at the top"),
        (Box::new(none), "a tree has one root, whose id is returned; 0 were added at the top"),
    ] {
        let end = handle.plant(plant).unwrap().wait().unwrap();
        assert_eq!(end.to_string(), format!("not planted: {why}"));
        assert_eq!(handle.metrics().unwrap().nodes, 0);
    }
    // All its room is there.
    let fits = handle.plant(|scheduler| {
        let job = scheduler.add(Spec::sequence("job"))?;
        for _ in 0..3 {
            scheduler.add_below(job, says_spec([]))?;
        }
        Ok(job)
    });
    assert!(fits.unwrap().wait().unwrap().is_success());
    assert_eq!(end(&fleet).fleet.counts.not_planted, 5);
}

#[test]
fn nodes_that_works_add_at_the_top_are_freed_when_they_have_ended() {
    let (fleet, handle) = fleet(&FleetOptions { trees: 1, nodes: 2, ..FleetOptions::new(1) });
    for _ in 0..10 {
        let adds = handle.add(spec(|cx| {
            cx.add(says_spec([])).unwrap();
            Outcome::Success
        }));
        assert!(adds.unwrap().wait().unwrap().is_success());
    }
    // A detached root is freed by the engine itself, as soon as it may.
    assert!(handle.add(says_spec([]).detached()).unwrap().wait().unwrap().is_success());
    assert_eq!(handle.metrics().unwrap().nodes, 0);
    end(&fleet);
}

#[test]
fn a_look_shows_one_tree_and_all_of_them() {
    let (fleet, handle) = fleet(&FleetOptions::new(1));
    let (tell, told) = mpsc::channel();
    let tree = handle
        .plant(move |scheduler| {
            let job = scheduler.add(Spec::sequence("job"))?;
            scheduler.add_below(job, says_spec([]))?;
            let waits = move |_: &mut Cx<'_, W, usize>| {
                tell.send(()).unwrap();
                Outcome::Waiting
            };
            scheduler.add_below(job, spec(waits))?;
            Ok(job)
        })
        .unwrap();
    told.recv().unwrap();
    let look = tree.look().unwrap();
    assert_eq!(
        look.to_string(),
        "0v1 job: 1 of 2 children done\n  1v1 says: succeeded\n  2v1 work: waiting, and nothing will wake it"
    );
    let (worker, go, _) = block(&handle);
    let queued = handle.add(says_spec([])).unwrap();
    let all = handle.look();
    assert_eq!(
        all.to_string(),
        "1 queued, 2 running; 0 succeeded, 0 failed, 0 aborted, 0 not planted, 0 never started\n  \
         windlass-fleet-0: 2 trees, at 1v1 in 3v1 gate"
    );
    assert_eq!((worker, handle.trees().len()), (0, 3));
    assert_eq!(handle.find(queued.id()).map(|tree| tree.id()), Some(queued.id()));
    assert!(handle.find(TreeId::from_bits(9 << 32)).is_none());
    drop(go);
    queued.wait().unwrap();
    for tree in handle.trees() {
        tree.abort();
    }
    handle.join().unwrap();
    assert!(matches!(tree.look(), Ok(TreeLook::Ended(TreeEnd::Ran(root))) if root.state == State::Aborted));
    assert_eq!(handle.metrics().unwrap().nodes, 0);
    end(&fleet);
    assert_eq!(handle.metrics(), Err(FleetError::Closed));
}

#[test]
fn a_tree_can_be_awaited_and_only_its_last_waker_is_woken() {
    struct Count(AtomicU64);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (fleet, handle) = fleet(&FleetOptions::new(1));
    let (_, go, mut tree) = block(&handle);
    let wakers = [(); 3].map(|()| Arc::new(Count(AtomicU64::new(0))));
    let poll = |tree: &mut Tree<W>, at: usize| {
        let waker = Arc::clone(&wakers[at]).into();
        pin!(tree).poll(&mut Context::from_waker(&waker))
    };
    let mut dropped = tree.clone();
    assert!(poll(&mut dropped, 2).is_pending());
    drop(dropped);
    assert!(poll(&mut tree, 0).is_pending());
    assert!(poll(&mut tree, 1).is_pending());
    drop(go);
    assert!(tree.wait().unwrap().is_success());
    end(&fleet);
    assert!(matches!(poll(&mut tree, 0), Poll::Ready(end) if end.is_success()));
    assert_eq!(wakers.each_ref().map(|count| count.0.load(Ordering::SeqCst)), [0, 1, 0]);
    assert!(block_on(tree).is_success());
}

#[test]
fn a_shutdown_ends_all_trees_and_says_how() {
    let (fleet, handle) = fleet(&FleetOptions { trees: 3, nodes: 4, ..FleetOptions::new(1) });
    let (tell, told) = mpsc::channel();
    let waits = |abort: Option<AbortStep>| {
        let tell = tell.clone();
        let run = move |_: &mut Cx<'_, W, usize>| {
            tell.send(()).unwrap();
            Outcome::Waiting
        };
        Do::new(run).on_abort(move |_| abort.unwrap_or(AbortStep::Done))
    };
    assert!(handle.add(says_spec([])).unwrap().wait().unwrap().is_success());
    let fails = handle.add(says_spec([Outcome::Fatal(Reason::new("no"))])).unwrap();
    assert_eq!(root(fails.wait().unwrap()).status, Status::Failure);
    let polite = handle.add(Spec::work("polite", W::new(waits(None)))).unwrap();
    let stubborn = handle.add(Spec::work("stubborn", W::new(waits(Some(AbortStep::Waiting))))).unwrap();
    let stubborn_too = handle.add(Spec::work("deaf", W::new(waits(Some(AbortStep::Waiting))))).unwrap();
    told.iter().take(3).for_each(drop);
    // No room for it.
    let queued = handle.add(says_spec([])).unwrap();
    handle.shutdown(HOUR);
    assert_eq!(queued.wait(), Ok(TreeEnd::NeverStarted(AbortCause::Shutdown)));
    let end_of_polite = root(polite.wait().unwrap());
    assert_eq!(end_of_polite.abort_cause, Some(AbortCause::Shutdown));
    assert_eq!((stubborn.ended(), handle.is_open()), (None, false));
    let refused = handle.add(says_spec([])).unwrap_err();
    assert_eq!(refused.error, FleetError::Closed);
    // An earlier end replaces a later one.
    let drained = fleet.shutdown(Duration::ZERO);
    assert!(!drained.is_clean());
    let forced: Vec<_> = drained.forced.iter().map(|node| (node.tree, node.name)).collect();
    assert_eq!(forced, [(stubborn.id(), "stubborn"), (stubborn_too.id(), "deaf")]);
    assert_eq!(
        drained.to_string(),
        format!(
            "1 succeeded, 1 failed, 3 aborted, 0 not planted, 1 never started; by force: {} in 1v1 stubborn, {} in 2v1 deaf",
            stubborn.id(),
            stubborn_too.id()
        )
    );
    assert!(root(stubborn.wait().unwrap()).forced);
    end(&fleet);
}

#[test]
fn a_worker_that_does_not_come_back_is_named_with_its_work() {
    let (fleet, handle) = fleet(&FleetOptions::new(2));
    let (worker, go, tree) = block(&handle);
    let drained = fleet.shutdown(Duration::ZERO);
    let [stuck] = &drained.unreturned[..] else { panic!("{drained}") };
    let current = stuck.current.unwrap();
    assert_eq!((stuck.worker, stuck.trees, current.tree), (worker, 1, tree.id()));
    assert_eq!(stuck.to_string(), format!("windlass-fleet-{worker}: 1 tree, at {} in 0v1 gate", tree.id()));
    assert!(drained.to_string().ends_with(&format!("; not returned: {stuck}")));
    drop(go);
    end(&fleet);
    assert!(tree.wait().unwrap().is_success());
}

#[test]
fn a_planting_that_does_not_come_back_is_named_too() {
    let (fleet, handle) = fleet(&FleetOptions::new(1));
    let (tell, told) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let tree = handle
        .plant(move |scheduler| {
            tell.send(()).unwrap();
            wait.recv().unwrap_err();
            Ok(scheduler.add(says_spec([]))?)
        })
        .unwrap();
    told.recv().unwrap();
    // It is done as soon as the planting is.
    tree.abort();
    let look = handle.look();
    assert_eq!(look.workers[0].current.unwrap().to_string(), format!("{}, planting", tree.id()));
    drop(go);
    assert_eq!(root(tree.wait().unwrap()).state, State::Aborted);
    end(&fleet);
}

#[test]
fn a_work_cannot_wait_for_its_fleet_but_can_do_all_else() {
    let (fleet, handle) = fleet(&FleetOptions::new(2));
    let (tell, told) = mpsc::channel();
    let inside = handle.clone();
    let mut child: Option<Tree<W>> = None;
    let tree = handle.add(spec(move |cx| {
        let Some(child) = &mut child else {
            let waits = inside.add(spec(|_| Outcome::Waiting)).unwrap();
            tell.send((waits.wait(), inside.join(), inside.metrics())).unwrap();
            waits.abort();
            child = Some(waits);
            return Outcome::Running;
        };
        // The future needs no thread.
        let waker = cx.own_wake_handle().unwrap();
        let waker = Arc::new(Waking(waker)).into();
        match pin!(child).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(_) => Outcome::Success,
            Poll::Pending => Outcome::Waiting,
        }
    }));
    let own = FleetError::OwnThread;
    assert_eq!(told.recv().unwrap(), (Err(own), Err(own), Err(own)));
    assert!(tree.unwrap().wait().unwrap().is_success());
    let told = own.to_string();
    assert_eq!(told, "a worker of the fleet cannot wait for the fleet");
    end(&fleet);
}

struct Waking(WakeHandle);

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

#[test]
fn a_work_can_shut_its_fleet_down_and_drop_it() {
    for drops in [false, true] {
        bounded();
        let hold: Arc<Mutex<Option<Crew>>> = Arc::default();
        let (tell, told) = mpsc::channel();
        let (own, mut times) = (Arc::clone(&hold), 0);
        let crew: Crew = Fleet::start(&FleetOptions::new(2), |worker| worker).unwrap();
        let handle = crew.handle();
        let mut held = hold.lock().unwrap();
        let run = move |cx: &mut Cx<'_, W, usize>| {
            let mut held = own.lock().unwrap();
            let Some(crew) = &*held else { return Outcome::Waiting };
            if drops {
                *held = None;
            } else {
                let drained = crew.shutdown(HOUR);
                assert!(drained.unreturned.iter().any(|look| look.worker == *cx.app()), "{drained}");
            }
            times += 1;
            tell.send(times).unwrap();
            Outcome::Waiting
        };
        let tree = handle.add(spec(run)).unwrap();
        *held = Some(crew);
        drop(held);
        assert_eq!(told.recv(), Ok(1));
        let end_of_tree = root(tree.wait().unwrap());
        assert_eq!(
            (end_of_tree.state, end_of_tree.abort_cause),
            (State::Aborted, Some(AbortCause::Shutdown))
        );
        // The work is gone, and with it the sender.
        assert!(told.recv().is_err());
        if let Some(crew) = hold.lock().unwrap().take() {
            end(&crew);
        }
    }
}

#[test]
fn every_tree_ends_once_whatever_comes_together() {
    for round in 0..20_u64 {
        let options =
            FleetOptions { trees: 7, nodes: 3, queued: 50, ..FleetOptions::new(1 + round as usize % 3) };
        let (fleet, handle) = fleet(&options);
        let ended = AtomicU64::new(0);
        thread::scope(|scope| {
            for producer in 0..3 {
                let (handle, ended) = (handle.clone(), &ended);
                scope.spawn(move || {
                    let mut trees = Vec::new();
                    for n in 0..300_u64 {
                        let kind = (n * 7 + producer + round) % 6;
                        let added = handle.plant(move |scheduler| match kind {
                            0 => panic!("no seed"),
                            1 => Ok(scheduler.add(says_spec([
                                Outcome::Running,
                                Outcome::WaitFor(Duration::from_micros(50)),
                            ]))?),
                            2 => Ok(scheduler.add(says_spec([Outcome::Waiting]))?),
                            3 => Ok(scheduler.add(spec(|_| panic!("no luck")))?),
                            _ => Ok(scheduler.add(says_spec([]))?),
                        });
                        match added {
                            Ok(tree) => {
                                if kind == 2 || n % 5 == 0 {
                                    tree.abort();
                                }
                                trees.push(tree);
                            }
                            Err(refused) if refused.error == FleetError::Full => thread::yield_now(),
                            Err(_) => break,
                        }
                        if round % 4 == 3 && producer == 0 && n == 250 {
                            handle.shutdown(Duration::ZERO);
                        }
                    }
                    for tree in trees {
                        tree.wait().unwrap();
                        ended.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let counts = end(&fleet).fleet.counts;
        let sum = [counts.succeeded, counts.failed, counts.aborted, counts.not_planted, counts.never_started];
        assert_eq!(
            (counts.added, sum.iter().sum()),
            (ended.load(Ordering::Relaxed), counts.added),
            "{counts}"
        );
    }
}

#[test]
fn each_worker_has_a_random_seed_unless_one_is_given() {
    let seed_of = |options: FleetOptions| {
        let (fleet, handle) = fleet(&options);
        let (tell, told) = mpsc::channel();
        let tree = handle.plant(move |scheduler| {
            tell.send(scheduler.seed()).unwrap();
            Ok(scheduler.add(says_spec([]))?)
        });
        assert!(tree.unwrap().wait().unwrap().is_success());
        end(&fleet);
        told.recv().unwrap()
    };
    let random = [(); 2].map(|()| seed_of(FleetOptions::new(1)).unwrap());
    assert_ne!(random[0], random[1]);
    assert_eq!(seed_of(FleetOptions { seed: Some(7), ..FleetOptions::new(1) }), Some(7));
}

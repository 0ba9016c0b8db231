//! A scheduler on its own thread, and what others may ask of it.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{Do, bounded, says};
use futures_lite::future::{block_on, poll_once};
use windlass::{
    AbortStep, Boxed, Cx, Error, Event, EventKind, Instant, Observer, Outcome, Reason, Scheduler, SendWork,
    Spec, State, Status, Work,
};
use windlass_std::{CallError, Driver, End, Handle, JoinError, NotAdded, Snapshot, Thread, WaitError};

/// For works that end by their own answer only if something is wrong.
const LONG: Duration = Duration::from_secs(600);

fn serve(capacity: usize) -> Thread<Boxed<SendWork>> {
    bounded();
    Driver::new(Scheduler::<Boxed<SendWork>>::with_capacity(capacity)).serve(()).unwrap()
}

fn leaf(outcomes: impl IntoIterator<Item = Outcome>) -> Spec<SendWork> {
    Spec::work("leaf", SendWork::new(says(outcomes)))
}

#[test]
fn a_server_takes_works_while_idle_and_tells_their_end() {
    let server = serve(8);
    let handle = server.handle();
    for _ in 0..3 {
        let id = handle.add(leaf([Outcome::Running, Outcome::WaitFor(Duration::from_micros(1))])).unwrap();
        assert_eq!(handle.wait_done(id).unwrap().state, State::Success);
        assert_eq!(block_on(handle.done(id)).unwrap().status, Status::Success);
        assert!(handle.remove(id).unwrap().is_some());
        assert_eq!(handle.wait_done(id), Err(WaitError::Call(CallError::Engine(Error::UnknownNode))));
    }
    let finished = server.shutdown(LONG).unwrap();
    assert_eq!((finished.report.end, finished.report.is_success()), (End::ShutDown, true));
    assert_eq!(finished.scheduler.metrics().succeeded, 3);
}

#[test]
fn a_server_can_be_steered_from_outside() {
    let server = serve(8);
    let handle = server.handle();
    let id = handle.add(leaf([Outcome::Waiting, Outcome::Waiting])).unwrap();
    let parent = handle.add(Spec::parallel("parent")).unwrap();
    assert_eq!(handle.pause(id), Ok(()));
    handle.wake(id).unwrap();
    let snapshot = handle.snapshot().unwrap();
    let node = snapshot.node(id).unwrap();
    assert_eq!((node.paused, node.explain.as_str(), node.name), (true, "paused", "leaf"));
    handle.resume(id).unwrap();
    // The children of a composite that has ended already are refused; a snapshot is a copy, and does not change.
    handle.wait_done(parent).unwrap();
    let refused = handle.add_below(parent, leaf([])).unwrap_err();
    assert_eq!((refused.error, refused.spec.name()), (CallError::Engine(Error::Ended), "leaf"));
    assert_eq!(snapshot.node(id).unwrap().explain, "paused");

    let done = handle.done(id);
    handle.abort(id).unwrap();
    assert_eq!(done.wait().unwrap().state, State::Aborted);
    assert_eq!(handle.pause(id), Err(CallError::Engine(Error::WrongState(State::Aborted))));
    handle.restart(id).unwrap();
    handle.wake(id).unwrap();
    handle.with(move |scheduler, _| scheduler.wake(id)).unwrap().unwrap();
    assert!(handle.tree().unwrap().contains("leaf"));
    assert_eq!(handle.metrics().unwrap().added, 2);
    server.shutdown(LONG).unwrap();
}

#[test]
fn several_things_done_in_one_go_are_seen_by_no_poll_in_between() {
    let server = serve(8);
    let handle = server.handle();
    let job = handle
        .with(|scheduler, _| {
            let job = scheduler.add(Spec::sequence("job"))?;
            for _ in 0..3 {
                scheduler.add_below(job, leaf([]))?;
            }
            Ok::<_, Error>(job)
        })
        .unwrap()
        .unwrap();
    let end = handle.wait_done(job).unwrap();
    assert_eq!((end.state, end.children.succeeded), (State::Success, 3));
}

#[test]
fn a_run_ends_by_itself_and_gives_everything_back() {
    let mut scheduler = Scheduler::<Boxed<_>>::with_capacity(8);
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let inner = Arc::clone(&gate);
    let push = Do::new(move |cx: &mut Cx<'_, SendWork<Vec<u32>>, Vec<u32>>| {
        drop(inner.lock());
        cx.app().push(5);
        Outcome::Success
    });
    let id = scheduler.add(Spec::work("push", SendWork::new(push))).unwrap();
    let thread = Driver::new(scheduler).spawn(vec![4]).unwrap();
    let handle = thread.handle();
    let end = handle.done(id);
    drop(closed);
    assert_eq!(end.wait().map(|node| node.state), Ok(State::Success));
    let finished = thread.join().unwrap();
    assert_eq!(finished.app, [4, 5]);
    assert_eq!(finished.report.end, End::Done);
    assert_eq!(finished.scheduler.state(id), Ok(State::Success));
    ended(&handle, id);
}

/// Every call on a handle whose thread has ended.
fn ended<A: 'static>(handle: &Handle<Boxed<SendWork<A>>>, id: windlass::NodeId) {
    assert!(!handle.is_open());
    let spec = Spec::work("late", SendWork::new(says([])));
    let NotAdded { error, spec } = handle.add(spec).unwrap_err();
    assert_eq!((error, spec.name()), (CallError::Ended, "late"));
    assert!(handle.add_below(id, spec).unwrap_err().spec.into_work().is_some());
    for result in [
        handle.abort(id),
        handle.abort_within(id, LONG),
        handle.wake(id),
        handle.pause(id),
        handle.resume(id),
        handle.restart(id),
        handle.remove(id).map(drop),
        handle.metrics().map(drop),
        handle.snapshot().map(drop),
        handle.tree().map(drop),
        handle.with(|_, _| unreachable!("there is no scheduler")),
    ] {
        assert_eq!(result, Err(CallError::Ended));
    }
    assert_eq!(handle.wait_done(id), Err(WaitError::Call(CallError::Ended)));
    assert_eq!(block_on(handle.done(id)), Err(WaitError::Call(CallError::Ended)));
    handle.shutdown(LONG); // does nothing
}

#[test]
fn after_the_end_every_call_says_so_and_nothing_is_lost() {
    let server = serve(8);
    let handle = server.handle();
    let id = handle.add(leaf([])).unwrap();
    server.shutdown(LONG).unwrap();
    ended(&handle, id);
    assert_eq!(
        handle.add(leaf([])).unwrap_err().to_string(),
        r#"cannot add "leaf": the scheduler's thread has ended"#
    );
}

#[test]
fn works_offered_while_the_thread_ends_are_taken_or_come_back() {
    const THREADS: usize = 4;
    /// Counts its own drop.
    struct Counted(Arc<AtomicU32>);
    impl<W> Work<W, ()> for Counted {
        fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
            Outcome::Waiting
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    for round in 0..20 {
        let server = serve(100_000);
        let drops = Arc::new(AtomicU32::new(0));
        let offered = Arc::new(AtomicU32::new(0));
        let adders: Vec<_> = (0..THREADS)
            .map(|_| {
                let (handle, drops, offered) = (server.handle(), Arc::clone(&drops), Arc::clone(&offered));
                thread::spawn(move || {
                    let mut taken = Vec::new();
                    loop {
                        offered.fetch_add(1, Ordering::SeqCst);
                        let work = SendWork::new(Counted(Arc::clone(&drops)));
                        match handle.add(Spec::work("counted", work)) {
                            Ok(id) => taken.push(id),
                            Err(NotAdded { error, spec }) => {
                                // Closed for good, or shutting down: the work is here again.
                                assert!(matches!(
                                    error,
                                    CallError::Ended | CallError::Engine(Error::Aborting)
                                ));
                                assert!(spec.into_work().is_some());
                                return taken;
                            }
                        }
                    }
                })
            })
            .collect();
        while offered.load(Ordering::SeqCst) < round * 10 {
            thread::yield_now();
        }
        let finished = server.shutdown(LONG).unwrap();
        let taken: Vec<_> = adders.into_iter().flat_map(|adder| adder.join().unwrap()).collect();
        assert_eq!(finished.report.aborted, taken.len());
        for id in &taken {
            assert_eq!(finished.scheduler.state(*id), Ok(State::Aborted));
        }
        assert_eq!(drops.load(Ordering::SeqCst) as usize, THREADS, "those that came back");
        drop(finished);
        assert_eq!(drops.load(Ordering::SeqCst), offered.load(Ordering::SeqCst));
    }
}

#[test]
fn a_work_that_never_finishes_its_abort_does_not_hold_up_the_end() {
    let server = serve(8);
    let handle = server.handle();
    let (started, has_started) = mpsc::channel();
    let stubborn = Do::new(move |_| {
        started.send(()).unwrap();
        Outcome::Waiting
    })
    .on_abort(|_| AbortStep::Waiting);
    let id = handle.add(Spec::work("stubborn", SendWork::new(stubborn))).unwrap();
    let end = handle.done(id);
    has_started.recv().unwrap();
    let finished = server.shutdown(Duration::from_millis(1)).unwrap();
    assert_eq!(finished.report.forced, [(id, "stubborn")]);
    assert!(end.wait().unwrap().forced, "those who wait are told of a forced end");
}

#[test]
fn a_single_abort_has_a_drain_of_its_own() {
    let server = serve(8);
    let handle = server.handle();
    let stubborn = Do::new(|_| Outcome::Waiting).on_abort(|_| AbortStep::Running);
    let id = handle.add(Spec::work("stubborn", SendWork::new(stubborn))).unwrap();
    handle.abort_within(id, Duration::from_millis(1)).unwrap();
    let end = handle.wait_done(id).unwrap();
    assert_eq!((end.state, end.forced), (State::Aborted, true));
    assert_eq!(end.explain, "aborted: asked for, forced to end");
}

#[test]
fn an_abort_that_ends_a_node_at_once_is_told_to_those_who_wait() {
    let server = serve(8);
    let handle = server.handle();
    // Paused, so it never starts; its abort needs no poll.
    let id = handle.add(leaf([Outcome::Waiting]).paused()).unwrap();
    let end = handle.done(id);
    handle.abort(id).unwrap();
    assert_eq!(end.wait().unwrap().state, State::Aborted);
}

#[test]
fn a_node_that_is_freed_at_its_end_is_told_as_freed() {
    let server = serve(8);
    let handle = server.handle();
    let id = handle.add(leaf([Outcome::Waiting]).detached()).unwrap();
    let end = handle.done(id);
    // Ends and is freed between two looks: in one go.
    handle
        .with(move |scheduler, now| {
            scheduler.wake(id).unwrap();
            let _ = scheduler.poll_work(now);
            let _ = scheduler.poll_work(now);
        })
        .unwrap();
    assert_eq!(end.wait(), Err(WaitError::Freed));
}

#[test]
fn a_wait_that_was_given_up_is_forgotten_and_others_go_on() {
    let server = serve(8);
    let handle = server.handle();
    let id = handle.add(leaf([Outcome::Waiting])).unwrap();
    let mut given_up = handle.done(id);
    assert_eq!(block_on(poll_once(&mut given_up)), None);
    drop(given_up);
    let other = handle.done(id);
    let (handle, waiter) = (handle.clone(), thread::spawn(move || block_on(other)));
    handle.abort(id).unwrap();
    assert_eq!(waiter.join().unwrap().unwrap().state, State::Aborted);
}

/// An application whose works can reach their own scheduler the wrong way.
struct Loop {
    handle: Option<Handle<Boxed<SendWork<Loop>>>>,
}

#[test]
fn the_scheduler_s_own_thread_is_refused_instead_of_waiting_for_itself() {
    let server = Driver::new(Scheduler::<Boxed<_>>::with_capacity(8)).serve(Loop { handle: None }).unwrap();
    let handle = server.handle();
    let (sender, receiver) = mpsc::channel();
    let (to_work, inside) = mpsc::channel();
    to_work.send(handle.clone()).unwrap();
    let call = Do::new(move |cx: &mut Cx<'_, SendWork<Loop>, Loop>| {
        let handle = inside.recv().unwrap();
        sender.send((handle.metrics().map(drop), handle.wait_done(cx.id()).map(drop))).unwrap();
        cx.app().handle = Some(handle);
        Outcome::Success
    });
    let id = handle.add(Spec::work("call", SendWork::new(call))).unwrap();
    assert_eq!(
        receiver.recv().unwrap(),
        (Err(CallError::OwnThread), Err(WaitError::Call(CallError::OwnThread)))
    );
    handle.wait_done(id).unwrap();
    let finished = server.shutdown(LONG).unwrap();
    assert!(finished.app.handle.is_some());
}

#[test]
fn a_panic_of_a_work_fails_its_node_and_the_server_lives_on() {
    let server = serve(8);
    let handle = server.handle();
    let id = handle.add(Spec::work("broken", SendWork::new(Do::new(|_| panic!("no"))))).unwrap();
    assert_eq!(handle.wait_done(id).unwrap().failure.unwrap().reason, Reason::PANICKED);
    let id = handle.add(leaf([])).unwrap();
    assert_eq!(handle.wait_done(id).unwrap().state, State::Success);
    let report = server.shutdown(LONG).unwrap().report;
    assert_eq!((report.panics, report.last_panic.unwrap().message.as_str()), (1, "no"));
}

#[test]
fn a_panic_of_a_call_goes_on_in_the_caller() {
    let server = serve(8);
    let handle = server.handle();
    let result = catch_unwind(AssertUnwindSafe(|| handle.with(|_, _| panic!("mine"))));
    assert_eq!(*result.unwrap_err().downcast::<&'static str>().unwrap(), "mine");
    assert_eq!(handle.metrics().unwrap().nodes, 0);
    assert!(server.shutdown(LONG).is_ok());
}

/// Panics when a node starts.
struct Nosy;
impl Observer for Nosy {
    fn on_event(&mut self, event: &Event) {
        assert!(event.kind != EventKind::Cranked, "saw too much");
    }
}

#[test]
fn when_the_thread_itself_panics_everybody_is_told() {
    let scheduler = Scheduler::<Boxed<_>>::with_capacity(8).observed_by(Nosy);
    let server = Driver::new(scheduler).serve(()).unwrap();
    let handle = server.handle();
    let parent = handle.add(Spec::parallel("never ends").paused()).unwrap();
    let end = handle.done(parent);
    // The thread may be gone before the answer to this is.
    let _ = handle.add(leaf([]));
    assert_eq!(end.wait(), Err(WaitError::Call(CallError::Ended)));
    assert_eq!(handle.metrics(), Err(CallError::Ended));
    assert_eq!(server.join().unwrap_err(), JoinError::Panicked("saw too much".to_owned()));
}

#[test]
fn dropping_the_thread_shuts_it_down_and_waits() {
    struct Flag(Arc<AtomicU32>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let drops = Arc::new(AtomicU32::new(0));
    let scheduler = Scheduler::<Boxed<_>>::with_capacity(8);
    let server = Driver::new(scheduler).serve(Flag(Arc::clone(&drops))).unwrap();
    let handle = server.handle();
    let cleaned = Arc::clone(&drops);
    let clean = Do::new(|_| Outcome::Waiting).on_abort(move |_| {
        cleaned.fetch_add(10, Ordering::SeqCst);
        AbortStep::Done
    });
    let id = handle.add(Spec::work("clean", SendWork::new(clean))).unwrap();
    // Only a node that has started has something to clean.
    handle.with(|_, _| ()).unwrap();
    drop(server);
    assert_eq!(drops.load(Ordering::SeqCst), 11, "the hook ran and the application is gone");
    ended(&handle, id);
}

#[test]
fn a_stop_from_anywhere_ends_a_server() {
    let server = serve(8);
    let stop = server.handle().stop();
    thread::spawn(move || stop.interrupt(LONG));
    let report = server.join().unwrap().report;
    assert_eq!((report.end, report.exit_code()), (End::Interrupted, 130));
}

#[test]
fn a_snapshot_shows_the_whole_tree() {
    let mut scheduler = Scheduler::<Boxed<_>>::with_capacity(8);
    let job = scheduler.add(Spec::sequence("job")).unwrap();
    let first = scheduler.add_below(job, leaf([Outcome::WaitFor(Duration::from_secs(2))])).unwrap();
    scheduler.add_below(job, leaf([])).unwrap();
    let _ = scheduler.poll_work(Instant::from_secs(1));
    let snapshot = Snapshot::of(&scheduler, Instant::from_millis(1_500));
    assert_eq!(snapshot.at, Instant::from_millis(1_500));
    assert_eq!(
        snapshot.nodes.iter().map(|node| node.parent).collect::<Vec<_>>(),
        [None, Some(job), Some(job)]
    );
    let node = snapshot.node(first).unwrap();
    assert_eq!(node.deadline, Some(Instant::from_secs(3)));
    assert_eq!(node.to_string(), "1v1 leaf: waiting to be woken, for 1.5 s at most");
    assert_eq!(
        snapshot.to_string(),
        scheduler.tree(scheduler.view().now()).to_string().replace("2 s", "1.5 s")
    );
    assert_eq!(snapshot.metrics, scheduler.metrics());
    fn is_plain<T: Clone + Send + Sync + 'static>(_: T) {}
    is_plain(snapshot);
}

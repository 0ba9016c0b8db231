//! A panic of user code: whose failure it becomes, what is known of it, and that nobody else suffers.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Do, World, says};
use windlass::{
    AbortStep, Boxed, Check, Cx, DynWork, Event, EventKind, Generated, Observer, OnFailure, Outcome, Reason,
    Retry, Scheduler, Spec, State, Work,
};
use windlass_std::{Driver, End, Panic};

/// Where a work panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Run,
    Abort,
    Reset,
    Success,
    Retry,
    Raise,
    Next,
    Check,
    LaterReset,
}

struct Fragile {
    at: At,
    resets: u32,
}

impl Fragile {
    fn work(at: At) -> DynWork {
        DynWork::new(Self { at, resets: 0 })
    }

    fn reach(&self, at: At) {
        assert!(self.at != at, "broken at {at:?}");
    }
}

impl<W> Work<W, ()> for Fragile {
    fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
        self.reach(At::Run);
        match self.at {
            At::Abort => Outcome::Waiting,
            At::Retry | At::Raise | At::LaterReset => Outcome::Failure(Reason::new("asked to")),
            _ => Outcome::Success,
        }
    }

    fn on_abort(&mut self, _: &mut Cx<'_, W>) -> AbortStep {
        self.reach(At::Abort);
        AbortStep::Done
    }

    fn on_reset(&mut self, _: &mut Cx<'_, W>) {
        self.resets += 1;
        self.reach(At::Reset);
        if self.resets > 1 {
            self.reach(At::LaterReset);
        }
    }

    fn on_success(&mut self, _: &mut Cx<'_, W>) {
        self.reach(At::Success);
    }

    fn on_failure_retry(&mut self, _: &mut Cx<'_, W>) {
        self.reach(At::Retry);
    }

    fn on_failure_raise(&mut self, _: &mut Cx<'_, W>) {
        self.reach(At::Raise);
    }

    fn on_next(&mut self, _: &mut Cx<'_, W>) -> Generated {
        self.reach(At::Next);
        Generated::Exhausted
    }

    fn on_check(&mut self, _: &mut Cx<'_, W>) -> Check {
        self.reach(At::Check);
        Check::Yes
    }
}

fn drive<O: Observer>(
    world: &Arc<World>,
    scheduler: Scheduler<Boxed<DynWork>, O>,
) -> Driver<Boxed<DynWork>, O> {
    Driver::with_clock(scheduler, Arc::clone(world), Arc::clone(world))
}

#[test]
fn a_panic_anywhere_in_a_work_fails_that_node_and_no_other() {
    let works = [At::Run, At::Reset, At::Success, At::Retry, At::Raise, At::LaterReset];
    let specs = works
        .map(|at| {
            let retry = if at == At::Raise { Retry::NEVER } else { Retry::times(3) };
            (at, Spec::work("fragile", Fragile::work(at)).retry(retry.constant(Duration::ZERO)))
        })
        .into_iter()
        .chain([
            (At::Next, Spec::batch("fragile", Fragile::work(At::Next))),
            (At::Check, Spec::callback("fragile", Fragile::work(At::Check))),
        ]);
    for (at, spec) in specs {
        let world = World::new();
        let mut scheduler = Scheduler::with_capacity(8);
        let before = scheduler.add(Spec::work("before", DynWork::new(says([Outcome::Running; 3])))).unwrap();
        let fragile = scheduler.add(spec).unwrap();
        let after = scheduler.add(Spec::work("after", DynWork::new(says([Outcome::Running; 3])))).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let mut driver =
            drive(&world, scheduler).on_panic(move |panic| note.lock().unwrap().push(panic.clone()));
        let report = driver.run_until_done();

        assert_eq!(
            (report.end, report.succeeded, report.failed, report.panics),
            (End::Done, 2, 1, 1),
            "{at:?}"
        );
        let states = [before, fragile, after].map(|id| driver.scheduler().state(id).unwrap());
        assert_eq!(states, [State::Success, State::Failure, State::Success], "{at:?}");
        let failure = driver.scheduler().node(fragile).unwrap().failure().unwrap();
        assert_eq!((failure.reason, failure.origin), (Reason::PANICKED, fragile), "{at:?}");
        let panic = driver.last_panic().unwrap();
        assert_eq!(panic.to_string(), format!("1v1 fragile panicked: broken at {at:?}"));
        assert_eq!((panic.node, panic.name), (Some(fragile), "fragile"));
        assert_eq!(*seen.lock().unwrap(), std::slice::from_ref(panic));
        assert_eq!(report.last_panic.as_ref(), Some(panic));
    }
}

#[test]
fn a_panic_while_aborting_ends_that_node_by_force() {
    let world = World::new();
    let mut scheduler = Scheduler::with_capacity(8);
    let fragile = scheduler.add(Spec::work("fragile", Fragile::work(At::Abort))).unwrap();
    let other = Do::new(|_| Outcome::Waiting).on_abort(|_| AbortStep::WaitFor(Duration::from_secs(1)));
    let other = scheduler.add(Spec::work("slow", DynWork::new(other))).unwrap();
    let mut driver = drive(&world, scheduler);
    let stop = driver.stop();
    world.at_park(move |_| stop.shutdown(Duration::from_millis(1_500)));
    let report = driver.run_until_done();
    assert_eq!(report.forced, [(fragile, "fragile"), (other, "slow")]);
    assert_eq!(driver.last_panic().unwrap().node, Some(fragile));
}

#[test]
fn a_panic_with_a_number_in_it_and_one_of_a_child_that_is_gone_are_told_too() {
    let world = World::new();
    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(8);
    // The batch frees its children as soon as they have ended, and goes on.
    struct Two(u32);
    impl Work<DynWork, ()> for Two {
        fn on_run(&mut self, _: &mut Cx<'_, DynWork>) -> Outcome {
            Outcome::Success
        }

        fn on_next(&mut self, cx: &mut Cx<'_, DynWork>) -> Generated {
            if self.0 == 0 {
                return Generated::Exhausted;
            }
            self.0 -= 1;
            let child = Do::new(|_| std::panic::panic_any(17));
            cx.add_child(Spec::work("child", DynWork::new(child))).unwrap();
            Generated::Added
        }
    }
    let batch = Spec::batch("batch", DynWork::new(Two(2))).concurrency(1).on_failure(OnFailure::Ignore);
    scheduler.add(batch).unwrap();
    let mut driver = drive(&world, scheduler);
    let report = driver.run_until_done();
    assert_eq!((report.succeeded, report.panics), (1, 2));
    assert_eq!(report.last_panic.unwrap().message, "not a text");
}

#[test]
fn a_thousand_panics_are_a_thousand_failures() {
    let world = World::new();
    let mut scheduler = Scheduler::with_capacity(1_000);
    for _ in 0..1_000 {
        scheduler.add(Spec::work("fragile", Fragile::work(At::Run))).unwrap();
    }
    let report = drive(&world, scheduler).run_until_done();
    assert_eq!((report.failed, report.panics), (1_000, 1_000));
}

#[test]
fn a_node_that_panics_again_after_a_restart_is_told_again() {
    let world = World::new();
    let mut scheduler = Scheduler::with_capacity(8);
    let id = scheduler.add(Spec::work("fragile", Fragile::work(At::Run))).unwrap();
    let mut driver = drive(&world, scheduler);
    for panics in 1..=3 {
        assert_eq!(driver.run_until_done().panics, panics);
        assert_eq!(driver.last_panic().unwrap().node, Some(id));
        driver.scheduler_mut().restart(id).unwrap();
    }
}

#[test]
fn a_panicking_parent_drains_its_children_first() {
    let world = World::new();
    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(8);
    let parent = Do::new(|cx: &mut Cx<'_, DynWork>| {
        let mut asked = false;
        let child = Do::new(|_| Outcome::Waiting).on_abort(move |_| {
            if std::mem::replace(&mut asked, true) {
                AbortStep::Done
            } else {
                AbortStep::WaitFor(Duration::from_secs(1))
            }
        });
        cx.add_child(Spec::work("child", DynWork::new(child))).unwrap();
        if cx.children().total() == 2 {
            panic!("two children are too many");
        }
        Outcome::WaitFor(Duration::from_secs(1))
    });
    let id = scheduler.add(Spec::work("parent", DynWork::new(parent))).unwrap();
    let mut driver = drive(&world, scheduler);
    for restarts in 0..2 {
        let report = driver.run_until_done();
        assert_eq!((report.failed, report.panics), (1, restarts + 1));
        assert_eq!(driver.last_panic().unwrap().node, Some(id));
        driver.scheduler_mut().restart(id).unwrap();
    }
}

/// Panics at the first event of its kind.
struct Nosy;
impl Observer for Nosy {
    fn on_event(&mut self, event: &Event) {
        assert!(event.kind != EventKind::Cranked, "saw too much");
    }
}

#[test]
fn a_panic_of_an_observer_goes_on_to_the_caller() {
    let world = World::new();
    let mut scheduler = Scheduler::<_>::with_capacity(8).observed_by(Nosy);
    scheduler.add(Spec::work("seen", DynWork::new(says([])))).unwrap();
    let mut driver = drive(&world, scheduler);
    let result = catch_unwind(AssertUnwindSafe(|| driver.run_until_done()));
    let text = result.unwrap_err().downcast::<&'static str>().unwrap();
    assert_eq!(*text, "saw too much");
    assert_eq!(driver.stats().panics, 0);
}

/// Does what its script says, and panics when it is dropped.
struct Bomb(Do<DynWork>, &'static str);

impl Bomb {
    fn work(outcomes: impl IntoIterator<Item = Outcome>, message: &'static str) -> DynWork {
        DynWork::new(Self(says(outcomes), message))
    }
}

impl Work<DynWork, ()> for Bomb {
    fn on_run(&mut self, cx: &mut Cx<'_, DynWork>) -> Outcome {
        self.0.on_run(cx)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        // Not in a test that fails.
        assert!(std::thread::panicking(), "{}", self.1);
    }
}

/// A work that cleans up in two steps, and counts when it has.
fn cleans_up(count: &Arc<Mutex<u32>>) -> DynWork {
    let (count, mut asked) = (Arc::clone(count), false);
    let work = Do::new(|_| Outcome::Waiting).on_abort(move |_| {
        if std::mem::replace(&mut asked, true) {
            *count.lock().unwrap() += 1;
            AbortStep::Done
        } else {
            AbortStep::WaitFor(Duration::from_secs(1))
        }
    });
    DynWork::new(work)
}

#[test]
fn a_panic_of_a_drop_at_the_top_is_told_and_all_others_clean_up() {
    let (world, cleaned) = (World::new(), Arc::new(Mutex::new(0)));
    let mut scheduler = Scheduler::with_capacity(16);
    // Freed at their end, for nobody can ask about them. The second has panicking works below it, too.
    scheduler.add(Spec::work("first", Bomb::work([], "one")).detached()).unwrap();
    let group = scheduler.add(Spec::sequence("group").detached()).unwrap();
    for message in ["two", "three"] {
        scheduler.add_below(group, Spec::work("inner", Bomb::work([], message))).unwrap();
    }
    scheduler.add(Spec::work("last", Bomb::work([Outcome::Running; 3], "four")).detached()).unwrap();
    for _ in 0..2 {
        scheduler.add(Spec::work("cleans up", cleans_up(&cleaned))).unwrap();
    }
    let plain = scheduler.add(Spec::work("plain", DynWork::new(says([Outcome::Running; 5])))).unwrap();

    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let mut driver = drive(&world, scheduler).on_panic(move |panic| note.lock().unwrap().push(panic.clone()));
    let stop = driver.stop();
    world.at_park(move |_| stop.shutdown(Duration::from_secs(60)));
    let report = driver.run_until_done();

    assert_eq!((report.end, report.panics, driver.stats().panics), (End::ShutDown, 4, 4));
    assert_eq!((report.forced.len(), *cleaned.lock().unwrap()), (0, 2), "all have cleaned up");
    assert_eq!(driver.scheduler().state(plain), Ok(State::Success));
    assert_eq!(driver.scheduler().nodes().count(), 3, "those whose drop panicked are gone");
    let mut messages: Vec<_> = seen.lock().unwrap().iter().map(|panic| panic.message.clone()).collect();
    messages.sort_unstable();
    assert_eq!(messages, ["four", "one", "three", "two"]);
    assert!(seen.lock().unwrap().iter().all(|panic| panic.node.is_none()));
    let last = report.last_panic.unwrap();
    assert_eq!(last.to_string(), format!("the drop of a work panicked: {}", last.message));
}

#[test]
fn what_is_left_to_free_when_all_is_done_is_freed() {
    let world = World::new();
    let mut scheduler = Scheduler::with_capacity(8);
    let group = scheduler.add(Spec::sequence("group").detached()).unwrap();
    for _ in 0..3 {
        scheduler.add_below(group, Spec::work("inner", Bomb::work([], "boom"))).unwrap();
    }
    let mut driver = drive(&world, scheduler);
    let report = driver.run_until_done();
    assert_eq!((report.end, report.panics), (End::Done, 3));
    assert_eq!(driver.scheduler().nodes().count(), 0);
}

#[test]
fn a_panic_of_a_childs_drop_fails_the_parent_that_frees_it() {
    /// A parent of two bombs, and of a child that takes its time to clean up.
    fn parent(cleaned: &Arc<Mutex<u32>>) -> DynWork {
        let (cleaned, mut added) = (Arc::clone(cleaned), false);
        DynWork::new(Do::new(move |cx: &mut Cx<'_, DynWork>| {
            if !std::mem::replace(&mut added, true) {
                for _ in 0..2 {
                    cx.add_child(Spec::work("child", Bomb::work([], "boom"))).unwrap();
                }
                cx.add_child(Spec::work("cleans up", cleans_up(&cleaned))).unwrap();
            }
            Outcome::Waiting
        }))
    }
    /// A batch of the same.
    struct Items(Arc<Mutex<u32>>, u32);
    impl Work<DynWork, ()> for Items {
        fn on_run(&mut self, _: &mut Cx<'_, DynWork>) -> Outcome {
            Outcome::Success
        }

        fn on_next(&mut self, cx: &mut Cx<'_, DynWork>) -> Generated {
            self.1 += 1;
            let work = if self.1 == 1 { cleans_up(&self.0) } else { Bomb::work([], "boom") };
            cx.add_child(Spec::work("item", work)).unwrap();
            Generated::Added
        }
    }
    for is_batch in [false, true] {
        let (world, cleaned) = (World::new(), Arc::new(Mutex::new(0)));
        let mut scheduler = Scheduler::with_capacity(16);
        let spec = if is_batch {
            Spec::batch("parent", DynWork::new(Items(Arc::clone(&cleaned), 0))).concurrency(2)
        } else {
            Spec::work("parent", parent(&cleaned))
        };
        let id = scheduler.add(spec.retry(Retry::A_LOT)).unwrap();
        let beside = scheduler.add(Spec::work("beside", DynWork::new(says([Outcome::Running; 9])))).unwrap();
        let mut driver = drive(&world, scheduler);
        driver.run_until_done();
        let panic = driver.last_panic().unwrap();
        assert_eq!((panic.node, panic.to_string()), (Some(id), "0v1 parent panicked: boom".to_owned()));
        let failure = driver.scheduler().node(id).unwrap().failure().unwrap();
        assert_eq!((failure.reason, failure.origin), (Reason::PANICKED, id), "batch: {is_batch}");
        assert_eq!(driver.scheduler().state(beside), Ok(State::Success));
        assert_eq!(*cleaned.lock().unwrap(), 1, "its children clean up");
        // It keeps its last children. Each drop that panics is out of the way of the next.
        let scheduler = driver.scheduler_mut();
        while catch_unwind(AssertUnwindSafe(|| drop(scheduler.remove(id)))).is_err() {}
        assert_eq!(scheduler.nodes().count(), 1);
    }
}

#[test]
fn a_panic_of_a_drop_between_two_attempts_fails_the_node() {
    let world = World::new();
    let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(8);
    let parent = Do::new(|cx: &mut Cx<'_, DynWork>| {
        if cx.children().total() == 0 {
            cx.add_child(Spec::work("child", Bomb::work([], "boom"))).unwrap();
            return Outcome::Waiting;
        }
        // It keeps its ended children, which the next attempt has no use for.
        Outcome::Failure(Reason::new("again"))
    });
    let retry = Retry::A_LOT.constant(Duration::ZERO);
    let id = scheduler.add(Spec::work("parent", DynWork::new(parent)).retry(retry)).unwrap();
    let mut driver = drive(&world, scheduler);
    let report = driver.run_until_done();
    assert_eq!((report.failed, report.panics), (1, 1));
    let node = driver.scheduler().node(id).unwrap();
    assert_eq!((node.failure().unwrap().reason, node.attempt()), (Reason::PANICKED, 1));
}

#[test]
fn a_callback_that_panics_is_counted_and_not_called_again() {
    let world = World::new();
    let mut scheduler = Scheduler::with_capacity(8);
    for _ in 0..3 {
        scheduler.add(Spec::work("fragile", Fragile::work(At::Run))).unwrap();
    }
    let mut driver = drive(&world, scheduler).on_panic(|_| panic!("no pen"));
    let report = driver.run_until_done();
    assert_eq!((report.failed, report.panics), (3, 3 + 1));
    assert_eq!(report.last_panic.unwrap().message, "broken at Run");
}

#[test]
fn a_panic_is_plain_data() {
    fn is_plain<T: Clone + Send + Sync + 'static>() {}
    is_plain::<Panic>();
}

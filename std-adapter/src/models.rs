//! The driver's sleep and whoever ends it, in every order in which threads can run.
//!
//! The invariant: a model that passes has been seen to fail. Each is also run with a sleep that forgets what came before it, and must hang
//! then. Driver, mailbox and handle are the shipped ones, and so is the wake set below them, in the build that has loom's primitives.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use loom::sync::atomic::{AtomicBool as Flag, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use windlass::{Boxed, Cx, Instant, Outcome, Scheduler, Spec, State, WakeHandle, Work};

use crate::mailbox::Mailbox;
use crate::spawn::run;
use crate::{CallError, Clock, Driver, End, Park, Signal};

/// It always shows zero.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant::ZERO
    }
}

/// A sleep that only a notification ends that comes while it lasts.
#[derive(Default)]
struct Forgetful {
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Park for Forgetful {
    fn park(&self, _: Option<Duration>) {
        drop(self.condvar.wait(self.lock.lock().unwrap()).unwrap());
    }

    fn notify(&self) {
        self.condvar.notify_one();
    }
}

/// Waits until its flag is raised.
struct Wait(Arc<Flag>);

impl Work for Wait {
    fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
        // The wake must have brought it along.
        if self.0.load(Ordering::Relaxed) { Outcome::Success } else { Outcome::Waiting }
    }
}

/// A driver whose works wait, and for each its flag and what wakes it.
fn waiting(nodes: usize, park: impl Park + 'static) -> (Driver<Boxed<Wait>>, Vec<(Arc<Flag>, WakeHandle)>) {
    let mut driver = Driver::with_clock(Scheduler::with_capacity(nodes), Stopped, park);
    let add = |_| {
        let flag = Arc::new(Flag::new(false));
        let node = driver.scheduler_mut().add(Spec::work("wait", Wait(Arc::clone(&flag)))).unwrap();
        (flag, driver.scheduler_mut().wake_handle(node).unwrap())
    };
    let wakers = (0..nodes).map(add).collect();
    (driver, wakers)
}

fn raise(flag: &Flag, handle: WakeHandle) {
    flag.store(true, Ordering::Relaxed);
    handle.wake();
}

fn wakes_end_the_sleep(wakers: usize, park: impl Park + 'static) {
    let (mut driver, waiting) = waiting(wakers, park);
    for (flag, handle) in waiting {
        thread::spawn(move || raise(&flag, handle));
    }
    assert!(driver.run_until_done().is_success());
}

fn a_stop_ends_the_sleep(park: impl Park + 'static) {
    let (mut driver, _) = waiting(1, park);
    let stop = driver.stop();
    thread::spawn(move || stop.shutdown(Duration::MAX));
    assert_eq!(driver.run_until_done().end, End::ShutDown);
}

fn a_command_ends_the_sleep(park: impl Park + 'static) {
    let (driver, mut waiting) = waiting(1, park);
    let mailbox = Mailbox::new(Arc::clone(driver.shared()));
    let (sender, (flag, handle)) = (Arc::clone(&mailbox), waiting.remove(0));
    thread::spawn(move || {
        sender.submit(Box::new(move |desk| {
            flag.store(true, Ordering::Relaxed);
            desk.unwrap().scheduler.wake(handle.id()).unwrap();
        }));
    });
    assert!(run(driver, (), &mailbox, false).report.is_success());
}

/// Threads are torn from their work up to four times, wherever that hurts most, and any number of times where they wait. Without a bound this
/// takes hours; the failures below need one.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(4);
    builder.check(model);
}

#[test]
fn a_wake_is_never_slept_through() {
    check(|| wakes_end_the_sleep(1, Signal::default()));
}

#[test]
fn two_wakes_are_never_slept_through() {
    check(|| wakes_end_the_sleep(2, Signal::default()));
}

#[test]
fn a_stop_is_never_slept_through() {
    check(|| a_stop_ends_the_sleep(Signal::default()));
}

#[test]
fn a_command_is_never_slept_through() {
    check(|| a_command_ends_the_sleep(Signal::default()));
}

#[test]
fn a_wake_and_a_stop_end_the_run_one_way_or_the_other() {
    check(|| {
        let (mut driver, waiting) = waiting(1, Signal::default());
        let (stop, (flag, handle)) = (driver.stop(), waiting[0].clone());
        thread::spawn(move || raise(&flag, handle));
        thread::spawn(move || stop.shutdown(Duration::MAX));
        let node = waiting[0].1.id();
        let _ = driver.run_until_done();
        assert!(matches!(driver.scheduler().state(node), Ok(State::Success | State::Aborted)));
    });
}

#[test]
fn a_call_that_comes_at_the_end_is_answered() {
    check(|| {
        let (driver, waiting) = waiting(1, Signal::default());
        let server = driver.spawn(()).unwrap();
        let (handle, node) = (server.handle(), waiting[0].1.id());
        let caller = thread::spawn(move || handle.wake(node));
        assert_eq!(server.shutdown(Duration::MAX).unwrap().report.end, End::ShutDown);
        let answer = caller.join().unwrap();
        assert!(matches!(answer, Ok(()) | Err(CallError::Ended | CallError::Engine(_))), "{answer:?}");
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_forgetful_sleep_misses_a_wake() {
    check(|| wakes_end_the_sleep(1, Forgetful::default()));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_forgetful_sleep_misses_a_stop() {
    check(|| a_stop_ends_the_sleep(Forgetful::default()));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_forgetful_sleep_misses_a_command() {
    check(|| a_command_ends_the_sleep(Forgetful::default()));
}

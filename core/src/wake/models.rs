//! Wakers and a drain in every order in which threads can run, with every value that the orderings let them see.
//!
//! The invariant: a model that passes has been seen to fail. Each is also run on atomics that are weakened, and must notice. The types are the
//! shipped ones, in the build whose atomics are loom's. Nothing is left out: the models are so small that loom tries all there is.
#![allow(clippy::unwrap_used)]

use alloc::boxed::Box;
use core::num::NonZeroU32;
use std::sync::Arc;
use std::vec::Vec;

use loom::sync::atomic::AtomicU32 as Datum;
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::*;
use crate::sync::modelled::{Weakness, weaken};

/// The same leaf word; two leaves under one summary; two summary words.
const PAIRS: [[usize; 2]; 3] = [[0, 1], [0, 40], [0, 1_030]];
const NODES: usize = 1_040;

/// What a driver sleeps on.
pub(crate) struct Bell {
    rung: Mutex<bool>,
    condvar: Condvar,
}

impl Bell {
    pub(crate) fn leaked() -> &'static Self {
        Box::leak(Box::new(Self { rung: Mutex::new(false), condvar: Condvar::new() }))
    }

    pub(crate) fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.condvar.wait(rung).unwrap();
        }
        *rung = false;
    }
}

impl Notify for Bell {
    fn notify(&self) {
        *self.rung.lock().unwrap() = true;
        self.condvar.notify_one();
    }
}

fn wake(set: &'static WakeSet, index: usize) {
    set.handle(NodeId::new(index as u32, NonZeroU32::MIN)).unwrap().wake();
}

/// What wakers write before they wake, and whether the drain has taken the wake.
struct Written {
    nodes: [usize; 2],
    data: Arc<[Datum; 2]>,
    taken: [bool; 2],
}

impl Written {
    fn new(nodes: [usize; 2]) -> Self {
        Self { nodes, data: Arc::new([Datum::new(0), Datum::new(0)]), taken: [false; 2] }
    }

    fn waker(&self, who: usize, set: &'static WakeSet) -> thread::JoinHandle<()> {
        let (data, node) = (Arc::clone(&self.data), self.nodes[who]);
        thread::spawn(move || {
            data[who].store(1, Ordering::Relaxed);
            wake(set, node);
        })
    }

    fn drain(&mut self, set: &WakeSet) {
        set.drain(|index| {
            let who = self.nodes.iter().position(|node| *node == index as usize).unwrap();
            assert_eq!(self.data[who].load(Ordering::Relaxed), 1, "what was written before the wake is seen");
            self.taken[who] = true;
        });
    }
}

fn a_drainer_that_sleeps_until_it_is_told_takes_every_wake(nodes: [usize; 2]) {
    let bell = Bell::leaked();
    let set = WakeSet::leaked(NODES, Some(bell));
    let mut written = Written::new(nodes);
    let _wakers = [0, 1].map(|who| written.waker(who, set));
    while written.taken != [true; 2] {
        bell.wait();
        written.drain(set);
    }
}

fn a_drain_among_wakers_takes_a_wake_or_leaves_it(nodes: [usize; 2]) {
    let set = WakeSet::leaked(NODES, None);
    let mut written = Written::new(nodes);
    let wakers = [0, 1].map(|who| written.waker(who, set));
    written.drain(set);
    wakers.into_iter().for_each(|waker| waker.join().unwrap());
    written.drain(set);
    assert_eq!(written.taken, [true; 2], "no wake is lost");
}

fn a_wake_while_it_is_drained_is_taken_or_left(nodes: [usize; 2]) {
    let bell = Bell::leaked();
    let set = WakeSet::leaked(NODES, Some(bell));
    wake(set, nodes[0]);
    bell.wait();
    let node = nodes[1];
    let waker = thread::spawn(move || wake(set, node));
    let mut taken = Vec::new();
    set.drain(|index| taken.push(index as usize));
    if !taken.contains(&node) {
        bell.wait();
        set.drain(|index| taken.push(index as usize));
    }
    waker.join().unwrap();
    taken.sort_unstable();
    assert_eq!(taken, nodes, "each once");
}

fn a_slot_that_is_freed_takes_nobody_elses_wake(nodes: [usize; 2]) {
    let set = WakeSet::leaked(NODES, None);
    wake(set, nodes[1]);
    let [kept, freed] = nodes;
    let waker = thread::spawn(move || wake(set, kept));
    set.clear(freed as u32);
    waker.join().unwrap();
    let mut taken = Vec::new();
    set.drain(|index| taken.push(index as usize));
    assert_eq!(taken, [kept]);
}

fn check_all(model: fn([usize; 2])) {
    for nodes in PAIRS {
        loom::model(move || model(nodes));
    }
}

#[test]
fn sleeping_drainer() {
    check_all(a_drainer_that_sleeps_until_it_is_told_takes_every_wake);
}

#[test]
fn drain_among_wakers() {
    check_all(a_drain_among_wakers_takes_a_wake_or_leaves_it);
}

#[test]
fn wake_while_drained() {
    check_all(a_wake_while_it_is_drained_is_taken_or_left);
}

#[test]
fn freed_slot() {
    check_all(a_slot_that_is_freed_takes_nobody_elses_wake);
}

#[test]
#[should_panic(expected = "no wake is lost")]
fn without_orderings_a_drain_overlooks_a_wake() {
    weaken(Weakness::Unordered);
    check_all(a_drain_among_wakers_takes_a_wake_or_leaves_it);
}

#[test]
#[should_panic(expected = "no wake is lost")]
fn with_torn_exchanges_a_wake_is_lost() {
    weaken(Weakness::Torn);
    check_all(a_drain_among_wakers_takes_a_wake_or_leaves_it);
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_torn_exchanges_a_sleeping_drainer_is_not_told() {
    weaken(Weakness::Torn);
    check_all(a_drainer_that_sleeps_until_it_is_told_takes_every_wake);
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_torn_exchanges_a_wake_is_lost_while_it_is_drained() {
    weaken(Weakness::Torn);
    check_all(a_wake_while_it_is_drained_is_taken_or_left);
}

#[test]
#[should_panic(expected = "left == right")]
fn with_torn_exchanges_a_freed_slot_takes_others_wakes() {
    weaken(Weakness::Torn);
    check_all(a_slot_that_is_freed_takes_nobody_elses_wake);
}

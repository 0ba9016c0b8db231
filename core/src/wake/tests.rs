#![allow(clippy::unwrap_used)]

use super::*;
use crate::wake_set;
extern crate std;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32 as Counter, AtomicUsize};
use std::boxed::Box;
use std::collections::BTreeSet;
use std::string::ToString;
use std::sync::mpsc;
use std::time::Duration;
use std::vec::Vec;
use std::{format, thread};

#[derive(Default)]
struct Count(AtomicUsize);

impl Notify for Count {
    fn notify(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn words(count: usize) -> &'static [WakeWord] {
    (0..count).map(|_| WakeWord::new(0)).collect::<Vec<_>>().leak()
}

fn counted(nodes: usize) -> (&'static WakeSet, &'static Count) {
    let count: &Count = Box::leak(Box::default());
    (Box::leak(Box::new(WakeSet::with_notify(words(WakeSet::words_for(nodes)), count))), count)
}

fn handle(set: &'static WakeSet, index: usize) -> Option<WakeHandle> {
    set.handle(NodeId::new(u32::try_from(index).unwrap(), NonZeroU32::MIN))
}

fn wake(set: &'static WakeSet, index: usize) {
    handle(set, index).unwrap().wake();
}

fn drained(set: &WakeSet) -> Vec<u32> {
    let mut indices = Vec::new();
    set.drain(|index| indices.push(index));
    indices
}

/// Knuth's 64-bit LCG, upper half: enough to scatter indices.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// So many, or a hundredth of it where each instruction is interpreted.
const fn many(times: usize) -> usize {
    if cfg!(miri) { times / 100 } else { times }
}

#[test]
fn random_operations_agree_with_a_sorted_set() {
    for nodes in [1, 31, 32, 33, 1_024, 1_025, many(40_000), many(1_000_000)] {
        let (set, count) = counted(nodes);
        let mut oracle = BTreeSet::new();
        let mut raised = false; // the top word: a clear does not lower it
        let mut random = Random(nodes as u64);
        for _ in 0..many(20_000) {
            let near = random.below(nodes.min(100));
            let index = if random.below(2) == 0 { near } else { random.below(nodes) };
            match random.below(40) {
                0 => {
                    assert!(drained(set).into_iter().eq(core::mem::take(&mut oracle)), "{nodes} nodes");
                    raised = false;
                }
                1..8 => {
                    set.clear(index as u32);
                    oracle.remove(&(index as u32));
                }
                _ => {
                    wake(set, index);
                    oracle.insert(index as u32);
                    assert_eq!(count.take(), usize::from(!raised), "{nodes} nodes, notify once when empty");
                    raised = true;
                }
            }
            assert_eq!(set.is_empty(), !raised);
        }
        assert!(drained(set).into_iter().eq(oracle));
        assert_eq!((drained(set), set.is_empty(), count.take()), (Vec::new(), true, 0));
    }
}

#[test]
fn every_bit_of_every_level_is_its_own() {
    for nodes in [1, 33, 1_025, many(40_000)] {
        let (set, count) = counted(nodes);
        for index in 0..set.capacity() {
            wake(set, index);
            assert_eq!(drained(set), [index as u32]);
        }
        assert_eq!(count.take(), set.capacity());
        for index in (0..set.capacity()).rev() {
            wake(set, index);
            wake(set, index);
        }
        assert!(drained(set).into_iter().eq(0..set.capacity() as u32));
        assert_eq!(count.take(), 1);
    }
}

#[test]
fn a_cleared_wake_is_forgotten_and_the_next_one_arrives() {
    let (set, count) = counted(2_000);
    wake(set, 1_500);
    set.clear(1_500);
    assert!(!set.is_empty(), "the upper levels stay raised");
    wake(set, 1_500); // under raised levels, so nobody is told twice
    assert_eq!((count.take(), drained(set)), (1, [1_500].into()));
    wake(set, 1_500);
    set.clear(1_500);
    assert!(drained(set).is_empty() && set.is_empty());
    set.clear(u32::MAX);
}

#[test]
fn wakes_during_a_drain_are_taken_or_left_but_never_lost() {
    let (set, count) = counted(5_000);
    wake(set, 2_000);
    let mut seen = Vec::new();
    set.drain(|index| {
        seen.push(index);
        if index == 2_000 {
            // Same word, a word already passed, a word further on: only the last may still be taken.
            [2_000, 2_001, 7, 4_000].into_iter().for_each(|index| wake(set, index));
        }
    });
    assert_eq!(count.take(), 2, "empty when the drain began, so the driver is told again");
    seen.extend(drained(set));
    seen.sort_unstable();
    assert_eq!(seen, [7, 2_000, 2_000, 2_001, 4_000]);
    assert!(set.is_empty());
}

#[test]
fn words_are_counted_to_the_last() {
    for (nodes, words) in [(0, 0), (1, 2), (32, 2), (33, 3), (1_024, 33), (1_025, 35), (1_000_000, 32_227)] {
        assert_eq!(WakeSet::words_for(nodes), words, "{nodes} nodes");
    }
    assert_eq!(WakeSet::words_for(usize::MAX), (usize::MAX / 32 + 1) + (usize::MAX / 1_024 + 1));
    for nodes in 0..many(5_000) {
        let set = WakeSet::new(words(WakeSet::words_for(nodes)));
        assert_eq!(set.capacity(), nodes.next_multiple_of(32));
    }
    // Any slice will do: each word more never means fewer nodes, and the last node has its place.
    let mut before = 0;
    for count in 0..many(3_000) {
        let set: &WakeSet = Box::leak(Box::new(WakeSet::new(words(count))));
        assert!(set.capacity() >= before && WakeSet::words_for(set.capacity()) <= count);
        before = set.capacity();
        if let Some(last) = before.checked_sub(1) {
            wake(set, last);
            assert_eq!(drained(set), [last as u32]);
        }
    }
}

#[test]
fn an_index_out_of_range_has_no_handle() {
    let (set, _) = counted(40);
    assert!(handle(set, 63).is_some());
    assert!(handle(set, 64).is_none());
    assert!(handle(set, u32::MAX as usize).is_none());
    let (none, _) = counted(0);
    assert!(handle(none, 0).is_none() && none.is_empty() && drained(none).is_empty());
}

#[test]
fn the_macro_makes_a_set_of_any_kind() {
    static COUNT: Count = Count(AtomicUsize::new(0));
    const NODES: usize = 3;
    wake_set!(static QUIET: NODES);
    wake_set! {
        /// With everything.
        pub(super) static LOUD: NODES * 1_000, notify = &COUNT,
    }
    wake(&QUIET, 2);
    wake(&LOUD, 2_999);
    assert_eq!((drained(&QUIET), drained(&LOUD), COUNT.take()), ([2].into(), [2_999].into(), 1));
    assert_eq!(format!("{LOUD:?}"), "WakeSet(3008 nodes, empty)");
    let handle = handle(&QUIET, 2).unwrap();
    assert_eq!(format!("{handle:?}"), "WakeHandle(2v1)");
    assert_eq!(handle.id().to_string(), "2v1");
}

#[cfg(feature = "alloc")]
#[test]
fn a_leaked_set_is_like_any_other() {
    static COUNT: Count = Count(AtomicUsize::new(0));
    let set = WakeSet::leaked(100_000, Some(&COUNT));
    wake(set, 99_999);
    assert_eq!((set.capacity(), drained(set), COUNT.take()), (100_000, [99_999].into(), 1));
}

/// Wakers write before they wake; a drainer that sleeps until it is told must have seen the last write of each.
#[test]
fn threads_lose_no_wake_and_the_sleeping_drainer_is_told() {
    const THREADS: u32 = 4;
    const WAKES: u32 = many(20_000) as u32;

    struct Bell(mpsc::Sender<()>);
    impl Notify for Bell {
        fn notify(&self) {
            self.0.send(()).unwrap();
        }
    }

    for nodes in [1, 40, 3_000, many(40_000)] {
        let (bell, rung) = mpsc::channel();
        let bell: &Bell = Box::leak(Box::new(Bell(bell)));
        let set: &WakeSet = Box::leak(Box::new(WakeSet::with_notify(words(WakeSet::words_for(nodes)), bell)));
        let written: Vec<Counter> = (0..nodes).map(|_| Counter::new(0)).collect();
        let mut seen: Vec<u32> = written.iter().map(|_| 0).collect();
        let mut drain =
            || set.drain(|index| seen[index as usize] = written[index as usize].load(Ordering::Relaxed));

        thread::scope(|scope| {
            let wakers: Vec<_> = (0..THREADS)
                .map(|seed| {
                    let written = &written;
                    scope.spawn(move || {
                        let mut random = Random(seed.into());
                        for _ in 0..WAKES {
                            let index = random.below(nodes);
                            written[index].fetch_add(1, Ordering::Relaxed);
                            wake(set, index);
                        }
                    })
                })
                .collect();
            while !wakers.iter().all(thread::ScopedJoinHandle::is_finished) {
                if rung.recv_timeout(Duration::from_millis(1)).is_ok() {
                    drain();
                }
            }
        });
        rung.try_iter().for_each(|()| drain());
        assert_eq!(written.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u32>(), THREADS * WAKES);
        assert!(written.iter().map(|count| count.load(Ordering::Relaxed)).eq(seen), "{nodes} nodes");
    }
}

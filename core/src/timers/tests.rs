//! The heap compared with a sorted set, in long random runs; and each promise of its own.
#![allow(clippy::unwrap_used)]

use super::*;
extern crate std;
use std::collections::BTreeSet;
use std::vec;
use std::vec::Vec;

/// The heap and its alarms.
struct Rig {
    timers: Timers,
    alarms: Vec<Alarm>,
}

impl Rig {
    fn new(indices: usize) -> Self {
        Self { timers: Timers::EMPTY, alarms: vec![Alarm::UNUSED; indices] }
    }

    fn arm(&mut self, index: u32, at: u64) {
        self.timers.arm(&mut self.alarms, index, at);
        assert_eq!(self.timers.fault(&self.alarms), None);
        assert_eq!(self.timers.time_of(&self.alarms, index), Some(at));
    }

    fn disarm(&mut self, index: u32) {
        self.timers.disarm(&mut self.alarms, index);
        assert_eq!(self.timers.fault(&self.alarms), None);
        assert_eq!(self.timers.time_of(&self.alarms, index), None);
    }

    fn first(&self) -> Option<(u64, u32)> {
        self.timers.first(&self.alarms)
    }

    /// Takes all, the first first.
    fn drain(&mut self) -> Vec<(u64, u32)> {
        let mut all = vec![];
        while let Some((at, index)) = self.first() {
            self.disarm(index);
            all.push((at, index));
        }
        all
    }
}

/// A sorted set of (time, how many were armed before, index).
#[derive(Default)]
struct Sorted {
    entries: BTreeSet<(u64, u64, u32)>,
    armed: u64,
}

impl Sorted {
    fn find(&self, index: u32) -> Option<(u64, u64, u32)> {
        self.entries.iter().find(|entry| entry.2 == index).copied()
    }

    fn arm(&mut self, index: u32, at: u64) {
        let old = self.find(index);
        if old.is_none_or(|old| old.0 != at) {
            old.map(|old| self.entries.remove(&old));
            self.entries.insert((at, self.armed, index));
            self.armed += 1;
        }
    }

    fn disarm(&mut self, index: u32) {
        self.find(index).map(|old| self.entries.remove(&old));
    }
}

/// Xorshift.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

#[test]
fn it_does_what_a_sorted_set_does() {
    for indices in [1, 2, 3, 4, 5, 6, 21, 22, 100] {
        // Few times, so that many are equal; and many.
        for times in [2, 10, u64::MAX] {
            let (mut rig, mut sorted) = (Rig::new(indices), Sorted::default());
            // The count comes to its end in the middle of the run, and again.
            for round in 0..3 {
                // Nothing may be armed when the count is set.
                for (_, index) in rig.drain() {
                    sorted.disarm(index);
                }
                rig.timers.armed = if round == 0 { 0 } else { u32::MAX - 200 };
                let mut random = 1 + indices as u64 + times / 2 + round;
                for _ in 0..1_000 {
                    let index = draw(&mut random, indices as u64) as u32;
                    match draw(&mut random, 4) {
                        0 => {
                            rig.disarm(index);
                            sorted.disarm(index);
                        }
                        1 => {
                            let first = rig.first();
                            assert_eq!(first, sorted.entries.first().map(|(at, _, index)| (*at, *index)));
                            if let Some((_, index)) = first {
                                rig.disarm(index);
                                sorted.disarm(index);
                            }
                        }
                        _ => {
                            let at = draw(&mut random, times);
                            rig.arm(index, at);
                            sorted.arm(index, at);
                        }
                    }
                    assert_eq!(rig.timers.len() as usize, sorted.entries.len());
                }
            }
            let left: Vec<_> = sorted.entries.iter().map(|(at, _, index)| (*at, *index)).collect();
            assert_eq!(rig.drain(), left);
        }
    }
}

#[test]
fn equal_times_come_in_the_order_they_were_armed_though_the_count_begins_anew() {
    let mut rig = Rig::new(100);
    rig.timers.armed = u32::MAX - 50;
    let order: Vec<u32> = (0..100).map(|nth| nth * 37 % 100).collect();
    for index in &order {
        rig.arm(*index, 7);
    }
    assert!(rig.timers.armed <= 100, "it has begun anew");
    assert_eq!(rig.drain(), order.iter().map(|index| (7, *index)).collect::<Vec<_>>());
}

#[test]
fn the_same_time_again_keeps_the_turn_and_another_loses_it() {
    let mut rig = Rig::new(3);
    (0..3).for_each(|index| rig.arm(index, 5));
    rig.arm(0, 5);
    rig.arm(1, 9);
    rig.arm(1, 5);
    assert_eq!(rig.drain(), [(5, 0), (5, 2), (5, 1)]);
}

#[test]
fn the_least_of_four_is_found_wherever_it_lies() {
    for all in 0..256_u128 {
        // Their two bits lie on both sides of the middle.
        let entries = [0, 2, 4, 6].map(|shift| (all >> shift & 3) << 63);
        let least = least_of_four(&entries.map(|entry| Alarm { entry, after: 0 }));
        assert_eq!(Some(&entries[least]), entries.iter().min());
    }
}

#[test]
fn a_wrong_order_and_a_wrong_place_are_noticed() {
    let mut rig = Rig::new(6);
    (0..6).for_each(|index| rig.arm(index, u64::from(index)));
    swap(&mut rig.alarms, 1, 5);
    assert_eq!(rig.timers.fault(&rig.alarms), Some(1));
    swap(&mut rig.alarms, 1, 5);
    assert_eq!(rig.timers.fault(&rig.alarms), None);
    set_place(&mut rig.alarms, 3, 2);
    assert_eq!(rig.timers.fault(&rig.alarms), Some(3));
}

#[test]
fn what_is_not_armed_can_be_disarmed() {
    let mut rig = Rig::new(1);
    rig.disarm(0);
    assert_eq!((rig.first(), rig.timers.is_empty()), (None, true));
}

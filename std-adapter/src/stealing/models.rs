//! Every order of an owner and thieves at the shipped deque, up to three preemptions; and weakened twins of it that
//! must fail. The audit judges; its state adds no order of its own to the model.

use std::sync::Arc;

use loom::thread;

use super::{Deque, Ring, Steal};
use crate::audit::{Audit, Exact, Finish, Layout, Missed, Moment, Order, Probe, QueueId, Seat, Settings};
use crate::sync::{AtomicU64, Ordering, fence};

/// What the owner does, in order.
#[derive(Clone, Copy)]
enum Act {
    Push,
    Pop,
}
use Act::{Pop, Push};

const QUEUE: QueueId = QueueId(0);

fn check<D: Deque<u64>>(acts: &'static [Act], thieves: u16, steals: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let mut layout = Layout::new(1 + usize::from(thieves), acts.len());
        layout.queue(Order::LifoOwner, Some(0), 4);
        let audit = Exact::new(&layout, &Settings::default());
        let deque = Arc::new(D::with_capacity(2));
        let threads: Vec<_> = (1..=thieves)
            .map(|thief| {
                let (deque, mut probe) = (Arc::clone(&deque), audit.probe(Seat::Worker(thief)));
                thread::spawn(move || (0..steals).for_each(|_| steal(&*deque, &mut probe)))
            })
            .collect();
        let mut probe = audit.probe(Seat::Worker(0));
        let mut id = 0;
        for act in acts {
            match act {
                Push => {
                    let tag = probe.enqueue(id, QUEUE);
                    if deque.push(id, tag).is_err() {
                        probe.rejected(id, QUEUE, tag);
                    }
                    id += 1;
                }
                Pop => {
                    pop(&*deque, &mut probe);
                }
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        while pop(&*deque, &mut probe) {}
        let report = audit.report(Moment::Quiescent);
        assert!(report.is_clean(), "broken: {report}");
    });
}

fn pop<D: Deque<u64>>(deque: &D, probe: &mut impl Probe<Tag = u64>) -> bool {
    let found = deque.pop();
    let _ = probe.popped(QUEUE, found);
    if let Some((id, _)) = found {
        run(probe, id);
    }
    found.is_some()
}

fn steal<D: Deque<u64>>(deque: &D, probe: &mut impl Probe<Tag = u64>) {
    let attempt = probe.attempt(QUEUE);
    match deque.steal() {
        Steal::Taken(id, tag) => {
            let _ = attempt.got(id, tag);
            run(probe, id);
        }
        Steal::Empty => attempt.missed(Missed::Empty),
        Steal::Contended => attempt.missed(Missed::Contended),
    }
}

fn run(probe: &mut impl Probe, id: u64) {
    let _ = probe.started(id);
    probe.finished(id, Finish::Done);
}

/// [`Ring`] again, with one thing wrong: bit 0 leaves out the owner's fence, bit 1 publishes without a fence, bit 2
/// lets the owner take the last element without a claim.
struct Weak<const FAULT: u8> {
    top: AtomicU64,
    bottom: AtomicU64,
    cells: [(AtomicU64, AtomicU64); 2],
}

impl<const FAULT: u8> Weak<FAULT> {
    fn read(&self, position: u64) -> (u64, u64) {
        let (id, tag) = &self.cells[position as usize & 1];
        (id.load(Ordering::Relaxed), tag.load(Ordering::Relaxed))
    }

    fn claim(&self, top: u64) -> bool {
        self.top.compare_exchange(top, top + 1, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }
}

impl<const FAULT: u8> Deque<u64> for Weak<FAULT> {
    fn with_capacity(_: usize) -> Self {
        let cell = || (AtomicU64::new(0), AtomicU64::new(0));
        Self { top: AtomicU64::new(1), bottom: AtomicU64::new(1), cells: [cell(), cell()] }
    }

    fn push(&self, id: u64, tag: u64) -> Result<(), super::Full> {
        let bottom = self.bottom.load(Ordering::Relaxed);
        if bottom - self.top.load(Ordering::Acquire) >= 2 {
            return Err(super::Full);
        }
        let cell = &self.cells[bottom as usize & 1];
        cell.0.store(id, Ordering::Relaxed);
        cell.1.store(tag, Ordering::Relaxed);
        if FAULT & 2 == 0 {
            fence(Ordering::Release);
        }
        self.bottom.store(bottom + 1, Ordering::Relaxed);
        Ok(())
    }

    fn pop(&self) -> Option<(u64, u64)> {
        let bottom = self.bottom.load(Ordering::Relaxed);
        if self.top.load(Ordering::Relaxed) >= bottom {
            return None;
        }
        let newest = bottom - 1;
        self.bottom.store(newest, Ordering::Relaxed);
        if FAULT & 1 == 0 {
            fence(Ordering::SeqCst);
        }
        let top = self.top.load(Ordering::Relaxed);
        if top < newest {
            return Some(self.read(newest));
        }
        let element = self.read(newest);
        let ours = if FAULT & 4 == 0 {
            top == newest && self.claim(top)
        } else {
            let there = top == newest;
            if there {
                self.top.store(top + 1, Ordering::SeqCst);
            }
            there
        };
        self.bottom.store(bottom, Ordering::Relaxed);
        ours.then_some(element)
    }

    fn steal(&self) -> Steal<u64> {
        let top = self.top.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let bottom = self.bottom.load(Ordering::Acquire);
        if top >= bottom {
            return Steal::Empty;
        }
        let (id, tag) = self.read(top);
        if self.claim(top) { Steal::Taken(id, tag) } else { Steal::Contended }
    }

    fn len(&self) -> usize {
        0
    }

    fn capacity(&self) -> usize {
        2
    }
}

#[test]
fn an_owner_and_a_thief_break_no_promise() {
    check::<Ring<u64>>(&[Push, Push, Pop, Push, Pop], 1, 2);
}

#[test]
fn an_owner_and_two_thieves_break_no_promise() {
    check::<Ring<u64>>(&[Push, Push, Pop], 2, 1);
}

#[test]
fn the_twin_without_a_fault_breaks_no_promise() {
    check::<Weak<0>>(&[Push, Push, Pop, Push, Pop], 1, 2);
}

#[test]
#[should_panic(expected = "broken")]
fn without_the_owners_fence_an_element_is_taken_twice() {
    check::<Weak<1>>(&[Push, Push, Pop, Pop], 1, 2);
}

#[test]
#[should_panic(expected = "broken")]
fn without_the_fence_of_the_push_a_thief_reads_an_old_cell() {
    check::<Weak<2>>(&[Push, Push, Pop, Push, Pop], 1, 2);
}

#[test]
#[should_panic(expected = "broken")]
fn without_a_claim_the_last_element_is_taken_twice() {
    check::<Weak<4>>(&[Push, Pop], 1, 1);
}

//! Every order of an owner and thieves at the shipped deque, up to three preemptions; and weakened twins of it that
//! must fail. The audit judges; its state adds no order of its own to the model.

use std::sync::Arc;

use loom::thread;

use super::{Deque, Full, Ring, Steal};
use crate::audit::{Audit, Exact, Finish, Layout, Missed, Moment, Order, Probe, QueueId, Seat, Settings};
use crate::sync::{Ordering, fence};

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

/// A [`Ring`] whose owner makes one mistake: bit 0 leaves out the fence of the pop, bit 1 that of the push, bit 2 takes
/// the last element without a claim. Its thieves are the shipped ones.
struct Weak<const FAULT: u8>(Ring<u64>);

impl<const FAULT: u8> Deque<u64> for Weak<FAULT> {
    fn with_capacity(capacity: usize) -> Self {
        Self(Ring::with_capacity(capacity))
    }

    fn push(&self, id: u64, tag: u64) -> Result<(), Full> {
        let Self(ring) = self;
        let bottom = ring.bottom.load(Ordering::Relaxed);
        if bottom - ring.top.load(Ordering::Acquire) >= ring.capacity() as u64 {
            return Err(Full);
        }
        let cell = ring.cell(bottom);
        cell.id.store(id, Ordering::Relaxed);
        cell.tag.store(tag, Ordering::Relaxed);
        if FAULT & 2 == 0 {
            fence(Ordering::Release);
        }
        ring.bottom.store(bottom + 1, Ordering::Relaxed);
        Ok(())
    }

    fn pop(&self) -> Option<(u64, u64)> {
        let Self(ring) = self;
        let bottom = ring.bottom.load(Ordering::Relaxed);
        if ring.top.load(Ordering::Relaxed) >= bottom {
            return None;
        }
        let newest = bottom - 1;
        ring.bottom.store(newest, Ordering::Relaxed);
        if FAULT & 1 == 0 {
            fence(Ordering::SeqCst);
        }
        let top = ring.top.load(Ordering::Relaxed);
        if top < newest {
            return Some(ring.read(newest));
        }
        let element = ring.read(newest);
        let ours = if FAULT & 4 == 0 {
            top == newest && ring.claim(top)
        } else {
            let there = top == newest;
            if there {
                ring.top.store(top + 1, Ordering::SeqCst);
            }
            there
        };
        ring.bottom.store(bottom, Ordering::Relaxed);
        ours.then_some(element)
    }

    fn steal(&self) -> Steal<u64> {
        self.0.steal()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
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

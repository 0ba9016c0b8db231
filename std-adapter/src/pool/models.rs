//! Every order of threads at the shipped parts, up to a few preemptions: an owner and thieves at the deque and at the
//! slot, workers that go to sleep while somebody adds, and the end of a pool; and weakened twins that must fail. The
//! audit judges; its state adds no order of its own to the model. A worker that sleeps through an element is a deadlock,
//! which loom reports.

use std::sync::Arc;

use loom::thread;

use super::hub::Hub;
use super::idle::Idle;
use super::slot::Slot;
use super::worker::Worker;
use super::{Deque, Full, Options, Ring, Steal};
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

fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(run);
}

#[test]
fn what_is_in_a_slot_is_taken_once() {
    model(3, || {
        let slot = Arc::new(Slot::<u64>::new());
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.take())
            })
            .collect();
        slot.put(1, 10);
        let mut taken = Vec::from_iter(slot.take());
        if slot.is_empty() {
            slot.put(2, 20);
        }
        taken.extend(thieves.into_iter().filter_map(|thief| thief.join().unwrap()));
        taken.extend(slot.take());
        taken.sort_unstable();
        assert!(taken == [(1, 10), (2, 20)] || taken == [(1, 10)], "{taken:?}");
    });
}

/// One worker that takes two elements, while another thread adds them.
fn sleeps(look: bool) {
    model(3, move || {
        let idle = Arc::new(Idle::new(1));
        let there = Arc::new(AtomicU64::new(0));
        let (added, line) = (Arc::clone(&idle), Arc::clone(&there));
        let producer = thread::spawn(move || {
            for _ in 0..2 {
                line.fetch_add(1, Ordering::Relaxed);
                let _ = added.added();
            }
        });
        let mut taken = 0;
        while taken < 2 {
            idle.search();
            let something = || there.load(Ordering::Relaxed) > taken;
            if !something() {
                idle.sleep(0, None, || look && something());
            }
            taken += u64::from(something());
            idle.found(|| false);
        }
        producer.join().unwrap();
    });
}

#[test]
fn nobody_sleeps_through_an_element() {
    sleeps(true);
}

#[test]
#[should_panic(expected = "deadlock")]
fn whoever_does_not_look_again_sleeps_through_an_element() {
    sleeps(false);
}

type Pool = Hub<Exact, Ring<u64>>;

fn pool(workers: usize, local: usize) -> Arc<Pool> {
    let options = Options { local, batch: 2, slots: 8, ..Options::new(workers) };
    Arc::new(Hub::new(&options).expect("the sizes are right"))
}

/// Takes and runs until the pool is closed; closes it after `all` in all.
fn work(hub: &Arc<Pool>, worker: &Worker<Exact, Ring<u64>>, done: &AtomicU64, all: u64) {
    while !hub.is_closed() {
        let Some(id) = worker.next().or_else(|| worker.wait(None)) else { continue };
        assert!(worker.start(id));
        worker.finish(id, Finish::Done);
        if done.fetch_add(1, Ordering::Relaxed) + 1 == all {
            hub.close();
        }
    }
}

fn clean(hub: &Pool) {
    let report = hub.report(Moment::Quiescent);
    assert!(report.is_clean(), "broken: {report}");
}

#[test]
fn what_comes_from_outside_wakes_a_worker() {
    model(2, || {
        let hub = pool(1, 2);
        let (shared, done) = (Arc::clone(&hub), Arc::new(AtomicU64::new(0)));
        let thread = thread::spawn(move || work(&shared, &Worker::new(Arc::clone(&shared), 0), &done, 2));
        assert!(!hub.put(0));
        let _ = hub.put(1);
        thread.join().unwrap();
        clean(&hub);
    });
}

#[test]
fn what_a_deque_has_no_room_for_is_found_by_others() {
    model(1, || {
        let hub = pool(2, 2);
        let done = Arc::new(AtomicU64::new(0));
        let (shared, count) = (Arc::clone(&hub), Arc::clone(&done));
        let thread = thread::spawn(move || work(&shared, &Worker::new(Arc::clone(&shared), 1), &count, 4));
        let worker = Worker::new(Arc::clone(&hub), 0);
        worker.put(0);
        worker.put_next(1);
        worker.put(2);
        worker.put(3);
        work(&hub, &worker, &done, 4);
        thread.join().unwrap();
        clean(&hub);
    });
}

#[test]
fn what_comes_while_the_pool_closes_is_run_or_given_back() {
    model(2, || {
        let hub = pool(1, 2);
        let (shared, done) = (Arc::clone(&hub), Arc::new(AtomicU64::new(0)));
        let (given, back) = (Arc::clone(&done), Arc::new(AtomicU64::new(0)));
        let (gave, count) = (Arc::clone(&back), Arc::clone(&given));
        let thread = thread::spawn(move || work(&shared, &Worker::new(Arc::clone(&shared), 0), &count, 9));
        let (late, late_back) = (Arc::clone(&hub), Arc::clone(&back));
        let producer = thread::spawn(move || {
            if late.put(0) {
                late.drain(|_| {
                    late_back.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        hub.close();
        hub.drain(|_| {
            gave.fetch_add(1, Ordering::Relaxed);
        });
        producer.join().unwrap();
        thread.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed) + back.load(Ordering::Relaxed), 1);
        clean(&hub);
    });
}

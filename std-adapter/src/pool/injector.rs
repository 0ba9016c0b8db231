//! The queue of everybody: what comes from outside, and what a worker's own deque has no room for.
//!
//! The invariant: *first in, first out*, for each producer and for all of them together. It is a queue under a lock,
//! with its length beside it, so that a worker that finds it empty takes no lock. It grows as needed: its bound is that of
//! the ids in use.
//!
//! This file does not know what an id stands for.

use std::collections::VecDeque;

use crate::audit::{Audit, Missed, Probe, QueueId, Verdict};
use crate::clock::lock;
use crate::sync::{AtomicU64, Mutex, Ordering};

pub(super) struct Injector<A: Audit> {
    queue: QueueId,
    length: AtomicU64,
    line: Mutex<Line<A>>,
}

pub(super) struct Line<A: Audit> {
    elements: VecDeque<(u64, A::Tag)>,
    /// Reports for all threads that are no workers; they take turns by the lock.
    pub(super) probe: A::Probe,
}

impl<A: Audit> Injector<A> {
    pub(super) fn new(queue: QueueId, probe: A::Probe) -> Self {
        Self { queue, length: AtomicU64::new(0), line: Mutex::new(Line { elements: VecDeque::new(), probe }) }
    }

    /// Adds an id, for a thread that is no worker.
    pub(super) fn put(&self, id: u64) {
        let mut line = lock(&self.line);
        let tag = line.probe.enqueue(id, self.queue);
        line.elements.push_back((id, tag));
        self.publish(&line);
    }

    /// Adds what a worker has displaced, oldest first, and then `id`, which is new.
    pub(super) fn put_displaced(&self, displaced: &[u64], id: u64, probe: &mut A::Probe) {
        let mut line = lock(&self.line);
        for id in displaced {
            line.elements.push_back((*id, probe.moved(*id, self.queue)));
        }
        line.elements.push_back((id, probe.enqueue(id, self.queue)));
        self.publish(&line);
    }

    /// Takes the oldest ids, as many as there is room for in `taken`, and says how many.
    ///
    /// What the audit refuses is left out.
    pub(super) fn take(&self, taken: &mut [u64], probe: &mut A::Probe) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut attempt = probe.attempt(self.queue);
        let mut count = 0;
        let mut line = lock(&self.line);
        while count < taken.len() {
            let Some((id, tag)) = line.elements.pop_front() else { break };
            if attempt.part(id, tag) == Verdict::Run {
                taken[count] = id;
                count += 1;
            }
        }
        self.publish(&line);
        drop(line);
        attempt.missed(Missed::Empty);
        count
    }

    /// Takes out what `keep` does not want. Cost: a look at every element.
    pub(super) fn sweep(&self, mut keep: impl FnMut(u64) -> bool, mut out: impl FnMut(u64)) {
        let mut line = lock(&self.line);
        let Line { elements, probe } = &mut *line;
        // All are taken and the rest is put back, in the same order: the queue lets nothing out of the middle.
        let all = std::mem::take(elements);
        let mut attempt = probe.attempt(self.queue);
        let ids: Vec<u64> = all
            .into_iter()
            .filter(|(id, tag)| attempt.part(*id, *tag) == Verdict::Run)
            .map(|(id, _)| id)
            .collect();
        attempt.missed(Missed::Empty);
        let mut gone = Vec::new();
        for id in ids {
            if keep(id) {
                elements.push_back((id, probe.moved(id, self.queue)));
            } else {
                probe.released(id);
                probe.retired(id);
                gone.push(id);
            }
        }
        self.publish(&line);
        drop(line);
        gone.into_iter().for_each(&mut out);
    }

    /// Lends the probe of those who are no workers.
    pub(super) fn with_probe<R>(&self, call: impl FnOnce(&mut A::Probe) -> R) -> R {
        call(&mut lock(&self.line).probe)
    }

    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed) as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn publish(&self, line: &Line<A>) {
        self.length.store(line.elements.len() as u64, Ordering::Relaxed);
    }
}

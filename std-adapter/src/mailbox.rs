//! The commands for one scheduler, on their way to its thread.
//!
//! The scheduler's thread takes all that have come between two polls. The invariant: *every command is called exactly
//! once*. When the thread ends it closes the mailbox under its lock and turns away what is still in it, so nobody
//! waits for ever and a refused work comes back. Why not a channel: what is in one when its receiver goes is dropped,
//! works included.

use std::sync::{Arc, OnceLock};

use windlass::{Instant, NodeId, Observer, Scheduler, Store};

use crate::clock::lock;
use crate::handle::{CallError, WaitError};
use crate::reply::Promise;
use crate::shared::Shared;
use crate::snapshot::NodeSnapshot;
use crate::sync::Mutex;
use crate::sync::thread::{self, ThreadId};

/// The commands for one scheduler.
pub(crate) struct Mailbox<S, O> {
    queue: Mutex<Queue<S, O>>,
    shared: Arc<Shared>,
    thread: OnceLock<ThreadId>,
}

struct Queue<S, O> {
    commands: Vec<Command<S, O>>,
    open: bool,
}

/// What a command gets to work with.
pub(crate) struct Desk<'a, S, O> {
    pub scheduler: &'a mut Scheduler<S, O>,
    pub now: Instant,
    pub waiters: &'a mut Vec<Waiter>,
}

/// Somebody who wants to know when a node has ended.
pub(crate) struct Waiter {
    pub node: NodeId,
    pub promise: Promise<Result<NodeSnapshot, WaitError>>,
}

/// Called exactly once, and never panics.
pub(crate) type Command<S, O> = Box<dyn FnOnce(Result<Desk<'_, S, O>, CallError>) + Send>;

impl<S, O> Mailbox<S, O> {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        let queue = Mutex::new(Queue { commands: Vec::new(), open: true });
        Arc::new(Self { queue, shared, thread: OnceLock::new() })
    }

    /// Puts a command in, or calls it at once to say why not.
    pub(crate) fn submit(&self, command: Command<S, O>) {
        if self.is_own_thread() {
            return command(Err(CallError::OwnThread));
        }
        self.post(command);
    }

    /// As [`Mailbox::submit`], for a caller that does not wait: the scheduler's own thread may be that.
    pub(crate) fn post(&self, command: Command<S, O>) {
        let mut queue = lock(&self.queue);
        if queue.open {
            queue.commands.push(command);
            drop(queue);
            self.shared.notify();
        } else {
            drop(queue);
            command(Err(CallError::Ended));
        }
    }

    /// Whether the calling thread is the scheduler's.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.thread.get() == Some(&thread::current().id())
    }

    pub(crate) fn is_open(&self) -> bool {
        lock(&self.queue).open
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The calling thread is the scheduler's from now on.
    pub(crate) fn move_in(&self) {
        // Called once, by the thread itself.
        let _ = self.thread.set(thread::current().id());
    }

    /// All commands that have come.
    pub(crate) fn take(&self) -> Vec<Command<S, O>> {
        std::mem::take(&mut lock(&self.queue).commands)
    }

    /// Takes no more, and answers what is left.
    pub(crate) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.open = false;
        let left = std::mem::take(&mut queue.commands);
        drop(queue);
        for command in left {
            command(Err(CallError::Ended));
        }
    }
}

/// Tells those whose node has ended. Cost: one look for each who waits.
pub(crate) fn settle<S: Store, O: Observer>(
    waiters: &mut Vec<Waiter>,
    scheduler: &Scheduler<S, O>,
    now: Instant,
) {
    let mut at = 0;
    while let Some(waiter) = waiters.get(at) {
        let answer = match scheduler.node(waiter.node) {
            Err(_) => Err(WaitError::Freed),
            Ok(node) if node.state().is_done() => Ok(NodeSnapshot::of(&node, now)),
            Ok(_) if waiter.promise.is_wanted() => {
                at += 1;
                continue;
            }
            Ok(_) => {
                waiters.swap_remove(at);
                continue;
            }
        };
        waiters.swap_remove(at).promise.fulfil(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use windlass::{Boxed, DynWork, Scheduler, Spec, State};

    use super::*;
    use crate::reply;

    #[test]
    fn whoever_has_given_up_is_forgotten_and_whoever_waits_is_told_once() {
        let mut scheduler: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(2);
        let node = scheduler.add(Spec::parallel("empty")).expect("there is room");
        let mut waiters = Vec::new();
        let mut answers: Vec<_> = (0..3)
            .map(|_| {
                let (promise, answer) = reply::pair();
                waiters.push(Waiter { node, promise });
                answer
            })
            .collect();
        answers.remove(1);
        settle(&mut waiters, &scheduler, Instant::ZERO);
        assert_eq!(waiters.len(), 2);
        assert!(answers.iter_mut().all(|answer| answer.take().is_pending()));
        let _ = scheduler.poll_work(Instant::ZERO);
        settle(&mut waiters, &scheduler, Instant::ZERO);
        assert!(waiters.is_empty());
        for answer in &mut answers {
            assert!(matches!(answer.take(), Poll::Ready(Some(Ok(node))) if node.state == State::Success));
        }
    }
}

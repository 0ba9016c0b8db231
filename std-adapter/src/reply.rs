//! One value on its way from one thread to another.
//!
//! The invariant: *every answer comes*. A [`Promise`] is fulfilled or dropped, and either ends the wait of its
//! [`Answer`]; so nobody waits for a thread that has ended. The waiting side may block, look, or be polled as a
//! future.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::clock::lock;
use crate::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering};

/// A promise and the answer it will give.
pub(crate) fn pair<T>() -> (Promise<T>, Answer<T>) {
    let slot = Arc::new(Slot::new());
    (Promise { slot: Some(Arc::clone(&slot)) }, Answer { slot })
}

pub(crate) struct Promise<T> {
    slot: Option<Arc<Slot<T>>>,
}

pub(crate) struct Answer<T> {
    slot: Arc<Slot<T>>,
}

/// Where the value is handed over. Whoever holds one without a [`Promise`] must settle it.
pub(crate) struct Slot<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

enum State<T> {
    Open {
        waker: Option<Waker>,
        /// Whether a thread waits here.
        waits: bool,
        /// Counts threads of a pool that wait, among them the one that waits here.
        counted: Option<Arc<AtomicU64>>,
    },
    Here(T),
    /// Taken, or never to come.
    Over,
}

/// All threads that could bring the value would wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoThreadLeft;

impl<T> Promise<T> {
    pub(crate) fn fulfil(mut self, value: T) {
        if let Some(slot) = self.slot.take() {
            slot.settle(Some(value));
        }
    }

    /// Whether somebody still has the answer.
    pub(crate) fn is_wanted(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| Arc::strong_count(slot) > 1)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.settle(None);
        }
    }
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State::Open { waker: None, waits: false, counted: None }),
            ready: Condvar::new(),
        }
    }

    /// The value is here, or, without one, will never come.
    pub(crate) fn settle(&self, value: Option<T>) {
        let to = value.map_or(State::Over, State::Here);
        let before = std::mem::replace(&mut *lock(&self.state), to);
        if let State::Open { waker, waits, counted } = before {
            if let Some(waiting) = counted {
                // Before this thread can wait itself.
                waiting.fetch_sub(1, Ordering::SeqCst);
            }
            if waits {
                // A call of the operating system, so only if it is needed.
                self.ready.notify_all();
            }
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Looks: the value, once; none if it was taken or will never come.
    pub(crate) fn take(&self) -> Poll<Option<T>> {
        lock(&self.state).take()
    }

    /// Whether the value is here, or was, or will never come.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(*lock(&self.state), State::Open { .. })
    }

    /// Blocks until the value comes; none if it was taken or will never come.
    pub(crate) fn wait(&self) -> Option<T> {
        self.wait_locked(lock(&self.state))
    }

    /// As [`Slot::wait`], for one of `threads` threads of which one must be left to bring the value. `waiting` counts
    /// those that wait.
    pub(crate) fn wait_counted(
        &self,
        waiting: &Arc<AtomicU64>,
        threads: u64,
    ) -> Result<Option<T>, NoThreadLeft> {
        let mut state = lock(&self.state);
        if let State::Open { counted, .. } = &mut *state {
            if waiting.fetch_add(1, Ordering::SeqCst) + 1 >= threads {
                waiting.fetch_sub(1, Ordering::SeqCst);
                return Err(NoThreadLeft);
            }
            *counted = Some(Arc::clone(waiting));
        }
        Ok(self.wait_locked(state))
    }

    fn wait_locked(&self, mut state: MutexGuard<'_, State<T>>) -> Option<T> {
        loop {
            if let Poll::Ready(value) = state.take() {
                return value;
            }
            if let State::Open { waits, .. } = &mut *state {
                *waits = true;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.state);
        if let State::Open { waker, .. } = &mut *state {
            let old = waker.replace(cx.waker().clone());
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        state.take()
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Poll<Option<T>> {
        match std::mem::replace(self, Self::Over) {
            Self::Here(value) => Poll::Ready(Some(value)),
            Self::Over => Poll::Ready(None),
            open @ Self::Open { .. } => {
                *self = open;
                Poll::Pending
            }
        }
    }
}

impl<T> Answer<T> {
    /// As [`Slot::take`].
    #[cfg(test)]
    pub(crate) fn take(&mut self) -> Poll<Option<T>> {
        self.slot.take()
    }

    /// As [`Slot::is_settled`].
    pub(crate) fn is_settled(&self) -> bool {
        self.slot.is_settled()
    }

    /// As [`Slot::wait`].
    pub(crate) fn wait(&mut self) -> Option<T> {
        self.slot.wait()
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.slot.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;

    #[test]
    fn a_value_arrives_once_by_each_way() {
        for way in 0..3 {
            let (promise, mut answer) = pair();
            assert!(promise.is_wanted() && !answer.is_settled());
            let thread = std::thread::spawn(move || promise.fulfil(7));
            let value = match way {
                0 => answer.wait(),
                1 => block_on(&mut answer),
                _ => {
                    thread.join().ok();
                    assert!(answer.is_settled());
                    assert_eq!(answer.take(), Poll::Ready(Some(7)));
                    continue;
                }
            };
            assert_eq!(value, Some(7));
            assert_eq!(answer.take(), Poll::Ready(None));
        }
    }

    #[test]
    fn a_broken_promise_ends_every_wait() {
        let (promise, mut answer) = pair::<()>();
        assert_eq!(answer.take(), Poll::Pending);
        std::thread::spawn(move || drop(promise));
        assert_eq!(block_on(&mut answer), None);
        assert_eq!(answer.wait(), None);
    }

    #[test]
    fn a_promise_knows_when_nobody_waits() {
        let (promise, answer) = pair::<()>();
        drop(answer);
        assert!(!promise.is_wanted());
        promise.fulfil(());
    }

    #[test]
    fn the_last_thread_that_could_bring_the_value_does_not_wait_for_it() {
        let waiting = Arc::new(AtomicU64::new(0));
        let [here, other] = [(), ()].map(|()| Arc::new(Slot::new()));
        assert_eq!(here.wait_counted(&waiting, 1), Err::<Option<u8>, _>(NoThreadLeft));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| here.wait_counted(&waiting, 2));
            while waiting.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            assert_eq!(other.wait_counted(&waiting, 2), Err::<Option<u8>, _>(NoThreadLeft));
            here.settle(Some(1));
            // The other is not counted any more, whether it has woken up yet or not.
            assert_eq!(waiting.load(Ordering::SeqCst), 0);
            other.settle(Some(2));
            assert_eq!(other.wait_counted(&waiting, 1), Ok(Some(2)));
            assert_eq!(waiter.join().ok(), Some(Ok(Some(1))));
        });
    }
}

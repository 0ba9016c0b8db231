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
use crate::sync::{Condvar, Mutex};

/// A promise and the answer it will give.
pub(crate) fn pair<T>() -> (Promise<T>, Answer<T>) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Open(None)), ready: Condvar::new() });
    (Promise { slot: Some(Arc::clone(&slot)) }, Answer { slot })
}

pub(crate) struct Promise<T> {
    slot: Option<Arc<Slot<T>>>,
}

pub(crate) struct Answer<T> {
    slot: Arc<Slot<T>>,
}

struct Slot<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

enum State<T> {
    Open(Option<Waker>),
    Here(T),
    /// Taken, or never to come.
    Over,
}

impl<T> Promise<T> {
    pub(crate) fn fulfil(mut self, value: T) {
        if let Some(slot) = self.slot.take() {
            slot.settle(State::Here(value));
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
            slot.settle(State::Over);
        }
    }
}

impl<T> Slot<T> {
    fn settle(&self, to: State<T>) {
        let before = std::mem::replace(&mut *lock(&self.state), to);
        self.ready.notify_all();
        if let State::Open(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Poll<Option<T>> {
        match std::mem::replace(self, Self::Over) {
            Self::Here(value) => Poll::Ready(Some(value)),
            Self::Over => Poll::Ready(None),
            open @ Self::Open(_) => {
                *self = open;
                Poll::Pending
            }
        }
    }
}

impl<T> Answer<T> {
    /// Looks: the value, once; none if it was taken or will never come.
    pub(crate) fn take(&mut self) -> Poll<Option<T>> {
        lock(&self.slot.state).take()
    }

    /// Whether the value is here, or was, or will never come.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(*lock(&self.slot.state), State::Open(_))
    }

    /// Blocks until the value comes; none if it was taken or will never come.
    pub(crate) fn wait(&mut self) -> Option<T> {
        let mut state = lock(&self.slot.state);
        loop {
            if let Poll::Ready(value) = state.take() {
                return value;
            }
            state = self.slot.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.slot.state);
        if let State::Open(waker) = &mut *state {
            let old = waker.replace(cx.waker().clone());
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        state.take()
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
}

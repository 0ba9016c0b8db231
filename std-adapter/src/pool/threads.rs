//! Threads that are waited for, but not for ever.
//!
//! The invariant: *a wait ends*, when all have returned or its time is up, and then it is known who has not. A thread that
//! waits for its own group does not wait for itself. This file does not know what they do.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::clock::lock;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// The threads of a pool. Dropped, it lets those go on that have not returned.
#[derive(Default)]
pub(crate) struct Threads {
    started: Mutex<Vec<(usize, JoinHandle<()>)>>,
    returned: Arc<Returned>,
}

#[derive(Default)]
struct Returned {
    numbers: Mutex<Vec<usize>>,
    changed: Condvar,
}

/// Notes that its thread has returned, or was left by a panic.
struct Leaving(Arc<Returned>, usize);

impl Drop for Leaving {
    fn drop(&mut self) {
        lock(&self.0.numbers).push(self.1);
        self.0.changed.notify_all();
    }
}

impl Threads {
    /// Starts one more.
    pub(crate) fn start(
        &self,
        name: String,
        number: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let leaving = Leaving(Arc::clone(&self.returned), number);
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _leaving = leaving;
            body();
        })?;
        lock(&self.started).push((number, thread));
        Ok(())
    }

    /// Waits for all of them, at most for `limit`, and says who has not returned, the calling thread included.
    pub(crate) fn wait(&self, limit: Duration) -> Vec<usize> {
        let me = thread::current().id();
        let others: Vec<usize> = lock(&self.started)
            .iter()
            .filter(|(_, thread)| thread.thread().id() != me)
            .map(|(number, _)| *number)
            .collect();
        self.wait_for(&others, limit);
        let numbers = lock(&self.returned.numbers).clone();
        let mut started = lock(&self.started);
        let (gone, here) = std::mem::take(&mut *started)
            .into_iter()
            .partition::<Vec<_>, _>(|(number, _)| numbers.contains(number));
        *started = here;
        let left = started.iter().map(|(number, _)| *number).collect();
        drop(started);
        for (_, thread) in gone {
            // It has left its body, so this is short; its panic, if any, has been reported by the hook.
            let _ = thread.join();
        }
        left
    }

    fn wait_for(&self, others: &[usize], limit: Duration) {
        let numbers = lock(&self.returned.numbers);
        let missing = |numbers: &mut Vec<usize>| others.iter().any(|number| !numbers.contains(number));
        #[cfg(not(loom))]
        let waited = self.returned.changed.wait_timeout_while(numbers, limit, missing);
        #[cfg(not(loom))]
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        #[cfg(loom)]
        {
            // A model has no time.
            let (_, mut numbers) = (limit, numbers);
            while missing(&mut numbers) {
                numbers = self.returned.changed.wait(numbers).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn those_that_have_not_returned_are_named_and_can_be_waited_for_again() {
        let threads = Threads::default();
        let (go, wait) = mpsc::channel::<()>();
        threads.start("a".to_owned(), 0, || ()).expect("a thread");
        let body = move || assert!(wait.recv().is_err());
        threads.start("b".to_owned(), 7, body).expect("a thread");
        while threads.wait(Duration::ZERO) != [7] {
            thread::yield_now();
        }
        drop(go);
        assert_eq!(threads.wait(Duration::MAX), []);
        assert_eq!(threads.wait(Duration::MAX), []);
    }

    #[test]
    fn a_thread_that_panics_has_returned() {
        let threads = Threads::default();
        threads.start("a".to_owned(), 0, || std::panic::resume_unwind(Box::new(()))).expect("a thread");
        assert_eq!(threads.wait(Duration::MAX), []);
    }

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let threads = Arc::new(Threads::default());
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let own = Arc::clone(&threads);
        threads
            .start("a".to_owned(), 3, move || {
                assert!(wait.recv().is_err());
                tell.send(own.wait(Duration::MAX)).ok();
            })
            .expect("a thread");
        drop(go);
        assert_eq!(told.recv(), Ok(vec![3]));
    }
}

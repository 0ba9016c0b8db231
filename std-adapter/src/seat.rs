//! Wake sets for schedulers that come and go.
//!
//! A wake set lives for ever, because handles to it may. So sets are made once and used again: a driver takes one as
//! its *seat* and gives it back in the end. The invariant: *one seat serves one driver at a time*, so what is leaked
//! is bounded by the most drivers that ever lived at once. A handle that outlived its driver wakes the seat's next
//! holder, which is harmless: a wake means "look again".

use std::sync::Arc;

use windlass::{Notify, WakeSet};

use crate::clock::lock;
use crate::shared::Shared;
use crate::sync::{Mutex, shared_static};

/// A wake set and the bell that rings when it turns non-empty, held by one driver.
pub(crate) struct Seat {
    wakes: &'static WakeSet,
    bell: &'static Bell,
}

/// Passes the notification of a wake set on to whoever holds the seat.
struct Bell(Mutex<Option<Arc<Shared>>>);

impl Notify for Bell {
    fn notify(&self) {
        if let Some(shared) = &*lock(&self.0) {
            shared.notify();
        }
    }
}

shared_static!(FREE: Mutex<Vec<(&'static WakeSet, &'static Bell)>> = Mutex::new(Vec::new()));

/// A set without a single bit, for schedulers that have left their driver: it never wakes anything.
#[cfg(not(loom))]
static NOWHERE: WakeSet = WakeSet::new(&[]);

impl Seat {
    /// A free seat for `nodes` nodes, or a new one. Sizes are powers of two, so that there are few kinds.
    pub(crate) fn take(nodes: usize, shared: Arc<Shared>) -> Self {
        let size = nodes.max(64).checked_next_power_of_two().unwrap_or(nodes);
        let mut free = lock(&FREE);
        let (wakes, bell) = match free.iter().position(|(wakes, _)| wakes.capacity() == size) {
            Some(at) => free.swap_remove(at),
            None => {
                let bell: &'static Bell = Box::leak(Box::new(Bell(Mutex::new(None))));
                (WakeSet::leaked(size, Some(bell)), bell)
            }
        };
        drop(free);
        *lock(&bell.0) = Some(shared);
        Self { wakes, bell }
    }

    pub(crate) const fn wakes(&self) -> &'static WakeSet {
        self.wakes
    }

    pub(crate) fn nowhere() -> &'static WakeSet {
        #[cfg(loom)]
        return WakeSet::leaked(0, None);
        #[cfg(not(loom))]
        &NOWHERE
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // A model that has failed has no locks any more.
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        // The last reference may go here; not under the lock.
        let shared = lock(&self.bell.0).take();
        drop(shared);
        lock(&FREE).push((self.wakes, self.bell));
    }
}

#[cfg(test)]
mod tests {
    use windlass::{Boxed, Cx, DynWork, Next, Outcome, Scheduler, Spec, State, Work};

    use super::*;
    use crate::Driver;

    struct Wait(u32);
    impl<W> Work<W, ()> for Wait {
        fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
            if self.0 == 0 {
                return Outcome::Success;
            }
            self.0 -= 1;
            Outcome::Waiting
        }
    }

    fn waiting(capacity: usize, nodes: usize, waits: u32) -> (Driver<Boxed<DynWork>>, windlass::WakeHandle) {
        let mut driver = Driver::new(Scheduler::with_capacity(capacity));
        let add = |_| driver.scheduler_mut().add(Spec::work("wait", DynWork::new(Wait(waits))));
        let last = (0..nodes).map(add).last().and_then(Result::ok);
        let handle = last.and_then(|id| driver.scheduler_mut().wake_handle(id).ok());
        (driver, handle.expect("there is a last node"))
    }

    // No other test has a table of this size, so the seat is the same one each time.
    const SIZE: usize = 20_000;

    #[test]
    fn a_seat_is_used_again_and_a_late_wake_is_only_spurious() {
        let (mut driver, early) = waiting(SIZE, 1, 9);
        let (seat, _) = (driver.scheduler().capacity(), driver.poll());
        assert_eq!(seat, SIZE);
        drop(driver);
        early.wake(); // nobody sits there

        let (mut driver, handle) = waiting(SIZE - 1, 1, 2);
        let id = handle.id();
        // The bit that was left is drained by the first poll; it does not keep later ones from being told.
        assert_eq!(driver.poll(), Next::OnWake);
        early.wake();
        assert_eq!(driver.poll(), Next::OnWake, "a spurious look");
        early.wake();
        assert_eq!(driver.poll(), Next::Done);
        assert_eq!(driver.scheduler().state(id), Ok(State::Success));
        drop(driver);

        // A late wake of a place that the next table does not have.
        let (driver, far) = waiting(SIZE, SIZE, 1);
        drop(driver);
        let (mut driver, _) = waiting(SIZE - 1, 1, 1);
        far.wake();
        assert_eq!(driver.poll(), Next::OnWake);
        far.wake();
        assert_eq!(driver.poll(), Next::OnWake);
    }

    #[test]
    fn drivers_one_after_the_other_make_one_set_and_drivers_side_by_side_make_one_each() {
        const SIZE: usize = 1 << 14; // no other test's
        let free = || lock(&FREE).iter().filter(|(wakes, _)| wakes.capacity() == SIZE).count();
        for _ in 0..100 {
            drop(waiting(SIZE, 1, 1));
        }
        assert_eq!(free(), 1);
        let many: Vec<_> = (0..5).map(|_| waiting(SIZE, 1, 1)).collect();
        assert_eq!(free(), 0);
        drop(many);
        assert_eq!(free(), 5);
    }
}

//! Who hears the wakes of a driver's scheduler.
//!
//! A driver keeps the wake set that its scheduler has: the user's own, or one that an earlier driver gave it. Handles
//! made before stay good, and what is on its way is not lost. A scheduler without a set gets one from here.
//!
//! Who is told of a wake is fixed when a set is made, so sets notify a [`Bell`], and drivers come and go there. The
//! invariant: *while a driver has a scheduler, it is among those whom the bell of the scheduler's set tells*. Sets live
//! for ever, because handles to them may. The ones made here are used again when the scheduler that had them is gone, so
//! what is leaked is bounded by the most schedulers that ever had one at once. A handle that outlived its scheduler wakes
//! the next one's nodes, which is harmless: a wake means "look again".

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use windlass::{Notify, Observer, Scheduler, Store, WakeSet};

use crate::clock::lock;
use crate::shared::Shared;
use crate::sync::{Mutex, shared_static};

/// What a wake set of your own notifies, so that it wakes the [`Driver`](crate::Driver) of its scheduler.
///
/// A driver makes a wake set for a scheduler that has none. You need one of your own for handles that are made from
/// the set itself, and for futures, whose cells belong to a set. The bell tells whichever driver has the scheduler, one
/// after the other; one bell may serve several sets.
///
/// ```
/// use windlass::{Cx, Outcome, Scheduler, Spec, Work, wake_set};
/// use windlass_std::{Bell, Driver};
///
/// static BELL: Bell = Bell::new();
/// wake_set!(static WAKES: 16, notify = &BELL);
///
/// struct Twice(bool);
/// impl Work for Twice {
///     fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
///         if std::mem::replace(&mut self.0, true) { Outcome::Success } else { Outcome::Waiting }
///     }
/// }
///
/// let mut scheduler = Scheduler::with_capacity(16);
/// scheduler.set_wakes(&WAKES);
/// let id = scheduler.add(Spec::work("twice", Twice(false)))?;
/// let mut driver = Driver::new(scheduler);
/// let _ = driver.poll();
/// let handle = WAKES.handle(id).expect("the set is large enough");
/// std::thread::spawn(move || handle.wake());
/// assert!(driver.run_until_done().is_success());
/// # Ok::<(), windlass::Error>(())
/// ```
#[derive(Default)]
pub struct Bell(Mutex<Vec<Arc<Shared>>>);

impl Bell {
    /// A bell that tells nobody yet.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl Notify for Bell {
    fn notify(&self) {
        lock(&self.0).iter().for_each(|shared| shared.notify());
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bell({} drivers)", lock(&self.0).len())
    }
}

/// A driver's place at the bell of its scheduler's wake set.
pub(crate) struct Seat {
    /// None if the set is the user's own, and notifies something else, or nothing.
    bell: Option<&'static Bell>,
    shared: Arc<Shared>,
}

shared_static!(SETS: Mutex<Vec<&'static WakeSet>> = Mutex::new(Vec::new()));

impl Seat {
    /// Takes a place at the bell of the scheduler's set. Gives it a set if it has none.
    pub(crate) fn take<S: Store, O: Observer>(scheduler: &mut Scheduler<S, O>, shared: Arc<Shared>) -> Self {
        let wakes = scheduler.wakes().unwrap_or_else(|| provide(scheduler));
        let bell =
            wakes.notifier().and_then(|notifier| (notifier as &'static dyn Any).downcast_ref::<Bell>());
        if let Some(bell) = bell {
            lock(&bell.0).push(Arc::clone(&shared));
        }
        Self { bell, shared }
    }

    /// Whether a wake ends the driver's sleep.
    pub(crate) const fn is_told(&self) -> bool {
        self.bell.is_some()
    }
}

/// Gives the scheduler a set that no other has, or a new one. Sizes are powers of two, so that there are few kinds.
fn provide<S: Store, O: Observer>(scheduler: &mut Scheduler<S, O>) -> &'static WakeSet {
    let nodes = scheduler.capacity();
    let size = nodes.max(64).checked_next_power_of_two().unwrap_or(nodes);
    let mut sets = lock(&SETS);
    let spare = sets.iter().copied().find(|set| set.capacity() == size && !set.is_held());
    let wakes = spare.unwrap_or_else(|| {
        let bell: &'static Bell = Box::leak(Box::default());
        let wakes = WakeSet::leaked(size, Some(bell));
        sets.push(wakes);
        wakes
    });
    // Under the lock: from here on it is held.
    scheduler.set_wakes(wakes);
    wakes
}

impl Drop for Seat {
    fn drop(&mut self) {
        // A model that has failed has no locks any more.
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        let Some(bell) = self.bell else { return };
        let mut drivers = lock(&bell.0);
        let place = drivers.iter().position(|shared| Arc::ptr_eq(shared, &self.shared));
        let left = place.map(|place| drivers.swap_remove(place));
        // The last reference may go here; not under the lock.
        drop((drivers, left));
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
        let free = || lock(&SETS).iter().filter(|set| set.capacity() == SIZE && !set.is_held()).count();
        for _ in 0..100 {
            drop(waiting(SIZE, 1, 1));
        }
        assert_eq!(free(), 1);
        // A scheduler that has left its driver keeps its set for as long as it lives, and no longer.
        for _ in 0..100 {
            let scheduler = waiting(SIZE, 1, 1).0.into_scheduler();
            assert_eq!(free(), 0);
            drop(scheduler);
        }
        assert_eq!(free(), 1);
        let many: Vec<_> = (0..5).map(|_| waiting(SIZE, 1, 1)).collect();
        assert_eq!(free(), 0);
        drop(many);
        assert_eq!(free(), 5);
    }
}

//! Wake sets for schedulers that come and go.
//!
//! A wake set lives for ever, because handles to it may. So sets are made once and used again: a driver takes one as its *seat* and gives
//! it back in the end. The invariant: *one seat serves one driver at a time*, so what is leaked is bounded by the most drivers that
//! ever lived at once. A handle that outlived its driver wakes the seat's next holder, which is harmless: a wake means "look again".

use std::sync::{Arc, Mutex};

use windlass::{Notify, WakeSet};

use crate::clock::lock;
use crate::shared::Shared;

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

static FREE: Mutex<Vec<(&'static WakeSet, &'static Bell)>> = Mutex::new(Vec::new());

/// A set without a single bit, for schedulers that have left their driver: it never wakes anything.
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
        &NOWHERE
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // The last reference may go here; not under the lock.
        let shared = lock(&self.bell.0).take();
        drop(shared);
        lock(&FREE).push((self.wakes, self.bell));
    }
}

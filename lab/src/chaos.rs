//! Disturbances that a seed chooses: wakes for nothing, faults, panics, aborts, pauses.
//!
//! The invariant: what it does are inputs like any other, so they are in the log; and they come to an end, so that runs do. Which ones there may be is the
//! test's to say, as a work's own conditions may not hold under all of them.

use alloc::vec::Vec;
use core::time::Duration;

use windlass::{Instant, Next, NodeId, View};

use crate::fault::Fault;
use crate::log::Input;
use crate::order::Random;

/// The most disturbances in one run.
const MOST: u32 = 24;

/// Which disturbances a seed may choose. Orders are chosen in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Disturb {
    wakes: bool,
    faults: bool,
    panics: bool,
    aborts: bool,
    forces: bool,
    pauses: bool,
}

impl Disturb {
    /// None.
    pub const NOTHING: Self = Self::all(false);
    /// All.
    pub const EVERYTHING: Self = Self::all(true);

    const fn all(on: bool) -> Self {
        Self { wakes: on, faults: on, panics: on, aborts: on, forces: on, pauses: on }
    }

    /// Wakes for nothing, which every work must bear.
    pub const fn wakes(mut self) -> Self {
        self.wakes = true;
        self
    }

    /// Steps that fail, fail for good or come late.
    pub const fn faults(mut self) -> Self {
        self.faults = true;
        self
    }

    /// Panics, where they can be caught. The node that panics gets no call any more, not even to clean up.
    pub const fn panics(mut self) -> Self {
        self.panics = true;
        self
    }

    /// Aborts of any node.
    pub const fn aborts(mut self) -> Self {
        self.aborts = true;
        self
    }

    /// Aborts with a deadline. What is ended by force gets no call any more, not even to clean up.
    pub const fn forces(mut self) -> Self {
        self.forces = true;
        self
    }

    /// Pauses of any node, and resumes.
    pub const fn pauses(mut self) -> Self {
        self.pauses = true;
        self
    }
}

pub(crate) struct Chaos {
    random: Random,
    disturb: Disturb,
    left: u32,
    paused: Vec<NodeId>,
}

impl Chaos {
    pub(crate) const fn new(seed: u64, disturb: Disturb) -> Self {
        Self { random: Random(!seed), disturb, left: MOST, paused: Vec::new() }
    }

    /// A disturbance, now and then.
    pub(crate) fn input(&mut self, view: View<'_>, next: Next) -> Option<Input> {
        if self.left == 0 || next == Next::Done || self.random.below(8) > 0 {
            return None;
        }
        let live = view.nodes().filter(|node| !node.state().is_done());
        let nth = self.random.below(live.count());
        let node = view.nodes().filter(|node| !node.state().is_done()).nth(nth)?.id();
        let Disturb { wakes, faults, panics, aborts, forces, pauses } = self.disturb;
        let input = match self.random.below(10) {
            0..3 if wakes => Input::Wake(node),
            3 if aborts => Input::Abort(node, Instant::MAX),
            4 if forces => Input::Abort(node, view.now() + self.delay()),
            5 if pauses => {
                self.paused.push(node);
                Input::Pause(node)
            }
            6 if pauses => Input::Resume(self.paused.pop()?),
            7 if panics && !cfg!(target_os = "none") => Input::Strike(Fault::Panic),
            8 | 9 if faults => Input::Strike(self.fault()),
            _ => return None,
        };
        self.left -= 1;
        Some(input)
    }

    /// When nothing else can happen: whatever is still paused goes on.
    pub(crate) fn last(&mut self) -> Option<Input> {
        self.paused.pop().map(Input::Resume)
    }

    fn delay(&mut self) -> Duration {
        Duration::from_millis(self.random.below(20) as u64)
    }

    fn fault(&mut self) -> Fault {
        match self.random.below(4) {
            0 => Fault::Fail,
            1 => Fault::FailForGood,
            2 => Fault::Wake,
            _ => Fault::Delay(self.delay()),
        }
    }
}

//! Disturbances that a seed chooses: wakes for nothing, faults, aborts, pauses.
//!
//! The invariant: what it does are inputs like any other, so they are in the log; and they come to an end, so that runs do. Which ones there may be is the
//! test's to say, as a work's own conditions may not hold under all of them.

use alloc::vec::Vec;
use core::time::Duration;

use super::fault::Fault;
use super::log::Input;
use super::order::Random;
use crate::id::NodeId;
use crate::scheduler::Next;
use crate::status::View;
use crate::time::Instant;

/// The most disturbances in one run.
const MOST: u32 = 24;

/// Which disturbances a seed may choose. Orders are chosen in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Disturb {
    wakes: bool,
    faults: bool,
    aborts: bool,
    pauses: bool,
}

impl Disturb {
    /// None.
    pub const NOTHING: Self = Self { wakes: false, faults: false, aborts: false, pauses: false };
    /// All.
    pub const EVERYTHING: Self = Self { wakes: true, faults: true, aborts: true, pauses: true };

    /// Wakes for nothing, which every work must bear.
    pub const fn wakes(mut self) -> Self {
        self.wakes = true;
        self
    }

    /// Steps that fail, fail for good, come late or (where they can be caught) panic.
    pub const fn faults(mut self) -> Self {
        self.faults = true;
        self
    }

    /// Aborts of any node, some with a deadline.
    pub const fn aborts(mut self) -> Self {
        self.aborts = true;
        self
    }

    /// Pauses of any node, and resumes.
    pub const fn pauses(mut self) -> Self {
        self.pauses = true;
        self
    }
}

pub(super) struct Chaos {
    random: Random,
    disturb: Disturb,
    left: u32,
    paused: Vec<NodeId>,
}

impl Chaos {
    pub(super) const fn new(seed: u64, disturb: Disturb) -> Self {
        Self { random: Random(!seed), disturb, left: MOST, paused: Vec::new() }
    }

    /// A disturbance, now and then.
    pub(super) fn input(&mut self, view: View<'_>, next: Next) -> Option<Input> {
        if self.left == 0 || next == Next::Done || self.random.below(8) > 0 {
            return None;
        }
        let live = view.nodes().filter(|node| !node.state().is_done());
        let nth = self.random.below(live.count());
        let node = view.nodes().filter(|node| !node.state().is_done()).nth(nth)?.id();
        let Disturb { wakes, faults, aborts, pauses } = self.disturb;
        let input = match self.random.below(8) {
            0..3 if wakes => Input::Wake(node),
            3 if aborts => Input::Abort(node, self.deadline(view.now())),
            4 if pauses => {
                self.paused.push(node);
                Input::Pause(node)
            }
            5 if pauses => Input::Resume(self.paused.pop()?),
            6 | 7 if faults => Input::Strike(self.fault()),
            _ => return None,
        };
        self.left -= 1;
        Some(input)
    }

    /// When nothing else can happen: whatever is still paused goes on.
    pub(super) fn last(&mut self) -> Option<Input> {
        self.paused.pop().map(Input::Resume)
    }

    fn deadline(&mut self, now: Instant) -> Instant {
        match self.random.below(3) {
            0 => now + Duration::from_millis(self.random.below(20) as u64),
            _ => Instant::MAX,
        }
    }

    fn fault(&mut self) -> Fault {
        match self.random.below(6) {
            0 | 1 => Fault::Fail,
            2 => Fault::FailForGood,
            3 => Fault::Wake,
            4 if !cfg!(target_os = "none") => Fault::Panic,
            _ => Fault::Delay(Duration::from_millis(self.random.below(20) as u64)),
        }
    }
}

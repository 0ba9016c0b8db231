//! What the next node shall be, beyond its kind: set piece by piece, so that a plain work costs one call.
//!
//! JavaScript has checked everything; a number out of range is clipped here and never a panic.

use windlass::{Jitter, NodeId, OnFailure, Retry, Spec};

use crate::label;
use crate::log::to_duration;
use crate::work::{Hooks, JsWork};

/// The settings of the next node.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) timeout: f64,
    pub(crate) drain: f64,
    pub(crate) width: u32,
    /// Quorum: how many; gates: the node waited for.
    pub(crate) parameter: f64,
    pub(crate) retry: Option<Retry>,
    pub(crate) dependencies: Vec<NodeId>,
}

/// Bits of a node's shape: the kind is in the lowest four.
mod shape {
    pub(super) const KIND: u32 = 15;
    pub(super) const RESETS: u32 = 1 << 4;
    pub(super) const ABORTS: u32 = 1 << 5;
    pub(super) const PAUSED: u32 = 1 << 6;
    pub(super) const DETACHED: u32 = 1 << 7;
    pub(super) const FINISH: u32 = 1 << 8;
    pub(super) const IGNORE: u32 = 1 << 9;
    /// The policy was given, and is not the kind's own.
    pub(super) const POLICY: u32 = 1 << 10;
}

impl Staged {
    pub(crate) const fn new() -> Self {
        Self {
            timeout: f64::INFINITY,
            drain: f64::INFINITY,
            width: u32::MAX,
            parameter: 0.0,
            retry: None,
            dependencies: Vec::new(),
        }
    }

    /// The spec of a node of this shape, with everything that was set; none for a kind that does not exist.
    pub(crate) fn spec(&self, shape: u32, label: u32) -> Option<Spec<JsWork>> {
        let has = |bit| shape & bit != 0;
        let policy = match (has(shape::FINISH), has(shape::IGNORE)) {
            (true, _) => OnFailure::Finish,
            (_, true) => OnFailure::Ignore,
            _ => OnFailure::Stop,
        };
        let name = label::name_of(label);
        let awaited = || crate::log::to_id(self.parameter);
        let mut spec = match shape & shape::KIND {
            0 => {
                let hooks = Hooks { policy, resets: has(shape::RESETS), aborts: has(shape::ABORTS) };
                Spec::work(name, JsWork::new(label, hooks))
            }
            1 => Spec::parallel(name),
            2 => Spec::quorum(name, self.parameter as u32),
            3 => Spec::race(name),
            4 => Spec::sequence(name),
            5 => Spec::after(name, awaited()?),
            6 => Spec::after_success(name, awaited()?),
            7 => Spec::graph(name),
            _ => return None,
        };
        if self.width != u32::MAX {
            spec = spec.concurrency(self.width);
        }
        if let Some(retry) = self.retry {
            spec = spec.retry(retry);
        }
        if self.timeout != f64::INFINITY {
            spec = spec.timeout(to_duration(self.timeout));
        }
        if self.drain != f64::INFINITY {
            spec = spec.cleanup_timeout(to_duration(self.drain));
        }
        if has(shape::POLICY) {
            spec = spec.on_failure(policy);
        }
        if has(shape::PAUSED) {
            spec = spec.paused();
        }
        if has(shape::DETACHED) {
            spec = spec.detached();
        }
        Some(spec)
    }
}

/// How often, and after what waits; `base` is negative for the default waits. A jitter above 2 is a percentage plus 2.
pub(crate) fn retry(
    times: u32,
    base: f64,
    percent: f64,
    cap: f64,
    floor: f64,
    within: f64,
    jitter: u32,
) -> Retry {
    let mut retry = Retry::times(u16::try_from(times).unwrap_or(u16::MAX));
    if base >= 0.0 {
        retry = retry.exponential_percent(to_duration(base), percent as u16, to_duration(cap)).jitter(
            match jitter {
                0 => Jitter::None,
                1 => Jitter::Full,
                2 => Jitter::Equal,
                more => Jitter::PlusMinus(u8::try_from(more - 2).unwrap_or(u8::MAX)),
            },
        );
    }
    retry.floor(to_duration(floor)).within(to_duration(within))
}

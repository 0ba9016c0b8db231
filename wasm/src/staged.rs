//! What the next node shall be, beyond its kind: set piece by piece, so that a plain work costs one call.
//!
//! JavaScript has checked everything; a number out of range is clipped here and never a panic.

use windlass::{Jitter, NodeId, OnFailure, Retry, Spec};

use crate::log::{to_duration, to_id};
use crate::numbers::{jitter, kind, limit, shape};
use crate::work::{Hooks, JsWork};

/// The settings of the next node.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) timeout: f64,
    pub(crate) cleanup_timeout: f64,
    pub(crate) concurrency: u32,
    /// Quorum: how many; gates: the node waited for.
    pub(crate) parameter: f64,
    pub(crate) retry: Option<Retry>,
    pub(crate) dependencies: Vec<NodeId>,
}

/// The name of every node. The engine wants names that live for ever, so the users' names stay in JavaScript, and the tag of a node is its label
/// there. In a text, JavaScript puts the user's name in the place of this one and the tag: `\u{1} #7`.
const NAME: &str = "\u{1}";

impl Staged {
    pub(crate) const fn new() -> Self {
        Self {
            timeout: f64::INFINITY,
            cleanup_timeout: f64::INFINITY,
            concurrency: limit::CONCURRENCY,
            parameter: 0.0,
            retry: None,
            dependencies: Vec::new(),
        }
    }

    /// The spec of a node of this shape, with everything that was set and nothing else; none for a kind that does not exist.
    pub(crate) fn spec(&self, shape: u32, label: u32) -> Option<Spec<JsWork>> {
        let has = |bit| shape & bit != 0;
        let policy = match shape & (shape::STOP | shape::FINISH | shape::IGNORE) {
            shape::STOP => Some(OnFailure::Stop),
            shape::FINISH => Some(OnFailure::Finish),
            shape::IGNORE => Some(OnFailure::Ignore),
            _ => None,
        };
        let awaited = || to_id(self.parameter);
        let spec = match shape & shape::KIND {
            kind::WORK => {
                // The engine leaves it to a work what a failed child means.
                let policy = policy.unwrap_or_default();
                let hooks = Hooks { policy, resets: has(shape::RESETS), aborts: has(shape::ABORTS) };
                Spec::work(NAME, JsWork::new(label, hooks))
            }
            kind::PARALLEL => Spec::parallel(NAME),
            kind::QUORUM => Spec::quorum(NAME, self.parameter as u32),
            kind::RACE => Spec::race(NAME),
            kind::SEQUENCE => Spec::sequence(NAME),
            kind::AFTER => Spec::after(NAME, awaited()?),
            kind::AFTER_SUCCESS => Spec::after_success(NAME, awaited()?),
            kind::GRAPH => Spec::graph(NAME),
            _ => return None,
        };
        let mut spec = spec.tag(label);
        if self.concurrency != limit::CONCURRENCY {
            spec = spec.concurrency(self.concurrency);
        }
        if let Some(retry) = self.retry {
            spec = spec.retry(retry);
        }
        if self.timeout != f64::INFINITY {
            spec = spec.timeout(to_duration(self.timeout));
        }
        if self.cleanup_timeout != f64::INFINITY {
            spec = spec.cleanup_timeout(to_duration(self.cleanup_timeout));
        }
        if let (Some(policy), true) = (policy, shape & shape::KIND != kind::WORK) {
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

/// How often, and after what waits; `base` is negative for the default waits. The jitter is one of [`jitter`].
pub(crate) fn retry(
    times: u32,
    base: f64,
    percent: f64,
    cap: f64,
    floor: f64,
    within: f64,
    spread: u32,
) -> Retry {
    let mut retry = Retry::times(u16::try_from(times).unwrap_or(u16::MAX));
    if base >= 0.0 {
        retry = retry.exponential_percent(to_duration(base), percent as u16, to_duration(cap)).jitter(
            match spread {
                jitter::NONE => Jitter::None,
                jitter::FULL => Jitter::Full,
                jitter::EQUAL => Jitter::Equal,
                more => Jitter::PlusMinus(u8::try_from(more - jitter::PERCENT).unwrap_or(u8::MAX)),
            },
        );
    }
    retry.floor(to_duration(floor)).within(to_duration(within))
}

//! Prints what is worth seeing of an update, one line each, with the time since it began.
//!
//! Invariant: a line is printed when something begins to matter to a person: a trouble, a decision, a part that is done. Every crank is not.

use semihosting::println;
use windlass::{Event, EventKind, Instant, Observer, State};

/// An observer that prints.
#[derive(Debug, Default)]
pub struct Console {
    began: Instant,
    /// Whether it was said that the battery is low.
    low: bool,
    /// Whether the update has succeeded, so that there is nothing to roll back.
    updated: bool,
}

impl Console {
    /// One that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { began: Instant::ZERO, low: false, updated: false }
    }

    /// Another update begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        *self = Self { began: now, low: false, updated: false };
    }

    /// What to say of a node that has come into this state, if anything.
    fn moved(&mut self, name: &str, to: State) -> Option<&'static str> {
        match (name, to) {
            ("battery", State::Waiting) if !self.low => {
                self.low = true;
                Some("too low, waiting")
            }
            ("update", State::Success) => {
                self.updated = true;
                Some("done")
            }
            ("update", State::Aborted) => Some("aborted"),
            ("offer" | "pages" | "verify" | "seal", State::Success) => Some("done"),
            ("wipe", State::Success) if !self.updated => Some("what was begun is rolled back"),
            _ => None,
        }
    }
}

impl Observer for Console {
    fn on_event(&mut self, event: &Event) {
        let at = (event.at - self.began).as_millis() as u32;
        let name = event.name;
        match event.kind {
            EventKind::Retry { delay, failure, .. } => {
                let (why, chunk, delay) =
                    (failure.reason.text(), failure.reason.code(), delay.as_millis() as u32);
                match chunk {
                    0 => println!("{at:>6} ms  {name:<8} {why}, again in {delay} ms"),
                    _ => println!("{at:>6} ms  {name:<8} {why}: chunk {chunk}, again in {delay} ms"),
                }
            }
            EventKind::Opened if name == "battery" => println!("{at:>6} ms  {name:<8} charged"),
            EventKind::AbortBegan { .. } if name == "update" => {
                println!("{at:>6} ms  {name:<8} told to stop");
            }
            EventKind::Failed(failure) if name == "update" => {
                println!("{at:>6} ms  {name:<8} failed: {}", failure.reason);
            }
            EventKind::Moved(transition) => {
                if let Some(text) = self.moved(name, transition.to) {
                    println!("{at:>6} ms  {name:<8} {text}");
                }
            }
            _ => {}
        }
    }
}

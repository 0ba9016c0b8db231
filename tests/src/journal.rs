//! An observer that keeps everything, so that a test can ask about nodes that are gone.

use windlass::{Event, EventKind, Observer, State, Verbosity};

/// All events of a scheduler, oldest first.
#[derive(Debug, Default)]
pub struct Journal {
    /// The events.
    pub events: Vec<Event>,
    /// How much of what happens is kept.
    pub verbosity: Verbosity,
}

impl Journal {
    /// The last state of the node of this name; none if there was none.
    #[must_use]
    pub fn last_state(&self, name: &str) -> Option<State> {
        self.events.iter().rev().filter(|event| event.name == name).find_map(|event| match event.kind {
            EventKind::Added(_) => Some(State::Pending),
            EventKind::Moved(transition) => Some(transition.to),
            _ => None,
        })
    }

    /// The states that the node of this name went through, the first one included.
    #[must_use]
    pub fn states(&self, name: &str) -> Vec<State> {
        let events = self.events.iter().filter(|event| event.name == name);
        let state = |event: &Event| match event.kind {
            EventKind::Added(_) => Some(State::Pending),
            EventKind::Moved(transition) => Some(transition.to),
            _ => None,
        };
        events.filter_map(state).collect()
    }
}

impl Observer for Journal {
    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    fn on_event(&mut self, event: &Event) {
        self.events.push(*event);
    }
}

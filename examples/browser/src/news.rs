//! What happened to the nodes, kept until the page asks for it.
//!
//! Invariant: in order, complete, and each with the time at which it happened, not that of the poll: a check takes milliseconds within one crank. Left
//! out are single cranks.

use std::fmt;

use serde::Serialize;
use wasm_bindgen::prelude::*;
use windlass::{Event, EventKind, NodeId, Observer};
use windlass_catchup_job::SharedJournal;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn clock() -> f64;
}

/// The events since the page last asked.
pub(crate) struct News {
    journal: SharedJournal,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    at: f64,
    id: String,
    name: &'static str,
    /// The file or the ledgers that the node is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    what: &'static str,
    /// The parent, the new state, or the reason, as the case may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The attempt to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
}

impl News {
    pub(crate) fn new(journal: SharedJournal) -> News {
        News { journal, items: Vec::new() }
    }

    /// All there is, as JSON.
    pub(crate) fn take(&mut self) -> String {
        let items = std::mem::take(&mut self.items);
        // Text, numbers and times: there is nothing in it that JSON could not say.
        serde_json::to_string(&items).unwrap_or_default()
    }

    fn item(&self, event: &Event) -> Option<Item> {
        // The running work has given the journal back before the engine says what came of it.
        let journal = self.journal.try_borrow().ok();
        let because = |reason| journal.as_ref().map(|journal| journal.explain(reason));
        let mut attempt = None;
        let (what, detail) = match event.kind {
            EventKind::Added(parent) => ("added", parent.map(name_of)),
            EventKind::Moved(moved) => ("moved", Some(moved.to.to_string())),
            EventKind::Retry { attempt: next, failure, .. } => {
                attempt = Some(next);
                ("retry", because(failure.reason))
            }
            EventKind::Failed(failure) => ("failed", because(failure.reason)),
            EventKind::AbortBegan { cause, .. } => ("abort", Some(cause.to_string())),
            EventKind::Forced => ("forced", None),
            EventKind::TimedOut => ("timed out", None),
            EventKind::Opened => ("opened", None),
            EventKind::Paused(true) => ("paused", None),
            EventKind::Paused(false) => ("resumed", None),
            EventKind::Freed => ("freed", None),
            _ => return None,
        };
        let about = journal.as_ref().and_then(|journal| Some(journal.subject(event.node)?.to_string()));
        Some(Item { at: clock(), id: name_of(event.node), name: event.name, about, what, detail, attempt })
    }
}

impl Observer for News {
    fn on_event(&mut self, event: &Event) {
        if let Some(item) = self.item(event) {
            self.items.push(item);
        }
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

/// As the page knows a node: all its bits, in decimals, as a float could not hold them.
fn name_of(node: NodeId) -> String {
    node.to_bits().to_string()
}

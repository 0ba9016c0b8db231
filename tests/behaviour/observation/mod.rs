//! What can be seen: events and that they repeat, totals, walks, the tree, explanations, and what is stalled or out of proportion.

mod displays;
mod events;
mod release;
mod texts;

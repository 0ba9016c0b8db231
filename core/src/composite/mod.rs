//! The composites: kinds of nodes that run other nodes.
//!
//! All of them share one mechanism: children that hold a *place* are active, the others wait in a queue, and when a child ends the composite
//! *decides*: it ends, or its queue moves up. What differs is how many places there are, who fills the queue, and the decision.
//!
//! | kind | places | children come from | ends when |
//! | --- | --- | --- | --- |
//! | parallel | as its concurrency says | the user | all have succeeded |
//! | quorum, any | likewise | the user | enough have succeeded, or no longer can |
//! | race | likewise | the user | the first has ended |
//! | sequence | 1 | the user | all have succeeded, in order |
//! | graph | likewise | the user, once their dependencies have succeeded | all have ended |
//! | batch | likewise | a generator | the generator is exhausted and all have succeeded |
//! | when, after | 1, behind a gate | the user | the child has succeeded |
//! | callback | 0 | nobody | the question is answered |

mod batch;
mod callback;
mod decide;
mod gate;
mod graph;

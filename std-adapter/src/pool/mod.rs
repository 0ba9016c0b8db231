//! The work-stealing pool, part by part: for programs that keep their tasks themselves, and for tests that put deques
//! with known faults in the place of [`Ring`].
//!
//! Elements are ids of 64 bits, beside each the tag of an [`audit`](crate::audit).
//!
//! | file | what it knows |
//! | --- | --- |
//! | `deque`, `slot`, `injector` | one queue each: who may take what, and in which order |
//! | `idle` | who sleeps, and who is woken |
//! | `hub` | all queues of a pool, and its end |
//! | `worker` | where one worker takes from, and puts to |
//! | `threads` | who has returned |
//! | `crew` | all of that, to run tasks by their ids |
//! | `table` | which id stands for which task |
//! | `task`, `job` | a closure, from the pool's side and from its owner's |
//! | `line`, `spawner` | how many closures there may be, and whose thread this is |

mod crew;
mod deque;
mod hub;
mod idle;
mod injector;
mod job;
mod line;
#[cfg(all(test, loom))]
mod models;
mod padded;
mod slot;
mod spawner;
mod table;
mod task;
mod threads;
mod worker;

pub use crew::{Crew, Ended, Ran, Tasks, Unreturned};
pub use deque::{Deque, Full, Ring, Steal};
pub(crate) use hub::Hub;
pub use hub::Options;
pub use job::{CancelToken, Job, JobError};
pub use spawner::{Pool, Rejected, Spawner};
pub(crate) use threads::Threads;
pub use worker::Worker;

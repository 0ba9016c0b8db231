//! Behaviours that the reference has and none of its tests covers, one theme a file.

mod aborts;
mod batches;
mod callbacks;
mod gates;
mod hooks;
mod panics;
mod passes;
mod restarts;
mod retries;
mod sequences;
mod sleeps;
mod texts;

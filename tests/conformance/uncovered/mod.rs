//! Behaviours that the reference has and none of its tests covers, one theme a file.

mod aborts;
mod hooks;
mod passes;
mod restarts;
mod retries;
mod sleeps;
mod texts;

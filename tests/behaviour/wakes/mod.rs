//! What makes a node run again: time, a wake, a new child, the exit of a process.

mod command;
mod sleeps;

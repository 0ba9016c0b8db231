//! The adapter on a host: Embassy's mock clock, which stands still until a test moves it, and an executor that counts.

#![allow(clippy::unwrap_used)]

mod leaves;
mod rest;
mod rig;
mod stop;
mod tasks;
mod time;
mod wakes;

//! Conformance with the reference systems, test by test.

#![allow(clippy::unwrap_used)]

mod basic;

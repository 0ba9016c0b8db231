//! The std adapter.

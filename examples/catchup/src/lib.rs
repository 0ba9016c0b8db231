//! Catch-up.

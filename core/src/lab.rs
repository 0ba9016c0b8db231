//! The laboratory.

pub(crate) mod oracle;

pub use oracle::{Oracle, Violation};

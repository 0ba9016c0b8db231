//! Composites and limits that the reference lacks, one theme a file.

mod drains;
mod limits;
mod parallels;
mod pauses;
mod quorums;
mod reasons;
mod slots;

//! An over-the-air update of firmware, as a tree of works: fetched over a link that loses and damages frames, written to flash page by page.
//!
//! ```text
//! update                      race: the first to end decides
//! ├─ button                   an interrupt wakes it; it aborts the update
//! └─ install                  sequence; once more if the checksum is wrong
//!    ├─ offer                 what there is to install; tried again
//!    ├─ battery               gate: there is enough charge to write
//!    │  └─ unseal             from here on the spare bank does not count
//!    ├─ pages                 batch: one page is fetched while another is written
//!    │  └─ page               sequence
//!    │     ├─ fetch           chunk by chunk; tried again, from the chunk that failed
//!    │     └─ write           erase, program, compare; tried again
//!    ├─ verify                the checksum of what the flash holds, one page a crank
//!    └─ seal                  one page: with it the new image counts
//! clean up                    gate: the update has ended, in success, in failure or aborted
//! └─ wipe                     rolls back what was begun and is not sealed
//! ```
//!
//! Flash has two banks, each a page for a [`Seal`] and the pages of an image. A start runs the newest image whose seal is whole ([`boot`]); the other
//! bank is the spare one. Invariant: a bank is sealed only while all of its image is there, so whenever the power is cut, the old
//! image starts or the new one, and never a half.
//!
//! ```text
//! board   what the job asks of a board        image   banks, pages, seals, checksums
//! update  what the works carry along          works   what each of them does         tree    which there are, and their limits
//! sim     a board that is not there: flash that can be cut off, a link with faults, a battery, a button
//! ```
//!
//! No allocator, no clock, no interrupt in here: your board brings them, see [`Board`]. The table takes [`NODES`] nodes.

#![cfg_attr(not(test), no_std)]

mod board;
mod image;
pub mod sim;
mod tree;
mod update;
mod works;

pub use board::{Board, Frame, Part};
pub use image::{Bank, CHUNK, FLASH_PAGES, PAGE, PAGES, Page, Seal, boot};
pub use tree::{NODES, Planted, plant};
pub use update::Update;
pub use works::{Stage, Step};

#[cfg(test)]
mod tests;

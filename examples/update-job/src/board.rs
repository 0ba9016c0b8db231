//! What the job asks of a board: a link, flash, a battery and a button.
//!
//! Invariant: no call waits. What takes time is begun here, and its end is told by an interrupt (link, button) or asked for (flash).

use core::time::Duration;

use windlass::{Instant, WakeHandle};

use crate::image::{CHUNK, PAGE, Page, checksum};

/// The hardware, as the works see it.
pub trait Board {
    /// Asks the other side for a part. `done` is to be woken, by the interrupt that says so, when it has arrived; that may never be.
    fn request(&mut self, part: Part, now: Instant, done: WakeHandle);

    /// Takes what has arrived of a request.
    fn receive(&mut self, part: Part) -> Option<Frame>;

    /// Forgets a request, if there is one.
    fn cancel(&mut self, part: Part);

    /// Begins to erase a page: then all its bits are ones. The flash is not [`busy`](Board::busy) when this is called.
    fn erase(&mut self, page: Page, now: Instant);

    /// Begins to turn into zeros the bits of an erased page that are zeros in `bytes`. The flash is not busy when this is called.
    fn program(&mut self, page: Page, bytes: &[u8; PAGE], now: Instant);

    /// How much longer the flash will take, at a guess; none if it is ready.
    fn busy(&self, now: Instant) -> Option<Duration>;

    /// What a page holds. The flash is not busy when this is called.
    fn read(&self, page: Page) -> &[u8; PAGE];

    /// The voltage of the battery.
    fn millivolts(&self, now: Instant) -> u16;

    /// From now on the interrupt of the button is to wake `listener`.
    fn listen(&mut self, listener: WakeHandle);

    /// Whether the button was pressed since this was last asked.
    fn pressed(&mut self) -> bool;
}

/// What can be asked for over the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The [`Seal`](crate::Seal) of the image that the other side has.
    Offer,
    /// This chunk of the image, counted from 0.
    Chunk(u16),
}

impl Part {
    /// As a number for reports: 0 for the offer, else the chunk counted from 1.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Offer => 0,
            Self::Chunk(nth) => u32::from(nth) + 1,
        }
    }
}

/// What comes over the link for one request.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    bytes: [u8; CHUNK],
    check: u32,
}

impl Frame {
    /// A sound frame.
    #[must_use]
    pub fn new(bytes: [u8; CHUNK]) -> Self {
        Self { bytes, check: checksum(0, &bytes) }
    }

    /// A frame as it came, sound or not.
    #[must_use]
    pub const fn received(bytes: [u8; CHUNK], check: u32) -> Self {
        Self { bytes, check }
    }

    /// What it carries, unless it was damaged on its way.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8; CHUNK]> {
        (checksum(0, &self.bytes) == self.check).then_some(&self.bytes)
    }
}

//! What the works of one update carry along: the application of the scheduler.
//!
//! Invariant: a buffer belongs to one page, from the first chunk that is asked for until the page is written or the installation begins anew.

use core::fmt;
use core::time::Duration;

use windlass::{Instant, Reason};

use crate::board::Board;
use crate::image::{BLANK, Bank, CHUNK, PAGE, Page, Seal, boot};

/// Pages under way at a time: while one is written, the next is fetched.
pub(crate) const WIDTH: usize = 2;

/// An update of one board.
pub struct Update<B> {
    /// The hardware.
    pub board: B,
    running: Option<(Bank, Seal)>,
    offer: Option<Seal>,
    buffers: [Buffer; WIDTH],
    /// Whether the spare bank was begun to be changed, and was neither sealed nor wiped since.
    open: bool,
    /// Pages of the spare bank that are blank again.
    wiped: u16,
}

/// A page on its way from the link to the flash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    page: Option<u16>,
    filled: usize,
    bytes: [u8; PAGE],
}

impl Buffer {
    const FREE: Self = Self { page: None, filled: 0, bytes: [BLANK; PAGE] };

    /// The chunk that comes next; none if the page is complete.
    pub(crate) fn next_chunk(&self) -> Option<u16> {
        let page = usize::from(self.page?);
        (self.filled < PAGE).then_some(((page * PAGE + self.filled) / CHUNK) as u16)
    }

    pub(crate) fn push(&mut self, chunk: &[u8; CHUNK]) {
        if let Some(room) = self.bytes.get_mut(self.filled..self.filled + CHUNK) {
            room.copy_from_slice(chunk);
            self.filled += CHUNK;
        }
    }

    pub(crate) fn bytes(&self) -> &[u8; PAGE] {
        &self.bytes
    }

    pub(crate) fn release(&mut self) {
        *self = Self::FREE;
    }
}

impl<B: Board> Update<B> {
    /// Looks which image this board runs. Reads all of its flash.
    pub fn new(board: B) -> Self {
        let running = boot(&board);
        Self { board, running, offer: None, buffers: [Buffer::FREE; WIDTH], open: false, wiped: 0 }
    }

    /// The board has started again: looks which image it runs now. Reads all of its flash.
    pub fn restart(&mut self) {
        self.running = boot(&self.board);
        (self.offer, self.open, self.wiped) = (None, false, 0);
    }

    /// The image that runs, and where it lies; none if there is none, and the boot loader itself runs this.
    #[must_use]
    pub const fn running(&self) -> Option<(Bank, Seal)> {
        self.running
    }

    /// The bank that does not run.
    #[must_use]
    pub const fn spare(&self) -> Bank {
        match self.running {
            Some((bank, _)) => bank.other(),
            None => Bank::A,
        }
    }

    /// What is being installed, once that is known.
    #[must_use]
    pub const fn offer(&self) -> Option<Seal> {
        self.offer
    }

    /// How many pages of the spare bank were wiped because the update did not succeed.
    #[must_use]
    pub const fn wiped(&self) -> u16 {
        self.wiped
    }

    /// Whether the spare bank was begun to be changed, and was neither sealed nor wiped since.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The spare bank is about to be changed.
    pub(crate) fn open(&mut self) {
        (self.open, self.wiped) = (true, 0);
    }

    /// The spare bank is sealed.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// Takes an offer, if it is one that can be taken. The installation begins anew.
    pub(crate) fn accept(&mut self, bytes: &[u8; CHUNK]) -> Result<(), Reason> {
        let offer = Seal::decode(bytes).ok_or(Reason::new("this is no offer"))?;
        if self.running.is_some_and(|(_, running)| running.version >= offer.version) {
            return Err(Reason::new("the offer is no newer version").with_code(offer.version));
        }
        self.offer = Some(offer);
        self.buffers = [Buffer::FREE; WIDTH];
        Ok(())
    }

    /// The buffer of a page, and the board; none if all buffers belong to others.
    pub(crate) fn buffer(&mut self, page: u16) -> Option<(&mut Buffer, &mut B)> {
        let own = self.buffers.iter().position(|buffer| buffer.page == Some(page));
        let at = own.or_else(|| self.buffers.iter().position(|buffer| buffer.page.is_none()))?;
        let buffer = self.buffers.get_mut(at)?;
        buffer.page = Some(page);
        Some((buffer, &mut self.board))
    }

    /// Where page `nth` of the new image goes.
    pub(crate) fn target(&self, nth: u16) -> Option<Page> {
        self.spare().page(nth)
    }

    /// Whether all bits of a page are ones.
    pub(crate) fn is_blank(&self, page: Page) -> bool {
        self.board.read(page).iter().all(|byte| *byte == BLANK)
    }

    /// One step of making the spare bank blank again, the seal first, and how long it takes; none if there is nothing left to do.
    pub(crate) fn wipe(&mut self, now: Instant) -> Option<Duration> {
        while self.open {
            if let Some(left) = self.board.busy(now) {
                return Some(left);
            }
            let spare = self.spare();
            let page = match self.wiped.checked_sub(1) {
                None => Some(spare.seal()),
                Some(nth) => spare.page(nth),
            };
            let Some(page) = page else {
                self.open = false;
                break;
            };
            if !self.is_blank(page) {
                self.board.erase(page, now);
            }
            self.wiped += 1;
        }
        None
    }
}

impl<B> fmt::Debug for Update<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("running", &self.running)
            .field("offer", &self.offer)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

//! Flash in memory: slow, worn, and torn if the power is cut at the wrong time.
//!
//! Invariant: what an operation makes of a page is not certain before its time is over; a cut until then leaves half of it.

use core::ops::DerefMut;
use core::time::Duration;

use windlass::Instant;

use super::Random;
use super::link::Image;
use crate::image::{BLANK, Bank, FLASH_PAGES, PAGE, Page};

const ERASE: Duration = Duration::from_millis(12);
const PROGRAM: Duration = Duration::from_millis(3);

/// The memory of the flash.
pub type Cells = [[u8; PAGE]; FLASH_PAGES as usize];

/// The flash of the board, over memory that is owned or borrowed.
#[derive(Clone, Debug)]
pub struct Flash<M> {
    cells: M,
    under_way: Option<Operation>,
    /// Operations that were begun while another one was under way. There should be none.
    pub collisions: u32,
    weak: u8,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    page: Page,
    erases: bool,
    until: Instant,
}

impl<M: DerefMut<Target = Cells>> Flash<M> {
    /// Flash with this image in its first bank, and nothing else.
    pub fn with_image(cells: M, image: Image) -> Self {
        let random = Random::new(u64::from(image.version()));
        let mut flash = Self { cells, under_way: None, collisions: 0, weak: 0, random };
        flash.cells.fill([BLANK; PAGE]);
        flash.put(Bank::A.seal(), &image.seal().encode());
        for (nth, page) in (0..image.seal().pages).zip(Bank::A.pages()) {
            flash.put(page, &image.page(nth));
        }
        flash
    }

    /// From now on, in so many of a hundred programmed pages a byte stays blank.
    pub fn wear(&mut self, percent: u8) {
        self.weak = percent;
    }

    /// As [`Board::erase`](crate::Board::erase).
    pub fn erase(&mut self, page: Page, now: Instant) {
        self.begin(Operation { page, erases: true, until: now + ERASE }, now);
        self.put(page, &[BLANK; PAGE]);
    }

    /// As [`Board::program`](crate::Board::program).
    pub fn program(&mut self, page: Page, bytes: &[u8; PAGE], now: Instant) {
        self.begin(Operation { page, erases: false, until: now + PROGRAM }, now);
        let weak = self.random.chance(self.weak);
        let Some(stored) = self.cells.get_mut(page.index()) else { return };
        stored.iter_mut().zip(bytes).for_each(|(stored, byte)| *stored &= byte);
        if weak {
            stored[0] = BLANK;
        }
    }

    /// As [`Board::busy`](crate::Board::busy).
    #[must_use]
    pub fn busy(&self, now: Instant) -> Option<Duration> {
        self.under_way.filter(|operation| now < operation.until).map(|operation| operation.until - now)
    }

    /// As [`Board::read`](crate::Board::read).
    #[must_use]
    pub fn read(&self, page: Page) -> &[u8; PAGE] {
        self.cells.get(page.index()).unwrap_or(&[BLANK; PAGE])
    }

    /// Cuts the power: half of what is under way was done.
    pub fn cut(&mut self, now: Instant) {
        let Some(operation) = self.under_way.take().filter(|operation| now < operation.until) else { return };
        let first = self.random.chance(50);
        let Some(page) = self.cells.get_mut(operation.page.index()) else { return };
        let (lower, upper) = page.split_at_mut(PAGE / 2);
        let half = if first { lower } else { upper };
        if operation.erases {
            half.fill_with(|| self.random.number() as u8);
        } else {
            half.fill(BLANK);
        }
    }

    fn begin(&mut self, operation: Operation, now: Instant) {
        if self.busy(now).is_some() {
            self.collisions += 1;
        }
        self.under_way = Some(operation);
    }

    fn put(&mut self, page: Page, bytes: &[u8; PAGE]) {
        if let Some(stored) = self.cells.get_mut(page.index()) {
            *stored = *bytes;
        }
    }
}

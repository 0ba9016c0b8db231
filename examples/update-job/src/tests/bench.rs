//! The board of the tests: all of it in one place, its interrupts in the hands of the laboratory.

use core::time::Duration;
use std::sync::LazyLock;

use windlass::{Instant, NodeId, WakeHandle};
use windlass_lab::{Lab, Outside};

use crate::sim::{Battery, Cells, Flash, Image, Link};
use crate::{Bank, Board, FLASH_PAGES, Frame, PAGE, PAGES, Page, Part, Seal, Step, Update};

/// The image that the board has, and the one that it is offered.
pub(super) const OLD: Image = Image::new(1, PAGES);
pub(super) const NEW: Image = Image::new(2, 3);

pub(super) type Bench = Lab<Step, Update<Bed>>;

type Memory = Flash<Box<Cells>>;

/// The flash of a new board, and of one that has the new image; they take a while to make.
static FLASHES: LazyLock<[Memory; 2]> = LazyLock::new(|| {
    [OLD, NEW].map(|image| Flash::with_image(Box::new([[0; PAGE]; FLASH_PAGES as usize]), image))
});

/// A test bed.
pub(super) struct Bed {
    pub flash: Memory,
    pub link: Link,
    pub battery: Battery,
    pub pressed: bool,
    pub listener: Option<WakeHandle>,
    /// Flash operations that were begun without enough charge.
    pub starved: u32,
}

impl Bed {
    /// The bank's seal, if what it says is there to the last byte; an error if not.
    pub(super) fn sealed(&self, bank: Bank) -> Result<Option<Seal>, &'static str> {
        let Some(seal) = Seal::decode(self.flash.read(bank.seal())) else { return Ok(None) };
        let Some(whole) = FLASHES.iter().find(|flash| seal_of(flash) == Some(seal)) else {
            return Err("unknown seal");
        };
        let mut pages = bank.pages().zip(Bank::A.pages()).take(usize::from(seal.pages));
        let whole = pages.all(|(page, like)| self.flash.read(page) == whole.read(like));
        if whole { Ok(Some(seal)) } else { Err("half an image is sealed") }
    }

    /// The newest image that would start if the power were cut now; none if there is none, or half of one.
    pub(super) fn would_start(&self, now: Instant) -> Option<u32> {
        let mut cut = Self { flash: self.flash.clone(), ..Self::default() };
        cut.flash.cut(now);
        let (a, b) = (cut.sealed(Bank::A).ok()?, cut.sealed(Bank::B).ok()?);
        a.into_iter().chain(b).map(|seal| seal.version).max()
    }

    pub(super) fn press(&mut self) {
        self.pressed = true;
        if let Some(listener) = self.listener {
            listener.wake();
        }
    }
}

fn seal_of(flash: &Memory) -> Option<Seal> {
    Seal::decode(flash.read(Bank::A.seal()))
}

impl Default for Bed {
    fn default() -> Self {
        Self {
            flash: FLASHES[0].clone(),
            link: Link::new(NEW, 1),
            battery: Battery::default(),
            pressed: false,
            listener: None,
            starved: 0,
        }
    }
}

impl Default for Update<Bed> {
    fn default() -> Self {
        Self::new(Bed::default())
    }
}

impl Outside for Update<Bed> {
    fn pending(&self) -> usize {
        self.board.link.on_their_way()
    }

    fn complete(&mut self, nth: usize) -> Option<NodeId> {
        self.board.link.let_arrive(nth);
        None
    }
}

impl Board for Bed {
    fn request(&mut self, part: Part, now: Instant, done: WakeHandle) {
        self.link.request(part, now, done);
    }

    fn receive(&mut self, part: Part) -> Option<Frame> {
        self.link.receive(part)
    }

    fn cancel(&mut self, part: Part) {
        self.link.cancel(part);
    }

    fn erase(&mut self, page: Page, now: Instant) {
        self.starved += u32::from(now < self.battery.charged_at);
        self.flash.erase(page, now);
    }

    fn program(&mut self, page: Page, bytes: &[u8; PAGE], now: Instant) {
        self.flash.program(page, bytes, now);
    }

    fn busy(&self, now: Instant) -> Option<Duration> {
        self.flash.busy(now)
    }

    fn read(&self, page: Page) -> &[u8; PAGE] {
        self.flash.read(page)
    }

    fn millivolts(&self, now: Instant) -> u16 {
        self.battery.millivolts(now)
    }

    fn listen(&mut self, listener: WakeHandle) {
        self.listener = Some(listener);
    }

    fn pressed(&mut self) -> bool {
        core::mem::take(&mut self.pressed)
    }
}

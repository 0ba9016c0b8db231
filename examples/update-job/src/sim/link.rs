//! A link to somebody who has a newer image; frames get lost and damaged on their way.
//!
//! Invariant: it keeps no more requests than it has room for, and wakes nobody but those who asked.

use core::time::Duration;

use windlass::{Instant, WakeHandle};

use super::Random;
use crate::board::{Frame, Part};
use crate::image::{CHUNK, PAGE, PAGES, Seal, checksum};

/// Requests under way at a time.
const ROOM: usize = 2;

/// An image, made from its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    version: u32,
    pages: u16,
    /// Whether it is not what its seal says.
    forged: bool,
}

/// The link, and the other side of it.
#[derive(Debug)]
pub struct Link {
    image: Image,
    /// Of a hundred frames, so many do not come.
    lost: u8,
    /// Of a hundred frames, so many come damaged.
    damaged: u8,
    random: Random,
    requests: [Option<Request>; ROOM],
}

#[derive(Debug)]
struct Request {
    part: Part,
    done: WakeHandle,
    /// When the answer arrives; never if it is lost.
    due: Option<Instant>,
    arrived: bool,
}

impl Image {
    /// The image of this version, with so many pages: at least one, at most [`PAGES`].
    #[must_use]
    pub const fn new(version: u32, pages: u16) -> Self {
        let pages = match pages {
            0 => 1,
            1..PAGES => pages,
            PAGES.. => PAGES,
        };
        Self { version, pages, forged: false }
    }

    /// The same, with a byte that is not what the seal was made of.
    #[must_use]
    pub const fn forged(self) -> Self {
        Self { forged: true, ..self }
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Its seal.
    #[must_use]
    pub fn seal(&self) -> Seal {
        let honest = Self { forged: false, ..*self };
        let checksum = (0..self.pages).fold(0, |sum, nth| checksum(sum, &honest.page(nth)));
        Seal { version: self.version, pages: self.pages, checksum }
    }

    /// Page `nth`, counted from 0.
    #[must_use]
    pub fn page(&self, nth: u16) -> [u8; PAGE] {
        let mut random = Random::new(u64::from(self.version) << 16 | u64::from(nth));
        let mut page = [0; PAGE];
        page.fill_with(|| random.number() as u8);
        if self.forged && nth == self.pages / 2 {
            page[0] ^= 1;
        }
        page
    }

    fn chunk(&self, nth: u16) -> [u8; CHUNK] {
        const IN_PAGE: u16 = (PAGE / CHUNK) as u16;
        let page = self.page(nth / IN_PAGE);
        let from = usize::from(nth % IN_PAGE) * CHUNK;
        let mut chunk = [0; CHUNK];
        chunk.iter_mut().zip(&page[from..]).for_each(|(to, from)| *to = *from);
        chunk
    }
}

impl Link {
    /// A link without faults, to somebody who has this image.
    #[must_use]
    pub const fn new(image: Image, seed: u64) -> Self {
        Self { image, lost: 0, damaged: 0, random: Random::new(seed), requests: [const { None }; ROOM] }
    }

    /// Of a hundred frames, so many are lost, and as many of the others damaged.
    #[must_use]
    pub const fn flaky(self, percent: u8) -> Self {
        Self { lost: percent, damaged: percent, ..self }
    }

    /// As [`Board::request`](crate::Board::request). Without room the request is lost.
    pub fn request(&mut self, part: Part, now: Instant, done: WakeHandle) {
        let millis = 2 + self.random.below(6);
        let due = (!self.random.chance(self.lost)).then_some(now + Duration::from_millis(millis.into()));
        self.cancel(part);
        if let Some(room) = self.requests.iter_mut().find(|request| request.is_none()) {
            *room = Some(Request { part, done, due, arrived: false });
        }
    }

    /// As [`Board::receive`](crate::Board::receive).
    pub fn receive(&mut self, part: Part) -> Option<Frame> {
        let arrived = |request: &mut Request| request.part == part && request.arrived;
        self.requests.iter_mut().find_map(|request| request.take_if(arrived))?;
        let bytes = match part {
            Part::Offer => self.image.seal().encode(),
            Part::Chunk(nth) => self.image.chunk(nth),
        };
        if !self.random.chance(self.damaged) {
            return Some(Frame::new(bytes));
        }
        let mut damaged = bytes;
        damaged[self.random.below(CHUNK as u32) as usize] ^= 0x40;
        Some(Frame::received(damaged, checksum(0, &bytes)))
    }

    /// As [`Board::cancel`](crate::Board::cancel).
    pub fn cancel(&mut self, part: Part) {
        for request in &mut self.requests {
            let _ = request.take_if(|request| request.part == part);
        }
    }

    /// When the next answer arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way().filter_map(|request| request.due).min()
    }

    /// Whether an answer has arrived by now that nobody was told of.
    #[must_use]
    pub fn has_arrived(&self, now: Instant) -> bool {
        self.next_arrival().is_some_and(|due| due <= now)
    }

    /// The interrupt: wakes those whose answers have arrived by now.
    pub fn arrive(&mut self, now: Instant) {
        for request in self.requests.iter_mut().flatten() {
            if !request.arrived && request.due.is_some_and(|due| due <= now) {
                request.arrived = true;
                request.done.wake();
            }
        }
    }

    fn under_way(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().flatten().filter(|request| !request.arrived)
    }
}

#[cfg(test)]
impl Link {
    /// Whether nobody waits for an answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.requests.iter().all(Option::is_none)
    }

    /// How many answers are on their way.
    pub(crate) fn on_their_way(&self) -> usize {
        self.under_way().filter(|request| request.due.is_some()).count()
    }

    /// Lets the `nth` of them arrive now, whenever it was due.
    pub(crate) fn let_arrive(&mut self, nth: usize) {
        let mut under_way =
            self.requests.iter_mut().flatten().filter(|request| !request.arrived && request.due.is_some());
        if let Some(request) = under_way.nth(nth) {
            request.arrived = true;
            request.done.wake();
        }
    }
}

//! Where images lie in flash, and which of them counts.
//!
//! Invariant: a torn seal is no seal. It is programmed in one go, after all else, and carries a checksum of its own.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use crate::board::Board;

/// Bytes in a page: what flash erases and programs in one go.
pub const PAGE: usize = 256;
/// Bytes in a chunk: what the link carries in one frame.
pub const CHUNK: usize = 128;
/// Pages of the largest image.
pub const PAGES: u16 = 8;
/// Pages of the flash: two banks with a seal and an image each.
pub const FLASH_PAGES: u16 = 2 * BANK;

/// Pages of a bank.
const BANK: u16 = 1 + PAGES;
/// "This is a seal."
const MAGIC: u32 = u32::from_le_bytes(*b"seal");
/// Bytes of a seal, its own checksum included.
const SEAL: usize = 20;

/// One half of the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bank {
    /// The lower one.
    A,
    /// The upper one.
    B,
}

/// A page of the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(u16);

impl Page {
    /// Its place in the flash, below [`FLASH_PAGES`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Bank {
    /// The bank that this one is not.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The page of the seal.
    #[must_use]
    pub const fn seal(self) -> Page {
        match self {
            Self::A => Page(0),
            Self::B => Page(BANK),
        }
    }

    /// Page `nth` of the image, counted from 0; none if a bank has fewer.
    #[must_use]
    pub fn page(self, nth: u16) -> Option<Page> {
        (nth < PAGES).then(|| Page(self.seal().0 + 1 + nth))
    }

    /// The pages of the image.
    pub fn pages(self) -> impl Iterator<Item = Page> {
        (0..PAGES).filter_map(move |nth| self.page(nth))
    }
}

/// What a sealed bank holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Which image it is; a newer one has a higher number.
    pub version: u32,
    /// How many pages it has.
    pub pages: u16,
    /// The checksum of these pages: CRC-32, as everybody has it.
    pub checksum: u32,
}

impl Seal {
    /// As it is sent and stored, in pages and frames: what follows the seal is blank.
    #[must_use]
    pub fn encode<const N: usize>(&self) -> [u8; N] {
        let words = [MAGIC, self.version, u32::from(self.pages), self.checksum].map(u32::to_le_bytes);
        let own = checksum(0, words.as_flattened()).to_le_bytes();
        let mut bytes = [BLANK; N];
        bytes.iter_mut().zip(words.as_flattened().iter().chain(&own)).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads what [`Seal::encode`] made; none if these bytes do not begin with a whole seal.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let words = bytes.get(..SEAL)?;
        let mut words = words.chunks_exact(4).map(|word| word.try_into().map_or(0, u32::from_le_bytes));
        let (magic, version, pages, checksum) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let sound = magic == MAGIC && words.next()? == self::checksum(0, bytes.get(..SEAL - 4)?);
        let seal = Self { version, pages: pages.try_into().ok()?, checksum };
        (sound && seal.pages > 0 && seal.pages <= PAGES).then_some(seal)
    }
}

/// The image to start: of the sealed ones whose checksum is right, the newest. Reads all of the flash.
pub fn boot<B: Board>(board: &B) -> Option<(Bank, Seal)> {
    let whole = [Bank::A, Bank::B].into_iter().filter_map(|bank| {
        let seal = Seal::decode(board.read(bank.seal()))?;
        let pages = bank.pages().take(usize::from(seal.pages));
        let found = pages.fold(0, |sum, page| checksum(sum, board.read(page)));
        (found == seal.checksum).then_some((bank, seal))
    });
    whole.max_by_key(|(_, seal)| seal.version)
}

/// The value of a byte that is erased.
pub(crate) const BLANK: u8 = 0xff;

/// Goes on with a checksum, from 0 for none.
pub(crate) fn checksum(so_far: u32, bytes: &[u8]) -> u32 {
    const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
    let mut digest = CRC.digest_with_initial((!so_far).reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SEALED: Seal = Seal { version: 7, pages: 3, checksum: 0xdead_beef };

    #[test]
    fn a_checksum_goes_on_where_it_stopped() {
        assert_eq!(checksum(0, b"123456789"), 0xcbf4_3926, "the check value of CRC-32");
        assert_eq!(checksum(checksum(0, b"1234"), b"56789"), 0xcbf4_3926);
        assert_eq!(checksum(0, b""), 0);
    }

    #[test]
    fn a_seal_is_read_as_it_was_written_and_only_whole() {
        let page: [u8; PAGE] = SEALED.encode();
        assert_eq!(Seal::decode(&page), Some(SEALED));
        for torn in 0..SEAL {
            let mut page = page;
            page[torn..].fill(BLANK);
            assert_eq!(Seal::decode(&page), None, "torn after {torn} bytes");
        }
        assert_eq!(Seal::decode(&page[..SEAL - 1]), None);
        assert_eq!(Seal::decode(&[]), None);
    }

    #[test]
    fn a_seal_that_says_too_much_is_none() {
        for pages in [0, PAGES + 1, u16::MAX] {
            assert_eq!(Seal::decode(&Seal { pages, ..SEALED }.encode::<PAGE>()), None);
        }
    }

    #[test]
    fn banks_do_not_overlap() {
        let all = [Bank::A, Bank::B].map(|bank| std::iter::once(bank.seal()).chain(bank.pages()));
        let indices: Vec<_> = all.into_iter().flatten().map(Page::index).collect();
        assert_eq!(indices, (0..usize::from(FLASH_PAGES)).collect::<Vec<_>>());
        assert_eq!(Bank::A.page(PAGES), None);
    }
}

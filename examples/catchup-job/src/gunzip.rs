//! From a gzip file (RFC 1952) to what is in it.
//!
//! Invariant: at most one byte more than the limit is ever inflated, so a bomb costs what is allowed and no more; and what is returned has the
//! checksum and the length that the file says. One stream fills one file: a second one, or anything else after the end, is damage.

use alloc::boxed::Box;
use alloc::vec::Vec;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::error::{Error, Fault};
use crate::layout::ArchiveFile;

/// The least room that is made at a time.
const ROOM: usize = 4096;

const HEADER_CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

const CUT: &str = "it ends too early";
const NO_HEADER: &str = "invalid gzip header";

/// What keeps a stream from being inflated.
enum Trouble {
    Damage(&'static str),
    TooMuch,
}

/// Inflates one gzip stream that must fill its input and hold at most `limit` bytes. Linear in both.
///
/// Damage, an early end and bytes after the end are [`Fault::Gzip`]; one byte more than `limit` is [`Fault::Bomb`].
pub fn gunzip(file: ArchiveFile, compressed: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    whole(compressed, limit).map_err(|trouble| {
        let fault = match trouble {
            Trouble::Damage(reason) => Fault::Gzip { reason: reason.into() },
            Trouble::TooMuch => Fault::Bomb { limit },
        };
        Error::new(file, fault)
    })
}

fn whole(compressed: &[u8], limit: usize) -> Result<Vec<u8>, Trouble> {
    let (inflated, rest) = inflate(after_header(compressed)?, limit)?;
    let (checksum, rest) = rest.split_first_chunk().ok_or(Trouble::Damage(CUT))?;
    let (length, rest) = rest.split_first_chunk().ok_or(Trouble::Damage(CUT))?;
    // The length is told modulo 2^32.
    if u32::from_le_bytes(*checksum) != crc32fast::hash(&inflated)
        || u32::from_le_bytes(*length) != inflated.len() as u32
    {
        return Err(Trouble::Damage("corrupt gzip stream does not have a matching checksum"));
    }
    if !rest.is_empty() {
        return Err(Trouble::Damage("more bytes follow its end"));
    }
    Ok(inflated)
}

/// The deflated stream, and what follows it.
fn after_header(file: &[u8]) -> Result<&[u8], Trouble> {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    if file.iter().zip(MAGIC).any(|(&found, expected)| found != expected) {
        return Err(Trouble::Damage(NO_HEADER));
    }
    // Then come flags, and six bytes of time, level and system, which mean nothing here.
    let (&[_, _, _, flags, ..], mut rest) = file.split_first_chunk::<10>().ok_or(Trouble::Damage(CUT))?;
    if flags & RESERVED != 0 {
        return Err(Trouble::Damage(NO_HEADER));
    }
    if flags & EXTRA != 0 {
        let (length, after) = rest.split_first_chunk().ok_or(Trouble::Damage(CUT))?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..).ok_or(Trouble::Damage(CUT))?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0).ok_or(Trouble::Damage(CUT))?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        let header = &file[..file.len() - rest.len()];
        let (checksum, after) = rest.split_first_chunk().ok_or(Trouble::Damage(CUT))?;
        if u16::from_le_bytes(*checksum) != crc32fast::hash(header) as u16 {
            return Err(Trouble::Damage("corrupt gzip stream does not have a matching checksum"));
        }
        rest = after;
    }
    Ok(rest)
}

/// Inflates the stream in front, and gives what follows it.
fn inflate(mut deflated: &[u8], limit: usize) -> Result<(Vec<u8>, &[u8]), Trouble> {
    let most = limit.saturating_add(1);
    let mut inflated = Vec::new();
    let mut length = 0;
    let mut state = Box::<DecompressorOxide>::default();
    loop {
        let room = inflated.len().max(deflated.len()).max(ROOM).saturating_mul(2).min(most);
        inflated.resize(room, 0);
        let (status, read, written) = decompress(
            &mut state,
            deflated,
            &mut inflated,
            length,
            inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        );
        deflated = deflated.get(read..).unwrap_or_default();
        length += written;
        match status {
            _ if length > limit => return Err(Trouble::TooMuch),
            TINFLStatus::Done => {
                inflated.truncate(length);
                return Ok((inflated, deflated));
            }
            TINFLStatus::HasMoreOutput if room < most => {}
            TINFLStatus::HasMoreOutput => return Err(Trouble::TooMuch),
            TINFLStatus::FailedCannotMakeProgress => return Err(Trouble::Damage(CUT)),
            _ => return Err(Trouble::Damage("corrupt deflate stream")),
        }
    }
}

#[cfg(test)]
mod tests;

#![allow(clippy::unwrap_used)]

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use super::*;
use crate::layout::Frequency;

/// Neither uniform nor without pattern.
const BODY: &[u8] = b"a body that says the same, and says the same, and then says something else: 0123456789";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn text(compressed: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    gunzip(ArchiveFile::Ledger(Frequency::PUBLIC.checkpoint_of(1).unwrap()), compressed, limit)
        .map_err(|e| e.to_string())
}

#[test]
fn inflates_one_whole_stream() {
    assert_eq!(text(&gzip(b"records"), 7).unwrap(), b"records");
    assert_eq!(text(&gzip(b""), 0).unwrap(), b"");
}

#[test]
fn a_bomb_is_defused_at_the_limit() {
    let bomb = gzip(&vec![0; 4 << 20]);
    assert!(bomb.len() < 8 << 10);
    let error = text(&bomb, 1 << 20).unwrap_err();
    assert!(error.contains("more than the 1048576 bytes"), "{error}");
    assert!(text(&bomb, (4 << 20) - 1).is_err() && text(&bomb, 4 << 20).is_ok());
}

#[test]
fn every_cut_and_every_tail_is_seen() {
    let whole = gzip(BODY);
    for length in 0..whole.len() {
        let error = text(&whole[..length], 1 << 20).unwrap_err();
        assert!(error.contains("ends too early"), "{length}: {error}");
    }
    for tail in [&b"\0"[..], &whole] {
        let error = text(&[&whole, tail].concat(), 1 << 20).unwrap_err();
        assert!(error.contains("more bytes follow"), "{error}");
    }
    let error = text(b"no gzip at all", 1 << 20).unwrap_err();
    assert!(error.contains("not a sound gzip file"), "{error}");
}

#[test]
fn damage_within_is_seen() {
    let whole = gzip(BODY);
    // The first ten bytes are the gzip header, of which time, flags and system mean nothing.
    for place in 10..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        assert!(text(&damaged, 1 << 20).is_err(), "byte {place}");
    }
}

#[test]
fn a_header_may_say_more_than_it_must() {
    let build = |builder: GzBuilder| {
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(BODY).unwrap();
        encoder.finish().unwrap()
    };
    let full = build(GzBuilder::new().extra(&b"extra"[..]).filename("name").comment("comment").mtime(7));
    assert_eq!(text(&full, 1 << 10).unwrap(), BODY);
    for length in 0..full.len() {
        assert!(text(&full[..length], 1 << 10).unwrap_err().contains("ends too early"), "{length}");
    }
    // With a checksum of the header: there the deflated stream begins two bytes later.
    let plain = build(GzBuilder::new());
    let head = [&plain[..3], &[HEADER_CHECKSUM], &plain[4..10]].concat();
    let checksum = (crc32fast::hash(&head) as u16).to_le_bytes();
    let mut summed = [&head[..], &checksum, &plain[10..]].concat();
    assert_eq!(text(&summed, 1 << 10).unwrap(), BODY);
    summed[4] ^= 1;
    assert!(text(&summed, 1 << 10).unwrap_err().contains("matching checksum"));
    for flag in [1 << 5, 1 << 6, 1 << 7] {
        let mut unknown = plain.clone();
        unknown[3] = flag;
        assert!(text(&unknown, 1 << 10).unwrap_err().contains("invalid gzip header"));
    }
}

#[test]
fn it_agrees_with_another_about_any_length() {
    let mut random = crate::random::Random::new(5);
    for length in [0, 1, 100, ROOM - 1, ROOM, ROOM + 1, 3 * ROOM, 1 << 17] {
        let bytes: Vec<u8> = (0..length).map(|_| random.below(9) as u8).collect();
        assert_eq!(text(&gzip(&bytes), length).unwrap(), bytes);
        assert!(length == 0 || text(&gzip(&bytes), length - 1).unwrap_err().contains("more than"));
    }
}

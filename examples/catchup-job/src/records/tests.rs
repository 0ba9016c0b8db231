#![allow(clippy::unwrap_used)]

use stellar_xdr::{LedgerHeader, LedgerHeaderHistoryEntryExt, ScVal, WriteXdr};

use super::*;
use crate::layout::Frequency;

fn checkpoint() -> Checkpoint {
    Frequency::new(8).unwrap().checkpoint_of(8).unwrap()
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 | LAST_FRAGMENT).to_be_bytes()[..], body].concat()
}

fn header(ledger: u32) -> Vec<u8> {
    let header = LedgerHeader { ledger_seq: ledger, ..LedgerHeader::default() };
    let ext = LedgerHeaderHistoryEntryExt::V0;
    frame(
        &LedgerHeaderHistoryEntry { header, ext, ..LedgerHeaderHistoryEntry::default() }
            .to_xdr(Limits::none())
            .unwrap(),
    )
}

fn parse(bytes: &[u8]) -> Result<Vec<u32>, String> {
    Headers::parse(checkpoint(), bytes)
        .map(|headers| headers.entries().iter().map(Record::ledger).collect())
        .map_err(|e| e.to_string())
}

#[test]
fn ledgers_ascend_within_their_checkpoint() {
    let file = |ledgers: &[u32]| ledgers.iter().flat_map(|&ledger| header(ledger)).collect::<Vec<_>>();
    assert_eq!(parse(&[]).unwrap(), [0; 0]);
    assert_eq!(parse(&file(&[8, 9, 11, 15])).unwrap(), [8, 9, 11, 15]);
    for (ledgers, about) in [
        (&[7][..], "ledger 7: does not belong here, expected ledgers 8 to 15"),
        (&[16], "ledger 16: does not belong here"),
        (&[9, 8], "ledger 8: out of order: it comes after ledger 9"),
        (&[9, 9], "ledger 9: out of order"),
    ] {
        let error = parse(&file(ledgers)).unwrap_err();
        assert!(error.starts_with("ledger/00/00/00/ledger-0000000f.xdr.gz: "), "{error}");
        assert!(error.contains(about), "{error}");
    }
}

#[test]
fn finds_the_record_of_a_ledger() {
    let bytes: Vec<_> = [8, 9, 11, 15].into_iter().flat_map(header).collect();
    let headers = Headers::parse(checkpoint(), &bytes).unwrap();
    for ledger in 0..20 {
        let found = headers.of(ledger).map(Record::ledger);
        assert_eq!(found, [8, 9, 11, 15].contains(&ledger).then_some(ledger));
    }
}

#[test]
fn malformed_records_are_numbered_and_explained() {
    let sound = header(8);
    for (bad, about) in [
        (vec![0x80], "length of 4 bytes, found 1"),
        (vec![0, 0, 0, 0], "top bit set, found 0x00000000"),
        (vec![0x80, 0, 0, 9, 1], "expected 9 bytes, found 1"),
        (vec![0xff, 0xff, 0xff, 0xff], "expected 2147483647 bytes, found 0"),
        (frame(&[]), "malformed"),
        (frame(&[0; 40]), "malformed"),
        // A whole record and one byte more.
        (frame(&[&header(9)[4..], &[0]].concat()), "malformed"),
    ] {
        let error = parse(&[sound.clone(), bad].concat()).unwrap_err();
        assert!(error.contains("record 2 ") && error.contains(about), "{error}");
    }
    for length in 1..sound.len() {
        assert!(parse(&sound[..length]).is_err(), "{length}");
    }
}

/// A type that nests without end, to stand for the ones that archives have.
impl Record for ScVal {
    fn ledger(&self) -> u32 {
        9
    }

    fn file(checkpoint: Checkpoint) -> ArchiveFile {
        ArchiveFile::Results(checkpoint)
    }
}

#[test]
fn nesting_is_bounded() {
    let parse = |levels: usize| {
        // Each level is a vector, that is there, of one element.
        let mut body = [0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1].repeat(levels);
        body.extend(ScVal::Void.to_xdr(Limits::none()).unwrap());
        Records::<ScVal>::parse(checkpoint(), &frame(&body))
    };
    assert_eq!(parse(20).unwrap().entries().len(), 1);
    // The decoder recurses, so what counts is that it stops before the stack ends.
    let error = parse(100_000).unwrap_err().to_string();
    assert!(error.contains("record 1 is malformed: depth limit exceeded"), "{error}");
}

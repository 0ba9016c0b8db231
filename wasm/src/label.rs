//! Names of nodes that never leak: a name is a number in disguise, and the text behind it stays in JavaScript.
//!
//! The engine wants names that live for ever. JavaScript numbers its records from 0 and uses the numbers of freed ones again; record 7 is always
//! called by the same five characters, made once and kept. So what is never given back is bounded by the most nodes that lived at once.

use std::cell::RefCell;

/// Before the digits of a label. JavaScript replaces mark and digits by the name.
const MARK: u8 = 1;
/// Digits of a label, six bits each, from `0` on: 16,777,216 labels.
const DIGITS: usize = 4;
const ZERO: u8 = b'0';
/// Labels that are made in one go.
const CHUNK: usize = 256;

thread_local! {
    static NAMES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// The name that stands for this number. Numbers wrap at 2^24, which is more than a table has nodes.
pub(crate) fn name_of(number: u32) -> &'static str {
    let number = number as usize & ((1 << (6 * DIGITS)) - 1);
    NAMES.with_borrow_mut(|names| {
        while names.len() <= number {
            let first = names.len();
            let text: String = (first..first + CHUNK).flat_map(characters).collect();
            let mut rest: &'static str = String::leak(text);
            while let Some((name, more)) = rest.split_at_checked(1 + DIGITS) {
                names.push(name);
                rest = more;
            }
        }
        names.get(number).copied().unwrap_or("")
    })
}

/// The number behind a name.
pub(crate) fn number_of(name: &str) -> u32 {
    name.bytes().skip(1).fold(0, |number, digit| number << 6 | u32::from(digit.wrapping_sub(ZERO)))
}

fn characters(number: usize) -> impl Iterator<Item = char> {
    let digits = (0..DIGITS).rev().map(move |digit| char::from(ZERO + (number >> (6 * digit) & 63) as u8));
    core::iter::once(char::from(MARK)).chain(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_back() {
        for number in [0, 1, 63, 64, 255, 256, 5_000] {
            let name = name_of(number);
            assert_eq!(name.len(), 1 + DIGITS);
            assert_eq!(number_of(name), number);
        }
    }

    #[test]
    fn a_label_is_made_once() {
        assert!(std::ptr::eq(name_of(700), name_of(700)));
    }
}

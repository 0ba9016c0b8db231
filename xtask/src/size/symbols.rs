//! What an image is made of: its functions by size, by crate, and what of the panic and formatting machinery was linked.
//!
//! A function that was inlined counts where it ended up, and names decide what is what. The panic handler of the images is never inlined, so
//! where no machinery is found, nothing can panic.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::size::image::{Function, Image};

/// How many functions are listed.
const LONGEST: usize = 25;

/// The listing of one image.
pub(crate) fn listing(image: &Image) -> String {
    let mut text = String::new();
    row(&mut text, image.text, ".text");
    row(&mut text, image.rodata, ".rodata");
    row(&mut text, image.data, ".data, in flash and in memory");
    row(&mut text, image.bss, ".bss");
    text.push('\n');
    for (name, bytes) in by_crate(image) {
        row(&mut text, bytes, &name);
    }
    text.push('\n');
    for function in image.functions.iter().take(LONGEST) {
        row(&mut text, function.bytes, &function.name);
    }
    let rest: u64 = image.functions.iter().skip(LONGEST).map(|function| function.bytes).sum();
    row(&mut text, rest, &format!("in {} more", image.functions.len().saturating_sub(LONGEST)));
    let machinery: Vec<_> = machinery(image).collect();
    if !machinery.is_empty() {
        text.push_str("\nof these, panic and formatting:\n");
    }
    for function in machinery {
        row(&mut text, function.bytes, &function.name);
    }
    text
}

/// What of the panic and formatting machinery was linked.
pub(crate) fn machinery(image: &Image) -> impl Iterator<Item = &Function> {
    image.functions.iter().filter(|function| is_machinery(&function.name))
}

fn row(text: &mut String, bytes: u64, name: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{bytes:>7}  {name}");
}

/// Bytes of code by crate, the largest first.
fn by_crate(image: &Image) -> Vec<(String, u64)> {
    let mut sums = BTreeMap::<_, u64>::new();
    for function in &image.functions {
        *sums.entry(crate_of(&function.name)).or_default() += function.bytes;
    }
    let known: u64 = sums.values().sum();
    let mut rows: Vec<_> = sums.into_iter().map(|(name, bytes)| (format!("in {name}"), bytes)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.1));
    rows.push(("between functions".into(), image.text.saturating_sub(known)));
    rows
}

/// The crate in which a function was written, as far as its name tells.
fn crate_of(name: &str) -> &str {
    let path = name.trim_start_matches(['<', '&', '[', '(']);
    let path =
        ["mut ", "dyn ", "impl "].iter().fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    match (path.get(..end), path.get(end..)) {
        (Some(name), Some(rest)) if rest.starts_with("::") => name,
        // `<T as core::…>`: the trait's crate.
        (_, Some(rest)) if rest.starts_with(" as ") => crate_of(rest.trim_start_matches(" as ")),
        _ => "start-up and run-time library",
    }
}

fn is_machinery(name: &str) -> bool {
    const PATHS: &[&str] =
        &["core::fmt::", "core::panicking::", "core::panic::", "panic_fmt", "rust_begin_unwind"];
    let function = name.rsplit("::").next().unwrap_or(name);
    PATHS.iter().any(|path| name.contains(path))
        || (name.contains("core::") && (function.ends_with("_fail") || function.ends_with("_failed")))
        || name.contains("slice_error_fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_crate() {
        for (name, expected) in [
            ("windlass::table::Table::go", "windlass"),
            ("windlass::life::<impl windlass::table::Table>::end", "windlass"),
            ("<windlass::life::Life as core::fmt::Debug>::fmt", "windlass"),
            ("<&mut windlass::life::Life as core::fmt::Debug>::fmt", "windlass"),
            ("<T as core::any::Any>::type_id", "core"),
            ("compiler_builtins::mem::memcpy", "compiler_builtins"),
            ("__aeabi_memcpy", "start-up and run-time library"),
            ("", "start-up and run-time library"),
        ] {
            assert_eq!(crate_of(name), expected, "{name}");
        }
    }

    #[test]
    fn panic_and_formatting_are_told_from_the_rest() {
        for name in [
            "core::panicking::panic_fmt",
            "core::option::unwrap_failed",
            "core::slice::index::slice_end_index_len_fail",
            "core::fmt::Formatter::pad",
            "<u32 as core::fmt::Display>::fmt",
            "__rustc::rust_begin_unwind",
        ] {
            assert!(is_machinery(name), "{name}");
        }
        for name in ["windlass::engine::Engine<W,A>::fail", "memcpy", "windlass::table::Table::go"] {
            assert!(!is_machinery(name), "{name}");
        }
    }

    #[test]
    fn a_listing_accounts_for_all_code() {
        let function = |name: &str, bytes| Function { name: name.into(), address: bytes, bytes };
        let functions = (1..=30).rev().map(|bytes| function("a::b", bytes)).collect::<Vec<_>>();
        let image = Image { text: 500, functions, ..Image::default() };
        let listing = listing(&image);
        assert!(listing.contains("    465  in a\n"), "{listing}");
        assert!(listing.contains("     35  between functions\n"), "{listing}");
        assert!(listing.contains("     15  in 5 more\n"), "{listing}");
        assert!(!listing.contains("panic"), "{listing}");
    }
}

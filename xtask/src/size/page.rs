//! The table of memory and flash on the front page, made of the same figures as the kept file.
//!
//! It stands between two marks, which people leave alone; so the page cannot say anything else than what is kept.

use anyhow::{Context, Result, ensure};

use crate::size::image::TARGETS;

/// What stands around the table.
const BEGIN: &str = "<!-- Written by `cargo xtask size --bless`. -->\n";
const END: &str = "<!-- Until here. -->";

/// The page with the table made anew.
pub(crate) fn renewed(page: &str, figures: &[(String, u64)]) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("no line `{}`", BEGIN.trim_end()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(figures)?))
}

/// Bytes by what takes them and where.
fn table(figures: &[(String, u64)]) -> Result<String> {
    let bytes = |name: &str| {
        let found = figures.iter().find(|figure| figure.0 == name);
        found.map(|figure| grouped(figure.1)).with_context(|| format!("there is no figure `{name}`"))
    };
    let mut text = String::from("| bytes |");
    TARGETS.iter().for_each(|target| text += &format!(" {target} |"));
    text += "\n| --- |";
    TARGETS.iter().for_each(|_| text += " ---: |");
    text += "\n";
    for (label, image) in [("only leaves", "leaves"), ("every composite", "composites")] {
        text += &format!("| flash, {label} |");
        for target in TARGETS {
            text += &format!(" {} |", bytes(&format!("flash of the engine in `{image}`, {target}"))?);
        }
        text += "\n";
    }
    for nodes in [16, 64, 256] {
        let memory = bytes(&format!("memory of a scheduler of {nodes} nodes, 32-bit"))?;
        text += &format!("| memory, {nodes} nodes |{}\n", format!(" {memory} |").repeat(TARGETS.len()));
    }
    ensure!(text.is_ascii(), "the table is not plain text");
    Ok(text)
}

/// `12,345`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Vec<(String, u64)> {
        let flash = ["leaves", "composites"].into_iter().flat_map(|image| {
            TARGETS.iter().map(move |target| (format!("flash of the engine in `{image}`, {target}"), 12_345))
        });
        let memory =
            [16, 64, 256].map(|nodes| (format!("memory of a scheduler of {nodes} nodes, 32-bit"), 999));
        flash.chain(memory).collect()
    }

    #[test]
    fn only_what_stands_between_the_marks_changes() -> Result<()> {
        let page = renewed(&format!("a\n{BEGIN}old\n{END}\nb\n"), &figures())?;
        assert!(
            page.starts_with(&format!("a\n{BEGIN}| bytes | ")) && page.ends_with(&format!("|\n{END}\nb\n"))
        );
        assert!(page.contains("| flash, only leaves | 12,345 | 12,345 |\n"), "{page}");
        assert!(page.contains("| memory, 16 nodes | 999 | 999 |\n"), "{page}");
        assert_eq!(renewed(&page, &figures())?, page);
        Ok(())
    }

    #[test]
    fn a_page_without_marks_and_a_missing_figure_are_errors() {
        assert!(renewed("a", &figures()).is_err());
        assert!(renewed(BEGIN, &figures()).is_err());
        let message =
            renewed(&format!("{BEGIN}{END}"), &figures()[1..]).expect_err("one is missing").to_string();
        assert!(message.contains("`leaves`"), "{message}");
    }

    #[test]
    fn thousands_are_told_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}

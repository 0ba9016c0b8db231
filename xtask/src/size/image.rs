//! The firmware images that are only measured: building them, and reading what the linker wrote.
//!
//! They lie in `tests/images`, a workspace of its own. An image is read once, into numbers and names; nothing of it is run, but for
//! `sizes`, which on a host prints what it holds in an image.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

use crate::command::{self, Invocation};
use crate::toolchain;

/// The microcontrollers, the smallest first.
pub(crate) const TARGETS: &[&str] = &["thumbv6m-none-eabi", "thumbv7em-none-eabihf"];

/// What is subtracted from the others.
pub(crate) const BASELINE: &str = "baseline";
/// The images with an engine.
pub(crate) const ENGINES: &[&str] = &["leaves", "composites"];
/// The image that holds the sizes of types.
const SIZES: &str = "sizes";

/// Where they are built.
const FOLDER: &str = "size";

/// Where the images' sources are.
pub(crate) const MANIFEST: &str = "tests/images/Cargo.toml";

/// One linked program.
#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(crate) text: u64,
    pub(crate) rodata: u64,
    pub(crate) data: u64,
    pub(crate) bss: u64,
    /// The functions, the largest first.
    pub(crate) functions: Vec<Function>,
}

/// A function as the symbol table has it, its name readable.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) bytes: u64,
}

/// Bytes of memory that the engine takes, without works.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) node: u64,
    /// Schedulers of 16, 64 and 256 nodes.
    pub(crate) schedulers: [u64; 3],
}

impl Image {
    /// What it takes of the flash besides the initial values of statics.
    pub(crate) const fn code(&self) -> u64 {
        self.text + self.rodata
    }
}

/// Builds all images for `target`.
pub(crate) fn build(target: &str) -> Result<()> {
    toolchain::need_target(target)?;
    cargo_with("build", &["--bins", "--target", target])?.run()
}

/// Lints the images' sources, which the workspace's own commands do not see.
pub(crate) fn lint() -> Result<()> {
    for target in TARGETS {
        toolchain::need_target(target)?;
        cargo_with("clippy", &["--bins", "--target", target, "--", "-D", "warnings"])?.run()?;
    }
    Ok(())
}

/// Reads an image that [`build`] has made.
pub(crate) fn read(target: &str, name: &str) -> Result<Image> {
    let bytes = bytes(target, name)?;
    parse(&bytes).with_context(|| format!("cannot make sense of the image `{name}` for {target}"))
}

/// The memory that the engine takes on `target`, from what [`build`] has made.
pub(crate) fn memory(target: &str) -> Result<Memory> {
    let bytes = bytes(target, SIZES)?;
    memory_in(&bytes).with_context(|| format!("cannot make sense of the image `{SIZES}` for {target}"))
}

/// The memory that the engine takes on this machine.
pub(crate) fn memory_here() -> Result<Memory> {
    memory_from(cargo_with("run", &["--quiet", "--bin", SIZES])?.read()?.split_whitespace())
}

fn cargo_with(subcommand: &str, args: &[&str]) -> Result<Invocation> {
    Ok(command::cargo_apart(subcommand, MANIFEST, FOLDER)?.args(args))
}

fn bytes(target: &str, name: &str) -> Result<Vec<u8>> {
    let path = command::apart(FOLDER).join(target).join("release").join(name);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn parse(bytes: &[u8]) -> Result<Image> {
    let file = object::File::parse(bytes)?;
    let size = |name| file.section_by_name(name).map_or(0, |section| section.size());
    let mut functions: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .map(|symbol| Function {
            name: symbol.name().map_or_else(|_| "?".into(), |name| format!("{:#}", demangle(name))),
            // The lowest bit says "Thumb code".
            address: symbol.address() & !1,
            bytes: symbol.size(),
        })
        .collect();
    ensure!(size(".text") > 0 && !functions.is_empty(), "it has no code");
    // A function may go by several names.
    functions.sort_by_key(|function| function.address);
    functions.dedup_by_key(|function| function.address);
    functions.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(Image {
        text: size(".text"),
        rodata: size(".rodata"),
        data: size(".data"),
        bss: size(".bss"),
        functions,
    })
}

/// Finds the table of sizes by its name, and reads it out of the section in which it lies.
fn memory_in(bytes: &[u8]) -> Result<Memory> {
    let file = object::File::parse(bytes)?;
    let table = file
        .symbols()
        .find(|symbol| symbol.name().is_ok_and(|name| format!("{:#}", demangle(name)) == "sizes::SIZES"))
        .context("it has no `SIZES`")?;
    let section = table.section_index().context("`SIZES` lies nowhere")?;
    let words = file
        .section_by_index(section)?
        .data_range(table.address(), table.size())?
        .context("`SIZES` has no contents")?;
    let words =
        words.chunks_exact(4).map(|word| word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    memory_of(&words.collect::<Vec<_>>())
}

fn memory_from<'a>(words: impl Iterator<Item = &'a str>) -> Result<Memory> {
    memory_of(&words.map(str::parse).collect::<Result<Vec<u64>, _>>()?)
}

fn memory_of(words: &[u64]) -> Result<Memory> {
    match *words {
        [node, small, medium, large] => Ok(Memory { node, schedulers: [small, medium, large] }),
        _ => bail!("{} sizes in place of four", words.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_an_error() {
        assert!(parse(b"").is_err());
        assert!(parse(b"\x7fELF, or so it says").is_err());
        assert!(memory_in(b"").is_err());
        assert!(read("no-such-target", "leaves").is_err());
    }

    #[test]
    fn sizes_are_four_numbers() -> Result<()> {
        let memory = memory_from("1 2 3 4".split(' '))?;
        assert_eq!(memory, Memory { node: 1, schedulers: [2, 3, 4] });
        for wrong in ["1 2 3", "1 2 3 4 5", "1 2 3 x", ""] {
            assert!(memory_from(wrong.split_whitespace()).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn reads_the_functions_of_a_program() -> Result<()> {
        // The only program surely at hand is this one.
        let program = fs::read(std::env::current_exe()?)?;
        let image = parse(&program)?;
        let here = image
            .functions
            .iter()
            .find(|function| function.name.ends_with("reads_the_functions_of_a_program"));
        assert!(here.is_some_and(|function| function.bytes > 0));
        assert!(image.functions.windows(2).all(|pair| pair[0].bytes >= pair[1].bytes));
        let sum: u64 = image.functions.iter().map(|function| function.bytes).sum();
        assert!(sum <= image.text, "{sum} of {}", image.text);
        assert!(memory_in(&program).expect_err("it has no sizes").to_string().contains("SIZES"));
        Ok(())
    }
}

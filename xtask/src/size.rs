//! `cargo xtask size`: what the engine takes of a device's memory and flash, held against what it took before.
//!
//! Memory is that of tables whose works have no size: the engine's own. Flash is `.text` and `.rodata` of an image with an engine,
//! without what the same image has when it has none; so the image's few works count as the engine. The initial values of statics (`.data`)
//! take flash too, but as much as there are nodes: they are a figure of their own. Nothing is measured by running it.

mod image;
mod kept;
mod page;
mod symbols;

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::size::image::{BASELINE, ENGINES, Image, Memory, TARGETS};
use crate::size::kept::{Figure, Kept};

pub(crate) use crate::size::image::{MANIFEST, lint};

/// Where the figures are kept.
const FILE: &str = "xtask/size.txt";

/// Where the table of them is.
const PAGE: &str = "README.md";

/// Of a node, by width of a pointer: what the engine may take of memory, without the work.
const NODE_AIMS: [(u32, u64); 2] = [(32, 64), (64, 96)];

/// On the smallest target: what the engine may take of flash, by image.
const FLASH_AIMS: [(&str, u64); 2] = [("leaves", 4_000), ("composites", 8_000)];

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Compare with what is kept.
    Compare,
    /// Keep what is measured.
    Bless,
    /// List what an image is made of.
    Symbols { image: String, target: String },
}

/// Understands the words after `size`.
pub(crate) fn parse(args: &[&str]) -> Result<Question> {
    match args {
        [] => Ok(Question::Compare),
        ["--bless"] => Ok(Question::Bless),
        ["--symbols", image] => symbols_of(image, TARGETS[0]),
        ["--symbols", image, "--target", target] | ["--target", target, "--symbols", image] => {
            symbols_of(image, target)
        }
        ["--symbols"] => bail!("`--symbols` needs the name of an image: {}", ENGINES.join(", ")),
        other => bail!(
            "`size {}` is not understood; there are --bless, and --symbols IMAGE [--target TARGET]",
            other.join(" ")
        ),
    }
}

/// Why aims are not met.
const LIMITS: &str = "\
Aims that are not met. Memory: any node may get children, dependencies, a deadline, a retry and a failure at any time, and each has its \
place in every node, so that there is no second capacity that could run out; the page of `cargo xtask bench --page` lists the parts. \
Flash: the kind of a node and its policies are data, not types, so an image holds retries, jitter and their divisions, deadlines, aborts, \
gates and graphs even if the program uses none of them; `--symbols` lists the parts. The figures include what the image itself needs \
to drive the engine.";

/// Measures and prints. False if something has grown.
pub(crate) fn run(question: &Question) -> Result<bool> {
    if let Question::Symbols { image, target } = question {
        image::build(target)?;
        println!("\n`{image}` for {target}, bytes:\n\n{}", symbols::listing(&image::read(target, image)?));
        return Ok(true);
    }

    for target in TARGETS {
        image::build(target)?;
    }
    let figures = measure()?;
    let compiler = command::program("rustc", &["--version"]).read()?;
    let compiler = compiler.trim();
    if *question == Question::Bless {
        let kept = Kept::of(compiler, &figures);
        fs::write(FILE, kept.to_string()).with_context(|| format!("cannot write {FILE}"))?;
        fs::write(PAGE, renewed_page(&kept)?).with_context(|| format!("cannot write {PAGE}"))?;
        println!("\n{}\n{FILE} and the table in {PAGE} written.", kept::table(&figures, None));
        return Ok(true);
    }
    let kept = match fs::read_to_string(FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("there is no {FILE}; `--bless` writes it"),
        Err(error) => return Err(error).with_context(|| format!("cannot read {FILE}")),
    };
    let kept = Kept::parse(&kept).with_context(|| format!("{FILE} is broken"))?;
    let comparison = kept.compare(compiler, &figures);
    print!("\n{comparison}");
    if figures.iter().any(|figure| figure.aim.is_some_and(|aim| figure.bytes > aim)) {
        println!("\n{LIMITS}");
    }
    let stale = fs::read_to_string(PAGE)? != renewed_page(&kept)?;
    if stale {
        println!("\nerror: the table in {PAGE} is not that of {FILE}; `cargo xtask size --bless` writes it");
    }
    Ok(!comparison.fails() && !stale)
}

/// The front page with the table of these figures.
fn renewed_page(kept: &Kept) -> Result<String> {
    let page = fs::read_to_string(PAGE).with_context(|| format!("cannot read {PAGE}"))?;
    page::renewed(&page, &kept.figures).with_context(|| format!("{PAGE} has no place for the table"))
}

fn symbols_of(image: &str, target: &str) -> Result<Question> {
    if image != BASELINE && !ENGINES.contains(&image) {
        bail!("there is no image `{image}`; there are {BASELINE}, {}", ENGINES.join(", "));
    }
    if !TARGETS.contains(&target) {
        bail!("no image is built for `{target}`; there are {}", TARGETS.join(", "));
    }
    Ok(Question::Symbols { image: image.into(), target: target.into() })
}

/// All figures, and on the way what else there is to see in the images.
fn measure() -> Result<Vec<Figure>> {
    let mut figures = vec![];
    for (bits, memory) in [(32, image::memory(TARGETS[0])?), (usize::BITS, image::memory_here()?)] {
        figures.extend(memory_figures(bits, &memory));
    }
    println!("\n{:<34} {:>7} {:>8} {:>7} {:>7}", "image", ".text", ".rodata", ".data", ".bss");
    for target in TARGETS {
        let baseline = image::read(target, BASELINE)?;
        print_image(target, BASELINE, &baseline);
        for name in ENGINES {
            let image = image::read(target, name)?;
            print_image(target, name, &image);
            figures.extend(flash_figures(target, name, &image, &baseline));
        }
    }
    Ok(figures)
}

fn print_image(target: &str, name: &str, image: &Image) {
    let Image { text, rodata, data, bss, .. } = image;
    println!("{:<34} {text:>7} {rodata:>8} {data:>7} {bss:>7}", format!("{name}, {target}"));
}

fn memory_figures(bits: u32, memory: &Memory) -> Vec<Figure> {
    let aim = NODE_AIMS.iter().find(|aim| aim.0 == bits).map(|aim| aim.1);
    let mut figures = vec![Figure { name: format!("memory of a node, {bits}-bit"), bytes: memory.node, aim }];
    figures.extend([16, 64, 256].iter().zip(memory.schedulers).map(|(nodes, bytes)| Figure {
        name: format!("memory of a scheduler of {nodes} nodes, {bits}-bit"),
        bytes,
        aim: None,
    }));
    figures
}

fn flash_figures(target: &str, name: &str, image: &Image, baseline: &Image) -> [Figure; 4] {
    let aim = FLASH_AIMS.iter().find(|aim| aim.0 == name && target == TARGETS[0]).map(|aim| aim.1);
    [
        Figure { name: format!(".text of `{name}`, {target}"), bytes: image.text, aim: None },
        Figure {
            name: format!("flash of the engine in `{name}`, {target}"),
            bytes: image.code().saturating_sub(baseline.code()),
            aim,
        },
        Figure { name: format!(".data of `{name}`, {target}"), bytes: image.data, aim: None },
        Figure {
            name: format!("panic and formatting in `{name}`, {target}"),
            bytes: symbols::machinery(image).map(|function| function.bytes).sum(),
            aim: Some(0),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Question> {
        parse(&line.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn options_are_understood() -> Result<()> {
        let leaves = |target: &str| Question::Symbols { image: "leaves".into(), target: target.into() };
        assert_eq!(parsed("")?, Question::Compare);
        assert_eq!(parsed("--bless")?, Question::Bless);
        assert_eq!(parsed("--symbols leaves")?, leaves("thumbv6m-none-eabi"));
        assert_eq!(
            parsed("--symbols leaves --target thumbv7em-none-eabihf")?,
            leaves("thumbv7em-none-eabihf")
        );
        assert_eq!(
            parsed("--target thumbv7em-none-eabihf --symbols leaves")?,
            leaves("thumbv7em-none-eabihf")
        );
        Ok(())
    }

    #[test]
    fn anything_else_is_an_error_that_names_it() {
        for (line, says) in [
            ("--json f", "--json f"),
            ("--symbols", "leaves"),
            ("--symbols leafs", "`leafs`"),
            ("--symbols leaves --target arm", "`arm`"),
            ("--symbols leaves --target", "--target"),
            ("--target thumbv6m-none-eabi", "--target"),
            ("--bless --symbols leaves", "--bless"),
        ] {
            let message = parsed(line).expect_err(line).to_string();
            assert!(message.contains(says), "`{line}` gave: {message}");
        }
    }

    #[test]
    fn flash_is_what_the_engine_adds() {
        let image = Image { text: 5_000, rodata: 500, data: 7, ..Image::default() };
        let baseline = Image { text: 300, rodata: 20, ..Image::default() };
        let [text, flash, data, machinery] = flash_figures(TARGETS[0], "leaves", &image, &baseline);
        assert_eq!((text.bytes, text.aim), (5_000, None));
        assert_eq!((flash.bytes, flash.aim), (5_180, Some(4_000)));
        assert_eq!((data.bytes, data.aim), (7, None));
        assert_eq!((machinery.bytes, machinery.aim), (0, Some(0)));
        assert_eq!(flash_figures(TARGETS[1], "leaves", &image, &baseline)[1].aim, None);
    }
}

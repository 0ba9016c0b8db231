//! `cargo xtask size`: how many bytes of machine code the engine's library holds for a microcontroller.
//!
//! What is counted: the code sections of `libwindlass.rlib` alone, optimised for size. The parts generic over the
//! user's work type are compiled with a firmware, not with the library, and are not in it; nor is anything a linker
//! would throw away subtracted. So the number is neither a bound above nor below for a firmware, and says so.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, SectionKind};

use crate::command;
use crate::toolchain;

const TARGETS: &[&str] = &["thumbv6m-none-eabi", "thumbv7em-none-eabihf"];

/// Builds the engine for each microcontroller target and prints what its library holds.
pub(crate) fn print() -> Result<()> {
    let mut rows = vec![];
    for target in TARGETS {
        toolchain::need_target(target)?;
        rows.push((target, code_bytes(&build(target)?)?));
    }
    println!("\n{:<26} {:>10}", "target", "code bytes");
    for (target, bytes) in rows {
        println!("{target:<26} {bytes:>10}");
    }
    println!(
        "\nCode sections of libwindlass.rlib, opt-level \"s\", default features. Code generic over the work type is\n\
         compiled with a firmware and is not in it; a linker would drop what a firmware does not call."
    );
    Ok(())
}

/// Builds the library where no other build puts its files, and says where it is.
fn build(target: &str) -> Result<PathBuf> {
    let directory =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from).join("size");
    let shown = directory.to_str().context("the target directory's name is not UTF-8")?;
    // Link-time optimisation would leave intermediate code in the library in place of machine code.
    command::cargo(&["build", "--package", "windlass", "--lib", "--release", "--target", target])
        .args(&["--target-dir", shown])
        .args(&["--config", "profile.release.opt-level=\"s\"", "--config", "profile.release.lto=\"off\""])
        .run()?;
    Ok(directory.join(target).join("release").join("libwindlass.rlib"))
}

fn code_bytes(library: &Path) -> Result<u64> {
    let bytes = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    code_bytes_in(&bytes).with_context(|| format!("cannot make sense of {}", library.display()))
}

/// The sum over the code sections of every object file in an archive.
fn code_bytes_in(archive: &[u8]) -> Result<u64> {
    let mut sum = 0;
    for member in ArchiveFile::parse(archive)?.members() {
        let member = member?;
        if !member.name().ends_with(b".o") {
            continue; // the compiler's own metadata
        }
        let file = object::File::parse(member.data(archive)?)?;
        sum += file
            .sections()
            .filter(|section| section.kind() == SectionKind::Text)
            .map(|s| s.size())
            .sum::<u64>();
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_library_is_an_error() {
        assert!(code_bytes_in(b"").is_err());
        assert!(code_bytes_in(b"!<arch>\ntruncated").is_err());
        assert!(code_bytes(Path::new("no/such/library.rlib")).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn sums_the_code_of_object_files_and_of_nothing_else() -> Result<()> {
        // The only object file surely at hand: this very program.
        let program = fs::read(env::current_exe()?)?;
        let once = code_bytes_in(&archive(&[("a.o", &program), ("lib.rmeta", b"no object file")]))?;
        let twice = code_bytes_in(&archive(&[("a.o", &program), ("b.o", &program)]))?;
        assert!(once > 0 && once < program.len() as u64, "{once} of {}", program.len());
        assert_eq!(twice, 2 * once);
        assert_eq!(code_bytes_in(&archive(&[]))?, 0);
        assert!(code_bytes_in(&archive(&[("a.o", b"no object file")])).is_err());
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, data) in members {
            let size = data.len();
            bytes.extend(
                format!("{:<16}0           0     0     644     {size:<10}`\n", format!("{name}/")).bytes(),
            );
            bytes.extend(*data);
            bytes.extend(std::iter::repeat_n(b'\n', size % 2));
        }
        bytes
    }
}

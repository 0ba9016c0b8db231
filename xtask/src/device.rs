//! Tests that run on devices, which QEMU plays: builds each image of a list, runs it, and looks at its exit code.
//!
//! Invariant: an image that hangs is ended by us, and is a failure that says so; QEMU ends with 1 if it cannot run an image, so no image
//! is expected to. Where a QEMU is missing and cannot be installed, the images for it are skipped, aloud. The images lie in workspaces of
//! their own, whose sources are linted here as well. What they test is written in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{self, Invocation};
use crate::steps::Outcome;
use crate::tally::Tally;
use crate::toolchain;

/// What is run, in this order.
const IMAGES: &[Image] = &[
    Image::new("tests/device", "golden", &LM3S6965),
    Image::new("tests/device", "golden", &VIRT),
    Image::new("tests/device", "golden", &LM3S6965).with("doctored").finds_fault(),
    Image::new("tests/device", "interrupts", &LM3S6965),
    Image::new("tests/device", "interrupts", &LM3S6965).with("lossy").finds_fault(),
    Image::new("tests/device", "interrupts", &LM3S6965).with("unguarded").finds_fault(),
    Image::new("tests/device", "interrupts", &MICROBIT),
    Image::new("tests/device", "interrupts", &MICROBIT).with("lossy").finds_fault(),
    Image::new("tests/device", "futures", &LM3S6965),
    Image::new("tests/device", "futures", &LM3S6965).with("lossy").finds_fault(),
    Image::new("tests/device", "futures", &MICROBIT),
    Image::new("tests/device", "stack", &LM3S6965),
    Image::new("tests/device", "stack", &LM3S6965).with("recursive").finds_fault(),
    Image::new("tests/device", "stack", &MICROBIT),
    Image::new("embassy-adapter/tests/device", "embassy", &LM3S6965),
    Image::new("embassy-adapter/tests/device", "embassy", &LM3S6965).with("doctored").finds_fault(),
    Image::new("examples/firmware", "cortex_m3", &LM3S6965),
    Image::new("examples/firmware", "cortex_m3", &LM3S6965).with("doctored").finds_fault(),
    Image::new("examples/firmware", "riscv32", &VIRT),
    Image::new("examples/firmware", "microbit", &MICROBIT),
];

/// What is run as well, but by [`log`](crate::log), which looks at what it prints.
pub(crate) const LOG: Image = Image::new("tests/log", "log", &LM3S6965);

// Virtual time goes by instructions, not by the host's clock, and jumps ahead while the processor sleeps.

/// Cortex-M3, 256 kB of flash, 64 kB of memory.
const LM3S6965: Board = Board {
    target: "thumbv7m-none-eabi",
    qemu: "qemu-system-arm",
    machine: &["-machine", "lm3s6965evb", "-icount", "shift=5,sleep=off"],
};

/// Cortex-M0, 256 kB of flash, 16 kB of memory.
const MICROBIT: Board = Board {
    target: "thumbv6m-none-eabi",
    qemu: "qemu-system-arm",
    machine: &["-machine", "microbit", "-icount", "shift=4,sleep=off"],
};

/// RISC-V, QEMU's own machine.
const VIRT: Board = Board {
    target: "riscv32imac-unknown-none-elf",
    qemu: "qemu-system-riscv32",
    machine: &["-machine", "virt", "-bios", "none", "-icount", "shift=5,sleep=off"],
};

/// Where the images are built.
const FOLDER: &str = "device";

/// What an image ends with that has found a fault.
const FAULT: i32 = 3;

/// No image takes a tenth of this on two free cores.
const LIMIT: Duration = Duration::from_secs(300);

/// A program for a device, and how it must end.
pub(crate) struct Image {
    /// The folder of its manifest.
    package: &'static str,
    bin: &'static str,
    board: &'static Board,
    features: &'static str,
    exit: i32,
}

/// A device, and what plays it.
#[derive(Debug)]
struct Board {
    target: &'static str,
    qemu: &'static str,
    machine: &'static [&'static str],
}

impl Image {
    /// An image that must pass.
    const fn new(package: &'static str, bin: &'static str, board: &'static Board) -> Self {
        Self { package, bin, board, features: "", exit: 0 }
    }

    const fn with(mut self, features: &'static str) -> Self {
        self.features = features;
        self
    }

    /// The same, but broken on purpose.
    const fn finds_fault(mut self) -> Self {
        self.exit = FAULT;
        self
    }

    fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.package)
    }

    fn build(&self) -> Result<()> {
        self.cargo("build")?.run()
    }

    /// The emulator that plays its device.
    pub(crate) const fn qemu(&self) -> &'static str {
        self.board.qemu
    }

    /// Where the image is once it is built.
    pub(crate) fn path(&self) -> PathBuf {
        command::apart(FOLDER).join(self.board.target).join("release").join(self.bin)
    }

    fn lint(&self) -> Result<()> {
        self.cargo("clippy")?.args(&["--", "-D", "warnings"]).run()
    }

    pub(crate) fn cargo(&self, subcommand: &str) -> Result<Invocation> {
        toolchain::need_target(self.board.target)?;
        let cargo = command::cargo_apart(subcommand, &self.manifest(), FOLDER)?.args(&[
            "--target",
            self.board.target,
            "--bin",
            self.bin,
        ]);
        Ok(if self.features.is_empty() { cargo } else { cargo.args(&["--features", self.features]) })
    }

    /// Runs it; what it prints goes there.
    pub(crate) fn run(&self, output: Stdio) -> Result<()> {
        let path = self.path();
        let path = path.to_str().context("the target directory's name is not UTF-8")?;
        let args = [self.board.machine, QUIET, &["-kernel", path]].concat();
        println!("$ {} {}", self.board.qemu, args.join(" "));
        let mut device = Command::new(self.board.qemu);
        device.args(&args).stdin(Stdio::null()).stdout(output);
        let Some(status) = run_within(LIMIT, &mut device)? else {
            bail!("`{}` still ran after {} s, and was ended", self.bin, LIMIT.as_secs());
        };
        ensure!(
            status.code() == Some(self.exit),
            "`{}` on {} ended with {status}, not with {}",
            self.bin,
            self.board.target,
            self.exit
        );
        if self.exit == FAULT {
            println!("  it was broken on purpose, and the fault was found");
        }
        Ok(())
    }
}

/// A device without a screen, whose serial line and semihosting are our terminal.
const QUIET: &[&str] = &[
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "stdio",
    "-semihosting-config",
    "enable=on,target=native",
];

/// Builds and runs all images for which there is a QEMU.
pub(crate) fn run() -> Result<Outcome> {
    let needed: BTreeSet<_> = IMAGES.iter().map(|image| image.board.qemu).collect();
    let absent: BTreeMap<_, _> =
        needed.into_iter().filter_map(|qemu| Some((qemu, toolchain::need_qemu(qemu).err()?))).collect();
    let mut tally = Tally::default();
    for image in IMAGES.iter().filter(|image| !absent.contains_key(image.board.qemu)) {
        image.build()?;
        image.run(Stdio::inherit())?;
        tally.passed += 1;
    }
    if absent.is_empty() {
        return Ok(Outcome::Tested(tally));
    }
    let why: Vec<_> = absent.values().map(ToString::to_string).collect();
    Ok(Outcome::Skipped(format!("{} of {} images passed; {}", tally.passed, IMAGES.len(), why.join("; "))))
}

/// The manifests of all images, which the workspace's own commands do not see.
pub(crate) fn manifests() -> BTreeSet<String> {
    IMAGES.iter().chain([&LOG]).map(Image::manifest).collect()
}

/// Lints the images' sources, as they are built.
pub(crate) fn lint() -> Result<()> {
    IMAGES.iter().chain([&LOG]).try_for_each(Image::lint)
}

/// How it ended; none if it did not within `limit`, and was ended.
fn run_within(limit: Duration, command: &mut Command) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            println!("  took {:.1} s", started.elapsed().as_secs_f64());
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn what_hangs_is_ended() -> Result<()> {
        // It waits for a line that never comes.
        let mut hangs = Command::new("cat");
        assert_eq!(run_within(Duration::ZERO, hangs.stdin(Stdio::piped()))?, None);
        Ok(())
    }

    #[test]
    fn what_ends_says_how() -> Result<()> {
        let mut fine = Command::new(env!("CARGO"));
        assert!(run_within(LIMIT, fine.arg("--version"))?.is_some_and(|status| status.success()));
        let mut wrong = Command::new(env!("CARGO"));
        assert!(run_within(LIMIT, wrong.arg("--no-such-flag"))?.is_some_and(|status| !status.success()));
        assert!(run_within(LIMIT, &mut Command::new("windlass-no-such-program")).is_err());
        Ok(())
    }

    #[test]
    fn every_broken_image_has_a_sound_one() {
        for broken in IMAGES.iter().filter(|image| image.exit != 0) {
            let sound = |image: &&Image| (image.bin, image.exit) == (broken.bin, 0);
            assert!(IMAGES.iter().any(|image| sound(&image)), "{}", broken.bin);
            assert_ne!(broken.exit, 1, "that is QEMU's own");
        }
    }
}

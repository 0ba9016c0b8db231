//! Tells the linker where the memory of the board is that belongs to the target.

use std::env;

/// The targets and their boards.
const BOARDS: [(&str, &str); 3] = [
    ("thumbv6m-none-eabi", "microbit"),
    ("thumbv7m-none-eabi", "lm3s6965"),
    ("riscv32imac-unknown-none-elf", "virt"),
];

fn main() {
    println!("cargo::rerun-if-changed=memory");
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").expect("cargo says what it builds for");
    let Some((_, board)) = BOARDS.iter().find(|board| board.0 == target) else {
        println!("cargo::error=there is no board for {target}");
        return;
    };
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    println!("cargo::rustc-link-search={package}/memory/{board}");
    if target.starts_with("riscv") {
        // Cortex-M's linker script includes it.
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}

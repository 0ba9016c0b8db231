//! Says where the size of the code counts for more than its speed: `cfg(small)`, on bare metal, and in a page, which has to be downloaded.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    let is = |key: &str, value: &str| env::var(key).is_ok_and(|target| target == value);
    if is("CARGO_CFG_TARGET_OS", "none") || is("CARGO_CFG_TARGET_ARCH", "wasm32") {
        println!("cargo::rustc-cfg=small");
    }
}

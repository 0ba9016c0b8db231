//! The steps that run JavaScript: the npm package in Node, and package, golden traces and demo in headless Chromium.
//!
//! What they lack they fetch: compile target, wasm-bindgen, npm's packages; Chromium with its driver where root has apt-get. A step whose
//! needs cannot be met is skipped and names them. What npm does, `wasm/package.json` says.

use std::env;
use std::path::Path;

use anyhow::{Context, Error, Result, ensure};

use crate::command::{Invocation, program};
use crate::demo;
use crate::steps::Outcome;
use crate::toolchain;

/// The folder of the npm package.
const PACKAGE: &str = "wasm";

/// Builds the package, tests it in Node, weighs it, and compares the golden traces there.
pub(crate) fn js() -> Result<Outcome> {
    if let Err(why) = need_package() {
        return skipped(&why);
    }
    npm(&["run", "build"])?.run()?;
    npm(&["test"])?.run()?;
    npm(&["run", "size"])?.run()?;
    npm(&["run", "test:golden", "--", "--node"])?.run()?;
    Ok(Outcome::Passed)
}

/// Tries the package in a page and in a worker, compares the golden traces, and clicks through the demo.
pub(crate) fn browser() -> Result<Outcome> {
    if let Err(why) = need_package().and_then(|()| toolchain::need_chromium(true)) {
        return skipped(&why);
    }
    npm(&["run", "build"])?.run()?;
    npm(&["run", "test:browser"])?.run()?;
    npm(&["run", "test:golden", "--", "--chromium"])?.run()?;
    demo::run(&demo::Ask::Test)?;
    Ok(Outcome::Passed)
}

/// Makes the scripts of the package runnable.
fn need_package() -> Result<()> {
    toolchain::need_node()?;
    toolchain::need_target("wasm32-unknown-unknown")?;
    toolchain::need_wasm_bindgen()?;
    toolchain::need_npm_packages(PACKAGE)
}

/// Builds the engine alone with wasm-pack, for all who can load it, and has Node do so.
pub(crate) fn wasm_pack() -> Result<Outcome> {
    let needs = || {
        toolchain::need_node()?;
        toolchain::need_target("wasm32-unknown-unknown")?;
        toolchain::need_wasm_pack()
    };
    let wasm_pack = match needs() {
        Ok(wasm_pack) => wasm_pack,
        Err(why) => return skipped(&why),
    };
    let made = toolchain::target_directory()?.join("wasm-pack");
    for target in ["web", "bundler", "nodejs"] {
        let out = made.join(target).display().to_string();
        let build = program(&wasm_pack, &["build", PACKAGE, "--target", target, "--out-dir", &out]);
        beside_wasm_bindgen(build)?.run()?;
    }
    let script =
        "if (typeof require(process.argv[1]).Engine !== 'function') throw new Error('it has no Engine')";
    let module = made.join("nodejs/windlass_wasm.js").display().to_string();
    program("node", &["--eval", script, &module]).run()?;
    Ok(Outcome::Passed)
}

/// npm in the package's folder.
fn npm(args: &[&str]) -> Result<Invocation> {
    beside_wasm_bindgen(program("npm", &["--prefix", PACKAGE]).args(args))
}

/// With wasm-bindgen's tools on the path, where others look for them.
fn beside_wasm_bindgen(invocation: Invocation) -> Result<Invocation> {
    let wasm_bindgen = toolchain::need_wasm_bindgen()?;
    let own = Path::new(&wasm_bindgen).parent().filter(|folder| folder.is_absolute());
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(own.map(Path::to_path_buf).into_iter().chain(env::split_paths(&path)))?;
    let path = path.into_string().ok().context("PATH is not UTF-8")?;
    Ok(invocation.env("PATH", path))
}

/// What cannot be fetched may come another day; a lock file that does not fit its package will not.
fn skipped(why: &Error) -> Result<Outcome> {
    let why = format!("{why:#}");
    ensure!(!why.contains("EUSAGE"), "{why}");
    Ok(Outcome::Skipped(why))
}

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

/// npm in the package's folder, with wasm-bindgen's tools on the path, where its scripts look for them.
fn npm(args: &[&str]) -> Result<Invocation> {
    let wasm_bindgen = toolchain::need_wasm_bindgen()?;
    let own = Path::new(&wasm_bindgen).parent().filter(|folder| folder.is_absolute());
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(own.map(Path::to_path_buf).into_iter().chain(env::split_paths(&path)))?;
    let path = path.into_string().ok().context("PATH is not UTF-8")?;
    Ok(program("npm", &["--prefix", PACKAGE]).args(args).env("PATH", path))
}

/// What cannot be fetched may come another day; a lock file that does not fit its package will not.
fn skipped(why: &Error) -> Result<Outcome> {
    let why = format!("{why:#}");
    ensure!(!why.contains("EUSAGE"), "{why}");
    Ok(Outcome::Skipped(why))
}

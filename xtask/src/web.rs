//! The steps that run JavaScript: the npm package in Node, and package, golden traces and demo in headless Chromium.
//!
//! What they lack they fetch: compile target, wasm-bindgen, npm's packages; Chromium with its driver where root has apt-get. A step whose
//! needs cannot be met is skipped and names them. What npm does, `wasm/package.json` says.

use std::env;
use std::path::Path;

use anyhow::{Context, Error, Result, ensure};

use crate::command::program;
use crate::demo;
use crate::steps::Outcome;
use crate::toolchain;

/// The folder of the npm package.
const PACKAGE: &str = "wasm";

/// The programs of the guide's chapter about JavaScript.
const GUIDE: &str = "docs/guide/browsers.test.mjs";

/// Builds the package, tests it and the guide's programs in Node, weighs it, and compares the golden traces there.
pub(crate) fn js() -> Result<Outcome> {
    let npm = match Npm::ready() {
        Ok(npm) => npm,
        Err(why) => return skipped(&why),
    };
    npm.run(&["run", "build"])?;
    npm.run(&["test"])?;
    program("node", &["--test", GUIDE]).run()?;
    npm.run(&["run", "size"])?;
    npm.run(&["run", "test:golden", "--", "--node"])?;
    Ok(Outcome::Passed)
}

/// Tries the package in a page and in a worker, compares the golden traces, and clicks through the demo.
pub(crate) fn browser() -> Result<Outcome> {
    let npm = match Npm::ready().and_then(|npm| toolchain::need_chromium(true).map(|()| npm)) {
        Ok(npm) => npm,
        Err(why) => return skipped(&why),
    };
    npm.run(&["run", "build"])?;
    npm.run(&["run", "test:browser"])?;
    npm.run(&["run", "test:golden", "--", "--chromium"])?;
    demo::run(&demo::Ask::Test)?;
    Ok(Outcome::Passed)
}

/// Builds the engine alone with wasm-pack, for all who can load it, and has Node do so.
pub(crate) fn wasm_pack() -> Result<Outcome> {
    let needs = || Ok((path_for_scripts()?, toolchain::need_wasm_pack()?));
    let (path, wasm_pack) = match needs() {
        Ok(found) => found,
        Err(why) => return skipped(&why),
    };
    let made = toolchain::target_directory()?.join("wasm-pack");
    for target in ["web", "bundler", "nodejs"] {
        let out = made.join(target).display().to_string();
        let build = program(&wasm_pack, &["build", PACKAGE, "--target", target, "--out-dir", &out]);
        build.env("PATH", &path).run()?;
    }
    let script =
        "if (typeof require(process.argv[1]).Engine !== 'function') throw new Error('it has no Engine')";
    let module = made.join("nodejs/windlass_wasm.js").display().to_string();
    program("node", &["--eval", script, &module]).run()?;
    Ok(Outcome::Passed)
}

/// npm in the package's folder.
struct Npm {
    path: String,
}

impl Npm {
    /// With all that the package's scripts need.
    fn ready() -> Result<Self> {
        let path = path_for_scripts()?;
        toolchain::need_npm_packages(PACKAGE)?;
        Ok(Self { path })
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        program("npm", &["--prefix", PACKAGE]).args(args).env("PATH", &self.path).run()
    }
}

/// Gets what compiles the engine for JavaScript, and gives the path with wasm-bindgen's tools on it, where scripts look for them.
fn path_for_scripts() -> Result<String> {
    toolchain::need_node()?;
    toolchain::need_target("wasm32-unknown-unknown")?;
    let wasm_bindgen = toolchain::need_wasm_bindgen()?;
    let own = Path::new(&wasm_bindgen).parent().filter(|folder| folder.is_absolute());
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(own.map(Path::to_path_buf).into_iter().chain(env::split_paths(&path)))?;
    path.into_string().ok().context("PATH is not UTF-8")
}

/// What cannot be fetched may come another day; a lock file that does not fit its package will not.
fn skipped(why: &Error) -> Result<Outcome> {
    let why = format!("{why:#}");
    ensure!(!why.contains("EUSAGE"), "{why}");
    Ok(Outcome::Skipped(why))
}

//! `cargo xtask demo`: builds the page of `examples/browser`, puts an archive beside it, and serves both on loopback.
//!
//! Invariant: all that is written lies below the target directory, and what is served is exactly what was built: the page's own files, the compiled
//! job, the archive. What is missing is installed or named: see [`toolchain`].

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, program};
use crate::toolchain;

const TARGET: &str = "wasm32-unknown-unknown";
const PAGE: &str = "examples/browser/page";
const TEST: &str = "examples/browser/test";
/// What the archive is generated with; its directory is named for it, so that another one does not pass for it.
const ARCHIVE: [&str; 4] = ["--checkpoints", "48", "--seed", "7"];

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Build and serve on this port; 0 picks a free one.
    Serve(u16),
    /// Only build.
    Build,
    /// Build, serve, and click through the page in Chromium.
    Test,
}

/// Understands the options.
pub(crate) fn parse(args: &[&str]) -> Result<Ask> {
    match args {
        [] => Ok(Ask::Serve(0)),
        ["--port", port] => Ok(Ask::Serve(port.parse().with_context(|| format!("`{port}` is no port"))?)),
        ["--build-only"] => Ok(Ask::Build),
        ["--test"] => Ok(Ask::Test),
        other => bail!("`{}` is not understood: [--port N | --build-only | --test]", other.join(" ")),
    }
}

/// Does it.
pub(crate) fn run(ask: &Ask) -> Result<()> {
    if *ask == Ask::Test {
        toolchain::need_node()?;
        toolchain::need_chromium(false)?;
    }
    let built = build()?;
    match ask {
        Ask::Build => {
            println!("\nthe page is in {}; `cargo xtask demo` serves it", built.site.display());
            Ok(())
        }
        Ask::Serve(port) => {
            // It prints the address, and ends on the Ctrl-C that it gets as we do.
            let mut server = built.server(*port).spawn().context("cannot start the server")?;
            let status = server.wait()?;
            if !status.success() {
                bail!("the server ended with {status}");
            }
            Ok(())
        }
        Ask::Test => test(&built),
    }
}

/// What was built.
struct Built {
    site: PathBuf,
    catchup: PathBuf,
}

impl Built {
    fn server(&self, port: u16) -> Command {
        let mut server = Command::new(&self.catchup);
        server.args(["serve", "--port", &port.to_string(), "--archive"]).arg(&self.site);
        server
    }
}

fn build() -> Result<Built> {
    toolchain::need_target(TARGET)?;
    let wasm_bindgen = toolchain::need_wasm_bindgen()?;
    cargo(&["build", "--release", "--package", "windlass-demo", "--target", TARGET]).run()?;
    cargo(&["build", "--release", "--package", "windlass-catchup"]).run()?;

    let target = toolchain::target_directory()?;
    let site = target.join("demo/site");
    let compiled = target.join(TARGET).join("release/windlass_demo.wasm");
    let catchup = target.join("release").join(format!("catchup{}", std::env::consts::EXE_SUFFIX));
    fs::create_dir_all(&site).with_context(|| format!("cannot create {}", site.display()))?;
    for entry in fs::read_dir(&site)? {
        let old = entry?.path();
        if old.is_file() {
            fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    let package = site.join("pkg");
    program(&wasm_bindgen, &["--target", "web", "--no-typescript", "--out-dir"])
        .args(&[text(&package)?, text(&compiled)?])
        .run()?;
    for entry in fs::read_dir(PAGE).with_context(|| format!("cannot read {PAGE}"))? {
        place(&entry?.path(), &site)?;
    }
    generate(&catchup, &site)?;
    Ok(Built { site, catchup })
}

/// The archive, unless it is there. Its state file is written last: without it, what is there is half of one.
fn generate(catchup: &Path, site: &Path) -> Result<()> {
    let archive = site.join("archive");
    let recipe = site.with_file_name("archive.txt");
    let wanted = ARCHIVE.join(" ");
    let is_whole = archive.join(".well-known/stellar-history.json").is_file();
    if is_whole && fs::read_to_string(&recipe).is_ok_and(|recipe| recipe == wanted) {
        return Ok(());
    }
    if archive.exists() {
        fs::remove_dir_all(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    }
    program(text(catchup)?, &["generate", "--out", text(&archive)?]).args(&ARCHIVE).run()?;
    fs::write(&recipe, wanted).with_context(|| format!("cannot write {}", recipe.display()))
}

fn place(file: &Path, site: &Path) -> Result<()> {
    let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
    fs::copy(file, site.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}

fn test(built: &Built) -> Result<()> {
    toolchain::need_npm_packages(TEST)?;
    let mut command = built.server(0);
    let child = command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
    let mut server = Server(child);
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().context("standard output was asked for")?).read_line(&mut line)?;
    let address = line.split_whitespace().find(|word| word.starts_with("http://"));
    let address = address.with_context(|| format!("the server said no address, but: {line}"))?;
    let archive = built.site.join("archive");
    program("node", &[&format!("{TEST}/demo.mjs"), address, text(&built.catchup)?, text(&archive)?]).run()
}

/// Ended with us, whatever becomes of the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood_or_named() -> Result<()> {
        assert_eq!(parse(&[])?, Ask::Serve(0));
        assert_eq!(parse(&["--port", "8080"])?, Ask::Serve(8080));
        assert_eq!(parse(&["--build-only"])?, Ask::Build);
        assert_eq!(parse(&["--test"])?, Ask::Test);
        for (args, says) in
            [(&["--port"][..], "--port"), (&["--port", "http"], "http"), (&["--open"], "--open")]
        {
            let message = parse(args).expect_err(says).to_string();
            assert!(message.contains(says), "{args:?} gave: {message}");
        }
        Ok(())
    }
}

//! `cargo xtask bench`: the engine and its peers on the same work, in the same run, taking turns.
//!
//! Every number printed was measured by this run; what is not measured is shown as missing, never filled in. Times
//! differ from machine to machine and from hour to hour, so the ratio is what to read, and no test depends on one.

mod flat;
mod interleave;
mod row;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let json = json_file(args)?;
    let rows = [flat::measure(1_000, 100)];
    print!("{}", row::table(&rows));
    for row in rows.iter().filter(|row| row.ours_ns.is_none()) {
        println!("MISSING: the engine is not measured yet on `{}`; only the peer is.", row.workload);
    }
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&rows)? + "\n";
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn json_file(args: &[String]) -> Result<Option<PathBuf>> {
    match args {
        [] => Ok(None),
        [flag, file] if flag == "--json" => Ok(Some(file.into())),
        other => bail!("`{}` is not understood; usage: cargo xtask bench [--json FILE]", other.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_file_is_the_only_option() -> Result<()> {
        assert_eq!(json_file(&[])?, None);
        assert_eq!(json_file(&["--json".into(), "out.json".into()])?, Some("out.json".into()));
        for wrong in [vec!["--json".to_string()], vec!["--fast".to_string(), "x".to_string()]] {
            let message = json_file(&wrong).expect_err("not an option").to_string();
            assert!(message.contains(&wrong[0]), "{message}");
        }
        Ok(())
    }
}

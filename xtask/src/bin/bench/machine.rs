//! Where and when something was measured, for the page: what the system says about itself, or nothing.

use std::env::consts;
use std::fs;
use std::time::SystemTime;

/// The model of the processor and how many threads it runs at once.
pub(crate) fn processor() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| field(&text, "model name", ':'));
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {threads} hardware threads", model.as_deref().unwrap_or(consts::ARCH))
}

/// The system's own name.
pub(crate) fn system() -> String {
    let name = fs::read_to_string("/etc/os-release").ok().and_then(|text| field(&text, "PRETTY_NAME", '='));
    name.as_deref().unwrap_or(consts::OS).trim_matches('"').to_string()
}

/// The day, in UTC: 2026-11-20.
pub(crate) fn today() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string().chars().take(10).collect()
}

/// The version of a package in the text of a lock file.
pub(crate) fn version(lock: &str, package: &str) -> Option<String> {
    let after = lock.split_once(&format!("name = \"{package}\"\n"))?.1;
    Some(field(after.lines().next()?, "version", '=')?.trim_matches('"').to_string())
}

/// The value of the first line that begins with `name`.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(separator)?.1.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_a_date() {
        let today = today();
        let parts: Vec<u32> = today.split('-').filter_map(|part| part.parse().ok()).collect();
        assert!(matches!(parts[..], [2025..=9999, 1..=12, 1..=31]), "{today}");
    }

    #[test]
    fn versions_come_from_the_lock_file() {
        let lock = "[[package]]\nname = \"tokio\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"slab\"\nversion = \"0.4.1\"\n";
        assert_eq!(version(lock, "slab").as_deref(), Some("0.4.1"));
        assert_eq!(version(lock, "tokio").as_deref(), Some("1.2.3"));
        assert_eq!(version(lock, "lab"), None);
    }
}

//! The golden traces on a device: every scenario must write the same bytes as on the host.
//!
//! With the feature `doctored`, one byte of one trace is another, which must be found.

#![no_std]
#![no_main]

use semihosting::println;
use windlass_device::{end, entry};
use windlass_golden::{SCENARIOS, Scenario};

#[entry]
fn main() -> ! {
    let mut differences = 0;
    for scenario in SCENARIOS.iter().copied().map(prepared) {
        if let Err(difference) = scenario.check() {
            println!("{difference}");
            differences += 1;
        }
    }
    println!("golden: {} traces, {differences} with a difference", SCENARIOS.len());
    end(differences == 0)
}

#[cfg(not(feature = "doctored"))]
fn prepared(scenario: Scenario) -> Scenario {
    scenario
}

/// Flips the last bit of the last letter, before the end of the last line.
#[cfg(feature = "doctored")]
fn prepared(mut scenario: Scenario) -> Scenario {
    const GOLDEN: &str = SCENARIOS[0].golden;
    const DOCTORED: [u8; GOLDEN.len()] = {
        let mut bytes = [0; GOLDEN.len()];
        bytes.copy_from_slice(GOLDEN.as_bytes());
        bytes[GOLDEN.len() - 2] ^= 1;
        bytes
    };
    if scenario.golden == GOLDEN {
        scenario.golden = core::str::from_utf8(&DOCTORED).unwrap_or_default();
    }
    scenario
}

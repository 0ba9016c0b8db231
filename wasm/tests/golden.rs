//! The golden traces, in Node and in a browser: the same bytes as on the host. Which of them it is, `npm run test:golden` tells the runner.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn every_scenario_makes_its_golden_trace() {
    assert!(!windlass_golden::SCENARIOS.is_empty());
    for scenario in windlass_golden::SCENARIOS {
        if let Err(difference) = scenario.check() {
            panic!("{difference}");
        }
    }
}

//! A scenario as a test runs it.

use std::panic::catch_unwind;

use crate::caller::message;

/// Runs a scenario and names it if it fails.
///
/// # Panics
///
/// If the scenario does.
pub fn play(name: &str, scenario: fn()) {
    if let Err(payload) = catch_unwind(scenario) {
        panic!("{name}: {}", message(&*payload));
    }
}

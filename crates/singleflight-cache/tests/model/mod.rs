//! The aside against a model: a store that fails, stalls and loses at any operation, callers dropped
//! at any poll, invalidations anywhere, a clock that the case moves. Every answer is judged.
//!
//! A case is a list of numbers, so that what fails is made small. Each bug that is planted has to be
//! found.

mod case;
mod notes;
mod records;
mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::{String, ToString};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::planted::with;

/// How long the longest case is.
const STEPS: usize = 120;

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}

/// A step of a case; its `Debug` is short.
#[derive(Clone, Copy)]
struct Step(u8, u8, u8);

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{}", self.0, self.1, self.2)
    }
}

/// Runs cases until one fails; tells what was wrong, and the steps.
fn search(mut runner: TestRunner) -> Result<u64, String> {
    let step = (0..32_u8, any::<u8>(), any::<u8>()).prop_map(|(a, b, c)| Step(a, b, c));
    let steps = prop::collection::vec(step, 1..STEPS);
    let judged = core::cell::Cell::new(0);
    let result = runner.run(&(any::<u32>(), steps), |(settings, steps)| {
        let case = AssertUnwindSafe(|| {
            case::run(settings, steps.iter().map(|step| (step.0, step.1, step.2)))
        });
        match catch_unwind(case) {
            Ok(Ok(reach)) => {
                judged.set(judged.get() + reach);
                Ok(())
            }
            Ok(Err(wrong)) => Err(TestCaseError::fail(wrong)),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or(panic.downcast_ref::<&str>().map(ToString::to_string));
                Err(TestCaseError::fail(text.unwrap_or_default()))
            }
        }
    });
    result
        .map(|()| judged.get())
        .map_err(|error| error.to_string())
}

#[test]
fn every_answer_is_right_whatever_fails_stalls_or_is_dropped() {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(3_000);
    match search(TestRunner::new(config(cases))) {
        Ok(judged) => std::println!("{judged} answers judged in {cases} cases"),
        Err(wrong) => panic!("{wrong}"),
    }
}

/// Plants a bug and sees it found, as what it is.
fn is_found(bug: &'static str, as_what: &[&str]) {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut config = config(60_000);
    config.max_shrink_iters = 300;
    let found = with(bug, || search(TestRunner::new_with_rng(config, rng)));
    let wrong = found.expect_err("the planted bug was not found");
    // What stands below it is the case, in which any word may stand.
    let first = wrong.lines().next().unwrap_or_default();
    std::println!("{bug}: {first}");
    assert!(
        as_what.iter().any(|what| first.contains(what)),
        "{bug}: {wrong}"
    );
}

macro_rules! planted {
    ($($test:ident: $bug:literal as $($what:literal)|+;)*) => {$(
        #[test]
        fn $test() {
            is_found($bug, &[$($what),+]);
        }
    )*};
}

planted! {
    a_value_stored_after_the_slot_is_free_is_found: "stored-late" as "before its put";
    a_refresh_that_ignores_an_invalidation_is_found: "a-refresh-ignores-an-invalidation" as "stale";
    a_load_that_ignores_an_invalidation_is_found: "puts-what-is-void" as "stale";
    an_absence_put_over_a_value_is_found: "absence-over-a-value" as "absence over";
    a_broken_store_taken_for_a_miss_is_found: "a-broken-store-is-a-miss" as "did not answer";
    a_value_served_beyond_its_limit_is_found: "stale-beyond-its-limit" as "too old";
    a_failure_that_renews_a_value_is_found: "a-failure-renews" as "too old";
    an_invalidation_that_waits_for_no_put_is_found: "no-wait-for-a-put" as "stale";
    an_invalidation_that_forgets_only_before_is_found: "forgets-only-before" as "stale";
    a_missing_second_look_is_found: "no-second-look" as "needless load";
    a_refresh_by_everybody_is_found: "everybody-refreshes" as "refreshes at once";
}

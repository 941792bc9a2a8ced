//! A group against a model of it: whatever callers do, in any order, the group does what a
//! page of obvious code says that it should.
//!
//! A case is a list of steps, drawn by proptest and taken by both sides. After each step every
//! party's answer, what runs, what is in flight, what the fences say and the statistics are
//! compared; at the end nothing may be left. A case that fails is shrunk and printed as a
//! list of steps. `PROPTEST_CASES` sets how many are tried, `PROPTEST_RNG_SEED` repeats a run.
//!
//! | file | what |
//! |---|---|
//! | `options` | what a case's group is made with |
//! | `step` | what can happen |
//! | `rules` | the model: the group |
//! | `party` | the model: those who call it |
//! | `batch` | the model: a batch |
//! | `draw` | which steps can come next |
//! | `case` | the group itself, and the comparison |
//! | `caller` | those who call it |
//! | `work` | works that do as the case says |
//! | `waker` | tells whether a task was woken |
//! | `counted` | keys and values that are counted while they live |

#![cfg(not(loom))]

mod batch;
mod caller;
mod case;
mod counted;
mod draw;
mod options;
mod party;
mod rules;
mod step;
mod waker;
mod work;

use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};

use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use crate::case::Comparison;
use crate::rules::Model;

/// How many cases are tried unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 1_000;

/// How many steps a case has.
const STEPS: std::ops::RangeInclusive<usize> = 1..=60;

#[test]
fn a_group_does_what_its_model_says() {
    let config = config();
    let seed = config.rng_seed;
    let mut runner = TestRunner::new(config.clone());
    let outcome = runner.run(
        &Model::sequential_strategy(STEPS),
        |(model, steps, seen)| {
            Comparison::test_sequential(config.clone(), model, steps, seen);
            Ok(())
        },
    );
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, (model, steps, _))) => {
            let mut list = String::new();
            for (at, step) in steps.iter().enumerate() {
                writeln!(list, "{:4}. {step:?}", at + 1).expect("a string takes it");
            }
            panic!("{why}\n{model:?}\n{list}PROPTEST_RNG_SEED={seed} repeats the run");
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// The environment's settings. Nothing is stored: a seed draws other steps as soon as the
/// strategy changes, and the list of steps is printed.
fn config() -> Config {
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().build_hasher().finish());
    }
    config
}

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
//! | `party`, `poll`, `batch`, `hand` | the model: those who call it |
//! | `take` | the model: what each step does to it |
//! | `draw` | which steps can come next |
//! | `reach` | what the cases must come to |
//! | `case` | the group itself, and the comparison |
//! | `caller`, `calls` | those who call it |
//! | `work` | works that do as the case says |
//! | `join` | the handle of a task that returns something |
//! | `waker` | tells whether a task was woken |
//! | `counted` | keys and values that are counted |

#![cfg(not(loom))]

mod batch;
mod caller;
mod calls;
mod case;
mod counted;
mod draw;
mod hand;
mod join;
mod options;
mod party;
mod poll;
mod reach;
mod rules;
mod step;
mod take;
mod waker;
mod work;

use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};

use proptest::strategy::Just;
use proptest::test_runner::{Config, Reason, RngAlgorithm, RngSeed, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use crate::case::Comparison;
use crate::rules::Model;
use crate::step::Step;

/// How many cases are tried unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 500;

/// How many steps a case has.
const STEPS: std::ops::RangeInclusive<usize> = 1..=60;

#[test]
fn a_group_does_what_its_model_says() {
    let config = config();
    let seed = config.rng_seed;
    let cases = Model::sequential_strategy(STEPS);
    let outcome = TestRunner::new(config.clone()).run(&cases, |(model, steps, seen)| {
        Comparison::test_sequential(config.clone(), model, steps, seen);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, (model, steps, _))) => {
            let (why, steps) = shorten(why, &model, steps);
            let mut list = String::new();
            for (at, step) in steps.iter().enumerate() {
                writeln!(list, "{:4}. {step:?}", at + 1).expect("a string takes it");
            }
            panic!("{why}\n{model:?}\n{list}PROPTEST_RNG_SEED={seed} repeats the run");
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Leaves out what proptest has not: once steps have become simpler, more of them can go.
fn shorten(mut why: Reason, model: &Model, mut steps: Vec<Step>) -> (Reason, Vec<Step>) {
    let mut at = steps.len();
    while at > 0 {
        at -= 1;
        let mut fewer = steps.clone();
        fewer.remove(at);
        if let Some(other) = failure(model, &fewer) {
            (why, steps) = (other, fewer);
            at = steps.len();
        }
    }
    (why, steps)
}

/// Why a case fails, if it does and its steps can be taken.
fn failure(model: &Model, steps: &[Step]) -> Option<Reason> {
    let mut after = model.clone();
    for step in steps {
        if !Model::preconditions(&after, step) {
            return None;
        }
        after.take(step);
    }
    let config = Config {
        cases: 1,
        max_shrink_iters: 0,
        ..config()
    };
    let case = Just((model.clone(), steps.to_vec()));
    let outcome = TestRunner::new(config.clone()).run(&case, |(model, steps)| {
        Comparison::test_sequential(config.clone(), model, steps, None);
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(why, _)) => Some(why),
        _ => None,
    }
}

/// The environment's settings. Nothing is stored: a seed draws other steps as soon as the
/// strategy changes, and the list of steps is printed.
fn config() -> Config {
    let mut config = Config {
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::XorShift,
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

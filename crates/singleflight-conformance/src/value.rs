//! Values that count their clones and drops, the tally in which a scenario counts them, and the
//! answers that carry them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use singleflight_core::{CallError, Outcome, Role};

/// What works return: a value that counts its clones and drops, or an error.
pub type Value = Result<Token, &'static str>;

/// The group that scenarios share between front ends.
pub type CoreGroup = Arc<singleflight_core::Group<String, Value>>;

/// What all works of a scenario have in common.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Executions running now, and started so far.
    pub(crate) running: AtomicUsize,
    pub(crate) runs: AtomicUsize,
    /// The first broken promise that a work noticed.
    broken: Mutex<Option<String>>,
    /// What calls from inside works were answered.
    nested: Mutex<Vec<Answer>>,
    /// What batches' works were given, call by call.
    pub(crate) batches: Mutex<Vec<Vec<String>>>,
    /// Tokens alive now, and clones made so far.
    pub(crate) alive: AtomicUsize,
    pub(crate) clones: AtomicUsize,
}

impl Tally {
    /// Notes a broken promise. A work cannot simply panic: that would be a result.
    pub(crate) fn report(&self, broken: String) {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(broken);
    }

    pub(crate) fn note(&self, answer: Answer) {
        let mut nested = self.nested.lock().unwrap_or_else(PoisonError::into_inner);
        nested.push(answer);
    }

    pub(crate) fn take_nested(&self) -> Vec<Answer> {
        let mut nested = self.nested.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut nested)
    }

    pub(crate) fn batches(&self) -> Vec<Vec<String>> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.clone()
    }

    pub(crate) fn broken(&self) -> Option<String> {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A value that counts its clones and drops.
#[derive(Debug)]
pub struct Token {
    number: u32,
    tally: Arc<Tally>,
}

impl Token {
    pub(crate) fn new(number: u32, tally: &Arc<Tally>) -> Self {
        tally.alive.fetch_add(1, Ordering::SeqCst);
        Self {
            number,
            tally: Arc::clone(tally),
        }
    }

    /// Returns the number by which values are told apart.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        self.tally.clones.fetch_add(1, Ordering::SeqCst);
        Self::new(self.number, &self.tally)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.tally.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a call gave back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The value, or why there is none.
    pub value: Result<Value, CallError>,
    /// How the value came about, where the entry point says so.
    pub role: Option<Role>,
    /// How many followers there were, where the entry point says so.
    pub followers: Option<usize>,
}

impl Answer {
    /// The answer of an entry point that returns the value alone.
    pub fn bare(value: Value) -> Self {
        Self {
            value: Ok(value),
            role: None,
            followers: None,
        }
    }

    /// The answer of an entry point that returns an outcome.
    pub fn outcome(outcome: Result<Outcome<Value>, CallError>) -> Self {
        match outcome {
            Ok(outcome) => Self {
                value: Ok(outcome.value),
                role: Some(outcome.role),
                followers: Some(outcome.followers),
            },
            Err(error) => Self {
                value: Err(error),
                role: None,
                followers: None,
            },
        }
    }
}

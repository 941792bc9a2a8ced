//! Values that count their clones and drops, the tally in which a scenario counts them, and the
//! answers that carry them.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use singleflight_core::{CallError, CallResult, Outcome, Role};

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
    /// What works were told by the fences of their calls, at their beginning and at their end.
    fences: Mutex<Vec<bool>>,
    /// What batches' works were given, call by call.
    batches: Mutex<Vec<Vec<String>>>,
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

    pub(crate) fn note_fence(&self, is_forgotten: bool) {
        let mut fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        fences.push(is_forgotten);
    }

    pub(crate) fn fences(&self) -> Vec<bool> {
        let fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        fences.clone()
    }

    pub(crate) fn note_batch(&self, keys: Vec<String>) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.push(keys);
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

/// What a work fails with whose error stays with its caller: neither cloned nor printed.
#[expect(
    missing_debug_implementations,
    reason = "that no error need have it is what is tried"
)]
pub struct Failure(pub(crate) &'static str);

/// Why a call has no value.
pub(crate) enum NoValue {
    /// Its own work failed.
    Failed(Failure),
    /// It was refused, or left without.
    Refused(CallError),
}

/// What a call gave back.
#[must_use = "it says how the call ended"]
pub struct Answer<V = Value> {
    pub(crate) value: Result<V, NoValue>,
    /// How the value came about, where the entry point says so.
    pub(crate) role: Option<Role>,
    /// How many followers there were, where the entry point says so.
    pub(crate) followers: Option<usize>,
    /// What the handle of a spawned call said at once.
    pub(crate) refusal: Option<CallError>,
}

impl<V> Answer<V> {
    fn new(value: Result<V, NoValue>) -> Self {
        Self {
            value,
            role: None,
            followers: None,
            refusal: None,
        }
    }

    /// The answer of an entry point that returns the value alone.
    pub fn bare(value: CallResult<V>) -> Self {
        Self::new(value.map_err(NoValue::Refused))
    }

    /// The answer of one whose work may fail.
    pub fn tried(value: CallResult<Result<V, Failure>>) -> Self {
        match value {
            Ok(value) => Self::new(value.map_err(NoValue::Failed)),
            Err(error) => Self::bare(Err(error)),
        }
    }

    /// The answer of an entry point that returns an outcome.
    pub fn outcome(outcome: CallResult<Outcome<V>>) -> Self {
        match outcome {
            Ok(outcome) => Self {
                role: Some(outcome.role),
                followers: Some(outcome.followers),
                ..Self::bare(Ok(outcome.value))
            },
            Err(error) => Self::bare(Err(error)),
        }
    }

    /// The answer of one whose work may fail.
    pub fn tried_outcome(outcome: CallResult<Result<Outcome<V>, Failure>>) -> Self {
        match outcome {
            Ok(Ok(outcome)) => Self::outcome(Ok(outcome)),
            Ok(Err(failure)) => Self::tried(Ok(Err(failure))),
            Err(error) => Self::bare(Err(error)),
        }
    }

    /// Adds what the handle said before it was asked.
    pub fn told_at_once(self, refusal: Option<CallError>) -> Self {
        Self { refusal, ..self }
    }

    /// The error that left the call without a value.
    pub(crate) fn error(&self) -> Option<&CallError> {
        match &self.value {
            Err(NoValue::Refused(error)) => Some(error),
            _ => None,
        }
    }
}

impl<V: fmt::Debug> fmt::Debug for Answer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match &self.value {
            Ok(value) => format!("{value:?}"),
            Err(NoValue::Failed(Failure(text))) => format!("its own failure {text:?}"),
            Err(NoValue::Refused(error)) => format!("{error:?}"),
        };
        write!(f, "{value} ({:?} of {:?})", self.role, self.followers)
    }
}

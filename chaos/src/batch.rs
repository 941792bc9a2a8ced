//! The work of a call for many keys.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::answer::Answer;
use crate::clock::Stamp;
use crate::history::Completion;
use crate::log::Log;
use crate::pause::pauses;
use crate::script::BatchScript;
use crate::value::{EVERY_KEY, Made, OwnFault};
use crate::work::{Plan, Running};

/// What a batch's work returns.
pub type Loaded = Result<Vec<(u64, Made)>, OwnFault>;

/// What a call for many keys comes to: an answer for each, or the fault of its work.
pub type BatchAnswers = Result<Vec<(u64, Answer)>, OwnFault>;

/// The work of a call for many keys. It may be run more than once, each time for the keys
/// that it is given.
#[derive(Clone)]
pub struct BatchWork {
    log: Arc<Log>,
    call: Stamp,
    plan: Plan,
    patience: Option<Duration>,
    /// Keys of which it returns nothing: those that leave no rest by this.
    omits: Option<u64>,
}

impl BatchWork {
    pub(crate) fn new(log: &Arc<Log>, call: Stamp, script: &BatchScript) -> Self {
        Self {
            log: Arc::clone(log),
            call,
            plan: script.plan,
            patience: script.patience,
            omits: script.omits,
        }
    }

    /// The call's deadline, if it has one.
    pub fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Whether it may fail as a whole.
    pub fn fails(&self) -> bool {
        self.plan.result == Completion::Fault
    }

    /// Runs it on this thread.
    ///
    /// # Errors
    ///
    /// If it was told to fail.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub fn load(&self, keys: Vec<u64>) -> Loaded {
        let running = Running::begin(&self.log, self.call, keys.iter().copied());
        for _ in 0..self.plan.yields {
            thread::yield_now();
        }
        self.conclude(running, keys)
    }

    /// Makes its future.
    ///
    /// # Errors
    ///
    /// If it was told to fail.
    pub fn loading(&self, keys: Vec<u64>) -> impl Future<Output = Loaded> + Send + use<> {
        let work = self.clone();
        async move {
            let running = Running::begin(&work.log, work.call, keys.iter().copied());
            pauses(work.plan.yields).await;
            work.conclude(running, keys)
        }
    }

    fn conclude(&self, mut running: Running, keys: Vec<u64>) -> Loaded {
        let omits = |key| self.omits.is_some_and(|by| key % by == 0);
        running.settle(|key| match self.plan.result {
            Completion::Value if omits(key) => Completion::Omitted,
            result => result,
        });
        match self.plan.result {
            Completion::Fault => Err(OwnFault(running.value(EVERY_KEY))),
            Completion::Panic => running.panic(),
            _ => Ok(keys
                .into_iter()
                .filter(|key| !omits(*key))
                .map(|key| (key, Ok(running.value(key))))
                .collect()),
        }
    }
}

impl fmt::Debug for BatchWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchWork")
            .field("call", &self.call)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

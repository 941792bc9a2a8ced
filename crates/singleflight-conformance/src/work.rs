//! The work that scenarios run: it says when it begins, does as it is told, and notices
//! when a promise is broken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_lite::future::block_on;

use crate::front_end::Shared;
use crate::gate::Gate;

/// What works return: a value that counts its clones and drops, or an error.
pub type Value = Result<Token, &'static str>;

/// What all works of a scenario have in common.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Executions running now, and started so far.
    pub(crate) running: AtomicUsize,
    pub(crate) runs: AtomicUsize,
    /// The first broken promise that a work noticed.
    broken: Mutex<Option<String>>,
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

/// How a work ends.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// It returns a token of this number.
    Value(u32),
    /// It returns an error.
    Error(&'static str),
    /// It panics.
    Panic(&'static str),
}

/// One work.
#[derive(Debug)]
pub struct Work {
    pub(crate) group: Shared,
    pub(crate) key: &'static str,
    pub(crate) tally: Arc<Tally>,
    /// Opened when the work begins.
    pub(crate) begun: Gate,
    /// Where the work waits.
    pub(crate) may_end: Gate,
    pub(crate) ending: Ending,
    /// Whether another execution of the key may run beside this one.
    pub(crate) may_overlap: bool,
}

/// One running execution. It is over when this is dropped, and by then nobody else may have
/// been let in (P1).
struct Execution<'a>(&'a Work);

impl<'a> Execution<'a> {
    fn begin(work: &'a Work) -> Self {
        let running = work.tally.running.fetch_add(1, Ordering::SeqCst);
        if running > 0 && !work.may_overlap {
            work.tally.report(format!(
                "P1: {running} other execution(s) of {:?}",
                work.key
            ));
        }
        work.tally.runs.fetch_add(1, Ordering::SeqCst);
        Self(work)
    }
}

impl Drop for Execution<'_> {
    fn drop(&mut self) {
        let Work {
            group, key, tally, ..
        } = self.0;
        // P8 besides: the work's own code may ask the group.
        let early = group
            .flights()
            .iter()
            .any(|flight| flight.key() == key && flight.is_vacant());
        if early && !self.0.may_overlap {
            tally.report(format!(
                "P1: {key:?} was handed over before its work was dropped"
            ));
        }
        tally.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work {
    /// Runs the work in a task.
    ///
    /// # Errors
    ///
    /// If it was told to.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub async fn run(&self) -> Value {
        let _execution = Execution::begin(self);
        self.begun.open();
        self.may_end.passed().await;
        match self.ending {
            Ending::Value(number) => Ok(Token::new(number, &self.tally)),
            Ending::Error(error) => Err(error),
            Ending::Panic(message) => panic!("{message}"),
        }
    }

    /// Runs the work on a thread.
    ///
    /// # Errors
    ///
    /// If it was told to.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub fn run_blocking(&self) -> Value {
        block_on(self.run())
    }
}

//! The work that scenarios run: it says when it begins, does as it is told, and notices
//! when a promise is broken.

use std::fmt;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use futures_lite::future::block_on;
use singleflight_core::Interest;

use crate::gate::Gate;
use crate::value::{Answer, CoreGroup, Tally, Token, Value};

/// How a work ends.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// It returns a token of this number.
    Value(u32),
    /// It returns an error.
    Error(&'static str),
    /// It panics.
    Panic(&'static str),
    /// It panics with something that is no text.
    PanicWith(Payload),
}

/// What a panic carries that carries no text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Payload(pub(crate) u32);

/// One work.
#[derive(Debug)]
pub struct Work {
    pub(crate) group: CoreGroup,
    pub(crate) key: &'static str,
    pub(crate) tally: Arc<Tally>,
    /// Opened when the work begins.
    pub(crate) begun: Gate,
    /// Where the work waits.
    pub(crate) may_end: Gate,
    pub(crate) ending: Ending,
    /// Whether another execution of the key may run beside this one.
    pub(crate) may_overlap: bool,
    /// A call to be made from inside this work, once it may end.
    pub(crate) nested: Option<Nested>,
}

/// Makes a call from inside a work.
pub(crate) struct Nested(pub(crate) Box<dyn Fn() -> NestedCall + Send + Sync>);

/// A call made from inside a work.
pub(crate) type NestedCall = Pin<Box<dyn Future<Output = Answer> + Send>>;

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nested")
    }
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
        if let Some(Nested(call)) = &self.nested {
            let answer = call().await;
            self.tally.note(answer);
        }
        self.end()
    }

    fn end(&self) -> Value {
        match self.ending {
            Ending::Value(number) => Ok(Token::new(number, &self.tally)),
            Ending::Error(error) => Err(error),
            Ending::Panic(message) => panic!("{message}"),
            Ending::PanicWith(payload) => panic_any(payload),
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

    /// Runs the work on a thread, for as long as anybody is interested.
    ///
    /// # Errors
    ///
    /// If it was told to, or when the interest has ended.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub fn run_while<V>(&self, interest: &Interest<V>) -> Value {
        let _execution = Execution::begin(self);
        self.begun.open();
        while !self.may_end.is_open() {
            if interest.has_ended() {
                return Err("nobody is interested");
            }
            std::thread::yield_now();
        }
        self.end()
    }
}

/// The work of a batch.
#[derive(Clone, Debug)]
pub struct BatchWork {
    pub(crate) tally: Arc<Tally>,
    pub(crate) begun: Gate,
    pub(crate) may_end: Gate,
    pub(crate) returns: Returns,
}

/// What a batch's work returns.
#[derive(Clone, Debug)]
pub(crate) enum Returns {
    /// A token of this number for each key.
    All(u32),
    /// The same, but not for this key; and one for a key that was not asked for.
    AllBut(&'static str, u32),
    /// It panics.
    Panic(&'static str),
}

impl BatchWork {
    /// Loads the keys in a task.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub async fn run(&self, keys: Vec<String>) -> Vec<(String, Value)> {
        self.tally
            .batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(keys.clone());
        self.begun.open();
        self.may_end.passed().await;
        let token = |key, number| (key, Ok(Token::new(number, &self.tally)));
        match self.returns {
            Returns::All(number) => keys.into_iter().map(|key| token(key, number)).collect(),
            Returns::AllBut(missing, number) => keys
                .into_iter()
                .filter(|key| key != missing)
                .chain(["not asked for".to_owned()])
                .map(|key| token(key, number))
                .collect(),
            Returns::Panic(message) => panic!("{message}"),
        }
    }

    /// Loads the keys on a thread.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub fn run_blocking(&self, keys: Vec<String>) -> Vec<(String, Value)> {
        block_on(self.run(keys))
    }
}

//! The work that scenarios run: it says when it begins, does as it is told, and notices
//! when a promise is broken.

use std::fmt;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use singleflight_core::{Fence, GroupRef, Wanted};

use crate::gate::Gate;
use crate::value::{Answer, CoreGroup, Failure, Tally, Token, Value};

/// From here on values are their caller's own, where the call says which it shares.
pub(crate) const PRIVATE: u32 = 1_000;

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
    /// Runs the work, for a call that shares what it returns.
    ///
    /// # Errors
    ///
    /// If it was told to.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub async fn run(&self) -> Value {
        shared(self.execute(|| {}).await)
    }

    /// Runs the work, for a call that keeps its error.
    ///
    /// # Errors
    ///
    /// If it was told to.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub async fn try_run(&self) -> Result<Value, Failure> {
        self.execute(|| {}).await
    }

    /// As [`run`](Self::run); asks the fence that the call was given, at its beginning and at its end.
    ///
    /// # Errors
    ///
    /// If it was told to.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub async fn run_fenced<G: GroupRef>(&self, fence: &Fence<G>) -> Value {
        shared(
            self.execute(|| self.tally.note_fence(fence.is_forgotten()))
                .await,
        )
    }

    /// Says what the call shares: all but what is its caller's own.
    pub fn shares(&self) -> impl Fn(&Value) -> bool + Send + use<> {
        |value| !matches!(value, Ok(token) if token.number() >= PRIVATE)
    }

    async fn execute(&self, ask: impl Fn()) -> Result<Value, Failure> {
        let _execution = Execution::begin(self);
        ask();
        self.begun.open();
        self.may_end.passed().await;
        if let Some(Nested(call)) = &self.nested {
            let answer = call().await;
            self.tally.note(answer);
        }
        ask();
        self.end()
    }

    fn end(&self) -> Result<Value, Failure> {
        match self.ending {
            Ending::Value(number) => Ok(Ok(Token::new(number, &self.tally))),
            Ending::Error(error) => Err(Failure(error)),
            Ending::Panic(message) => panic!("{message}"),
            Ending::PanicWith(payload) => panic_any(payload),
        }
    }

    /// Runs the work on a thread, for as long as it is wanted.
    ///
    /// # Errors
    ///
    /// If it was told to, or when it is not wanted any more.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub fn run_while<V>(&self, wanted: &Wanted<V>) -> Value {
        shared(self.try_run_while(wanted))
    }

    /// As [`run_while`](Self::run_while), for a call that keeps its error.
    ///
    /// # Errors
    ///
    /// If it was told to, or when it is not wanted any more.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub fn try_run_while<V>(&self, wanted: &Wanted<V>) -> Result<Value, Failure> {
        let _execution = Execution::begin(self);
        self.begun.open();
        while !self.may_end.is_open() {
            if !wanted.is_wanted() {
                return Err(Failure("nobody is interested"));
            }
            std::thread::yield_now();
        }
        self.end()
    }
}

/// What a call shares whose work failed: the error is a value like any other.
fn shared(result: Result<Value, Failure>) -> Value {
    result.unwrap_or_else(|Failure(error)| Err(error))
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
    /// It fails as a whole.
    Error(&'static str),
    /// It panics.
    Panic(&'static str),
}

/// What a batch's work has loaded.
pub type Loaded = Vec<(String, Value)>;

impl BatchWork {
    /// Loads the keys, for a batch whose work does not fail.
    ///
    /// # Panics
    ///
    /// If it was told to, or to fail.
    pub async fn run(&self, keys: Vec<String>) -> Loaded {
        let loaded = self.try_run(keys).await;
        loaded.unwrap_or_else(|Failure(error)| panic!("this batch's work does not fail: {error}"))
    }

    /// Loads the keys.
    ///
    /// # Errors
    ///
    /// If it was told to.
    ///
    /// # Panics
    ///
    /// If it was told to.
    pub async fn try_run(&self, keys: Vec<String>) -> Result<Loaded, Failure> {
        self.load(keys, || {}).await
    }

    /// As [`run`](Self::run); asks the fence that the call was given, at its beginning and at its end.
    ///
    /// # Panics
    ///
    /// If it was told to, or to fail.
    pub async fn run_fenced<G: GroupRef>(&self, keys: Vec<String>, fence: &Fence<G>) -> Loaded {
        let ask = || self.tally.note_fence(fence.is_forgotten());
        let loaded = self.load(keys, ask).await;
        loaded.unwrap_or_else(|Failure(error)| panic!("this batch's work does not fail: {error}"))
    }

    async fn load(&self, keys: Vec<String>, ask: impl Fn()) -> Result<Loaded, Failure> {
        self.tally.note_batch(keys.clone());
        ask();
        self.begun.open();
        self.may_end.passed().await;
        ask();
        let token = |key, number| (key, Ok(Token::new(number, &self.tally)));
        match self.returns {
            Returns::All(number) => Ok(keys.into_iter().map(|key| token(key, number)).collect()),
            Returns::AllBut(missing, number) => Ok(keys
                .into_iter()
                .filter(|key| key != missing)
                .chain(["not asked for".to_owned()])
                .map(|key| token(key, number))
                .collect()),
            Returns::Error(error) => Err(Failure(error)),
            Returns::Panic(message) => panic!("{message}"),
        }
    }
}

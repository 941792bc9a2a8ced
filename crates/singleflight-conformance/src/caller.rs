//! A call of a scenario: planned, started, and waited for.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use futures_lite::future::{FutureExt as _, block_on, or};
use singleflight_core::{CallError, Role};

use crate::front_end::{Call, Complete, Entry, FrontEnd, Waiting};
use crate::gate::{DEADLINE, Gate, until};
use crate::stage::{KEY, Stage};
use crate::value::{Answer, Failure, NoValue};
use crate::work::{Ending, Nested, NestedCall, Payload, Work};

/// A call to be started.
pub(crate) struct Plan<'a, F> {
    pub(crate) stage: &'a Stage<F>,
    pub(crate) entry: Entry,
    pub(crate) key: &'static str,
    pub(crate) ending: Ending,
    pub(crate) may_overlap: bool,
    pub(crate) nested: Option<Nested>,
}

/// A call under way.
pub(crate) struct Caller {
    begun: Gate,
    may_end: Gate,
    pub(crate) cancel: Gate,
    ended: Receiver<End>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum End {
    Answered(Answer),
    /// With what its panic carried.
    Panicked(Box<dyn Any + Send>),
    Cancelled,
}

impl<F: FrontEnd> Stage<F> {
    /// Plans a call that returns `number` if it leads.
    pub(crate) fn call(&self, number: u32) -> Plan<'_, F> {
        Plan {
            stage: self,
            entry: Entry::RunOutcome,
            key: KEY,
            ending: Ending::Value(number),
            may_overlap: false,
            nested: None,
        }
    }

    /// Starts a call and waits until it leads and its work has begun.
    pub(crate) fn leader(&self, number: u32) -> Caller {
        self.call(number).lead()
    }

    /// Starts a call and waits until it follows.
    pub(crate) fn follower(&self, number: u32) -> Caller {
        self.call(number).follow()
    }

    pub(crate) fn followers(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<Caller> {
        numbers
            .into_iter()
            .map(|number| self.follower(number))
            .collect()
    }
}

impl<F: FrontEnd> Plan<'_, F> {
    pub(crate) fn by(self, entry: Entry) -> Self {
        Self { entry, ..self }
    }

    pub(crate) fn key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    pub(crate) fn fails(self, error: &'static str) -> Self {
        let ending = Ending::Error(error);
        Self { ending, ..self }
    }

    pub(crate) fn panics(self, message: &'static str) -> Self {
        let ending = Ending::Panic(message);
        Self { ending, ..self }
    }

    /// Panics with something that is no text.
    pub(crate) fn panics_with(self, number: u32) -> Self {
        let ending = Ending::PanicWith(Payload(number));
        Self { ending, ..self }
    }

    /// Allows the work to run beside another one: after `forget`, or for another key.
    pub(crate) fn may_overlap(self) -> Self {
        Self {
            may_overlap: true,
            ..self
        }
    }

    /// Makes a call from inside the work, once that may end. Its answer is in the tally.
    pub(crate) fn calls(self, nested: impl Fn() -> NestedCall + Send + Sync + 'static) -> Self {
        let nested = Some(Nested(Box::new(nested)));
        Self { nested, ..self }
    }

    /// Makes the call, and the gates by which it is held.
    pub(crate) fn into_call(self) -> (Call, Gate, Gate) {
        let (begun, may_end) = (Gate::new(), Gate::new());
        let call = Call {
            entry: self.entry,
            key: self.key,
            work: Work {
                group: Arc::clone(&self.stage.group),
                key: self.key,
                tally: Arc::clone(&self.stage.tally),
                begun: begun.clone(),
                may_end: may_end.clone(),
                ending: self.ending,
                may_overlap: self.may_overlap,
                nested: self.nested,
            },
        };
        (call, begun, may_end)
    }

    /// Starts the call; it may lead or follow.
    pub(crate) fn start(self) -> Caller {
        let group = self.stage.front_end();
        let (call, begun, may_end) = self.into_call();
        launch::<F>(begun, may_end, async move { F::call(&group, call).await })
    }

    /// Starts the call and waits until its work has begun.
    pub(crate) fn lead(self) -> Caller {
        let caller = self.start();
        caller.has_begun();
        caller
    }

    /// Starts the call and waits until it is counted among the followers. Its work may end at
    /// once, should it come to lead.
    pub(crate) fn follow(self) -> Caller {
        let (stage, key) = (self.stage, self.key);
        let before = stage.waiting(key);
        let caller = self.start();
        caller.release();
        until("a call joining as a follower", || {
            stage.waiting(key) > before
        });
        caller
    }
}

impl Caller {
    /// Waits until the call's work has begun.
    pub(crate) fn has_begun(&self) {
        self.begun.expect("a work beginning");
    }

    /// Whether the call's work has ever begun.
    pub(crate) fn ran(&self) -> bool {
        self.begun.is_open()
    }

    /// Lets the work end, now or when it comes to that.
    pub(crate) fn release(&self) {
        self.may_end.open();
    }

    /// Waits for the call's end.
    pub(crate) fn end(self) -> End {
        received(&self.ended)
    }

    /// Lets the work end and waits for the answer.
    pub(crate) fn answer(self) -> Answer {
        self.release();
        match self.end() {
            End::Answered(answer) => answer,
            end => panic!("the call gave no answer: {end:?}"),
        }
    }

    /// As [`answer`](Self::answer), of which the number of the value.
    pub(crate) fn number(self) -> u32 {
        number(&self.answer())
    }

    /// Waits for a panic and returns its message.
    pub(crate) fn panic(self) -> String {
        self.release();
        match self.end() {
            End::Panicked(payload) => message(&*payload),
            end => panic!("the call did not panic: {end:?}"),
        }
    }

    /// Waits for a panic that was to carry a [`Payload`].
    pub(crate) fn payload(self) -> Payload {
        self.release();
        match self.end() {
            End::Panicked(payload) => *payload.downcast().expect("what the work panicked with"),
            end => panic!("the call did not panic: {end:?}"),
        }
    }

    /// As [`answer`](Self::answer), of which the error that left it without a value.
    pub(crate) fn refusal(self) -> CallError {
        refusal(&self.answer())
    }

    /// As [`answer`](Self::answer), of which the error that the call's own work failed with.
    pub(crate) fn failure(self) -> &'static str {
        own_failure(&self.answer())
    }
}

/// Waits for what somebody is going to tell.
fn received<T>(told: &Receiver<T>) -> T {
    match told.recv_timeout(DEADLINE) {
        Ok(told) => told,
        Err(RecvTimeoutError::Timeout) => panic!("hang: a call did not end"),
        Err(RecvTimeoutError::Disconnected) => panic!("a call was lost with its task"),
    }
}

/// The number of an answer's value.
pub(crate) fn number(answer: &Answer) -> u32 {
    match &answer.value {
        Ok(Ok(token)) => token.number(),
        _ => panic!("not a token: {answer:?}"),
    }
}

/// The error that a work returned and that is shared like a value.
pub(crate) fn failure(answer: &Answer) -> &'static str {
    match &answer.value {
        Ok(Err(error)) => error,
        _ => panic!("not an error that is shared: {answer:?}"),
    }
}

/// The error that the caller's own work failed with.
pub(crate) fn own_failure(answer: &Answer) -> &'static str {
    match &answer.value {
        Err(NoValue::Failed(Failure(error))) => error,
        _ => panic!("not an error of its own work: {answer:?}"),
    }
}

/// The error that left a call without a value.
pub(crate) fn refusal(answer: &Answer) -> CallError {
    let error = answer.error().cloned();
    error.unwrap_or_else(|| panic!("the call was not refused: {answer:?}"))
}

/// Whether an answer says that its call led.
pub(crate) fn led(answer: &Answer) -> bool {
    answer.role == Some(Role::Leader)
}
/// Runs a call by itself, so that it can be waited for and cancelled.
fn launch<F: FrontEnd>(
    begun: Gate,
    may_end: Gate,
    call: impl Future<Output = Answer> + Send + 'static,
) -> Caller {
    let cancel = Gate::new();
    let (sender, ended) = channel();
    let cancelled = cancel.clone();
    F::spawn(Box::pin(async move {
        let end = or(
            async {
                cancelled.passed().await;
                End::Cancelled
            },
            async {
                match AssertUnwindSafe(call).catch_unwind().await {
                    Ok(answer) => End::Answered(answer),
                    Err(payload) => End::Panicked(payload),
                }
            },
        )
        .await;
        tell(&sender, end);
    }));
    Caller {
        begun,
        may_end,
        cancel,
        ended,
    }
}

impl<F: Complete> Plan<'_, F> {
    /// Spawns the call; it runs to its end.
    pub(crate) fn spawn(self) -> SpawnedCall {
        self.spawn_as(false)
    }

    /// Spawns the call; it is cancelled when nobody wants it.
    pub(crate) fn spawn_while_wanted(self) -> SpawnedCall {
        self.spawn_as(true)
    }

    /// Spawns the call in either way.
    pub(crate) fn spawn_as(self, while_wanted: bool) -> SpawnedCall {
        let group = self.stage.front_end();
        let (call, begun, may_end) = self.into_call();
        SpawnedCall {
            handle: F::spawn_call(&group, call, while_wanted),
            begun,
            may_end,
        }
    }
}

/// A spawned call, and the gates by which it is held.
pub(crate) struct SpawnedCall {
    pub(crate) handle: Waiting,
    pub(crate) begun: Gate,
    pub(crate) may_end: Gate,
}

impl SpawnedCall {
    /// Waits until its work has begun.
    pub(crate) fn has_begun(&self) {
        self.begun.expect("a spawned work beginning");
    }

    /// Lets the work end and waits for the answer.
    pub(crate) fn answer(self) -> Answer {
        self.may_end.open();
        let (sender, answer) = channel();
        let handle = self.handle;
        thread::spawn(move || sender.send(block_on(handle)));
        received(&answer)
    }

    /// As [`answer`](Self::answer), of which the number of the value.
    pub(crate) fn number(self) -> u32 {
        number(&self.answer())
    }

    /// As [`answer`](Self::answer), of which the error that left the call without a value.
    pub(crate) fn refusal(self) -> CallError {
        refusal(&self.answer())
    }
}

/// The scenario may have failed and gone; then nobody needs to know.
fn tell(sender: &Sender<End>, end: End) {
    let _gone = sender.send(end);
}

/// The text of a panic.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

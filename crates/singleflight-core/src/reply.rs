//! How the answer of a spawned call reaches its handle.

use core::fmt;
use core::future::Future;

use crate::error::CallError;
use crate::outcome::Outcome;
use crate::sync::{Arc, Mutex};
use crate::wait::{Signal, until};

/// What a spawned call ends with.
pub type Answer<V> = Result<Outcome<V>, CallError>;

/// A way to wait for what a spawned call returns: the join handle of a task, for example.
///
/// A front end implements it for the join handle of its runtime, and must not let the task be
/// cancelled when that is dropped: whether the work goes on is for
/// [`Until`](crate::Until) to say.
pub trait Join<V> {
    /// Waits for the answer. [`TaskLost`](CallError::TaskLost) if the task was dropped.
    fn join(self) -> impl Future<Output = Answer<V>>;
}

/// Where the answer of a call lies that no runtime joins.
pub struct Reply<V>(Arc<Desk<V>>);

/// The other end of a reply. If it is dropped, the answer is that the call was lost.
pub(crate) struct Tell<V>(Option<Arc<Desk<V>>>);

struct Desk<V> {
    answer: Mutex<Option<Answer<V>>>,
    signal: Signal,
}

impl<V> Reply<V> {
    pub(crate) fn new() -> (Tell<V>, Self) {
        let desk = Arc::new(Desk {
            answer: Mutex::new(None),
            signal: Signal::new(),
        });
        (Tell(Some(Arc::clone(&desk))), Self(desk))
    }

    /// Parks until the answer is there, or until the wait turns out to be `inside` the work.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub(crate) fn join_blocking(self, inside: impl Fn() -> bool) -> Answer<V> {
        let Self(desk) = self;
        desk.signal.until_blocking(|| {
            let answer = desk.look();
            answer.or_else(|| inside().then_some(Err(CallError::Reentrant)))
        })
    }
}

impl<V> Join<V> for Reply<V> {
    fn join(self) -> impl Future<Output = Answer<V>> {
        until(
            self.0,
            |desk| &desk.signal,
            |desk| desk.look(),
            |_, answer| answer,
        )
    }
}

impl<V> Tell<V> {
    pub(crate) fn give(mut self, answer: Answer<V>) {
        self.put(answer);
    }

    fn put(&mut self, answer: Answer<V>) {
        if let Some(desk) = self.0.take() {
            desk.answer.with(|place| *place = Some(answer));
            desk.signal.notify_all();
        }
    }
}

impl<V> Drop for Tell<V> {
    fn drop(&mut self) {
        self.put(Err(CallError::TaskLost));
    }
}

impl<V> Desk<V> {
    fn look(&self) -> Option<Answer<V>> {
        self.answer.with(Option::take)
    }
}

impl<V> fmt::Debug for Reply<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

//! How the answer of a spawned call reaches its handle where no runtime joins.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::Instant;

use crate::error::{CallError, CallResult};
use crate::platform::sync::{Arc, Mutex, seeded};
use crate::platform::wait::{Listener, Signal};

/// Receives the answer of a call once: a future, and a wait for threads. If the call's task is
/// dropped before it has answered, the answer is [`TaskLost`](CallError::TaskLost).
pub struct Receiver<O> {
    shared: Arc<Oneshot<O>>,
    /// Where it sleeps. Dropped first would be the same: it holds no borrow.
    listener: Option<Listener>,
}

/// The other end. If it is dropped, the answer is that the call was lost.
pub(crate) struct Sender<O>(Option<Arc<Oneshot<O>>>);

struct Oneshot<O> {
    answer: Mutex<Option<CallResult<O>>>,
    signal: Signal,
}

pub(crate) fn oneshot<O>() -> (Sender<O>, Receiver<O>) {
    let shared = Arc::new(Oneshot {
        answer: Mutex::new(None),
        signal: Signal::new(),
    });
    let receiver = Receiver {
        shared: Arc::clone(&shared),
        listener: None,
    };
    (Sender(Some(shared)), receiver)
}

impl<O> Receiver<O> {
    /// Parks until the answer is there, or until the wait turns out to be `inside` the work.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub(crate) fn wait_blocking(&self, inside: impl Fn() -> bool) -> CallResult<O> {
        self.shared
            .signal
            .until_blocking(|| self.shared.look_outside(&inside))
    }

    /// The same, until the deadline at the latest.
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub(crate) fn wait_blocking_until(
        &self,
        inside: impl Fn() -> bool,
        deadline: Instant,
    ) -> Option<CallResult<O>> {
        let Self { shared, .. } = self;
        let look = || shared.look_outside(&inside);
        let waited = shared.signal.until_deadline(look, deadline);
        waited.or_else(|| shared.look())
    }
}

impl<O> Future for Receiver<O> {
    type Output = CallResult<O>;

    /// Look, listen, look again, sleep.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CallResult<O>> {
        let Self { shared, listener } = &mut *self;
        loop {
            if let Some(answer) = shared.look() {
                *listener = None;
                return Poll::Ready(answer);
            }
            let is_new = listener.is_none();
            let sleeps = listener.get_or_insert_with(|| shared.signal.listen());
            if is_new && !seeded("one-look") {
                continue;
            }
            match Pin::new(sleeps).poll(context) {
                Poll::Ready(()) => *listener = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<O> Sender<O> {
    pub(crate) fn send(mut self, answer: CallResult<O>) {
        self.put(answer);
    }

    fn put(&mut self, answer: CallResult<O>) {
        if let Some(shared) = self.0.take() {
            shared.answer.with(|place| *place = Some(answer));
            shared.signal.notify_all();
        }
    }
}

impl<O> Drop for Sender<O> {
    fn drop(&mut self) {
        self.put(Err(CallError::TaskLost));
    }
}

impl<O> Oneshot<O> {
    fn look(&self) -> Option<CallResult<O>> {
        self.answer.with(Option::take)
    }

    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    fn look_outside(&self, inside: impl Fn() -> bool) -> Option<CallResult<O>> {
        let answer = self.look();
        answer.or_else(|| inside().then_some(Err(CallError::Reentrant)))
    }
}

impl<O> fmt::Debug for Receiver<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn what_is_received_is_not_shown() {
        let (_sender, receiver) = oneshot::<u64>();
        assert_eq!(format!("{receiver:?}"), "Receiver { .. }");
    }
}

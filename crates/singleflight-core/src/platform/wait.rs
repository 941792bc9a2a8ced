//! How a follower waits and how it is woken, over event-listener: the one file that names it.
//!
//! Every wait is look, listen, look again, sleep, look again. The second look pairs with
//! [`Signal::notify_all`]: both go through one lock of the signal's, so either the listener is
//! there when the notifier takes that lock, and is woken, or what was written before the
//! notification is visible to the second look.
//!
//! Two properties of event-listener reach our callers and are documented on
//! [`Follower`](crate::Follower): wakers are cloned, called and dropped under its list lock, and one
//! that panics may leave others asleep.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

#[cfg(feature = "critical-section")]
use event_listener::IntoNotification as _;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
use event_listener::Listener as _;
use event_listener::{Event, listener};

/// A place in a signal's list, which can be moved: on the heap.
pub(crate) use event_listener::EventListener as Listener;

use crate::platform::sync::{const_fn, seeded};

/// Where the followers of one flight sleep.
pub(crate) struct Signal(Event);

impl Signal {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self(Event::new())
        }
    }

    /// Takes the storage that the first to listen would take.
    pub(crate) fn prepare(&self) {
        drop(self.0.listen());
    }

    /// Listens with a listener of its own block of memory.
    pub(crate) fn listen(&self) -> Listener {
        self.0.listen()
    }

    /// Wakes everyone who is listening. Never called while a shard's lock is held.
    ///
    /// Pairs with the second look in [`until`].
    pub(crate) fn notify_all(&self) {
        let count = if seeded("wake-one") { 1 } else { usize::MAX };
        self.0.notify(count);
    }

    /// As [`notify_all`](Self::notify_all), for a crowd: where event-listener's list lock masks
    /// interrupts, they come through between two wakes.
    ///
    /// Whoever was first to listen is told first. One who is run by such an interrupt may listen
    /// anew, behind the others, which `most` keeps from going on for ever: at least as many as
    /// are to be told.
    #[cfg(feature = "critical-section")]
    pub(crate) fn notify_each(&self, most: usize) {
        for _ in 0..most {
            if self.0.notify(1.additional()) == 0 {
                return;
            }
        }
    }

    #[cfg(not(feature = "critical-section"))]
    pub(crate) fn notify_each(&self, _most: usize) {
        self.notify_all();
    }

    /// Parks the thread until `look` sees something.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub(crate) fn until_blocking<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            listener!(self.0 => listener);
            if !seeded("one-look-before-parking") {
                if let Some(seen) = look() {
                    return seen;
                }
            }
            listener.wait();
        }
    }

    /// Parks the thread until `look` sees something or the deadline comes, after which nothing is
    /// looked at any more.
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub(crate) fn until_deadline<T>(
        &self,
        mut look: impl FnMut() -> Option<T>,
        deadline: std::time::Instant,
    ) -> Option<T> {
        loop {
            listener!(self.0 => listener);
            if let Some(seen) = look() {
                return Some(seen);
            }
            listener.wait_deadline(deadline)?;
        }
    }
}

/// Sleeps until `look` sees something, at the signal that `at` finds, and makes the answer
/// of what was seen.
///
/// The listener lives in the future: waiting allocates nothing. The future owns what it looks
/// at, and keeps it once: an `async fn` would keep its arguments twice.
#[expect(
    clippy::manual_async_fn,
    reason = "the future of an `async fn` is larger"
)]
pub(crate) fn until<H, T, A>(
    holder: H,
    at: impl Fn(&H) -> &Signal,
    look: impl Fn(&H) -> Option<T>,
    answer: impl FnOnce(H, T) -> A,
) -> impl Future<Output = A> {
    async move {
        let seen = loop {
            if let Some(seen) = look(&holder) {
                break seen;
            }
            listener!(at(&holder).0 => listener);
            // At every poll, woken or not: the second look, and for a wait that is polled in
            // another place now than before, the first there.
            let seen = poll_fn(|context| {
                if !seeded("one-look") {
                    if let Some(seen) = look(&holder) {
                        return Poll::Ready(Some(seen));
                    }
                }
                Pin::new(&mut listener).poll(context).map(|()| None)
            });
            if let Some(seen) = seen.await {
                break seen;
            }
        };
        answer(holder, seen)
    }
}

//! A gate that one task waits at, on whatever runtime, and a count of who has been seen waiting.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_lite::future::yield_now;
use pin_project_lite::pin_project;

#[derive(Debug, Default)]
enum State {
    #[default]
    Shut,
    Awaited(Waker),
    Open,
}

/// A gate that is shut until it is opened. One task at a time waits at it.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    /// How many futures have been seen pending.
    waiting: AtomicUsize,
}

impl Gate {
    /// Makes a gate that is shut.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shuts it again, and forgets who waited.
    pub fn shut(&self) {
        self.with(|state| *state = State::Shut);
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// Opens it, and wakes who waits at it.
    pub fn open(&self) {
        if let State::Awaited(waker) = self.with(|state| std::mem::replace(state, State::Open)) {
            waker.wake();
        }
    }

    /// Waits until it is open.
    pub async fn pass(&self) {
        poll_fn(|context| {
            self.with(|state| match state {
                State::Open => Poll::Ready(()),
                State::Shut | State::Awaited(_) => {
                    *state = State::Awaited(context.waker().clone());
                    Poll::Pending
                }
            })
        })
        .await;
    }

    /// Counts `future` when it is first seen pending.
    pub fn counts<F>(&self, future: F) -> Counted<'_, F> {
        Counted {
            by: self,
            seen: false,
            future,
        }
    }

    /// Yields until so many futures that it counts have been seen pending, then opens.
    pub async fn open_for(&self, waiting: usize) {
        while self.waiting.load(Ordering::Relaxed) < waiting {
            yield_now().await;
        }
        self.open();
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pin_project! {
    /// A future that is counted by its gate when it is first seen pending.
    #[derive(Debug)]
    pub struct Counted<'a, F> {
        by: &'a Gate,
        seen: bool,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Counted<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(context);
        if polled.is_pending() && !*this.seen {
            *this.seen = true;
            this.by.waiting.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }
}

//! A count of how often futures are polled, and by it a way to see that nobody is polled any more.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_lite::future::yield_now;
use pin_project_lite::pin_project;

/// Counts the polls of the futures that it was given.
#[derive(Debug, Default)]
pub struct Polls(AtomicU64);

impl Polls {
    /// Has counted nothing yet.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts each poll of `future`.
    pub fn count<F>(&self, future: F) -> Polled<'_, F> {
        Polled { by: self, future }
    }

    /// Returns how many it has counted.
    pub fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Yields until none of its futures is polled between two polls of the caller.
    ///
    /// To be awaited by the future that a runtime of one thread blocks on: between two polls of
    /// that one it runs whatever is ready, or a share of it.
    pub async fn until_idle(&self) {
        loop {
            let before = self.taken();
            yield_now().await;
            if self.taken() == before {
                return;
            }
        }
    }
}

pin_project! {
    /// A future whose polls are counted.
    #[derive(Debug)]
    pub struct Polled<'a, F> {
        by: &'a Polls,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Polled<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.by.0.fetch_add(1, Ordering::Relaxed);
        this.future.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::sync::Arc;

    use singleflight_benches::hand::poll;
    use tokio::runtime;

    use super::*;

    #[test]
    fn each_poll_of_each_future_is_counted_once() {
        let polls = Polls::new();
        let mut waits = pin!(polls.count(pending::<()>()));
        for _ in 0..3 {
            assert!(poll(waits.as_mut()).is_pending());
        }
        assert_eq!(poll(pin!(polls.count(ready(7)))), Poll::Ready(7));
        assert_eq!(polls.taken(), 4);
    }

    #[test]
    fn a_runtime_is_idle_when_every_task_waits() {
        /// More than a runtime polls in one go, and more than once.
        const TASKS: u64 = 1_000;
        const YIELDS: u64 = 3;
        let runtime = runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime of one thread needs nothing");
        let polls = Arc::new(Polls::new());
        runtime.block_on(async {
            for _ in 0..TASKS {
                let polls = Arc::clone(&polls);
                tokio::spawn(async move {
                    let task = async {
                        for _ in 0..YIELDS {
                            yield_now().await;
                        }
                        pending::<()>().await;
                    };
                    polls.count(task).await;
                });
            }
            polls.until_idle().await;
            assert_eq!(polls.taken(), TASKS * (YIELDS + 1));
        });
    }
}

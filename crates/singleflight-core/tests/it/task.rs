//! A task that is polled by hand and counts its wakes.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    wakes: Arc<Wakes>,
}

impl<'a, T> Task<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Arc::new(Wakes(AtomicUsize::new(0))),
        }
    }

    /// Polls, and again if the task has woken itself meanwhile, as an executor does. Those wakes
    /// are not counted.
    pub(crate) fn poll(&mut self) -> Poll<T> {
        let wakes = self.wakes();
        loop {
            let before = self.wakes();
            let polled = self.poll_once();
            if polled.is_ready() || self.wakes() == before {
                self.wakes.0.store(wakes, Ordering::SeqCst);
                return polled;
            }
        }
    }

    /// Polls once, and never again by itself.
    pub(crate) fn poll_once(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls and expects the task to wait.
    #[track_caller]
    pub(crate) fn waits(&mut self) {
        assert!(self.poll().is_pending(), "the task should wait");
    }

    /// Polls and expects the task to end.
    #[track_caller]
    pub(crate) fn ends(mut self) -> T {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the task should end"),
        }
    }

    /// Takes the future out, to be polled by another task.
    pub(crate) fn into_future(self) -> Pin<Box<dyn Future<Output = T> + 'a>> {
        self.future
    }

    /// How often the task has been woken.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }
}

/// A future that is ready at its second poll.
pub(crate) async fn pause() {
    let mut polled = false;
    poll_fn(|_| {
        if mem::replace(&mut polled, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

//! A future that is polled by hand, and how often it was woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The longest chain of wakes that a future may bring about by itself.
const MOST_POLLS: usize = 1_000;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct Task<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    wakes: Arc<Wakes>,
    polled_at: Option<usize>,
    polls: usize,
}

impl<T> Task<T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Arc::default(),
            polled_at: None,
            polls: 0,
        }
    }

    fn step(&mut self) -> Poll<T> {
        self.polled_at = Some(self.wakes.0.load(Ordering::SeqCst));
        self.polls += 1;
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls it until it sleeps, as an executor does: not if nobody has woken it.
    fn poll(&mut self) -> Poll<T> {
        for _ in 0..MOST_POLLS {
            if self.polled_at == Some(self.wakes.0.load(Ordering::SeqCst)) {
                return Poll::Pending;
            }
            let polled = self.step();
            if polled.is_ready() {
                return polled;
            }
        }
        panic!("it wakes itself for ever");
    }

    /// Polls it a single time, which does not end it, even if it has woken itself.
    pub(crate) fn polled_once(&mut self) {
        assert!(self.step().is_pending());
    }

    pub(crate) fn waits(&mut self) {
        assert!(self.poll().is_pending(), "it should wait");
    }

    pub(crate) fn ends(mut self) -> T {
        self.end()
    }

    pub(crate) fn end(&mut self) -> T {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it should have ended"),
        }
    }

    /// Its value, if it has one now.
    pub(crate) fn poll_now(&mut self) -> Option<T> {
        match self.poll() {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    pub(crate) fn polls(&self) -> usize {
        self.polls
    }
}

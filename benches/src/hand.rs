//! Futures polled by hand, without an executor and what it costs.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Polls a future once; the waker wakes nobody and allocates nothing.
#[inline]
pub fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns what a future that waits for nothing comes to.
#[inline]
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future that waits for nothing ends at its first poll"),
    }
}

/// Future after future, polled in turns until all are done: at most as often as `rounds` says.
///
/// Returns whether all are done, and drops each as soon as it is.
pub fn settle<F: Future>(futures: &mut Vec<Pin<Box<F>>>, rounds: usize) -> bool {
    for _ in 0..rounds {
        futures.retain_mut(|future| poll(future.as_mut()).is_pending());
        if futures.is_empty() {
            return true;
        }
    }
    false
}

/// Polls all futures in turn whenever it is polled itself, until all are done.
pub async fn in_turn<F: Future>(mut futures: Vec<Pin<Box<F>>>) {
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Spreads numbers over all keys, so that neighbours in time are no neighbours in memory.
#[must_use]
pub fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

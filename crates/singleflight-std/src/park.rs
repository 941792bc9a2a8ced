//! How a thread waits for a future of the core.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// What a thread sleeps by that waits for a waker. Not the thread's own token, which a caller of ours
/// may be using.
#[derive(Default)]
struct Parker {
    is_woken: Mutex<bool>,
    wakes: Condvar,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wakes.notify_one();
    }
}

impl Parker {
    /// Sleeps until the waker wakes, or until the deadline.
    fn park(&self, deadline: Option<Instant>) {
        let mut is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_woken {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            is_woken = match left {
                None => {
                    let waited = self.wakes.wait(is_woken);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
                Some(left) if left.is_zero() => break,
                Some(left) => {
                    let waited = self.wakes.wait_timeout(is_woken, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *is_woken = false;
    }
}

/// Parks the thread until the future is ready. It is polled when it is woken, and once the deadline
/// has come: then it has to be ready, or is waited for without one.
pub(crate) fn block_on<T>(future: impl Future<Output = T>, mut deadline: Option<Instant>) -> T {
    let mut future = pin!(future);
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    loop {
        // Looked at before the poll: a deadline that comes meanwhile is for the next one.
        let has_come = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if let Poll::Ready(ready) = future.as_mut().poll(&mut context) {
            return ready;
        }
        if has_come {
            deadline = None;
        }
        parker.park(deadline);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_sleeps_until_it_is_woken() {
        let later = Instant::now() + Duration::from_secs(3_600);
        for deadline in [None, Some(later)] {
            let is_ready = AtomicBool::new(false);
            let mut polls = 0;
            thread::scope(|scope| {
                let future = poll_fn(|context| {
                    polls += 1;
                    if polls == 1 {
                        let waker = context.waker().clone();
                        scope.spawn(|| {
                            // Long enough that a thread that does not sleep polls once more.
                            (0..100).for_each(|_| thread::yield_now());
                            is_ready.store(true, Ordering::SeqCst);
                            waker.wake();
                        });
                    }
                    if is_ready.load(Ordering::SeqCst) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                });
                block_on(future, deadline);
            });
            assert_eq!(polls, 2, "{deadline:?}");
        }
    }
}

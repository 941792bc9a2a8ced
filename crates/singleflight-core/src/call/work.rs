//! How the work of a task is polled: in one place, so that every entry point treats a panic
//! and the end of an execution alike.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use crate::policy::{Payload, catch};

/// Makes the work's future if that is still to be done, polls it, and drops it when it is
/// ready: an execution is over before its flight lands or is handed over (P1).
///
/// What panics on the way, in any of the three, is the work's panic. `enter` says whose work
/// this thread is inside of meanwhile, also while a work that has panicked is dropped.
#[inline]
pub(crate) fn poll_work<T: Future, R>(
    make: Option<impl FnOnce() -> T>,
    mut future: Pin<&mut Option<T>>,
    enter: impl Fn() -> R,
    context: &mut Context<'_>,
) -> Poll<Result<T::Output, Payload>> {
    let polled = catch(|| {
        let _running = enter();
        if let Some(make) = make {
            future.set(Some(make()));
        }
        let work = future.as_mut().as_pin_mut();
        let value = ready!(
            work.expect("a work is not polled after it has ended")
                .poll(context)
        );
        future.set(None);
        Poll::Ready(value)
    });
    match polled {
        Ok(poll) => poll.map(Ok),
        Err(payload) => {
            // The first panic is the one that is told; one on the way out is swallowed.
            let _second = catch(|| {
                let _running = enter();
                future.set(None);
            });
            Poll::Ready(Err(payload))
        }
    }
}

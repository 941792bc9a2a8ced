//! Letting other tasks run, on any runtime.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Is ready at the poll after `times` more; each time it wakes itself.
pub(crate) fn pauses(mut times: u32) -> impl Future<Output = ()> + Send {
    poll_fn(move |context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

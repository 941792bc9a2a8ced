//! A gate that one task waits at until it is opened: in a device, the transfer that an
//! interrupt completes.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::{Poll, Waker};

/// Closed until [`open`](Self::open); then open for ever.
#[derive(Default)]
pub(crate) struct Gate {
    is_open: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Gate {
    /// Lets the one who waits pass, and whoever comes later.
    pub(crate) fn open(&self) {
        self.is_open.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until the gate is open.
    pub(crate) async fn passed(&self) {
        poll_fn(|context| {
            if self.is_open.get() {
                return Poll::Ready(());
            }
            self.waiting.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

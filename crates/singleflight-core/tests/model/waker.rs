//! Tells whether a task was woken since it was last polled, and whether that was too early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use crate::work::is_working;

/// One place in which a task is polled.
pub(crate) struct Flag {
    is_due: AtomicBool,
    /// Somebody has woken it from within his work: a flight cannot have ended yet.
    is_early: AtomicBool,
}

impl Flag {
    /// A task that nobody has polled yet is due.
    pub(crate) fn due() -> Arc<Self> {
        Arc::new(Self {
            is_due: AtomicBool::new(true),
            is_early: AtomicBool::new(false),
        })
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Says whether the task is due, which it then is no more.
    pub(crate) fn take(&self) -> bool {
        self.is_due.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn is_early(&self) -> bool {
        self.is_early.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.is_due.store(true, Ordering::Relaxed);
        self.is_early.fetch_or(is_working(), Ordering::Relaxed);
    }
}

//! Whether anybody still wants the work of a leader that runs in a task of its own.

use std::task::{Context, Poll};

use futures_channel::oneshot;
use singleflight_core::Leader;

use crate::hub::{BoxFuture, Hub};

/// Who wants what a leader works for; `T` is what its own caller receives.
pub(crate) enum Interest<T> {
    /// The caller itself polls the work: it ends with the caller.
    Caller,
    /// The work runs in a task, as long as its caller or a follower is there.
    Task {
        caller: oneshot::Sender<T>,
        /// Once the caller is gone.
        alone: Option<BoxFuture<()>>,
    },
}

/// Nobody wants the work any more.
pub(crate) struct Unwanted;

impl<T> Interest<T> {
    pub(crate) const fn of(caller: oneshot::Sender<T>) -> Self {
        let alone = None;
        Self::Task { caller, alone }
    }

    /// Whether nobody is left. If somebody is, the task is woken when they go.
    pub(crate) fn is_over(&mut self, leader: &Leader<Hub>, context: &mut Context<'_>) -> bool {
        let Self::Task { caller, alone } = self else {
            return false;
        };
        if caller.poll_canceled(context).is_pending() {
            return false;
        }
        let waiting = alone.get_or_insert_with(|| Box::pin(leader.left_alone()));
        matches!(waiting.as_mut().poll(context), Poll::Ready(()))
    }

    /// Gives the caller its answer, if it is there and waits for one from here.
    pub(crate) fn tell(self, answer: T) {
        if let Self::Task { caller, .. } = self {
            drop(caller.send(answer));
        }
    }
}

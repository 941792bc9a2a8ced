//! The handle of a call that owns a task or a thread of its own.
//!
//! A handle that goes counts its task out of the flight itself, under the lock, and wakes that
//! task, by the tether that both hold. It has no hold on what the followers share. Others it wakes
//! only where they have something to do: a leader that nobody wants any more, watchers of a flight
//! that ends. A handle whose task is lost is no interest any more.

use alloc::boxed::Box;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::error::CallError;
use crate::group::Handle;
use crate::inside;
use crate::reply::{Answer, Join, Reply};
use crate::slot::Id;
use crate::sync::Arc;
use crate::waiter_kind::{Tether, WaiterKind};

/// How long a spawned call's work runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it runs on, or it does not")]
pub enum Until {
    /// To its end, even if every handle is dropped.
    Done,
    /// Until the last interested caller is gone, of whatever entry point: then it is cancelled.
    Unwanted,
}

/// A handle to a call that runs by itself.
///
/// It waits for the answer; dropping it ends the interest of this one caller.
///
/// A spawned call is one caller: its task leads or follows, and its handle is not counted.
///
/// | the call | and its handle is dropped |
/// |---|---|
/// | leads, runs until it is [done](Until::Done) | it runs on |
/// | follows, runs until it is [done](Until::Done) | it stays as the flight's heir, to lead on if the leader is lost: one for each flight, and not counted as a follower. If there is one already, it leaves |
/// | leads, runs until it is [unwanted](Until::Unwanted) | it is cancelled if this was the last interested caller. An heir is interested |
/// | follows, runs until it is [unwanted](Until::Unwanted) | it leaves |
///
/// So a work that was spawned to be done is done by the leader that it followed, by the heir, or
/// by a caller in between; unless the task of the heir is lost itself, with its runtime.
#[must_use = "dropping the handle ends the interest in the call"]
pub struct Spawned<G: Handle, J = Reply<<G as Handle>::Value>> {
    join: J,
    stake: Stake<G>,
}

/// What the handle of a spawned call has to do with its flight, apart from how it is told of the
/// answer. Made by [`Arrival::into_call`](crate::Arrival::into_call).
#[must_use = "dropping it ends the interest in the call"]
pub struct Stake<G: Handle> {
    /// The flight, so that a wait inside its own work is known for what it is.
    pub(crate) place: Option<(usize, u64, Id)>,
    /// What is left to do when the handle goes, if anything is.
    pub(crate) interest: Option<Box<Interested<G>>>,
}

/// The interest of a handle, until it is dropped.
pub(crate) struct Interested<G: Handle> {
    pub(crate) group: G,
    pub(crate) hash: u64,
    pub(crate) id: Id,
    pub(crate) until: Until,
    /// Of a call that led when it came: at which turn of the flight.
    pub(crate) turn: u32,
    /// To a task that followed when it came.
    pub(crate) tether: Option<Arc<Tether>>,
}

impl<G: Handle> Stake<G> {
    /// Makes the handle of a call that was spawned.
    pub fn joined_by<J>(self, join: J) -> Spawned<G, J>
    where
        J: Join<G::Value>,
    {
        Spawned { join, stake: self }
    }

    /// Whether the call is to be told when nobody wants it.
    pub(crate) fn is_wanted(&self) -> bool {
        let unwanted = |interest: &Interested<G>| interest.until == Until::Unwanted;
        self.interest.as_deref().is_some_and(unwanted)
    }

    /// Whether this thread is inside the work.
    fn is_inside(&self) -> bool {
        self.place
            .is_some_and(|(group, hash, id)| inside::contains(group, hash, id))
    }
}

impl<G: Handle> fmt::Debug for Stake<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stake").finish_non_exhaustive()
    }
}

impl<G: Handle> Drop for Interested<G> {
    fn drop(&mut self) {
        let is_done = self.until == Until::Done;
        let Some(tether) = &self.tether else {
            if !is_done {
                self.group.leave_handle(self.hash, self.id, self.turn);
            }
            return;
        };
        match tether.kind.get() {
            // The task has its answer, or leads whoever wants it.
            WaiterKind::Gone => {}
            WaiterKind::Leader if is_done => {}
            _ => self.group.cut(self.hash, self.id, tether, is_done),
        }
    }
}

impl<G: Handle, J: Join<G::Value>> Spawned<G, J> {
    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// What the call ended with: [`LeaderPanicked`](CallError::LeaderPanicked) if the work
    /// panicked, or that of the leader whom it followed,
    /// [`TaskLost`](CallError::TaskLost) if its task was dropped, by a runtime that was
    /// shut down for example (other callers lead on). And
    /// [`Reentrant`](CallError::Reentrant) if this waits inside the work.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handle.
    pub fn outcome(self) -> impl Future<Output = Answer<G::Value>> + use<G, J> {
        Awaited {
            join: self.join.join(),
            stake: self.stake,
        }
    }
}

pin_project! {
    /// A handle that is waited for.
    struct Awaited<G, F>
    where
        G: Handle,
    {
        #[pin]
        join: F,
        stake: Stake<G>,
    }
}

impl<G: Handle, F: Future<Output = Answer<G::Value>>> Future for Awaited<G, F> {
    type Output = Answer<G::Value>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.join.poll(context) {
            Poll::Pending if this.stake.is_inside() => Poll::Ready(Err(CallError::Reentrant)),
            polled => polled,
        };
        if polled.is_ready() && this.stake.interest.is_some() {
            this.stake.interest = None;
        }
        polled
    }
}

impl<G: Handle> Spawned<G> {
    /// Waits for the answer, parking the calling thread.
    ///
    /// # Errors
    ///
    /// As [`outcome`](Self::outcome).
    ///
    /// # Blocking
    ///
    /// Never call it on a thread that polls tasks.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn outcome_blocking(self) -> Answer<G::Value> {
        let Self { join, stake } = self;
        join.join_blocking(|| stake.is_inside())
    }
}

impl<G: Handle, J> fmt::Debug for Spawned<G, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawned").finish_non_exhaustive()
    }
}

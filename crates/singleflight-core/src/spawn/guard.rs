//! What the handle of a spawned call has to do with its flight.
//!
//! A handle that goes counts its task out of the flight itself, under the lock, and wakes that
//! task, by the tether that both hold. It has no hold on what the followers share. Others it wakes
//! only where they have something to do: a leader that nobody wants any more, watchers of a flight
//! that ends. A handle whose task is lost is no interest any more.

use alloc::boxed::Box;
use core::fmt;

use crate::group::GroupRef;
use crate::group::flight_ref::FlightRef;
use crate::platform::sync::Arc;
use crate::table::reentrancy;
use crate::table::slot::FlightId;
use crate::table::waiter_kind::{Tether, WaiterKind};

/// What the handle of a spawned call has to do with its flight, apart from how it is told of the
/// answer. Made by [`Arrived::into_task`](crate::Arrived::into_task).
#[must_use = "dropping it ends the interest in the call"]
pub struct SpawnGuard<G: GroupRef> {
    /// The flight, so that a wait inside its own work is known for what it is.
    pub(crate) place: Option<(usize, FlightId)>,
    /// What is left to do when the handle goes, if anything is.
    pub(crate) interest: Option<Box<Interested<G>>>,
}

/// The interest of a handle, until it is dropped.
pub(crate) struct Interested<G: GroupRef> {
    pub(crate) flight: FlightRef<G>,
    pub(crate) while_wanted: bool,
    /// Of a call that led when it came: at which turn of the flight.
    pub(crate) turn: u32,
    /// To a task that followed when it came.
    pub(crate) tether: Option<Arc<Tether>>,
}

impl<G: GroupRef> SpawnGuard<G> {
    /// Whether the call is to be told when nobody wants it.
    pub(crate) fn is_while_wanted(&self) -> bool {
        let interest = self.interest.as_deref();
        interest.is_some_and(|interest| interest.while_wanted)
    }

    /// Whether this thread is inside the work.
    pub(crate) fn is_inside(&self) -> bool {
        self.place
            .is_some_and(|(group, flight)| reentrancy::contains(group, flight))
    }
}

impl<G: GroupRef> Drop for Interested<G> {
    fn drop(&mut self) {
        let flight = self.flight.get();
        let Some(tether) = &self.tether else {
            if self.while_wanted {
                flight.leave_handle(self.turn);
            }
            return;
        };
        match tether.kind.get() {
            // The task has its answer, or leads whoever wants it.
            WaiterKind::Gone => {}
            WaiterKind::Leader if !self.while_wanted => {}
            _ => flight.handle_dropped(tether, !self.while_wanted),
        }
    }
}

impl<G: GroupRef> fmt::Debug for SpawnGuard<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnGuard").finish_non_exhaustive()
    }
}

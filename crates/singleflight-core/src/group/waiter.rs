//! A registered place in a flight: what followers, watchers and the tasks of spawned calls are
//! made of.

use core::fmt;
use core::future::Future;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::Instant;

use super::GroupRef;
use super::flight_ref::FlightRef;
use super::leader::Leader;
use crate::error::CallError;
use crate::outcome::{Outcome, Role};
use crate::platform::sync::Arc;
use crate::platform::wait::{Signal, until};
use crate::table::pool::FlightArc;
use crate::table::reentrancy;
use crate::table::waiter_kind::{HasKind, KindCell, Tether, WaiterKind};

/// A registered place in a flight. Given up on drop.
pub(crate) struct Waiter<G: GroupRef, P: HasKind = KindCell> {
    /// Empty once it has its result or has become the leader.
    place: Option<Place<G, P>>,
}

struct Place<G: GroupRef, P> {
    flight: FlightRef<G>,
    shared: FlightArc<G::Value>,
    kind: P,
}

/// What one that waits sees when it looks.
#[derive(Clone, Copy)]
pub(crate) enum Seen {
    Landed,
    Claimed,
    /// The wait is inside the work that it waits for.
    Inside,
    /// The wait is over, by its deadline or by its handle.
    GivenUp,
}

/// How the wait of a spawned call's task has ended.
pub(crate) enum Waited<G: GroupRef> {
    Landed(Outcome<G::Value>),
    /// It leads now. The flight's shared part is for one that has to listen on.
    Leads(Leader<G>, FlightArc<G::Value>),
}

impl<G: GroupRef> Waiter<G> {
    /// Goes on without work of its own.
    pub(crate) fn give_up_work(&self) {
        let place = self.place();
        place.flight.get().give_up_work(&place.kind);
    }

    /// Waits until it sees something, and makes the answer of it.
    pub(crate) fn wait<A>(self, answer: impl FnOnce(Self, Seen) -> A) -> impl Future<Output = A> {
        until(
            self,
            Self::signal,
            |waiter| waiter.place().look(false),
            answer,
        )
    }

    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub(crate) fn wait_blocking(&self) -> Seen {
        let place = self.place();
        self.signal().until_blocking(|| place.look(false))
    }

    /// P3: claims nothing once the deadline has come. A value that is there is seen all the same.
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub(crate) fn wait_blocking_until(&self, deadline: Instant) -> Seen {
        let place = self.place();
        let look = || {
            let landed = place.look_landed();
            if landed.is_none() && Instant::now() >= deadline {
                return Some(Seen::GivenUp);
            }
            landed.or_else(|| place.look(false))
        };
        self.signal()
            .until_deadline(look, deadline)
            .or_else(|| place.look_landed())
            .unwrap_or(Seen::GivenUp)
    }
}

impl<G: GroupRef> Waiter<G, Arc<Tether>> {
    /// Waits as the task of a spawned call, which `wants` to be told when its handle goes if it
    /// leads by then.
    pub(crate) fn wait_tethered(
        self,
        wants: bool,
    ) -> impl Future<Output = Result<Waited<G>, CallError>>
    where
        G::Value: Clone,
    {
        let look = move |waiter: &Self| {
            let place = waiter.place();
            if place.kind.is_cut() {
                return Some(Seen::GivenUp);
            }
            place.look(wants)
        };
        until(self, Self::signal, look, |waiter, seen| match seen {
            Seen::Landed => {
                // The flight has left the table: only its handle looks, and learns that nothing is
                // left to do.
                let kind = &waiter.place().kind.kind;
                let is_heir = kind.get() == WaiterKind::Heir;
                kind.set(WaiterKind::Gone);
                if is_heir {
                    // P7: nobody asks for its answer.
                    return Err(CallError::TaskLost);
                }
                waiter.share().map(Waited::Landed)
            }
            Seen::Claimed => {
                let (leader, flight) = waiter.lead();
                Ok(Waited::Leads(leader, flight))
            }
            Seen::Inside => Err(CallError::Reentrant),
            Seen::GivenUp => Err(CallError::TaskLost),
        })
    }

    pub(crate) fn tether_of(&self) -> Arc<Tether> {
        Arc::clone(&self.place().kind)
    }
}

impl<G: GroupRef, P: HasKind> Waiter<G, P> {
    /// Makes one that is registered already.
    pub(crate) fn with(flight: FlightRef<G>, shared: FlightArc<G::Value>, kind: P) -> Self {
        let place = Place {
            flight,
            shared,
            kind,
        };
        Self { place: Some(place) }
    }

    pub(crate) fn flight(&self) -> &FlightRef<G> {
        &self.place().flight
    }

    fn place(&self) -> &Place<G, P> {
        self.place.as_ref().expect("a follower waits once")
    }

    fn signal(&self) -> &Signal {
        &self.place().shared.signal
    }

    /// Takes its share of a flight that has landed.
    #[inline]
    pub(crate) fn share(mut self) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        let place = self.place.take().expect("a follower concludes once");
        place.shared.share(Role::Follower)
    }

    /// Takes the lead that it has claimed. The flight's shared part is for one that has to listen
    /// on.
    pub(crate) fn lead(mut self) -> (Leader<G>, FlightArc<G::Value>) {
        let place = self.place.take().expect("a follower concludes once");
        (Leader::new(place.flight), place.shared)
    }
}

impl<G: GroupRef, P: HasKind> Place<G, P> {
    /// Looks once. Pairs with `Flight::vacate` and `Flight::land`, which write before they
    /// notify.
    #[inline]
    fn look(&self, wants: bool) -> Option<Seen> {
        if self.shared.has_landed() {
            Some(Seen::Landed)
        } else if self.shared.is_vacant()
            && self.kind.kind().get().can_lead()
            && self.flight.get().claim(&self.kind, wants)
        {
            Some(Seen::Claimed)
        } else if self.is_inside() {
            Some(Seen::Inside)
        } else {
            None
        }
    }

    fn is_inside(&self) -> bool {
        let (group, flight) = self.flight.place();
        reentrancy::contains(group, flight)
    }

    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    fn look_landed(&self) -> Option<Seen> {
        self.shared.has_landed().then_some(Seen::Landed)
    }
}

impl<G: GroupRef, P: HasKind> Drop for Waiter<G, P> {
    /// If what was seen could not be concluded (a waker may panic in between), and it was a
    /// claim, the leader is lost.
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.flight.get().leave(place.kind.kind());
        }
    }
}

impl<G: GroupRef, P: HasKind> fmt::Debug for Waiter<G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut waiter = f.debug_struct("Waiter");
        if let Some(place) = &self.place {
            waiter
                .field("flight", &place.flight.id)
                .field("landed", &place.shared.has_landed())
                .field("vacant", &place.shared.is_vacant());
        }
        waiter.finish_non_exhaustive()
    }
}

//! A registered place in a flight: what followers, watchers and the tasks of spawned calls are
//! made of.

use core::fmt;
use core::future::Future;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::Instant;

use crate::error::CallError;
use crate::group::Handle;
use crate::inside;
use crate::leader::Leader;
use crate::outcome::{Outcome, Role};
use crate::shared::Shared;
use crate::slot::Id;
use crate::sync::Arc;
use crate::wait::{Signal, until};
use crate::waiter_kind::{HasKind, KindCell, Tether, WaiterKind};

/// A registered place in a flight. Given up on drop.
pub(crate) struct Waiter<G: Handle, P: HasKind = KindCell> {
    /// Empty once it has its result or has become the leader.
    place: Option<Place<G, P>>,
}

struct Place<G: Handle, P> {
    group: G,
    flight: Shared<G::Value>,
    hash: u64,
    id: Id,
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
pub(crate) enum Waited<G: Handle> {
    Landed(Outcome<G::Value>),
    /// It leads now. The flight's shared part is for one that has to listen on.
    Leads(Leader<G>, Shared<G::Value>),
}

impl<G: Handle> Waiter<G> {
    /// Goes on without work of its own.
    pub(crate) fn disarm(&self) {
        let place = self.place();
        place.group.disarm(place.hash, place.id, &place.kind);
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

impl<G: Handle> Waiter<G, Arc<Tether>> {
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

impl<G: Handle, P: HasKind> Waiter<G, P> {
    /// Makes one that is registered already.
    pub(crate) fn with(group: G, hash: u64, id: Id, flight: Shared<G::Value>, kind: P) -> Self {
        let place = Place {
            group,
            flight,
            hash,
            id,
            kind,
        };
        Self { place: Some(place) }
    }

    /// Returns where its flight is found.
    pub(crate) fn post(&self) -> (&G, u64, Id) {
        let place = self.place();
        (&place.group, place.hash, place.id)
    }

    fn place(&self) -> &Place<G, P> {
        self.place.as_ref().expect("a follower waits once")
    }

    fn signal(&self) -> &Signal {
        &self.place().flight.signal
    }

    /// Takes its share of a flight that has landed.
    #[inline]
    pub(crate) fn share(mut self) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        let place = self.place.take().expect("a follower concludes once");
        place.flight.share(Role::Follower)
    }

    /// Takes the lead that it has claimed. The flight's shared part is for one that has to listen
    /// on.
    pub(crate) fn lead(mut self) -> (Leader<G>, Shared<G::Value>) {
        let place = self.place.take().expect("a follower concludes once");
        let leader = Leader::new(place.group, place.hash, place.id);
        (leader, place.flight)
    }
}

impl<G: Handle, P: HasKind> Place<G, P> {
    /// Looks once. Pairs with `Flight::vacate` and `Flight::land`, which write before they
    /// notify.
    #[inline]
    fn look(&self, wants: bool) -> Option<Seen> {
        if self.flight.has_landed() {
            Some(Seen::Landed)
        } else if self.flight.is_vacant()
            && self.kind.kind().get().can_lead()
            && self.group.claim(self.hash, self.id, &self.kind, wants)
        {
            Some(Seen::Claimed)
        } else if inside::contains(self.group.address(), self.hash, self.id) {
            Some(Seen::Inside)
        } else {
            None
        }
    }

    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    fn look_landed(&self) -> Option<Seen> {
        self.flight.has_landed().then_some(Seen::Landed)
    }
}

impl<G: Handle, P: HasKind> Drop for Waiter<G, P> {
    /// If what was seen could not be concluded (a waker may panic in between), and it was a
    /// claim, the leader is lost.
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.group.leave(place.hash, place.id, place.kind.kind());
        }
    }
}

impl<G: Handle, P: HasKind> fmt::Debug for Waiter<G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut waiter = f.debug_struct("Waiter");
        if let Some(place) = &self.place {
            waiter
                .field("flight", &place.id)
                .field("landed", &place.flight.has_landed())
                .field("vacant", &place.flight.is_vacant());
        }
        waiter.finish_non_exhaustive()
    }
}

//! The callers that wait: with work of their own, or without.

use core::fmt;
use core::future::Future;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::Instant;

use crate::error::CallError;
use crate::flight::Party;
use crate::group::Handle;
use crate::inside;
use crate::leader::Leader;
use crate::outcome::{Outcome, Role};
use crate::shared::Shared;
use crate::slot::Id;
use crate::wait::{Signal, until};

/// A caller that waits for a flight and has work of its own: if the leader is lost, it may
/// become the leader.
///
/// Dropping it leaves the flight, whoever leads.
///
/// # What wakers may do
///
/// event-listener, by which followers sleep, clones, calls and drops wakers under a lock of its
/// own, one for each flight. From inside, a waker may poll, drop and end other flights, and make
/// new calls, but not come back to the flight that it is woken from: poll or drop one of its
/// followers (a waker that owns the last handle to its task drops the task), or claim it and
/// complete or drop that leader. The thread then waits for itself; under the feature
/// `critical-section` it panics, and may panic again on the way out, which aborts. Executors
/// schedule from their wakers and are not concerned.
///
/// A waker that panics takes the caller who landed or lost the flight with it. The followers
/// behind it are not woken: a task finds out when it is next polled, a parked thread never. And
/// event-listener has lost count of that flight's followers: with overflow checks one that leaves
/// panics, without them nobody may be woken any more. No other flight is concerned.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use singleflight_core::{Group, Joined, Turn};
///
/// let group: Group<u64, &str> = Group::new();
/// let Ok(Joined::Leader(leader)) = group.join(7) else { unreachable!() };
/// let Ok(Joined::Follower(follower)) = group.join(7) else { unreachable!() };
///
/// drop(leader);
/// let Ok(Turn::Lead(leader)) = follower.wait().await else { unreachable!() };
/// assert_eq!(leader.complete("made by the follower").value, "made by the follower");
/// # });
/// ```
#[must_use = "dropping a follower leaves the flight"]
pub struct Follower<G: Handle> {
    seat: Seat<G>,
}

/// A caller that waits for a flight and has no work of its own: it never leads. If only
/// such callers are left when the leader is lost, they receive
/// [`LeaderLost`](CallError::LeaderLost).
///
/// Made by [`Follower::without_work`]. Dropping it leaves the flight, whoever leads.
#[must_use = "dropping a watcher leaves the flight"]
pub struct Watcher<G: Handle> {
    seat: Seat<G>,
}

/// How a follower's wait ended.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a flight lands, or its follower leads"
)]
#[must_use = "a turn holds the value, or the duty to lead"]
pub enum Turn<G: Handle> {
    /// The flight landed; this is the follower's share.
    Landed(Outcome<G::Value>),
    /// The leader was lost; the follower leads the same flight now.
    Lead(Leader<G>),
}

/// A registered place in a flight. Given up on drop.
struct Seat<G: Handle> {
    /// Empty once the follower has its result or has become the leader.
    place: Option<Place<G>>,
}

struct Place<G: Handle> {
    group: G,
    flight: Shared<G::Value>,
    hash: u64,
    id: Id,
    party: Party,
}

/// What a follower sees when it looks.
#[derive(Clone, Copy)]
pub(crate) enum Sight {
    Landed,
    Claimed,
    /// The wait is inside the work that it waits for.
    Inside,
    /// The wait was given up.
    GivenUp,
}

impl<G: Handle> Follower<G> {
    pub(crate) fn new(group: G, hash: u64, id: Id, flight: Shared<G::Value>) -> Self {
        let place = Place {
            group,
            flight,
            hash,
            id,
            party: Party::Claimant,
        };
        Self {
            seat: Seat { place: Some(place) },
        }
    }

    /// Waits until the flight lands, or until it is this follower's turn to lead.
    ///
    /// Allocates nothing: where it sleeps is part of the future.
    ///
    /// # Errors
    ///
    /// [`LeaderPanicked`](CallError::LeaderPanicked) if the work panicked and the group
    /// shares panics, [`Reentrant`](CallError::Reentrant) if it waits inside that work.
    ///
    /// # Panics
    ///
    /// If `V::clone` panics; nobody else is concerned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the flight. Nobody else is concerned.
    pub fn wait(self) -> impl Future<Output = Result<Turn<G>, CallError>>
    where
        G::Value: Clone,
    {
        until(self.seat, Seat::signal, Seat::look, Seat::conclude)
    }

    /// Parks the calling thread until the flight lands, or until it is this follower's turn
    /// to lead.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// Never call it on a thread that polls tasks: it stops them all, and if one of them
    /// is the leader, for ever.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn wait_blocking(self) -> Result<Turn<G>, CallError>
    where
        G::Value: Clone,
    {
        let sight = self.seat.until_seen_blocking();
        self.seat.conclude(sight)
    }

    /// As [`wait_blocking`](Self::wait_blocking), but leaves the flight when `deadline` comes.
    ///
    /// It bounds the wait and nothing else: the work goes on in its own thread or task.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](CallError::TimedOut), and as [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub fn wait_deadline_blocking(self, deadline: Instant) -> Result<Turn<G>, CallError>
    where
        G::Value: Clone,
    {
        let sight = self.seat.until_seen_deadline(deadline);
        self.seat.conclude(sight)
    }

    /// Waits on without work of its own: for callers that cannot lead.
    ///
    /// If the leader is lost already and no other follower has work, the flight ends now.
    pub fn without_work(mut self) -> Watcher<G> {
        let place = self.seat.place.take().map(|mut place| {
            place.party = Party::Watcher;
            place
        });
        let seat = Seat { place };
        if let Some(place) = &seat.place {
            place.group.disarm(place.hash, place.id);
        }
        Watcher { seat }
    }
}

impl<G: Handle> Follower<G> {
    /// Registers the interest of a spawned call's handle in the same flight.
    pub(crate) fn interest(&self) -> Watcher<G>
    where
        G: Clone,
    {
        let place = self.seat.place();
        let flight = place.flight.clone();
        // If the flight has left the table, its result is there or on its way.
        place.group.watch(place.hash, place.id);
        Watcher::of_handle(place.group.clone(), place.hash, place.id, flight)
    }

    /// Returns what tells its flight apart in the whole process.
    pub(crate) fn place(&self) -> (usize, u64, Id) {
        let place = self.seat.place();
        (place.group.address(), place.hash, place.id)
    }

    /// As [`wait`](Self::wait), but leaves the flight when `wanted` says no. Whoever changes
    /// that has to tell the flight.
    pub(crate) fn wait_while(
        self,
        wanted: impl Fn() -> bool,
    ) -> impl Future<Output = Result<Turn<G>, CallError>>
    where
        G::Value: Clone,
    {
        let look = move |seat: &Seat<G>| seat.place().look_while(&wanted);
        until(self.seat, Seat::signal, look, Seat::conclude)
    }

    /// As [`wait_while`](Self::wait_while), parking the thread.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub(crate) fn wait_while_blocking(self, wanted: impl Fn() -> bool) -> Result<Turn<G>, CallError>
    where
        G::Value: Clone,
    {
        let place = self.seat.place();
        let look = || place.look_while(&wanted);
        let sight = self.seat.signal().until_blocking(look);
        self.seat.conclude(sight)
    }
}

impl<G: Handle> Watcher<G> {
    /// The interest of a spawned call's handle, which is registered already.
    pub(crate) fn of_handle(group: G, hash: u64, id: Id, flight: Shared<G::Value>) -> Self {
        let place = Place {
            group,
            flight,
            hash,
            id,
            party: Party::Handle,
        };
        Self {
            seat: Seat { place: Some(place) },
        }
    }

    /// The flight that it watches.
    pub(crate) fn flight(&self) -> &Shared<G::Value> {
        &self.seat.place().flight
    }

    /// Takes what was seen.
    fn conclude(self, sight: Sight) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        match self.seat.conclude(sight)? {
            Turn::Landed(outcome) => Ok(outcome),
            Turn::Lead(_) => unreachable!("a watcher never claims"),
        }
    }

    /// Waits until the flight lands.
    ///
    /// # Errors
    ///
    /// [`LeaderLost`](CallError::LeaderLost) if nobody is left who could lead, and as
    /// [`Follower::wait`].
    ///
    /// # Panics
    ///
    /// If `V::clone` panics; nobody else is concerned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the flight. Nobody else is concerned.
    pub fn wait(self) -> impl Future<Output = Result<Outcome<G::Value>, CallError>>
    where
        G::Value: Clone,
    {
        until(self.seat, Seat::signal, Seat::look, |seat, sight| {
            Self { seat }.conclude(sight)
        })
    }

    /// Parks the calling thread until the flight lands.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// As [`Follower::wait_blocking`].
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn wait_blocking(self) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        let sight = self.seat.until_seen_blocking();
        self.conclude(sight)
    }
}

impl<G: Handle> Place<G> {
    /// Looks once. Pairs with `Flight::vacate` and `Flight::land`, which write before they
    /// notify.
    fn look(&self) -> Option<Sight> {
        if self.flight.has_landed() {
            Some(Sight::Landed)
        } else if self.party == Party::Claimant
            && self.flight.is_vacant()
            && self.group.claim(self.hash, self.id)
        {
            Some(Sight::Claimed)
        } else if inside::contains(self.group.address(), self.hash, self.id) {
            Some(Sight::Inside)
        } else {
            None
        }
    }
}

impl<G: Handle> Place<G> {
    /// Looks once, but first whether anyone still wants to know.
    fn look_while(&self, wanted: &impl Fn() -> bool) -> Option<Sight> {
        if wanted() {
            self.look()
        } else {
            Some(Sight::GivenUp)
        }
    }
}

impl<G: Handle> Seat<G> {
    fn place(&self) -> &Place<G> {
        self.place.as_ref().expect("a follower waits once")
    }

    fn signal(&self) -> &Signal {
        &self.place().flight.signal
    }

    fn look(&self) -> Option<Sight> {
        self.place().look()
    }

    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    fn until_seen_blocking(&self) -> Sight {
        let place = self.place();
        self.signal().until_blocking(|| place.look())
    }

    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    fn until_seen_deadline(&self, deadline: Instant) -> Sight {
        let place = self.place();
        place
            .flight
            .signal
            .until_deadline(|| place.look(), deadline)
            .unwrap_or(Sight::GivenUp)
    }

    fn conclude(mut self, sight: Sight) -> Result<Turn<G>, CallError>
    where
        G::Value: Clone,
    {
        match sight {
            Sight::Landed => self.share().map(Turn::Landed),
            Sight::Claimed => {
                let place = self.place.take().expect("a follower concludes once");
                let leader = Leader::new(place.group, place.hash, place.id);
                Ok(Turn::Lead(leader))
            }
            Sight::Inside => Err(CallError::Reentrant),
            Sight::GivenUp => Err(CallError::TimedOut),
        }
    }

    fn share(mut self) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        let place = self.place.take().expect("a follower concludes once");
        place.flight.share(Role::Follower)
    }
}

impl<G: Handle> Drop for Seat<G> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.group.leave(place.hash, place.id, place.party);
        }
    }
}

impl<G: Handle> fmt::Debug for Seat<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seat = f.debug_struct("Seat");
        if let Some(place) = &self.place {
            seat.field("flight", &place.id)
                .field("landed", &place.flight.has_landed())
                .field("vacant", &place.flight.is_vacant());
        }
        seat.finish_non_exhaustive()
    }
}

impl<G: Handle> fmt::Debug for Follower<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Follower").field(&self.seat).finish()
    }
}

impl<G: Handle> fmt::Debug for Watcher<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watcher").field(&self.seat).finish()
    }
}
